"""`bench embedded`: one node in this process beside sqlite3 and bare LMDB on files in the same directory.

Owns the loads: point gets of present keys, and single durable puts, one after the other in one thread. sqlite3 runs in
WAL mode with synchronous=FULL, and LMDB syncs each transaction: each commit is on disk, as ours is. LMDB is what our
state stands on, so it shows what versions, a log and a loop cost on top of it. Read next: argosy/embedded.py.
"""

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Protocol

import lmdb

import argosy
from bench.figures import Row, ratios
from bench.keys import key_of
from bench.report import Tell

KEYS = 10_000
BURST = 64  # operations between two looks at the clock
MAP_BYTES = 1 << 30
ROUND_FROM = 100  # operations a second; below, parts of one matter
VALUE = b"v" * 100


class Store(Protocol):
    """What is measured."""

    def get(self, number: int) -> None:
        """One point get, verified."""
        ...

    def put(self, number: int) -> None:
        """One durable put."""
        ...

    def close(self) -> None:
        """End."""
        ...


def rate(act: Callable[[int], None], seconds: float, seed: int) -> float:
    """How often a second."""
    chance = random.Random(seed)
    numbers = [chance.randrange(KEYS) for _ in range(64 * BURST)]
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        place = done % len(numbers)
        for number in numbers[place : place + BURST]:
            act(number)
        done += BURST
    return done / (time.perf_counter() - began)


def _require(value: object) -> None:
    assert value == VALUE, "a wrong value was read"


class Ours:
    """Argosy, embedded."""

    def __init__(self, folder: Path) -> None:
        self._opening = argosy.open(folder / "argosy")
        self._db = self._opening.__enter__()
        self._db.batch((key_of(number), VALUE) for number in range(KEYS))

    def get(self, number: int) -> None:
        """One point get."""
        _require(self._db.get(key_of(number)))

    def put(self, number: int) -> None:
        """One durable put."""
        self._db.put(key_of(number), VALUE)

    def close(self) -> None:
        """End."""
        self._opening.__exit__(None, None, None)


class Sqlite:
    """sqlite3, one table."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "peer.sqlite3", isolation_level=None)
        self._connection.execute("pragma journal_mode=wal")
        self._connection.execute("pragma synchronous=full")
        self._connection.execute("create table rows (key blob primary key, value blob) without rowid")
        rows = [(key_of(number), VALUE) for number in range(KEYS)]
        self._connection.execute("begin")
        self._connection.executemany("insert into rows values (?, ?)", rows)
        self._connection.execute("commit")

    def get(self, number: int) -> None:
        """One point get."""
        row = self._connection.execute("select value from rows where key = ?", (key_of(number),)).fetchone()
        _require(row[0])

    def put(self, number: int) -> None:
        """One durable put."""
        self._connection.execute("insert or replace into rows values (?, ?)", (key_of(number), VALUE))

    def close(self) -> None:
        """End."""
        self._connection.close()


class Lmdb:
    """LMDB through py-lmdb, one transaction for each operation."""

    def __init__(self, folder: Path) -> None:
        self._environment = lmdb.open(str(folder / "lmdb"), map_size=MAP_BYTES)
        with self._environment.begin(write=True) as transaction:
            for number in range(KEYS):
                transaction.put(key_of(number), VALUE)

    def get(self, number: int) -> None:
        """One point get."""
        with self._environment.begin() as transaction:
            _require(transaction.get(key_of(number)))

    def put(self, number: int) -> None:
        """One durable put."""
        with self._environment.begin(write=True) as transaction:
            transaction.put(key_of(number), VALUE)

    def close(self) -> None:
        """End."""
        self._environment.close()


STORES: dict[str, Callable[[Path], Store]] = {"argosy": Ours, "sqlite3": Sqlite, "lmdb": Lmdb}


def run(seconds: float, runs: int, seed: int, tell: Tell) -> list[Row]:
    """Each store's rate, all in turns, and the ratios of the first to the others."""
    rows: list[Row] = []
    with ExitStack() as stack:
        base = os.environ.get("ARGOSY_BENCH_DIR")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="argosy-", dir=base)))
        stores = {name: make(folder) for name, make in STORES.items()}
        for store in stores.values():
            stack.callback(store.close)
        for operation in ("get", "put"):
            rates: dict[str, list[float]] = {name: [] for name in stores}
            for number in range(runs):
                for name, store in stores.items():
                    tell(f"embedded: {operation}, run {number + 1} of {runs}: {name}")
                    rates[name].append(rate(getattr(store, operation), seconds, seed))
            shape = {"keys": KEYS}
            ours, *theirs = (row(name, f"embedded-{operation}", shape, found) for name, found in rates.items())
            rows += [ours, *theirs, *(ratios(ours, other) for other in theirs)]
    return rows


def row(name: str, operation: str, shape: Row, rates: list[float]) -> Row:
    """What one store did, each of the rates in a run of its own."""
    middle, rounded = _rounded(median(rates)), list(map(_rounded, rates))
    found = {"peer": name, "operation": operation, "shape": shape, "per_second": middle}
    found |= {"per_second_min": min(rounded), "per_second_max": max(rounded)}
    return found | {"us": round(1e6 / middle, 1), "runs": {"per_second": rounded}}


def _rounded(rate: float) -> float:
    return round(rate) if rate >= ROUND_FROM else round(rate, 2)
