"""What people are told of nodes and of the cluster."""

from node.raft.messages import Configuration, Member
from ranges.descriptor import Descriptor, Replica
from ranges.placement.messages import (
    ClusterStatus,
    ListNodes,
    RangeReport,
    Rules,
)
from tests.ranges.placement.world import EVERYTHING, World, joined


def test_the_status_of_a_fresh_node() -> None:
    world = World()
    world.lead(1)
    world.report(1, RangeReport(EVERYTHING, 2, 1, 0, 0))
    status = world.ask(ClusterStatus())
    assert (status.healthy, status.failures, status.nodes, status.ranges) == (True, 0, 1, 1)


def test_the_status_counts_what_deaths_have_done() -> None:
    world = World(Rules(dead_milliseconds=5000))
    world.lead(1)
    joined(world, 3)
    world.catalog.configuration = Configuration(2, 4, (Member(1, 1), Member(2, 2), Member(3, 3)))
    three = Descriptor(1, b"\x01", b"\xff", 1, 1, tuple(Replica(node, node, True) for node in (1, 2, 3)))
    world.report(3, RangeReport(three, 4, 1, 0, 0))
    status = world.ask(ClusterStatus())
    assert (status.healthy, status.failures) == (True, 1)
    world.run(4.0)
    world.report(1)
    world.report(2)
    world.run(2.0)
    status = world.ask(ClusterStatus())
    assert (status.healthy, status.failures, status.dead) == (False, 0, (3,))
    assert (status.short, status.stopped, status.leaderless) == (2, 0, 1)
    world.run(4.0)
    world.report(1)
    status = world.ask(ClusterStatus())
    assert (status.dead, status.short, status.stopped) == ((2, 3), 2, 2)


def test_a_node_without_room_shows_until_it_has_some() -> None:
    world = World()
    world.lead(1)
    world.report(1, RangeReport(EVERYTHING, 2, 1, 0, 0), short="node 1 takes no writes: its disk is full")
    status = world.ask(ClusterStatus())
    assert (status.healthy, status.full) == (False, ("node 1 takes no writes: its disk is full",))
    assert world.ask(ListNodes()).nodes[0].short == "node 1 takes no writes: its disk is full"
    world.report(1)
    status = world.ask(ClusterStatus())
    assert (status.healthy, status.full) == (True, ())


def test_the_status_tells_of_a_silent_node_before_it_counts_as_dead() -> None:
    world = World(Rules(dead_milliseconds=300_000))
    world.lead(1)
    joined(world, 3)
    world.catalog.configuration = Configuration(2, 4, (Member(1, 1), Member(2, 2), Member(3, 3)))
    world.report(3)
    world.run(4.0)
    world.report(1)
    world.report(2)
    status = world.ask(ClusterStatus())
    assert (status.healthy, status.failures, status.dead) == (False, 0, (3,))


def test_nodes_are_listed_with_what_they_hold_and_lead() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    world.report(1, RangeReport(EVERYTHING, 2, 1, 0, 0))
    one, two = world.ask(ListNodes()).nodes
    assert (one.node, one.replicas, one.leaders, one.state, one.dead) == (1, 2, 2, "up", False)
    assert (two.node, two.replicas, two.leaders) == (2, 0, 0)
