"""Is a history of single keys linearizable? (Wing and Gong 1993, with Lowe's memory of what was tried.)

Owns `Call` and `Linear`. Each key is looked at for itself, which suffices: linearizability is local. Writes write
distinct values, so that a value names its write, and the search hardly ever has to turn back. A call of unknown
outcome may take effect at any later time, or never. Read next: argosy/testing/serial.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import EllipsisType

from argosy.testing.history import INFINITY, Operation, Outcome

SHOWN = 6  # calls of a key before and after the one that does not fit

Said = bytes | EllipsisType | None  # `...`: nothing
State = tuple[int, int, int, bytes | None]


class Violation(Exception):
    """A promise was broken; the text says which one, and shows the part of the history that breaks it."""


@dataclass(frozen=True, slots=True)
class Call(Operation):
    """One operation on one key, at one instant: it found the value `saw` and left the value `wrote`.

    None is an absent key, and `...` means that it looked at nothing, or changed nothing. So a read only saw, a put or
    delete only wrote, and what compares and sets, or changes what it finds, did both.
    """

    key: bytes
    saw: Said = ...
    wrote: Said = ...

    def told(self) -> str:
        """The key, what was found, what was left."""
        saw = "" if self.saw is ... else f" read {self.saw!r}"
        wrote = "" if self.wrote is ... else f" wrote {self.wrote!r}"
        return f"{self.key.decode(errors='replace')}{saw}{wrote}"


class Linear:
    """Feed it with calls; every key is absent at first."""

    def __init__(self) -> None:
        self._calls: dict[bytes, list[Call]] = {}

    def note(self, call: Call) -> None:
        """One call has ended. What failed, or may only have read, explains nothing and needs no explanation."""
        if call.outcome is Outcome.OK or (call.outcome is Outcome.UNKNOWN and call.wrote is not ...):
            self._calls.setdefault(call.key, []).append(call)

    def check(self) -> None:
        """Raise `Violation` unless for each key some order of its calls, true to real time, explains every value."""
        for key, calls in sorted(self._calls.items()):
            known = sorted((each for each in calls if each.until < INFINITY), key=lambda call: (call.begin, call.end))
            reached = _Search(known, _of_use(calls)).run()
            if reached < len(known):
                stuck = known[max(0, reached - SHOWN) : reached + SHOWN + 1]
                raise Violation(
                    f"{key.decode(errors='replace')} is not linearizable near {known[reached]}:\n  "
                    + "\n  ".join(map(str, stuck))
                )


def _of_use(calls: Sequence[Call]) -> list[Call]:
    """The calls of unknown outcome without which somebody's value might not be explained."""
    written = [call.wrote for call in calls if call.wrote is not ... and call.wrote is not None]
    assert len(set(written)) == len(written), "a history for this check writes distinct values"
    doubtful = [call for call in calls if call.outcome is Outcome.UNKNOWN]
    wanted = {call.saw for call in calls if call.outcome is Outcome.OK} | {None}
    while True:
        useful = [call for call in doubtful if call.wrote in wanted]
        more = wanted | {call.saw for call in useful}
        if more == wanted:
            return useful
        wanted = more


class _Search:
    """Depth first over states: how many calls are behind us, which of the others have taken effect, and the value now.

    1. Known calls stand in order of their begin. A state is (first, taken, spent, value): all before `first` are taken;
       bit i of `taken` is call first + i; `spent` are the bits of the doubtful ones that took effect.
    2. A read that may come next and fits the value is taken at once: it closes no way.
    3. A doubtful call takes effect only just before somebody needs its value. Deletions are alike: one is tried.
    4. A value that somebody has yet to read is not overwritten, as it never comes back. (Absence does.)
    """

    def __init__(self, known: Sequence[Call], doubtful: Sequence[Call]) -> None:
        self._known = known
        self._doubtful = sorted(doubtful, key=lambda call: call.saw is not ...)
        self._writers: dict[Said, list[int]] = {}  # value -> doubtful calls, first those who look at nothing
        self._readers: dict[bytes, list[int]] = {}  # value -> known calls
        for number, call in enumerate(self._doubtful):
            self._writers.setdefault(call.wrote, []).append(number)
        for place, call in enumerate(known):
            if isinstance(call.saw, bytes):
                self._readers.setdefault(call.saw, []).append(place)

    def run(self) -> int:
        """How many of the known calls, in order of their begin, could be explained at most: all, if linearizable."""
        reached = 0
        tried: set[State] = set()
        stack: list[State] = [(0, 0, 0, None)]
        while stack:
            first, taken, spent, value = stack.pop()
            first, taken, places = self._take_reads(first, taken, value)
            reached = max(reached, first)
            if first == len(self._known):
                return reached
            state = (first, taken, spent, value)
            if state not in tried:
                tried.add(state)
                stack.extend(self._branches(state, places))
        return reached

    def _take_reads(self, first: int, taken: int, value: bytes | None) -> tuple[int, int, list[int]]:
        known = self._known
        while True:
            places = self._next(first, taken)
            fit = [place for place in places if known[place].wrote is ... and known[place].saw == value]
            if not fit:
                return first, taken, places
            for place in fit:
                taken |= 1 << place - first
            while taken & 1:
                first, taken = first + 1, taken >> 1

    def _next(self, first: int, taken: int) -> list[int]:
        """The places of the known calls that may come next: none of the others ended before they began."""
        known = self._known
        places: list[int] = []
        earliest_end = INFINITY
        for place in range(first, len(known)):
            call = known[place]
            if call.begin > earliest_end:
                break
            if not taken >> place - first & 1:
                places.append(place)
                earliest_end = min(earliest_end, call.end)
        return places

    def _branches(self, state: State, places: list[int]) -> Iterator[State]:
        first, taken, spent, value = state
        waiting = self._waiting(first, taken, value)
        if len(waiting) > 1:
            return
        latest = min(self._known[place].end for place in places)
        if not waiting:
            yield from self._doubtful_branches(state, places, latest)
        for place in reversed(places):
            call = self._known[place]
            if call.wrote is not ... and (call.saw is ... or call.saw == value) and waiting in ([], [place]):
                after, bits = first, taken | 1 << place - first
                while bits & 1:
                    after, bits = after + 1, bits >> 1
                yield after, bits, spent, call.wrote

    def _doubtful_branches(self, state: State, places: list[int], latest: float) -> Iterator[State]:
        """Whoever writes a value that may be needed next, or that somebody needs who does."""
        first, taken, spent, value = state
        wanted = [self._known[place].saw for place in places]
        for need in wanted:  # grows as it goes
            for number in self._writers.get(need, ()):
                call = self._doubtful[number]
                if spent >> number & 1 or call.begin > latest:
                    continue
                if call.saw is ... or call.saw == value:
                    yield first, taken, spent | 1 << number, need  # type: ignore[misc]
                    if call.saw is ...:
                        break  # others who do the same are as good later on
                elif call.saw not in wanted:
                    wanted.append(call.saw)

    def _waiting(self, first: int, taken: int, value: bytes | None) -> list[int]:
        """Who has yet to find this value, which will not come again; two of them, if there are more."""
        found: list[int] = []
        for place in reversed(self._readers.get(value, ()) if value is not None else ()):
            if place >= first and not taken >> place - first & 1:
                found.append(place)
                if len(found) == 2:
                    break
        return found
