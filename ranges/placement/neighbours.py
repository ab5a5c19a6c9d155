"""Which ranges lie side by side, and which of them wait to merge.

Owns the order in which pairs of small neighbours become cold: a decision looks at those that are, and at none that
only will be. Does not own what is small (picture.py) nor whether two merge (policy.py). Read next:
ranges/placement/picture.py.
"""

from collections.abc import Iterator

from sortedcontainers import SortedList


class Neighbours:
    """A pair is named by its right side.

    1. `lefts` and `rights` say the same.
    2. `_waiting` holds a pair at most once: with the time in `_times`.
    """

    def __init__(self) -> None:
        self.lefts: dict[int, int] = {}  # the left neighbour of each group that has one
        self.rights: dict[int, int] = {}
        self._times: dict[int, float] = {}
        self._waiting: SortedList[tuple[float, int]] = SortedList()

    def adjoin(self, group: int, left: int) -> None:
        """The group's left neighbour is this one now; 0 if it has none."""
        before = self.lefts.pop(group, 0)
        if self.rights.get(before) == group:
            del self.rights[before]
        if left:
            self.lefts[group] = left
            self.rights[left] = group

    def wait(self, right: int, since: float | None) -> None:
        """Both sides are small and have been left alone since then; None: they do not merge as they are."""
        before = self._times.get(right)
        if before == since:
            return
        if before is not None:
            del self._times[right]
            self._waiting.remove((before, right))
        if since is not None:
            self._times[right] = since
            self._waiting.add((since, right))

    def stop_waiting(self) -> None:
        """No pair waits."""
        self._times.clear()
        self._waiting.clear()

    def alone_since(self, until: float) -> Iterator[int]:
        """The pairs that have been left alone since `until` or longer, the longest first."""
        return (right for _, right in self._waiting.irange(maximum=(until, float("inf"))))

    def check(self) -> None:
        """Assert the invariants."""
        assert {left: right for right, left in self.lefts.items()} == self.rights, "a left has one right"
        assert list(self._waiting) == sorted((time, right) for right, time in self._times.items()), "each waits once"
