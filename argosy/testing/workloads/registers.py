"""`registers`: single keys, written and read by every kind of operation that there is: each key is linearizable.

Registers stand in pairs without room for a key between them, so that a split at the second of a pair parts
neighbours. What is checked is owned by argosy/testing/linear.py. Read next: argosy/testing/workloads/bank.py.
"""

from collections.abc import Callable
from random import Random

from argosy.testing.history import Outcome
from argosy.testing.linear import Call, Linear
from argosy.testing.workloads.workload import Tally, Told
from node.flow import Flow
from txn.database import Database
from txn.transaction import Transaction

PAIRS = 3


class Registers(Tally):
    """Every put writes a value of its own."""

    name = "registers"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"register-%d%s" % (number, end) for number in range(PAIRS) for end in (b"", b"\x00")]
        self._calls = Linear()
        self._last: dict[tuple[int, bytes], bytes | None] = {}  # what a client saw last

    def step(self, client: int, database: Database) -> Flow[None]:
        """One operation on one key, or a read of two."""
        key = self.chance.choice(self.keys)
        lot = self.chance.random()
        if lot < 0.3:
            told, seen = yield from self.attempt(client, database.get(key))
            self._note_reads(told, {key: seen})
        elif lot < 0.5:
            told, some = yield from self.attempt(client, self._read_pair(database, key))
            self._note_reads(told, some or {})
        elif lot < 0.75:
            value = b"%d" % self.unique()
            told, _ = yield from self.attempt(client, database.put(key, value))
            self._calls.note(Call(*told, key, wrote=value))
        elif lot < 0.82:
            told, _ = yield from self.attempt(client, database.delete(key))
            self._calls.note(Call(*told, key, wrote=None))
        else:
            yield from self._compare_and_set(client, database, key)

    def finish(self, database: Database) -> Flow[None]:
        """Read every key once more."""
        for key in self.keys:
            told, value = yield from self.insist(lambda key=key: database.get(key))  # type: ignore[misc]
            self._note_reads(told, {key: value})

    def check(self) -> None:
        """Every key for itself."""
        self._calls.check()

    def _note_reads(self, told: Told, values: dict[bytes, bytes | None]) -> None:
        for key, value in values.items():
            self._calls.note(Call(*told, key, saw=value))
            if told[2] is Outcome.OK:
                self._last[told[3], key] = value

    def _read_pair(self, database: Database, key: bytes) -> Flow[dict[bytes, bytes | None]]:
        """Both of a pair, by gets or by a scan, or only the end of the pair that a limit leaves."""
        first = key.rstrip(b"\x00")
        pair = (first, first + b"\x00")
        if self.chance.random() < 0.4:
            return dict(zip(pair, (yield from database.get_many(pair)), strict=True))
        reverse, limit = self.chance.random() < 0.5, self.chance.choice((None, 1, 2))
        rows = dict((yield from database.scan(first, pair[1] + b"\x00", limit, reverse)))
        ahead = pair[1] if reverse else pair[0]
        covered = (ahead,) if limit == 1 and ahead in rows else pair
        return {each: rows.get(each) for each in covered}

    def _compare_and_set(self, client: int, database: Database, key: bytes) -> Flow[None]:
        """Write if the key holds what this client saw last; tried again as long as it is certainly aborted."""
        expected, value = self._last.get((client, key)), b"%d" % self.unique()
        seen: list[bytes | None] = []

        def body(transaction: Transaction) -> Flow[None]:
            seen.append((yield from transaction.get(key)))
            if seen[-1] == expected:
                transaction.put(key, value)
                seen[-1] = expected if (yield from transaction.get(key)) == value else b"not what was just written"

        told, _ = yield from self.attempt(client, database.run(body))
        if seen and seen[-1] == expected:
            self._calls.note(Call(*told, key, saw=expected, wrote=value))
        elif seen:
            self._note_reads(told, {key: seen[-1]})
