"""Money between accounts in different ranges, each transfer one transaction that reads and writes two keys.

Owns the accounts and what is verified: the sum at the end, and as it stood when some of the transfers were committed.
Read next: bench/bank.py.
"""

from collections.abc import Callable
from functools import partial
from random import Random

from argosy.testing.linear import Violation
from argosy.testing.workloads.workload import Tally
from node.flow import Flow
from txn.database import Database
from txn.transaction import Transaction

BALANCE = 1_000
LOOKS = 5  # at the past
ROWS_PER_LOOK = 1_000


def account(bank: int, number: int) -> bytes:
    """The key of an account; each bank's accounts lie in a range of their own."""
    return b"bank-%03d/%08d" % (bank, number)


def borders(banks: int) -> list[bytes]:
    """The keys at which the banks' ranges begin, the first one apart."""
    return [b"bank-%03d/" % bank for bank in range(1, banks)]


class Transfers(Tally):
    """Every transfer leaves the sum as it is. `accounts` are per bank."""

    name = "transfers"

    def __init__(self, chance: Random, clock: Callable[[], float], banks: int, accounts: int) -> None:
        super().__init__(chance, clock)
        self.keys = [account(bank, number) for bank in range(banks) for number in range(accounts)]
        self._banks, self._accounts = banks, accounts
        self._moments: list[int] = []  # timestamps of commits
        self._sums: list[int] = []

    def prepare(self, database: Database) -> Flow[None]:
        """Open every account."""
        yield from self.insist(lambda: database.load((key, b"%d" % BALANCE) for key in self.keys))

    def step(self, client: int, database: Database) -> Flow[None]:
        """One transfer between two banks, until it stands."""
        chance = self.chance
        source, target = chance.sample(range(self._banks), 2)
        pair = account(source, chance.randrange(self._accounts)), account(target, chance.randrange(self._accounts))
        _, moment = yield from self.attempt(client, self._move(database, *pair))
        if moment:
            self._moments.append(moment)

    def finish(self, database: Database) -> Flow[None]:
        """Add up all accounts, now and at some moments of the past."""
        _, now = yield from self.insist(lambda: self._sum(database.begin()))
        self._sums.append(now)
        for moment in self.chance.sample(self._moments, min(LOOKS, len(self._moments))):
            _, then = yield from self.insist(partial(self._sum_then, database, moment))
            self._sums.append(then)

    def check(self) -> None:
        """Every sum is that of the beginning."""
        due = len(self.keys) * BALANCE
        if wrong := [each for each in self._sums if each != due]:
            raise Violation(f"transfers: the accounts held {wrong[0]}, not {due}")

    def _move(self, database: Database, source: bytes, target: bytes) -> Flow[int]:
        """The commit's timestamp."""
        used: list[Transaction] = []

        def body(transaction: Transaction) -> Flow[None]:
            used[:] = [transaction]
            giver, taker = yield from transaction.get_many([source, target])
            assert giver is not None, "every account was opened"
            assert taker is not None, "every account was opened"
            transaction.put(source, b"%d" % (int(giver) - 1))
            transaction.put(target, b"%d" % (int(taker) + 1))

        yield from database.run(body)
        return used[0].timestamp

    def _sum_then(self, database: Database, moment: int) -> Flow[int]:
        snapshot = yield from database.snapshot(moment)
        return (yield from self._sum(snapshot))

    def _sum(self, transaction: Transaction) -> Flow[int]:
        total, start = 0, self.keys[0]
        while True:
            rows = yield from transaction.scan(start, self.keys[-1] + b"\x00", ROWS_PER_LOOK)
            total += sum(int(value) for _, value in rows)
            if len(rows) < ROWS_PER_LOOK:
                return total
            start = rows[-1][0] + b"\x00"
