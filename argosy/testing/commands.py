"""What may be done to a simulated cluster while a program uses it: both forms have these commands.

Owns the names and the errors of what a caller may order. Nothing here lets time pass, so nothing here is awaited:
what was ordered shows when time passes. Does not own how a fault is carried out (cluster.py, network.py, disk.py).
Read next: argosy/testing/plain.py.
"""

import math
from collections.abc import Iterable

from argosy.testing.cluster import NodeStation
from argosy.testing.disk import ROOM_BYTES
from argosy.testing.formed import Formed
from argosy.testing.world import Station
from argosy.text import Given, as_bytes
from node.raft.messages import Role
from ranges.keys import USER
from ranges.machine import RangeMachine

CLIENT = "client"
Member = int | str


class Commands:
    """A simulated cluster, under command. Nodes are numbered from 1.

    1. A command that makes no sense raises ValueError (no such node, groups that overlap) or RuntimeError (a crash
       of what has crashed), and does nothing.
    """

    def __init__(self, formed: Formed) -> None:
        self._formed = formed

    @property
    def seed(self) -> int:
        """What it was made from: the same seed and the same program give the same history."""
        return self._formed.seed

    @property
    def now(self) -> float:
        """True time: simulated seconds since the first node began."""
        return self._formed.world.now

    @property
    def nodes(self) -> tuple[int, ...]:
        """The numbers of all nodes."""
        return tuple(each.node for each in self._formed.cluster.nodes)

    @property
    def running(self) -> tuple[int, ...]:
        """The numbers of the nodes that run now."""
        return tuple(each.node for each in self._formed.cluster.nodes if each.up)

    def leader(self, key: Given) -> int | None:
        """The node that leads the range of a key at this moment, None if nobody does.

        Where a cut-off leader does not know yet that it has a successor, it is the successor.
        """
        self._formed.require_open()
        own = USER + as_bytes(key)
        found = []
        for node in self._formed.cluster.nodes:
            for group in node.host.replicas.groups.values() if node.up else ():
                machine = group.machine
                holds = isinstance(machine, RangeMachine) and machine.start <= own < machine.end
                if holds and group.raft.role == Role.LEADER:
                    found.append((machine.span_version, group.raft.term, node.node))
        return max(found)[2] if found else None

    # -- links -----------------------------------------------------------------------------------------------------

    def partition(self, *groups: Iterable[Member], one_way: bool = False) -> None:
        """Nothing gets from one group to another until `heal`: `partition({1}, {2, 3})`.

        With `one_way` only from a group to those after it. "client" is the program itself, which reaches every
        node unless it is named. What belongs to no group is cut off from nobody.
        """
        self._formed.require_open()
        sides = [[self._station(each) for each in group] for group in groups]
        everybody = [each.name for side in sides for each in side]
        if len(sides) < 2 or not all(sides):
            raise ValueError("a partition has two groups or more, and somebody in each")
        if len(set(everybody)) < len(everybody):
            raise ValueError(f"a partition's groups overlap: {', '.join(everybody)}")
        ways = [
            (each.name, other.name)
            for place, side in enumerate(sides)
            for later in sides[place + 1 :]
            for other in later
            for each in side
        ]
        self._formed.world.network.block(ways if one_way else ways + [(other, one) for one, other in ways])

    def heal(self) -> None:
        """All ways are open again, and all disks have room. Who has crashed stays down; clocks keep their rates."""
        self._formed.require_open()
        self._formed.cluster.world.network.heal()
        for node in self._formed.cluster.nodes:
            node.disk.room = ROOM_BYTES

    # -- nodes -----------------------------------------------------------------------------------------------------

    def crash(self, node: int, *, silent: bool = False) -> None:
        """Kill a node: what was not on its disk is lost. `silent`: as in a power cut, others notice only later."""
        self._running(node).crash(silent)

    def restart(self, node: int) -> None:
        """Start a node that has crashed, from what its disk holds."""
        found = self._node(node)
        if found.up:
            raise RuntimeError(f"node {node} runs: only a node that has crashed is restarted")
        if found.dead:
            raise RuntimeError(f"node {node} has lost its disk: another one joins in its place")
        found.restart()

    def pause(self, node: int, seconds: float) -> None:
        """A node does nothing for so long, and then goes on; what comes meanwhile waits for it."""
        self._running(node).pause(positive(seconds, "a pause"))

    def drift(self, node: int, rate: float) -> None:
        """A node's clock runs at this rate from now on: at 1.0003, 0.3 ms too far with every second of true time.

        Every clock has some rate from the beginning, within 0.0005 of 1. Leases are made for clocks that differ by
        0.001: what a node may do whose clock is worse, such as serve a stale read, is no fault of the database.
        """
        self._node(node).run_clock(positive(rate, "a clock's rate"))

    def full_disk(self, node: int) -> None:
        """Nothing more can be written to a node's disk until `heal`."""
        self._node(node).disk.room = 0

    def lose_disk(self, node: int) -> None:
        """A node's disk is gone, and the node for ever; as time passes its replicas are made again on a new one."""
        self._running(node).lose()

    def _node(self, node: Member) -> NodeStation:
        self._formed.require_open()
        for each in self._formed.cluster.nodes:
            if each.node == node:
                return each
        raise ValueError(f"there is no node {node!r}: the nodes are {', '.join(map(str, self.nodes))}")

    def _running(self, node: int) -> NodeStation:
        found = self._node(node)
        if not found.up:
            raise RuntimeError(f"node {node} has crashed and not been restarted")
        return found

    def _station(self, member: Member) -> Station:
        return self._formed.client if member == CLIENT else self._node(member)


def positive(number: float, what: str) -> float:
    """The number. Raises ValueError unless it is finite and above 0."""
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{what} is a number above 0, not {number!r}")
    return number
