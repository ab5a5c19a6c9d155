"""`bank`: transfers between accounts in several ranges; every snapshot holds the same sum.

Owns its steps: transfers, looks by scans and by gets, and looks at the past. What is checked is owned by
argosy/testing/snapshots.py. Read next: argosy/testing/workloads/cycle.py.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from argosy.testing.snapshots import Look, Sums
from argosy.testing.workloads.workload import Tally
from node.flow import Flow
from txn.database import Database
from txn.transaction import Row, Transaction

ACCOUNTS = 24
BALANCE = 100
AMOUNT_MAX = 30


class Bank(Tally):
    """Every transfer leaves the sum as it is, and overdraws no account."""

    name = "bank"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"account-%02d" % number for number in range(ACCOUNTS)]
        self._looks = Sums(self.keys, ACCOUNTS * BALANCE)
        self._moments: list[int] = []  # timestamps of commits, all of them after the accounts were opened

    def prepare(self, database: Database) -> Flow[None]:
        """Open every account."""
        yield from self.insist(lambda: database.load((key, b"%d" % BALANCE) for key in self.keys))

    def step(self, client: int, database: Database) -> Flow[None]:
        """A transfer, or a look at all accounts."""
        lot = self.chance.random()
        if lot < 0.75:
            told, commit = yield from self.attempt(client, self._transfer(database))
            if commit:
                self._moments.append(commit)
            return
        look = self._by_scan if lot < 0.85 else self._by_gets if lot < 0.95 else self._as_of
        told, rows = yield from self.attempt(client, look(database))
        self._looks.note(Look(*told, tuple(rows or ())))

    def finish(self, database: Database) -> Flow[None]:
        """A last look, which must succeed."""
        told, rows = yield from self.insist(lambda: self._by_scan(database))
        self._looks.note(Look(*told, tuple(rows)))

    def check(self) -> None:
        """Every look holds the sum."""
        self._looks.check()

    def _transfer(self, database: Database) -> Flow[int]:
        """In a single attempt, which may be aborted, or again and again until it stands."""
        source, target = self.chance.sample(self.keys, 2)
        amount = self.chance.randint(1, AMOUNT_MAX)

        def move(transaction: Transaction) -> Flow[None]:
            have = int((yield from transaction.get(source)) or 0)
            had = int((yield from transaction.get(target)) or 0)
            moved = min(have, amount)
            transaction.put(source, b"%d" % (have - moved))
            transaction.put(target, b"%d" % (had + moved))

        if self.chance.random() < 0.5:
            yield from database.run(move)
            return 0
        transaction = database.begin()
        yield from move(transaction)
        return (yield from transaction.commit())

    def _by_scan(self, database: Database) -> Flow[list[Row]]:
        return self.scan(database, self.keys[0], self.keys[-1] + b"\x00")

    def _by_gets(self, database: Database) -> Flow[list[Row]]:
        transaction = database.begin()
        keys = self.chance.sample(self.keys, len(self.keys))
        alone: list[Any] = []
        for key in keys[:3]:
            alone.append((key, (yield from transaction.get(key))))
        values = yield from transaction.get_many(keys[3:])
        yield from transaction.commit()
        return [(key, value) for key, value in [*alone, *zip(keys[3:], values, strict=True)] if value is not None]

    def _as_of(self, database: Database) -> Flow[list[Row]]:
        """As it was when some transfer had just been committed; the present, if none was."""
        if not self._moments:
            return (yield from self._by_scan(database))
        snapshot = yield from database.snapshot(self.chance.choice(self._moments))
        return (yield from snapshot.scan(self.keys[0], self.keys[-1] + b"\x00"))
