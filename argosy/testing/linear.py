"""Is a history of reads and writes of one key linearizable? (Wing and Gong 1993, with Lowe's memory of what was tried.)

Owns `Call` and `check_linearizable`. Writes write distinct values, so a write of unknown outcome matters only if
somebody read it. Does not own how a history is gathered (workloads.py). Read next: argosy/testing/serial.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

INFINITY = float("inf")


class Violation(Exception):
    """A promise was broken; the text says which one, and shows the part of the history that breaks it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One operation on one key: a write of `value`, or a read that returned it (None: absent).

    It began and ended at these times; `end` is infinite if its outcome is unknown.
    """

    begin: float
    end: float
    writes: bool
    value: bytes | None
    client: int = 0

    def __str__(self) -> str:
        verb = "wrote" if self.writes else "read"
        return f"c{self.client} {verb} {self.value!r} [{self.begin:.4f}, {self.end:.4f}]"


def check_linearizable(calls: Sequence[Call], name: str = "a key") -> None:
    """Raise `Violation` unless some order of the calls, true to real time, explains every value; absent at first."""
    written = [call.value for call in calls if call.writes and call.value is not None]
    assert len(set(written)) == len(written), "a history for this check writes distinct values"
    known = sorted((call for call in calls if call.end < INFINITY), key=lambda call: (call.begin, call.end))
    seen = {call.value for call in known if not call.writes}
    maybe = [
        call for call in calls if call.end == INFINITY and call.writes and (call.value is None or call.value in seen)
    ]
    reached = _Search(known, maybe).run()
    if reached < len(known):
        stuck = known[max(0, reached - 6) : reached + 7]
        raise Violation(f"{name} is not linearizable near {known[reached]}:\n  " + "\n  ".join(map(str, stuck)))


class _Search:
    """Depth first over (what has taken effect, the value now); two masks and a value name a state.

    1. A read that may come next and fits the value is taken at once: it closes no way.
    2. A write of unknown outcome takes effect only just before a read that needs it.
    """

    def __init__(self, known: Sequence[Call], maybe: Sequence[Call]) -> None:
        self._known = known
        self._maybe = maybe
        self._tried: set[tuple[int, int, bytes | None]] = set()

    def run(self) -> int:
        """How many of the known calls, in order of their begin, could be explained at most: all, if linearizable."""
        reached = 0
        stack: list[tuple[int, int, int, bytes | None]] = [(0, 0, 0, None)]
        while stack:
            first, taken, spent, value = stack.pop()
            first, taken = self._take_reads(first, taken, value)
            reached = max(reached, first)
            if first == len(self._known):
                return reached
            if (taken, spent, value) not in self._tried:
                self._tried.add((taken, spent, value))
                stack.extend(self._branches(first, taken, spent, value))
        return reached

    def _take_reads(self, first: int, taken: int, value: bytes | None) -> tuple[int, int]:
        known = self._known
        while True:
            before = taken
            for place in self._next(first, taken):
                if not known[place].writes and known[place].value == value:
                    taken |= 1 << place
            while first < len(known) and taken >> first & 1:
                first += 1
            if taken == before:
                return first, taken

    def _next(self, first: int, taken: int) -> list[int]:
        """The places of the known calls that may come next: none of the others ended before they began."""
        known = self._known
        places: list[int] = []
        earliest_end = INFINITY
        for place in range(first, len(known)):
            if not taken >> place & 1:
                if known[place].begin > earliest_end:
                    break
                places.append(place)
                earliest_end = min(earliest_end, known[place].end)
        return [place for place in places if known[place].begin <= earliest_end]

    def _branches(
        self, first: int, taken: int, spent: int, value: bytes | None
    ) -> Iterator[tuple[int, int, int, bytes | None]]:
        places = self._next(first, taken)
        wanted = {self._known[place].value for place in places if not self._known[place].writes}
        latest = min(self._known[place].end for place in places)
        for number, call in enumerate(self._maybe):
            if call.value in wanted and not spent >> number & 1 and call.begin <= latest:
                yield first, taken, spent | 1 << number, call.value
        for place in reversed(places):
            if self._known[place].writes:
                yield first, taken | 1 << place, spent, self._known[place].value
