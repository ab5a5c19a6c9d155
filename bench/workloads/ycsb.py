"""The mixes A to F of the Yahoo! Cloud Serving Benchmark (Cooper et al., SoCC 2010) over one-shot operations.

Owns the mixes and what is verified. A record is one value of YCSB's 1,000 bytes, and an update writes all of it. A
value says for which record it was written and as its how-manieth; it counts as right if just that was written (or is
on its way) for this key. A scan must be in order and miss no record that stood before it began. Read-modify-write is
a transaction. Does not own which record comes next. Read next: bench/workloads/choosers.py.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from random import Random

from argosy.testing.linear import Violation
from argosy.testing.workloads.workload import Tally
from bench import keys
from bench.workloads.choosers import Chooser
from node.flow import Flow
from txn.database import Database
from txn.transaction import Row, Transaction

SCAN_ROWS_MAX = 100
ROWS_PER_LOOK = 1_000
FNV_OFFSET, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
OPERATIONS = ("read", "update", "insert", "scan", "modify")


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each operation comes, in parts of 1, and which records are asked for."""

    what: str
    parts: tuple[tuple[str, float], ...]
    keys: str


MIXES = {
    "A": Mix("50 % reads, 50 % updates", (("read", 0.5), ("update", 0.5)), "zipfian"),
    "B": Mix("95 % reads, 5 % updates", (("read", 0.95), ("update", 0.05)), "zipfian"),
    "C": Mix("reads only", (("read", 1.0),), "zipfian"),
    "D": Mix("95 % reads of new records, 5 % inserts", (("read", 0.95), ("insert", 0.05)), "latest"),
    "E": Mix("95 % scans of up to 100 records, 5 % inserts", (("scan", 0.95), ("insert", 0.05)), "zipfian"),
    "F": Mix("50 % reads, 50 % read-modify-writes", (("read", 0.5), ("modify", 0.5)), "zipfian"),
}


def key_of(number: int) -> bytes:
    """The key of a record: numbers are scattered over the key space by FNV-1a, as YCSB does."""
    scattered = FNV_OFFSET
    for byte in number.to_bytes(8, "little"):
        scattered = ((scattered ^ byte) * FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return keys.key_of(scattered % keys.NUMBERS)


def value_of(number: int, serial: int, size: int) -> bytes:
    """The value that is written for a record as its `serial`-th, from 0."""
    text = b"%d %d;" % (number, serial)
    return (text * (size // len(text) + 1))[:size]


@dataclass(slots=True)
class Records:
    """What was written, by one mix or several in turn. `first` records of `size` bytes are to be there at first.

    `begun[n]` counts the writes of record n that were sent; the first `top` records stand.

    1. `standing` has the keys of all records whose insert was acknowledged, ascending.
    2. Every record below `top` is in `standing`.
    """

    first: int
    size: int
    begun: list[int] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)
    standing: list[bytes] = field(default_factory=list)
    top: int = 0
    _early: set[int] = field(default_factory=set)

    def fresh(self) -> int:
        """The number of a record that is to be inserted."""
        number = len(self.begun)
        self.begun.append(0)
        self.numbers[key_of(number)] = number
        return number

    def next_value(self, number: int) -> bytes:
        """What to write for it now."""
        serial = self.begun[number]
        self.begun[number] += 1
        return value_of(number, serial, self.size)

    def inserted(self, number: int) -> None:
        """Its insert was acknowledged."""
        insort(self.standing, key_of(number))
        self._early.add(number)
        while self.top in self._early:
            self._early.remove(self.top)
            self.top += 1

    def fault(self, key: bytes, value: bytes | None) -> str:
        """Why this is no value of this key; empty if it is one."""
        number = self.numbers.get(key)
        if number is None:
            return f"{key!r} was read, and never written"
        if value is None:
            return f"record {number} was written, and reads as absent"
        mine, _, rest = value.partition(b" ")
        serial = rest.partition(b";")[0]
        known = mine == b"%d" % number and serial.isdigit() and int(serial) < self.begun[number]
        if known and value == value_of(number, int(serial), self.size):
            return ""
        return f"record {number} reads as {value[:40]!r}…, which was never written for it"


class Ycsb(Tally):
    """One of the mixes. `doing` is the operation of each client's present or last step."""

    name = "ycsb"

    def __init__(
        self, chance: Random, clock: Callable[[], float], mix: Mix, records: "Records", choose: Chooser
    ) -> None:
        super().__init__(chance, clock)
        self.mix = mix
        self.records = records
        self.keys = sorted(map(key_of, range(records.first)))
        self.doing: dict[int, str] = {}
        self._choose = choose
        self._fault = ""
        acts = {"read": self._read, "update": self._update, "insert": self._insert}
        acts |= {"scan": self._scan, "modify": self._modify}
        self._acts = [(name, acts[name]) for name, _ in self.mix.parts]
        self._weights = [part for _, part in self.mix.parts]

    def prepare(self, database: Database) -> Flow[None]:
        """Load the records that are to be there at first."""
        records = self.records
        numbers = sorted((records.fresh() for _ in range(records.first - len(records.begun))), key=key_of)
        rows = [(key_of(number), records.next_value(number)) for number in numbers]
        yield from self.insist(lambda: database.load(iter(rows)))
        for number in numbers:
            records.inserted(number)

    def step(self, client: int, database: Database) -> Flow[None]:
        """One operation, by chance."""
        ((name, act),) = self.chance.choices(self._acts, self._weights)
        self.doing[client] = name
        yield from self.attempt(client, act(database))

    def finish(self, database: Database) -> Flow[None]:
        """Read everything back, page by page."""
        found = 0
        start = b""
        while True:
            _, rows = yield from self.insist(partial(database.scan, start, None, ROWS_PER_LOOK))
            self._check_rows(rows)
            found += len(rows)
            if len(rows) < ROWS_PER_LOOK:
                break
            start = rows[-1][0] + b"\x00"
        if found < len(self.records.standing):
            self._fault = self._fault or f"{len(self.records.standing)} records were written, {found} are there"

    def check(self) -> None:
        """No read was wrong."""
        if self._fault:
            raise Violation(f"ycsb: {self._fault}")

    def _note(self, key: bytes, value: bytes | None) -> None:
        self._fault = self._fault or self.records.fault(key, value)

    def _check_rows(self, rows: list[Row]) -> None:
        for key, value in rows:
            self._note(key, value)
        if any(left[0] >= right[0] for left, right in pairwise(rows)):
            self._fault = self._fault or f"a scan is out of order behind {rows[0][0]!r}"

    def _pick(self) -> int:
        return self._choose(self.records.top)

    def _read(self, database: Database) -> Flow[None]:
        key = key_of(self._pick())
        self._note(key, (yield from database.get(key)))

    def _update(self, database: Database) -> Flow[None]:
        number = self._pick()
        yield from database.put(key_of(number), self.records.next_value(number))

    def _insert(self, database: Database) -> Flow[None]:
        number = self.records.fresh()
        yield from database.put(key_of(number), self.records.next_value(number))
        self.records.inserted(number)

    def _scan(self, database: Database) -> Flow[None]:
        start, limit = key_of(self._pick()), self.chance.randint(1, SCAN_ROWS_MAX)
        standing = self.records.standing
        place = bisect_left(standing, start)
        due = standing[place : place + limit]
        rows = yield from database.scan(start, None, limit)
        self._check_rows(rows)
        last = rows[-1][0] if len(rows) == limit else None
        found = {key for key, _ in rows}
        for key in due:
            if key not in found and (last is None or key < last):
                self._fault = self._fault or f"a scan from {start!r} missed {key!r}"

    def _modify(self, database: Database) -> Flow[None]:
        number = self._pick()
        key = key_of(number)

        def body(transaction: Transaction) -> Flow[None]:
            self._note(key, (yield from transaction.get(key)))
            transaction.put(key, self.records.next_value(number))

        yield from database.run(body)


assert all({name for name, _ in mix.parts} <= set(OPERATIONS) for mix in MIXES.values()), "a mix names what there is"
assert all(abs(sum(part for _, part in mix.parts) - 1) < 1e-9 for mix in MIXES.values()), "the parts make 1"
