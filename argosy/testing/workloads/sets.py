"""`sets`: elements that are keys of their own, added one by one or to two sets at once, and read by scans.

Every added element is a new row between others, so a scan that overlooks what appears in its span loses one. A set
that has grown large is followed by a fresh one. What is checked is owned by argosy/testing/growing.py. Read next:
argosy/testing/workloads/lists.py.
"""

from collections.abc import Callable
from random import Random

from argosy.testing.growing import Add, Elements, Members
from argosy.testing.workloads.workload import Tally
from node.flow import Flow
from txn.database import Database
from txn.transaction import Row

SETS = 4
ELEMENTS_MAX = 100  # of a set, about
DIGITS = 4  # of an element's place in the key, shuffled so that neighbours come at different times
PLACES = 10**DIGITS


class Sets(Tally):
    """A set's name, a slash, where the element stands, a dash, and the element: `set-2-000/0042-17`."""

    name = "sets"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self._current = [b"set-%d-000" % number for number in range(SETS)]
        self._used = set(self._current)
        self.keys = [b"%s/%d" % (name, half) for name in self._current for half in (0, 5)]
        self._members = Members()

    def step(self, client: int, database: Database) -> Flow[None]:
        """Add an element, or read a set."""
        lot = self.chance.random()
        number = self.chance.randrange(SETS)
        if lot < 0.45:
            yield from self._add(client, database, [number])
        elif lot < 0.7:
            yield from self._add(client, database, [number, (number + 1) % SETS])
        else:
            name = self._current[number]
            told, rows = yield from self.attempt(client, self.scan(database, name + b"/", name + b"0"))
            self._members.note(Elements(*told, name, _elements(rows or [])))
            if rows and len(rows) > ELEMENTS_MAX and self._current[number] == name:
                self._current[number] = b"%s%03d" % (name[:-3], int(name[-3:]) + 1)
                self._used.add(self._current[number])

    def finish(self, database: Database) -> Flow[None]:
        """Read every set that ever was."""
        told, rows = yield from self.insist(lambda: self.scan(database, b"set-", b"set~"))
        found: dict[bytes, list[Row]] = {name: [] for name in sorted(self._used)}
        for key, value in rows:
            found[key.partition(b"/")[0]].append((key, value))
        for name, some in found.items():
            self._members.note(Elements(*told, name, _elements(some)))

    def check(self) -> None:
        """Nothing lost, nothing from nowhere."""
        self._members.check()

    def _add(self, client: int, database: Database, numbers: list[int]) -> Flow[None]:
        """To one set as a one-shot, to several as a transaction that reads nothing."""
        element = self.unique()
        names = [self._current[number] for number in numbers]
        keys = [b"%s/%0*d-%d" % (name, DIGITS, self.chance.randrange(PLACES), element) for name in names]

        def together() -> Flow[int]:
            transaction = database.begin()
            for key in keys:
                transaction.put(key, b"")
            return (yield from transaction.commit())

        told, _ = yield from self.attempt(client, together() if len(keys) > 1 else database.put(keys[0], b""))
        for name in names:
            self._members.note(Add(*told, name, element))


def _elements(rows: list[Row]) -> frozenset[int]:
    return frozenset(int(key.rpartition(b"-")[2]) for key, _ in rows)
