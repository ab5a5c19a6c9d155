"""The disk of a simulated node: what survives a crash, and a journal on it whose syncs take simulated time.

Owns `Disk` (the durable part of journal and state) and `MemoryJournal`, which behaves as node/journal.py does:
what was submitted and not yet synced is lost, or not, when the node crashes. Does not own rows (rows.py) nor
time: whoever runs a node passes `later`. Read next: argosy/testing/rows.py.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from node.ports import GroupRecord, Record, Recovered, Synced

Later = Callable[[float, Callable[[], Any]], None]
"""`later(seconds, act)`: after so many seconds run `act` and hand the event that it returns to the host.

It is dropped when the node crashes before.
"""

Delay = Callable[[], float]
"""How many seconds the next disk commit takes; a world draws it from its seed."""


@dataclass(slots=True)
class Disk:
    """What of one node outlives a crash.

    1. `logs` is what `recover` gives: each group's log and hard state as of the last durable record.
    2. `rows` is head -> (tails ascending, their values), no head without a row; `marks` is group -> (applied
       index, mark). Both change only by whole sealed batches, in order (traps 4).
    """

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
            return
        log = self.logs.setdefault(record.group, Recovered())
        if record.hard is not None:
            log.hard = record.hard
        if record.base is not None:
            log.base = record.base
            log.entries.clear()
        if record.entries:
            place = record.first - log.base[0] - 1
            assert 0 <= place <= len(log.entries), f"group {record.group}: a hole in the log before {record.first}"
            log.entries[place:] = record.entries

    def take_cut(self, group: int, index: int) -> None:
        """The entries at or below `index` have been deleted."""
        log = self.logs.get(group)
        count = index - log.base[0] if log is not None else 0
        if log is not None and 0 < count <= len(log.entries):
            log.base = (index, log.entries[count - 1].term)
            del log.entries[:count]

    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        """Write one row durably."""
        put_row(self.rows, head, tail, value)

    def delete(self, head: bytes, tail: bytes) -> None:
        """Remove one row durably."""
        delete_row(self.rows, head, tail)


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

    def recover(self) -> dict[int, Recovered]:
        """Each group's log, copied: the host may change what it gets."""
        assert self._next == 0, "the journal is read once, before the first submit"
        return {group: replace(log, entries=list(log.entries)) for group, log in sorted(self._disk.logs.items())}

    def submit(self, record: Record) -> None:
        """Take a record; `Synced` follows through `later`."""
        assert self._next in (0, record.sequence), f"record {record.sequence} comes out of order"
        self._next = record.sequence + 1
        self._waiting.append(record)
        if not self._syncing:
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

    def _finish(self) -> Synced:
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
