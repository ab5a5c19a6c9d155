"""`lists`: transactions that read lists, scan over them and append to them, in several ranges: strictly serializable.

A list that has grown long is followed by a fresh one, so that there are always absent keys to scan past. What is
checked is owned by argosy/testing/serial.py. Read next: bench/check.py.
"""

from collections.abc import Callable
from random import Random

from argosy.testing.history import Outcome
from argosy.testing.serial import Append, Attempt, Read, Scan, Serial, Step
from argosy.testing.workloads.workload import Tally
from node.flow import Flow
from txn.database import Database
from txn.transaction import Row, Transaction

SLOTS = 8
ITEMS_PER_LIST = 40
KEYS_MAX = 4  # of one transaction
SCANNED_MAX = 5  # rows, where a scan has a limit
LAST = b"list-~"  # behind all lists


class Lists(Tally):
    """Every item is appended once."""

    name = "lists"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"list-%02d-000" % slot for slot in range(SLOTS)]
        self._current = list(self.keys)
        self._attempts = Serial()

    def step(self, client: int, database: Database) -> Flow[None]:
        """One transaction over a few of the present lists, in a single attempt or tried again."""
        keys = self.chance.sample(self._current, self.chance.randint(1, KEYS_MAX))
        plan = [(key, self.chance.choice("rrraaab")) for key in keys]
        scans, again = self.chance.random() < 0.2, self.chance.random() < 0.3
        steps: list[Step] = []  # of the last attempt
        earlier: list[Step] = []

        def body(transaction: Transaction) -> Flow[None]:
            earlier.extend(step for step in steps if isinstance(step, Append))
            steps.clear()
            if scans:
                steps.append((yield from self._scan(transaction)))
            for key, sort in plan:
                yield from self._touch(transaction, key, sort, steps)

        told, _ = yield from self.attempt(client, self._run(database, body, again))
        if earlier:
            self._attempts.note(Attempt(told[0], told[1], Outcome.FAILED, client, tuple(earlier)))
        self._attempts.note(Attempt(*told, tuple(steps)))

    def finish(self, database: Database) -> Flow[None]:
        """Read every list that ever was."""
        told, rows = yield from self.insist(lambda: self.scan(database, self.keys[0], LAST))
        self._attempts.note(Attempt(*told, (scanned(self.keys[0], LAST, rows),)))

    def check(self) -> None:
        """No circle, nothing lost, nothing from nowhere."""
        self._attempts.check()

    def _run(self, database: Database, body: Callable[[Transaction], Flow[None]], again: bool) -> Flow[None]:
        if again:
            yield from database.run(body)
        else:
            transaction = database.begin()
            yield from body(transaction)
            yield from transaction.commit()

    def _touch(self, transaction: Transaction, key: bytes, sort: str, steps: list[Step]) -> Flow[None]:
        """Read a list; append to it (a); append twice, and read what stands then (b)."""
        value = yield from transaction.get(key)
        steps.append(Read(key, _items(value)))
        for _ in range("rab".index(sort)):
            item = self.unique()
            value = b"%d" % item if value is None else b"%s,%d" % (value, item)
            transaction.put(key, value)
            steps.append(Append(key, item))
        if sort == "b":
            steps.append(Read(key, _items((yield from transaction.get(key)))))
        place = int(key[5:7])
        if len(_items(value)) >= ITEMS_PER_LIST and self._current[place] == key:
            self._current[place] = b"%s%03d" % (key[:-3], int(key[-3:]) + 1)

    def _scan(self, transaction: Transaction) -> Flow[Scan]:
        """A span from one list to another or over all, in either order, whole or up to a limit."""
        start, end = self.keys[0], LAST
        if self.chance.random() < 0.5:
            start, end = sorted((self.chance.choice(self.keys), self.chance.choice(self._current)))
        reverse = self.chance.random() < 0.5
        limit = self.chance.choice((None, None, self.chance.randint(1, SCANNED_MAX)))
        rows = yield from transaction.scan(start, end, limit, reverse)
        if limit is not None and len(rows) == limit:
            if reverse:
                start = rows[-1][0]
            else:
                end = rows[-1][0] + b"\x00"
        return scanned(start, end, rows)


def scanned(start: bytes, end: bytes, rows: list[Row]) -> Scan:
    """What a scan showed, as a checker takes it."""
    return Scan(start, end, tuple((key, _items(value)) for key, value in rows))


def _items(value: bytes | None) -> tuple[int, ...]:
    """The items of a list as it is stored."""
    return () if value is None else tuple(map(int, value.split(b",")))
