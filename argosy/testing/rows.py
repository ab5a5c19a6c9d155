"""The applied rows of a simulated node: two layers, the applied one in memory and the durable one on a `Disk`.

Owns `MemoryState`, which behaves as node/state.py does: batches become durable whole and in order, some
simulated time later; what is not durable is lost, or not, when the node crashes. Also serves nodes that keep
nothing (`argosy.open(None)`). Does not own time: whoever runs a node passes `later`.
Read next: argosy/testing/world.py.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sortedcontainers import SortedDict

from argosy.testing.disk import Delay, Disk, Later, delete_row, put_row
from node.codec import decode_plain, encode_plain
from node.config import OVERLAY_ROWS_MAX, SPACE_RETRY_SECONDS
from node.errors import DiskError
from node.ports import Dumped, Failed, Flushed, Restored
from node.space import Space

BATCHES_PER_COMMIT_MAX = 64
ROWS_PER_CHUNK = 256
HEADS_END = b"\xff" * 8  # after every head

Row = tuple[bytes, bytes, bytes | None]  # head, tail, value; None deletes


@dataclass(slots=True)
class Batch:
    """One atomic change of the durable part: `clear` first, then rows, then marks."""

    group: int
    index: int | None = None
    mark: bytes | None = None
    rows: list[Row] = field(default_factory=list)
    clear: tuple[bytes, bytes] | None = None
    gone: Sequence[tuple[int, bytes]] = ()
    event: Any = None


class MemoryState:
    """`StatePort` on a `Disk`, starting from what the disk holds.

    1. A row put is seen at once; it is durable when the batch that `seal` made of it is.
    2. Nobody changes rows while a scan of them is under way (asserted when the scan goes on).
    3. `space`, where there is one, says how much room there is (node/space.py).
    """

    def __init__(self, disk: Disk, later: Later, delay: Delay, rows_max: int = OVERLAY_ROWS_MAX) -> None:
        self.space: Space | None = None
        self._disk = disk
        self._later = later
        self._delay = delay
        self._rows_max = rows_max
        rows = disk.read_rows(b"", HEADS_END)
        self._rows: Any = SortedDict({head: (list(tails), list(values)) for head, (tails, values) in rows.items()})
        self._open: list[Row] = []
        self._waiting: deque[Batch] = deque()
        self._flushing: list[Batch] = []
        self._not_durable = 0
        self._changes = 0
        self.failed = False

    # -- View ------------------------------------------------------------------------------------------------------

    def get(self, head: bytes, tail: bytes) -> bytes | None:
        """The value of one row, or None."""
        chain = self._rows.get(head)
        if chain is None:
            return None
        tails, values = chain
        place = bisect_left(tails, tail)
        return values[place] if place < len(tails) and tails[place] == tail else None

    def rows(self, head: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The rows of one head from a tail on, as they are now."""
        chain = self._rows.get(head)
        if chain is None:
            return iter(())
        tails, values = chain
        place = bisect_left(tails, start) if start else 0
        return iter(list(zip(tails[place:], values[place:], strict=True)))

    def first(self, head: bytes) -> tuple[bytes, bytes] | None:
        """The first row of one head, or None."""
        return next(self.rows(head), None)

    def scan(self, first: bytes, last: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes, bytes]]:
        """The rows of the heads first <= head < last; heads descend if `reverse`, tails always ascend."""
        changes = self._changes
        for head in self._rows.irange(first, last, (True, False), reverse):
            tails, values = self._rows[head]
            for tail, value in zip(tails, values, strict=True):
                yield head, tail, value
                assert changes == self._changes, "rows changed while a scan of them was under way"

    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        """Write one row; it belongs to the batch that the next `seal` closes."""
        self._changes += 1
        put_row(self._rows, head, tail, value)
        self._open.append((head, tail, value))

    def delete(self, head: bytes, tail: bytes) -> None:
        """Remove one row, in the batch that the next `seal` closes."""
        self._changes += 1
        delete_row(self._rows, head, tail)
        self._open.append((head, tail, None))

    # -- StatePort -------------------------------------------------------------------------------------------------

    def marks(self) -> dict[int, tuple[int, bytes]]:
        """At start: group -> (durable applied index, mark)."""
        return dict(sorted(self._disk.marks.items()))

    def seal(self, group: int, index: int, mark: bytes | None) -> None:
        """What was put since the last seal is one atomic batch that brings the group to `index`."""
        rows, self._open = self._open, []
        self._not_durable += len(rows)
        self._enqueue(Batch(group, index, mark, rows))

    def flush(self) -> None:
        """Nothing waits here for more to come."""

    def load(self) -> float:
        """The share of `rows_max` that is not durable yet."""
        return min(1.0, self._not_durable / self._rows_max)

    def dump(self, ticket: int, group: int, first: bytes, last: bytes) -> None:
        """Copy a span as it is durable at this moment; `Dumped` follows, with nothing if there is no room for it."""
        if not self._disk.room:
            self._later(self._delay(), lambda: Dumped(ticket, 0, b"", ()))
            return
        index, mark = self._disk.marks.get(group, (0, b""))
        try:
            found = self._disk.read_rows(first, last)
        except DiskError as error:
            self._fail(error)
            return
        rows = [(head, tail, value) for head, columns in found.items() for tail, value in zip(*columns, strict=True)]
        chunks = [encode_plain(tuple(rows[at : at + ROWS_PER_CHUNK])) for at in range(0, len(rows), ROWS_PER_CHUNK)]
        self._later(self._delay(), lambda: Dumped(ticket, index, mark, chunks))

    def restore(
        self,
        group: int,
        index: int,
        mark: bytes,
        first: bytes,
        last: bytes,
        chunks: Sequence[bytes],
        gone: Sequence[tuple[int, bytes]] = (),
    ) -> None:
        """In one commit: clear the span, take the rows, set the mark and tombstones of `gone`; `Restored` follows."""
        assert not self._open, "rows were put and not sealed before a restore"
        rows: list[Row] = [row for chunk in chunks for row in decode_plain(chunk)]
        self._replace((first, last), rows)
        self._enqueue(Batch(group, index, mark, rows, (first, last), gone, Restored(group)))

    def forget(self, group: int, tombstone: bytes, span: tuple[bytes, bytes] | None) -> None:
        """In one commit: clear the span, if one is given, and set the group's mark to a tombstone."""
        assert not self._open, "rows were put and not sealed before a removal"
        if span is not None:
            self._replace(span, [])
        self._enqueue(Batch(group, 0, tombstone, clear=span))

    def crash(self, survive: Callable[[int], int]) -> None:
        """Lose what is not durable, but for the first `survive(count)` of the `count` batches on their way."""
        for batch in self._flushing[: survive(len(self._flushing))]:
            self._make_durable(batch)
        self._flushing = []
        self._waiting.clear()

    def _fail(self, error: DiskError) -> None:
        """What is found torn while the node runs ends it."""
        self.failed = True
        self._later(self._delay(), lambda: Failed(str(error)))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _replace(self, span: tuple[bytes, bytes], rows: list[Row]) -> None:
        self._changes += 1
        for head in list(self._rows.irange(*span, (True, False))):
            del self._rows[head]
        for head, tail, value in rows:
            assert value is not None, "a dump holds a row without a value"
            put_row(self._rows, head, tail, value)

    def _enqueue(self, batch: Batch) -> None:
        self._waiting.append(batch)
        if not self._flushing:
            self._begin()

    def _begin(self) -> None:
        """Begin a commit of several batches; one with an event of its own goes alone, the event is the answer."""
        waiting, flushing = self._waiting, self._flushing
        flushing.append(waiting.popleft())
        while (
            waiting
            and flushing[0].event is None
            and waiting[0].event is None
            and len(flushing) < BATCHES_PER_COMMIT_MAX
        ):
            flushing.append(waiting.popleft())
        self._later(self._delay(), self._finish)

    def _finish(self) -> Any:
        if not self._disk.room:
            self._later(SPACE_RETRY_SECONDS, self._finish)
            return None
        marks: dict[int, int] = {}
        batches, self._flushing = self._flushing, []
        for batch in batches:
            self._make_durable(batch)
            if batch.event is None and batch.index is not None:
                marks[batch.group] = batch.index
        if self._waiting:
            self._begin()
        return batches[-1].event or Flushed(tuple(marks.items()))

    def _make_durable(self, batch: Batch) -> None:
        disk = self._disk
        if batch.clear is not None:
            disk.clear(*batch.clear)
        for head, tail, value in batch.rows:
            if value is None:
                disk.delete(head, tail)
            else:
                disk.put(head, tail, value)
        if batch.event is None:
            self._not_durable -= len(batch.rows)
        for group, tombstone in batch.gone:
            disk.marks[group] = (0, tombstone)
        if batch.index is not None:
            mark = disk.marks.get(batch.group, (0, b""))[1] if batch.mark is None else batch.mark
            disk.marks[batch.group] = (batch.index, mark)
