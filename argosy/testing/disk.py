"""The disk of a simulated node: what survives a crash, and a journal on it whose syncs take simulated time.

Owns `Disk` (the durable part of journal and state, and what may go wrong with it) and `MemoryJournal`, which behaves
as node/journal.py does: what was submitted and not yet synced is lost, or not, when the node crashes; what finds no
room waits for it; an error is final. Does not own rows (rows.py) nor time: whoever runs a node passes `later`.
Read next: argosy/testing/rows.py.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

from node.config import SPACE_RETRY_SECONDS
from node.errors import DiskError
from node.ports import Failed, GroupRecord, Record, Recovered, Synced
from node.raft.messages import Entry

ROOM_BYTES = 1 << 40

Later = Callable[[float, Callable[[], Any]], None]
"""`later(seconds, act)`: after so many seconds run `act` and hand the event that it returns to the host.

Nothing is handed over for None. It is dropped when the node crashes before.
"""

Delay = Callable[[], float]
"""How many seconds the next disk commit takes; a world draws it from its seed."""


@dataclass(slots=True)
class Disk:
    """What of one node outlives a crash.

    1. `logs` is what `recover` gives: each group's log and hard state as of the last durable record.
    2. `rows` is head -> (tails ascending, their values), no head without a row; `marks` is group -> (applied
       index, mark). Both change only by whole sealed batches, in order (traps 4).
    3. `room` is how many bytes are left: with none, nothing is written until there is some. `broken` is where the
       next write of the journal fails: "write" (nothing of it arrives) or "sync" (some of it may).
    4. Every entry and every row has a checksum, which `flip` leaves as it was.
    """

    room: int = ROOM_BYTES
    broken: str = ""
    entry_sums: dict[int, list[int]] = field(default_factory=dict)  # group -> one for each entry
    row_sums: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    logs: dict[int, Recovered] = field(default_factory=dict)
    rows: dict[bytes, tuple[list[bytes], list[bytes]]] = field(default_factory=dict)
    marks: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    def take_record(self, record: Record) -> None:
        """A record has become durable."""
        for each in record.groups:
            self._take(each)

    def _take(self, record: GroupRecord) -> None:
        if record.gone:
            self.logs.pop(record.group, None)
            self.entry_sums.pop(record.group, None)
            return
        log = self.logs.setdefault(record.group, Recovered())
        sums = self._sums_of(record.group, log)
        if record.hard is not None:
            log.hard = record.hard
        if record.base is not None:
            log.base = record.base
            log.entries.clear()
            sums.clear()
        if record.entries:
            place = record.first - log.base[0] - 1
            assert 0 <= place <= len(log.entries), f"group {record.group}: a hole in the log before {record.first}"
            log.entries[place:] = record.entries
            sums[place:] = map(_sum_of_entry, record.entries)

    def take_cut(self, group: int, index: int) -> None:
        """The entries at or below `index` have been deleted."""
        log = self.logs.get(group)
        count = index - log.base[0] if log is not None else 0
        if log is not None and 0 < count <= len(log.entries):
            sums = self._sums_of(group, log)
            log.base = (index, log.entries[count - 1].term)
            del log.entries[:count]
            del sums[:count]

    def _sums_of(self, group: int, log: Recovered) -> list[int]:
        """Of a log's entries; what a test put there has its first ones now."""
        if group not in self.entry_sums:
            self.entry_sums[group] = list(map(_sum_of_entry, log.entries))
        return self.entry_sums[group]

    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        """Write one row durably."""
        put_row(self.rows, head, tail, value)
        self.row_sums[head, tail] = _sum_of_row(head, tail, value)

    def delete(self, head: bytes, tail: bytes) -> None:
        """Remove one row durably."""
        delete_row(self.rows, head, tail)
        self.row_sums.pop((head, tail), None)

    def clear(self, first: bytes, last: bytes) -> None:
        """Remove the rows of the heads first <= head < last durably."""
        for head in [head for head in self.rows if first <= head < last]:
            for tail in self.rows.pop(head)[0]:
                del self.row_sums[head, tail]

    def flip(self, pick: Callable[[int], int]) -> str:
        """Flip a bit of one stored entry's body, or of one row's value; what was hit, empty if nothing is there.

        `pick(count)` chooses one of so many.
        """
        bodies = [(group, place) for group, log in self.logs.items() for place, e in enumerate(log.entries) if e.body]
        values = [(head, place) for head, row in self.rows.items() for place, value in enumerate(row[1]) if value]
        if not bodies and not values:
            return ""
        chosen = pick(len(bodies) + len(values))
        if chosen < len(bodies):
            group, place = bodies[chosen]
            entries = self.logs[group].entries
            entries[place] = entries[place]._replace(body=_flipped(entries[place].body, pick))
            return f"an entry of group {group}"
        head, place = values[chosen - len(bodies)]
        self.rows[head][1][place] = _flipped(self.rows[head][1][place], pick)
        return f"a row of {head!r}"

    def is_torn(self, group: int, index: int) -> bool:
        """Whether the entry at this index is not as it was written."""
        log = self.logs[group]
        place = index - log.base[0] - 1
        return self._sums_of(group, log)[place] != _sum_of_entry(log.entries[place])

    def read_logs(self) -> dict[int, Recovered]:
        """Each group's log. Raises `DiskError` for a torn one."""
        for group, log in self.logs.items():
            if self._sums_of(group, log) != list(map(_sum_of_entry, log.entries)):
                raise DiskError(f"the log of group {group} is torn: a checksum is wrong")
        return {group: replace(log, entries=list(log.entries)) for group, log in sorted(self.logs.items())}

    def read_rows(self, first: bytes, last: bytes) -> "Rows":
        """The rows of the heads first <= head < last, in order. Raises `DiskError` for a torn one."""
        found = {head: self.rows[head] for head in sorted(head for head in self.rows if first <= head < last)}
        for head, (tails, values) in found.items():
            for tail, value in zip(tails, values, strict=True):
                if self.row_sums[head, tail] != _sum_of_row(head, tail, value):
                    raise DiskError(f"the row {head!r}, {tail!r} is torn: its checksum is wrong")
        return found


def _sum_of_entry(entry: Entry) -> int:
    return crc32(entry.body, entry.term << 8 | entry.kind)


def _sum_of_row(head: bytes, tail: bytes, value: bytes) -> int:
    return crc32(value, crc32(tail, crc32(head)))


def _flipped(old: bytes, pick: Callable[[int], int]) -> bytes:
    place = pick(len(old))
    return old[:place] + bytes([old[place] ^ 1 << pick(8)]) + old[place + 1 :]


class MemoryJournal:
    """`JournalPort` on a `Disk`: one sync at a time; what is submitted meanwhile gathers for the next one."""

    def __init__(self, disk: Disk, later: Later, delay: Delay) -> None:
        self._disk = disk
        self._later = later
        self._delay = delay
        self._waiting: deque[Record] = deque()
        self._syncing: list[Record] = []
        self._cuts: dict[int, int] = {}
        self._next = 0
        self.failed = False

    def recover(self) -> dict[int, Recovered]:
        """Each group's log, copied: the host may change what it gets."""
        assert self._next == 0, "the journal is read once, before the first submit"
        return self._disk.read_logs()

    def submit(self, record: Record) -> None:
        """Take a record; `Synced` follows through `later`."""
        assert self._next in (0, record.sequence), f"record {record.sequence} comes out of order"
        self._next = record.sequence + 1
        self._waiting.append(record)
        if not self._syncing and not self.failed:
            self._begin()

    def cut(self, group: int, index: int) -> None:
        """Note what may go; it goes with the next sync, as the real journal deletes while it appends."""
        self._cuts[group] = max(index, self._cuts.get(group, 0))

    def crash(self, survive: Callable[[int], int]) -> None:
        """Lose what is not durable, except the first `survive(count)` of the `count` records on their way to the disk.

        A sync that was cut off may have reached the disk although nobody was told.
        """
        for record in self._syncing[: survive(len(self._syncing))]:
            self._disk.take_record(record)
        self._syncing = []
        self._waiting.clear()

    def _begin(self) -> None:
        self._syncing = list(self._waiting)
        self._waiting.clear()
        self._later(self._delay(), self._finish)

    def _finish(self) -> Any:
        if self._disk.broken:
            self.failed = True  # the first error is final (traps 23)
            if self._disk.broken == "write":
                self._syncing = []
            return Failed(f"the journal cannot be written: an error on {self._disk.broken}")
        if not self._disk.room:
            self._later(SPACE_RETRY_SECONDS, self._finish)
            return None
        for group, index in self._cuts.items():
            self._disk.take_cut(group, index)
        self._cuts.clear()
        for record in self._syncing:
            self._disk.take_record(record)
        last = self._syncing[-1].sequence
        self._syncing = []
        if self._waiting:
            self._begin()
        return Synced(last)


Rows = dict[bytes, tuple[list[bytes], list[bytes]]]


def put_row(rows: Rows, head: bytes, tail: bytes, value: bytes) -> bool:
    """Write one row into a dict of chains; True if its head is new."""
    chain = rows.get(head)
    if chain is None:
        rows[head] = ([tail], [value])
        return True
    tails, values = chain
    place = bisect_left(tails, tail)
    if place < len(tails) and tails[place] == tail:
        values[place] = value
    else:
        tails.insert(place, tail)
        values.insert(place, value)
    return False


def delete_row(rows: Rows, head: bytes, tail: bytes) -> bool:
    """Remove one row, if it is there; True if its head went with it."""
    chain = rows.get(head)
    if chain is None:
        return False
    tails, values = chain
    place = bisect_left(tails, tail)
    if place == len(tails) or tails[place] != tail:
        return False
    del tails[place], values[place]
    if tails:
        return False
    del rows[head]
    return True
