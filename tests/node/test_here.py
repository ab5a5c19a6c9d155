"""What a node answers its own flows at once, and what goes the ordinary way; how callers' flows begin."""

from types import SimpleNamespace
from typing import Any

import pytest

from argosy.testing.disk import Disk, MemoryJournal
from argosy.testing.rows import MemoryState
from node.codec import encode
from node.config import Settings
from node.flow import HERE, Flow, Flows, Send, Sleep
from node.group import encode_mark
from node.here import Here
from node.host import Host
from node.machine import Answer, Applied, Proposal, Wait
from node.messages import Done
from node.ports import Assembly, Effects, Frame, Hello, Identity, Kind, LinkUp, Role, Synced
from node.raft.messages import Configuration, Member
from node.replicas import FIRST
from ranges.placement.messages import PutNode
from txn.queries import Read

GROUP, SELF = 5, 2
ONCE = Read((b"\x10a",), 0)  # wants a tick
STATED = Read((b"\x10a",), 7 << 16)
COMMAND = PutNode(9, 1, "n9:1")


class Machine:
    """Tells what it was asked; `waits` makes every question wait."""

    configuration = Configuration(1, 2, (Member(1, SELF),))

    def __init__(self, mark: bytes = b"") -> None:
        self._mark = mark
        self.waits = False
        self.asked: list[tuple[Any, int, int]] = []
        self.flows: list[Flow[Any]] = []

    def mark(self) -> bytes:
        return self._mark

    def span(self) -> tuple[bytes, bytes]:
        return b"", b""

    def admit(self, request: Any, now: float) -> Proposal:
        return Proposal(b"")

    def apply(self, body: bytes, request: Any) -> Applied:
        return Applied(Done())

    def read(self, request: Any, now: float) -> Answer | Wait:
        self.asked.append((request.message, request.span, request.tick))
        return Wait(("later",)) if self.waits else Answer(Done())

    def lead(self, term: int) -> None: ...

    def follow(self) -> None: ...

    def duties(self, now: float) -> list[Flow[Any]]:
        flows, self.flows = self.flows, []
        return flows


class Fake:
    """As much of a host as `Here` looks at: one group, led in term 3 under a lease until 10, the time being 9."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.raft = SimpleNamespace(term=3, lease_until=10.0)
        self.group = SimpleNamespace(leading=3, machine=self.machine, raft=self.raft)
        self.replicas = SimpleNamespace(groups={GROUP: self.group})
        self.identity = SimpleNamespace(node=SELF)
        self.now = 9.0
        self.tick: int | None = 12 << 16
        self.assembly = SimpleNamespace(ticks=self._ticks)
        self.here = Here(self)  # type: ignore[arg-type]
        self.flows = Flows(lambda copy, wish: None, self.here.answer)
        self.started: list[Flow[Any]] = []

    def _ticks(self, count: int) -> Flow[int | None]:
        if self.tick is None:
            yield Sleep(1.0)
        return self.tick

    def start(self, flow: Flow[Any]) -> None:
        self.started.append(flow)

    def answer(self, message: Any, node: int = HERE, group: int = GROUP) -> Any:
        return self.here.answer(Send(node, group, 4, message, 1.0))


@pytest.mark.parametrize("node", [HERE, SELF])
def test_a_leader_with_a_lease_answers_at_once(node: int) -> None:
    fake = Fake()
    assert fake.answer(STATED, node) == Done()
    assert fake.answer(ONCE, node) == Done()
    assert fake.machine.asked == [(STATED, 4, 0), (ONCE, 4, 12 << 16)], "the second one at a tick"


def test_what_is_not_for_this_node_or_is_no_query_leaves() -> None:
    fake = Fake()
    assert fake.answer(STATED, node=1) is None
    assert fake.answer(STATED, group=6) is None
    assert fake.answer(COMMAND) is None
    assert fake.answer("an order without a sort") is None
    assert fake.machine.asked == []


def test_without_lease_leadership_or_machine_nothing_is_answered() -> None:
    for change in (
        {"raft": SimpleNamespace(term=3, lease_until=9.0)},
        {"raft": SimpleNamespace(term=4, lease_until=10.0)},
        {"leading": 0},
        {"machine": None},
    ):
        fake = Fake()
        vars(fake.group).update(change)
        assert fake.answer(STATED) is None and fake.machine.asked == [], change


def test_what_would_wait_is_not_answered() -> None:
    fake = Fake()
    fake.machine.waits = True
    assert fake.answer(STATED) is None
    fake.machine.waits, fake.tick = False, None
    assert fake.answer(ONCE) is None, "its tick would be waited for"
    assert fake.answer(STATED) == Done()


def test_a_group_that_is_only_asked_still_does_its_duties() -> None:
    fake = Fake()
    duty = fake._ticks(1)
    fake.machine.flows = [duty]
    fake.answer(STATED)
    assert fake.started == [duty]


class Lone:
    """A host with one group of one voter, its disk in the test's hands."""

    def __init__(self) -> None:
        disk, later = Disk(), lambda seconds, act: None
        self.machine = Machine(b"m")
        disk.marks[GROUP] = (1, encode_mark(1, Machine.configuration, b"m", FIRST))
        routes = SimpleNamespace(address=lambda node: None, control_nodes=lambda: (), learn_control=lambda nodes: None)
        assembly = Assembly(lambda number, mark, view: self.machine, {}, _tick, routes)  # type: ignore[arg-type]
        self.now = 100.0
        self.host = Host(
            Identity(b"c" * 16, SELF, 1, "n2:1"),
            MemoryJournal(disk, later, lambda: 0.0),
            MemoryState(disk, later, lambda: 0.0),
            assembly,
            lambda: 0.5,
            Settings(),
            self.now,
        )
        self.ended: list[Any] = []

    def step(self, *events: Any) -> Effects:
        return self.host.step(self.now, events)

    def lead(self) -> None:
        for _ in range(6):
            self.now = max(self.now, min(self.host.wake_at, self.now + 10.0))
            effects = self.step()
            while effects.record is not None:
                effects = self.step(Synced(effects.record.sequence))
        assert self.host.replicas.groups[GROUP].leading

    def begin(self, *wishes: Any) -> None:
        self.host.begin(self.now, _asks(*wishes), lambda value, error: self.ended.append(value))


def _tick(count: int) -> Flow[int | None]:
    return 12 << 16
    yield


def _asks(*wishes: Any) -> Flow[list[Any]]:
    got = []
    for wish in wishes:
        got.append((yield wish))
    return got


def send(message: Any) -> Send:
    return Send(HERE, GROUP, 4, message, 1.0)


def test_a_caller_whose_question_needs_no_wait_needs_no_step() -> None:
    lone = Lone()
    lone.lead()
    due = lone.host.wake_at
    assert due > lone.now
    lone.begin(send(ONCE), send(STATED))
    assert lone.ended == [[Done(), Done()]]
    assert lone.host.wake_at == due, "nothing is left to do"


def test_a_command_is_due_at_once_and_answered_by_the_steps() -> None:
    lone = Lone()
    lone.lead()
    lone.now += 0.001
    lone.begin(send(STATED), send(COMMAND))
    assert lone.ended == [] and lone.host.wake_at == lone.now
    record = lone.step().record
    assert record is not None
    lone.step(Synced(record.sequence))
    assert lone.ended == [[Done(), Done()]]
    assert lone.host.wake_at > lone.now


def test_a_flow_behind_begins_with_the_next_round_and_is_due() -> None:
    """Never where it is asked for: that may be in the middle of a group's cycle, or of another flow."""
    lone = Lone()
    lone.lead()
    lone.host.start(_asks(send(STATED)), lambda value, error: lone.ended.append(value))
    assert lone.ended == [] and lone.host.wake_at == lone.now
    lone.step()
    assert lone.ended == [[Done()]]


def test_a_caller_that_comes_after_a_long_rest_is_timed_from_now() -> None:
    lone = Lone()
    lone.lead()
    lone.now += 3_000.0
    lone.begin(Send(3, 9, 1, ONCE, 1.0))
    lone.step()
    assert lone.ended == [], "its second has only begun"
    lone.now += 1.0
    lone.step()
    assert lone.ended == [[None]]


def test_what_a_flow_sends_upon_a_reply_after_a_long_rest_is_timed_from_now() -> None:
    lone = Lone()
    lone.lead()
    hello = Hello(Role.NODE, b"c" * 16, 3, 1, "n3:1", ())
    lone.step(LinkUp(7, hello))
    lone.begin(Send(3, 9, 1, ONCE, 50.0), Send(3, 9, 1, ONCE, 1.0))
    lone.step()
    lone.now += 30.0
    lone.step(Frame(7, Kind.REPLIES, ((1, encode(Done())),)))
    assert lone.ended == [], "the second one has its whole time before it"
    lone.now += 1.0
    lone.step()
    assert lone.ended == [[Done(), None]]
