"""A cluster whose nodes exchange support, with clocks of different rates: what leases are checked in.

Owns a small model of asks and grants (rules P1, P2, P6, P7), sent through the same lossy network, and the check that
no leader is elected while another one's lease runs. Does not own node/support.py, which has tests of its own.
Read next: tests/raft/test_leases.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.raft import messages as m
from node.raft.settings import RaftSettings
from tests.raft.cluster import Cluster, Node

LENGTH = 0.7  # D
EVERY = 0.2
RATE_ERROR = 0.05


@dataclass(frozen=True)
class Ask:
    term: int  # unused: every message of the network has one
    life: int
    stamp: float
    heard: float  # when the asker last heard the giver's ask, on the giver's clock


@dataclass(frozen=True)
class Grant:
    term: int
    life: int
    stamp: float
    stretch: int


@dataclass
class Given:
    """One promise of one node."""

    life: int
    until: float
    stretch: int
    lapsed: bool = False


class SupportCluster(Cluster):
    """Replica k lives on node k; its clock runs at its own rate."""

    def __init__(self, voters: int, settings: RaftSettings, chance: Callable[[], float]) -> None:
        self.rates: dict[int, float] = {}
        self.lives: dict[int, int] = {}
        self.started: dict[int, float] = {}
        self.asked_at: dict[int, float] = {}
        self.given: dict[tuple[int, int], Given] = {}
        self.heard: dict[tuple[int, int], float] = {}
        self.leases = 0
        super().__init__(voters, 0, settings, chance)

    def clock(self, replica: int) -> float:
        if replica not in self.rates:
            self.rates[replica] = 1 + RATE_ERROR * (2 * self._source() - 1)
            self.lives[replica] = 1
            self.started[replica] = -10.0
        return 100.0 * replica + self.rates[replica] * self.now

    def _source(self) -> float:
        assert self.chance is not None
        return self.chance()

    def _start(self, node: Node) -> None:
        node.start(self.settings, self._chance(node.replica), self.clock(node.replica))

    def tick(self, seconds: float, only: tuple[int, ...] = ()) -> None:
        self.now = round(self.now + seconds, 6)
        for replica in sorted(self.nodes):
            if not only or replica in only:
                self.step(replica, m.Tick(self.clock(replica)))
                self._lapse(replica)
                if self.clock(replica) >= self.asked_at.get(replica, 0.0):
                    self._ask(replica)
        self.check_leases()

    def restart(self, replica: int) -> None:
        self.lives[replica] += 1
        self.started[replica] = self.clock(replica)
        for pair in [each for each in self.given if each[0] == replica]:
            self.given[pair].lapsed = True  # forgotten; kept here only so that stretch numbers never return
            self.given[pair].until = 0.0
        for pair in [each for each in self.heard if each[0] == replica]:
            del self.heard[pair]
        super().restart(replica)

    def deliver(self, place: int = 0) -> None:
        source, target, message = self.queue[place]
        if isinstance(message, Ask | Grant):
            del self.queue[place]
            if (source, target) not in self.cuts and target in self.nodes:
                (self._on_ask if isinstance(message, Ask) else self._on_grant)(source, target, message)
        else:
            super().deliver(place)
        self.check_leases()

    def _ask(self, replica: int) -> None:
        now = self.clock(replica)
        self.asked_at[replica] = now + EVERY
        for other in sorted(self.nodes):
            if other != replica:
                heard = self.heard.get((replica, other), -1.0)
                self.queue.append((replica, other, Ask(0, self.lives[replica], now, heard)))

    def _on_ask(self, asker: int, giver: int, ask: Ask) -> None:
        now = self.clock(giver)
        self.heard[giver, asker] = max(ask.stamp, self.heard.get((giver, asker), ask.stamp))
        if now < self.started[giver] + LENGTH or now - ask.heard > 1.5 * LENGTH:
            return
        self._lapse(giver)
        held = self.given.get((giver, asker))
        if held is not None and ask.life < held.life:
            return
        if held is None or held.lapsed or held.life != ask.life:
            if held is not None and not held.lapsed:
                self.step(giver, m.Lapsed(asker))
            held = self.given[giver, asker] = Given(ask.life, 0.0, 1 if held is None else held.stretch + 1)
            self.step(giver, m.Promised(asker, held.stretch))
        held.until = now + LENGTH
        self.queue.append((giver, asker, Grant(0, ask.life, ask.stamp, held.stretch)))

    def _on_grant(self, giver: int, asker: int, grant: Grant) -> None:
        if grant.life == self.lives[asker]:
            until = grant.stamp + LENGTH * (1 - RATE_ERROR) / (1 + RATE_ERROR)
            self.step(asker, m.Supported(giver, grant.stretch, until))

    def _lapse(self, giver: int) -> None:
        for (one, asker), held in self.given.items():
            if one == giver and not held.lapsed and held.until <= self.clock(giver):
                held.lapsed = True
                self.step(giver, m.Lapsed(asker))

    def check_leases(self) -> None:
        """While a lease runs, on its holder's own clock, nobody leads in a newer term."""
        for replica, node in self.nodes.items():
            if node.raft.serves and node.raft.lease_until > self.clock(replica):
                self.leases += 1
                newest = max(self.leaders)
                assert newest <= node.raft.term, (
                    f"n{replica} holds a lease in {node.raft.term}, n{self.leaders[newest]} was elected in {newest}"
                )

    def settle_all(self, steps: int) -> Any:
        """Nothing fails for a while; who leads then?"""
        for _ in range(steps):
            self.tick(0.05)
            self.deliver_all()
        return [node for node in self.nodes.values() if node.raft.serves]
