"""Leader memory: what a range's leader remembers of reads served and of writes not yet applied.

Owns floors (of keys and spans), pending writes, who is parked on them, and the choice of C_k.
Lives from one election to the next and is never replicated (L2 stands in for what was forgotten).
Does not own rows (ranges/mvcc.py) nor when to ask (txn/commands.py, txn/queries.py). Read next: ranges/machine.py.
"""

from bisect import bisect_left, bisect_right, insort
from typing import Any, ClassVar

from node.lazily import Lazily
from ranges.config import FLOOR_KEYS_MAX, FLOOR_SPANS_MAX
from ranges.keys import SUBSTEP_LAST


class SpanFloors:
    """A floor over spans: a step function from keys to timestamps, zero where nothing was scanned.

    1. `starts` ascends strictly; the step i covers [starts[i], starts[i + 1]) and the last one is zero.
    2. Neighbouring steps differ.
    """

    __slots__ = ("floors", "starts")

    def __init__(self) -> None:
        self.starts: list[bytes] = []
        self.floors: list[int] = []

    def floor(self, key: bytes) -> int:
        """The largest timestamp at which a span that holds `key` was read."""
        place = bisect_right(self.starts, key) - 1
        return self.floors[place] if place >= 0 else 0

    def raise_to(self, start: bytes, end: bytes, at: int) -> None:
        """The span [start, end) was read at `at`."""
        if start >= end:
            return
        first, last = self._cut(start), self._cut(end)
        self.floors[first:last] = [max(each, at) for each in self.floors[first:last]]
        self._join(max(first - 1, 0), last + 1)

    def forget_half(self) -> int:
        """Drop the older half of the steps; the largest timestamp that was dropped."""
        mark = sorted(self.floors)[len(self.floors) // 2]
        self.floors = [each if each > mark else 0 for each in self.floors]
        self._join(0, len(self.starts))
        return mark

    def check(self) -> None:
        """Assert the invariants."""
        assert all(a < b for a, b in zip(self.starts, self.starts[1:], strict=False)), "steps are out of order"
        assert all(a != b for a, b in zip(self.floors, self.floors[1:], strict=False)), "neighbouring steps are equal"
        assert not self.floors or self.floors[-1] == 0, "the last step must end what was scanned"

    def _cut(self, key: bytes) -> int:
        """The step that begins at `key`, made by cutting one in two if there is none."""
        place = bisect_left(self.starts, key)
        if place == len(self.starts) or self.starts[place] != key:
            self.floors.insert(place, self.floors[place - 1] if place else 0)
            self.starts.insert(place, key)
        return place

    def _join(self, first: int, last: int) -> None:
        """Make neighbours that are equal one step, and drop what is zero before the first."""
        starts, floors = self.starts[first:last], self.floors[first:last]
        before = self.floors[first - 1] if first else 0
        kept: list[int] = []
        for place, floor in enumerate(floors):
            if floor != before:
                kept.append(place)
            before = floor
        self.starts[first:last] = [starts[place] for place in kept]
        self.floors[first:last] = [floors[place] for place in kept]


class LeaderMemory(Lazily):
    """The memory of one leadership.

    1. `floor(key)` never falls: what is forgotten has raised `low`, which counts for every key and span (R2).
    2. `pending` holds all C_k of each key that are proposed and not yet applied, ascending.
    3. While `open` is False no write is let in (L2).
    4. `merging` counts the entries of merges that are proposed and not yet applied.
    5. `parked` holds the tokens of pending keys and standing intents that somebody may wait for, until they are woken.
    """

    __slots__ = ("_older", "_recent", "_spans", "low", "merging", "open", "parked", "pending")
    containers: ClassVar[dict[str, Any]] = {
        "pending": dict, "parked": set, "_recent": dict, "_older": dict, "_spans": SpanFloors,
    }  # fmt: skip
    pending: dict[bytes, list[int]]
    parked: set[tuple[Any, ...]]
    _recent: dict[bytes, int]
    _older: dict[bytes, int]
    _spans: SpanFloors

    def __init__(self) -> None:
        self.low = 0
        self.merging = 0
        self.open = False

    # -- floors --------------------------------------------------------------------------------------------------

    def raise_low(self, at: int) -> None:
        """Everything counts as read at `at`."""
        if at > self.low:
            self.low = at

    def raise_key(self, key: bytes, at: int) -> None:
        """R2 for a key, present or absent."""
        recent = self._recent
        if at > recent.get(key, 0):
            recent[key] = at
            if len(recent) > FLOOR_KEYS_MAX:
                # Forgetting a whole generation costs nothing per read; the low-water mark stands in for it.
                self.raise_low(max(self._older.values(), default=0))
                self._older, self._recent = recent, {}

    def raise_span(self, start: bytes, end: bytes, at: int) -> None:
        """R2 for a span: all keys in [start, end), found or not."""
        self._spans.raise_to(start, end, at)
        if len(self._spans.starts) > FLOOR_SPANS_MAX:
            self.raise_low(self._spans.forget_half())

    def floor(self, key: bytes) -> int:
        """The largest T at which the key may have been read."""
        floor = self.low
        read = self._recent.get(key, 0)
        if read > floor:
            floor = read
        if self._older:
            read = self._older.get(key, 0)
            if read > floor:
                floor = read
        if self._spans.starts:
            read = self._spans.floor(key)
            if read > floor:
                floor = read
        return floor

    # -- writes under way ------------------------------------------------------------------------------------------

    def choose(self, key: bytes, least: int, start: int, newest: int) -> int:
        """C_k of a write by an attempt with A = `least` and S = `start`, where `newest` is the newest version.

        0 if the sub-steps above what was read or written are used up (the answer is then Pushed).
        """
        taken = self.floor(key)
        if taken == start:
            taken = 0  # nobody else reads at S: it is the attempt's own read, and at S it may stand
        if newest > taken:
            taken = newest
        pending = self.pending.get(key)
        if pending is not None and pending[-1] > taken:
            taken = pending[-1]
        if least > taken:
            return least
        return 0 if taken & SUBSTEP_LAST == SUBSTEP_LAST else taken + 1

    def register(self, key: bytes, commit: int) -> None:
        """A write of the key at `commit` is being proposed."""
        pending = self.pending.get(key)
        if pending is None:
            self.pending[key] = [commit]
        else:
            insort(pending, commit)

    def release(self, key: bytes, commit: int) -> bool:
        """It has been applied, or refused at application. True if somebody is parked on the key."""
        pending = self.pending.get(key)
        assert pending is not None and commit in pending, f"{key!r} was released at {commit} but never registered"
        if len(pending) == 1:
            del self.pending[key]
        else:
            pending.remove(commit)
        if self.parked and ("key", key) in self.parked:
            self.parked.discard(("key", key))
            return True
        return False

    def blocked(self, key: bytes, at: int) -> bool:
        """R1: must a read of the key at `at` wait?"""
        pending = self.pending.get(key)
        return pending is not None and pending[0] <= at

    def blocked_in(self, start: bytes, end: bytes, at: int) -> bytes | None:
        """R1 for a span: the least key for which a read at `at` must wait, if there is one."""
        found = [key for key, pending in self.pending.items() if pending[0] <= at and start <= key < end]
        return min(found, default=None)

    def wake(self, token: tuple[Any, ...]) -> bool:
        """Is anybody parked on the token? It is taken out: whoever must wait on parks again."""
        if token in self.parked:
            self.parked.discard(token)
            return True
        return False
