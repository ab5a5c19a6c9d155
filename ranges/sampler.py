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
