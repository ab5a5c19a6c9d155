"""What a workload is, and what all of them share.

Owns `Workload`, the four things that a run asks of one, and `Tally`: chance, the clock, and how many operations ended
how. Does not own who runs it. Read next: argosy/testing/workloads/registers.py.
"""

from collections.abc import Callable, Generator
from random import Random
from typing import Any, Protocol, TypeVar

from argosy.testing.history import Outcome
from node.flow import Flow
from ranges.keys import USER
from txn.database import Database
from txn.errors import Aborted, OutcomeUnknown, Unavailable
from txn.transaction import Row

T = TypeVar("T")
Told = tuple[float, float, Outcome, int]  # the fields of an `Operation`


class Workload(Protocol):
    """What a run asks of a database.

    `keys` are keys of `space`, spread like the workload's own, at which ranges may be split.
    """

    name: str
    space: bytes
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
    """What all workloads share. Client 0 is who prepares and finishes."""

    name = ""
    space = USER

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        self.chance = chance
        self.clock = clock
        self.outcomes: dict[str, int] = {}
        self._made = 0

    def prepare(self, database: Database) -> Flow[None]:
        """Nothing, unless a workload starts from something."""
        return
        yield

    def unique(self) -> int:
        """A number that this run has not used yet."""
        self._made += 1
        return self._made

    def attempt(self, client: int, flow: Flow[T]) -> Generator[Any, Any, tuple[Told, T | None]]:
        """Run a flow to its end: when it ran, how it ended and whose it was; and its result if it ended well."""
        begin = self.clock()
        result = None
        try:
            result = yield from flow
            name, outcome = "committed", Outcome.OK
        except Aborted:
            name, outcome = "aborted", Outcome.FAILED
        except OutcomeUnknown:
            name, outcome = "unknown", Outcome.UNKNOWN
        except Unavailable:
            name, outcome = "unavailable", Outcome.FAILED
        self.outcomes[name] = self.outcomes.get(name, 0) + 1
        return (begin, self.clock(), outcome, client), result

    def insist(self, make: Callable[[], Flow[T]]) -> Generator[Any, Any, tuple[Told, T]]:
        """Try again until it ends well: for what may be done twice, while nothing is broken for long."""
        while True:
            told, result = yield from self.attempt(0, make())
            if told[2] is Outcome.OK:
                return told, result  # type: ignore[return-value]  # None only where T has it

    def scan(self, database: Database, start: bytes, end: bytes) -> Flow[list[Row]]:
        """All rows of a span, in either order, at once or in pages of a snapshot; in key order or in reverse."""
        reverse = self.chance.random() < 0.5
        if self.chance.random() < 0.5:
            return (yield from database.scan(start, end, reverse=reverse))
        transaction = database.begin()
        rows: list[Row] = []
        limit = self.chance.randint(1, 9)
        while True:
            page = yield from transaction.scan(start, end, limit, reverse)
            rows += page
            if len(page) < limit:
                yield from transaction.commit()
                return rows
            if reverse:
                end = page[-1][0]
            else:
                start = page[-1][0] + b"\x00"
