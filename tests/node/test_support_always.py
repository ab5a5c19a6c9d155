"""Support between nodes in random schedules: no promise ends before the belief in it does.

Clocks drift as far as they may, ticks come late, messages are lost, late, doubled and out of order, nodes restart.
Read next: node/support.py.
"""

import heapq
import random

import pytest

from node.codec import decode, encode
from node.config import Settings
from node.raft.leases import Support as Table
from node.raft.messages import Lapsed
from node.support import Support

ERROR = 0.1
SETTINGS = Settings(support_seconds=0.7, support_every_seconds=0.2, clock_rate_error=ERROR)
NODES = (1, 2, 3)
SECONDS = 30.0
CALM_SECONDS = 3.0


class Station:
    """A node in one life: its support, its clock, and whether groups are still being told of a lapse."""

    def __init__(self, node: int, life: int, rate: float, ahead: float, now: float) -> None:
        self.life = life
        self.rate = rate
        self.ahead = ahead
        self.table = Table()
        self.support = Support(node, life, SETTINGS, self.table, self.clock(now), restarted=life > 1)

    def clock(self, now: float) -> float:
        return self.ahead + self.rate * now


class Schedule:
    """Three nodes, of which all ask all but the third, which nobody asks and which asks nobody but the first."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.calm = False
        self.rough = self.chance.choice((0.02, 0.1, 0.3))  # what is lost, and how often anything else goes wrong
        self.due: list[
            tuple[float, int, int, int, bytes | None]
        ] = []  # (when, number, source, target, message or tick)
        self.number = 0
        self.checked = 0
        self.stations = {node: self.born(node, 1) for node in NODES}
        for node in NODES:
            self.plan(0.0, node, node, None)

    def born(self, node: int, life: int) -> Station:
        rate = self.chance.choice((1 - ERROR, 1 + ERROR, self.chance.uniform(1 - ERROR, 1 + ERROR)))
        station = Station(node, life, rate, self.chance.uniform(0.0, 1000.0), self.now)
        station.support.share({1: (1, 2, 3), 2: (1, 2), 3: (3,)}[node])
        return station

    def plan(self, delay: float, source: int, target: int, body: bytes | None) -> None:
        self.number += 1
        heapq.heappush(self.due, (self.now + delay, self.number, source, target, body))

    def goes_wrong(self) -> bool:
        return not self.calm and self.chance.random() < self.rough

    def run(self, until: float) -> None:
        while self.due and self.due[0][0] <= until:
            self.now, _, source, target, body = heapq.heappop(self.due)
            station = self.stations[target]
            if body is not None:
                station.support.take(source, decode(body), station.clock(self.now))
                if self.chance.random() < 0.5:
                    station.support.tick(station.clock(self.now))
            else:
                self.tick(target)
            self.take_ready(target)
            self.check()

    def tick(self, node: int) -> None:
        if self.goes_wrong() and self.chance.random() < 0.2:
            self.stations[node] = self.born(node, self.stations[node].life + 1)
        station = self.stations[node]
        station.support.tick(station.clock(self.now))
        pause = self.chance.uniform(0.0, 2.0) if self.goes_wrong() else self.chance.uniform(0.0, 0.1)
        self.plan(pause, node, node, None)

    def take_ready(self, node: int) -> None:
        support = self.stations[node].support
        ready = support.ready()
        for each in ready.inputs:
            if type(each) is Lapsed:
                support.hold(each.node, self.goes_wrong())
        for target, message in ready.messages:
            if self.goes_wrong():
                continue
            for _ in range(2 if self.goes_wrong() else 1):
                late = self.chance.uniform(0.0, 2.0) if self.goes_wrong() else self.chance.uniform(0.0, 0.02)
                self.plan(late, node, target, encode(message))
        for other in NODES:
            if self.calm or self.chance.random() < 0.2:
                support.hold(other, False)

    def check(self) -> None:
        """Who believes in a promise has it: its giver holds it in the same stretch, or is quiet after a restart."""
        for asker, station in self.stations.items():
            for giver, (stretch, _) in station.table.granted.items():
                if station.table.runs(giver, station.clock(self.now)):
                    other = self.stations[giver]
                    quiet = other.clock(self.now) < other.support.quiet_until
                    assert quiet or other.table.promised.get(asker) == stretch, (
                        f"at {self.now}: node {asker} believes in stretch {stretch} of node {giver}, which promises "
                        f"{other.table.promised}"
                    )
                    self.checked += 1


@pytest.mark.parametrize("seed", range(60))
def test_no_promise_ends_before_the_belief_in_it(seed: int) -> None:
    schedule = Schedule(seed)
    schedule.run(SECONDS)
    schedule.calm = True
    schedule.run(SECONDS + CALM_SECONDS)
    for asker, giver in ((1, 2), (2, 1), (1, 3)):
        station = schedule.stations[asker]
        assert station.table.runs(giver, station.clock(schedule.now)), f"{giver} supports {asker} when all is calm"
    assert schedule.checked > 100
