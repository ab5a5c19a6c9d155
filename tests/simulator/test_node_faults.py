"""Each fault of a node or its disk does what it says, and the cluster lives on."""

from collections.abc import Callable
from typing import Any

import pytest

from argosy.testing import disk_faults, node_faults
from argosy.testing.cluster import NodeStation
from argosy.testing.linear import Violation
from argosy.testing.simulation import Simulation
from argosy.testing.world import CLOCK_RATE_ERROR_LARGE
from node.messages import Done
from node.ports import Effects, Record
from node.raft.messages import Change
from ranges.placement.messages import Rules, SetRules
from tests.simulator.formed import RANGE, Formed


@pytest.fixture
def formed() -> Formed:
    return Formed()


def named(formed: Formed, said: str) -> NodeStation:
    """The node that a fault's line is about."""
    return next(node for node in formed.cluster.nodes if node.name in said.split())


def goes_on(formed: Formed) -> None:
    formed.put(b"later", b"row")
    assert formed.get(b"later") == b"row"
    assert formed.get(b"first") == b"row"
    formed.cluster.compare()


def test_a_node_dies_within_a_step_with_some_frames_sent(formed: Formed) -> None:
    sent = set()
    for seed in range(12):
        formed.notes.clear()
        assert formed.strike(node_faults.crash_within, seed)
        formed.put(b"key%d" % seed, b"row")
        formed.world.run(4.0)
        sent |= {note.split(" ends after ")[1] for note in formed.notes if " ends after " in note}
    counts = [tuple(map(int, each.split(" frames")[0].split(" of "))) for each in sent]
    assert any(0 < some < all_of_them for some, all_of_them in counts), "some have left, some have not"
    assert any(some == 0 for some, _ in counts)
    goes_on(formed)


@pytest.mark.parametrize("whether", [0, 1])
def test_the_record_of_a_step_cut_short_is_on_its_way_or_not(formed: Formed, whether: int) -> None:
    node, submitted = formed.leader(), []
    node.journal.submit = submitted.append  # type: ignore[method-assign]
    node.cut_short = lambda count: whether if count == 2 else 0
    node.carry_out(Effects(sends=[(-1, 6, ())] * 3, record=Record(1)))
    assert submitted == [Record(1)] * whether
    assert not node.up
    formed.world.run(4.0)
    goes_on(formed)


def test_a_frozen_leader_loses_its_lease_and_its_groups(formed: Formed) -> None:
    leader = formed.leader()
    leader.pause(5.0)
    formed.world.run(0.1)
    steps = leader.steps
    formed.put(b"second", b"row")
    assert leader.steps == steps
    assert formed.leader() is leader, "it does not know yet"
    formed.world.run(8.0)
    assert formed.leader() is not leader
    goes_on(formed)


@pytest.mark.parametrize("fault", [node_faults.pause, node_faults.freeze])
def test_a_pause_ends(formed: Formed, fault: Any) -> None:
    said = formed.strike(fault)
    node, seconds = named(formed, said), float(said.split(" for ")[1].split()[0])
    formed.world.run(seconds - 0.02)
    steps = node.steps
    formed.world.run(2.0)
    assert node.steps > steps
    goes_on(formed)


def test_clocks_change_their_rate_and_do_not_jump(formed: Formed) -> None:
    formed.world.rate_error = CLOCK_RATE_ERROR_LARGE
    before = {node: node.clock for node in formed.cluster.nodes}
    formed.strike(node_faults.drift)
    assert {node: node.clock for node in formed.cluster.nodes} == pytest.approx(before)
    shown = {node: node.clock for node in formed.cluster.nodes}
    formed.world.run(10.0)
    passed = sorted(node.clock - shown[node] for node in formed.cluster.nodes)
    assert passed[0] == pytest.approx(10 * (1 - CLOCK_RATE_ERROR_LARGE), rel=1e-3)
    assert passed[-1] == pytest.approx(10 * (1 + CLOCK_RATE_ERROR_LARGE), rel=1e-3)


def loses_disk(formed: Formed) -> NodeStation:
    node = named(formed, formed.strike(node_faults.lose_disk))
    assert not formed.strike(node_faults.lose_disk), "one at a time: the others would not be a majority"
    return node


def rots(formed: Formed) -> NodeStation:
    """A bit may change in what is written anew, or goes, before anybody reads it."""
    for seed in range(20):
        node = named(formed, formed.strike(disk_faults.rotten_disk, seed))
        assert node.doomed
        assert not formed.strike(node_faults.lose_disk), "whoever is doomed counts as lost"
        formed.world.run(disk_faults.ROTTEN_SECONDS[1])
        if node.dead:
            return node
    raise AssertionError("nobody ever found a changed bit")


@pytest.mark.parametrize("lose", [loses_disk, rots])
def test_a_lost_disk_is_a_dead_node_and_another_one_takes_its_place(
    formed: Formed, lose: Callable[[Formed], NodeStation]
) -> None:
    lost = lose(formed)
    assert lost.dead
    lost.restart()
    assert not lost.up, "it never comes back"
    assert formed.world.run(60.0, formed.spread), "its replicas are made again elsewhere"
    assert [node.node for node in formed.cluster.living()] == [n for n in (1, 2, 3, 4) if n != lost.node]
    assert formed.strike(node_faults.lose_disk, 2), "now another one may go"
    goes_on(formed)


def test_what_was_torn_and_is_written_anew_dooms_nobody(formed: Formed) -> None:
    node = formed.cluster.nodes[0]
    node.doomed = True
    node.crash()
    node.restart()
    assert (node.up, node.doomed) == (True, False)


def test_a_disk_in_which_nothing_has_changed_is_not_found_torn(formed: Formed) -> None:
    node = formed.cluster.nodes[0]
    node.crash()
    index, mark = node.disk.marks[RANGE]
    node.disk.marks[RANGE] = (
        index + 1_000_000,
        mark,
    )  # as if the node itself had written what does not belong together
    with pytest.raises(Violation, match="is torn"):
        node.restart()


def test_nobody_is_lost_while_another_node_is_down_or_alone_knows_a_group(formed: Formed) -> None:
    one, two, _ = formed.cluster.nodes
    assert formed.cluster.may_lose(one, 2)
    assert not formed.cluster.may_lose(one, 3), "so many others must live"
    two.crash()
    assert not formed.cluster.may_lose(one, 1), "what a node that is down holds nobody can say"


def test_a_learner_is_not_lost_that_may_take_a_live_voters_place_at_any_moment() -> None:
    formed = Formed(nodes=4)
    leader = formed.leader()
    raft = leader.host.replicas.groups[RANGE].raft
    voters = {member.node for member in raft.configuration.voters}
    spare = next(node for node in formed.cluster.nodes if node.node not in voters)
    lost = next(node for node in formed.cluster.nodes if node.node in voters and node is not leader)
    lost.crash()
    lost.dead = True
    assert formed.cluster.may_lose(spare, 2)
    assert raft.order(Change(tuple(voters), (spare.node,))) is None
    assert raft.configuration.learners
    assert not formed.cluster.may_lose(spare, 2)


def test_the_only_voter_is_never_lost() -> None:
    young = Simulation(1, nodes=3, clients=0)
    young.form()
    assert not young.cluster.may_lose(young.cluster.nodes[0], 1)


def test_a_death_is_found_out_by_the_policy() -> None:
    formed = Formed(nodes=4)
    assert isinstance(
        formed.do(formed.operator.client.router.control(SetRules(Rules(dead_milliseconds=4000)), 5.0)), Done
    )
    dead = named(formed, formed.strike(node_faults.death))
    voters = {member.node for member in formed.leader().host.replicas.groups[RANGE].configuration.voters}
    assert formed.world.run(60.0, formed.spread)
    assert dead.dead
    assert dead.node not in {
        member.node for member in formed.leader().host.replicas.groups[RANGE].configuration.voters
    }, voters
    goes_on(formed)


def test_nodes_join_one_after_another(formed: Formed) -> None:
    assert formed.strike(node_faults.join)
    assert formed.strike(node_faults.join)
    assert formed.world.run(20.0, lambda: len([node for node in formed.cluster.nodes if node.up]) == 5)
    assert [node.hello().node for node in formed.cluster.nodes] == [1, 2, 3, 4, 5]
    goes_on(formed)


def test_a_stalled_sync_takes_seconds_and_the_leader_steps_aside(formed: Formed) -> None:
    leader = formed.leader()
    leader.stall_seconds = 6.0
    formed.put(b"second", b"row")
    assert formed.leader() is not leader, "else the write would have had to wait for its disk"
    assert leader.host.syncing
    assert leader.stall_seconds == 0.0
    formed.world.run(6.0)
    assert not leader.host.syncing
    goes_on(formed)


def test_rot_that_a_dump_finds_ends_the_node(formed: Formed) -> None:
    formed.world.run(2.0)
    node = formed.leader()
    values = [row for row in node.disk.row_sums if row[0].startswith(b"\x10")]
    node.disk.row_sums[values[0]] ^= 1
    node.doomed = True
    first, last = node.host.replicas.groups[RANGE].machine.span()
    node.state.dump(99, RANGE, first, last)
    formed.world.run(5.0)
    assert node.dead
    goes_on(formed)


def test_members_that_all_begin_anew_find_each_other(formed: Formed) -> None:
    """Node 1 died before it told the other members of group 0 where they are; each of them has it in the catalog."""
    others = [node for node in formed.cluster.nodes if node.node != 1]
    formed.cluster.nodes[0].lose()
    for node in others:
        node.kept = ((1, "n1:4480"),)
        node.crash()
    for node in others:
        node.restart()
    formed.world.run(10.0)
    goes_on(formed)


def test_after_calm_all_but_the_dead_are_up(formed: Formed) -> None:
    dead = named(formed, formed.strike(node_faults.lose_disk))
    for _, act in [*disk_faults.FAULTS.values(), *node_faults.FAULTS.values()]:
        formed.strike(act)
    formed.cluster.calm()
    assert [node for node in formed.cluster.nodes if not node.up] == [dead]
    formed.world.run(20.0)
    goes_on(formed)
