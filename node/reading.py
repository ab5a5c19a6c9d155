"""Reading the applied rows of a node: the overlay above, the disk's rows below.

Owns `Reading`, the reading half of `View`, and its one read transaction. Does not own writing, nor when rows move
from above to below (node/state.py). Iterators are used up within the step that made them. Read next: node/state.py.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from node.errors import DiskError
from node.layout import UNREADABLE, Layout, torn, unpack
from node.overlay import TAIL_END, Overlay

_ABSENT: Any = object()


class Reading(Overlay):
    """An overlay over a disk.

    1. A read looks at the generations from the newest to the oldest, then at the disk; a deletion shadows.
    2. There is one read transaction, begun by the first read and given up at each commit of the writer (traps 25).
    """

    def __init__(self) -> None:
        super().__init__()
        self._path = Path()
        self._layout: Layout | None = None
        self._failed = ""
        self._transaction: Any = None
        self._cursor: Any = None

    def _begin(self) -> Any:
        if self._failed:
            raise DiskError(self._failed)
        assert self._layout is not None, "the state is open"
        self._transaction = self._layout.environment.begin(db=self._layout.rows)
        self._cursor = self._transaction.cursor()
        return self._cursor

    def _renew(self) -> None:
        if self._transaction is not None:
            self._transaction.abort()
            self._transaction = self._cursor = None

    def get(self, head: bytes, tail: bytes) -> bytes | None:
        """The value of one row, or None."""
        key = head + tail
        for layer in self._layers:
            value = layer.rows.get(key, _ABSENT)
            if value is not _ABSENT:
                return value  # type: ignore[no-any-return]
        if self._transaction is None:
            self._begin()
        try:
            stored = self._transaction.get(key)
        except UNREADABLE as error:
            raise torn(self._path, error) from error
        return None if stored is None else unpack(key, stored, self._path)

    def rows(self, head: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """(tail, value) of every row of this head whose tail is at or after `start`, tails ascending."""
        newest = self._newest
        if head in newest.tails:
            bound = newest.below.get(head)
            if bound is not None and not start:
                return self._above(head, bound)
            return self.over(head, start, self._disk_rows(head, start))
        if len(self._layers) > 1 and any(head in layer.tails for layer in self._layers):
            found = self.over(head, start, self._disk_rows(head, start))
            first = next(found, None)
        else:
            first = self._disk_row(head, start)
            found = self._disk_rest(head, first[0]) if first is not None else iter(())
        if not start:
            self._met = (head, TAIL_END if first is None else first[0])
        return iter(()) if first is None else chain((first,), found)

    def first(self, head: bytes) -> tuple[bytes, bytes] | None:
        """The first row of this head, or None."""
        for layer in self._layers:
            tails = layer.tails.get(head)
            if tails is None:
                continue
            tail = tails if isinstance(tails, bytes) else tails[-1]
            value = layer.rows[head + tail]
            if value is None or tail >= layer.below.get(head, b""):
                return next(self.rows(head), None)
            found: tuple[bytes, bytes] | None = (tail, value)
            break
        else:
            found = self._disk_row(head, b"")
        self._met = (head, TAIL_END if found is None else found[0])
        return found

    def _above(self, head: bytes, bound: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All rows of a head, below whose newest generation nothing lies before the tail `bound`."""
        rows, tails = self._newest.rows, self._newest.tails[head]
        for tail in (tails,) if isinstance(tails, bytes) else reversed(tails):
            if tail >= bound:
                break
            value = rows[head + tail]
            if tail < bound and value is not None:
                yield tail, value
        if bound is not TAIL_END:
            yield from self.over(head, bound, self._disk_rows(head, bound))

    def _disk_row(self, head: bytes, start: bytes) -> tuple[bytes, bytes] | None:
        """The first row of a head on disk whose tail is at or after `start`: most callers want no more."""
        try:
            cursor = self._cursor or self._begin()
            if not cursor.set_range(head + start):
                return None
            key, stored = cursor.item()
        except UNREADABLE as error:
            raise torn(self._path, error) from error
        return (key[len(head) :], unpack(key, stored, self._path)) if key.startswith(head) else None

    def _disk_rest(self, head: bytes, tail: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The rows that follow the one with this tail, by a cursor of their own."""
        size = len(head)
        try:
            cursor = self._transaction.cursor()
            cursor.set_key(head + tail)
            following = cursor.iternext()
            next(following)
            for key, stored in following:
                if not key.startswith(head):
                    return
                yield key[size:], unpack(key, stored, self._path)
        except UNREADABLE as error:
            raise torn(self._path, error) from error

    def _disk_rows(self, head: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        first = self._disk_row(head, start)
        if first is not None:
            yield first
            yield from self._disk_rest(head, first[0])

    def scan(self, first: bytes, last: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes, bytes]]:
        """(head, tail, value) with first <= head < last; heads descend if `reverse`, tails always ascend."""
        return self._scan_down(first, last) if reverse else self._scan_up(first, last)

    def _scan_up(self, first: bytes, last: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
        disk = self._disk_up(first, last)
        row = next(disk, None)
        for head in self.heads(first, last):
            while row is not None and row[0] < head:
                yield row
                row = next(disk, None)
            below: Iterator[tuple[bytes, bytes]] = iter(())
            if row is not None and row[0] == head:
                below = self._disk_rows(head, b"")
            for tail, value in self.over(head, b"", below):
                yield head, tail, value
            while row is not None and row[0] == head:
                row = next(disk, None)
        if row is not None:
            yield row
            yield from disk

    def _disk_up(self, first: bytes, last: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
        try:
            if self._transaction is None:
                self._begin()
            cursor = self._transaction.cursor()
            if not cursor.set_range(first):
                return
            for key, stored in cursor.iternext():
                if key >= last:
                    return
                size = len(key) - stored[0]
                yield key[:size], key[size:], unpack(key, stored, self._path)
        except UNREADABLE as error:
            raise torn(self._path, error) from error

    def _scan_down(self, first: bytes, last: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
        disk = self._disk_down(first, last)
        found = next(disk, None)
        for head in self.heads_down(first, last):
            while found is not None and found[0] > head:
                yield from ((found[0], tail, value) for tail, value in found[1])
                found = next(disk, None)
            below: list[tuple[bytes, bytes]] = []
            if found is not None and found[0] == head:
                below = found[1]
                found = next(disk, None)
            for tail, value in self.over(head, b"", iter(below)):
                yield head, tail, value
        while found is not None:
            yield from ((found[0], tail, value) for tail, value in found[1])
            found = next(disk, None)

    def _disk_down(self, first: bytes, last: bytes) -> Iterator[tuple[bytes, list[tuple[bytes, bytes]]]]:
        """(head, its rows with tails ascending), heads descending."""
        try:
            if self._transaction is None:
                self._begin()
            cursor = self._transaction.cursor()
            if not (cursor.prev() if cursor.set_range(last) else cursor.last()):
                return
            head: bytes | None = None
            rows: list[tuple[bytes, bytes]] = []
            for key, stored in cursor.iterprev():
                size = len(key) - stored[0]
                if key[:size] != head:
                    if head is not None:
                        yield head, rows[::-1]
                    head, rows = key[:size], []
                    if head < first:
                        return
                rows.append((key[size:], unpack(key, stored, self._path)))
            if head is not None:
                yield head, rows[::-1]
        except UNREADABLE as error:
            raise torn(self._path, error) from error
