"""`followers`: the lists, read from the nearest replica, and snapshots of the past; strictly serializable.

A snapshot is one more transaction of the history: it stands between the moment that it must not miss anything before
and its end; and the same time shows the same for ever. What is checked is owned by argosy/testing/serial.py.
Read next: argosy/testing/workloads/lists.py.
"""

from collections.abc import Callable
from random import Random

from argosy.testing.history import Outcome
from argosy.testing.linear import Violation
from argosy.testing.serial import Attempt
from argosy.testing.workloads.lists import LAST, Lists, scanned
from node.flow import Flow
from txn.database import Database
from txn.transaction import Row

STALENESS_SECONDS = (0.0, 0.3, 1.0, 4.0)
CLOCKS_ERROR = 0.07  # of the seconds of a staleness: more than any two clocks of a world differ by
REMEMBERED = 50  # times that somebody may look at again

Seen = tuple[int, list[Row]]  # the time, and all rows in key order


class Followers(Lists):
    """Lists, and looks at all of them as of some time; reads are answered by whoever is near."""

    name = "followers"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self._looks: dict[int, list[Row]] = {}

    def step(self, client: int, database: Database) -> Flow[None]:
        """One transaction or look; now and then one is read at the leaders."""
        near = Database(database.router, seconds=database.seconds, nearest=self.chance.random() < 0.8)
        if self.chance.random() < 0.6:
            yield from super().step(client, near)
        else:
            yield from self._look(client, near)

    def check(self) -> None:
        """That of the lists, with all looks in it."""
        super().check()
        if not self._looks:
            raise Violation("nobody took a snapshot even once")

    def _look(self, client: int, database: Database) -> Flow[None]:
        """At a time at which somebody has looked, or as stale as may be."""
        at, staleness = None, self.chance.choice(STALENESS_SECONDS)
        if self._looks and self.chance.random() < 0.3:
            at, staleness = self.chance.choice(list(self._looks)[-REMEMBERED:]), 0.0
        (begin, end, outcome, _), seen = yield from self.attempt(client, self._read(database, at, staleness))
        if outcome is not Outcome.OK or seen is None:
            return
        time, rows = seen
        if self._looks.setdefault(time, rows) != rows:
            raise Violation(f"the time {time} shows {rows}, and has shown {self._looks[time]}")
        if at is None:
            least = begin - staleness * (1 + CLOCKS_ERROR) - CLOCKS_ERROR
            reader = -self.unique()  # it may stand before what its client did before
            self._attempts.note(Attempt(least, end, outcome, reader, (scanned(self.keys[0], LAST, rows),)))

    def _read(self, database: Database, at: int | None, staleness: float) -> Flow[Seen]:
        """Everything that there is, in either order; then a little of it once more."""
        snapshot = yield from database.snapshot(at, staleness)
        rows = sorted((yield from snapshot.scan(self.keys[0], LAST, reverse=self.chance.random() < 0.5)))
        key = self.chance.choice(self.keys)
        if (yield from snapshot.get(key)) != dict(rows).get(key):
            raise Violation(f"{key.decode()} changed within a snapshot")
        return snapshot.timestamp, rows
