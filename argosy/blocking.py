"""The plain, synchronous form: `Database` and `Transaction`.

Owns what a caller sees: bytes in and out, text as UTF-8, `db[key]`, blocks that commit. Does not own what an
operation does (txn/database.py, txn/transaction.py: flows) nor what carries a flow to its end (a `Runner`, of
argosy/embedded.py or argosy/remote.py). argosy/asynchronous.py is the same with awaits. Read next: txn/database.py.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from argosy.text import Given, as_bound, as_bytes
from argosy.trying import Tries
from node.flow import Flow
from ranges.router import Router
from txn.database import Database as Core
from txn.errors import Aborted
from txn.transaction import Transaction as Attempt

T = TypeVar("T")
P = ParamSpec("P")
Row = tuple[bytes, bytes]


class Runner(Protocol):
    """Carries flows to their end in the calling thread."""

    def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception."""
        ...


class Keys:
    """What a database and a transaction have in common: reads, and keys in brackets."""

    _runner: Runner

    def get(self, key: Given) -> bytes | None:
        """The value, or None."""
        raise NotImplementedError

    def put(self, key: Given, value: Given) -> None:
        """Write a value."""
        raise NotImplementedError

    def delete(self, key: Given) -> None:
        """Remove a key, whether it is there or not."""
        raise NotImplementedError

    def _attempt(self) -> Attempt:
        """The snapshot of reads of several keys."""
        raise NotImplementedError

    def get_many(self, keys: Iterable[Given]) -> list[bytes | None]:
        """The values, in the order of the keys, all of one moment."""
        return self._runner.run(self._attempt().get_many([as_bytes(key) for key in keys]))

    def scan(
        self, start: Given = b"", end: Given | None = None, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[Row]:
        """Rows with start <= key < end (`end` None: to the last), in key order or in reverse, at most `limit`.

        They are fetched page by page while you iterate, all from one snapshot.
        """
        attempt, first, last = self._attempt(), as_bytes(start), as_bound(end)
        while True:
            page = self._runner.run(attempt.page(first, last, limit, reverse))
            yield from page.rows
            if limit is not None:
                limit -= len(page.rows)
            if page.more is None or limit == 0:
                return
            if reverse:
                last = page.more
            else:
                first = page.more

    def __getitem__(self, key: Given) -> bytes:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: Given, value: Given) -> None:
        self.put(key, value)

    def __delitem__(self, key: Given) -> None:
        self.delete(key)

    def __contains__(self, key: Given) -> bool:
        return self.get(key) is not None


class Transaction(Keys):
    """One attempt: reads one snapshot and its own writes; its writes show after the commit, all or nothing."""

    def __init__(self, attempt: Attempt, runner: Runner) -> None:
        self._own, self._runner = attempt, runner

    def _attempt(self) -> Attempt:
        return self._own

    def get(self, key: Given) -> bytes | None:
        """The value, or None."""
        return self._runner.run(self._own.get(as_bytes(key)))

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


class Database(Keys):
    """A database; any number of threads may use it at once.

    Every operation raises `Unavailable` if nobody can be asked in time; a write `OutcomeUnknown` if it may have
    happened. A single `put` or `delete` is a transaction of its own.
    """

    def __init__(self, core: Core, runner: Runner) -> None:
        self._core, self._runner = core, runner

    @property
    def router(self) -> Router:
        """How other front ends over the same node or connection reach it."""
        return self._core.router

    @property
    def runner(self) -> Runner:
        """What carries their flows to the end."""
        return self._runner

    def _attempt(self) -> Attempt:
        return self._core.begin()

    def get(self, key: Given) -> bytes | None:
        """The value, or None."""
        return self._runner.run(self._core.get(as_bytes(key)))

    def put(self, key: Given, value: Given) -> None:
        """Write a value."""
        self._runner.run(self._core.put(as_bytes(key), as_bytes(value)))

    def delete(self, key: Given) -> None:
        """Remove a key, whether it is there or not."""
        self._runner.run(self._core.delete(as_bytes(key)))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """`with db.transaction() as tx:` commits at the end of the block, and does nothing if the block raises.

        Raises `Aborted` at the end if it did not happen; `run` tries that again for you.
        """
        attempt = self._core.begin()
        try:
            yield Transaction(attempt, self._runner)
            self._runner.run(attempt.commit())
        finally:
            attempt.rollback()

    @contextmanager
    def snapshot(self, at: int | None = None, *, staleness: float = 0.0) -> Iterator[Transaction]:
        """`with db.snapshot(staleness=10) as past:` reads everything as of one time, and writes nothing.

        The time is `at`, the `timestamp` of a transaction or snapshot, or such that all is seen that was acknowledged
        more than `staleness` seconds before the call. It reads from the nearest replica, and only where that cannot
        answer from the leader; the staler it may be, the less anybody waits for it. Raises BadInput for a time to come,
        and `Aborted`, when it reads, for one that is kept no longer.
        """
        attempt = self._runner.run(self._core.snapshot(at, staleness))
        try:
            yield Transaction(attempt, self._runner)
        finally:
            attempt.rollback()

    def run(self, function: Callable[Concatenate[Transaction, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """`function(transaction, …)`, committed; again from its start whenever it was certainly aborted.

        So it should do nothing but read, compute and write in the transaction. Returns what it returned.
        """
        tries = Tries(self._core)
        while True:
            attempt = tries.begin()
            try:
                result = function(Transaction(attempt, self._runner), *arguments, **named)
                self._runner.run(attempt.commit())
                return result
            except Aborted as error:
                pause = tries.again(attempt, error)
            finally:
                attempt.rollback()
            self._runner.run(pause)

    def batch(self, rows: Iterable[tuple[Given, Given]], progress: Callable[[int], None] | None = None) -> int:
        """Write many rows, fastest if they ascend by key; not one transaction, but each row is safe when this returns.

        `progress` is told how many stand. Returns their number. After an exception some may stand; loading the same
        rows again is harmless.
        """
        return self._runner.run(self._core.load(((as_bytes(key), as_bytes(value)) for key, value in rows), progress))
