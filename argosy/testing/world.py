"""A whole cluster in one process under a virtual clock: one seed, one history.

Owns simulated time, the stations (nodes and clients) and what happens to them: steps, crashes, restarts, pauses.
A station is stepped with all that has come since its last step, never more often than every `STEP_SECONDS`; its
clock has its own start and its own rate. Does not own links (network.py), disks (disk.py, rows.py) nor what goes
wrong when (nemesis.py). Read next: argosy/testing/cluster.py.
"""

import heapq
from collections.abc import Callable
from random import Random
from typing import Any

from argosy.testing.network import Network
from node.ports import Effects, Hello, HostPort

STEP_SECONDS = 0.0007  # what one step costs, and so how much gathers for the next one
ROUNDING_SECONDS = 1e-6
CLOCK_OFFSET_SECONDS = 1000.0  # clocks begin anywhere below this
CLOCK_RATE_ERROR = 0.0005  # and run this much too fast or too slow, at most; in some worlds
CLOCK_RATE_ERROR_LARGE = 0.03  # by this much, which nodes are told
CLOCK_RATE_ERROR_WILD = 0.4  # more than nodes are told: leases promise nothing then


class Station:
    """A node or a client in a world: something that is stepped.

    1. `port` is None exactly while it is down; what happens then is lost.
    2. What is due belongs to one start of the station (`starts`): a crash takes it along.
    """

    def __init__(self, world: "World", name: str, node: int = 0) -> None:
        chance = world.chance
        self.world = world
        self.name = name
        self.node = node
        self.port: HostPort | None = None
        self.starts = 0
        self.steps = 0
        self._inbox: list[Any] = []
        self._asked = False
        self._offset = chance.uniform(0, CLOCK_OFFSET_SECONDS)
        self._rate = 1 + chance.uniform(-world.rate_error, world.rate_error)
        self._free_at = 0.0  # busy with a step, or paused, until then
        self._due = float("inf")  # when the next step is planned
        self._wake_at = float("inf")  # what the port said after its last step
        self._turn = self._step  # bound once: each plan has it

    def __str__(self) -> str:
        return self.name

    @property
    def up(self) -> bool:
        """Is it running?"""
        return self.port is not None

    @property
    def clock(self) -> float:
        """What its own clock shows."""
        return self._offset + self._rate * self.world.now

    def hello(self) -> Hello:
        """What it says in a handshake."""
        raise NotImplementedError

    def stepped(self) -> None:
        """It has taken a step, whose effects are still to come."""

    def carry_out(self, effects: Effects) -> None:
        """Do what a step asked for."""
        network = self.world.network
        for link, kind, payload in effects.sends:
            network.send(link, kind, payload)
        for node, address in effects.dials:
            network.dial(self, node, address)
        for link in effects.hangups:
            network.hang_up(link)

    def start(self, port: HostPort) -> None:
        """It runs from now on."""
        assert self.port is None, f"{self.name} runs already"
        self.starts += 1
        self.port = port
        self._inbox = []
        self._free_at = self.world.now
        self._due = self._wake_at = float("inf")
        self.ask()

    def stop(self, silent: bool = False) -> None:
        """It runs no more; its links break, or fall silent first."""
        assert self.port is not None, f"{self.name} does not run"
        self.port = None
        self._inbox = []
        self.world.network.crash(self, silent)

    def pause(self, seconds: float) -> None:
        """It does nothing for a while; what comes meanwhile waits for it."""
        self._free_at = max(self._free_at, self.world.now + seconds)

    def run_clock(self, rate: float) -> None:
        """From now on its clock runs at this rate; it goes on from where it is."""
        self._offset += (self._rate - rate) * self.world.now
        self._rate = rate
        if self.port is not None:
            self._plan_wake()

    def later(self, seconds: float, act: Callable[[], Any]) -> None:
        """After so many seconds of the world: what `act` returns, if anything, is an event here, unless this start
        has ended."""
        start = self.starts

        def due() -> None:
            if self.port is not None and self.starts == start:
                event = act()
                if event is not None:
                    self.post(event)

        self.world.after(seconds, due)

    def post(self, event: Any) -> None:
        """Something happened; it is stepped with it as soon as it is free."""
        if self.port is not None:
            self._inbox.append(event)
            self.plan(self._free_at)

    def ask(self) -> None:
        """Step it as soon as it is free, even if nothing has come."""
        self._asked = True
        self.plan(self._free_at)

    def plan(self, moment: float) -> None:
        """Step it at this moment, or before."""
        world = self.world
        if moment < world.now:
            moment = world.now
        if moment < self._due:
            self._due = moment
            world.at(moment, self._turn)

    def _plan_wake(self) -> None:
        """Step it when its clock shows what the port waits for; what rounding leaves over counts as nothing."""
        wake_at, now = self._wake_at, self.world.now
        if wake_at < float("inf"):
            left = (wake_at - self._offset) / self._rate - now
            self.plan(max(self._free_at, now + left if left > ROUNDING_SECONDS else now))

    def _step(self) -> None:
        """A plan has come. One that an earlier plan was put before, or of a start that has ended, is due no more."""
        port, world = self.port, self.world
        now = world.now
        if port is None or now != self._due:
            return
        self._due = float("inf")
        if self._free_at > now:
            self.plan(self._free_at)
            return
        clock, wake_at = self._offset + self._rate * now, self._wake_at
        near = wake_at - clock < ROUNDING_SECONDS
        if near or self._inbox or self._asked:
            self._asked = False
            events, self._inbox = self._inbox, []
            self.steps += 1
            self._free_at = now + STEP_SECONDS
            effects = port.step(max(clock, wake_at) if near else clock, events)
            self.stepped()
            self.carry_out(effects)
            self._wake_at = port.wake_at
        if self.port is port:
            self._plan_wake()


class World:
    """Time, chance, the network and everyone in it.

    1. Everything that happens is on one heap, in order of time, then of planning: the same seed, the same history.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.rate_error = Random(f"clocks of {seed}").choice((CLOCK_RATE_ERROR,) * 3 + (CLOCK_RATE_ERROR_LARGE,))
        self.now = 0.0
        self.network = Network(Random(self.chance.random()), self)
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._planned = 0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Run something after so many seconds."""
        self.at(self.now + seconds, act)

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Run something when so many seconds have passed since the beginning."""
        self._planned += 1
        heapq.heappush(self._plans, (moment, self._planned, act))

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Let so much time pass, or less if `until` comes true; False if it was wanted and did not."""
        end = self.now + seconds
        plans = self._plans
        while plans and plans[0][0] <= end:
            self.now, _, act = heapq.heappop(plans)
            act()
            if until is not None and until():
                return True
        self.now = end
        return until is None
