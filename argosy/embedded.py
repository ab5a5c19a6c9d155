"""A node inside the caller's process: the calls of `argosy.open` become flows on the node's own host.

Owns the two ways to run such a flow: in the calling thread (plain `with`), or beside a task that turns the node
(trio). Does not own the node's start (argosy/local.py) nor the turns (node/drivers/). Read next: argosy/local.py.
"""

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from argosy.asynchronous import AsyncDatabase
from argosy.blocking import Database
from argosy.local import LocalNode, Place
from argosy.parking import Parked, beside
from node.config import Settings
from node.drivers.blocking import BlockingDriver
from node.drivers.trio import TrioDriver
from node.errors import NodeError
from node.flow import Flow
from node.ports import LOCAL_LINK, Frame, Kind
from ranges.directory import Directory
from ranges.router import Router
from txn.database import Database as Core

T = TypeVar("T")
WAIT_SECONDS_MAX = 3600.0  # every flow ends by its own deadline long before
NOTHING = Frame(LOCAL_LINK, Kind.REQUESTS, ())  # makes the host take a step
Done = Callable[[Any, BaseException | None], None]


class Calls:
    """Flows of callers on a node's host."""

    def __init__(self, node: LocalNode) -> None:
        self._node = node
        routes = node.host.assembly.routes
        assert isinstance(routes, Directory), "a node's routes are its directory"
        chance = random.Random(os.urandom(16)).random
        self.core = Core(Router(routes, chance, lambda: node.host.now))

    def require_open(self) -> None:
        """Raises `NodeError` if the node has stopped, or the database was closed."""
        stopped = self._node.engine.stopped
        if stopped is not None:
            raise NodeError(stopped)

    def start(self, flow: Flow[Any], done: Done) -> None:
        """Start a flow between two turns of the engine."""
        host, engine = self._node.host, self._node.engine
        host.now = host.flows.now = engine.clock.now()  # the host may have slept since its last step
        engine.inject(NOTHING)
        host.start(flow, done)


class BlockingCalls(Calls):
    """In the calling thread, whichever it is; threads that wait are served together."""

    def __init__(self, node: LocalNode, driver: BlockingDriver) -> None:
        super().__init__(node)
        self._driver = driver

    def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception."""
        self.require_open()
        result: list[tuple[T, BaseException | None]] = []

        def done(value: Any, error: BaseException | None) -> None:
            result.append((value, error))

        self._driver.run(lambda: self.start(flow, done), lambda: bool(result), WAIT_SECONDS_MAX)
        value, error = result[0]
        if error is not None:
            raise error
        return value


class TrioCalls(Calls):
    """In a task of trio's; another task takes the node's turns."""

    def __init__(self, node: LocalNode, driver: TrioDriver) -> None:
        super().__init__(node)
        self._driver = driver

    async def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception. If it is cancelled, the flow goes on and its result is lost."""
        self.require_open()
        parked: Parked[T] = Parked()
        self.start(flow, parked.take)
        self._driver.step()
        return await parked.wait()

    async def turn(self) -> None:
        """The task that takes the node's turns. Raises `NodeError` when the node must stop."""
        await self._driver.run()
        raise NodeError(self._driver.engine.stopped or "the node stopped")


@contextmanager
def open_blocking(place: Place) -> Iterator[Database]:
    """The plain form."""
    node = LocalNode(place, Settings())
    try:
        driver = BlockingDriver(node.engine)
        driver.start()
        try:
            calls = BlockingCalls(node, driver)
            yield Database(calls.core, calls)
        finally:
            driver.close()
    finally:
        node.close()


@asynccontextmanager
async def open_trio(place: Place) -> AsyncIterator[AsyncDatabase]:
    """The form for trio: the node is a task that lives as long as the block."""
    node = LocalNode(place, Settings())
    try:
        driver = TrioDriver(node.engine)
        calls = TrioCalls(node, driver)
        async with beside(calls.turn):
            yield AsyncDatabase(calls.core, calls)
    finally:
        node.close()
