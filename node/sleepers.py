"""Which groups sleep, by the two ends of each pair of nodes, and a sum by which the ends compare (Z3).

Owns the sums: 64 bits, independent of order, kept up to date with each group that falls asleep or wakes.
Does not own when a group sleeps (node/raft/sleep.py) nor the exchange (node/support.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SHARED_MAX = 1024  # ways to sleep that are remembered as such
_MASK = (1 << 64) - 1
Sleeping = tuple[int, int]  # group, term


def mixed(group: int, term: int) -> int:
    """64 bits that stand for one sleeping group."""
    mix = (group * 0x9E3779B97F4A7C15 + term * 0xC2B2AE3D27D4EB4F + 1) & _MASK
    mix = ((mix ^ (mix >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mix = ((mix ^ (mix >> 27)) * 0x94D049BB133111EB) & _MASK
    return mix ^ (mix >> 31)


class _Where(NamedTuple):
    """How a group sleeps: led here or not, in which term, and the nodes at the other ends. Shared by all that do."""

    led: bool
    term: int
    nodes: tuple[int, ...]


class Sleepers:
    """The groups that sleep on this node.

    1. A group is led here, or follows a leader elsewhere, or is awake; what was said last counts.
    2. A group costs one row; what is the same for many is held once.
    """

    def __init__(self) -> None:
        self._where: dict[int, _Where] = {}
        self._shared: dict[_Where, _Where] = {}
        self._sums: dict[tuple[bool, int], int] = {}  # (led, node)

    def __len__(self) -> int:
        return len(self._where)

    def leads(self, group: int, term: int, nodes: Iterable[int]) -> None:
        """A group that is led here in this term sleeps, with followers on these nodes."""
        self._sleeps(group, _Where(True, term, tuple(sorted(nodes))))

    def follows(self, group: int, term: int, node: int) -> None:
        """A group sleeps here that follows the leader of this term on `node`."""
        self._sleeps(group, _Where(False, term, (node,)))

    def wakes(self, group: int) -> None:
        """A group is awake, or gone."""
        where = self._where.pop(group, None)
        if where is not None:
            self._add(group, where)

    def _sleeps(self, group: int, where: _Where) -> None:
        before = self._where.get(group)
        if before == where:
            return
        if before is not None:
            self._add(group, before)
        if len(self._shared) >= SHARED_MAX:
            self._shared.clear()
        self._where[group] = self._shared.setdefault(where, where)
        self._add(group, where)

    def _add(self, group: int, where: _Where) -> None:
        """Into the sums, or out of them: the same, twice is nothing."""
        mix = mixed(group, where.term)
        for node in where.nodes:
            self._sums[where.led, node] = self._sums.get((where.led, node), 0) ^ mix

    def led_sum(self, node: int) -> int:
        """The sum of those led here with a follower on `node`."""
        return self._sums.get((True, node), 0)

    def followed_sum(self, node: int) -> int:
        """The sum of those that follow a leader on `node`."""
        return self._sums.get((False, node), 0)

    def led(self, node: int) -> tuple[Sleeping, ...]:
        """Those led here with a follower on `node`, in order."""
        return tuple(sorted(self._rows(True, node)))

    def doubtful(self, node: int, listed: Sequence[Sleeping]) -> tuple[int, ...]:
        """The groups that follow a leader on `node` which does not list them, in order."""
        known = set(listed)
        return tuple(sorted(row[0] for row in self._rows(False, node) if row not in known))

    def _rows(self, led: bool, node: int) -> Iterator[Sleeping]:
        for group, where in self._where.items():
            if where.led == led and node in where.nodes:
                yield group, where.term
