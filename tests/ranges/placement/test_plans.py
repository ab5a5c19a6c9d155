"""What a node's going would do, and that it is then done so."""

from collections import Counter

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ranges.placement.cells import CONTROL_GROUP, Cell
from ranges.placement.config import COLD_SECONDS, PLAN_MOVES_AT_ONCE
from ranges.placement.leaving import GOALS, PlanIs
from ranges.placement.messages import MoveLeader, Rules
from ranges.placement.moves import ChangeReplicas, MergeRanges
from ranges.placement.plans import plan, refusal
from ranges.placement.policy import decide
from ranges.placement.status import alive_nodes, tolerance
from tests.ranges.placement.test_policy_always import toys
from tests.ranges.placement.toy import Toy


def planned(toy: Toy, node: int, order: str) -> PlanIs:
    before = dict(toy.picture.cells)
    *steps, found = plan(toy.picture, node, order)
    assert not any(steps) and found is not None
    assert toy.picture.cells == before, "a plan changes nothing"
    return found


def even(nodes: int, ranges: int = 4, rules: Rules | None = None) -> Toy:
    toy = Toy(nodes, rules)
    toy.range(0, 1, 2, 3)
    toy.ranges(ranges, 1, 2, 3, size=100)
    toy.until_quiet()
    return toy


# -- decommission ----------------------------------------------------------------------------------------------------


def test_a_plan_counts_what_moves_and_what_may_die() -> None:
    toy = Toy(4)
    toy.range(0, 1, 2, 3)
    toy.range(1, 1, 2, 3, size=100)
    toy.range(2, 2, 3, 4, size=1000)
    found = planned(toy, 1, "decommission")
    assert (found.why, found.stuck, found.unheard) == ("", (), 0)
    assert (found.replicas, found.leaders, found.bytes) == (2, 2, 100)
    assert found.targets == ((4, 2, 100),)
    assert (found.state, found.dead, found.failures, found.failures_after) == ("up", False, 1, 1)


def test_three_nodes_with_three_replicas_let_none_go() -> None:
    found = planned(even(3), 3, "decommission")
    assert (found.stuck_ranges, found.stuck[0][0], found.replicas) == (5, CONTROL_GROUP, 5)
    assert found.why == (
        "node 3 cannot be decommissioned (5 groups, the first is group 0): it is to have 3 replicas, and 2 nodes may "
        "hold them: add a node, or have fewer replicas"
    )


def test_fewer_replicas_let_a_third_node_go() -> None:
    toy = even(3)
    toy.picture.follow_rules(Rules(replicas=1))
    toy.until_quiet()
    assert planned(toy, 3, "decommission").why == ""


def test_the_only_node_never_goes() -> None:
    toy = Toy(1)
    toy.range(0, 1)
    toy.node(2, state="removed")
    assert planned(toy, 1, "decommission").why == "node 1 is the only node: add another first"
    assert "only node" in planned(toy, 1, "drain").why


def test_two_nodes_hold_what_one_leaves() -> None:
    toy = Toy(2)
    toy.range(0, 1)
    toy.range(1, 2, size=7)
    assert planned(toy, 2, "decommission").targets == ((1, 1, 7),)
    assert planned(toy, 1, "decommission").why == ""


def test_a_second_node_may_not_be_able_to_go_while_the_first_leaves() -> None:
    toy = even(4)
    toy.state(4, "leaving")
    found = planned(toy, 3, "decommission")
    assert found.why.endswith("add a node, or have fewer replicas (node 4 is leaving)")
    assert planned(toy, 4, "decommission").why == "", "what is left of the first may be asked for"


def test_a_dead_node_goes_as_well() -> None:
    toy = even(4)
    toy.dies(2)
    found = planned(toy, 2, "decommission")
    assert (found.why, found.dead, found.failures, found.failures_after) == ("", True, 0, 1)
    assert found.replicas == toy.replicas()[2] + 1


def test_a_group_without_a_live_majority_hinders() -> None:
    toy = Toy(6)
    toy.range(0, 1, 2, 3)
    toy.range(1, 4, 5, 6)
    toy.dies(5)
    toy.dies(6)
    found = planned(toy, 4, "decommission")
    assert [group for group, _ in found.stuck] == [1]
    assert "its live replicas are no majority" in found.why
    assert "(node 5 is dead, node 6 is dead)" in found.why


def test_what_nobody_has_told_yet_is_counted() -> None:
    toy = Toy(4)
    toy.picture.place(1, (1, 2, 3))
    assert planned(toy, 1, "decommission").unheard == 1


def test_a_move_under_way_counts_as_done() -> None:
    toy = Toy(4)
    toy.range(1, 1, 2, 3)
    toy.picture.begin(1, Cell((2, 3, 4), (), 2))
    assert planned(toy, 1, "decommission").replicas == 0
    assert planned(toy, 4, "decommission").replicas == 1


def test_a_plan_looks_at_a_picture_of_its_own() -> None:
    toy = Toy(4)
    toy.ranges(3, 1, 2, 3)
    toy.picture.begin(1, Cell((2, 3, 4), (), 4))
    toy.picture.begin(9, None)
    made = toy.picture.as_if(toy.picture.nodes)
    made.check()
    assert made.cells == toy.picture.cells and not made.goals
    assert made.cell(1) == Cell((2, 3, 4), (), 4) and made.cell(9) is None
    toy.leader(2, 3)
    toy.picture.place(3, (2, 4))
    assert made.cells == {Cell((2, 3, 4), (), 4): {1}, Cell((1, 2, 3), (), 1): {2, 3}}
    for each in (made, toy.picture):
        each.check()


def test_a_long_plan_pauses_on_its_way() -> None:
    toy = Toy(4)
    toy.ranges(1000, 1, 2, 3)
    *steps, found = plan(toy.picture, 1, "decommission")
    assert len(steps) == 1000 // PLAN_MOVES_AT_ONCE and found is not None and found.replicas == 1000


# -- drain -----------------------------------------------------------------------------------------------------------


def test_a_drain_hands_leaders_on_and_moves_nothing() -> None:
    toy = even(4)
    found = planned(toy, 1, "drain")
    assert (found.why, found.failures, found.failures_after, found.bytes) == ("", 1, 0, 0)
    assert found.leaders == toy.leaders()[1] + 1 == sum(count for _, count, _ in found.targets)


def test_a_node_that_a_range_stops_with_is_not_drained() -> None:
    toy = Toy(2)
    toy.range(0, 1)
    toy.range(1, 2)
    assert "range 1): it has its only replica there" in planned(toy, 2, "drain").why
    toy = even(4)
    toy.dies(2)
    assert "its other live replicas are no majority" in planned(toy, 1, "drain").why


def test_not_all_nodes_drain_at_once() -> None:
    toy = Toy(3)
    toy.range(1, 1, 2, 3)
    toy.state(2, "draining")
    toy.state(3, "draining")
    assert "none of the others that hold it may lead it (node 2 is draining, node 3 is" in planned(toy, 1, "drain").why


def test_a_node_that_is_not_heard_of_is_not_drained() -> None:
    toy = even(4)
    toy.node(4, silent=12)
    assert "has not been heard of for 12 s" in planned(toy, 4, "drain").why


def test_what_drains_gets_no_leader_and_no_replica() -> None:
    toy = Toy(4)
    toy.range(0, 1, 2, 4)
    toy.ranges(12, 1, 2, 4)
    toy.state(4, "draining")
    toy.until_quiet()
    before = toy.replicas()
    assert before[4] == 12
    assert {cell.leader for cell in toy.picture.cells} == {1, 2, 3}
    toy.state(4, "up")
    toy.until_quiet()
    assert toy.leaders()[4] > 0


def test_small_neighbours_do_not_merge_on_a_node_that_drains() -> None:
    toy = Toy(3)
    toy.ranges(2, 1, 2, 3)
    toy.picture.adjoin(2, 1)
    toy.picture.see(toy.picture.nodes, COLD_SECONDS)
    assert any(isinstance(move, MergeRanges) for move in decide(toy.picture))
    toy.state(3, "draining")
    assert not any(isinstance(move, MergeRanges) for move in decide(toy.picture))


# -- orders ----------------------------------------------------------------------------------------------------------


def test_which_order_a_state_allows() -> None:
    allowed = {
        state: [order for order in GOALS if refusal(state, 1, order) is None]
        for state in ("up", "draining", "leaving", "removed", None)
    }
    assert allowed == {
        "up": ["drain", "undrain", "decommission", "recommission"],
        "draining": ["drain", "undrain", "decommission"],
        "leaving": ["decommission", "recommission"],
        "removed": [],
        None: [],
    }


# -- always ----------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(toys(), st.data())
def test_a_decommission_does_what_its_plan_says(toy: Toy, data: st.DataObject) -> None:
    toy.until_quiet()
    picture = toy.picture
    here = sorted(node for node, view in picture.nodes.items() if view.state in ("up", "draining"))
    assume(len(here) > 0)
    node = data.draw(st.sampled_from(here))
    found = planned(toy, node, "decommission")
    toy.state(node, "leaving")
    left: Counter[int] = Counter()
    copied = 0
    for _ in range(1000):
        before = {group: picture.cell(group) for cell in picture.cells for group in picture.cells[cell]}
        moves = toy.step()
        for move in moves:
            cell = before[move.group]
            assert cell is not None
            if isinstance(move, ChangeReplicas) and node in cell.voters:
                assert node not in move.voters or found.why
                left[move.group] += 1
                copied += picture.facts(move.group).size * len(set(move.voters) - set(cell.voters))
        if not moves:
            break
    held = [cell for cell in picture.cells if node in cell.voters + cell.learners]
    if found.why:
        assert held or "only node" in found.why
        return
    assert not held and not set(left.values()) - {1}
    assert (left.total(), copied) == (found.replicas, found.bytes)
    assert max(0, tolerance(picture.cells, alive_nodes(picture) - {node})) == found.failures_after


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(toys(), st.data())
def test_a_drain_does_what_its_plan_says(toy: Toy, data: st.DataObject) -> None:
    toy.until_quiet()
    picture = toy.picture
    up = sorted(node for node, view in picture.nodes.items() if view.state == "up")
    assume(len(up) > 0)
    node = data.draw(st.sampled_from(up))
    found = planned(toy, node, "drain")
    toy.state(node, "draining")
    moves = toy.until_quiet()
    if found.why:
        return
    assert not [cell for cell in picture.cells if cell.leader == node]
    assert not [move for move in moves if isinstance(move, ChangeReplicas) and node in move.voters]
    assert len([move for move in moves if isinstance(move, MoveLeader)]) >= found.leaders
    toy.node(node, silent=10)
    assert max(0, tolerance(picture.cells, alive_nodes(picture))) == found.failures_after
