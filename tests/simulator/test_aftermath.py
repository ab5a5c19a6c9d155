"""What must hold once the faults are over: each demand fails where it is not met."""

import pytest

from argosy.testing.aftermath import check_collected, check_quiet
from argosy.testing.linear import Violation
from argosy.testing.queues import KEPT, QUIET_MAX, check_bounds, sizes, waiting
from argosy.testing.simulation import Simulation
from node.config import INBOX_REQUESTS_MAX
from ranges.keys import BAR_TAIL, INTENT_TAIL, version_tail
from ranges.machine import RangeMachine


@pytest.fixture(scope="module")
def simulation():
    return Simulation(2, "bank", 2.0, nodes=3, faults=()).run()


@pytest.fixture(scope="module")
def placed(simulation):
    """A node that leads a range of users' keys, and the head of a row there."""
    return next(
        (node, place)
        for node in simulation.cluster.nodes
        for group in node.host.replicas.groups.values()
        if group.leading and isinstance(group.machine, RangeMachine)
        for place, _, _ in node.state.scan(*group.machine.span())
    )


@pytest.fixture
def node(placed):
    return placed[0]


def test_after_a_run_nothing_is_left(simulation):
    check_collected(simulation.cluster.nodes)
    check_quiet(simulation.cluster.nodes, simulation.world.run)
    for node in simulation.cluster.nodes:
        check_bounds(node)
    assert simulation.recovery_seconds < 1.0


@pytest.mark.parametrize(
    ("tail", "what"),
    [(INTENT_TAIL, "an intent"), (BAR_TAIL + bytes(16), "a verdict or a bar"), (version_tail(5), "superseded")],
)
def test_rows_that_a_collection_leaves_are_found(simulation, placed, tail, what):
    node, place = placed
    node.state.put(place, tail, b"row")
    with pytest.raises(Violation, match=what):
        check_collected(simulation.cluster.nodes)
    node.state.delete(place, tail)
    node.state._open.clear()


def test_the_walk_finds_containers_in_every_part(node):
    found = sizes(node)
    assert {"Host._inbox", "Intake._held", "Outbox._waiting", "Flows._waiting", "Records._pending"} <= found.keys()
    assert {"Snapshots._dumps", "Support._partners", "Log.entries", "LeaderMemory._recent"} <= found.keys()
    assert found["Replicas.groups"] == len(node.host.replicas.groups)


def still(seconds):
    """Time stands still."""


def test_what_waits_in_quiet_is_found(simulation, node):
    node.host._inbox.append("something")
    with pytest.raises(Violation, match=f"held: Host._inbox of {node.name} 1$"):
        check_quiet(simulation.cluster.nodes, still)
    node.host._inbox.clear()


def test_what_is_busy_now_and_then_is_quiet(simulation, node):
    node.host._moves.append("something")
    passed = []

    def run(seconds):
        passed.append(seconds)
        if len(passed) == 3:
            node.host._moves.clear()

    check_quiet(simulation.cluster.nodes, run)
    assert len(passed) == 3


def test_two_that_are_busy_in_turns_are_quiet(simulation, node):
    busy, idle = node.host._moves, node.host._inbox
    busy.append("something")

    def run(seconds):
        nonlocal busy, idle
        busy, idle = idle, busy
        busy.append(idle.pop())

    check_quiet(simulation.cluster.nodes, run)
    busy.clear()


def test_what_may_hold_something_may_not_grow(node):
    node.host._stirred.update(dict.fromkeys(range(QUIET_MAX)))
    assert "Host._stirred" in KEPT
    assert waiting(node) == {}
    node.host._stirred[QUIET_MAX] = None
    assert waiting(node) == {"Host._stirred": QUIET_MAX + 1}
    node.host._stirred.clear()


def test_more_than_what_the_configuration_states_is_found(node):
    node.host._inbox.extend([None] * INBOX_REQUESTS_MAX)
    check_bounds(node)
    node.host._inbox.append(None)
    with pytest.raises(Violation, match=r"Host\._inbox of n. holds 20001, and 20000"):
        check_bounds(node)
    node.host._inbox.clear()


def test_a_cluster_that_does_not_take_writes_again_is_found(monkeypatch):
    simulation = Simulation(2, "bank", 1.0, nodes=3, faults=())
    nodes = simulation.cluster.nodes
    monkeypatch.setattr(simulation.nemesis, "end", lambda: [node.crash() for node in nodes])
    with pytest.raises(Violation, match="a write to every range did not come within 30"):
        simulation.run()
