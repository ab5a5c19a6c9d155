"""The plain form of a simulated cluster: each command shows in what a program sees; errors; the checks at the end."""

import importlib
from contextlib import suppress

import pytest

import argosy
import argosy.testing
from node.flow import Sleep
from ranges.keys import USER
from ranges.placement.messages import ClusterStatus, ListRanges


@pytest.fixture
def c():
    with argosy.testing.cluster(nodes=3, seed=7) as cluster:
        yield cluster


def others(c, *nodes):
    return set(c.nodes) - set(nodes)


def test_its_database_is_the_plain_one_and_time_passes_only_within_calls(c):
    db, before = c.database, c.now
    assert isinstance(db, argosy.Database)
    assert c.now == before
    db["fruit"] = "apple"
    assert before < c.now < before + 1
    with db.transaction() as tx:
        tx["other"] = tx["fruit"]
    assert list(db.scan()) == [(b"fruit", b"apple"), (b"other", b"apple")]
    moment = c.now
    c.run_for(5.0)
    assert c.now == moment + 5.0


def test_it_begins_with_every_node_in_use(c):
    assert c.nodes == c.running == (1, 2, 3)
    for first, second in ((1, 2), (2, 3), (3, 1)):
        c.crash(first)
        c.database["k"] = b"%d" % first
        c.restart(first)
        c.run_for(3.0)
        c.crash(second)
        assert c.database["k"] == b"%d" % first
        c.restart(second)
        c.run_for(3.0)


def test_it_waits_until_its_ranges_are_spread_however_long_that_takes(monkeypatch):
    monkeypatch.setattr("argosy.testing.formed.REST_SECONDS", 0.0)
    with argosy.testing.cluster(nodes=5, seed=7) as c:
        status = c._formed.run(c._formed.core.router.control(ClusterStatus(), 5.0))
    assert (status.healthy, status.failures, status.nodes) == (True, 1, 5)


@pytest.mark.parametrize("nodes", [1, 2, 5])
def test_other_numbers_of_nodes(nodes):
    with argosy.testing.cluster(nodes, seed=3) as c:
        c.database["k"] = "v"
        assert len(c.nodes) == nodes
        assert c.leader("k") in c.nodes


def test_a_leader_that_is_cut_off_has_a_successor_and_follows_it_when_healed(c):
    c.database["k"] = "1"
    old = c.leader("k")
    c.partition({old, "client"}, others(c, old))
    c.run_for(5.0)
    new = c.leader("k")
    assert new in others(c, old)
    with pytest.raises((argosy.Unavailable, argosy.OutcomeUnknown)):
        c.database["k"] = "2"
    c.heal()
    c.database["k"] = "3"
    assert c.database["k"] == b"3"


def test_what_belongs_to_no_group_is_cut_off_from_nobody(c):
    c.partition({1}, {2})
    c.run_for(3.0)
    c.database["k"] = "v"
    assert c.leader("k") is not None


def test_every_group_is_cut_off_from_every_other(c):
    c.partition({1}, {2}, {3})
    c.run_for(5.0)
    with pytest.raises((argosy.Unavailable, argosy.OutcomeUnknown)):
        c.database["k"] = "v"


def test_a_partition_one_way_lets_the_other_way_pass(c):
    c.database["k"] = "1"
    c.partition({"client"}, c.nodes, one_way=True)
    with pytest.raises(argosy.OutcomeUnknown):
        c.database["k"] = "the request is lost"
    c.heal()
    assert c.database["k"] == b"1"
    c.partition(c.nodes, {"client"}, one_way=True)
    with pytest.raises(argosy.OutcomeUnknown):
        c.database["k"] = "the answer is lost"
    c.heal()
    assert c.database["k"] == b"the answer is lost"


@pytest.mark.parametrize("silent", [False, True])
def test_a_node_crashes_and_comes_back_with_what_it_had(c, silent):
    c.database["k"] = "v"
    for node in c.nodes:
        c.crash(node, silent=silent)
    assert c.running == ()
    assert c.leader("k") is None
    with pytest.raises(argosy.Unavailable):
        c.database["k"]
    for node in c.nodes:
        c.restart(node)
    assert c.running == c.nodes
    assert c.database["k"] == b"v"


def test_a_silent_crash_is_noticed_later_than_a_kill(c):
    c.database["k"] = "1"
    waits = []
    for silent in (False, True):
        node = c.leader("k")
        c.crash(node, silent=silent)
        before = c.now
        c.database["k"] = "2"
        waits.append(c.now - before)
        c.restart(node)
        c.run_for(5.0)
    assert waits[0] < waits[1]


def test_a_paused_leader_is_replaced_and_goes_on_afterwards(c):
    c.database["k"] = "v"
    old = c.leader("k")
    c.pause(old, 4.0)
    c.run_for(3.5)
    assert c.leader("k") not in (old, None)
    c.run_for(2.0)
    c.crash(c.leader("k"))
    assert c.database["k"] == b"v"


def test_a_clock_goes_on_at_its_new_rate(c):
    clock = c._formed.cluster.nodes[2]
    begin = clock.clock
    c.drift(3, 1.0003)
    assert clock.clock == pytest.approx(begin, abs=1e-6)
    c.run_for(10.0)
    assert clock.clock == pytest.approx(begin + 10.003, abs=1e-6)
    c.heal()
    c.run_for(10.0)
    assert clock.clock == pytest.approx(begin + 20.006, abs=1e-6)


def test_full_disks_take_no_writes_until_they_have_room(c):
    c.database["k"] = "1"
    for node in c.nodes:
        c.full_disk(node)
    with pytest.raises((argosy.Unavailable, argosy.OutcomeUnknown)):
        c.database["k"] = "2"
    c.heal()
    c.database["k"] = "3"
    assert c.database["k"] == b"3"


def ranges(c):
    found = c._formed.run(c._formed.core.router.control(ListRanges(USER, 10), 5.0))
    return [each.descriptor.start for each in found.ranges[1:]]


def test_a_range_is_split_at_a_key_and_each_side_has_a_leader(c):
    c.database["a"], c.database["z"] = "1", "2"
    c.split("m")
    c.split("m")
    assert ranges(c) == [USER + b"m"]
    assert dict(c.database.scan()) == {b"a": b"1", b"z": b"2"}
    assert None not in (c.leader("a"), c.leader("z"))


def test_a_split_that_nobody_can_do_is_unavailable(c):
    for node in c.nodes:
        c.crash(node)
    with pytest.raises(argosy.Unavailable, match=r"no split at b'm' within 30 .* is a majority running"):
        c.split("m")


MISTAKES = {
    "unknown node": (lambda c: c.crash(4), ValueError, "there is no node 4: the nodes are 1, 2, 3"),
    "crash of a crashed node": (lambda c: (c.crash(1), c.crash(1)), RuntimeError, "node 1 has crashed and not been"),
    "pause of a crashed node": (lambda c: (c.crash(1), c.pause(1, 1)), RuntimeError, "node 1 has crashed and not"),
    "restart of a running node": (lambda c: c.restart(2), RuntimeError, "node 2 runs: only a node that has crashed"),
    "groups that overlap": (lambda c: c.partition({1, 2}, {2, 3}), ValueError, "overlap: n1, n2, n2, n3"),
    "one group": (lambda c: c.partition({1}), ValueError, "two groups or more"),
    "an empty group": (lambda c: c.partition({1}, ()), ValueError, "somebody in each"),
    "a stranger in a group": (lambda c: c.partition({1}, {"clint"}), ValueError, "there is no node 'clint'"),
    "no pause": (lambda c: c.pause(1, 0), ValueError, "a pause is a number above 0, not 0"),
    "no rate": (lambda c: c.drift(1, -1.0), ValueError, "a clock's rate is a number above 0, not -1.0"),
    "no end": (lambda c: c.run_for(float("inf")), ValueError, "a time to run for is a number above 0, not inf"),
    "no bytes": (lambda c: c.leader(7), argosy.BadInput, "not int"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named(c, name):
    act, error, text = MISTAKES[name]
    with pytest.raises(error, match=text):
        act(c)


@pytest.mark.parametrize("nodes", [0, -1, 21, "3"])
def test_a_cluster_has_some_nodes(nodes):
    with pytest.raises(ValueError, match="1 to 20 nodes, not"), argosy.testing.cluster(nodes):
        pass


def test_a_seed_is_a_number():
    with pytest.raises(TypeError, match="a seed is a whole number, not 'x'"), argosy.testing.cluster(seed="x"):
        pass


AFTERWARDS = {
    "get": lambda c: c.database["k"],
    "run_for": lambda c: c.run_for(1.0),
    "split": lambda c: c.split("k"),
    "crash": lambda c: c.crash(1),
    "partition": lambda c: c.partition({1}, {2}),
    "heal": lambda c: c.heal(),
    "leader": lambda c: c.leader("k"),
}


@pytest.mark.parametrize("name", AFTERWARDS)
def test_nothing_can_be_done_after_the_block(name):
    with argosy.testing.cluster(seed=1) as c:
        pass
    with pytest.raises(RuntimeError, match="the block of this simulated cluster has ended"):
        AFTERWARDS[name](c)


def test_the_name_stays_a_function_although_a_module_has_it_too():
    importlib.import_module("argosy.testing.cluster")
    assert callable(argosy.testing.cluster)


def test_a_cluster_is_entered_once():
    opening = argosy.testing.cluster(seed=1)
    with opening:
        pass
    with pytest.raises(RuntimeError, match="entered before"), opening:
        pass


def spoil(c):
    """A row that only one replica has."""
    c._formed.cluster.nodes[0].state.put(USER + b"k", b"wrong", b"wrong")


def test_a_broken_promise_is_raised_at_the_end():
    with pytest.raises(argosy.testing.Violation), argosy.testing.cluster(seed=1) as c:
        c.database["k"] = "v"
        spoil(c)


def test_what_the_program_raises_comes_first():
    with pytest.raises(KeyError), argosy.testing.cluster(seed=1) as c:
        spoil(c)
        c.database["k"]


def test_a_broken_promise_that_was_swallowed_is_raised_again():
    def breaks():
        raise argosy.testing.Violation("broken")

    with pytest.raises(argosy.testing.Violation, match="broken"), argosy.testing.cluster(seed=1) as c:
        c._formed.world.after(0.1, breaks)
        with suppress(Exception):
            c.run_for(1.0)
        with pytest.raises(RuntimeError, match="has come to its end: Violation"):
            c.run_for(1.0)


def test_a_call_without_an_end_is_a_broken_promise(c, monkeypatch):
    monkeypatch.setattr("argosy.testing.formed.CALL_SECONDS_MAX", 30.0)

    def sleeps():
        while True:
            yield Sleep(1.0)

    with pytest.raises(argosy.testing.Violation, match="has not come to its end within 30 simulated seconds"):
        c._formed.run(sleeps())


def test_an_interrupt_in_the_middle_of_a_call_ends_the_cluster():
    def rows():
        yield "k", "v"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), argosy.testing.cluster(seed=1) as c:
        c.database.batch(rows())
    with pytest.raises(RuntimeError, match="has ended"):
        c.database["k"]


def test_calls_within_calls_are_refused(c):
    def rows():
        c.database["other"] = "v"
        yield "k", "v"

    with pytest.raises(RuntimeError, match="for one thread"):
        c.database.batch(rows())


def test_a_lost_disk_is_a_lost_node_and_another_one_joins():
    with argosy.testing.cluster(nodes=3, seed=5) as c:
        c.database[b"k"] = b"v"
        c.lose_disk(1)
        with pytest.raises(RuntimeError, match="has lost its disk: another one joins"):
            c.restart(1)
        c.run_for(30)
        assert c.running == (2, 3, 4)
        c.crash(2)
        assert c.database[b"k"] == b"v", "it has been made again on the new node"
