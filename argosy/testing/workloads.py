"""Workloads that know how to check themselves: `prepare`, many `step`s at once, `finish`, `check`.

Owns what is asked of a database and what was answered. All of them are flows over txn/database.py, so that
the simulator and the bench run the same ones. Does not own who runs them, nor what a legal history is
(linear.py, serial.py). Read next: argosy/testing/cluster.py.
"""

from collections.abc import Callable, Generator
from random import Random
from typing import Any, Protocol

from argosy.testing.linear import INFINITY, Call, Violation, check_linearizable
from argosy.testing.serial import Attempt, check_serializable
from node.flow import Flow
from txn.database import Database
from txn.errors import Aborted, OutcomeUnknown, Unavailable

ACCOUNTS = 24
BALANCE = 100
REGISTERS = 5
SLOTS = 8
ITEMS_PER_LIST = 40


class Workload(Protocol):
    """What a run asks of a database.

    `keys` are user keys spread like the workload's own, at which ranges may be split.
    """

    name: str
    keys: list[bytes]
    outcomes: dict[str, int]

    def prepare(self, database: Database) -> Flow[None]:
        """Write what the steps start from."""
        ...

    def step(self, client: int, database: Database) -> Flow[None]:
        """One operation or transaction of one client; never raises an expected failure."""
        ...

    def finish(self, database: Database) -> Flow[None]:
        """A last look at everything, after all steps have ended and all faults are over."""
        ...

    def check(self) -> None:
        """Raise `Violation` if what was answered breaks a promise."""
        ...


class Tally:
    """What all workloads share: chance, the time of the world, and how many operations ended how."""

    name = ""

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        self.chance = chance
        self.clock = clock
        self.outcomes: dict[str, int] = {}

    def attempt(self, flow: Flow[Any]) -> Generator[Any, Any, tuple[str, Any]]:
        """Run a flow to its end: how it ended (committed, aborted, unknown, unavailable), and its result."""
        result = None
        try:
            result = yield from flow
            outcome = "committed"
        except Aborted:
            outcome = "aborted"
        except OutcomeUnknown:
            outcome = "unknown"
        except Unavailable:
            outcome = "unavailable"
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        return outcome, result

    def insist(self, make: Callable[[], Flow[Any]]) -> Flow[Any]:
        """Try again until it succeeds: for what may be done twice, while nothing is broken for long."""
        while True:
            outcome, result = yield from self.attempt(make())
            if outcome == "committed":
                return result


class Bank(Tally):
    """Transfers between accounts in several ranges; every snapshot holds the same sum."""

    name = "bank"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"account-%02d" % number for number in range(ACCOUNTS)]
        self.sums = 0

    def prepare(self, database: Database) -> Flow[None]:
        """Open every account, in one transaction."""

        def opening() -> Flow[None]:
            transaction = database.begin()
            for key in self.keys:
                transaction.put(key, b"%d" % BALANCE)
            yield from transaction.commit()

        yield from self.insist(opening)

    def step(self, client: int, database: Database) -> Flow[None]:
        """A transfer, or a look at all accounts."""
        if self.chance.random() < 0.75:
            yield from self.attempt(self._transfer(database))
        else:
            yield from self._look(database)

    def finish(self, database: Database) -> Flow[None]:
        """A last look, which must succeed."""
        self._take(dict((yield from self.insist(lambda: self._all_by_scan(database)))))

    def check(self) -> None:
        """Each look was checked as it came."""
        if not self.sums:
            raise Violation("nobody saw all accounts even once")

    def _transfer(self, database: Database) -> Flow[None]:
        source, target = self.chance.sample(self.keys, 2)
        transaction = database.begin()
        have = int((yield from transaction.get(source)) or 0)
        had = int((yield from transaction.get(target)) or 0)
        amount = min(have, self.chance.randint(1, 30))
        transaction.put(source, b"%d" % (have - amount))
        transaction.put(target, b"%d" % (had + amount))
        yield from transaction.commit()

    def _look(self, database: Database) -> Flow[None]:
        look = self._all_by_scan if self.chance.random() < 0.5 else self._all_by_gets
        outcome, rows = yield from self.attempt(look(database))
        if outcome == "committed":
            self._take(dict(rows))

    def _all_by_scan(self, database: Database) -> Flow[Any]:
        transaction = database.begin()
        rows = yield from transaction.scan(self.keys[0], self.keys[-1] + b"\x00", reverse=self.chance.random() < 0.5)
        yield from transaction.commit()
        return rows

    def _all_by_gets(self, database: Database) -> Flow[Any]:
        transaction = database.begin()
        keys = self.chance.sample(self.keys, len(self.keys))
        alone = []
        for key in keys[:3]:
            alone.append((key, (yield from transaction.get(key))))
        values = yield from transaction.get_many(keys[3:])
        yield from transaction.commit()
        return alone + list(zip(keys[3:], values, strict=True))

    def _take(self, rows: dict[bytes, bytes]) -> None:
        self.sums += 1
        total = sum(int(value) for value in rows.values())
        if len(rows) != ACCOUNTS or total != ACCOUNTS * BALANCE:
            raise Violation(f"{len(rows)} accounts hold {total}, not {ACCOUNTS * BALANCE}: {sorted(rows.items())}")


class Registers(Tally):
    """One-shot reads, writes and deletions of single keys: each key is linearizable."""

    name = "registers"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"register-%02d" % number for number in range(REGISTERS)]
        self.calls: dict[bytes, list[Call]] = {key: [] for key in self.keys}
        self._written = 0

    def prepare(self, database: Database) -> Flow[None]:
        """Nothing: every key is absent at first."""
        return
        yield

    def step(self, client: int, database: Database) -> Flow[None]:
        """One operation on one key."""
        key = self.chance.choice(self.keys)
        begin = self.clock()
        if self.chance.random() < 0.5:
            outcome, value = yield from self.attempt(database.get(key))
            if outcome == "committed":
                self.calls[key].append(Call(begin, self.clock(), False, value, client))
            return
        value = None
        if self.chance.random() < 0.9:
            self._written += 1
            value = b"%d" % self._written
        writing = database.delete(key) if value is None else database.put(key, value)
        outcome, _ = yield from self.attempt(writing)
        if outcome in ("committed", "unknown"):
            self.calls[key].append(
                Call(begin, self.clock() if outcome == "committed" else INFINITY, True, value, client)
            )

    def finish(self, database: Database) -> Flow[None]:
        """Read every key once more."""
        for key in self.keys:
            begin = self.clock()
            value = yield from self.insist(lambda key=key: database.get(key))  # type: ignore[misc]
            self.calls[key].append(Call(begin, self.clock(), False, value))

    def check(self) -> None:
        """Every key for itself (linearizability is local)."""
        for key, calls in self.calls.items():
            check_linearizable(calls, key.decode())


class Lists(Tally):
    """Transactions that read lists and append to them, over several ranges: strictly serializable."""

    name = "lists"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"list-%02d-000" % slot for slot in range(SLOTS)]
        self.attempts: list[Attempt] = []
        self._aborted: list[int] = []
        self._items = 0
        self._current = list(self.keys)

    def prepare(self, database: Database) -> Flow[None]:
        """Nothing: every list is empty at first."""
        return
        yield

    def step(self, client: int, database: Database) -> Flow[None]:
        """One transaction over a few of the present lists."""
        keys = self.chance.sample(self._current, self.chance.randint(1, 4))
        appends = {}
        for key in keys:
            if self.chance.random() < 0.5:
                self._items += 1
                appends[key] = self._items
        reads: dict[bytes, tuple[int, ...]] = {}
        by_scan = self.chance.random() < 0.15
        begin = self.clock()
        outcome, _ = yield from self.attempt(self._transact(database, keys, appends, reads, by_scan))
        if outcome in ("aborted", "unavailable"):
            self._aborted += appends.values()
        else:
            known = outcome == "committed"
            end = self.clock() if known else INFINITY
            seen = tuple(reads.items()) if known else ()
            self.attempts.append(Attempt(begin, end, seen, tuple(appends.items()), client))

    def _transact(
        self, database: Database, keys: list[bytes], appends: dict[bytes, int], reads: dict[bytes, Any], by_scan: bool
    ) -> Flow[None]:
        transaction = database.begin()
        if by_scan:
            rows = dict((yield from transaction.scan(self.keys[0], b"list-~")))
            reads.update((key, items(rows.get(key))) for key in self._current)
        for key in keys:
            value = yield from transaction.get(key)
            reads[key] = items(value)
            if key in appends:
                added = b"%d" % appends[key]
                transaction.put(key, added if value is None else value + b"," + added)
        yield from transaction.commit()
        for place, key in enumerate(self._current):
            if len(reads.get(key, ())) >= ITEMS_PER_LIST:
                self._current[place] = b"%s%03d" % (key[:-3], int(key[-3:]) + 1)

    def finish(self, database: Database) -> Flow[None]:
        """Read every list that ever was."""
        begin = self.clock()
        rows = yield from self.insist(lambda: self._everything(database))
        self.attempts.append(Attempt(begin, self.clock(), tuple((key, items(value)) for key, value in rows), ()))

    def _everything(self, database: Database) -> Flow[Any]:
        transaction = database.begin()
        rows = yield from transaction.scan(self.keys[0], b"list-~")
        yield from transaction.commit()
        return rows

    def check(self) -> None:
        """No cycle, nothing lost, nothing from nowhere."""
        check_serializable(self.attempts, frozenset(self._aborted))


def items(value: bytes | None) -> tuple[int, ...]:
    """The items of a list as it is stored."""
    return () if value is None else tuple(map(int, value.split(b",")))


WORKLOADS: dict[str, Callable[[Random, Callable[[], float]], Workload]] = {
    each.name: each for each in (Bank, Registers, Lists)
}
