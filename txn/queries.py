"""The queries of the commit protocol: what a range's leader answers in one step, after R1 to R4 or without them.

Owns their messages and the order of their checks; class tags 137 to 143. Reads raise floors (R2), look-ups of an
attempt do not: whoever believes one acts through the log afterwards. Does not own the changes (txn/commands.py),
nor the read round or lease that stands before `read` (node/group.py). Read next: txn/__init__.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from node.codec import message
from node.machine import Answer, Request, Wait
from node.messages import Done
from ranges.config import READ_KEYS_MAX, SCAN_BYTES_MAX, SCAN_ROWS_MAX, SCAN_VISITS_MAX
from ranges.keys import INTENT_KIND, VERSION_KIND, head, is_bound, is_key, unhead, version_tail
from ranges.machine import RangeMachine
from ranges.messages import Intent
from ranges.mvcc import intent_from, intent_start
from ranges.sampler import Keyed
from txn.commands import changes, wait_or_give_way
from txn.config import INTENTS_VISITS_MAX, PATIENCE_SECONDS_MAX
from txn.replies import AttemptIs, BelowSafe, Conflict, FateIs, IntentsAre, Rows, TooOld, Values
from txn.valid import are_keys, are_spans, is_id, is_number, require


class Query:
    """What all queries have in common."""

    __slots__ = ()
    sort: ClassVar[str] = "query"
    wants_tick: ClassVar[bool] = False


@message(137)
@dataclass(frozen=True, slots=True)
class Read(Query, Keyed):
    """The values of these keys at `at`; 0 for a one-shot get, at the tick that its node takes for the copy (C2a).

    -> Values or BelowSafe.
    """

    keys: tuple[bytes, ...]
    at: int

    def __post_init__(self) -> None:
        keys = self.keys
        if self.at >= 0 and 0 < len(keys) < 3 and is_key(keys[0]) and is_key(keys[-1]):
            return  # every get passes here
        require(are_keys(keys) and 0 < len(keys) <= READ_KEYS_MAX, f"a read has 1 to {READ_KEYS_MAX} keys")
        require(is_number(self.at), "a read's time is a timestamp")

    @property
    def wants_tick(self) -> bool:  # type: ignore[override]
        """Does its node take the time?"""
        return not self.at

    def within(self, start: bytes, end: bytes) -> bool:
        """Are all of its keys here?"""
        return start <= min(self.keys) and max(self.keys) < end

    def reach(self) -> tuple[bytes, bytes]:
        """From its first key to its last."""
        return min(self.keys), max(self.keys)

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """R1 to R4 for each key."""
        at = self.at or request.tick
        if at < machine.safe:
            return Answer(BelowSafe(machine.safe))
        memory, rows = machine.leading, machine.rows
        values = []
        for key in self.keys:
            if memory.pending and memory.blocked(key, at):
                return machine.wait_applied(key)
            memory.raise_key(key, at)
            row, value = rows.at(head(key), at)
            if row is not None:
                return machine.wait_settled(intent_from(key, row))
            values.append(value)
        return Answer(Values(at, tuple(values)))

    def from_rows(self, machine: RangeMachine, at: int) -> Values | None:
        """R4 alone, from what is applied here; None where R3 has to be carried out first."""
        found = [machine.rows.at(head(key), at) for key in self.keys]
        if any(row is not None for row, _ in found):
            return None
        return Values(at, tuple(value for _, value in found))


@dataclass(slots=True)
class _Walk:
    """A scan on its way: the rows found, the intent that ended it, and where it is to go on."""

    rows: list[tuple[bytes, bytes]]
    intent: Intent | None = None
    more: bytes | None = None


@message(138)
@dataclass(frozen=True, slots=True)
class Scan(Query, Keyed):
    """The rows of [start, end) at `at` (0: one-shot), as far as this range, `limit` rows (0: no wish) and the
    bytes and rows that one reply may cost go; the limits are met exactly, and at least one key is covered.

    -> Rows, whose `more` says which part is covered, or BelowSafe. Only that part's floor rises.
    """

    start: bytes
    end: bytes
    at: int
    limit: int
    bytes_max: int
    reverse: bool

    def __post_init__(self) -> None:
        require(are_spans(((self.start, self.end),)), "a scan's start or end is no key")
        require(all(map(is_number, (self.at, self.limit, self.bytes_max))), "a scan's numbers are wrong")
        require(self.start < self.end, "a scan goes from a key to a greater one")

    @property
    def wants_tick(self) -> bool:  # type: ignore[override]
        """Does its node take the time?"""
        return not self.at

    def within(self, start: bytes, end: bytes) -> bool:
        """Does it begin here? The rest of it is the next range's."""
        return start < self.end <= end if self.reverse else start <= self.start < end

    def reach(self) -> tuple[bytes, bytes]:
        """Where it begins: how far it goes is not known before."""
        return (self.end, self.end) if self.reverse else (self.start, self.start)

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """R1 to R4 for the part that is covered."""
        at = self.at or request.tick
        if at < machine.safe:
            return Answer(BelowSafe(machine.safe))
        memory = machine.leading
        first, last = self.part(machine)
        walk = self._walk(machine, first, last, at)
        if walk.more is not None:
            first, last = (walk.more, last) if self.reverse else (first, walk.more)
        blocked = memory.blocked_in(first, last, at)
        if blocked is not None:
            return machine.wait_applied(blocked)
        memory.raise_span(first, last, at)
        if walk.intent is not None:
            return machine.wait_settled(walk.intent)
        return Answer(self._rows(machine, walk, at))

    def from_rows(self, machine: RangeMachine, at: int) -> Rows | None:
        """R4 alone, from what is applied here; None where R3 has to be carried out first."""
        first, last = self.part(machine)
        walk = self._walk(machine, first, last, at)
        return None if walk.intent is not None else self._rows(machine, walk, at)

    def part(self, machine: RangeMachine) -> tuple[bytes, bytes]:
        """What of it lies in this range."""
        return max(self.start, machine.start), min(self.end, machine.end)

    def _rows(self, machine: RangeMachine, walk: _Walk, at: int) -> Rows:
        more = walk.more
        if more is None:
            first, last = self.part(machine)
            more = (first if self.start < first else None) if self.reverse else (last if last < self.end else None)
        return Rows(at, tuple(walk.rows), more)

    def _walk(self, machine: RangeMachine, first: bytes, last: bytes, at: int) -> _Walk:
        limit = min(self.limit or SCAN_ROWS_MAX, SCAN_ROWS_MAX)
        room = min(self.bytes_max or SCAN_BYTES_MAX, SCAN_BYTES_MAX)
        rows, walk, before = machine.rows, _Walk([]), b""
        seek = version_tail(at)
        for visits, (each, tail, row) in enumerate(rows.heads(head(first), head(last), self.reverse)):
            if visits and (len(walk.rows) >= limit or room <= 0 or visits >= SCAN_VISITS_MAX):
                walk.more = unhead(before) if self.reverse else unhead(each)
                break
            before = each
            key = unhead(each)
            if tail[0] == VERSION_KIND and tail >= seek:
                intent, value = None, None if row[0] else row[17:]  # nothing stands before what is asked for
            else:
                intent, value = rows.at(each, at)
            if intent is not None:
                walk.intent = intent_from(key, intent)
                # The floor rises up to the intent, so that no younger one takes its place (R2 before R3).
                walk.more = key if self.reverse else key + b"\x00"
                break
            if value is not None:
                walk.rows.append((key, value))
                room -= len(key) + len(value)
        return walk


@message(139)
@dataclass(frozen=True, slots=True)
class Check(Query):
    """C5: does this part of V, which the attempt read at S, still hold at `at`, its C?

    -> Done; Conflict; Locked, by an older attempt's intent after C6's grace; or TooOld.
    """

    id: bytes
    S: int
    age: int
    at: int
    reads: tuple[bytes, ...]
    spans: tuple[tuple[bytes, bytes], ...]

    def __post_init__(self) -> None:
        require(is_id(self.id) and all(map(is_number, (self.S, self.age, self.at))), "a check's id or times are wrong")
        require(are_keys(self.reads) and are_spans(self.spans), "a check's reads or spans are wrong")

    def within(self, start: bytes, end: bytes) -> bool:
        """Is all that it checks here?"""
        return all(start <= key < end for key in self.reads) and all(
            start <= first and last <= end for first, last in self.spans
        )

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """R1 to R3 with T = C, then no version in (S, C]."""
        if machine.safe >= self.S:
            return Answer(TooOld(0))
        memory, at = machine.leading, self.at
        for key in self.reads:
            if memory.blocked(key, at):
                return machine.wait_applied(key)
            memory.raise_key(key, at)
        for first, last in self.spans:
            blocked = memory.blocked_in(first, last, at)
            if blocked is not None:
                return machine.wait_applied(blocked)
            memory.raise_span(first, last, at)
        intent, changed = changes(machine, self.reads, self.spans, self.S, at, self.id)
        if intent is not None:
            return wait_or_give_way(machine, intent, self.age, self.id, request, now)
        return Answer(Done() if changed is None else Conflict(changed))


@message(140)
@dataclass(frozen=True, slots=True)
class Fate(Query):
    """X1: the attempt's verdict, and its primary's intent. Without a verdict it is waited for, `patience` seconds.

    A version by the attempt on its primary is a verdict, too.

    -> FateIs or TooOld.
    """

    primary: bytes
    id: bytes
    S: int
    patience: float

    def __post_init__(self) -> None:
        require(is_key(self.primary) and is_id(self.id) and is_number(self.S), "a fate's primary, id or S is wrong")
        require(0 <= self.patience <= PATIENCE_SECONDS_MAX, f"a patience is 0 to {PATIENCE_SECONDS_MAX} seconds")

    def within(self, start: bytes, end: bytes) -> bool:
        """Is the primary here?"""
        return start <= self.primary < end

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """What is, now or when patience is over."""
        if machine.safe >= self.S:
            return Answer(TooOld(0))
        commit = machine.rows.fate(self.primary, self.id, self.S)
        left = request.since + self.patience - now  # in this order: exact near the end, so that it comes to an end
        if commit is None and left > 0:
            return machine.wait_decided(self.id, left)
        intent = machine.rows.intent(self.primary)
        return Answer(FateIs(commit, intent if intent is not None and intent.id == self.id else None))


@message(141)
@dataclass(frozen=True, slots=True)
class Attempt(Query):
    """X2's look and M4's question: has the attempt written this key? -> AttemptIs or TooOld."""

    key: bytes
    id: bytes
    S: int

    def __post_init__(self) -> None:
        require(is_key(self.key) and is_id(self.id) and is_number(self.S), "an attempt's key, id or S is wrong")

    def within(self, start: bytes, end: bytes) -> bool:
        """Is its key here?"""
        return start <= self.key < end

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """Its intent's C_k, else its version's timestamp, else neither."""
        if machine.safe >= self.S:
            return Answer(TooOld(0))
        intent = machine.rows.intent(self.key)
        if intent is not None and intent.id == self.id:
            return Answer(AttemptIs(intent.commit, True))
        return Answer(AttemptIs(machine.rows.version_by(self.key, self.id, self.S), False))


@message(142)
@dataclass(frozen=True, slots=True)
class Intents(Query):
    """F5's second step: the intents with S at or below `until`, at most `limit`, from the key `start` on.

    -> IntentsAre, whose `more` says where to go on, maybe without a single intent found.
    """

    start: bytes
    limit: int
    until: int

    def __post_init__(self) -> None:
        require(self.start == b"" or is_bound(self.start), "intents are looked for from a key on")
        require(is_number(self.limit) and self.limit > 0, "a limit is at least 1")
        require(is_number(self.until), "intents are looked for up to a timestamp")

    def within(self, start: bytes, end: bytes) -> bool:
        """The span version says it all."""
        return True

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """An intent is its key's first row."""
        found: list[Intent] = []
        first, last = head(max(self.start, machine.start)), head(machine.end)
        for visits, (each, tail, row) in enumerate(machine.rows.heads(first, last)):
            if visits >= INTENTS_VISITS_MAX or len(found) >= self.limit:
                return Answer(IntentsAre(tuple(found), unhead(each)))
            if tail[0] == INTENT_KIND and intent_start(row) <= self.until:
                found.append(intent_from(unhead(each), row))
        return Answer(IntentsAre(tuple(found), None))
