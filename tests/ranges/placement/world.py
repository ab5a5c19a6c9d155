"""A world of fakes for tests of the catalog and the driver: one node that leads group 0, groups that obey, and time."""

from collections import deque
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from node.codec import decode, encode
from node.flow import Flow, Flows, Send
from node.machine import Answer, Applied, Proposal, Request, Wait
from node.messages import (
    AskDurable,
    AskProgress,
    ChangeMembers,
    Done,
    DurableIs,
    NoGroup,
    NotLeader,
    ProgressIs,
    Refused,
    TransferLeader,
)
from node.raft.membership import changed, left, members
from node.raft.messages import Configuration, Member
from ranges.admin import FindLoadKey, FindSplitKey, Split, SplitDone, SplitKeyIs
from ranges.descriptor import Descriptor, Replica, replicas_of
from ranges.directory import Directory
from ranges.merging import Absorb, Absorbed, Forgo, Freeze, Frozen, Thaw
from ranges.placement.catalog import Catalog, Drive
from ranges.placement.messages import Join, RangeReport, Report, Rules
from ranges.placement.rows import bootstrap_rows
from tests.ranges.fakes import FakeView

CLUSTER = b"c" * 16


def descriptor(group: int, start: bytes, end: bytes, span: int, configuration: int, *nodes: int) -> Descriptor:
    """A range on these nodes, with replica ids from 1 on."""
    replicas = tuple(Replica(node, place + 1, True) for place, node in enumerate(nodes))
    return Descriptor(group, start, end, span, configuration, replicas)


EVERYTHING = descriptor(1, b"\x01", b"\xff", 1, 0, 1)


def joined(world: "World", nodes: int) -> None:
    """Nodes 2 to `nodes` join."""
    for node in range(2, nodes + 1):
        world.ask(Join(bytes((node,)) * 16, f"host{node}:{node}"))


class FakeGroup:
    """A group whose members obey at once. `refusals` orders are refused first; learners of `slow` never catch up.

    Nodes in `lagging` do not hold a freeze durably, those in `mute` do not say what they hold.
    """

    def __init__(self, descriptor: Descriptor, configuration: Configuration, leader: int) -> None:
        self.descriptor = descriptor
        self.configuration = configuration
        self.leader = leader
        self.term = 1
        self.refusals = 0
        self.slow: set[int] = set()
        self.lagging: set[int] = set()
        self.mute: set[int] = set()
        self.frozen = self.ended = self.absorbed = 0
        self.watched = 0
        self.middle: bytes | None = None  # of its load; None: one key has most of it
        self.load = 0
        self.seen: list[str] = []

    def current(self) -> Descriptor:
        version = self.configuration.version
        return replace(self.descriptor, configuration_version=version, replicas=replicas_of(self.configuration))

    def report(self, size: int = 0) -> RangeReport:
        return RangeReport(self.current(), self.configuration.next_replica, self.term, size, self.load)

    def order(self, message: Any) -> Any:
        self.seen.append(_told(message))
        if self.refusals and isinstance(message, ChangeMembers | TransferLeader):
            self.refusals -= 1
            return Refused("not now")
        match message:
            case ChangeMembers(voters, learners, before):
                if {member.node for member in self.configuration.voters} != set(before):
                    return Refused("other ones vote by now")
                return self._change(voters, learners)
            case TransferLeader(node):
                assert node in {member.node for member in self.configuration.voters}, "only a voter may lead"
                self.leader, self.term = node, self.term + 1
                return Done()
            case AskProgress():
                others = [each.node for each in members(self.configuration) if each.node != self.leader]
                return ProgressIs(500, tuple((node, 3 if node in self.slow else 500) for node in others))
            case FindLoadKey():
                self.watched += 1
                if self.watched < 5:
                    return SplitKeyIs(None)
                return Refused("one key") if self.middle is None else SplitKeyIs(self.middle)
            case FindSplitKey():
                return SplitKeyIs(b"\x10m")
            case Split(at, group):
                return self._split(at, group)
            case Freeze() | Absorb() | Forgo() | Thaw():
                return self._merge(message)
            case _:
                raise AssertionError(f"a group got {message!r}")

    def durable(self, node: int) -> DurableIs | None:
        """What the replica on a node says that it holds."""
        replica = next((each.replica for each in replicas_of(self.configuration) if each.node == node), 0)
        if node in self.mute:
            return None
        return DurableIs(replica, 500, 0 if node in self.lagging else self.frozen)

    def _merge(self, message: Freeze | Absorb | Forgo | Thaw) -> Any:
        """As ranges/merging.py does, in short."""
        match message:
            case Freeze(merge):
                if merge <= self.ended:
                    return Refused("over")
                self.frozen = merge
                return Frozen(self.current(), 0, 0, 0)
            case Absorb(merge, right):
                if merge <= self.ended or self.descriptor.end != right.start:
                    return Refused("over")
                self.ended = self.absorbed = merge
                version = max(self.descriptor.span_version, right.span_version) + 1
                self.descriptor = replace(self.descriptor, end=right.end, span_version=version)
                return Absorbed(self.current())
            case Forgo(merge):
                if merge == self.absorbed:
                    return Absorbed(self.current())
                self.ended = max(self.ended, merge)
            case Thaw(merge):
                self.ended = max(self.ended, merge)
                self.frozen = 0 if self.frozen == merge else self.frozen
        return Done()

    def _change(self, voters: tuple[int, ...], learners: tuple[int, ...]) -> Any:
        assert self.leader in voters or len(voters) == 1, "a leader's own replica goes only when it no longer leads"
        target = changed(self.configuration, voters, learners)
        if isinstance(target, str):
            return Refused(target)
        self.configuration = left(target) if target.outgoing else target
        return Done()

    def _split(self, at: bytes, group: int) -> SplitDone:
        before = self.current()
        self.load //= 2
        self.descriptor = replace(before, end=at, span_version=before.span_version + 1)
        return SplitDone(self.current(), replace(before, group=group, start=at, span_version=before.span_version + 1))


class World:
    """One node, 1, that leads group 0; commands are applied as they come; `run` lets time pass."""

    def __init__(self, rules: Rules | None = None, drive: Drive | None = None) -> None:
        self.view = FakeView()
        for row in bootstrap_rows(CLUSTER, "host1:1", rules=rules):
            self.view.put(*row)
        self.catalog = Catalog(self.view, b"", drive, node=1)
        self.catalog.configuration = Configuration(1, 2, (Member(1, 1),))
        self.directory = Directory()
        self.groups: dict[int, FakeGroup] = {}
        self.flows = Flows(self._send)
        self.now = 0.0
        self.entries: list[Any] = []
        self.replies: list[Any] = []
        self.silent: set[int] = set()  # groups that do not answer
        self.lost: set[type] = set()  # messages that are carried out and whose answer does not come
        self._queue: deque[tuple[int, Send]] = deque()
        self._parked: dict[Hashable, list[Request]] = {}
        self._copies = 1_000_000

    # -- what callers do -------------------------------------------------------------------------------------------

    def lead(self, term: int = 1) -> None:
        self.catalog.lead(term)
        self.settle()

    def ask(self, message: Any) -> Any:
        """The reply to a message to group 0; the last thing that `settle` brought for it, None if it waits."""
        self._copies += 1
        request = Request(0, self._copies, 0, 0, encode(message), message, self.now)
        self.replies = []
        self._take(request)
        self.settle()
        return self.replies[-1] if self.replies else None

    def run(self, seconds: float, step: float = 0.25) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += step
            self.flows.step(self.now)
            self.settle()

    def start(self, flow: Flow[Any]) -> list[Any]:
        """Run a flow; its result comes into the list."""
        done: list[Any] = []
        self.flows.start(flow, lambda value, error: done.append(error or value))
        self.settle()
        return done

    def report(self, node: int, *leading: RangeReport, **more: Any) -> Any:
        memory = self.catalog.memory
        assert memory is not None
        address = self.catalog.nodes[node].address
        more = {"generation": memory.term, "seen": memory.seen, **more}
        return self.ask(Report(node, more.pop("life", 0), address, leading=leading, **more))

    def call_group(self, descriptor: Descriptor, message: Any, seconds: float) -> Flow[Any]:
        """As a router does (ranges/router.py)."""
        return (yield Send(-1, descriptor.group, descriptor.span_version, message, seconds))

    # -- the host's part -------------------------------------------------------------------------------------------

    def settle(self) -> None:
        while True:
            for flow in self.catalog.duties(self.now):
                self.flows.start(flow)
            if not self._queue:
                return
            copy, wish = self._queue.popleft()
            self._answer(copy, wish)

    def _send(self, copy: int, wish: Send) -> None:
        self._queue.append((copy, wish))

    def _answer(self, copy: int, wish: Send) -> None:
        if wish.group in self.silent:
            return
        if getattr(wish.message, "sort", None) is not None and wish.group == 0:
            self._take(Request(-2, copy, 0, 0, encode(wish.message), wish.message, self.now))
        elif wish.group in self.groups:
            self._order(copy, wish)
            if wish.group == 0:
                self.catalog.configuration = self.groups[0].configuration
        else:
            self.flows.replied(copy, NoGroup(wish.group))

    def _order(self, copy: int, wish: Send) -> None:
        group, message = self.groups[wish.group], wish.message
        if type(message) is AskDurable:
            reply = group.durable(wish.node)
            if reply is not None:
                self.flows.replied(copy, reply)
            return
        reply = group.order(message)
        if type(message) is Absorb and type(reply) is Absorbed:
            del self.groups[message.right.group]
        if type(message) not in self.lost:
            self.flows.replied(copy, reply)

    def _take(self, request: Request) -> None:
        if self.catalog.memory is None:
            self._reply(request, NotLeader(0, 0))
        elif request.message.sort == "command":
            outcome = self.catalog.admit(request, self.now)
            if type(outcome) is Proposal:
                self.entries.append(decode(request.body))
                applied = self.catalog.apply(outcome.stamp + request.body, request)
                assert type(applied) is Applied
                self._reply(request, applied.reply)
                for token in applied.wakes:
                    self._wake(token)
            else:
                assert type(outcome) is Answer
                self._reply(request, outcome.reply)
        else:
            self._read(request)

    def _read(self, request: Request) -> None:
        outcome = self.catalog.read(request, self.now)
        if type(outcome) is Answer:
            self._reply(request, outcome.reply)
            return
        assert type(outcome) is Wait
        self._parked.setdefault(outcome.token, []).append(request)
        if outcome.flow is not None:
            self.flows.start(outcome.flow, lambda _, __: self._wake(outcome.token))

    def _wake(self, token: Hashable) -> None:
        for request in self._parked.pop(token, []):
            self._take(request)

    def _reply(self, request: Request, reply: Any) -> None:
        if request.link == -2:
            self.flows.replied(request.copy, reply)
        else:
            self.replies.append(reply)


def _told(message: Any) -> str:
    match message:
        case ChangeMembers(voters, learners, _):
            plus = "".join(f" n{node}?" for node in learners)
            return "members" + "".join(f" n{node}" for node in voters) + plus
        case TransferLeader(node):
            return f"leader n{node}"
        case _:
            return type(message).__name__
