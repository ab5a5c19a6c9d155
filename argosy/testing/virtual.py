"""A simulated cluster for programs under trio: time passes when all of the program's tasks wait.

Owns `AsyncSimulatedCluster`, the task that moves the world on, and a clock for trio that is the world's, so that
sleeping and time-outs are simulated too. Does not own the commands (commands.py) nor the world (world.py).
Read next: argosy/testing/world.py.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import trio
import trio.testing

from argosy.asynchronous import AsyncDatabase
from argosy.parking import Parked, beside
from argosy.testing.commands import Commands, positive
from argosy.testing.formed import CALL_SECONDS_MAX, Formed, hung, split_at
from argosy.testing.world import World
from argosy.text import Given, as_bytes
from node.flow import Flow

IDLE_SECONDS = 0.01  # real ones: how often to look whether a program that waits for the real world sleeps by now

T = TypeVar("T")


class AsyncSimulatedCluster(Commands):
    """A cluster whose `database` is the one that `async with argosy.connect(...)` gives; for any number of tasks.

    1. Time passes when all tasks wait and one of them waits for the database, for `run_for` or `split`.
    2. Under `argosy.testing.run` it also passes when they all sleep: trio's time is `now`.
    """

    def __init__(self, formed: Formed, mover: "Mover") -> None:
        super().__init__(formed)
        self._mover = mover
        self.database = AsyncDatabase(formed.core, mover)

    async def run_for(self, seconds: float) -> None:
        """Wait until so many simulated seconds have passed."""
        await self._mover.wait(positive(seconds, "a time to run for"))

    async def split(self, key: Given) -> None:
        """Split the range that holds a key at it, once what else changes there is done. Raises `Unavailable`."""
        await self._mover.run(split_at(self._formed.core.router, as_bytes(key)))


class Mover:
    """Runs the calls of many tasks, and moves the world on while they wait.

    1. The world stands still while any task can run: which of them runs first is no matter of real time.
    2. It stops for each task that can go on, before anything else happens.
    """

    def __init__(self, formed: Formed, virtual: bool) -> None:
        self._formed = formed
        self._virtual = virtual  # trio's time is the world's
        self._waiting: dict[Parked[Any], float] = {}  # who waits -> when that must be over
        self._woken = False
        self._pause: Parked[None] = Parked()

    async def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception. If it is cancelled, the flow goes on and its result is lost."""
        parked: Parked[T] = Parked()
        self._formed.start(flow, lambda value, error: self._wake(parked, value, error))
        return await self._park(parked, CALL_SECONDS_MAX)

    async def wait(self, seconds: float) -> None:
        """Until so much time has passed."""
        self._formed.require_open()
        parked: Parked[None] = Parked()
        self._formed.world.after(seconds, lambda: self._wake(parked, None, None))
        await self._park(parked, seconds + 1.0)

    async def move(self) -> None:
        """The task that lets time pass."""
        cushion = 0.0
        while True:
            await trio.testing.wait_all_tasks_blocked(cushion)
            busy = self._advance()
            cushion = 0.0 if busy else IDLE_SECONDS
            if not busy and not self._virtual:
                self._pause = Parked()
                await self._pause.wait()

    def close(self) -> None:
        """Tasks that outlive the block wait no longer."""
        for parked in list(self._waiting):
            parked.take(None, RuntimeError("the block of this simulated cluster has ended"))

    def _advance(self) -> bool:
        """Until somebody can go on; False if nobody waits for the world."""
        world = self._formed.world
        end = min(self._waiting.values(), default=float("inf"))
        seconds = end - world.now
        if self._virtual:
            seconds = min(seconds, trio.lowlevel.current_statistics().seconds_to_next_deadline)
        if seconds == float("inf"):
            return False
        self._woken = False
        if not self._formed.advance(seconds, lambda: self._woken) and world.now >= end:
            raise hung()
        return True

    async def _park(self, parked: Parked[T], seconds: float) -> T:
        self._waiting[parked] = self._formed.world.now + seconds
        self._pause.take(None, None)
        try:
            return await parked.wait()
        finally:
            del self._waiting[parked]

    def _wake(self, parked: Parked[T], value: Any, error: BaseException | None) -> None:
        self._woken = True
        parked.take(value, error)


class WorldClock(trio.abc.Clock):
    """trio's clock: it shows the world's time, and only a `Mover` lets it pass."""

    def __init__(self, world: World) -> None:
        self._world = world

    def start_clock(self) -> None:
        """It runs already."""

    def current_time(self) -> float:
        """The world's."""
        return self._world.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """No real time makes a deadline come nearer."""
        return 0.0 if deadline <= self._world.now else float("inf")


@contextmanager
def scheduling(seed: int) -> Iterator[None]:
    """trio draws by lot which task runs first: from this seed, while the block lasts, in the order of their making.

    Trio has this for Hypothesis, and no public name for it.
    """
    lots = trio._core._run
    state, ordered = lots._r.getstate(), lots._ALLOW_DETERMINISTIC_SCHEDULING
    lots._r.seed(seed)
    lots._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    try:
        yield
    finally:
        lots._r.setstate(state)
        lots._ALLOW_DETERMINISTIC_SCHEDULING = ordered  # type: ignore[misc]


@asynccontextmanager
async def open_trio(formed: Formed, virtual: bool = False) -> AsyncIterator[AsyncSimulatedCluster]:
    """The form for trio; one task lives as long as the block. Raises `Violation` as the plain form does."""
    mover = Mover(formed, virtual)
    try:
        with scheduling(formed.seed):
            async with beside(mover.move):
                yield AsyncSimulatedCluster(formed, mover)
                formed.leave()
    finally:
        formed.close()
        mover.close()


def run_virtual(main: Callable[[AsyncSimulatedCluster], Awaitable[T]], nodes: int, seed: int) -> T:
    """`await main(cluster)` under a clock that is the world's."""
    formed = Formed(nodes, seed)

    async def whole() -> T:
        async with open_trio(formed, virtual=True) as cluster:
            return await main(cluster)

    return trio.run(whole, clock=WorldClock(formed.world))
