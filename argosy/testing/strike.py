"""What a fault has in hand when it is carried out: the cluster, a chance of its own, and time while the nemesis runs.

Owns `Strike` and how it picks whom to strike. Does not own what a fault does. Read next: argosy/testing/node_faults.py.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argosy.testing.cluster import Cluster, NodeStation


class Strike:
    """One fault under way."""

    def __init__(self, cluster: "Cluster", chance: Random, over: Callable[[], bool]) -> None:
        self.cluster = cluster
        self.network = cluster.world.network
        self.chance = chance
        self._over = over

    def after(self, span: tuple[float, float], act: Callable[[], None]) -> float:
        """Run something after some seconds of this span, unless all is calm by then; how many seconds."""
        seconds = self.chance.uniform(*span)
        self.cluster.world.after(seconds, lambda: None if self._over() else act())
        return seconds

    def running(self) -> "NodeStation | None":
        """A node that runs."""
        up = [each for each in self.cluster.nodes if each.up]
        return self.chance.choice(up) if up else None

    def victim(self, left_min: int) -> "NodeStation | None":
        """A running node whose disk may be lost for ever; so many others live on."""
        fit = [each for each in self.cluster.nodes if each.up and not each.doomed]
        fit = [each for each in fit if self.cluster.may_lose(each, left_min)]
        return self.chance.choice(fit) if fit else None

    def node_names(self) -> list[str]:
        """Of all nodes that are not dead."""
        return [each.name for each in self.cluster.living()]
