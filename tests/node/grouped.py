"""One replica with nothing real around it but its Raft core: a holder that writes down what is asked of it, in order,
and a machine that does as it is told. Read next: tests/node/test_group.py."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from node.config import Settings
from node.flow import Flow, Flows, Send
from node.group import Group
from node.machine import Answer, Applied, Proposal, Request, StartGroup, StopGroup, Wait
from node.messages import NotLeader
from node.ports import GroupRecord
from node.raft.core import Raft
from node.raft.messages import (
    Append,
    AppendReply,
    Campaign,
    Configuration,
    HardState,
    Member,
    Message,
    Persisted,
    Position,
    Ready,
    Received,
    Role,
    Tick,
    VoteReply,
)
from node.raft.settings import RaftSettings

GROUP = 7
FIRST = Position(1, 1)
LEASE_END = 50.0
STRETCH = 5
Did = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Saying:
    """A message of which nobody needs to know more."""

    sort: str | None
    wants_tick: bool = False


def put(copy: int, body: bytes = b"x", since: float = 0.0) -> Request:
    return Request(1, copy, GROUP, 1, body, Saying("command"), since)


def get(copy: int, since: float = 0.0) -> Request:
    return Request(1, copy, GROUP, 1, b"", Saying("query"), since)


class Signal:
    """What flows wait for until a test sets it (`Keeper.set`)."""


def until(signal: Signal) -> Flow[Any]:
    return (yield Send(1, 0, 0, signal, 1000.0))


def runs(ran: list[int], number: int) -> Flow[None]:
    """A flow that notes that it ran."""
    ran.append(number)
    return
    yield


class Script:
    """A machine. `outcomes` are what admit and read say to a copy, one after the other, before the ordinary;
    `given` is what applying an entry gives. The ordinary: propose with the stamp `+`, reply the entry's body."""

    configuration: Configuration | None = None
    frozen = 0
    fixed = False

    def __init__(self, did: Did) -> None:
        self.did = did
        self.known = b"mark"
        self.outcomes: dict[int, list[Any]] = {}
        self.given: dict[bytes, Applied] = {}
        self.flows: list[Flow[Any]] = []

    def mark(self) -> bytes:
        return self.known

    def admit(self, request: Request, now: float) -> Proposal | Answer | Wait:
        self.did.append(("admit", request.copy))
        return self._next(request.copy, Proposal(b"+"))

    def read(self, request: Request, now: float) -> Answer | Wait:
        self.did.append(("read", request.copy))
        return self._next(request.copy, Answer("read"))

    def _next(self, copy: int, ordinary: Any) -> Any:
        outcomes = self.outcomes.get(copy)
        return outcomes.pop(0) if outcomes else ordinary

    def apply(self, body: bytes, request: Request | None) -> Applied:
        self.did.append(("apply", body, request and request.copy))
        return self.given.get(body) or Applied(body)

    def lead(self, term: int) -> None:
        self.did.append(("lead", term))

    def follow(self) -> None:
        self.did.append(("follow",))

    def duties(self, now: float) -> Sequence[Flow[Any]]:
        flows, self.flows = self.flows, []
        return flows


class Rows:
    """A state that keeps no rows: how full it is, and what was sealed."""

    def __init__(self, did: Did) -> None:
        self.did = did
        self.full = 0.0

    def load(self) -> float:
        return self.full

    def seal(self, group: int, index: int, mark: bytes | None) -> None:
        assert group == GROUP
        self.did.append(("seal", index, mark))


class Keeper:
    """What a group needs of its host. `did` is all that was asked of it, its state and its machine, in order."""

    def __init__(self, settings: Settings) -> None:
        self.now, self.steps = 0.0, 0
        self.did: Did = []
        self.state = Rows(self.did)
        self.settings = settings
        self.sent: list[tuple[int, Any]] = []
        self.flows = Flows(lambda copy, wish: self.sent.append((copy, wish.message)))
        self.touched: dict[Group, None] = {}
        self.written: list[tuple[Persisted, Sequence[tuple[int, Message]]]] = []

    def reply(self, request: Request, reply: Any) -> None:
        self.did.append(("reply", request.copy, reply))

    def redirect(self, group: int, node: int) -> NotLeader:
        return NotLeader(group, node, f"n{node}" if node else "")

    def set(self, signal: Signal, value: Any = "set") -> None:
        for copy, message in list(self.sent):
            if message is signal:
                self.flows.replied(copy, value)

    def start(self, flow: Flow[Any], done: Callable[[Any, BaseException | None], None] | None = None) -> None:
        self.did.append(("start",))
        self.flows.start(flow, done)

    def send_raft(self, group: Group, target: int, message: Message) -> None:
        self.did.append(("send", target, message))

    def persist(self, group: Group, change: GroupRecord, promises: Sequence[tuple[int, Message]]) -> None:
        assert change.group == group.number
        self.did.append(("persist", change))
        last = group.raft.last
        self.written.append((Persisted(last.term, last.index), promises))

    def promise(self, group: Group, promises: Sequence[tuple[int, Message]]) -> None:
        self.did.append(("promise", list(promises)))

    def apply_soon(self, group: Group) -> None:
        self.did.append(("apply soon",))

    def start_group(self, parent: Group, effect: StartGroup) -> None:
        self.did.append(("start group", effect))

    def stop_group(self, parent: Group, effect: StopGroup) -> None:
        self.did.append(("stop group", effect))

    def send_snapshot(self, group: Group, follower: int) -> None:
        self.did.append(("send snapshot", follower))

    def take_snapshot(self, group: Group, ready: Ready) -> None:
        self.did.append(("take snapshot", ready.restore))

    def removed(self, group: Group) -> None:
        self.did.append(("removed",))

    def touch(self, group: Group) -> None:
        self.touched[group] = None
        group.raft.step(Tick(self.now))

    def alarm(self, group: Group, token: Hashable, seconds: float) -> None:
        self.did.append(("alarm", token, seconds))


class Stage:
    """Replica 1 of so many voters; replica n lives on node 10 + n. The test plays the others, the disk and the time."""

    def __init__(self, voters: int = 1, support: bool = False, later: int = 2048) -> None:
        members = tuple(Member(each, 10 + each) for each in range(1, voters + 1))
        configuration = Configuration(1, voters + 1, members)
        self.keeper = Keeper(Settings(leases=support, apply_later_bytes=later))
        self.did = self.keeper.did
        self.machine = Script(self.did)
        settings = RaftSettings(support=support)
        hard = HardState(1, 0, 1)
        self.raft = Raft(1, configuration, hard, FIRST, (), FIRST.index, settings, lambda: 0.5, 0.0)
        self.raft.quiet_until = 0.0  # it has promised nothing in an earlier life
        self.group = Group(self.keeper, GROUP, 1, self.raft, self.machine)  # type: ignore[arg-type]

    def seen(self, *kinds: str) -> Did:
        """What was done of these kinds."""
        return [each for each in self.did if each[0] in kinds]

    @property
    def replies(self) -> dict[int, Any]:
        """By copy. Nothing is answered twice."""
        rows = [each[1:] for each in self.did if each[0] == "reply"]
        assert len(dict(rows)) == len(rows), rows
        return dict(rows)

    @property
    def said(self) -> Did:
        """(target, message) of all that left at once."""
        return [each[1:] for each in self.did if each[0] == "send"]

    @property
    def places(self) -> dict[int, str]:
        """Where each request is, by copy; never in two places, and nowhere once it is answered."""
        group = self.group
        rows = [(request.copy, "proposals") for _, request in group.proposals]
        rows += [(request.copy, "waiting") for request in group.waiting.values()]
        rows += [(request.copy, "reading") for request in group.reading]
        rows += [(request.copy, "rounds") for requests in group.rounds.values() for request in requests]
        rows += [(request.copy, "parked") for waiters in group.parked.values() for request, _ in waiters]
        rows += [(request.copy, "ordered") for requests in group.ordered.values() for request in requests]
        assert len(dict(rows)) == len(rows), rows
        assert not dict(rows).keys() & self.replies.keys()
        return dict(rows)

    def settle(self) -> None:
        """Let what was touched cycle."""
        while self.keeper.touched:
            touched, self.keeper.touched = self.keeper.touched, {}
            for group in touched:
                group.cycle()

    def take(self, *requests: Request) -> None:
        """Requests come, and the step has not ended yet."""
        for request in requests:
            self.keeper.touch(self.group)
            self.group.take(request)

    def ask(self, *requests: Request) -> None:
        self.take(*requests)
        self.settle()

    def hear(self, source: int, *messages: Message) -> None:
        self.keeper.touch(self.group)
        for message in messages:
            self.raft.step(Received(source, message))
        self.settle()

    def sync(self) -> None:
        """The disk answers for all that it was given."""
        written, self.keeper.written = self.keeper.written, []
        self.keeper.touch(self.group)
        for persisted, promises in written:
            self.raft.step(persisted)
            for target, message in promises:
                self.keeper.send_raft(self.group, target, message)
        self.settle()

    def tick(self, now: float) -> None:
        self.keeper.now = now
        self.keeper.touch(self.group)
        self.settle()

    def elect(self) -> "Stage":
        """It leads term 2, and its first entry, at index 2, is nowhere durable."""
        self.raft.support.grant(12, STRETCH, LEASE_END)
        self.keeper.touch(self.group)
        self.raft.step(Campaign())
        self.settle()
        if len(self.raft.configuration.voters) > 1:
            self.hear(2, VoteReply(2, True, pre=True))
            self.hear(2, VoteReply(2, True))
        assert self.raft.role is Role.LEADER
        return self

    def serve(self, stretch: int = 0) -> "Stage":
        """Its first entry is applied; what was done so far is forgotten."""
        self.elect()
        self.sync()
        self.acknowledge(2, stretch)
        self.keeper.touch(self.group)
        self.group.apply()
        self.settle()
        assert self.group.leading == 2
        self.did.clear()
        return self

    def acknowledge(self, index: int, stretch: int = 0) -> None:
        """A majority holds the log durably up to here."""
        if len(self.raft.configuration.voters) > 1:
            self.hear(2, AppendReply(2, index, stretch))

    def lose(self) -> None:
        """Replica 3 leads a later term."""
        self.hear(3, Append(3, FIRST, (), 1))
