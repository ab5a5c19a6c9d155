"""Where to split a range: a walk over its rows in steps of bounded work.

Owns the walk and the middle that it found. Does not own when to split (ranges/placement/policy.py).
Read next: ranges/machine.py.
"""

from node.machine import View
from ranges.config import SAMPLE_MARKS, SAMPLE_VISITS_MAX
from ranges.keys import head, unhead


class Sampler:
    """Finds a key that has about half of the bytes on each side.

    1. One call of `step` looks at no more than `SAMPLE_VISITS_MAX` rows, but finishes the key it is at.
    2. The key that it returns lies strictly inside the range.
    """

    def __init__(self, view: View, start: bytes, end: bytes) -> None:
        self._view = view
        self._start = head(start)
        self._end = head(end)
        self._begin()

    def _begin(self) -> None:
        self._next = self._start
        self._bytes = 0
        self._marks: list[tuple[int, bytes]] = []
        self._found: bytes | None = None

    def step(self, size: int) -> bytes | None:
        """Walk on, in a range of about `size` bytes; the key, once the walk has come to the end."""
        if self._found is not None:
            return self._found
        stride = size // SAMPLE_MARKS
        seen = b""
        for visits, (each, tail, row) in enumerate(self._view.scan(self._next, self._end)):
            if each != seen:
                if visits >= SAMPLE_VISITS_MAX:
                    self._next = each
                    return None
                seen = each
                if each != self._start and self._bytes >= (self._marks[-1][0] if self._marks else 0) + stride:
                    self._marks.append((self._bytes, each))
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
