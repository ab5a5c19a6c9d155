"""A caller's side of a commit: one range by itself (C2, M4), several through a coordinator (C3).

Owns `Committing`: what may be told to the caller, from what came back of which copies (F1 to F3). Aborted is told
only where nothing can happen any more; silence asks for the attempt's fate, or is OutcomeUnknown.
Does not own what was read and written (txn/transaction.py) nor the coordinator's work (txn/coordinator.py).
Read next: txn/coordinator.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.flow import Flow, Send, Sleep
from node.messages import Busy, Done, NoGroup, NotLeader, Refused
from ranges.router import MOVED, TRY_SECONDS, TRY_SECONDS_MAX, Call, Router
from txn.commands import Write
from txn.config import DEADLINE_SECONDS, PATIENCE_SECONDS, SPANS_MAX
from txn.endings import Bar
from txn.errors import TOO_OLD, Aborted, OutcomeUnknown, Unavailable
from txn.messages import PART_BYTES_MAX, Commit, Part
from txn.queries import Attempt
from txn.replies import Above, AttemptIs, Barred, BarRefused, Committed, Conflict, IsAborted, Locked, Pushed, TooOld
from txn.settling import Settling

WRITE_BYTES_MAX = 3 << 20  # of a Write; a larger attempt goes as C3 even in one range
FATE_SECONDS = 1.5  # kept of the deadline for asking what became of an attempt
ITEM_BYTES = 16  # what a key costs beside its bytes
NOT_BEGUN = frozenset((Busy, Refused, NotLeader, NoGroup))  # answers to a Commit after which nothing has happened

Span = tuple[bytes, bytes]
Written = tuple[bytes, bytes | None]


class Names:
    """Names of attempts: never two alike, among all clients (80 bits of chance) and in one (a count)."""

    __slots__ = ("_count", "_prefix")

    def __init__(self, chance: Callable[[], float]) -> None:
        self._prefix = b"".join(int(chance() * (1 << 40)).to_bytes(5, "big") for _ in range(2))
        self._count = 0

    def next(self) -> bytes:
        """A new name, 16 bytes."""
        self._count += 1
        return self._prefix + self._count.to_bytes(6, "big")


@dataclass(slots=True)
class Load:
    """What an attempt read and wants to write. `reads` and `writes` ascend, and `writes` is not empty."""

    S: int
    age: int
    reads: tuple[bytes, ...]
    spans: tuple[Span, ...]
    writes: tuple[Written, ...]

    @property
    def size(self) -> int:
        """About how many bytes it takes as a message."""
        return (
            sum(len(key) + ITEM_BYTES for key in self.reads)
            + sum(len(start) + len(end) + ITEM_BYTES for start, end in self.spans)
            + sum(len(key) + len(value or b"") + ITEM_BYTES for key, value in self.writes)
        )


class Committing:
    """Commits loads.

    1. An id whose Prewrites may have left never gets a Write (M4), and is handed to one coordinator once.
    2. A new id is taken only when nothing of the old one can happen any more.
    """

    def __init__(self, router: Router, names: Names) -> None:
        self._router = router
        self._names = names
        self._settling = Settling(router)

    def commit(self, load: Load, seconds: float) -> Flow[int]:
        """Its C. Raises Aborted, OutcomeUnknown or Unavailable."""
        until = self._router.now() + seconds
        name, commit = self._names.next(), 0
        if load.size <= WRITE_BYTES_MAX and (yield from self._in_one_range(load, until)):
            name, commit = yield from self._write(load, name, until)
        if not commit:
            commit = yield from self._hand_out(load, name, until)
        self._router.hear(commit)
        return commit

    # -- one range ---------------------------------------------------------------------------------------------------

    def _in_one_range(self, load: Load, until: float) -> Flow[bool]:
        first, last = load.writes[0][0], load.writes[-1][0]
        found = self._router.directory.find(first)
        if found is None:
            found = yield from self._router.locate(first, until - self._router.now())
        return found is not None and last < found.end

    def _write(self, load: Load, name: bytes, until: float) -> Flow[tuple[bytes, int]]:
        """C2: (the id, C), or (the id to go on with as C3, 0)."""
        router, first = self._router, load.writes[0][0]
        call, least, refused = Call(), load.S, False
        while True:
            message = Write(name, load.S, load.age, least, load.reads, load.spans, load.writes)
            call = yield from router.call(first, message, until - router.now(), call=call, follow=False)
            reply = call.reply
            match reply:
                case Committed(commit):
                    return name, commit
                case Conflict() | IsAborted():
                    raise Aborted(_why(reply))
                case Pushed():
                    refused = True
                    least = (yield from router.ticks()) or least  # where the oracle is away it costs only time (C1)
                case Locked():
                    refused = True
                case Above():
                    if not call.open:
                        return name, 0
                    commit = yield from self.bar(first, name, load.S)
                    return (name, commit) if commit else (self._names.next(), 0)
                case TooOld():
                    commit = (yield from self.bar(first, name, load.S)) if call.open else 0
                    if commit:
                        return name, commit
                    raise Aborted(_why(reply))
                case _ if reply is MOVED:
                    if call.open:
                        return name, (yield from self._ask_moved(load, name, call.span, until))
                    # Every copy was refused, so that none can happen any more: begin anew.
                    call = Call()
                    if not (yield from self._in_one_range(load, until)):
                        return name, 0
                case _:
                    raise out_of_time(call, refused)

    def _ask_moved(self, load: Load, name: bytes, span: int, until: float) -> Flow[int]:
        """M4: the C of a copy that was carried out before the range changed; 0 if none can be any more."""
        router, first = self._router, load.writes[0][0]
        question = Attempt(first, name, load.S)
        call = yield from router.call(first, question, until - router.now(), above_span=span)
        if type(call.reply) is not AttemptIs:
            raise OutcomeUnknown("the range changed while a write was under way, and nobody knows what became of it")
        assert not call.reply.intent, "an attempt that never sent a Prewrite has an intent"
        return int(call.reply.commit)

    def bar(self, key: bytes, name: bytes, start: int) -> Flow[int]:
        """F3 for one range: 0 once nothing of this id can happen any more, or the C at which it stands."""
        call = yield from self._router.call(key, Bar(key, name, start, False), TRY_SECONDS_MAX)
        match call.reply:
            case Barred():
                return 0
            case BarRefused(commit) if commit:
                return commit
        raise OutcomeUnknown("a write was not answered, and could not be barred: it may have happened")

    # -- several ranges ----------------------------------------------------------------------------------------------

    def _hand_out(self, load: Load, name: bytes, until: float) -> Flow[int]:
        """C3: to the node that leads the primary's range, once; its silence is answered by asking for the fate."""
        router, primary, pause = self._router, load.writes[0][0], 0.01
        pieces = cut(load)
        while (left := until - router.now()) > 0:
            found = router.directory.find(primary)
            if found is None:
                found = yield from router.locate(primary, left)
            node = router.directory.leader(found) if found is not None else 0
            if found is not None and (yield from self._send_parts(node, name, pieces[:-1])):
                left = until - router.now()
                if left <= 0:
                    break
                reads, spans, writes = pieces[-1]
                seconds = min(max(left - FATE_SECONDS, left / 2), DEADLINE_SECONDS)
                order = Commit(name, load.S, load.age, seconds, len(pieces) - 1, reads, spans, writes)
                reply = yield Send(node, 0, 0, order, (left + seconds) / 2)
                if type(reply) not in NOT_BEGUN:
                    return (yield from self._told(load, name, reply, until))
                if type(reply) in (NotLeader, NoGroup):
                    router.directory.lead(found.group, 0)
            yield Sleep(pause * (0.5 + router.chance()))
            pause = min(pause * 2, 0.2)
        raise Unavailable("no node took the commit in time; nothing was written")

    def _send_parts(self, node: int, name: bytes, parts: Sequence["Piece"]) -> Flow[bool]:
        """What is too large for one message goes ahead of it."""
        for number, (reads, spans, writes) in enumerate(parts):
            reply = yield Send(node, 0, 0, Part(name, number, reads, spans, writes), TRY_SECONDS_MAX)
            if type(reply) is not Done:
                return False
        return True

    def _told(self, load: Load, name: bytes, reply: Any, until: float) -> Flow[int]:
        match reply:
            case Committed(commit):
                return int(commit)
            case Conflict() | IsAborted():
                raise Aborted(_why(reply))
        left = max(until - self._router.now(), TRY_SECONDS)
        fate = yield from self._settling.decide(load.writes[0][0], name, load.S, min(PATIENCE_SECONDS, left / 2), left)
        if fate is None:
            raise OutcomeUnknown("the commit's coordinator did not answer, nor did who could know its fate")
        if not fate:
            raise Aborted("the commit's coordinator did not finish, and the attempt was aborted")
        return fate


Piece = tuple[tuple[bytes, ...], tuple[Span, ...], tuple[Written, ...]]


def cut(load: Load) -> list[Piece]:
    """The load in messages of limited size; the last of them holds at least one write."""
    pieces: list[tuple[list[bytes], list[Span], list[Written]]] = [([], [], [])]
    room = PART_BYTES_MAX

    def place(size: int) -> tuple[list[bytes], list[Span], list[Written]]:
        nonlocal room
        if room < size and any(pieces[-1]):
            pieces.append(([], [], []))
            room = PART_BYTES_MAX
        room -= size
        return pieces[-1]

    for key in load.reads:
        place(len(key) + ITEM_BYTES)[0].append(key)
    for span in load.spans:
        place(len(span[0]) + len(span[1]) + ITEM_BYTES)[1].append(span)
    for write in load.writes:
        place(len(write[0]) + len(write[1] or b"") + ITEM_BYTES)[2].append(write)
    return [(tuple(reads), tuple(spans), tuple(writes)) for reads, spans, writes in pieces]


def join_spans(spans: Sequence[Span], most: int = SPANS_MAX) -> tuple[Span, ...]:
    """The same keys in spans that ascend and do not touch; wider ones where they would be more than `most`.

    More in V is safe: it costs conflicts, not correctness.
    """
    rows: list[Span] = []
    for start, end in sorted(spans):
        if rows and start <= rows[-1][1]:
            rows[-1] = (rows[-1][0], max(rows[-1][1], end))
        else:
            rows.append((start, end))
    while len(rows) > most:
        rows = [(rows[place][0], rows[min(place + 1, len(rows) - 1)][1]) for place in range(0, len(rows), 2)]
    return tuple(rows)


def _why(reply: Any) -> str:
    match reply:
        case Conflict(key):
            return f"{key!r} was changed by somebody else after it was read: try again"
        case TooOld():
            return TOO_OLD
    return "the attempt was aborted by somebody who waited for it: try again"


def out_of_time(call: Call, refused: bool) -> Exception:
    """F2 and F3 at the deadline."""
    if call.open:
        return OutcomeUnknown(f"nobody answered in time: it may have happened{call.why and '; '}{call.why}")
    if call.why:
        return Unavailable(f"{call.why}; nothing was written")
    if refused:
        return Aborted("it was in the way of others until its time was over: try again")
    return Unavailable("no leader of the range answered in time; nothing was written")
