"""What goes wrong in a simulated cluster: carries out the faults of a schedule, and undoes them at the end.

Owns `Nemesis`. Does not own which faults come when (faults.py) nor what each of them does (network_faults.py,
disk_faults.py, node_faults.py; orders of an operator: simulation.py). Read next: argosy/testing/node_faults.py.
"""

from collections.abc import Collection
from random import Random
from typing import TYPE_CHECKING

from argosy.testing.faults import ACTS, Fault
from argosy.testing.strike import Strike

if TYPE_CHECKING:
    from argosy.testing.cluster import Cluster


class Nemesis:
    """One fault after another, as the schedule has them, until `end`.

    1. Whatever it does is undone by itself after a while, and all at once by `end`; but the dead stay dead.
    2. Each fault has a chance of its own: what it draws does not depend on the faults before it.
    """

    def __init__(self, cluster: "Cluster", faults: Collection[Fault]) -> None:
        self._cluster = cluster
        self._over = False
        self.faults = faults
        self.counts: dict[str, int] = {}  # name -> how often it was carried out

    def begin(self) -> None:
        """From now on their time runs."""
        for fault in self.faults:
            self._cluster.world.after(fault.at, lambda fault=fault: self._strike(fault))  # type: ignore[misc]

    def end(self) -> None:
        """Undo everything; nothing goes wrong any more."""
        self._over = True
        self._cluster.calm()

    def _strike(self, fault: Fault) -> None:
        if self._over:
            return
        order = self._cluster.orders.get(fault.name)
        chance = Random(fault.seed)
        if order is not None:
            order(chance)
            done = "ordered"
        else:
            done = ACTS[fault.name](Strike(self._cluster, chance, lambda: self._over))
        self._cluster.note(f"{fault}: {done or 'finds nobody'}")
        if done:
            self.counts[fault.name] = self.counts.get(fault.name, 0) + 1
