from dataclasses import replace
from typing import Any

from node.codec import encode
from node.machine import Request
from node.messages import ChangeMembers, Done, NotLeader, Refused, TransferLeader
from node.raft.membership import members
from node.raft.messages import Configuration, Member
from ranges.descriptor import Descriptor, Replica
from ranges.placement.config import CATCH_UP_SECONDS, COLD_SECONDS, REST_AFTER_FAILURE_SECONDS, REST_SECONDS
from ranges.placement.driver import Driver
from ranges.placement.messages import (
    ClusterStatus,
    Join,
    Lookup,
    MoveLeader,
    MoveReplica,
    PutDescriptors,
    Rules,
    SetNodeState,
    SplitRange,
)
from ranges.placement.moves import ChangeReplicas, SplitLarge
from tests.ranges.placement.world import FakeGroup, World

RULES = Rules(dead_milliseconds=5000)
EVERYTHING = Descriptor(1, b"\x01", b"\xff", 1, 1, ())


class Cluster(World):
    """A world with a driver, whose nodes report every half second unless they are `down`."""

    def __init__(self, nodes: int, *voters: int, rules: Rules = RULES, decides: bool = True) -> None:
        self.driver = Driver(self)
        super().__init__(rules, self.driver.run if decides else None)
        self.down: set[int] = set()
        self.sizes: dict[int, int] = {}
        self.catalog.lead(1)
        for node in range(2, nodes + 1):
            self.ask(Join(bytes((node,)) * 16, f"host{node}:{node}"))
        configuration = Configuration(1, 10, tuple(Member(node, node) for node in voters or (1,)))
        self.groups[1] = FakeGroup(EVERYTHING, configuration, (voters or (1,))[0])
        self.groups[0] = FakeGroup(EVERYTHING, replace(configuration, version=2), 1)
        self.groups[0].descriptor = replace(EVERYTHING, group=0)
        self.catalog.configuration = self.groups[0].configuration
        self.report_all()

    def report_all(self) -> None:
        for node in sorted(self.catalog.nodes):
            if node in self.down or self.catalog.nodes[node].state == "removed":
                continue
            leading = [
                group.report(self.sizes.get(number, 0))
                for number, group in sorted(self.groups.items())
                if number and group.leader == node
            ]
            self.report(node, *leading)

    def live(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.run(0.5)
            if self.catalog.memory is not None:
                self.report_all()

    def voters(self, group: int = 1) -> list[int]:
        return sorted(member.node for member in self.groups[group].configuration.voters)

    def serve(self, message: Any) -> list[Any]:
        request = Request(0, 9, 0, 0, encode(message), message, self.now)
        return self.start(self.driver.services[type(message)](request))

    def told(self, group: int = 1) -> list[str]:
        return [each for each in self.groups[group].seen if each != "AskProgress"]


# -- by itself -------------------------------------------------------------------------------------------------------


def test_three_nodes_get_three_replicas_learners_first() -> None:
    cluster = Cluster(3)
    cluster.live(5)
    assert cluster.told() == ["members n1 n2? n3?", "members n1 n2 n3"]
    assert cluster.told(0) == ["members n1 n2? n3?", "members n1 n2 n3"]
    status = cluster.ask(ClusterStatus())
    assert (status.healthy, status.failures) == (True, 1)


def test_leadership_goes_before_the_replica_of_a_leader() -> None:
    cluster = Cluster(4, 1, 2, 3)
    cluster.ask(SetNodeState(1, "leaving"))
    cluster.live(6)
    assert cluster.told() == ["members n1 n2 n3 n4?", "leader n2", "members n2 n3 n4"]
    assert cluster.voters(0) == [2, 3, 4]


def test_a_single_voter_moves_by_way_of_two() -> None:
    cluster = Cluster(2, 1, rules=Rules(replicas=1, dead_milliseconds=5000))
    cluster.ask(SetNodeState(1, "leaving"))
    cluster.live(6)
    assert cluster.told() == ["members n1 n2?", "members n1 n2", "leader n2", "members n2"]


def test_a_learner_that_does_not_catch_up_is_given_up() -> None:
    cluster = Cluster(3, decides=False)
    cluster.groups[1].slow = {3}
    done = start(cluster, ChangeReplicas(1, (1, 2, 3)))
    cluster.live(CATCH_UP_SECONDS + 5)
    assert done == [False]
    assert cluster.told() == ["members n1 n2? n3?", "members n1"]
    assert len(members(cluster.groups[1].configuration)) == 1


def test_a_learner_whose_node_dies_is_given_up_at_once() -> None:
    cluster = Cluster(3, decides=False)
    cluster.groups[1].slow = {3}
    done = start(cluster, ChangeReplicas(1, (1, 2, 3)))
    cluster.down = {3}
    cluster.live(8)
    assert done == [False]
    assert cluster.told()[-1] == "members n1"


def test_who_votes_by_now_is_not_taken_back() -> None:
    """An order of an earlier leadership was done and not reported yet, and one of its learners leads by now."""
    cluster = Cluster(3, decides=False)
    group = cluster.groups[1]
    group.order(ChangeMembers((1,), (2, 3), (1,)))
    cluster.report_all()
    group.order(ChangeMembers((1, 2, 3), (), (1,)))
    group.order(TransferLeader(2))
    group.seen.clear()
    done = start(cluster, ChangeReplicas(1, (1, 2, 3)))
    cluster.live(2)
    assert done == [False]
    cluster.live(CATCH_UP_SECONDS + 5)
    assert cluster.told() == []
    assert cluster.voters() == [1, 2, 3]


def test_an_order_that_is_refused_is_given_again() -> None:
    cluster = Cluster(3, decides=False)
    cluster.groups[1].refusals = 3
    done = start(cluster, ChangeReplicas(1, (1, 2, 3)))
    cluster.live(5)
    assert done == [True]
    assert cluster.voters() == [1, 2, 3]


def test_an_order_whose_answer_was_lost_is_known_by_reports() -> None:
    """The group did it, but says no more than that a copy of the order was refused."""
    cluster = Cluster(3, decides=False)
    obey = cluster.groups[1].order

    def lose_the_first_answer(message: Any) -> Any:
        reply = obey(message)
        return Refused("a copy") if type(reply) is Done else reply

    cluster.groups[1].order = lose_the_first_answer  # type: ignore[method-assign]
    done = start(cluster, ChangeReplicas(1, (1, 2, 3)))
    cluster.live(10)
    assert done == [True]
    assert cluster.voters() == [1, 2, 3]


def test_one_range_never_has_two_orders() -> None:
    cluster = Cluster(4, 1, 2, 3)
    cluster.groups[1].slow = {4}
    cluster.ask(SetNodeState(3, "leaving"))
    cluster.live(3)
    assert cluster.catalog.picture.goals[1].voters == (1, 2, 4)
    assert type(cluster.serve(MoveLeader(1, 2))[0]) is Refused
    assert cluster.told() == ["members n1 n2 n3 n4?"]


def test_a_range_rests_after_an_order() -> None:
    cluster = Cluster(3, 1, 2, 3, decides=False)
    assert start(cluster, MoveLeader(1, 2)) == []
    cluster.live(1)
    assert 1 in cluster.catalog.picture.goals
    assert cluster.catalog.picture.active == 0
    cluster.live(REST_SECONDS)
    assert 1 not in cluster.catalog.picture.goals
    cluster.catalog.picture.check()


def test_a_range_rests_longer_after_a_failure() -> None:
    cluster = Cluster(3, 1, 2, 3, decides=False)
    cluster.silent = {1}
    start(cluster, MoveLeader(1, 2))
    cluster.live(10.5)
    assert cluster.catalog.picture.active == 0
    cluster.live(REST_SECONDS)
    assert 1 in cluster.catalog.picture.goals
    cluster.live(REST_AFTER_FAILURE_SECONDS - REST_SECONDS)
    assert 1 not in cluster.catalog.picture.goals


def test_nothing_is_sent_for_a_leadership_that_has_ended() -> None:
    cluster = Cluster(3)
    cluster.groups[1].slow = {2}
    cluster.live(1)
    before = len(cluster.groups[1].seen)
    assert before
    cluster.catalog.follow()
    cluster.live(10)
    assert len(cluster.groups[1].seen) == before
    assert cluster.catalog.picture.goals == {}
    assert cluster.driver.leadership is None


def test_the_next_leader_goes_on_from_the_learner_that_is_left() -> None:
    cluster = Cluster(3)
    cluster.groups[1].slow = {2}
    cluster.live(1)
    cluster.catalog.follow()
    cluster.groups[1].slow = set()
    cluster.lead(2)
    cluster.live(6)
    assert cluster.voters() == [1, 2, 3]


def test_a_dead_node_is_replaced_after_its_grace() -> None:
    cluster = Cluster(4, 1, 2, 3)
    cluster.down = {3}
    cluster.live(4.5)
    assert cluster.voters() == [1, 2, 3]
    cluster.live(5)
    assert cluster.voters() == [1, 2, 4]


def test_a_large_range_is_split_and_both_sides_are_known_at_once() -> None:
    cluster = Cluster(1, rules=Rules(replicas=1, split_bytes=100))
    cluster.sizes = {1: 150}
    cluster.live(1.5)
    cluster.sizes = {1: 75}
    cluster.live(2)
    assert cluster.told() == ["FindSplitKey", "Split"]
    left, right = cluster.ask(Lookup(b"\x01", 9)).descriptors
    assert (left.group, left.end, right.group, right.start) == (1, b"\x10m", 2, b"\x10m")
    (put,) = [entry for entry in cluster.entries if type(entry) is PutDescriptors and len(entry.descriptors) == 2]
    assert put.descriptors == (left, right)


# -- by order of people ----------------------------------------------------------------------------------------------


def start(cluster: Cluster, move: Any) -> list[Any]:
    if cluster.driver.leadership is None:
        flow = cluster.driver.run(cluster.catalog, 1)
        flow.send(None)
        flow.close()
    leadership = cluster.driver.leadership
    assert leadership is not None
    return cluster.start(cluster.driver.carry_out(leadership, move))


def served(cluster: Cluster, message: Any, seconds: float = 3) -> Any:
    replies = cluster.serve(message)
    cluster.live(seconds)
    return replies[0]


def test_people_move_a_replica() -> None:
    cluster = Cluster(4, 1, 2, 3)
    assert served(cluster, MoveReplica(1, 3, 4)) == Done()
    assert cluster.voters() == [1, 2, 4]


def test_people_move_a_leader() -> None:
    cluster = Cluster(3, 1, 2, 3)
    assert served(cluster, MoveLeader(1, 3)) == Done()
    assert cluster.groups[1].leader == 3


def test_people_split_a_range_where_they_want() -> None:
    cluster = Cluster(1)
    assert served(cluster, SplitRange(b"\x10q")) == Done()
    assert [each.start for each in cluster.ask(Lookup(b"\x01", 9)).descriptors] == [b"\x01", b"\x10q"]
    assert served(cluster, SplitRange(b"\x10q")) == Done(), "it is split there already"


def test_a_range_that_was_split_by_order_is_split_again_without_a_rest() -> None:
    cluster = Cluster(1)
    for key in (b"\x10q", b"\x10g", b"\x10c"):
        assert served(cluster, SplitRange(key), seconds=0.5) == Done()
    starts = [each.start for each in cluster.ask(Lookup(b"\x01", 9)).descriptors]
    assert starts == [b"\x01", b"\x10c", b"\x10g", b"\x10q"]
    assert cluster.catalog.picture.goals == {}


def test_a_large_range_that_was_split_by_order_is_not_taken_for_large_before_it_is_reported_anew() -> None:
    cluster = Cluster(1, rules=Rules(replicas=1, split_bytes=100), decides=False)
    cluster.sizes = {1: 150}
    cluster.live(1)
    assert cluster.catalog.picture.large == {1}
    start(cluster, SplitLarge(1, b"\x10q"))
    assert cluster.catalog.picture.large == set() and cluster.catalog.picture.facts(1).size == 75


def busy(middle: bytes | None) -> Cluster:
    cluster = Cluster(1, rules=Rules(replicas=1, split_load=1000))
    cluster.groups[1].load = 1500
    cluster.groups[1].middle = middle
    cluster.live(5)
    return cluster


def test_a_busy_range_is_watched_then_split_in_the_middle_of_its_load_and_stays_split() -> None:
    cluster = busy(b"\x10k")
    assert cluster.told() == ["FindLoadKey"] * 5 + ["Split"]
    starts = [each.start for each in cluster.ask(Lookup(b"\x01", 9)).descriptors]
    assert starts == [b"\x01", b"\x10k"]
    (right,) = cluster.catalog.routes.groups()[1:]
    left = cluster.groups[1].current()
    side = replace(left, group=right, start=b"\x10k", end=b"\xff")
    cluster.groups[right] = FakeGroup(side, cluster.groups[1].configuration, 1)
    for load, seconds in ((750, 2 * COLD_SECONDS), (0, COLD_SECONDS - 60)):
        for group in (1, right):
            cluster.groups[group].load = load
        cluster.live(seconds)
        assert len(cluster.ask(Lookup(b"\x01", 9)).descriptors) == 2, (
            "while either is asked for anything, and long after"
        )
        assert cluster.told() == ["FindLoadKey"] * 5 + ["Split"]


def test_a_busy_range_without_a_middle_is_left_alone_for_a_while() -> None:
    cluster = busy(None)
    assert cluster.told() == ["FindLoadKey"] * 5
    cluster.live(REST_AFTER_FAILURE_SECONDS / 2)
    assert cluster.told() == ["FindLoadKey"] * 5
    cluster.live(REST_AFTER_FAILURE_SECONDS)
    assert len(cluster.told()) > 5
    assert len(cluster.ask(Lookup(b"\x01", 9)).descriptors) == 1


def test_orders_that_cannot_be_are_refused() -> None:
    cluster = Cluster(5, 1, 2, 3)
    cluster.ask(SetNodeState(5, "draining"))
    for order in (
        MoveReplica(7, 1, 4),
        MoveReplica(1, 4, 4),
        MoveReplica(1, 1, 2),
        MoveReplica(1, 1, 5),
        MoveReplica(1, 1, 9),
        MoveLeader(1, 4),
        MoveLeader(7, 1),
        SplitRange(b""),
        SplitRange(b"\x00"),
    ):
        assert type(cluster.serve(order)[0]) is Refused, order
    assert cluster.serve(MoveReplica(1, 4, 1)) == [Done()], "it is there already"
    assert cluster.serve(MoveLeader(1, 1)) == [Done()]


def test_another_node_says_who_may_lead() -> None:
    cluster = Cluster(3, 1, 2, 3)
    cluster.catalog.follow()
    cluster.directory.lead(0, 2)
    assert cluster.serve(MoveLeader(1, 2)) == [NotLeader(0, 2)]


def test_an_order_that_fails_is_not_called_done() -> None:
    cluster = Cluster(4, 1, 2, 3)
    cluster.silent = {1}
    replies = cluster.serve(MoveReplica(1, 3, 4))
    cluster.live(120)
    assert type(replies[0]) is Refused


def test_a_descriptor_names_learners_as_learners() -> None:
    cluster = Cluster(3)
    cluster.groups[1].slow = {2}
    cluster.live(1)
    (found,) = cluster.ask(Lookup(b"\x01", 1)).descriptors
    assert found.replicas == (Replica(1, 1, True), Replica(2, 10, False), Replica(3, 11, False))
