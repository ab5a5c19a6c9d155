"""Which groups sleep, by the two ends of each pair of nodes, and a sum by which the ends compare (Z3).

Owns the sums: 64 bits, independent of order, kept up to date with each group that falls asleep or wakes.
Does not own when a group sleeps (node/raft/sleep.py) nor the exchange (node/support.py).
"""

from collections.abc import Iterable, Sequence

_MASK = (1 << 64) - 1
Sleeping = tuple[int, int]  # group, term


def mixed(group: int, term: int) -> int:
    """64 bits that stand for one sleeping group."""
    mix = (group * 0x9E3779B97F4A7C15 + term * 0xC2B2AE3D27D4EB4F + 1) & _MASK
    mix = ((mix ^ (mix >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mix = ((mix ^ (mix >> 27)) * 0x94D049BB133111EB) & _MASK
    return mix ^ (mix >> 31)


class _Side:
    """The sleeping groups of one direction, by the node at the other end."""

    def __init__(self) -> None:
        self.terms: dict[int, dict[int, int]] = {}
        self.sums: dict[int, int] = {}

    def add(self, node: int, group: int, term: int) -> None:
        self.terms.setdefault(node, {})[group] = term
        self.sums[node] = self.sums.get(node, 0) ^ mixed(group, term)

    def remove(self, node: int, group: int) -> None:
        self.sums[node] ^= mixed(group, self.terms[node].pop(group))


class Sleepers:
    """The groups that sleep on this node.

    1. A group is led here, or follows a leader elsewhere, or is awake; what was said last counts.
    """

    def __init__(self) -> None:
        self._led = _Side()
        self._followed = _Side()
        self._where: dict[int, tuple[_Side, tuple[int, ...]]] = {}

    def leads(self, group: int, term: int, nodes: Iterable[int]) -> None:
        """A group that is led here in this term sleeps, with followers on these nodes."""
        self._sleeps(self._led, group, term, tuple(sorted(nodes)))

    def follows(self, group: int, term: int, node: int) -> None:
        """A group sleeps here that follows the leader of this term on `node`."""
        self._sleeps(self._followed, group, term, (node,))

    def wakes(self, group: int) -> None:
        """A group is awake, or gone."""
        side, nodes = self._where.pop(group, (self._led, ()))
        for node in nodes:
            side.remove(node, group)

    def _sleeps(self, side: _Side, group: int, term: int, nodes: tuple[int, ...]) -> None:
        self.wakes(group)
        self._where[group] = (side, nodes)
        for node in nodes:
            side.add(node, group, term)

    def led_sum(self, node: int) -> int:
        """The sum of those led here with a follower on `node`."""
        return self._led.sums.get(node, 0)

    def followed_sum(self, node: int) -> int:
        """The sum of those that follow a leader on `node`."""
        return self._followed.sums.get(node, 0)

    def led(self, node: int) -> tuple[Sleeping, ...]:
        """Those led here with a follower on `node`, in order."""
        return tuple(sorted(self._led.terms.get(node, {}).items()))

    def doubtful(self, node: int, listed: Sequence[Sleeping]) -> tuple[int, ...]:
        """The groups that follow a leader on `node` which does not list them, in order."""
        known = set(listed)
        followed = self._followed.terms.get(node, {})
        return tuple(sorted(group for group, term in followed.items() if (group, term) not in known))
