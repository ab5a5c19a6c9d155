"""Nodes that drain or leave: what is refused, what survives what, and how it ends."""

from node.messages import Done, Refused
from node.raft.messages import Configuration, Member
from ranges.placement.catalog import Catalog
from ranges.placement.config import PLAN_MOVES_AT_ONCE
from ranges.placement.leaving import AskLeft, LeftIs, NodeRemoved, OrderNode, PlanNode
from ranges.placement.messages import ClusterStatus, MoveLeader, PutNode, Report, SetNodeState
from tests.ranges.placement.test_driver import Cluster, served

TRANSFER_SECONDS = 5
MOVE_SECONDS = 8


def state(cluster: Cluster, node: int) -> str:
    return cluster.catalog.nodes[node].state


def leaving(nodes: int = 4) -> Cluster:
    """A cluster whose node 3 leaves, and whose group 1 is held up: node 4 learns nothing yet."""
    cluster = Cluster(nodes, 1, 2, 3)
    cluster.groups[1].slow = {4}
    assert served(cluster, OrderNode(3, "decommission"), 2) == Done()
    assert state(cluster, 3) == "leaving"
    assert cluster.told() == ["members n1 n2 n3 n4?"]
    return cluster


def went(cluster: Cluster) -> bool:
    """Node 3 holds nothing and was removed."""
    cluster.groups[1].slow = set()
    cluster.live(2 * MOVE_SECONDS)
    return state(cluster, 3) == "removed" and 3 not in cluster.voters() and 3 not in cluster.voters(0)


# -- decommission ----------------------------------------------------------------------------------------------------


def test_a_node_is_removed_when_its_last_replica_has_gone() -> None:
    cluster = leaving()
    assert cluster.ask(AskLeft(3)) == LeftIs("leaving", 1, 0, 0, 0), "group 0 has gone, range 1 has not"
    assert cluster.ask(ClusterStatus()).leaving == ((3, 1),)
    assert sum(type(entry) is SetNodeState for entry in cluster.entries) == 1, "nobody tries to remove it yet"
    assert went(cluster)
    assert cluster.voters() == [1, 2, 4]
    assert cluster.ask(AskLeft(3)) == LeftIs("removed", 0, 0, 0, 0)
    assert cluster.report(3) == NodeRemoved()
    assert cluster.ask(ClusterStatus()).leaving == ()


def test_a_plan_is_what_the_order_does() -> None:
    cluster = Cluster(4, 1, 2, 3)
    cluster.sizes = {1: 500}
    cluster.live(1)
    found = served(cluster, PlanNode(1, "decommission"))
    assert (found.why, found.replicas, found.leaders, found.bytes) == ("", 2, 2, 500)
    assert found.targets == ((4, 2, 500),)
    assert served(cluster, OrderNode(1, "decommission"), 2 * MOVE_SECONDS) == Done()
    assert state(cluster, 1) == "removed"
    assert cluster.voters() == cluster.voters(0) == [2, 3, 4]


def test_what_is_impossible_is_refused_and_changes_nothing() -> None:
    cluster = Cluster(3, 1, 2, 3)
    for order in (OrderNode(3, "decommission"), OrderNode(9, "drain"), OrderNode(9, "undrain")):
        before = list(cluster.entries)
        assert type(served(cluster, order)) is Refused, order
        assert cluster.entries == before
    assert "add a node" in served(cluster, PlanNode(3, "decommission")).why
    assert type(served(cluster, PlanNode(9, "decommission"))) is Refused
    assert type(cluster.ask(AskLeft(9))) is Refused


def test_an_order_given_again_is_done_already() -> None:
    cluster = leaving()
    assert served(cluster, OrderNode(3, "decommission"), 0.5) == Done()
    assert sum(type(entry) is SetNodeState for entry in cluster.entries) == 1
    assert went(cluster)
    assert type(served(cluster, OrderNode(3, "recommission"))) is Refused
    assert type(served(cluster, PlanNode(3, "decommission"))) is Refused


def test_two_nodes_that_could_only_go_one_at_a_time_do_not_both_get_the_order() -> None:
    cluster = Cluster(4, 1, 2, 3)
    for group in range(100, 100 + PLAN_MOVES_AT_ONCE):  # so many that a plan pauses on its way
        cluster.catalog.picture.place(group, (1, 2, 3))
    first, second = (cluster.serve(OrderNode(node, "decommission")) for node in (3, 4))
    cluster.run(1)
    assert first == [Done()]
    assert "try again" in second[0].why
    assert "node 3 is leaving" in served(cluster, OrderNode(4, "decommission")).why


def test_it_goes_on_under_the_next_leader_of_group_zero() -> None:
    cluster = leaving()
    cluster.catalog.follow()
    cluster.live(1)
    cluster.lead(2)
    assert went(cluster)


def test_it_goes_on_after_a_restart() -> None:
    cluster = leaving()
    cluster.catalog.follow()
    before = cluster.catalog
    cluster.catalog = Catalog(cluster.view, before.mark(), cluster.driver.run, node=1)
    cluster.catalog.configuration = cluster.groups[0].configuration
    cluster.lead(2)
    cluster.report_all()
    assert state(cluster, 3) == "leaving"
    assert went(cluster)


def test_a_node_that_dies_on_its_way_is_removed_all_the_same() -> None:
    cluster = leaving()
    cluster.down = {3}
    assert went(cluster)


def test_a_target_that_dies_is_replaced_by_another() -> None:
    cluster = leaving(5)
    cluster.down = {4}
    cluster.live(10)
    assert went(cluster)
    assert cluster.voters() == [1, 2, 5]


def test_who_is_taken_back_stays() -> None:
    cluster = leaving()
    assert served(cluster, OrderNode(3, "recommission"), 1) == Done()
    assert not went(cluster)
    assert state(cluster, 3) == "up"
    late = SetNodeState(3, "removed")  # ordered while the node was still leaving, and come late
    assert type(cluster.ask(late)) is Refused


def test_nobody_is_removed_who_holds_a_replica() -> None:
    cluster = Cluster(5, 1, 2, 3, decides=False)
    cluster.catalog.configuration = Configuration(3, 20, (Member(1, 1), Member(2, 2), Member(15, 4)))
    for node, what in ((3, "a range"), (4, "group 0")):
        cluster.ask(SetNodeState(node, "leaving"))
        assert type(cluster.ask(SetNodeState(node, "removed"))) is Refused, what
        assert state(cluster, node) == "leaving"
    cluster.ask(SetNodeState(5, "leaving"))
    assert cluster.ask(SetNodeState(5, "removed")) == Done()


def test_nobody_is_removed_to_whom_a_replica_is_under_way() -> None:
    cluster = Cluster(5, 1, 2, 3)
    elsewhere = Configuration(3, 20, (Member(1, 1), Member(2, 2), Member(15, 5)))
    cluster.groups[0].configuration = cluster.catalog.configuration = elsewhere
    cluster.silent = {1}
    cluster.ask(SetNodeState(3, "leaving"))
    cluster.live(2)
    assert cluster.catalog.picture.goals[1].voters == (1, 2, 4)
    assert served(cluster, OrderNode(4, "decommission"), 3) == Done()
    assert state(cluster, 4) == "leaving", "it may still get the replica"
    cluster.silent = set()
    cluster.live(5 * MOVE_SECONDS)
    assert (state(cluster, 3), state(cluster, 4)) == ("removed", "removed")
    assert cluster.voters() == cluster.voters(0) == [1, 2, 5]


def test_a_learner_holds_its_node_too() -> None:
    cluster = leaving()
    assert "n4?" in cluster.told()[-1]
    cluster.live(1)
    cluster.ask(SetNodeState(4, "leaving"))
    assert type(cluster.ask(SetNodeState(4, "removed"))) is Refused


# -- drain -----------------------------------------------------------------------------------------------------------


def drained() -> Cluster:
    cluster = Cluster(3, 1, 2, 3)
    assert served(cluster, OrderNode(1, "drain"), TRANSFER_SECONDS) == Done()
    return cluster


def test_a_drained_node_leads_nothing_and_keeps_its_replicas() -> None:
    cluster = drained()
    assert cluster.voters() == cluster.voters(0) == [1, 2, 3]
    assert cluster.groups[1].leader != 1 != cluster.groups[0].leader, "group 0 is handed on as well"
    assert cluster.ask(ClusterStatus()).draining == (1,)
    assert cluster.ask(AskLeft(1)).replicas == 2


def test_nothing_is_led_from_a_drained_node_by_order() -> None:
    cluster = drained()
    assert "draining" in served(cluster, MoveLeader(1, 1)).why


def test_a_drain_ends_by_order_or_with_the_next_start_of_the_node() -> None:
    cluster = drained()
    assert served(cluster, OrderNode(1, "undrain")) == Done()
    assert state(cluster, 1) == "up"
    cluster = drained()
    for life, expected in ((1, "draining"), (1, "draining"), (2, "up")):
        cluster.ask(PutNode(1, life, "host1:1"))
        assert state(cluster, 1) == expected


def test_a_leaving_node_leaves_on_after_it_has_started_again() -> None:
    cluster = leaving()
    for life in (1, 2):
        cluster.ask(Report(3, life, "host3:3", 1, 1))
    assert (state(cluster, 3), cluster.catalog.nodes[3].life) == ("leaving", 2)


def test_a_drain_goes_on_under_the_next_leader_of_group_zero() -> None:
    cluster = Cluster(3, 1, 2, 3)
    cluster.live(1)
    assert cluster.ask(AskLeft(1)).leaders == 2, "of group 0, and of range 1"
    cluster.groups[1].refusals = 1_000
    assert served(cluster, OrderNode(1, "drain"), 2) == Done()
    cluster.catalog.follow()
    cluster.groups[1].refusals = 0
    cluster.lead(2)
    assert cluster.ask(AskLeft(1)) == LeftIs("draining", 2, 0, 1, 1), "who leads range 1 is to be told anew"
    cluster.live(2 * TRANSFER_SECONDS)
    assert cluster.groups[1].leader != 1


def test_leadership_that_a_replica_gives_up_goes_to_one_that_does_not_drain() -> None:
    cluster = Cluster(5, 1, 2, 3)
    cluster.ask(SetNodeState(2, "draining"))
    cluster.ask(SetNodeState(1, "leaving"))
    cluster.live(MOVE_SECONDS)
    assert "leader n3" in cluster.told() and "leader n2" not in cluster.told()
