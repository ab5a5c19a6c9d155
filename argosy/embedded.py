"""A node inside the caller's process: the calls of `argosy.open` become flows on the node's own host.

Owns the two ways to run such a flow: in the calling thread (plain `with`), or beside a task that turns the node
(trio). Does not own the node's start (argosy/local.py) nor the turns (node/drivers/). Read next: argosy/local.py.
"""

import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from argosy.asynchronous import AsyncDatabase
from argosy.blocking import Database
from argosy.local import LocalNode, Place
from argosy.parking import Parked, beside
from node.config import Settings
from node.drivers.blocking import BlockingDriver
from node.drivers.trio import TrioDriver
from node.errors import NodeError
from node.flow import Flow
from ranges.directory import Directory
from ranges.router import Router
from txn.database import Database as Core

T = TypeVar("T")


def _core(node: LocalNode, nearest: bool) -> Core:
    """The operations, by the node's own routes; nothing is nearer than itself."""
    routes, here = node.host.assembly.routes, node.identity.node
    assert isinstance(routes, Directory), "a node's routes are its directory"
    router = Router(routes, random.Random(os.urandom(16)).random, node.engine.clock.now)
    router.near = lambda nodes: here if here in nodes else 0
    return Core(router, nearest=nearest)


class TrioCalls:
    """Runs flows in tasks of trio's; another task takes the node's turns."""

    def __init__(self, driver: TrioDriver) -> None:
        self._driver = driver

    async def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception. If it is cancelled, the flow goes on and its result is lost."""
        parked: Parked[T] = Parked()
        self._driver.engine.begin(flow, parked.take)
        self._driver.step()
        return await parked.wait()

    async def turn(self) -> None:
        """The task that takes the node's turns. Raises `NodeError` when the node must stop."""
        await self._driver.run()
        raise NodeError(self._driver.engine.stopped or "the node stopped")


@contextmanager
def open_blocking(place: Place, nearest: bool = False) -> Iterator[Database]:
    """The plain form."""
    node = LocalNode(place, Settings())
    try:
        driver = BlockingDriver(node.engine)
        driver.start()
        try:
            yield Database(_core(node, nearest), driver)
        finally:
            driver.close()
    finally:
        node.close()


@asynccontextmanager
async def open_trio(place: Place, nearest: bool = False) -> AsyncIterator[AsyncDatabase]:
    """The form for trio: the node is a task that lives as long as the block."""
    node = LocalNode(place, Settings())
    try:
        driver = TrioDriver(node.engine)
        calls = TrioCalls(driver)
        async with beside(calls.turn):
            yield AsyncDatabase(_core(node, nearest), calls)
    finally:
        node.close()
