"""`bench embedded`: one node in this process beside sqlite3 on a file in the same directory.

Owns the loads: point gets of present keys, and single durable puts, one after the other in one thread. sqlite3
runs in WAL mode with synchronous=FULL: each commit is on disk, as ours is. Read next: argosy/embedded.py.
"""

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import argosy

KEYS = 10_000
ROUNDS = 3


def key_of(number: int) -> bytes:
    """The key of this number, 16 bytes."""
    return b"%016d" % number


VALUE = b"v" * 100


def rate(act: Callable[[int], None], seconds: float) -> float:
    """How often a second."""
    chance = random.Random(1)
    numbers = [chance.randrange(KEYS) for _ in range(4096)]
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for number in numbers[done % 4096 : done % 4096 + 64]:
            act(number)
        done += 64
    return done / (time.perf_counter() - began)


class Ours:
    """Argosy, embedded."""

    def __init__(self, folder: Path) -> None:
        self._opening = argosy.open(folder / "argosy")
        self._db = self._opening.__enter__()
        self._db.batch((key_of(number), VALUE) for number in range(KEYS))

    def get(self, number: int) -> None:
        """One point get."""
        assert self._db.get(key_of(number)) == VALUE, "a wrong value was read"

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
        assert row[0] == VALUE, "a wrong value was read"

    def put(self, number: int) -> None:
        """One durable put."""
        self._connection.execute("insert or replace into rows values (?, ?)", (key_of(number), VALUE))

    def close(self) -> None:
        """End."""
        self._connection.close()


def run(seconds: float) -> list[dict[str, Any]]:
    """The JSON lines: each side's rate, and the ratio."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="argosy-", dir=os.environ.get("ARGOSY_BENCH_DIR")) as folder:
        ours, theirs = Ours(Path(folder)), Sqlite(Path(folder))
        try:
            for name in ("get", "put"):
                pairs = [
                    (rate(getattr(ours, name), seconds), rate(getattr(theirs, name), seconds)) for _ in range(ROUNDS)
                ]
                mine, other = (sorted(column)[ROUNDS // 2] for column in zip(*pairs, strict=True))
                rows.append(
                    {"peer": "argosy", "operation": name, "per_second": round(mine), "us": round(1e6 / mine, 1)}
                )
                rows.append(
                    {"peer": "sqlite3", "operation": name, "per_second": round(other), "us": round(1e6 / other, 1)}
                )
                rows.append({"ratio": "argosy/sqlite3", "operation": name, "per_second": round(mine / other, 2)})
        finally:
            ours.close()
            theirs.close()
    return rows
