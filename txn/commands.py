"""The commands that write for transactions: writes to one range, intents in several (C2, C3).

Owns their messages and the order of their checks; class tags 129 and 130. A command never raises and never reads
a clock; of several copies one at most is carried out. Does not own one-shot puts (txn/puts.py), what ends an
attempt (txn/endings.py), leader memory (ranges/floors.py), rows (ranges/mvcc.py) or who sends what when
(txn/coordinator.py). Read next: txn/puts.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from node.codec import message
from node.machine import Answer, Applied, Proposal, Request, Wait
from ranges.config import ID_BYTES, SETTLE_WAIT_SECONDS
from ranges.floors import LeaderMemory
from ranges.keys import head, is_key
from ranges.machine import RangeMachine
from ranges.messages import Intent
from ranges.mvcc import intent_from
from ranges.sampler import Keyed
from txn.config import GRACE_SECONDS
from txn.replies import Above, Committed, Conflict, IsAborted, Locked, Prewritten, Pushed, TooOld
from txn.valid import are_keys, are_spans, is_id, is_number, is_value, require


def is_older(age: int, name: bytes, intent: Intent) -> bool:
    """C6: is this attempt older than the intent's, so that it may wait for it?"""
    return (age, name) < (intent.age, intent.id)


def locked(machine: RangeMachine, intent: Intent, seconds: float = SETTLE_WAIT_SECONDS) -> Applied:
    """Refuse because of an intent; a leader holds the reply back until it has seen to the settling."""
    wait = None if machine.memory is None else machine.wait_settled(intent, seconds)
    return Applied(Locked(intent), wait=wait)


class Command:
    """What most commands have in common: they register nothing and concern one key."""

    __slots__ = ()
    sort: ClassVar[str] = "command"
    wants_tick: ClassVar[bool] = False

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        """Nothing was registered."""
        return ()


# -- one range -----------------------------------------------------------------------------------------------------


@message(129)
@dataclass(frozen=True, slots=True)
class Write(Command, Keyed):
    """C2: all of W is in this range. `reads` and `spans` are V, `writes` are W in key order (None: delete).

    -> Committed, IsAborted, Locked, Conflict, Pushed, Above or TooOld.
    """

    id: bytes
    S: int
    age: int
    A: int
    reads: tuple[bytes, ...]
    spans: tuple[tuple[bytes, bytes], ...]
    writes: tuple[tuple[bytes, bytes | None], ...]

    def __post_init__(self) -> None:
        times = is_number(self.S) and is_number(self.age) and is_number(self.A)
        require(is_id(self.id) and times, "a write's id or times are wrong")
        require(are_keys(self.reads) and are_spans(self.spans), "a write's reads or spans are wrong")
        keys = tuple([key for key, _ in self.writes])
        require(bool(keys) and are_keys(keys, ascending=True), "a write needs keys within the limits, in order")
        require(all(is_value(value) for _, value in self.writes), "a write's value is beyond its limit")

    def within(self, start: bytes, end: bytes) -> bool:
        """Is all of W here? V need not be."""
        return start <= self.writes[0][0] and self.writes[-1][0] < end

    def reach(self) -> tuple[bytes, bytes]:
        """From the first key of W to the last."""
        return self.writes[0][0], self.writes[-1][0]

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Proposal | Answer | Wait:
        """F4, C6, one C for all of W, Above, the floors of V."""
        if machine.closed >= self.S:
            return Answer(TooOld(0))
        memory, name, chosen = machine.leading, self.id, self.A
        for key, _ in self.writes:
            row, newest = machine.rows.standing(head(key))
            if row is not None and row[:ID_BYTES] != name:
                # It holds no intent, so that no circle of waiters goes through it, whoever is older.
                return machine.wait_settled(intent_from(key, row))
            commit = memory.choose(key, self.A, self.S, newest)
            if not commit:
                return Answer(Pushed())
            chosen = max(chosen, commit)
        if chosen > self.S and not self._reads_within(machine.start, machine.end):
            return Answer(Above())
        self._raise_floors(machine, chosen)
        for key, _ in self.writes:
            memory.register(key, chosen)
        return machine.propose(request, chosen)

    def _reads_within(self, start: bytes, end: bytes) -> bool:
        return all(start <= key < end for key in self.reads) and all(
            start <= first and last <= end for first, last in self.spans
        )

    def _raise_floors(self, machine: RangeMachine, commit: int) -> None:
        """V in this range is read at C."""
        memory = machine.leading
        for key in self.reads:
            if machine.start <= key < machine.end:
                memory.raise_key(key, commit)
        for first, last in self.spans:
            memory.raise_span(max(first, machine.start), min(last, machine.end), commit)

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """C2's checks in their order."""
        if machine.closed >= self.S:
            return Applied(TooOld(0))
        rows, name, first = machine.rows, self.id, self.writes[0][0]
        own, barred, row, newest = rows.survey(head(first), name, self.S)
        if own:
            return Applied(Committed(own))
        if barred:
            return Applied(IsAborted())
        if row is not None and row[:ID_BYTES] != name:
            return locked(machine, intent_from(first, row))
        for key, _ in self.writes[1:]:
            row, latest = rows.standing(head(key))
            if row is not None and row[:ID_BYTES] != name:
                return locked(machine, intent_from(key, row))
            newest = max(newest, latest)
        refused = self._check_reads(machine, commit)
        if refused is not None:
            return refused
        if newest >= commit:
            return Applied(Pushed())
        for key, value in self.writes:
            rows.put_version(head(key), commit, name, value)
        return Applied(Committed(commit))

    def _check_reads(self, machine: RangeMachine, commit: int) -> Applied | None:
        """Locked or Conflict because of V, of which at C = S nothing needs to be looked at (C1)."""
        if commit == self.S:
            return None
        whole = self._reads_within(machine.start, machine.end)
        assert whole, "a write above its S was proposed though part of V is elsewhere: the answer is Above"
        intent, changed = changes(machine, self.reads, self.spans, self.S, commit, self.id)
        if intent is not None:
            return locked(machine, intent)
        return None if changed is None else Applied(Conflict(changed))

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        """All of W."""
        return [key for key, _ in self.writes if memory.release(key, commit)]


def changes(
    machine: RangeMachine,
    reads: tuple[bytes, ...],
    spans: tuple[tuple[bytes, bytes], ...],
    after: int,
    at: int,
    name: bytes,
) -> tuple[Intent | None, bytes | None]:
    """What happened to this part of V, which is all in this range.

    Returns (a foreign intent with C_k <= at or None, a key with a foreign version in (after, at] or None).
    """
    rows, changed = machine.rows, None
    for key in reads:
        intent = rows.intent(key)
        if intent is not None and intent.id != name and intent.commit <= at:
            return intent, changed
        if changed is None and rows.changed(key, after, at, name):
            changed = key
    for first, last in spans:
        intent, found = rows.changes(first, last, after, at, name)
        changed = changed or found
        if intent is not None:
            return intent, changed
    return None, changed


# -- several ranges ------------------------------------------------------------------------------------------------


@message(130)
@dataclass(frozen=True, slots=True)
class Prewrite(Command, Keyed):
    """C3: intents on these keys of W, all or none. Each of `writes` is (key, value or None, is the key in V?).

    `keys` are all of W where the primary is among the writes, else (). `inside`: V lies inside W.
    -> Prewritten, or the first of IsAborted, Conflict, Locked, Pushed that any key gives; or TooOld.
    """

    id: bytes
    S: int
    age: int
    A: int
    writes: tuple[tuple[bytes, bytes | None, bool], ...]
    primary: bytes
    keys: tuple[bytes, ...]
    inside: bool

    def __post_init__(self) -> None:
        require(
            is_id(self.id) and all(map(is_number, (self.S, self.age, self.A))), "a prewrite's id or times are wrong"
        )
        keys = tuple([key for key, _, _ in self.writes])
        require(bool(keys) and are_keys(keys, ascending=True), "a prewrite needs keys within the limits, in order")
        require(all(is_value(value) for _, value, _ in self.writes), "a prewrite's value is beyond its limit")
        require(is_key(self.primary), "a prewrite's primary is wrong")
        require(are_keys(self.keys, ascending=True), "the keys of the attempt are wrong")
        whole = not self.keys or (self.keys[0] == self.primary == keys[0])
        require(whole and bool(self.keys) == (self.primary in keys), "the primary, and only it, carries all keys")

    def within(self, start: bytes, end: bytes) -> bool:
        """Are its keys here?"""
        return start <= self.writes[0][0] and self.writes[-1][0] < end

    def reach(self) -> tuple[bytes, bytes]:
        """From the first key of W to the last."""
        return self.writes[0][0], self.writes[-1][0]

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Proposal | Answer | Wait:
        """F4, C6, a C_k for each key."""
        if machine.closed >= self.S:
            return Answer(TooOld(0))
        memory, commits = machine.leading, []
        for key, _, _ in self.writes:
            row, newest = machine.rows.standing(head(key))
            if row is not None and row[:ID_BYTES] != self.id:
                return wait_or_give_way(machine, intent_from(key, row), self.age, self.id, request, now)
            commit = memory.choose(key, self.A, self.S, newest)
            if not commit:
                return Answer(Pushed())
            commits.append(commit)
        for (key, _, _), commit in zip(self.writes, commits, strict=True):
            memory.register(key, commit)
        return machine.propose(request, 0, commits)

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """C3's checks in their order for each key; then all of its intents, or none."""
        if machine.closed >= self.S:
            return Applied(TooOld(0))
        here = machine.start <= self.primary < machine.end
        aborted = here and machine.rows.verdict(self.primary, self.id) == 0
        said = [self._check(machine, place, commits[place], aborted) for place in range(len(self.writes))]
        for refusal in (IsAborted, Conflict, Locked, Pushed):
            for reply in said:
                if type(reply) is refusal:
                    return self._refused(machine, reply)
        given = []
        for (key, value, _), chosen, had in zip(self.writes, commits, said, strict=True):
            assert type(had) is int, "what is not refused is a timestamp"
            given.append(had or chosen)
            if not had:
                machine.rows.put_intent(self._intent(key, chosen), value)
        return Applied(Prewritten(tuple(given)))

    def _check(
        self, machine: RangeMachine, place: int, commit: int, aborted: bool
    ) -> int | IsAborted | Conflict | Locked | Pushed:
        """What one key says: the C_k that it already has, 0 for a place to put the intent, or why not."""
        key, _, read = self.writes[place]
        rows, name = machine.rows, self.id
        own, barred, row, newest = rows.survey(head(key), name, self.S)
        if row is not None and row[:ID_BYTES] == name:
            return intent_from(key, row).commit
        if own:
            return own
        if barred or aborted:
            return IsAborted()
        if row is not None:
            return Locked(intent_from(key, row))
        if read and newest > self.S:
            return Conflict(key)
        return Pushed() if newest >= commit else 0

    def _refused(self, machine: RangeMachine, reply: IsAborted | Conflict | Locked | Pushed) -> Applied:
        if type(reply) is not Locked:
            return Applied(reply)
        older = is_older(self.age, self.id, reply.intent)
        return locked(machine, reply.intent, SETTLE_WAIT_SECONDS if older else GRACE_SECONDS)

    def _intent(self, key: bytes, commit: int) -> Intent:
        keys, inside = (self.keys, self.inside) if key == self.primary else ((), False)
        return Intent(key, self.id, self.S, self.age, commit, self.primary, keys, inside)

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        """Its keys, each at its own C_k."""
        pairs = zip(self.writes, commits, strict=True)
        return [key for (key, _, _), chosen in pairs if memory.release(key, chosen)]


def wait_or_give_way(
    machine: RangeMachine, intent: Intent, age: int, name: bytes, request: Request, now: float
) -> Answer | Wait:
    """C6 for an attempt that holds intents: wait for a younger one; for an older one until the grace is over."""
    if is_older(age, name, intent):
        return machine.wait_settled(intent)
    left = request.since + GRACE_SECONDS - now
    return machine.wait_settled(intent, left) if left > 0 else Answer(Locked(intent))
