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
from argosy.parking import Parked, beside
from node import tls
from node.address import parse
from node.clock import Clock
from node.drivers.resolver import Resolver
from node.errors import AddressError
from node.flow import Flow
from node.link import Links
from node.ports import LinkDown, LinkUp
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
    2. `nobody` holds from when every seed has refused until the first node answers.
    """

    def __init__(self, addresses: str, tls_dir: Address | None, name: str = "client", nearest: bool = False) -> None:
        seeds = [each.strip() for each in addresses.split(",") if each.strip()]
        for each in seeds or [addresses]:
            parse(each)
        contexts = None if tls_dir is None else tls.load(Path(tls_dir), name)
        self.addresses = addresses
        self.clock = Clock()
        self._resolver = Resolver()
        self.client = Client(seeds, random.Random(os.urandom(16)).random)
        self.links = Links(self.client.hello, contexts, self._resolver)
        self.core = Core(self.client.router, nearest=nearest)
        self._seeds_left = len(seeds)
        self._met = False

    def step(self, events: Sequence[Any]) -> None:
        """Hand the client what happened, and do what it asks for."""
        now, links = self.clock.now(), self.links
        if not self._met:
            self._seeds_left -= sum(type(event) is LinkDown for event in events)
            self._met = any(type(event) is LinkUp for event in events)
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

    @property
    def nobody(self) -> bool:
        """Has every address refused, and no node ever answered?"""
        return not self._met and self._seeds_left <= 0

    def no_answer(self) -> Exception:
        """What to raise when nothing came back from group 0."""
        if self._met:
            return Unavailable(
                f"group 0 of the cluster at {self.addresses} does not answer: is a majority running? "
                "If it never comes back, see `argosy recover`"
            )
        return AddressError(f"no node answers at {self.addresses}: {self.links.trouble or 'silence'}")

    def control(self, message: Any, seconds: float) -> Flow[Any]:
        """Group 0's answer. Raises `AddressError` if no node answers, `Unavailable` if group 0 does not."""
        reply = yield from self.core.router.control(message, seconds)
        if reply is None:
            raise self.no_answer()
        return reply

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
            if connection.nobody:
                raise connection.no_answer()


class TrioRunner:
    """Runs flows of many tasks; one task waits for the sockets, one sends what the others have begun.

    1. Flows begun by tasks that run in one pass of trio's leave together, in one frame for each node.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sender: trio.lowlevel.Task | None = None
        self._wait_until = 0.0
        self._meeting: Parked[Any] = Parked()

    async def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception. If it is cancelled, the flow goes on and its result is lost."""
        parked: Parked[T] = Parked()
        self._connection.client.start(flow, parked.take)
        if self._sender is not None:
            task, self._sender = self._sender, None
            trio.lowlevel.reschedule(task)
        return await parked.wait()

    async def meet(self) -> None:
        """Wait for group 0's first answer. Raises `AddressError` or `Unavailable`."""
        connection, self._meeting = self._connection, Parked()
        connection.client.start(connection.control(Ticks(1), CONNECT_SECONDS), self._meeting.take)
        connection.step(())
        await self._meeting.wait()

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
            if connection.nobody:
                self._meeting.take(None, connection.no_answer())

    def _forget_sender(self, _: Any) -> trio.lowlevel.Abort:
        self._sender = None
        return trio.lowlevel.Abort.SUCCEEDED


@contextmanager
def connect_blocking(addresses: str, tls_dir: Address | None = None, nearest: bool = False) -> Iterator[Database]:
    """The plain form. Raises `AddressError` if no node answers."""
    with runner(addresses, tls_dir, nearest=nearest) as (connection, calls):
        calls.run(connection.control(Ticks(1), CONNECT_SECONDS))
        yield Database(connection.core, calls)


@contextmanager
def runner(
    addresses: str, tls_dir: Address | None, name: str = "client", nearest: bool = False
) -> Iterator[tuple[Connection, BlockingRunner]]:
    """A connection and what runs flows over it; nobody has been asked anything yet."""
    connection = Connection(addresses, tls_dir, name, nearest)
    try:
        yield connection, BlockingRunner(connection)
    finally:
        connection.close()


@asynccontextmanager
async def connect_trio(
    addresses: str, tls_dir: Address | None = None, nearest: bool = False
) -> AsyncIterator[AsyncDatabase]:
    """The form for trio; two tasks live as long as the block. Raises `AddressError` if no node answers."""
    connection = Connection(addresses, tls_dir, nearest=nearest)
    calls = TrioRunner(connection)
    try:
        async with beside(calls.send, calls.receive):
            await calls.meet()
            yield AsyncDatabase(connection.core, calls)
    finally:
        connection.close()


@contextmanager
def control(addresses: str, tls_dir: Address | None = None, name: str = "client") -> Iterator[Callable[[Any], Any]]:
    """What asks group 0: `reply = control(message)`. `name` is that of the certificate in `tls_dir`.

    The call raises `AddressError` or `Unavailable`.
    """
    with runner(addresses, tls_dir, name) as (connection, calls):
        yield lambda message: calls.run(connection.control(message, CONTROL_SECONDS))
