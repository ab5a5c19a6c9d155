"""Carrying one attempt to commit over several ranges (C3 to C6, F1 to F3).

Owns the service behind `Commit`, run by the node that leads the primary's range: the only coordinator of that id.
The caller is told as soon as the fate is certain; settling follows behind its back, of many attempts at once where
many are decided. Memory only: if the node dies, whoever meets an intent settles it. Does not own that
(txn/settling.py). Read next: txn/settling.py.

    Prewrite to every range in parallel ── all Prewritten, C = max C_k ──┬─ V inside W, or C = S: committed (C4)
        │ Locked by an older, time over ─▶ verdict aborted (F3)          └─ else Check V outside W at C, then the
        │ Conflict, IsAborted           ─▶ aborted for ever                  verdict committed(C): committed (C5)
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.flow import Behind, Flow, Gather, Sleep
from node.machine import Request
from node.messages import Busy, Done, Refused
from ranges.messages import Intent
from ranges.router import MOVED, Router
from txn.commands import Prewrite
from txn.endings import Verdict
from txn.messages import Commit, OutcomeIsUnknown, Part
from txn.queries import Check
from txn.replies import Committed, Conflict, IsAborted, Locked, Prewritten, Pushed, VerdictIs
from txn.settling import ASK_SECONDS, Decided, Settling

PREWRITE_BYTES_MAX = 1 << 20  # keys and values of one Prewrite; a single larger write travels alone
CHECK_KEYS_MAX = 4_096  # of one Check
FLOWS_AT_ONCE = 64  # of one attempt
PARTS_BYTES_MAX = 256 << 20  # kept on one node for commits that have not come yet
PARTS_SECONDS = 20.0  # a part is kept so long
SETTLE_TRIES = 8  # of the work behind the caller's back; after them it is left to whoever meets an intent
SETTLERS_MAX = 2  # flows that settle; more attempts wait, and are then settled together
SETTLE_ATTEMPTS_MAX = 256  # settled together

Write = tuple[bytes, bytes | None]


@dataclass(slots=True)
class _Attempt:
    """One attempt on its way.

    `commits` are the C_k told so far. `over` is set once it cannot commit any more: what is still under way stops.
    """

    id: bytes
    S: int
    age: int
    until: float
    writes: tuple[Write, ...]
    reads: tuple[bytes, ...]
    spans: tuple[tuple[bytes, bytes], ...]
    keys: tuple[bytes, ...] = ()
    inside: bool = False
    commits: dict[bytes, int] = field(default_factory=dict)
    over: Any = None

    def __post_init__(self) -> None:
        self.keys = tuple(key for key, _ in self.writes)
        self.inside = not self.spans and self.written.issuperset(self.reads)

    @property
    def primary(self) -> bytes:
        """The first key of W."""
        return self.keys[0]

    @property
    def written(self) -> frozenset[bytes]:
        """W."""
        return frozenset(self.keys)

    def keys_in_v(self) -> frozenset[bytes]:
        """The keys of W that V holds, by themselves or in a span."""
        found = set(self.reads).intersection(self.keys)
        for start, end in self.spans:
            found.update(self.keys[bisect_left(self.keys, start) : bisect_left(self.keys, end)])
        return frozenset(found)


class Coordinator:
    """The coordinator of every attempt that was handed to this node.

    1. An attempt's Prewrites all carry the same id, S and W, and are sent by nobody else.
    2. Aborted is told only after a verdict aborted, or a reply Conflict or IsAborted; Committed only after every key
       answered Prewritten (C4), or after a verdict committed.
    3. After F3's verdict was sent, only its reply counts.
    """

    def __init__(self, router: Router, settling: Settling) -> None:
        self._router = router
        self._settling = settling
        self._decided: list[tuple[Decided, int]] = []  # with the tries that are left
        self._settlers = 0
        self._parts: dict[bytes, dict[int, Part]] = {}
        self._kept = 0

    def services(self) -> Mapping[type, Callable[[Request], Flow[Any]]]:
        """What a node offers: message class -> flow."""
        return {Commit: self._on_commit, Part: self._on_part}

    # -- the two services ------------------------------------------------------------------------------------------

    def _on_part(self, request: Request) -> Flow[Any]:
        part: Part = request.message
        size = len(request.body)
        parts = self._parts.get(part.id, {})
        if part.number in parts:
            return Done()
        if self._kept + size > PARTS_BYTES_MAX:
            return Busy()
        if not parts:
            self._parts[part.id] = parts
            yield Behind(self._forget_parts(part.id))
        parts[part.number] = part
        self._kept += size
        yield Behind(self._forget_size(size))
        return Done()

    def _forget_parts(self, name: bytes) -> Flow[None]:
        yield Sleep(PARTS_SECONDS)
        self._parts.pop(name, None)

    def _forget_size(self, size: int) -> Flow[None]:
        yield Sleep(PARTS_SECONDS)
        self._kept -= size

    def _on_commit(self, request: Request) -> Flow[Any]:
        order: Commit = request.message
        parts = self._parts.pop(order.id, {}) if order.parts else {}
        if any(number not in parts for number in range(order.parts)):
            return Refused("a part of this commit is not here: nothing was begun; send the parts again")
        rows: list[Part | Commit] = [parts[number] for number in range(order.parts)]
        rows.append(order)
        writes = tuple(write for each in rows for write in each.writes)
        if any(writes[place][0] >= writes[place + 1][0] for place in range(len(writes) - 1)):
            return Refused("the writes of a commit are not in key order: nothing was begun")
        attempt = _Attempt(
            order.id,
            order.S,
            order.age,
            self._router.now() + order.seconds,
            writes,
            tuple(sorted({key for each in rows for key in each.reads})),
            tuple(span for each in rows for span in each.spans),
        )
        return (yield from self.commit(attempt))

    # -- C3 to C5 ----------------------------------------------------------------------------------------------------

    def commit(self, attempt: _Attempt) -> Flow[Any]:
        """The whole way of an attempt; returns what its caller is told."""
        yield from self._prewrite(attempt)
        if attempt.over is not None:
            if type(attempt.over) in (Conflict, IsAborted):
                yield Behind(self._clear(attempt))
                return attempt.over
            return (yield from self._give_up(attempt))
        commit = max(attempt.commits.values())
        if attempt.inside or commit == attempt.S:  # C4
            yield Behind(self._settle(attempt, commit))
            return Committed(commit)
        return (yield from self._commit_explicitly(attempt, commit))

    def _prewrite(self, attempt: _Attempt) -> Flow[None]:
        """C3: everything in parallel, until all is there or the attempt is over."""
        in_v = attempt.keys_in_v()
        writes = [(key, value, key in in_v) for key, value in attempt.writes]
        groups = yield from self._router.group(writes, _key_of, _size_of, PREWRITE_BYTES_MAX)
        for place in range(0, len(groups), FLOWS_AT_ONCE):
            some = groups[place : place + FLOWS_AT_ONCE]
            yield Gather(tuple(self._prewrite_some(attempt, each) for each in some))
            if attempt.over is not None:
                return
        assert len(attempt.commits) == len(attempt.keys), "an attempt that is not over has a C_k for every key"

    def _prewrite_some(self, attempt: _Attempt, writes: tuple[tuple[bytes, bytes | None, bool], ...]) -> Flow[None]:
        """One message, sent again until it is answered for good (F1, F2); cut anew when the range has been."""
        router, least = self._router, attempt.S
        first, call = writes[0][0], None
        keys = attempt.keys if first == attempt.primary else ()
        while attempt.over is None:
            message = Prewrite(attempt.id, attempt.S, attempt.age, least, writes, attempt.primary, keys, attempt.inside)
            left = attempt.until - router.now()
            call = yield from router.call(first, message, left, call=call, follow=False)
            reply = call.reply
            match reply:
                case Prewritten(commits):
                    for (key, _, _), commit in zip(writes, commits, strict=True):
                        attempt.commits[key] = commit
                    return
                case Pushed():
                    least = (yield from router.ticks()) or least
                case Locked(intent):
                    if self._gives_way(attempt, intent):
                        attempt.over = reply
                case _ if reply is MOVED:
                    groups = yield from router.group(writes, _key_of, _size_of, PREWRITE_BYTES_MAX)
                    yield Gather(tuple(self._prewrite_some(attempt, each) for each in groups))
                    return
                case _:  # Conflict, IsAborted, TooOld, or silence to the end
                    attempt.over = attempt.over or reply or OutcomeIsUnknown()

    def _gives_way(self, attempt: _Attempt, intent: Intent) -> bool:
        """C6: the range has waited, for an older attempt no longer than the grace."""
        older = (intent.age, intent.id) < (attempt.age, attempt.id)
        return older or self._router.now() >= attempt.until

    def _commit_explicitly(self, attempt: _Attempt, commit: int) -> Flow[Any]:
        """C5: the check of V outside W at C, then the verdict, which is the commit."""
        checked = yield from self._check(attempt, commit)
        if type(checked) is Conflict:
            yield Behind(self._clear(attempt))
            return checked
        if type(checked) is not Done:
            return (yield from self._give_up(attempt))
        return (yield from self._settled_by(attempt, commit, explicit=True))

    def _check(self, attempt: _Attempt, commit: int) -> Flow[Any]:
        """Done, or the first thing that speaks against it."""
        written = attempt.written
        reads = [key for key in attempt.reads if key not in written]
        groups = yield from self._router.group(reads, _itself, _one, CHECK_KEYS_MAX)
        flows = [self._check_reads(attempt, commit, each) for each in groups]
        flows += [self._check_span(attempt, commit, start, end) for start, end in attempt.spans]
        for place in range(0, len(flows), FLOWS_AT_ONCE):
            replies = yield Gather(tuple(flows[place : place + FLOWS_AT_ONCE]))
            for reply in replies:
                if type(reply) is not Done:
                    return reply
        return Done()

    def _check_reads(self, attempt: _Attempt, commit: int, keys: tuple[bytes, ...]) -> Flow[Any]:
        message = Check(attempt.id, attempt.S, attempt.age, commit, keys, ())
        reply = yield from self._ask_check(attempt, keys[0], message)
        if reply is not MOVED:
            return reply
        groups = yield from self._router.group(keys, _itself, _one, CHECK_KEYS_MAX)
        replies = yield Gather(tuple(self._check_reads(attempt, commit, each) for each in groups))
        return next((each for each in replies if type(each) is not Done), Done())

    def _check_span(self, attempt: _Attempt, commit: int, start: bytes, end: bytes) -> Flow[Any]:
        """Range by range."""
        router = self._router
        while start < end:
            found = router.directory.find(start)
            if found is None:
                found = yield from router.locate(start, attempt.until - router.now())
            if found is None:
                return None
            last = min(end, found.end)
            message = Check(attempt.id, attempt.S, attempt.age, commit, (), ((start, last),))
            reply = yield from self._ask_check(attempt, start, message)
            if type(reply) is Done:
                start = last
            elif reply is not MOVED:
                return reply
        return Done()

    def _ask_check(self, attempt: _Attempt, key: bytes, message: Check) -> Flow[Any]:
        router = self._router
        while True:
            left = attempt.until - router.now()
            call = yield from router.call(key, message, left, follow=False)
            reply = call.reply
            if type(reply) is not Locked or self._gives_way(attempt, reply.intent):
                return reply

    # -- the end -----------------------------------------------------------------------------------------------------

    def _give_up(self, attempt: _Attempt) -> Flow[Any]:
        """F3: from here on only the verdict's reply is believed."""
        return (yield from self._settled_by(attempt, 0, explicit=False))

    def _settled_by(self, attempt: _Attempt, commit: int, explicit: bool) -> Flow[Any]:
        """Write the verdict, tell what then stands, and settle behind the caller's back."""
        verdict = yield from self._verdict(attempt, commit, explicit)
        if verdict is None:
            return OutcomeIsUnknown()
        yield Behind(self._settle(attempt, verdict))
        return Committed(verdict) if verdict else IsAborted()

    def _verdict(self, attempt: _Attempt, commit: int, explicit: bool) -> Flow[int | None]:
        message = Verdict(attempt.primary, attempt.id, attempt.S, commit, explicit)
        call = yield from self._router.call(attempt.primary, message, ASK_SECONDS)
        return call.reply.commit if type(call.reply) is VerdictIs else None

    def _clear(self, attempt: _Attempt) -> Flow[None]:
        """After a reply that is for ever: the verdict aborted, and the intents go."""
        verdict = yield from self._verdict(attempt, 0, explicit=False)
        if verdict is not None:
            assert not verdict, "an attempt with a key that can never be written has a verdict committed"
            yield from self._settle(attempt, verdict)

    def _settle(self, attempt: _Attempt, commit: int) -> Flow[None]:
        """Behind the caller's back: what is decided is settled, together with others where many come at once."""
        self._decided.append((Decided(attempt.keys, attempt.id, attempt.S, commit), SETTLE_TRIES))
        if self._settlers >= SETTLERS_MAX:
            return
        self._settlers += 1
        while self._decided:
            some, self._decided = self._decided[:SETTLE_ATTEMPTS_MAX], self._decided[SETTLE_ATTEMPTS_MAX:]
            failed = yield from self._settling.settle_all([each for each, _ in some])
            if failed:
                left = {each.id for each in failed}
                self._decided += [(each, tries - 1) for each, tries in some if each.id in left and tries > 1]
        self._settlers -= 1


def _itself(key: bytes) -> bytes:
    return key


def _one(_: bytes) -> int:
    return 1


def _key_of(write: tuple[bytes, bytes | None, bool]) -> bytes:
    return write[0]


def _size_of(write: tuple[bytes, bytes | None, bool]) -> int:
    return len(write[0]) + len(write[1] or b"") + 16
