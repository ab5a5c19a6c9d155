"""Where to split a range: a walk over its rows in steps of bounded work, or a sample of what it is asked for.

Owns the two samplers and the middle that each finds. Does not own when to split (ranges/placement/policy.py).
Read next: ranges/machine.py.
"""

from bisect import bisect_left

from node.machine import View
from ranges.config import (
    LOAD_SAMPLES,
    LOAD_SAMPLES_LEAST,
    LOAD_SHARE_PERCENT,
    LOAD_WATCH_SECONDS,
    SAMPLE_MARKS,
    SAMPLE_VISITS_MAX,
)
from ranges.keys import head, is_key, unhead

MULTIPLIER, INCREMENT = 1_664_525, 1_013_904_223  # of a linear congruential generator modulo 2**32


class Sampler:
    """Finds a key that has about half of the bytes on each side.

    1. One call of `step` looks at no more than `SAMPLE_VISITS_MAX` rows, but finishes the key it is at.
    2. The key that it returns lies strictly inside the range.
    3. It holds next to nothing before its first step: most ranges never take one.
    """

    __slots__ = ("_bytes", "_end", "_found", "_marks", "_next", "_start", "_view")

    def __init__(self, view: View, start: bytes, end: bytes) -> None:
        self._view = view
        self._start = start
        self._end = end
        self._begin()

    def _begin(self) -> None:
        self._next: bytes | None = None
        self._bytes = 0
        self._marks: list[tuple[int, bytes]] | None = None
        self._found: bytes | None = None

    def step(self, size: int) -> bytes | None:
        """Walk on, in a range of about `size` bytes; the key, once the walk has come to the end."""
        if self._found is not None:
            return self._found
        stride = size // SAMPLE_MARKS
        first = head(self._start)
        marks = self._marks = self._marks or []
        seen = b""
        for visits, (each, tail, row) in enumerate(self._view.scan(self._next or first, head(self._end))):
            if each != seen:
                if visits >= SAMPLE_VISITS_MAX:
                    self._next = each
                    return None
                seen = each
                if each != first and self._bytes >= (marks[-1][0] if marks else 0) + stride:
                    marks.append((self._bytes, each))
            self._bytes += len(each) + len(tail) + len(row)
        return self._finish()

    def _finish(self) -> bytes | None:
        """The mark nearest to the middle; a walk that found none begins again."""
        half = self._bytes // 2
        marks = self._marks
        self._begin()
        if marks:
            self._found = unhead(min(marks, key=lambda mark: (abs(mark[0] - half), mark[1]))[1])
        return self._found


class Keyed:
    """A message that asks for user keys: it counts where a range is watched to find the middle of its load."""

    __slots__ = ()

    def reach(self) -> tuple[bytes, bytes]:
        """The first and the last key."""
        raise NotImplementedError


class LoadSampler:
    """Finds a key that has about half of the requests on each side.

    1. It holds `LOAD_SAMPLES` requests at most, drawn alike from all that came since it began (a reservoir).
    2. The key that it returns lies strictly inside the range.
    3. A request that reaches over the key counts for neither side: it would have to ask both.
    """

    __slots__ = ("_chance", "_samples", "_seen", "_since")

    def __init__(self, now: float) -> None:
        self._since = now
        self._seen = 0
        self._chance = 0  # the same for all: nobody gains by foreseeing it
        self._samples: list[tuple[bytes, bytes]] = []

    def take(self, reach: tuple[bytes, bytes]) -> None:
        """A request, from its first key to its last."""
        self._seen += 1
        if len(self._samples) < LOAD_SAMPLES:
            self._samples.append(reach)
            return
        self._chance = (self._chance * MULTIPLIER + INCREMENT) % 2**32
        place = self._chance * self._seen >> 32
        if place < LOAD_SAMPLES:
            self._samples[place] = reach

    def is_done(self, now: float) -> bool:
        """It has watched for long enough."""
        return now - self._since >= LOAD_WATCH_SECONDS

    def middle(self, start: bytes, end: bytes) -> bytes | None:
        """The key, or None: too few requests, or most of them for one key or all over the range."""
        firsts = sorted([first for first, _ in self._samples])
        lasts = sorted([last for _, last in self._samples])
        keys = [key for key in sorted({*firsts, *lasts}) if start < key < end and is_key(key)]
        shares = [(min(bisect_left(lasts, key), len(firsts) - bisect_left(firsts, key)), key) for key in keys]
        share, key = max(shares, default=(0, b""))
        enough = len(firsts) >= LOAD_SAMPLES_LEAST and share * 100 >= len(firsts) * LOAD_SHARE_PERCENT
        return key if enough else None
