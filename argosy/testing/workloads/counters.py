"""`counters`: counted up in transactions that are tried again, one or two counters at once.

A transaction that is tried again although it has happened counts twice; one that overwrites another loses a count.
What is checked is owned by argosy/testing/growing.py. Read next: argosy/testing/workloads/sets.py.
"""

from collections.abc import Callable
from random import Random

from argosy.testing.growing import Count, Counts, Increment
from argosy.testing.workloads.workload import Tally
from node.flow import Flow
from txn.database import Database
from txn.transaction import Transaction

COUNTERS = 6
AMOUNT_MAX = 5


class Counters(Tally):
    """Few counters, so that everybody is in everybody's way."""

    name = "counters"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"counter-%02d" % number for number in range(COUNTERS)]
        self._counts = Counts()

    def step(self, client: int, database: Database) -> Flow[None]:
        """Count up, or look."""
        lot = self.chance.random()
        keys = self.chance.sample(self.keys, 2 if lot < 0.2 else 1)
        if lot < 0.6:
            yield from self._add(client, database, keys)
        elif lot < 0.85:
            told, value = yield from self.attempt(client, database.get(keys[0]))
            self._counts.note(Count(*told, keys[0], int(value or 0)))
        else:
            told, values = yield from self.attempt(client, database.get_many(self.keys))
            for key, value in zip(self.keys, values or [None] * COUNTERS, strict=True):
                self._counts.note(Count(*told, key, int(value or 0)))

    def finish(self, database: Database) -> Flow[None]:
        """Read every counter once more."""
        told, values = yield from self.insist(lambda: database.get_many(self.keys))
        for key, value in zip(self.keys, values, strict=True):
            self._counts.note(Count(*told, key, int(value or 0)))

    def check(self) -> None:
        """Within bounds, never back, no step twice."""
        self._counts.check()

    def _add(self, client: int, database: Database, keys: list[bytes]) -> Flow[None]:
        amount = self.chance.randint(1, AMOUNT_MAX)

        def body(transaction: Transaction) -> Flow[dict[bytes, int]]:
            reached = {}
            for key in keys:
                reached[key] = int((yield from transaction.get(key)) or 0) + amount
                transaction.put(key, b"%d" % reached[key])
            return reached

        told, reached = yield from self.attempt(client, database.run(body))
        for key in keys:
            self._counts.note(Increment(*told, key, amount, None if reached is None else reached[key]))
