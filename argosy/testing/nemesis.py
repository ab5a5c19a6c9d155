"""What goes wrong in a simulated cluster, and when: drawn from the seed, undone at the end.

Owns the table of faults with their weights, and `Nemesis`, which inflicts one after another. Also orders what an
operator might: splits, merges, moves of leaders and replicas. Does not own how a fault is carried out (cluster.py).
Read next: argosy/testing/cluster.py.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from argosy.testing.disk import ROOM_BYTES
from node.config import SPACE_BYTES_MIN

if TYPE_CHECKING:
    from argosy.testing.cluster import Cluster

PAUSE_BETWEEN_SECONDS = (0.2, 2.5)
DOWN_SECONDS = (0.05, 4.0)
BLOCKED_SECONDS = (0.3, 5.0)
PAUSED_SECONDS = (0.05, 2.0)
LOSSY_SECONDS = (0.5, 5.0)
LOSS_MAX = 0.2
POWER_SECONDS = (0.1, 0.8)  # of slow disks, before it goes out
SLOW_DISK_SECONDS = (0.5, 4.0)
AMBUSH_SECONDS = (0.0, 0.008)  # from an intent to the crash: in the middle of a commit over several ranges
SLOW_DISK_FACTOR = (5.0, 60.0)
FULL_DISK_SECONDS = (0.5, 6.0)
MERGE_SECONDS = (0.0, 0.8)  # from the order of a merge to the crash: at any of its steps


class Nemesis:
    """One fault after another, until `end`.

    1. Whatever it does is undone by itself after a while, and all at once by `end`.
    """

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._chance = cluster.world.chance
        self._over = False
        self.counts: dict[str, int] = {}
        self._faults: dict[str, tuple[int, Callable[[], None]]] = {
            "crash": (5, self._crash),
            "ambush": (4, self._ambush),
            "crash everybody": (1, self._crash_everybody),
            "power cut": (2, self._power_cut),
            "isolate": (4, self._isolate),
            "block one way": (3, self._block_one_way),
            "cut a link": (2, self._cut_a_link),
            "pause": (3, self._pause),
            "lose frames": (2, self._lose_frames),
            "slow disk": (2, self._slow_disk),
            "full disk": (2, self._full_disk),
            "broken disk": (2, self._broken_disk),
            "split": (4, lambda: cluster.order_split()),
            "merge": (6, self._merge),
            "move leader": (4, lambda: cluster.order_leader()),
            "move replica": (4, lambda: cluster.order_replica()),
            "collect": (2, lambda: cluster.order_collection()),
        }

    def begin(self) -> None:
        """Start with the first fault."""
        self._plan()

    def end(self) -> None:
        """Undo everything; nothing goes wrong any more."""
        self._over = True
        self._cluster.calm()

    def _plan(self) -> None:
        self._cluster.world.after(self._chance.uniform(*PAUSE_BETWEEN_SECONDS), self._strike)

    def _strike(self) -> None:
        if self._over:
            return
        names = list(self._faults)
        (name,) = self._chance.choices(names, [self._faults[each][0] for each in names])
        self.counts[name] = self.counts.get(name, 0) + 1
        self._cluster.note(f"nemesis: {name}")
        self._faults[name][1]()
        self._plan()

    def _after(self, span: tuple[float, float], act: Callable[[], None]) -> None:
        self._cluster.world.after(self._chance.uniform(*span), lambda: None if self._over else act())

    # -- faults ----------------------------------------------------------------------------------------------------

    def _crash(self) -> None:
        up = [each for each in self._cluster.nodes if each.up]
        if up:
            node = self._chance.choice(up)
            node.crash(silent=self._chance.random() < 0.5)
            self._after(DOWN_SECONDS, node.restart)

    def _ambush(self) -> None:
        """Crash a node soon after the next intent has been put: maybe its coordinator, maybe before the verdict."""

        def spring() -> None:
            self._after(AMBUSH_SECONDS, self._crash)

        self._cluster.safety.on_intent = spring

    def _merge(self) -> None:
        """Order a merge; now and then a node dies while it is under way."""
        self._cluster.order_merge()
        if self._chance.random() < 0.3:
            self._after(MERGE_SECONDS, self._crash)

    def _crash_everybody(self) -> None:
        for node in self._cluster.nodes:
            if node.up:
                node.crash(silent=False)
                self._after(DOWN_SECONDS, node.restart)

    def _power_cut(self) -> None:
        """All disks are slow for a moment, then everybody loses power: what was told too early is missed."""
        for node in self._cluster.nodes:
            node.disk_factor = self._chance.uniform(*SLOW_DISK_FACTOR)

        def cut() -> None:
            for node in self._cluster.nodes:
                node.disk_factor = 1.0
                if node.up:
                    node.crash(silent=True)
                    self._after(DOWN_SECONDS, node.restart)

        self._after(POWER_SECONDS, cut)

    def _isolate(self) -> None:
        """Two-way: some nodes from all others, clients on either side or none."""
        nodes = [each.name for each in self._cluster.nodes]
        alone = self._chance.sample(nodes, self._chance.randint(1, max(1, len(nodes) // 2)))
        for name in self._cluster.names():
            cut = name not in alone and (name in nodes or self._chance.random() < 0.5)
            for each in alone if cut else ():
                self._cluster.world.network.block(each, name)
                self._cluster.world.network.block(name, each)
        self._after(BLOCKED_SECONDS, self._cluster.world.network.heal)

    def _block_one_way(self) -> None:
        names = self._cluster.names()
        source = self._chance.choice([each.name for each in self._cluster.nodes])
        for name in names:
            if name != source and self._chance.random() < 0.6:
                pair = (source, name) if self._chance.random() < 0.5 else (name, source)
                self._cluster.world.network.block(*pair)
        self._after(BLOCKED_SECONDS, self._cluster.world.network.heal)

    def _cut_a_link(self) -> None:
        network = self._cluster.world.network
        links = network.links()
        if links:
            network.hang_up(self._chance.choice(links), tell=True)

    def _pause(self) -> None:
        up = [each for each in self._cluster.nodes if each.up]
        if up:
            self._chance.choice(up).pause(self._chance.uniform(*PAUSED_SECONDS))

    def _lose_frames(self) -> None:
        network = self._cluster.world.network
        network.loss = self._chance.uniform(0, LOSS_MAX)

        def stop() -> None:
            network.loss = 0.0

        self._after(LOSSY_SECONDS, stop)

    def _slow_disk(self) -> None:
        node = self._chance.choice(self._cluster.nodes)
        node.disk_factor = self._chance.uniform(*SLOW_DISK_FACTOR)

        def stop() -> None:
            node.disk_factor = 1.0

        self._after(SLOW_DISK_SECONDS, stop)

    def _full_disk(self) -> None:
        """Nothing is left for writes, or so little that the node takes no more commands."""
        node = self._chance.choice(self._cluster.nodes)
        node.disk.room = self._chance.choice((0, SPACE_BYTES_MIN - 1))

        def stop() -> None:
            node.disk.room = ROOM_BYTES

        self._after(FULL_DISK_SECONDS, stop)

    def _broken_disk(self) -> None:
        """The next write of a journal fails: the node stops, and comes back."""
        self._chance.choice(self._cluster.nodes).disk.broken = self._chance.choice(("write", "sync"))
