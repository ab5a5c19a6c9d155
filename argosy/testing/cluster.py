"""Nodes with disks in a world: how they start, crash and come back, and what is watched while they run.

Owns `NodeStation` (a host, its simulated disk, its life) and `Cluster` (all nodes, their safety, their totals).
Does not own what a host is made of: `build` makes one. Read next: argosy/testing/simulation.py.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from argosy.testing.disk import ROOM_BYTES, Disk
from argosy.testing.linear import Violation
from argosy.testing.safety import Safety, WatchedJournal, WatchedState
from argosy.testing.world import Station, World
from node.ports import Effects, Hello
from node.space import Space

SYNC_SECONDS = (0.0003, 0.002)
FLUSH_SECONDS = (0.005, 0.1)
DOWN_SECONDS = 1.0  # of a node whose disk broke
COMPARE_SECONDS = 1.0  # how often all replicas are compared

Build = Callable[["NodeStation"], Any]


class NodeStation(Station):
    """A node: a host while it is up, and a disk for ever.

    1. `life` rises at each start, before the host is made.
    """

    def __init__(self, cluster: "Cluster", number: int) -> None:
        super().__init__(cluster.world, f"n{number}", number)
        self.cluster = cluster
        self.address = f"{self.name}:4480"
        self.disk = Disk()
        self.life = 0
        self.disk_factor = 1.0
        self.kept: tuple[tuple[int, str], ...] = ()  # group 0's members, as the node's directory on disk keeps them
        self.journal: WatchedJournal
        self.state: WatchedState
        cluster.world.network.settle_at(self.address, self)

    @property
    def host(self) -> Any:
        """The host that runs now."""
        assert self.port is not None, f"{self.name} is down"
        return self.port

    def hello(self) -> Hello:
        """The host knows."""
        hello: Hello = self.host.hello()
        return hello

    def keep(self, routes: tuple[tuple[int, str], ...]) -> None:
        """Write group 0's members down for the next life."""
        self.kept = routes

    def restart(self) -> None:
        """Begin a new life from what the disk holds; nothing if it is up."""
        if self.port is None:
            self.life += 1
            watched = self.node, self.cluster.safety, self.disk, self.later
            self.journal = WatchedJournal(*watched, self._delay(SYNC_SECONDS))
            self.state = WatchedState(*watched, self._delay(FLUSH_SECONDS))
            self.state.space = Space(Path(self.address), _StationClock(self), lambda: (self.disk.room, ROOM_BYTES))
            self.cluster.note(f"{self.name} starts life {self.life}")
            self.start(self.cluster.build(self))

    def crash(self, silent: bool = False) -> None:
        """Lose what is only in memory, as a kill does, or (`silent`) a power cut."""
        self.cluster.note(f"{self.name} {'loses power' if silent else 'is killed'}")
        self.stop(silent)
        for part in (self.journal, self.state):
            part.crash(lambda count: self.world.chance.randint(0, count))

    def carry_out(self, effects: Effects) -> None:
        """The record goes to the disk; the rest as for every station."""
        if effects.record is not None:
            self.journal.submit(effects.record)
        super().carry_out(effects)
        if effects.stop is not None and self.journal.failed:
            self.disk.broken = ""
            self.crash()
            self.world.after(DOWN_SECONDS, self.restart)
        elif effects.stop is not None:
            raise Violation(f"{self.name} stopped by itself: {effects.stop}")

    def _delay(self, span: tuple[float, float]) -> Callable[[], float]:
        return lambda: self.world.chance.uniform(*span) * self.disk_factor


class _StationClock:
    """A station's own clock, as a port."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def now(self) -> float:
        """What it shows."""
        return self._station.clock


class Cluster:
    """All nodes of a world."""

    def __init__(self, world: World, build: Build) -> None:
        self.world = world
        self.build = build
        self.safety = Safety()
        self.nodes: list[NodeStation] = []
        self.guests: list[str] = []  # names of stations that are not nodes
        self.note: Callable[[str], None] = _silent
        self.orders: dict[str, Callable[[Random], None]] = {}  # name -> what an operator orders, by this chance
        world.watchers.append(self._stepped)
        world.after(COMPARE_SECONDS, self._compare_again)

    def add(self) -> NodeStation:
        """One more node, not started yet; its number is its node id."""
        node = NodeStation(self, len(self.nodes) + 1)
        self.nodes.append(node)
        return node

    def names(self) -> list[str]:
        """Of everybody that the network knows."""
        return [node.name for node in self.nodes] + self.guests

    def calm(self) -> None:
        """Undo every fault: all ways open, all disks quick, all nodes up."""
        self.world.network.loss = 0.0
        self.world.network.heal()
        for node in self.nodes:
            node.disk_factor = 1.0
            node.disk.room, node.disk.broken = ROOM_BYTES, ""
            node.restart()

    def compare(self) -> None:
        """All replicas that have applied as far hold the same rows."""
        self.safety.compare(
            (node.node, group, node.state)
            for node in self.nodes
            if node.up
            for group in node.host.replicas.groups.values()
        )

    def _compare_again(self) -> None:
        self.compare()
        self.world.after(COMPARE_SECONDS, self._compare_again)

    def _stepped(self, station: Station) -> None:
        if isinstance(station, NodeStation):
            self.safety.note_roles(station.node, station.host.replicas.groups.values())


def _silent(text: str) -> None:
    """Nobody listens."""
