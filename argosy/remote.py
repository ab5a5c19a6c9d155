"""A client of a cluster: the calls of `argosy.connect` as flows of a `Client`, over sockets of this process.

Owns the two ways to run them: the calling thread waits for the sockets itself (plain `with`; one thread at a time),
or a task of trio's does for all callers. Does not own sockets (node/link.py) nor what a client decides
(txn/client.py). Read next: txn/client.py.
"""

import os
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import trio

from argosy.asynchronous import AsyncDatabase
from argosy.blocking import Database
from argosy.parking import Parked
from node import tls
from node.address import parse
from node.clock import Clock
from node.drivers.resolver import Resolver
from node.errors import AddressError
from node.flow import Flow
from node.link import Links
from ranges.placement.messages import Ticks
from txn.client import Client
from txn.database import Database as Core
from txn.errors import Unavailable

T = TypeVar("T")
WAIT_SECONDS_MAX = 1.0  # one wait for sockets; then timers are looked at again
CONNECT_SECONDS = 5.0  # for the first node to answer
CONTROL_SECONDS = 10.0  # for group 0's answer to an order or question
Address = str | PathLike[str]


class Connection:
    """A client, its links and its clock. Not for two threads at once.

    1. Everything the client asks for is carried out in the step that it asked in.
    """

    def __init__(self, addresses: str, tls_dir: Address | None) -> None:
        seeds = [each.strip() for each in addresses.split(",") if each.strip()]
        for each in seeds or [addresses]:
            parse(each)
        contexts = None if tls_dir is None else tls.load(Path(tls_dir), "client")
        self.addresses = addresses
        self.clock = Clock()
        self._resolver = Resolver()
        self.client = Client(seeds, random.Random(os.urandom(16)).random)
        self.links = Links(self.client.hello, contexts, self._resolver)
        self.core = Core(self.client.router)
        self.step(())

    def step(self, events: Sequence[Any]) -> None:
        """Hand the client what happened, and do what it asks for."""
        now, links = self.clock.now(), self.links
        effects = self.client.step(now, events)
        for link, kind, payload in effects.sends:
            links.send(link, kind, payload)
        for node, address in effects.dials:
            links.dial(node, address, now)
        for link in effects.hangups:
            links.hang_up(link)
        links.flush()

    @property
    def patience(self) -> float:
        """Seconds until the next step is due even if nothing happens; 0 if it is due now."""
        return max(0.0, min(self.client.wake_at, self.links.wake_at) - self.clock.now())

    def greeting(self) -> Flow[None]:
        """The first thing: does a node answer, and does group 0? Raises AddressError or Unavailable."""
        reply = yield from self.core.router.control(Ticks(1), CONNECT_SECONDS)
        if reply is None:
            if not self.client.connected():
                raise AddressError(f"no node answers at {self.addresses}: {self.links.trouble or 'silence'}")
            raise Unavailable(f"a node at {self.addresses} answers, but the cluster's group 0 has no leader")

    def close(self) -> None:
        """End all links."""
        self.links.close()
        self._resolver.close()


class BlockingRunner:
    """Runs flows in the calling thread; threads take turns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._broken = False

    def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception."""
        result: list[tuple[T, BaseException | None]] = []
        with self._lock:
            if self._broken:
                raise Unavailable("this connection was interrupted in the middle of an operation: connect again")
            try:
                self._turn(flow, result)
            except BaseException:  # Ctrl-C between any two statements: what is half done stays so
                self._broken = True
                raise
        value, error = result[0]
        if error is not None:
            raise error
        return value

    def _turn(self, flow: Flow[T], result: list[tuple[T, BaseException | None]]) -> None:
        connection = self._connection
        connection.client.start(flow, lambda value, error: result.append((value, error)))
        connection.step(())
        while not result:
            patience = min(connection.patience, WAIT_SECONDS_MAX)
            connection.step(connection.links.poll(connection.clock.now(), patience))


class TrioRunner:
    """Runs flows of many tasks; one task waits for the sockets, one sends what the others have begun.

    1. Flows begun by tasks that run in one pass of trio's leave together, in one frame for each node.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sender: trio.lowlevel.Task | None = None
        self._wait_until = 0.0

    async def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception. If it is cancelled, the flow goes on and its result is lost."""
        parked: Parked[T] = Parked()
        self._connection.client.start(flow, parked.take)
        if self._sender is not None:
            task, self._sender = self._sender, None
            trio.lowlevel.reschedule(task)
        return await parked.wait()

    async def send(self) -> None:
        """The task that steps the client for those who have begun something."""
        connection = self._connection
        while True:
            self._sender = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._forget_sender)
            connection.step(())
            if min(connection.client.wake_at, connection.links.wake_at) < self._wait_until:
                connection.links.wake()

    async def receive(self) -> None:
        """The task that waits for the sockets and for what is due."""
        connection = self._connection
        while True:
            patience = connection.patience
            self._wait_until = connection.clock.now() + patience
            if patience > 0.0:
                with trio.move_on_after(patience):
                    await trio.lowlevel.wait_readable(connection.links.fileno())
            else:
                await trio.lowlevel.checkpoint()
            connection.step(connection.links.poll(connection.clock.now()))

    def _forget_sender(self, _: Any) -> trio.lowlevel.Abort:
        self._sender = None
        return trio.lowlevel.Abort.SUCCEEDED


@contextmanager
def connect_blocking(addresses: str, tls_dir: Address | None = None) -> Iterator[Database]:
    """The plain form. Raises `AddressError` if no node answers."""
    with _runner(addresses, tls_dir) as (connection, runner):
        runner.run(connection.greeting())
        yield Database(connection.core, runner)


@contextmanager
def _runner(addresses: str, tls_dir: Address | None) -> Iterator[tuple[Connection, BlockingRunner]]:
    connection = Connection(addresses, tls_dir)
    try:
        yield connection, BlockingRunner(connection)
    finally:
        connection.close()


@asynccontextmanager
async def connect_trio(addresses: str, tls_dir: Address | None = None) -> AsyncIterator[AsyncDatabase]:
    """The form for trio; two tasks live as long as the block. Raises `AddressError` if no node answers."""
    connection = Connection(addresses, tls_dir)
    try:
        async with trio.open_nursery() as nursery:
            runner = TrioRunner(connection)
            nursery.start_soon(runner.send)
            nursery.start_soon(runner.receive)
            await runner.run(connection.greeting())
            yield AsyncDatabase(connection.core, runner)
            nursery.cancel_scope.cancel()
    finally:
        connection.close()


@contextmanager
def control(addresses: str, tls_dir: Address | None = None) -> Iterator[Callable[[Any], Any]]:
    """What asks group 0: `reply = control(message)`. Raises `AddressError` or `Unavailable`."""
    with _runner(addresses, tls_dir) as (connection, runner):

        def ask(message: Any) -> Any:
            reply = runner.run(connection.core.router.control(message, CONTROL_SECONDS))
            if reply is not None:
                return reply
            if not connection.client.connected():
                raise AddressError(f"no node answers at {addresses}: {connection.links.trouble or 'silence'}")
            raise Unavailable(f"group 0 of the cluster at {addresses} did not answer in {CONTROL_SECONDS:.0f} s")

        yield ask
