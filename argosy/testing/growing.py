"""What only grows: sets that are added to, and counters that are counted up.

Owns `Members` with `Add` and `Elements`, and `Counts` with `Increment` and `Count`. Both say between which bounds
whatever was read must lie, from what had certainly happened before, and what had begun at all. Does not own in which
order reads that overlap may come (argosy/testing/linear.py). Read next: argosy/testing/workloads/__init__.py.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from argosy.testing.history import INFINITY, Operation, Outcome
from argosy.testing.linear import Violation


@dataclass(frozen=True, slots=True)
class Add(Operation):
    """An element was added to a set; nobody else ever adds it."""

    key: bytes
    element: int

    def told(self) -> str:
        """The set and the element."""
        return f"added {self.element} to {self.key.decode(errors='replace')}"


@dataclass(frozen=True, slots=True)
class Elements(Operation):
    """All elements of a set at one moment."""

    key: bytes
    elements: frozenset[int]

    def told(self) -> str:
        """The set and how many elements."""
        return f"read {len(self.elements)} elements of {self.key.decode(errors='replace')}"


class Members:
    """Feed it with adds and reads. The last read of each set must begin after all adds have ended."""

    def __init__(self) -> None:
        self._adds: dict[bytes, dict[int, Add]] = {}
        self._reads: dict[bytes, list[Elements]] = {}

    def note(self, operation: Add | Elements) -> None:
        """One operation has ended. A read that failed has seen nothing."""
        if isinstance(operation, Add):
            self._adds.setdefault(operation.key, {})[operation.element] = operation
        elif operation.outcome is Outcome.OK:
            self._reads.setdefault(operation.key, []).append(operation)

    def check(self) -> None:
        """Raise `Violation` if an element was lost, or came from nowhere."""
        for key, reads in sorted(self._reads.items()):
            adds = self._adds.get(key, {})
            stands = {element: add.until for element, add in adds.items()}  # from when on it certainly does
            for read in reads:
                self._check_origin(read, adds)
                for element in read.elements:
                    stands[element] = min(stands[element], read.end)
            self._check_lost(reads, adds, stands)

    def _check_origin(self, read: Elements, adds: dict[int, Add]) -> None:
        for element in read.elements:
            add = adds.get(element)
            if add is None:
                raise Violation(f"garbage: nobody added {element}\n  {read}")
            if add.outcome is Outcome.FAILED or add.begin > read.end:
                raise Violation(f"{element} was read, but never added by then:\n  {read}\n  {add}")

    def _check_lost(self, reads: Iterable[Elements], adds: dict[int, Add], stands: dict[int, float]) -> None:
        moments = sorted((moment, element) for element, moment in stands.items() if moment < INFINITY)
        expected: set[int] = set()
        place = 0
        for read in sorted(reads, key=lambda read: read.begin):
            while place < len(moments) and moments[place][0] < read.begin:
                expected.add(moments[place][1])
                place += 1
            lost = expected - read.elements
            if lost:
                element = min(lost)
                raise Violation(f"{element} was lost, it stood at {stands[element]:.4f}:\n  {adds[element]}\n  {read}")


@dataclass(frozen=True, slots=True)
class Increment(Operation):
    """A counter was counted up by `amount`, which is above 0, to `after` if that is known."""

    key: bytes
    amount: int
    after: int | None

    def told(self) -> str:
        """The counter, by how much, to what."""
        return f"added {self.amount} to {self.key.decode(errors='replace')}, to {self.after}"


@dataclass(frozen=True, slots=True)
class Count(Operation):
    """A counter was read."""

    key: bytes
    value: int

    def told(self) -> str:
        """The counter and its value."""
        return f"read {self.key.decode(errors='replace')}={self.value}"


class Counts:
    """Feed it with increments and reads; every counter is 0 at first."""

    def __init__(self) -> None:
        self._increments: dict[bytes, list[Increment]] = {}
        self._counts: dict[bytes, list[Count]] = {}

    def note(self, operation: Increment | Count) -> None:
        """One operation has ended. What failed has changed nothing, and seen nothing."""
        if isinstance(operation, Increment) and operation.outcome is not Outcome.FAILED:
            self._increments.setdefault(operation.key, []).append(operation)
        elif isinstance(operation, Count) and operation.outcome is Outcome.OK:
            self._counts.setdefault(operation.key, []).append(operation)

    def check(self) -> None:
        """Raise `Violation` if an increment was lost, was counted twice, or is seen out of time."""
        for key in sorted(self._increments.keys() | self._counts.keys()):
            increments, counts = self._increments.get(key, []), self._counts.get(key, [])
            self._check_steps(increments)
            seen: list[tuple[Operation, int, int]] = [(each, each.value, 0) for each in counts]
            for each in increments:
                if each.outcome is Outcome.OK and each.after is not None:
                    seen.append((each, each.after, each.amount))
            self._check_bounds(increments, seen)
            self._check_rise(seen)

    def _check_steps(self, increments: Iterable[Increment]) -> None:
        """No two acknowledged increments started from the same value, or overlap."""
        known = [(each.after, each) for each in increments if each.outcome is Outcome.OK and each.after is not None]
        known.sort(key=lambda row: row[0])
        for (reached, first), (after, second) in pairwise(known):
            if after - second.amount < reached:
                raise Violation(f"an increment was lost, one of\n  {first}\n  {second}")

    def _check_bounds(self, increments: Iterable[Increment], seen: Iterable[tuple[Operation, int, int]]) -> None:
        """At least all that was acknowledged before, and one's own; at most all that had begun."""
        ended = sorted((each.until, each.amount) for each in increments if each.until < INFINITY)
        begun = sorted((each.begin, each.amount) for each in increments)
        least = [0, *accumulate(amount for _, amount in ended)]
        most = [0, *accumulate(amount for _, amount in begun)]
        for operation, value, own in seen:
            low = least[bisect_left(ended, (operation.begin,))] + own
            high = most[bisect_right(begun, (operation.end, INFINITY))]
            if not low <= value <= high:
                raise Violation(f"{value} was seen, which must lie in {low} … {high}:\n  {operation}")

    def _check_rise(self, seen: Iterable[tuple[Operation, int, int]]) -> None:
        """Who begins after another has ended sees no less."""
        rows = list(seen)
        by_end = sorted(rows, key=lambda row: row[0].end)
        place = 0
        top: tuple[Operation | None, int] = None, 0
        for operation, value, _ in sorted(rows, key=lambda row: row[0].begin):
            while place < len(by_end) and by_end[place][0].end < operation.begin:
                if by_end[place][1] > top[1]:
                    top = by_end[place][:2]
                place += 1
            if value < top[1]:
                raise Violation(f"a counter went back from {top[1]} to {value}:\n  {top[0]}\n  {operation}")
