"""What goes wrong in a simulated cluster: carries out the faults of a schedule, and undoes them at the end.

Owns `Nemesis` and the table of what each fault does. Does not own which faults come when (faults.py) nor how a node,
a disk or a link does what is asked of it (cluster.py, disk.py, network.py). Read next: argosy/testing/cluster.py.
"""

from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import TYPE_CHECKING

from argosy.testing.disk import ROOM_BYTES
from argosy.testing.faults import Fault, Strike
from node.config import SPACE_BYTES_MIN

if TYPE_CHECKING:
    from argosy.testing.cluster import Cluster, NodeStation

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

Act = Callable[[Strike], str]
"""Carries a fault out and says what it did, to whom; nothing if there was nobody to do it to."""


class Nemesis:
    """One fault after another, as the schedule has them, until `end`.

    1. Whatever it does is undone by itself after a while, and all at once by `end`.
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


# -- nodes -------------------------------------------------------------------------------------------------------------


def _up(strike: Strike) -> "NodeStation | None":
    """One node that runs."""
    up = [each for each in strike.cluster.nodes if each.up]
    return strike.chance.choice(up) if up else None


def _crash(strike: Strike) -> str:
    node = _up(strike)
    if node is None:
        return ""
    silent = strike.chance.random() < 0.5
    node.crash(silent)
    down = strike.after(DOWN_SECONDS, node.restart)
    return f"{node} {'loses power' if silent else 'is killed'} for {down:.2f} s"


def _ambush(strike: Strike) -> str:
    """Crash a node soon after the next intent has been put: maybe its coordinator, maybe before the verdict."""

    def crash() -> None:
        strike.cluster.note(_crash(strike))

    def spring() -> None:
        strike.after(AMBUSH_SECONDS, crash)

    strike.cluster.safety.on_intent = spring
    return "a node will crash soon after the next intent"


def _crash_everybody(strike: Strike) -> str:
    up = [each for each in strike.cluster.nodes if each.up]
    for node in up:
        node.crash(silent=False)
        strike.after(DOWN_SECONDS, node.restart)
    return f"{' '.join(map(str, up))} are killed" if up else ""


def _power_cut(strike: Strike) -> str:
    """All disks are slow for a moment, then everybody loses power: what was told too early is missed."""
    for node in strike.cluster.nodes:
        node.disk_factor = strike.chance.uniform(*SLOW_DISK_FACTOR)

    def cut() -> None:
        for node in strike.cluster.nodes:
            node.disk_factor = 1.0
            if node.up:
                node.crash(silent=True)
                strike.after(DOWN_SECONDS, node.restart)

    return f"all disks are slow, and all nodes lose power in {strike.after(POWER_SECONDS, cut):.2f} s"


def _cut_merge(strike: Strike) -> str:
    """A node dies while a merge is under way."""
    strike.cluster.orders["merge"](strike.chance)
    seconds = strike.after(MERGE_SECONDS, lambda: strike.cluster.note(_crash(strike)))
    return f"ordered, and a node will crash in {seconds:.2f} s"


def _pause(strike: Strike) -> str:
    node = _up(strike)
    if node is None:
        return ""
    seconds = strike.chance.uniform(*PAUSED_SECONDS)
    node.pause(seconds)
    return f"{node} stands still for {seconds:.2f} s"


# -- network -----------------------------------------------------------------------------------------------------------


def _isolate(strike: Strike) -> str:
    """Two-way: some nodes from all others, clients on either side or none."""
    nodes = [each.name for each in strike.cluster.nodes]
    alone = strike.chance.sample(nodes, strike.chance.randint(1, max(1, len(nodes) // 2)))
    apart = [
        name for name in strike.cluster.names() if name not in alone and (name in nodes or strike.chance.random() < 0.5)
    ]
    for name in apart:
        for each in alone:
            strike.network.block(each, name)
            strike.network.block(name, each)
    seconds = strike.after(BLOCKED_SECONDS, strike.network.heal)
    return f"{' '.join(alone)} and {' '.join(apart)} are apart for {seconds:.2f} s"


def _block_one_way(strike: Strike) -> str:
    source = strike.chance.choice([each.name for each in strike.cluster.nodes])
    blocked: list[str] = []
    for name in strike.cluster.names():
        if name != source and strike.chance.random() < 0.6:
            pair = (source, name) if strike.chance.random() < 0.5 else (name, source)
            strike.network.block(*pair)
            blocked.append(" → ".join(pair))
    seconds = strike.after(BLOCKED_SECONDS, strike.network.heal)
    return f"{', '.join(blocked) or 'nothing'} blocked for {seconds:.2f} s"


def _cut_a_link(strike: Strike) -> str:
    links = strike.network.links()
    if not links:
        return ""
    link = strike.chance.choice(links)
    said = f"{strike.network.describe(link)} is cut"
    strike.network.hang_up(link, tell=True)
    return said


def _lose_frames(strike: Strike) -> str:
    network = strike.network
    network.loss = strike.chance.uniform(0, LOSS_MAX)

    def stop() -> None:
        network.loss = 0.0

    return f"{network.loss:.0%} of Raft and support frames for {strike.after(LOSSY_SECONDS, stop):.2f} s"


# -- disks -------------------------------------------------------------------------------------------------------------


def _slow_disk(strike: Strike) -> str:
    node = strike.chance.choice(strike.cluster.nodes)
    node.disk_factor = factor = strike.chance.uniform(*SLOW_DISK_FACTOR)

    def stop() -> None:
        node.disk_factor = 1.0

    seconds = strike.after(SLOW_DISK_SECONDS, stop)
    return f"{node}, {factor:.0f} times as slow for {seconds:.2f} s"


def _full_disk(strike: Strike) -> str:
    """Nothing is left for writes, or so little that the node takes no more commands."""
    node = strike.chance.choice(strike.cluster.nodes)
    node.disk.room = strike.chance.choice((0, SPACE_BYTES_MIN - 1))

    def stop() -> None:
        node.disk.room = ROOM_BYTES

    return f"{node} has {node.disk.room:,} bytes left for {strike.after(FULL_DISK_SECONDS, stop):.2f} s"


def _broken_disk(strike: Strike) -> str:
    """The next write of a journal fails: the node stops, and comes back."""
    node = strike.chance.choice(strike.cluster.nodes)
    node.disk.broken = strike.chance.choice(("write", "sync"))
    return f"{node} fails at its next {node.disk.broken}"


ACTS: Mapping[str, Act] = {
    "crash": _crash,
    "ambush": _ambush,
    "crash everybody": _crash_everybody,
    "power cut": _power_cut,
    "cut merge": _cut_merge,
    "pause": _pause,
    "isolate": _isolate,
    "block one way": _block_one_way,
    "cut a link": _cut_a_link,
    "lose frames": _lose_frames,
    "slow disk": _slow_disk,
    "full disk": _full_disk,
    "broken disk": _broken_disk,
}
