"""Nodes with disks in a world: how they start, crash and come back, and what is watched while they run.

Owns `NodeStation` (a host, its simulated disk, its life) and `Cluster` (all nodes, their safety, their totals).
Does not own what a host is made of: `build` makes one. Read next: argosy/testing/simulation.py.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from argosy.testing.disk import ROOM_BYTES, Disk
from argosy.testing.linear import Violation
from argosy.testing.safety import Safety, WatchedJournal, WatchedState
from argosy.testing.world import Station, World
from node.errors import DiskError
from node.ports import Effects, Hello
from node.space import Space

if TYPE_CHECKING:
    from argosy.testing.files import Files

SYNC_SECONDS = (0.0003, 0.002)
FLUSH_SECONDS = (0.005, 0.1)
DOWN_SECONDS = 1.0  # of a node whose disk broke
COMPARE_SECONDS = 2.0  # how often all replicas are compared

Build = Callable[["NodeStation"], Any]
Watch = Callable[["NodeStation", Sequence[Any]], None]
"""Called after each step of a node, before its effects, with the groups that may have changed in it."""


class NodeStation(Station):
    """A node: a host while it is up, and a disk for ever.

    1. `life` rises at each start, before the host is made.
    2. One that is `dead` never starts again: its disk is gone, or it was removed. One that is `doomed` has a torn disk
       and does not know.
    """

    def __init__(self, cluster: "Cluster", number: int) -> None:
        super().__init__(cluster.world, f"n{number}", number)
        self.cluster = cluster
        self.address = f"{self.name}:4480"
        self.disk = Disk()
        self.life = 0
        self.dead = False
        self.doomed = False
        self.disk_factor = 1.0
        self.stall_seconds = 0.0  # of the next sync of its journal, beside what it takes anyway
        self.cut_short: Callable[[int], int] | None = None  # how many frames of the next step with any still leave
        self.kept: tuple[tuple[int, str], ...] = ()  # group 0's members, as the node's directory on disk keeps them
        self._granted = -1  # the version of what others have granted, when it was last looked at
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
        """Begin a new life from what the disk holds; nothing if it is up or dead. Who finds its disk torn is lost."""
        if self.port is not None or self.dead:
            return
        self.life += 1
        self.cluster.note(f"{self.name} starts life {self.life}")
        try:
            self.journal, self.state = self._open()
            self.state.space = Space(Path(self.address), _StationClock(self), lambda: (self.disk.room, ROOM_BYTES))
            host = self.cluster.build(self)
        except DiskError as error:
            self.cluster.note(f"{self.name} does not start: {error}")
            self._require_rot(found=True)
            self.lose()
        else:
            self._require_rot(found=False)
            self._granted = -1
            self.doomed = False  # what was torn has been written anew, or is needed no more: all was read
            self.start(host)

    def _open(self) -> tuple[WatchedJournal, WatchedState]:
        flush = self._delay(FLUSH_SECONDS)
        if self.cluster.files is not None:
            return self.cluster.files.open(self, self._sync_delay, flush)
        watched = self.node, self.cluster.safety, self.disk, self.later
        return WatchedJournal(*watched, self._sync_delay), WatchedState(*watched, flush)

    def _require_rot(self, found: bool) -> None:
        """A disk that is torn has a changed bit; of real files, one that has is found torn."""
        if found != self.doomed and (found or self.cluster.files is not None):
            raise Violation(f"the disk of {self.name} is {'torn' if found else 'found whole, and it is not'}")

    def rot(self, pick: Callable[[int], int]) -> str:
        """Flip a bit of what is stored; what was hit. Real files are read while they change, so the node is stopped."""
        if self.cluster.files is None:
            return self.disk.flip(pick)
        self.crash()
        return self.cluster.files.rot(self, pick)

    def crash(self, silent: bool = False) -> None:
        """Lose what is only in memory, as a kill does, or (`silent`) a power cut."""
        self.cluster.note(f"{self.name} {'loses power' if silent else 'is killed'}")
        self.stop(silent)
        self.cut_short = None
        for part in (self.journal, self.state):
            part.crash(lambda count: self.world.chance.randint(0, count))

    def lose(self) -> None:
        """Its disk is gone, so it is dead for ever; people give it up and begin another node in its place."""
        if self.port is not None:
            self.crash(silent=True)
        elif self.cluster.files is not None:
            self.cluster.files.leave(self)
        self.dead = True
        self.cluster.give_up(self)

    def stepped(self) -> None:
        """Those who watch look at each group that the step may have changed, before anything of it is seen elsewhere.

        Nothing of a replica changes unless it cycles in that step, but for its lease: that also hangs on what other
        nodes have granted to this one, so all are looked at when a grant has come.
        """
        host = self.host
        granted, groups = host.liveness.table.version, host.replicas.groups
        changed = groups.values() if granted != self._granted else host.cycled
        if not changed:
            return
        self._granted = granted
        here = [each for each in changed if groups.get(each.number) is each]
        for watch in self.cluster.watchers:
            watch(self, here)

    def carry_out(self, effects: Effects) -> None:
        """Frames leave, then the record goes to the disk: the order of node/drivers/engine.py."""
        if self.cut_short is not None and effects.sends:
            self._end_within(effects, self.cut_short)
            return
        super().carry_out(effects)
        if effects.record is not None:
            self.journal.submit(effects.record)
        if effects.stop is not None and (self.journal.failed or self.state.failed):
            self.disk.broken = ""
            self.crash()
            self.world.after(DOWN_SECONDS, self.restart)
        elif effects.stop is not None and self.host.left:
            self._leave()
        elif effects.stop is not None:
            raise Violation(f"{self.name} stopped by itself: {effects.stop}")

    def _leave(self) -> None:
        """It was removed and ends; people begin another node, so that the cluster does not shrink."""
        self.crash()
        self.dead = True
        self.cluster.note(f"{self.name} has left")
        self.cluster.enlarge()

    def _end_within(self, effects: Effects, pick: Callable[[int], int]) -> None:
        """It dies while it carries out a step: some frames have left, the record may be on its way to the disk."""
        sends = effects.sends[: pick(len(effects.sends) + 1)]
        super().carry_out(Effects(sends=sends))
        if effects.record is not None and pick(2):
            self.journal.submit(effects.record)
        self.cluster.note(f"{self.name} ends after {len(sends)} of {len(effects.sends)} frames of a step")
        self.crash()
        self.world.after(DOWN_SECONDS, self.restart)

    def _sync_delay(self) -> float:
        stall, self.stall_seconds = self.stall_seconds, 0.0
        return stall + self.world.chance.uniform(*SYNC_SECONDS) * self.disk_factor

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
        self.files: Files | None = None  # where nodes' journals and states are real ones
        self.nodes: list[NodeStation] = []
        self.guests: list[str] = []  # names of stations that are not nodes
        self.note: Callable[[str], None] = _silent
        self.orders: dict[str, Callable[[Random], None]] = {}  # name -> what an operator orders, by this chance
        self.give_up: Callable[[NodeStation], None] = _nobody
        self.enlarge: Callable[[], None] = _nothing
        self.watchers: list[Watch] = [self._note_roles]
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
        """Undo every fault: all ways open, all disks quick, all nodes up, but those that are dead."""
        self.world.network.heal()
        self.safety.on_intent = None
        for node in list(self.nodes):
            node.disk_factor, node.stall_seconds, node.cut_short = 1.0, 0.0, None
            node.disk.room, node.disk.broken = ROOM_BYTES, ""
            if node.starts:
                node.restart()

    def living(self) -> list[NodeStation]:
        """All that run or may run again."""
        return [node for node in self.nodes if not node.dead]

    def may_lose(self, node: NodeStation, left_min: int) -> bool:
        """Whether all would live on without this node's disk: every group, by each replica's own word.

        Only while all others are well: what a node that is down holds nobody can say. A learner counts as a voter
        that has taken the place of a live one: it may be ordered to in this very moment.
        """
        left = [each for each in self.nodes if each is not node and not (each.dead or each.doomed)]
        if len(left) < left_min or not all(each.up for each in left):
            return False
        alive = {each.node for each in left}
        return all(
            2 * (sum(member.node in alive for member in half) - _learns(group, node.node)) > len(half)
            for each in self.nodes
            if each.up
            for group in each.host.replicas.groups.values()
            for half in (group.raft.configuration.voters, group.raft.configuration.outgoing)
            if half
        )

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

    def _note_roles(self, node: NodeStation, groups: Sequence[Any]) -> None:
        self.safety.note_roles(node.node, groups)


def _learns(group: Any, node: int) -> bool:
    return any(member.node == node for member in group.raft.configuration.learners)


def _silent(text: str) -> None:
    """Nobody listens."""


def _nobody(node: NodeStation) -> None:
    """No operator cares."""


def _nothing() -> None:
    """No operator cares."""
