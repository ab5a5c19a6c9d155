"""Applied rows in memory, above what the disk holds: `Overlay`, made of generations.

Owns rows that are applied and not yet durable, their order, and the rules by which upper rows shadow lower ones.
Does not own the disk, the writer, or when a generation becomes durable (node/state.py).
A generation is what one commit of the writer makes durable; then it leaves the reading path as a whole, and its
memory is given back in slices. Read next: node/state.py.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

FRESH_HEADS_MAX = 1024  # heads not yet in order; sorting this many takes 0.3 ms
WINDOW_HEADS = 32  # the first window of an ordered walk; it grows
WINDOW_HEADS_MAX = 1024
ROW_BYTES = 250  # what Python needs for a row besides its bytes, measured
TAIL_END = b"\xff" * 256  # above every tail

_ABSENT: Any = object()
NOT_MET = (b"", b"")
Row = tuple[bytes, bytes | None]  # tail, value; None: deleted


class Generation:
    """The rows of one future commit.

    1. `rows` maps head + tail to the value, None for a deletion: it says what is so, whatever lies below.
    2. `tails` maps each head to its only tail, or to a list of its tails, descending: a newer version has a smaller
       tail, so that it is appended.
    3. Each head stands once in `fresh` (in order of arrival) or in one of `runs` (each sorted; their lengths at
       least halve from one to the next, so that there are few).
    4. `below` maps some heads to the first tail that lies under this generation (`TAIL_END`: none does). What lies
       there never changes while the generation is written to, so rows before that tail need no other look.
    """

    __slots__ = ("below", "final", "fresh", "marks", "rows", "runs", "tails")

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes | None] = {}
        self.tails: dict[bytes, bytes | list[bytes]] = {}
        self.below: dict[bytes, bytes] = {}
        self.fresh: list[bytes] = []
        self.runs: list[list[bytes]] = []
        self.marks: dict[int, int] = {}  # group -> applied index that this generation makes durable
        self.final = 0  # the frame that ends it, once it is closed

    def order(self) -> None:
        """Bring fresh heads into order: sort them, then join runs of similar length."""
        run, self.fresh = self.fresh, []
        run.sort()
        runs = self.runs
        while runs and len(runs[-1]) < 2 * len(run):
            # Two sorted lists one after the other: the sort only joins them, 0.02 µs a head.
            run = runs.pop() + run
            run.sort()
        if run:
            runs.append(run)

    def chain(self, head: bytes, start: bytes) -> Iterator[Row]:
        """The rows of a head from tail `start` on, tails ascending, deletions included."""
        tails = self.tails.get(head)
        if tails is None:
            return
        if isinstance(tails, bytes):
            if tails >= start:
                yield tails, self.rows[head + tails]
            return
        for place in range(_descending_place(tails, start) - 1, -1, -1):
            tail = tails[place]
            yield tail, self.rows[head + tail]


def _descending_place(tails: Any, tail: bytes) -> int:
    """Where the tails below `tail` begin in a descending list: near the end as a rule, so look there first."""
    high = len(tails)
    step = 4
    while high and tails[max(high - step, 0)] < tail:
        high = max(high - step, 0)
        step *= 4
    low = max(high - step, 0)
    while low < high:
        middle = (low + high) // 2
        if tails[middle] < tail:
            high = middle
        else:
            low = middle + 1
    return low


class Overlay:
    """Rows above a disk, in generations, the newest last; only the newest is written to.

    `check` asserts the invariants of each generation under test.
    """

    def __init__(self) -> None:
        self._newest = Generation()
        self._layers: tuple[Generation, ...] = (self._newest,)  # newest first
        self._met = NOT_MET  # the last head that a walk found in no generation being written to, and its first tail
        self._retired: deque[Any] = deque()  # containers of generations that are durable

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self, head: bytes, tail: bytes, value: bytes | None) -> bytes:
        """Set a row, or delete it with None. Returns head + tail, which the writer wants too."""
        newest = self._newest
        key = head + tail
        if key in newest.rows:
            newest.rows[key] = value
            return key
        newest.rows[key] = value
        tails = newest.tails
        known = tails.get(head)
        if known is None:
            tails[head] = tail
            if self._met[0] == head:
                newest.below[head] = self._met[1]
            fresh = newest.fresh
            fresh.append(head)
            if len(fresh) >= FRESH_HEADS_MAX:
                newest.order()
        elif isinstance(known, bytes):
            tails[head] = [known, tail] if tail < known else [tail, known]
        elif tail < known[-1]:
            known.append(tail)
        else:
            known.insert(_descending_place(known, tail), tail)
        return key

    def close_generation(self, final: int) -> Generation:
        """Begin a new generation; the old one becomes durable with frame `final`."""
        closed = self._newest
        closed.final = final
        self._newest = Generation()
        self._layers = (self._newest, *self._layers)
        return closed

    def retire(self) -> Generation:
        """The oldest closed generation is durable: the disk answers in its place."""
        oldest = self._layers[-1]
        assert oldest is not self._newest, "only a closed generation can be durable"
        self._layers = self._layers[:-1]
        self._retired += (oldest.rows, oldest.tails, oldest.below, oldest.fresh, *oldest.runs)
        return oldest

    def release(self, rows_max: int) -> None:
        """Give back the memory of up to so many rows of retired generations: all at once would stop the loop."""
        retired = self._retired
        while retired and rows_max > 0:
            container = retired[0]
            count = min(len(container), rows_max)
            rows_max -= count + 1
            if type(container) is list:
                del container[len(container) - count :]
            else:
                for _ in range(count):
                    container.popitem()
            if not container:
                retired.popleft()

    # -- reading ------------------------------------------------------------------------------------------------

    def generations(self) -> int:
        """How many generations a read looks at; one of them is still written to."""
        return len(self._layers)

    def row_count(self) -> int:
        """Rows not yet durable."""
        return sum(len(layer.rows) for layer in self._layers)

    def newest_rows(self) -> int:
        """Rows of the generation that is still written to."""
        return len(self._newest.rows)

    def over(self, head: bytes, start: bytes, below: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        """The rows of a head from `start` on: what the generations say, and else what `below` (tails ascending) has."""
        merged: Iterator[Row] = below
        for layer in reversed(self._layers):
            if head in layer.tails:
                merged = _merge(layer.chain(head, start), merged)
        for tail, value in merged:
            if value is not None:
                yield tail, value

    def heads(self, first: bytes, last: bytes) -> Iterator[bytes]:
        """Heads known to any generation in [first, last), ascending, each once."""
        size = WINDOW_HEADS
        while first < last:
            runs = self._runs()
            bound = last
            for run in runs:
                place = bisect_left(run, first) + size
                if place < len(run) and run[place] < bound:
                    bound = run[place]
            yield from _between(runs, first, bound)
            first = bound
            size = min(size * 4, WINDOW_HEADS_MAX)

    def heads_down(self, first: bytes, last: bytes) -> Iterator[bytes]:
        """The same, descending."""
        size = WINDOW_HEADS
        while first < last:
            runs = self._runs()
            bound = first
            for run in runs:
                place = bisect_left(run, last) - size
                if place > 0 and run[place] > bound:
                    bound = run[place]
            yield from reversed(_between(runs, bound, last))
            last = bound
            size = min(size * 4, WINDOW_HEADS_MAX)

    def _runs(self) -> list[list[bytes]]:
        runs: list[list[bytes]] = []
        for layer in self._layers:
            if layer.fresh:
                layer.order()
            runs += layer.runs
        return runs

    def check(self) -> None:
        """Assert the invariants of `Generation`."""
        for layer in self._layers:
            heads = sorted([*layer.fresh, *(head for run in layer.runs for head in run)])
            assert heads == sorted(layer.tails), "each head stands once in fresh or in a run"
            known = []
            for head, tails in layer.tails.items():
                several = [tails] if isinstance(tails, bytes) else tails
                assert several == sorted(several, reverse=True), "tails descend"
                known += [head + tail for tail in several]
            assert sorted(known) == sorted(layer.rows), "each row has its tail in its head's chain"
            assert all(run == sorted(run) for run in layer.runs), "runs are sorted"
            sizes = [len(run) for run in layer.runs]
            assert all(large >= 2 * small for large, small in pairwise(sizes)), "there are few runs"


def _between(runs: list[list[bytes]], first: bytes, bound: bytes) -> list[bytes]:
    """The heads in [first, bound) of all runs, ascending, each once."""
    picked: list[bytes] = []
    for run in runs:
        picked += run[bisect_left(run, first) : bisect_left(run, bound)]
    picked.sort()
    return list(dict.fromkeys(picked))


def _merge(upper: Iterator[Row], lower: Iterator[Row]) -> Iterator[Row]:
    """Both ascending by tail; where both have a tail, the upper row counts."""
    below = next(lower, None)
    for row in upper:
        while below is not None and below[0] < row[0]:
            yield below
            below = next(lower, None)
        if below is not None and below[0] == row[0]:
            below = next(lower, None)
        yield row
    while below is not None:
        yield below
        below = next(lower, None)
