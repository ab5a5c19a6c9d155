"""`cycle`: keys that form a ring, each holding the next one; steps change the order of three neighbours.

After FoundationDB's workload of that name: what a step writes follows from reads that follow from each other, so one
stale read breaks the ring for ever. What is checked is owned by argosy/testing/snapshots.py. Read next:
argosy/testing/workloads/counters.py.
"""

from collections.abc import Callable
from random import Random

from argosy.testing.snapshots import Look, Ring
from argosy.testing.workloads.workload import Tally
from node.flow import Flow
from txn.database import Database
from txn.transaction import Row, Transaction

NODES = 16


class Cycle(Tally):
    """One ring of all keys, in any order."""

    name = "cycle"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"ring-%02d" % number for number in range(NODES)]
        self._looks = Ring(self.keys)

    def prepare(self, database: Database) -> Flow[None]:
        """Close the ring, in one transaction."""

        def closing() -> Flow[int]:
            transaction = database.begin()
            for key, following in zip(self.keys, [*self.keys[1:], self.keys[0]], strict=True):
                transaction.put(key, following)
            return (yield from transaction.commit())

        yield from self.insist(closing)

    def step(self, client: int, database: Database) -> Flow[None]:
        """Swap two neighbours, or look at the ring."""
        if self.chance.random() < 0.75:
            yield from self.attempt(client, database.run(self._swap))
            return
        told, rows = yield from self.attempt(client, self._rows(database))
        self._looks.note(Look(*told, tuple(rows or ())))

    def finish(self, database: Database) -> Flow[None]:
        """A last look, which must succeed."""
        told, rows = yield from self.insist(lambda: self._rows(database))
        self._looks.note(Look(*told, tuple(rows)))

    def check(self) -> None:
        """Every look showed one ring."""
        self._looks.check()

    def _swap(self, transaction: Transaction) -> Flow[None]:
        """first → second → third → fourth becomes first → third → second → fourth."""
        first = self.chance.choice(self.keys)
        second = yield from self._after(transaction, first)
        third = yield from self._after(transaction, second)
        fourth = yield from self._after(transaction, third)
        transaction.put(first, third)
        transaction.put(third, second)
        transaction.put(second, fourth)

    def _after(self, transaction: Transaction, key: bytes) -> Flow[bytes]:
        """An absent key closes the ring too early, which the last look tells."""
        return (yield from transaction.get(key)) or key

    def _rows(self, database: Database) -> Flow[list[Row]]:
        if self.chance.random() < 0.5:
            return (yield from self.scan(database, self.keys[0], self.keys[-1] + b"\x00"))
        values = yield from database.get_many(self.keys)
        return [(key, value) for key, value in zip(self.keys, values, strict=True) if value is not None]
