"""The books of support on one node: which groups share which node, which of them sleep, and whom an event reaches."""

from collections.abc import Iterable
from typing import Any

from node.codec import decode
from node.config import Settings
from node.group import Group
from node.liveness import Liveness
from node.ports import Identity
from node.raft.core import Raft
from node.raft.membership import NOBODY
from node.raft.messages import (
    Append,
    Campaign,
    Configuration,
    HardState,
    Input,
    Lapsed,
    Member,
    Received,
    Role,
    Supported,
    Tick,
    Wake,
)
from node.raft.settings import RaftSettings
from node.sleepers import mixed
from node.support import Ask, AskSleepers, Grant, SleepersAre
from tests.node.grouped import FIRST, Keeper, Script

HERE, LIFE = 11, 1
STRETCH = LIFE << 32 | 1


class Listening(Raft):
    """A core that notes what it was told, ticks apart."""

    def __init__(self, *args: Any) -> None:
        self.heard: list[Input] = []
        super().__init__(*args)

    def step(self, event: Input) -> None:
        if type(event) is not Tick:
            self.heard.append(event)
        super().step(event)


def members(nodes: Iterable[int]) -> tuple[Member, ...]:
    return tuple(Member(node - 10, node) for node in nodes)


class House:
    """Node 11 as its liveness sees it. Replica n of every group lives on node 10 + n."""

    def __init__(self, life: int = LIFE) -> None:
        self.identity = Identity(b"c" * 16, HERE, life, "n11")
        self.settings = Settings()
        self.now = 10.0
        self.groups: dict[int, Group] = {}
        self.touched: list[int] = []
        self.sent: list[tuple[int, Any]] = []
        self.replicas = self.outbox = self
        self.liveness = Liveness(self, self.now)  # type: ignore[arg-type]

    def touch(self, group: Group) -> None:
        self.touched.append(group.number)
        group.raft.step(Tick(self.now))

    def support(self, node: int, body: bytes, now: float) -> None:
        assert now == self.now
        self.sent.append((node, decode(body)))

    def add(self, number: int, voters: Iterable[int], learners: Iterable[int] = ()) -> Group:
        configuration = Configuration(1, 9, members(voters), (), members(learners))
        settings = RaftSettings(support=True)
        hard, table = HardState(1, 0, 1), self.liveness.table
        raft = Listening(1, configuration, hard, FIRST, (), FIRST.index, settings, lambda: 0.5, self.now, table)
        keeper = Keeper(self.settings)
        group = self.groups[number] = Group(keeper, number, 1, raft, Script(keeper.did))  # type: ignore[arg-type]
        self.liveness.cycled(group)
        return group

    def led(self, number: int, *learners: int) -> Group:
        """A group that this node leads, as its only voter, in term 2."""
        group = self.add(number, (HERE,), learners)
        group.raft.step(Campaign())
        assert group.raft.role is Role.LEADER
        return group

    def followed(self, number: int, *voters: int) -> Group:
        """A group whose leader, in term 1, is on the first of these nodes."""
        group = self.add(number, (HERE, *voters))
        group.raft.step(Received(voters[0] - 10, Append(1, FIRST, (), 1)))
        return group

    def sleep(self, *groups: Group, asleep: bool = True) -> None:
        for group in groups:
            group.raft.asleep = asleep
            self.liveness.cycled(group)

    def reconfigure(self, group: Group, *configuration: Any) -> None:
        group.raft.configuration = Configuration(*configuration)
        self.liveness.cycled(group)

    def pass_time(self, seconds: float) -> None:
        """In steps that are no pause."""
        for _ in range(round(seconds * 10)):
            self.now = round(self.now + 0.1, 6)
            self.liveness.tick()

    def take(self, node: int, *messages: Any) -> None:
        self.liveness.take(node, list(messages))
        self.liveness.tick()

    def listen(self) -> None:
        """Forget what was heard so far."""
        self.touched.clear()
        self.sent.clear()
        for group in self.groups.values():
            group.raft.heard.clear()  # type: ignore[attr-defined]

    @property
    def heard(self) -> dict[int, list[Input]]:
        """What each group has been told, those apart that were told nothing."""
        rows = {number: group.raft.heard for number, group in self.groups.items()}  # type: ignore[attr-defined]
        return {number: heard for number, heard in rows.items() if heard}

    @property
    def asked(self) -> set[int]:
        return {node for node, message in self.sent if type(message) is Ask}

    @property
    def books(self) -> dict[int, list[int]]:
        nodes = sorted({node for place in self.liveness._placed for node in place})
        return {node: sorted(self.liveness._sharing(node)) for node in nodes}

    def ask(self, asleep: int = 0) -> Ask:
        """What another node says when it wants this one's support, and has heard it lately."""
        return Ask(1, 3.0, 0.7, self.now, self.identity.life, asleep)


# -- books -----------------------------------------------------------------------------------------------------------


def test_the_groups_of_a_node_are_those_whose_configuration_names_it():
    house = House()
    house.add(1, (11, 12, 13))
    house.add(2, (11, 13), (14,))
    assert house.books == {11: [1, 2], 12: [1], 13: [1, 2], 14: [2]}
    assert house.liveness._known == {number: group.raft.configuration for number, group in house.groups.items()}


def test_the_books_follow_a_configuration_through_its_joint_half():
    house = House()
    house.add(1, (11, 13))
    group = house.add(2, (11, 12))
    house.reconfigure(group, 2, 9, members((11, 13)), members((11, 12)))
    assert house.books == {11: [1, 2], 12: [2], 13: [1, 2]}
    house.reconfigure(group, 3, 9, members((11, 13)))
    assert house.books == {11: [1, 2], 13: [1, 2]}
    house.reconfigure(group, 4, 9, members((13,)))
    assert house.books == {11: [1], 13: [1, 2]}
    assert house.liveness._known[2] is group.raft.configuration


def test_a_replica_that_knows_no_members_yet_shares_no_node():
    house = House()
    group = house.add(1, (11, 12))
    house.reconfigure(group, NOBODY.version, NOBODY.next_replica, NOBODY.voters)
    assert house.books == {}
    assert list(house.liveness._known) == [1]


def test_exactly_the_nodes_that_share_a_group_are_asked_for_support():
    house = House()
    assert house.liveness.wake_at == float("inf"), "with nobody"
    house.add(1, (11, 12))
    group = house.add(2, (11, 13), (14,))
    assert house.liveness.wake_at == house.now
    house.liveness.tick()
    assert house.asked == {12, 13, 14}
    house.reconfigure(group, 2, 9, members((11, 15)))
    house.listen()
    house.pass_time(0.3)
    assert house.asked == {12, 15}


def test_a_group_that_is_gone_is_forgotten_everywhere():
    house = House()
    house.add(1, (11, 12))
    leader, follower = house.led(2, 13), house.followed(3, 14)
    house.sleep(leader, follower)
    for number in (2, 3):
        del house.groups[number]
        house.liveness.gone(number)
    assert house.books == {11: [1], 12: [1]}
    assert (list(house.liveness._known), len(house.liveness._support.sleepers)) == ([1], 0)
    assert house.liveness._support.sleepers.led(13) == ()
    assert house.liveness._support.sleepers.followed_sum(14) == 0
    house.pass_time(0.1)
    assert house.asked == {12}


def test_gone_is_said_in_peace_of_a_group_that_was_never_known():
    house = House()
    house.add(1, (11, 12))
    house.liveness.gone(9)
    assert house.books == {11: [1], 12: [1]}


# -- sleep -----------------------------------------------------------------------------------------------------------


def test_a_sleeping_leader_stands_in_the_books_of_each_node_that_follows_it():
    house = House()
    group = house.led(1, 12, 13)
    sleepers = house.liveness._support.sleepers
    house.sleep(group)
    assert len(sleepers) == 1
    assert [sleepers.led(node) for node in (11, 12, 13)] == [(), ((1, 2),), ((1, 2),)]
    house.pass_time(0.1)
    assert {message.asleep for _, message in house.sent} == {mixed(1, 2)}, "which is what it says with each ask"
    house.sleep(group, asleep=False)
    assert not len(sleepers)
    assert [sleepers.led(node) for node in (12, 13)] == [(), ()]


def test_a_sleeping_follower_stands_in_the_books_of_its_leaders_node_alone():
    house = House()
    group = house.followed(1, 13, 12)
    sleepers = house.liveness._support.sleepers
    house.sleep(group)
    assert [sleepers.followed_sum(node) for node in (11, 12, 13)] == [0, 0, mixed(1, 1)]
    assert sleepers.led(13) == ()
    house.sleep(group, asleep=False)
    assert sleepers.followed_sum(13) == 0


def test_the_books_of_sleep_follow_members_and_terms():
    house = House()
    group = house.led(1, 12)
    sleepers = house.liveness._support.sleepers
    house.sleep(group)
    group.raft.configuration = Configuration(2, 9, members((11,)), (), members((13,)))
    group.raft.term = 5
    house.sleep(group)
    assert (sleepers.led(12), sleepers.led(13)) == ((), ((1, 5),))


# -- events ----------------------------------------------------------------------------------------------------------


def test_a_grant_reaches_exactly_the_groups_that_share_its_node():
    house = House()
    asleep = house.led(1, 12)
    house.followed(2, 13, 12)
    house.led(3, 13)
    house.sleep(asleep)
    house.liveness.tick()
    house.listen()
    house.take(12, Grant(LIFE, house.now, STRETCH))
    until = house.liveness.table.granted[12][1]
    assert until > house.now
    assert house.heard == {1: [Supported(12, STRETCH, until)], 2: [Supported(12, STRETCH, until)]}
    assert house.touched == [1, 2]


def test_the_end_of_a_promise_reaches_exactly_the_groups_that_share_its_node():
    house = House()
    asleep = house.followed(1, 12)
    house.followed(2, 13, 12)
    house.followed(3, 13)
    house.liveness.tick()
    house.take(12, house.ask())
    assert Grant(1, 3.0, STRETCH) in [message for _, message in house.sent]
    house.sleep(asleep)
    house.listen()
    house.pass_time(0.6)
    assert (house.heard, house.touched) == ({}, [])
    house.pass_time(0.2)
    assert house.heard == {1: [Lapsed(12)], 2: [Lapsed(12)]}
    assert house.touched == [1, 2]


def test_z6_the_end_of_a_grant_touches_only_leaders_that_sleep_and_share_its_node():
    house = House()
    sleeping, awake, elsewhere = house.led(1, 12), house.led(2, 12), house.led(3, 13)
    follower = house.followed(4, 12)
    house.liveness.tick()
    house.take(12, Grant(LIFE, house.now, STRETCH))
    house.sleep(sleeping, elsewhere, follower)
    house.listen()
    house.pass_time(0.6)
    assert not house.touched
    house.pass_time(0.2)
    assert house.touched == [1]
    assert house.heard == {}, "the time is all that it needs to hear"
    assert not awake.raft.asleep


def test_z3_a_sleeper_that_its_leaders_node_does_not_list_wakes_and_no_other():
    house = House()
    groups = [house.followed(number, 12) for number in (1, 2, 3)] + [house.followed(4, 13)]
    house.sleep(groups[0], groups[1], groups[3])
    house.liveness.tick()
    house.listen()
    house.take(12, house.ask(asleep=mixed(1, 1)))
    (question,) = [each.question for _, each in house.sent if type(each) is AskSleepers]
    house.take(12, SleepersAre(question, ((1, 1),)))
    assert house.heard == {2: [Wake()]}
    assert house.touched == [2]
    assert not groups[1].raft.asleep


def test_another_node_is_told_which_of_its_groups_sleep_here():
    house = House()
    house.sleep(house.led(1, 12), house.led(2, 13), house.led(3, 12, 13))
    house.take(12, AskSleepers(8))
    assert (12, SleepersAre(8, ((1, 2), (3, 2)))) in house.sent


def test_an_event_for_a_replica_that_was_just_dropped_touches_nothing():
    house = House()
    house.sleep(house.followed(1, 12), house.led(2, 12))
    house.liveness.tick()
    house.take(12, house.ask(), Grant(LIFE, house.now, STRETCH))
    house.groups.clear()
    house.touched.clear()
    house.pass_time(1.0)
    question = [each.question for _, each in house.sent if type(each) is AskSleepers][-1]
    house.take(12, SleepersAre(question, ()))
    assert not house.touched


def test_answers_leave_with_the_step_that_brought_the_question_though_no_tick_is_due():
    house = House()
    house.add(1, (11, 12))
    house.liveness.tick()
    house.listen()
    assert house.liveness.wake_at > house.now
    house.take(12, house.ask())
    assert house.sent == [(12, Grant(1, 3.0, STRETCH))], "and nothing is asked before its time"


def test_p6_a_node_that_was_there_before_promises_nothing_for_the_length_of_a_promise():
    house = House(life=2)
    house.add(1, (11, 12))
    house.take(12, house.ask())
    assert not house.liveness.table.promised
    house.pass_time(0.8)
    house.take(12, house.ask())
    assert house.liveness.table.promised == {12: 2 << 32 | 1}
