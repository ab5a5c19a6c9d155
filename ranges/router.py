"""From a key to the replica that leads its range, whatever has moved meanwhile.

Owns sending a message again: to the leader that a refusal names, to the next replica on silence, under a new span
version after a split; and the count of its copies, by which a caller knows what may still happen (F2, F3, M4).
The link delivers a copy at most once, so a copy with a definite reply is done for. Flows only; the fast path of a
caller with a known route is one `Send` of its own. Does not own what a reply means (txn/). Read next: txn/settling.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from node.flow import HERE, Flow, Send, Sleep
from node.messages import Busy, NoGroup, NotLeader
from ranges.descriptor import Descriptor
from ranges.directory import CONTROL_GROUP, Directory
from ranges.messages import NotYet, StaleSpan
from ranges.placement.messages import Lookup, RoutesAre, Ticks, TicksAre

TRY_SECONDS = 0.8  # for one copy; a dead leader costs no more before others are asked
TRY_SECONDS_MAX = 4.0
PAUSE_SECONDS_MIN = 0.005
PAUSE_SECONDS_MAX = 0.1
LOOKUP_RANGES = 64  # descriptors asked for at once
REFUSALS_MAX = 4  # answers that nobody leads here, before group 0 is asked whether the replicas are others by now

T = TypeVar("T")

ONE_TICK = Ticks(1)
MOVED = StaleSpan(())  # as a reply of `call`: the span version is no longer that of the first copy
ROUTING = frozenset((NotLeader, NoGroup, Busy, NotYet, StaleSpan))  # what a caller never sees, but for MOVED


@dataclass(slots=True)
class Call:
    """What came of a message's copies.

    `reply` is the last one's answer, None if nobody answered in time. `open` counts the copies without a definite
    reply: each may be carried out at any later time. `span` is the largest span version that one was sent under.
    """

    reply: Any = None
    open: int = 0
    span: int = 0
    why: str = ""  # why a leader took nothing, for people: a full disk


class _Pace:
    """How one message goes on trying: who was silent, whom to ask next, how long to wait and to pause."""

    __slots__ = ("_jumped", "_pause", "_spared", "chance", "place", "refusals", "seconds", "silences", "silent")

    def __init__(self, chance: Callable[[], float], seconds: float) -> None:
        self.chance = chance
        self.seconds = seconds
        self.place = -1
        self.silences = self.refusals = 0
        self.silent: set[int] = set()
        self._jumped = self._spared = False
        self._pause = PAUSE_SECONDS_MIN

    def next_node(self, hint: int, nodes: tuple[int, ...], spares: Callable[[], tuple[int, ...]] | None = None) -> int:
        """The leader, if there is a hint; else the nodes in turn. One who was silent is passed over once; where all
        were, and there are `spares`, it is the turn of whoever is at hand, then of one of those, whichever."""
        if hint and hint not in self.silent:
            return hint
        self.silent.discard(hint)
        for _ in nodes:
            self.place += 1
            node = nodes[self.place % len(nodes)]
            if node != hint and node not in self.silent:
                return node
        self._spared = spares is not None and not self._spared
        if self._spared:
            return HERE
        self.silent.clear()
        if spares is not None and (known := spares()):
            return known[int(self.chance() * len(known))]
        return hint or (nodes[self.place % len(nodes)] if nodes else HERE)

    def was_silent(self, node: int) -> bool:
        """Nothing came from there in time; the next wait is longer, so that a slow leader is not taken for a dead one.

        True every second time: routes may be out of date.
        """
        self.silent.add(node)
        self.silences += 1
        self.seconds = min(self.seconds * 2, max(self.seconds, TRY_SECONDS_MAX))
        return self.silences % 2 == 0

    def was_refused(self) -> bool:
        """A replica there does not lead, or its range has moved on; who leads may live where our descriptor knows
        nothing of.

        True every few times: routes may be out of date.
        """
        self.refusals += 1
        return self.refusals % REFUSALS_MAX == 0

    def may_jump(self) -> bool:
        """Go on at once after a refusal that names another place? Not twice in a row: two may name each other."""
        self._jumped = not self._jumped
        return self._jumped

    def pause(self) -> float:
        """Seconds before the next try: longer each time, and never the same for two."""
        self._jumped = False
        self._pause = min(self._pause * 2, PAUSE_SECONDS_MAX)
        return self._pause * (0.5 + self.chance())


def _none_of(nodes: Sequence[int]) -> int:
    return 0


class Router:
    """Sends to whoever leads.

    1. Every copy that leaves is counted in its `Call` before it leaves.
    2. `told` is the largest timestamp that came back, whatever it was an answer to (C2a's `born`); it never falls.
    3. `near` says which of some nodes is the nearest, 0 if that is none of them; whoever knows sets it.
    """

    __slots__ = ("chance", "directory", "near", "now", "told")

    def __init__(self, directory: Directory, chance: Callable[[], float], now: Callable[[], float]) -> None:
        self.directory = directory
        self.chance = chance
        self.now = now
        self.told = 0
        self.near: Callable[[Sequence[int]], int] = _none_of

    def hear(self, timestamp: int) -> None:
        """A timestamp was told: everything handed out later is larger."""
        if timestamp > self.told:
            self.told = timestamp

    def note(self, descriptor: Descriptor, node: int, reply: Any) -> None:
        """A copy that its caller sent by itself came to nothing there: the next one shall go elsewhere."""
        group = descriptor.group
        if reply is None or type(reply) is NoGroup:
            others = [each.node for each in descriptor.replicas if each.node != node]
            self.directory.lead(group, others[int(self.chance() * len(others))] if others else 0)
        elif type(reply) is NotLeader:
            self.directory.lead(group, reply.node if reply.node != node else 0)
        elif type(reply) is StaleSpan:
            self.directory.learn(reply.descriptors)

    # -- ranges ----------------------------------------------------------------------------------------------------

    def call(
        self,
        key: bytes,
        message: Any,
        seconds: float,
        *,
        call: Call | None = None,
        follow: bool = True,
        above_span: int = 0,
        try_seconds: float = TRY_SECONDS,
    ) -> Flow[Call]:
        """Send to the leader of the range that holds `key` until it is answered or `seconds` are over.

        `follow` False: it stops with MOVED where the span version is not that of the first copy, since the keys of
        the message may lie in several ranges now. `above_span`: only under a larger span version than this (M4).
        `call` goes on with an earlier call's count.
        """
        call = call or Call()
        call.reply = None
        until = self.now() + seconds
        pace = _Pace(self.chance, try_seconds)
        while True:
            descriptor = self.directory.find(key)
            if descriptor is None or descriptor.span_version <= above_span:
                descriptor = yield from self.locate(key, until - self.now())
            left = until - self.now()
            if left <= 0:
                return call
            if descriptor is None or descriptor.span_version <= above_span:
                yield Sleep(pace.pause())
                continue
            if not follow and call.span and descriptor.span_version != call.span:
                call.reply = MOVED
                return call
            nodes = tuple(each.node for each in descriptor.replicas)
            node = pace.next_node(self.directory.leaders.get(descriptor.group, 0), nodes)
            call.span = max(call.span, descriptor.span_version)
            call.open += 1
            reply = yield Send(node, descriptor.group, descriptor.span_version, message, min(pace.seconds, left))
            if reply is not None:
                call.open -= 1
                if type(reply) not in ROUTING:
                    self.directory.lead(descriptor.group, node)
                    call.reply = reply
                    return call
            yield from self._mend(call, pace, key, descriptor, node, reply)
            if not follow and type(reply) is StaleSpan:
                call.reply = MOVED
                return call

    def _mend(self, call: Call, pace: _Pace, key: bytes, descriptor: Descriptor, node: int, reply: Any) -> Flow[None]:
        """Learn from a copy that was not answered, or sent on its way; pause where the same may come again."""
        group, directory = descriptor.group, self.directory
        match reply:
            case None:
                if directory.leaders.get(group) == node:
                    directory.lead(group, 0)
                if pace.was_silent(node):
                    yield from self.locate(key, TRY_SECONDS)
            case NotLeader(_, other, _):
                known = directory.leaders.get(group, 0)
                self._learn_leader(group, node, reply)
                if pace.was_refused():
                    directory.lead(group, 0)  # former replicas may name each other for ever
                    yield from self.locate(key, TRY_SECONDS)
                elif other and other not in (known, node) and pace.may_jump():
                    return
            case NoGroup():
                directory.lead(group, 0)
                directory.forget(descriptor)
            case StaleSpan(descriptors):
                directory.learn(descriptors)
                found = directory.find(key)
                if pace.was_refused():
                    yield from self.locate(key, TRY_SECONDS)  # it was split often: not one step for each
                elif found is not descriptor and pace.may_jump():
                    return
                directory.forget(descriptor)
            case NotYet():  # it is behind, or its range ends in a merge: group 0 hears of that
                directory.lead(group, node)
                yield from self.locate(key, TRY_SECONDS)
            case _:  # Busy: the same one a little later
                call.why = reply.why
                directory.lead(group, node)
        yield Sleep(pace.pause())

    def locate(self, key: bytes, seconds: float) -> Flow[Descriptor | None]:
        """Ask group 0 where the key is; None if it does not say in time."""
        reply = yield from self.control(Lookup(key, LOOKUP_RANGES), seconds)
        if type(reply) is not RoutesAre:
            return None
        directory = self.directory
        directory.learn_addresses(reply.addresses)
        directory.learn_control(reply.control)
        directory.learn(reply.descriptors)
        for descriptor, node in zip(reply.descriptors, reply.leaders, strict=False):
            if node and descriptor.group not in directory.leaders:
                directory.lead(descriptor.group, node)
        return directory.find(key)

    def group(
        self,
        items: Sequence[T],
        key: Callable[[T], bytes],
        size: Callable[[T], int],
        size_max: int,
        seconds: float = TRY_SECONDS_MAX,
    ) -> Flow[list[tuple[T, ...]]]:
        """Cut items that ascend by key into runs that lie in one range each and are at most so large.

        A single larger item is a run alone; so is one whose range nobody can tell in time.
        """
        groups: list[tuple[T, ...]] = []
        first, room, end, until = 0, size_max, b"", self.now() + seconds
        for place, item in enumerate(items):
            if key(item) >= end or room < size(item):
                if place > first:
                    groups.append(tuple(items[first:place]))
                first, room = place, size_max
                found = self.directory.find(key(item))
                if found is None:
                    found = yield from self.locate(key(item), until - self.now())
                end = key(item) + b"\x00" if found is None else found.end
            room -= size(item)
        if items:
            groups.append(tuple(items[first:]))
        return groups

    def call_group(self, descriptor: Descriptor, message: Any, seconds: float) -> Flow[Any]:
        """Send to the leader of this very group, under this span version. None: nobody answered in time.

        A `StaleSpan` is handed back: the order was meant for what the group was.
        """
        nodes = tuple(each.node for each in descriptor.replicas)
        return (yield from self._ask(descriptor.group, descriptor.span_version, nodes, message, seconds))

    # -- group 0 ---------------------------------------------------------------------------------------------------

    def control(self, message: Any, seconds: float) -> Flow[Any]:
        """Send to group 0's leader; None if nobody answered in time."""
        return (yield from self._ask(CONTROL_GROUP, 0, None, message, seconds))

    def ticks(self, count: int = 1, seconds: float = TRY_SECONDS_MAX) -> Flow[int | None]:
        """So many ticks, asked for now (O3): the first, the others follow by whole ticks; None if none came in time."""
        message, directory = ONE_TICK if count == 1 else Ticks(count), self.directory
        reply, node = None, directory.leaders.get(CONTROL_GROUP, 0)
        if node:  # with a known leader one Send, no further layer: every transaction passes here
            first_seconds = min(TRY_SECONDS, seconds)
            reply = yield Send(node, CONTROL_GROUP, 0, message, first_seconds)
            if type(reply) is not TicksAre:
                self._learn_leader(CONTROL_GROUP, node, reply)
                seconds -= first_seconds if reply is None else 0.0
        if type(reply) is not TicksAre:
            reply = yield from self._ask(CONTROL_GROUP, 0, None, message, seconds)
        if type(reply) is not TicksAre:
            return None
        first: int = reply.first
        self.hear(first)
        return first

    def _ask(self, group: int, span: int, nodes: tuple[int, ...] | None, message: Any, seconds: float) -> Flow[Any]:
        directory, until = self.directory, self.now() + seconds
        pace = _Pace(self.chance, TRY_SECONDS)
        while True:
            members = directory.control if nodes is None else nodes
            hint = directory.leaders.get(group, 0)
            left = until - self.now()
            if left <= 0:
                return None
            # All known members of group 0 may be gone: any node, or a client's seed, may know those of today. The one
            # at hand may be as wrong as we are.
            spares = directory.nodes if nodes is None and members else None
            node, patience = pace.next_node(hint, members, spares), pace.seconds
            reply = yield Send(node, group, span, message, min(patience, left))
            kind = type(reply)
            if reply is not None and (kind not in ROUTING or kind is StaleSpan):
                if node != hint and node != HERE:
                    directory.lead(group, node)
                return reply
            if reply is None:
                pace.was_silent(node)
            elif kind is NotLeader and not reply.node:
                pace.silent.add(node)  # it knows nobody, or was not even reached
            self._learn_leader(group, node, reply)
            if kind is NotLeader and reply.node and reply.node not in (hint, node) and pace.may_jump():
                continue
            yield Sleep(pace.pause())

    def _learn_leader(self, group: int, node: int, reply: Any) -> None:
        """What a copy that was not answered, or sent on its way, says of who leads."""
        kind, directory = type(reply), self.directory
        if kind is NotLeader:
            if reply.address:
                directory.learn_addresses(((reply.node, reply.address),))
            directory.lead(group, reply.node if reply.node != node else 0)
        elif reply is None or kind is NoGroup:
            directory.lead(group, 0)
