"""What a lapse or a grant of support costs a node with many groups: never more in a step than a few milliseconds."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from node.codec import encode
from node.config import Settings
from node.liveness import GROUPS_TOLD_MAX, Liveness
from node.ports import Identity
from node.raft.leases import Follow
from node.raft.messages import Configuration, Lapsed, Member, Role, Supported, Tick, Wake
from node.support import Ask, Grant, SleepersAre

MEMBERS = Configuration(1, 4, (Member(1, 1), Member(2, 2), Member(3, 3)))
GROUPS = 3 * GROUPS_TOLD_MAX


@dataclass(eq=False)
class FakeRaft:
    configuration: Configuration = MEMBERS
    asleep: bool = False
    role: Role = Role.FOLLOWER
    term: int = 1
    leader: int = 2
    follow: Follow | None = None
    crowds: list[int] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    host: Any = None

    def step(self, event: Any) -> None:
        if type(event) is not Tick:
            self.inputs.append(event)
            self.crowds.append(self.host.liveness.table.crowd)
            self.host.told.append(self)


@dataclass(eq=False)
class FakeGroup:
    number: int
    raft: FakeRaft
    replica: int = 1

    def node_of(self, replica: int) -> int:
        return replica


class FakeReplicas:
    def __init__(self) -> None:
        self.groups: dict[int, FakeGroup] = {}


class FakeOutbox:
    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []

    def support(self, node: int, body: bytes, now: float) -> None:
        self.sent.append((node, body))


class Node:
    """A host as far as liveness needs one: node 1, in its first life, with followers of node 2."""

    def __init__(self, groups: int = GROUPS) -> None:
        self.identity = Identity(b"c" * 16, 1, 1, "host1:1")
        self.settings = Settings()
        self.now = 0.0
        self.replicas = FakeReplicas()
        self.outbox = FakeOutbox()
        self.told: list[FakeRaft] = []
        self.touched: list[int] = []
        self.liveness = Liveness(self, 0.0)  # type: ignore[arg-type]
        for number in range(groups):
            follow = Follow(2, 2, 1) if number % 3 == 0 else Follow(3, 3, 1) if number % 3 == 1 else None
            group = FakeGroup(number, FakeRaft(host=self, follow=follow))
            self.replicas.groups[number] = group
            self.liveness.cycled(group)  # type: ignore[arg-type]

    def touch(self, group: FakeGroup) -> None:
        self.touched.append(group.number)

    def step(self, now: float, *messages: Any) -> list[Any]:
        """One step; what each group was told in it."""
        self.now = now
        self.told, self.touched = [], []
        self.liveness.take(2, list(messages))
        self.liveness.tick()
        return [each.inputs[-1] for each in self.told]

    def ask(self, now: float) -> Ask:
        return Ask(1, now + 50.0, 0.7, now, 1, 0)

    def grants(self) -> int:
        return sum(body == encode(Grant(1, self.now + 50.0, 1 << 32 | 2)) for _, body in self.outbox.sent)


@pytest.fixture
def node() -> Node:
    """Node 2 was promised support until 0.8."""
    made = Node()
    made.step(0.1, made.ask(0.1))
    for now in (0.3, 0.5, 0.7):
        made.step(now)
    return made


def lapse(node: Node) -> list[Any]:
    told = node.step(0.9)
    assert 2 not in node.liveness.table.promised
    return told


def test_a_lapse_is_told_to_group_0_at_once_and_to_so_many_in_each_step(node: Node) -> None:
    told = lapse(node)
    assert node.told[0] is node.replicas.groups[0].raft
    assert len(told) == GROUPS_TOLD_MAX + 1 and set(told) == {Lapsed(2)}
    assert node.liveness.wake_at <= node.now, "the next step comes at once"
    while node.liveness.wake_at <= node.now:
        assert 0 < len(node.step(node.now)) <= GROUPS_TOLD_MAX
    assert all(group.raft.inputs == [Lapsed(2)] for group in node.replicas.groups.values())


def test_how_many_will_campaign_is_known_while_they_are_told(node: Node) -> None:
    """A third of them follow a leader on the node whose promise has ended."""
    lapse(node)
    assert node.replicas.groups[0].raft.crowds == [GROUPS // 3]
    assert node.liveness.table.crowd == 0


def test_p2_no_new_stretch_begins_before_all_groups_have_heard_of_the_lapse(node: Node) -> None:
    """A group that still follows in the old stretch would acknowledge in the new one."""
    lapse(node)
    now = 0.91
    while node.liveness.wake_at <= node.now:
        node.step(now, node.ask(now))
        assert 2 not in node.liveness.table.promised and not node.grants()
        now += 0.001
    assert all(group.raft.inputs for group in node.replicas.groups.values())
    node.step(now, node.ask(now))
    assert node.liveness.table.promised[2] == 1 << 32 | 2 and node.grants() == 1


def test_a_grant_is_told_in_steps_too(node: Node) -> None:
    told = node.step(0.75, Grant(1, 0.7, 2 << 32 | 1))
    assert len(told) == GROUPS_TOLD_MAX + 1 and all(type(each) is Supported for each in told)


def test_z6_only_sleeping_leaders_look_at_lost_support(node: Node) -> None:
    for number in (0, 5):
        node.replicas.groups[number].raft.asleep = True
        node.replicas.groups[number].raft.role = Role.LEADER
    node.replicas.groups[6].raft.asleep = True
    node.step(0.75, Grant(1, 0.7, 2 << 32 | 1))
    while node.liveness.wake_at <= node.now:
        node.step(node.now)
    touched: list[int] = []
    for now in (0.9, 1.1, 1.3, 1.5, 1.5, 1.5, 1.5):
        told = node.step(now, node.ask(now))
        assert told == []
        touched += node.touched
    assert touched == [0, 5]


def test_z3_doubtful_groups_are_woken(node: Node) -> None:
    for number in (3, 4):
        node.replicas.groups[number].raft.asleep = True
        node.liveness.cycled(node.replicas.groups[number])  # type: ignore[arg-type]
    node.step(0.75, node.ask(0.75))
    assert node.step(0.76, SleepersAre(1, ((3, 1),))) == [Wake()]
    assert node.told == [node.replicas.groups[4].raft]


def test_how_many_are_awake_is_known_to_all() -> None:
    node = Node(5)
    assert node.liveness.table.awake == 5
    node.replicas.groups[3].raft.asleep = True
    node.liveness.cycled(node.replicas.groups[3])  # type: ignore[arg-type]
    assert node.liveness.table.awake == 4
    node.replicas.groups[3].raft.asleep = False
    node.liveness.cycled(node.replicas.groups[3])  # type: ignore[arg-type]
    assert node.liveness.table.awake == 5


def test_a_group_that_is_gone_is_not_told(node: Node) -> None:
    del node.replicas.groups[0]
    node.liveness.gone(0)
    assert len(lapse(node)) == GROUPS_TOLD_MAX


def test_nodes_are_asked_as_long_as_some_group_has_a_member_there() -> None:
    node = Node(2)
    node.step(0.2)
    assert sorted(to for to, _ in node.outbox.sent) == [2, 3]
    node.liveness.gone(0)
    node.replicas.groups[1].raft.configuration = Configuration(2, 4, (Member(1, 1), Member(3, 3)))
    node.liveness.cycled(node.replicas.groups[1])  # type: ignore[arg-type]
    node.outbox.sent.clear()
    node.step(0.4)
    assert [to for to, _ in node.outbox.sent] == [3]
    node.liveness.gone(1)
    node.outbox.sent.clear()
    node.step(0.6)
    assert node.outbox.sent == []
