"""`bench sql`: SQL in this process, through the driver for Python programs, beside sqlite3 on a file.

Both are asked by the same lines, as both drivers have the same interface (PEP 249): the same tables, rows, statements
and parameters, each by `connection.execute`. A statement is a transaction of its own, but a load, which is one for all
its rows. sqlite3 runs in WAL mode with synchronous=FULL: each commit is on disk, as ours is. Owns the statements and
what they must give; every row that is read is verified. Read next: argosy/dbapi/__init__.py.
"""

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from argosy import dbapi
from bench.cluster import BenchFailed
from bench.embedded import row
from bench.figures import Row, ratios
from bench.report import Tell

CUSTOMERS = 10_000
ORDERS = 100_000
LOADED_AT_ONCE = 10_000  # rows of one executemany
JOINED = 10  # rows that a join gives
AMOUNT_MAX = 1_000
SETTLE_SECONDS = 2.0  # after the tables are filled: behind a load the node still moves rows to where they stay

TABLES = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, visits INTEGER NOT NULL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, amount INTEGER NOT NULL, note TEXT)",
    "CREATE TABLE loaded (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, amount INTEGER NOT NULL, note TEXT)",
)
SELECT = "SELECT name FROM customers WHERE id = ?"
UPDATE = "UPDATE customers SET visits = ? WHERE id = ?"
JOIN = (
    "SELECT orders.id, customers.name FROM orders JOIN customers ON customers.id = orders.customer "
    "WHERE orders.id >= ? AND orders.id < ? ORDER BY orders.id"
)
AGGREGATE = "SELECT count(*), sum(amount) FROM orders WHERE amount < ?"
LOAD = "INSERT INTO loaded VALUES (?, ?, ?, ?)"


def customer_of(order: int) -> int:
    """Whose order it is."""
    return order * 7 % CUSTOMERS


def amount_of(order: int) -> int:
    """What it costs."""
    return order * 31 % AMOUNT_MAX


def orders(first: int, count: int) -> list[tuple[int, int, int, str]]:
    """Rows of orders."""
    return [(each, customer_of(each), amount_of(each), f"order {each}") for each in range(first, first + count)]


class Store:
    """One database, with what was written to it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._visits: dict[int, int] = {}
        self._updates = self._loaded = 0
        for text in TABLES:
            self._execute(text)
        self._many("INSERT INTO customers VALUES (?, ?, 0)", [(each, f"name {each}") for each in range(CUSTOMERS)])
        for first in range(0, ORDERS, LOADED_AT_ONCE):
            self._many("INSERT INTO orders VALUES (?, ?, ?, ?)", orders(first, LOADED_AT_ONCE))

    def _many(self, text: str, rows: Sequence[Any]) -> None:
        """One transaction for all rows."""
        self._execute("BEGIN")
        self._connection.executemany(text, rows)
        self._execute("COMMIT")

    def select(self, number: int) -> int:
        """A row by its primary key."""
        number %= CUSTOMERS
        _require(self._execute(SELECT, (number,)).fetchone() == (f"name {number}",))
        return 1

    def update(self, number: int) -> int:
        """A durable change of one row, by its primary key."""
        number %= CUSTOMERS
        self._updates += 1
        _require(self._execute(UPDATE, (self._updates, number)).rowcount == 1)
        self._visits[number] = self._updates
        return 1

    def join(self, number: int) -> int:
        """Some rows, each with one of another table by that one's primary key."""
        number %= ORDERS - JOINED
        found = self._execute(JOIN, (number, number + JOINED)).fetchall()
        _require(found == [(each, f"name {customer_of(each)}") for each in range(number, number + JOINED)])
        return 1

    def aggregate(self, number: int) -> int:
        """Count and sum over about half of the orders."""
        most = AMOUNT_MAX // 2 + number % 10
        each = ORDERS // AMOUNT_MAX  # orders of every amount
        wanted = (each * most, each * most * (most - 1) // 2)
        _require(self._execute(AGGREGATE, (most,)).fetchone() == wanted)
        return 1

    def load(self, _: int) -> int:
        """Fresh rows in one transaction; how many."""
        self._many(LOAD, orders(self._loaded, LOADED_AT_ONCE))
        self._loaded += LOADED_AT_ONCE
        return LOADED_AT_ONCE

    def verify(self) -> None:
        """All that was written is there. Raises BenchFailed."""
        found = dict(self._execute("SELECT id, visits FROM customers WHERE visits > 0").fetchall())
        _require(found == self._visits)
        wanted = sum(map(amount_of, range(self._loaded))) if self._loaded else None
        _require(self._execute("SELECT count(*), sum(amount) FROM loaded").fetchone() == (self._loaded, wanted))


def _require(holds: bool) -> None:
    if not holds:
        raise BenchFailed("a statement gave other rows than it should")


def argosy_at(folder: Path) -> dbapi.Connection:
    """A node in this process."""
    return dbapi.connect(folder / "argosy", autocommit=True)


def sqlite_at(folder: Path) -> sqlite3.Connection:
    """A file of sqlite3's."""
    connection = sqlite3.connect(folder / "peer.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute("PRAGMA synchronous=full")
    return connection


CONNECTS: dict[str, Callable[[Path], Any]] = {"argosy": argosy_at, "sqlite3": sqlite_at}
BURSTS = {"select": 64, "update": 16, "join": 16, "aggregate": 1, "load": 1}  # statements between looks at the clock


def run(seconds: float, runs: int, seed: int, tell: Tell) -> Iterator[Row]:
    """Each store's rate of each operation, all in turns, and the ratios of ours to the other's."""
    with ExitStack() as stack:
        base = os.environ.get("ARGOSY_BENCH_DIR")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="argosy-", dir=base)))
        stores = {}
        for name, connect in CONNECTS.items():
            tell(f"sql: {name} is filled")
            connection = connect(folder)
            stack.callback(connection.close)
            stores[name] = Store(connection)
        time.sleep(SETTLE_SECONDS)
        for operation, burst in BURSTS.items():
            rates: dict[str, list[float]] = {name: [] for name in stores}
            for number in range(runs):
                for name, store in stores.items():
                    tell(f"sql: {operation}, run {number + 1} of {runs}: {name}")
                    rates[name].append(_rate(getattr(store, operation), burst, seconds, seed + number))
            ours, theirs = (row(name, f"sql-{operation}", {"rows": ORDERS}, found) for name, found in rates.items())
            yield from (ours, theirs, ratios(ours, theirs))
        for store in stores.values():
            store.verify()


def _rate(act: Callable[[int], int], burst: int, seconds: float, seed: int) -> float:
    """How many a second, after some that do not count: plans are made, and pages come into memory."""
    chance = random.Random(seed)
    numbers = [chance.randrange(ORDERS) for _ in range(64 * burst)]
    for number in numbers[:burst]:
        act(number)
    done = place = 0
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not done:
        for number in numbers[place : place + burst]:
            done += act(number)
        place = (place + burst) % len(numbers)
    return done / took
