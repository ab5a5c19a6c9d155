"""The form for trio: `AsyncDatabase` and `AsyncTransaction`, with the names of the plain form.

Owns what a caller sees. What only remembers (a transaction's `put` and `delete`) is not async: it cannot wait.
Does not own what an operation does (txn/database.py) nor what carries a flow to its end (a `Runner`).
Read next: argosy/blocking.py.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from argosy.text import Given, as_bound, as_bytes
from argosy.trying import Tries
from node.flow import Flow
from txn.database import Database as Core
from txn.errors import Aborted
from txn.transaction import Transaction as Attempt

T = TypeVar("T")
P = ParamSpec("P")
Row = tuple[bytes, bytes]


class Runner(Protocol):
    """Carries flows to their end while the calling task waits."""

    async def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception. A cancelled caller's flow goes on."""
        ...


class AsyncKeys:
    """What a database and a transaction have in common: reads."""

    _runner: Runner

    def _attempt(self) -> Attempt:
        """The snapshot of reads of several keys."""
        raise NotImplementedError

    async def get_many(self, keys: Iterable[Given]) -> list[bytes | None]:
        """The values, in the order of the keys, all of one moment."""
        return await self._runner.run(self._attempt().get_many([as_bytes(key) for key in keys]))

    async def scan(
        self, start: Given = b"", end: Given | None = None, *, reverse: bool = False, limit: int | None = None
    ) -> AsyncIterator[Row]:
        """Rows with start <= key < end (`end` None: to the last), in key order or in reverse, at most `limit`.

        They are fetched page by page while you iterate, all from one snapshot.
        """
        attempt, first, last = self._attempt(), as_bytes(start), as_bound(end)
        while True:
            page = await self._runner.run(attempt.page(first, last, limit, reverse))
            for row in page.rows:
                yield row
            if limit is not None:
                limit -= len(page.rows)
            if page.more is None or limit == 0:
                return
            if reverse:
                last = page.more
            else:
                first = page.more


class AsyncTransaction(AsyncKeys):
    """One attempt: reads one snapshot and its own writes; its writes show after the commit, all or nothing."""

    def __init__(self, attempt: Attempt, runner: Runner) -> None:
        self._own, self._runner = attempt, runner

    def _attempt(self) -> Attempt:
        return self._own

    async def get(self, key: Given) -> bytes | None:
        """The value, or None."""
        return await self._runner.run(self._own.get(as_bytes(key)))

    @property
    def timestamp(self) -> int:
        """Where it stands: all of its reads, and after the commit its writes (0: it has read nothing yet).

        `Database.snapshot` takes it as `at`.
        """
        return self._own.timestamp

    def put(self, key: Given, value: Given) -> None:
        """Write a value at the commit. Raises BadInput, which names the limit."""
        self._own.put(as_bytes(key), as_bytes(value))

    def delete(self, key: Given) -> None:
        """Remove a key at the commit, whether it is there or not."""
        self._own.delete(as_bytes(key))


class AsyncDatabase(AsyncKeys):
    """A database; any number of tasks may use it at once.

    Every operation raises `Unavailable` if nobody can be asked in time; a write `OutcomeUnknown` if it may have
    happened. A write whose task is cancelled may still happen. A single `put` or `delete` is a transaction of its own.
    """

    def __init__(self, core: Core, runner: Runner) -> None:
        self._core, self._runner = core, runner

    def _attempt(self) -> Attempt:
        return self._core.begin()

    async def get(self, key: Given) -> bytes | None:
        """The value, or None."""
        return await self._runner.run(self._core.get(as_bytes(key)))

    async def put(self, key: Given, value: Given) -> None:
        """Write a value."""
        await self._runner.run(self._core.put(as_bytes(key), as_bytes(value)))

    async def delete(self, key: Given) -> None:
        """Remove a key, whether it is there or not."""
        await self._runner.run(self._core.delete(as_bytes(key)))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncTransaction]:
        """`async with db.transaction() as tx:` commits at the end of the block, and does nothing if the block raises.

        Raises `Aborted` at the end if it did not happen; `run` tries that again for you.
        """
        attempt = self._core.begin()
        try:
            yield AsyncTransaction(attempt, self._runner)
            await self._runner.run(attempt.commit())
        finally:
            attempt.rollback()

    @asynccontextmanager
    async def snapshot(self, at: int | None = None, *, staleness: float = 0.0) -> AsyncIterator[AsyncTransaction]:
        """`async with db.snapshot(staleness=10) as past:` reads everything as of one time, and writes nothing.

        The time is `at`, the `timestamp` of a transaction or snapshot, or such that all is seen that was acknowledged
        more than `staleness` seconds before the call. It reads from the nearest replica, and only where that cannot
        answer from the leader; the staler it may be, the less anybody waits for it. Raises BadInput for a time to come,
        and `Aborted`, when it reads, for one that is kept no longer.
        """
        attempt = await self._runner.run(self._core.snapshot(at, staleness))
        try:
            yield AsyncTransaction(attempt, self._runner)
        finally:
            attempt.rollback()

    async def run(
        self, function: Callable[Concatenate[AsyncTransaction, P], Awaitable[T]], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """`await function(transaction, …)`, committed; again from its start whenever it was certainly aborted.

        So it should do nothing but read, compute and write in the transaction. Returns what it returned.
        """
        tries = Tries(self._core)
        while True:
            attempt = tries.begin()
            try:
                result = await function(AsyncTransaction(attempt, self._runner), *arguments, **named)
                await self._runner.run(attempt.commit())
                return result
            except Aborted as error:
                pause = tries.again(attempt, error)
            finally:
                attempt.rollback()
            await self._runner.run(pause)

    async def batch(self, rows: Iterable[tuple[Given, Given]], progress: Callable[[int], None] | None = None) -> int:
        """Write many rows, fastest if they ascend by key; not one transaction, but each row is safe when this returns.

        `progress` is told how many stand. Returns their number. After an exception some may stand; loading the same
        rows again is harmless.
        """
        pairs = ((as_bytes(key), as_bytes(value)) for key, value in rows)
        return await self._runner.run(self._core.load(pairs, progress))
