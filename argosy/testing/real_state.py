"""The real state of a simulated node, its writer process included, with a simulated one beside it that knows better.

Owns `RealState`. Simulated time decides when a generation of rows ends, when it is durable, and what a crash loses;
the writer gets no order to commit before, and the world waits for what it answers. So each read, each event, each
dump, and what is there after a crash, is known, and is compared. Does not own the real files (node/state.py).
Read next: argosy/testing/files.py.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from signal import SIGKILL
from typing import Any

from argosy.testing.disk import Delay, Disk, Later
from argosy.testing.linear import Violation
from argosy.testing.rows import HEADS_END, Batch
from argosy.testing.safety import Safety, WatchedState
from node.codec import encode_plain
from node.feed import Feed
from node.ports import Dumped, Failed, Flushed, Restored
from node.state import State
from node.writer import FRAME_HEADER_BYTES, Answer, Order, decode_chunk

GATHER_FACTOR = 10.0  # how much longer rows gather than a commit of them takes
WRITER_DIES = 0.05  # of the commits: the writer is killed within, and another one goes on
Kept = tuple[bytes, bytes, bytes]


class Gate:
    """Stands before a `Feed`: rows pass, an order that makes the writer commit waits, and so does what follows it."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._held: deque[tuple[int, bytes]] = deque()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feed, name)

    def push(self, sequence: int, sent: bytes) -> None:
        """As `Feed.push`."""
        self._held.append((sequence, sent))
        if len(self._held) == 1:
            self._let_pass((Order.ROWS,))

    def open(self) -> None:
        """Let one commit through, and the rows after it."""
        self._feed.push(*self._held.popleft())
        self._let_pass((Order.CHUNK,))
        self._let_pass((Order.ROWS,))

    def _let_pass(self, orders: tuple[Order, ...]) -> None:
        while self._held and self._held[0][1][FRAME_HEADER_BYTES + 1] in orders:  # an array's head, then a small number
            self._feed.push(*self._held.popleft())


class GatedState(State):
    """A `State` that commits when it is told to, never by the real time that has passed."""

    def __init__(self, path: Path, first: Disk) -> None:
        """If the folder is new, it begins with what the disk `first` holds."""
        self._told: list[Any] = []
        fresh = not path.exists()
        super().__init__(path, self._told.append)
        if fresh and first.marks:
            self.bootstrap(_rows_of(first), first.marks)
        self._gate = Gate(self._feed)
        self._feed = self._gate  # type: ignore[assignment]

    def _on_answer(self, answer: tuple[Any, ...], events: list[Any]) -> None:
        if answer[0] != Answer.WANTED:
            super()._on_answer(answer, events)

    def move(self) -> None:
        """Nothing must come of it."""
        self._expect_none([*self.pump(), *self._told])

    def commit(self, writer_dies: bool) -> Any:
        """Carry out the oldest commit that waits; what is told of it."""
        self._gate.open()
        events = self.pump()
        if writer_dies and not events:
            self.kill_writer()
        while not events:
            events = self._move(wait=True)
        self._expect_none(events[1:])
        return events[0]

    def copied(self) -> Any:
        """Wait for the dump that runs; what is told of it."""
        events: list[Any] = []
        while not events:
            os.set_blocking(self._dumps[0].fileno(), True)
            events = self.pump()
        self._expect_none(events[1:])
        return events[0]

    def kill_writer(self) -> None:
        """As memory that is short does."""
        os.kill(self._gate.process, SIGKILL)

    def _expect_none(self, events: Sequence[Any]) -> None:
        if events:
            raise Violation(f"the state {self._path} says {events}, and nothing was asked of it")


@dataclass(slots=True)
class Counts:
    """What was done with real files: comparisons after a start, commits and dumps of states, deaths of writers."""

    recovered: int = 0
    commits: int = 0
    dumps: int = 0
    writers: int = 0


class RealState(WatchedState):
    """A `WatchedState` beside a `State` in the folder `path`, from which the host reads.

    1. `_gathered` are the batches of the real one's newest generation; each list in `_commits`, and `_flushing`, is one
       order behind the gate, in order.
    2. Whatever is read is read from both.
    """

    def __init__(
        self, node: int, safety: Safety, disk: Disk, later: Later, delay: Delay, path: Path, chance: Random,
        counts: Counts,
    ) -> None:  # fmt: skip
        super().__init__(node, safety, disk, later, delay)
        self._gathered: list[Batch] = []
        self._generation = 0
        self._left = False
        self._commits: deque[list[Batch]] = deque()
        self._chance = chance
        self._counts = counts
        self._real = GatedState(path, disk)
        try:
            self._compare()
        except BaseException:
            self.leave()
            raise

    def _compare(self) -> None:
        """What the real one holds must be durable, and all that is. Raises `DiskError` if it is torn."""
        marks, rows = self._real.marks(), sorted(self._real.scan(b"", HEADS_END))
        if marks != self._disk.marks:
            raise Violation(f"the state of node {self._node} is at {marks}, not at {self._disk.marks}")
        if rows != sorted(_rows_of(self._disk)):
            raise Violation(f"the state of node {self._node} holds other rows than it was told to make durable")
        self._counts.recovered += 1

    # -- View ------------------------------------------------------------------------------------------------------

    def get(self, head: bytes, tail: bytes) -> bytes | None:
        """The value of one row, or None."""
        found, expected = self._real.get(head, tail), super().get(head, tail)
        if found != expected:
            raise Violation(f"the state of node {self._node} reads {found!r} at {head!r} {tail!r}, not {expected!r}")
        return found

    def rows(self, head: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The rows of one head from a tail on."""
        return self._both(self._real.rows(head, start), super().rows(head, start))

    def first(self, head: bytes) -> tuple[bytes, bytes] | None:
        """The first row of one head, or None."""
        found, expected = self._real.first(head), next(super().rows(head), None)
        if found != expected:
            raise Violation(f"the state of node {self._node} reads {found!r} first of {head!r}, not {expected!r}")
        return found

    def scan(self, first: bytes, last: bytes, reverse: bool = False) -> Iterator[Kept]:
        """The rows of the heads first <= head < last; heads descend if `reverse`, tails always ascend."""
        return self._both(self._real.scan(first, last, reverse), super().scan(first, last, reverse))

    def _both(self, real: Iterator[Any], simulated: Iterator[Any]) -> Iterator[Any]:
        """One row after another, as long as both have the same ones."""
        for found in real:
            expected = next(simulated, None)
            if found != expected:
                raise Violation(f"the state of node {self._node} reads the row {found}, not {expected}")
            yield found
        expected = next(simulated, None)
        if expected is not None:
            raise Violation(f"the state of node {self._node} does not read the row {expected}")

    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        """Write one row."""
        super().put(head, tail, value)
        self._real.put(head, tail, value)

    def delete(self, head: bytes, tail: bytes) -> None:
        """Remove one row."""
        super().delete(head, tail)
        self._real.delete(head, tail)

    # -- StatePort -------------------------------------------------------------------------------------------------

    def seal(self, group: int, index: int, mark: bytes | None) -> None:
        """One more batch of the newest generation; the writer gets its rows, and gathers them."""
        super().seal(group, index, mark)
        self._real.seal(group, index, mark)
        self._real.move()

    def flush(self) -> None:
        """End the newest generation."""
        if self._gathered:
            self._real.flush()
            self._close()

    def load(self) -> float:
        """By the real one's word."""
        return self._real.load()

    def dump(self, ticket: int, group: int, first: bytes, last: bytes) -> None:
        """The real one's copy, made at once, while nothing is committed; `Dumped` follows."""
        index, mark = self._disk.marks.get(group, (0, b""))
        expected = sorted(row for row in _rows_of(self._disk) if first <= row[0] < last)
        self._real.dump(ticket, group, first, last)
        event = self._real.copied()
        if type(event) is not Dumped or (event.ticket, event.index, event.mark) != (ticket, index, mark):
            raise Violation(f"the dump {ticket} of group {group} at node {self._node} is {event}, not at {index}")
        if sorted(_rows_in(event.chunks, first, last)) != expected:
            raise Violation(
                f"the dump {ticket} of group {group} at node {self._node} holds other rows than are durable"
            )
        self._counts.dumps += 1
        self._later(self._delay(), lambda: event)

    def restore(
        self, group: int, index: int, mark: bytes, first: bytes, last: bytes, chunks: Sequence[bytes],
        gone: Sequence[tuple[int, bytes]] = (),
    ) -> None:  # fmt: skip
        """A commit of its own."""
        self.flush()
        known = [encode_plain(tuple(_rows_in(chunks, first, last)))]
        super().restore(group, index, mark, first, last, known, gone)
        self._real.restore(group, index, mark, first, last, chunks, gone)
        self._close()

    def forget(self, group: int, tombstone: bytes, span: tuple[bytes, bytes] | None) -> None:
        """A commit of its own."""
        self.flush()
        super().forget(group, tombstone, span)
        self._real.forget(group, tombstone, span)
        self._close()

    def crash(self, survive: Callable[[int], int]) -> None:
        """The first of the commits that wait may still be made; then the writer is killed."""
        commits = [*([self._flushing] if self._flushing else ()), *self._commits]
        for batches in commits[: survive(len(commits))]:
            self._commit(batches)
        self._flushing = []
        self._commits.clear()
        self.leave()

    def leave(self) -> None:
        """Kill the writer; what it gathered is lost."""
        if not self._left:
            self._left = True
            self._real.kill_writer()
            self._real.close(flush=False)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _enqueue(self, batch: Batch) -> None:
        if not self._gathered:
            self._generation += 1
            generation = self._generation
            self._later(GATHER_FACTOR * self._delay(), lambda: self._ripe(generation))
        self._gathered.append(batch)

    def _ripe(self, generation: int) -> None:
        if generation == self._generation:
            self.flush()

    def _close(self) -> None:
        """The real one has ended its newest generation."""
        self._commits.append(self._gathered)
        self._gathered = []
        if not self._flushing:
            self._begin()

    def _begin(self) -> None:
        self._flushing = self._commits.popleft()
        self._later(self._delay(), self._finish)

    def _finish(self) -> Any:
        batches, self._flushing = self._flushing, []
        event = self._commit(batches)
        if self._commits:
            self._begin()
        return event

    def _commit(self, batches: list[Batch]) -> Flushed | Restored:
        """Have the real one make them durable, and wait for its word."""
        dies = self._chance.random() < WRITER_DIES
        event = self._real.commit(dies)
        self._counts.commits += 1
        self._counts.writers += dies
        marks = {batch.group: batch.index for batch in batches}
        expected = batches[-1].event
        if type(event) is Failed or (event != expected if expected else dict(event.marks) != marks):
            raise Violation(f"the state of node {self._node} says {event}, not {expected or marks}")
        for batch in batches:
            self._make_durable(batch)
        known: Flushed | Restored = event
        return known


def _rows_of(disk: Disk) -> Iterator[Kept]:
    for head, columns in disk.rows.items():
        for tail, value in zip(*columns, strict=True):
            yield head, tail, value


def _rows_in(chunks: Sequence[bytes], first: bytes, last: bytes) -> Iterator[Kept]:
    """The rows of the chunks of a real dump."""
    for chunk in chunks:
        for length, key, value in zip(*decode_chunk(chunk, first, last), strict=True):
            size = len(key) - length
            yield key[:size], key[size:], value
