"""The applied rows of a node: an overlay in memory over an environment that only the writer process writes.

Owns reading (`View`: overlay shadows disk), batches, back-pressure and what becomes of acknowledgements: the whole
of `StatePort`. Does not own the overlay's order (node/overlay.py), the pipe (node/feed.py), commits (node/writer.py).
Nothing here blocks but start, `bootstrap` and `close`. Read next: node/writer.py.
"""

import os
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from node.config import OVERLAY_BYTES_MAX, OVERLAY_ROWS_MAX, SPACE_RETRY_SECONDS
from node.dump import NOTHING, Dump
from node.errors import DiskError, NodeError
from node.feed import Feed
from node.layout import Layout
from node.overlay import NOT_MET, ROW_BYTES
from node.ports import Dumped, Failed, Flushed, Restored
from node.reading import Reading
from node.space import Space
from node.writer import Answer, Order, frame

FLUSH_ROWS = 100_000  # a generation of this many rows is closed if the writer has nothing to commit
FRAME_ROWS = 1024  # rows gathered before they go into the pipe, unless the writer has none of them yet
RELEASE_ROWS = 2000  # given back per pump, 0.3 ms

_opened: "weakref.WeakSet[State]" = weakref.WeakSet()


class State(Reading):
    """The rows of one node (`StatePort`).

    1. A generation leaves only when the writer has acknowledged its last frame; the read transaction is given up in
       the same step, so no read falls between them.
    2. All of a generation's rows are sealed when it is closed.
    3. While the writer has no room, everything is kept; it is reminded until it has (`_remind_at`).
    """

    def __init__(self, path: str | Path, notify: Callable[[object], None]) -> None:
        """Open the folder `path`, made if missing, and start its writer; waits for an older writer to end.

        `notify` is told what happens outside of `pump`. Raises `DiskError`.
        """
        super().__init__()
        self._notify = notify
        self._path = Path(path)
        self.space = Space(self._path)
        self._remind_at = float("inf")
        self._wanted = False
        self._keys: list[bytes] = []
        self._values: list[bytes | None] = []
        self._lengths = bytearray()
        self._groups: list[int] = []
        self._indexes: list[int] = []
        self._group_marks: list[bytes | None] = []
        self._sealed = 0  # how many of the rows in `_keys` are sealed
        self._load = 0.0
        self._pumps = 0
        self._fed = False  # the writer holds rows of the newest generation, so it will ask for their commit
        self._awaited: deque[tuple[int, Flushed | Restored | None]] = deque()  # None: a generation's end
        self._dumps: deque[Dump] = deque()  # the first one runs
        try:
            self._path.mkdir(mode=0o700, exist_ok=True)
            self._feed = Feed(self._path)
        except OSError as error:
            raise DiskError(f"the state environment {self._path} cannot be opened: {error}") from error
        try:
            self._sequence = self._greet()
            self._layout = Layout(self._path, readonly=True)
            self._marks = self._layout.read_marks()
        except BaseException:
            self._feed.close()
            raise
        _opened.add(self)

    def _greet(self) -> int:
        """Wait for the writer's first word: it makes a fresh environment."""
        while True:
            for answer in self._feed.pump(wait=True):
                if answer[0] == Answer.FAILED:
                    raise DiskError(str(answer[1]))
                return int(answer[1])

    # -- View: writing, and batches -----------------------------------------------------------------------------

    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        """Write one row. Only from inside `Machine.apply`. Raises ValueError for a tail longer than 255 bytes."""
        self._lengths.append(len(tail))
        self._keys.append(self.write(head, tail, value))
        self._values.append(value)

    def delete(self, head: bytes, tail: bytes) -> None:
        """Remove one row, if it is there. Only from inside `Machine.apply`."""
        self._lengths.append(len(tail))
        self._keys.append(self.write(head, tail, None))
        self._values.append(None)

    def seal(self, group: int, index: int, mark: bytes | None) -> None:
        """The rows put since the last seal belong to `group` and bring it to `index`; `mark` None: unchanged."""
        self._groups.append(group)
        self._indexes.append(index)
        self._group_marks.append(mark)
        self._sealed = len(self._keys)
        self._newest.marks[group] = index

    def load(self) -> float:
        """How full the overlay is, 0 to 1 (or more, if rows went on coming), but for the rows of the last frame."""
        return self._load

    def _weigh(self) -> None:
        rows = self.row_count()
        # The frames that are kept hold keys and values once more.
        size = 2 * self._feed.kept_bytes + ROW_BYTES * rows
        self._load = max(rows / OVERLAY_ROWS_MAX, size / OVERLAY_BYTES_MAX)

    def marks(self) -> dict[int, tuple[int, bytes]]:
        """As they were when this was opened: group -> (durable applied index, mark)."""
        return dict(self._marks)

    # -- the writer ---------------------------------------------------------------------------------------------

    def filenos(self) -> tuple[int, ...]:
        """Descriptors to watch for reading (ask again after each `pump`)."""
        if self._failed:
            return ()
        running = (self._dumps[0].fileno(),) if self._dumps else ()
        return (self._feed.filenos()[0], *running)

    def wants_write(self) -> bool:
        """Whether something waits for room in the pipe: then watch `write_fileno` for writing, and `pump`."""
        return not self._failed and self._feed.wants_write()

    def write_fileno(self) -> int:
        """The descriptor of the writer's pipe (ask again after each `pump`)."""
        return self._feed.filenos()[1]

    def pump(self) -> list[Any]:
        """Move what moves without blocking; returns events. Call it after each step and when a descriptor is ready."""
        if self._failed or self._quiet():
            return []
        return self._move(wait=False)

    def _quiet(self) -> bool:
        """Nothing to send or to give back; then only every eighth pump looks for answers, which are rare."""
        self._pumps += 1
        return bool(
            self._pumps & 7
            and (not self._groups or (self._fed and len(self._keys) < FRAME_ROWS))
            and not (self._wanted or self._dumps or self._retired or self._feed.wants_write() or self.space.refused)
        )

    def _move(self, wait: bool) -> list[Any]:
        events: list[Any] = []
        try:
            self._feed_rows()
            if self.space.refused and self.space.now() >= self._remind_at:
                self._remind_at = float("inf")  # its answer sets it anew
                self._feed.remind()
            for answer in self._feed.pump(wait):
                self._on_answer(answer, events)
            if self._dumps:
                self._look_at_dumps(events)
        except (NodeError, OSError) as error:
            self._fail(str(error), events)
        self.release(RELEASE_ROWS)
        return events

    def _fail(self, what: str, events: list[Any]) -> None:
        self._failed = what
        events.append(Failed(what))

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _feed_rows(self) -> None:
        if self._groups and (len(self._keys) >= FRAME_ROWS or not self._fed):
            self._encode()
        if (self._wanted or self.newest_rows() >= FLUSH_ROWS) and self.generations() == 1:
            self._close_newest()

    def _encode(self) -> None:
        """Put the sealed rows into a frame."""
        assert self._sealed == len(self._keys), "rows are sealed in the step that puts them"
        sequence = self._next()
        self._feed.push(
            sequence,
            frame(
                (
                    Order.ROWS, sequence, self._groups, self._indexes, self._group_marks,
                    bytes(self._lengths), self._keys, self._values,
                )
            ),
        )  # fmt: skip
        for column in (self._groups, self._indexes, self._group_marks, self._keys, self._values, self._lengths):
            column.clear()
        self._sealed = 0
        self._fed = True
        self._weigh()

    def _close_newest(self) -> None:
        """End the newest generation, if there is anything in it, and have it committed."""
        self._wanted = False
        self._met = NOT_MET  # what comes next may change rows below
        if self._groups:
            self._encode()
        if not self._newest.marks:
            return
        sequence = self._next()
        self._feed.push(sequence, frame((Order.COMMIT, sequence)))
        self._awaited.append((sequence, None))
        self.close_generation(sequence)
        self._fed = False

    def _on_answer(self, answer: tuple[Any, ...], events: list[Any]) -> None:
        if answer[0] == Answer.FAILED:
            self._fail(str(answer[1]), events)
        elif answer[0] == Answer.FULL:
            self.space.refused = str(answer[1])
            self._remind_at = self.space.now() + SPACE_RETRY_SECONDS
        elif answer[0] == Answer.WANTED:
            self._wanted = True
            self._feed_rows()
        else:  # HELLO of a new writer, or COMMITTED: the environment holds everything up to this sequence
            self._on_durable(answer[1], events)

    def _on_durable(self, sequence: int, events: list[Any]) -> None:
        self.space.refused = ""
        self._renew()
        while self._awaited and self._awaited[0][0] <= sequence:
            event = self._awaited.popleft()[1]
            events.append(Flushed(tuple(self.retire().marks.items())) if event is None else event)
        self._weigh()
        self._feed_rows()

    def flush(self) -> None:
        """Have everything that is sealed committed now, not only when it is worth a commit."""
        self._close_newest()

    def wait_flushed(self) -> list[Any]:
        """Flush and block until all of it is durable. Returns the events; raises `DiskError`, also for a full disk."""
        events: list[Any] = []
        self.flush()
        while self._awaited and not (self._failed or self.space.refused):
            events += self._move(wait=True)
        if self._awaited:
            raise DiskError(self._failed or self.space.refused)
        return events

    def bootstrap(self, rows: Iterable[tuple[bytes, bytes, bytes]], marks: Mapping[int, tuple[int, bytes]]) -> None:
        """The first write of a fresh directory: (head, tail, value) rows and marks in one commit; blocks."""
        assert marks, "rows belong to groups"
        for head, tail, value in rows:
            self.put(head, tail, value)
        for group, (index, mark) in marks.items():
            self.seal(group, index, mark)
        self.wait_flushed()
        self._marks.update(marks)

    # -- snapshots ----------------------------------------------------------------------------------------------

    def restore(
        self, group: int, index: int, mark: bytes, first: bytes, last: bytes, chunks: Sequence[bytes],
        gone: Sequence[tuple[int, bytes]] = (),
    ) -> None:  # fmt: skip
        """Replace the rows of a span and the mark of a group, and put the tombstones of `gone`, in one commit."""
        self._close_newest()
        sequence = self._next()
        order = (Order.RESTORE, sequence, group, index, mark, first, last, tuple(gone), len(chunks))
        self._feed.push(sequence, frame(order))
        for chunk in chunks:
            self._feed.push(sequence, frame((Order.CHUNK, chunk)))
        self._awaited.append((sequence, Restored(group)))

    def forget(self, group: int, tombstone: bytes, span: tuple[bytes, bytes] | None) -> None:
        """Remove a group's rows and set its mark to a tombstone, its index to 0; `Flushed` says when, with that 0."""
        self._close_newest()
        sequence = self._next()
        self._feed.push(sequence, frame((Order.FORGET, sequence, group, tombstone, span)))
        self._awaited.append((sequence, Flushed(((group, 0),))))

    def dump(self, ticket: int, group: int, first: bytes, last: bytes) -> None:
        """Copy the rows of a span, as durable, and the group's mark aside; `Dumped` follows. One at a time runs."""
        self._dumps.append(Dump(self._path, ticket, group, first, last))
        if len(self._dumps) == 1:
            self._start_dump()

    def _start_dump(self) -> None:
        """Start the next one; one for which there is no room, of whatever kind, is told as done with nothing."""
        while self._dumps:
            try:
                self._dumps[0].start()
                return
            except OSError:
                self._notify(Dumped(self._dumps.popleft().ticket, *NOTHING))

    def _look_at_dumps(self, events: list[Any]) -> None:
        try:
            found = self._dumps[0].look()
        except OSError:  # it was killed, and could not be started again
            found = NOTHING
        except DiskError:
            self._dumps.popleft()
            raise
        if found is None:
            return
        dump = self._dumps.popleft()
        index, mark, chunks = found
        events.append(Dumped(dump.ticket, index, mark, chunks))
        self._start_dump()

    # -- the end ------------------------------------------------------------------------------------------------

    def close(self, flush: bool = True) -> None:
        """End the writer; with `flush`, after everything sealed is durable (else the journal still has it).

        A full disk is no reason to wait, nor an error: the journal has it.
        """
        try:
            if flush and not self._failed and not self.space.refused:
                self.wait_flushed()
        except DiskError:
            if self._failed:
                raise
        finally:
            _opened.discard(self)
            for dump in self._dumps:
                dump.cancel()
            self._dumps.clear()
            self._renew()
            if self._layout is not None:
                self._layout.environment.close()
            self._feed.close()

    def _poison(self) -> None:
        """In a forked child: the state belongs to the parent (traps 26)."""
        self._failed = f"this process is a fork of the node that owns {self._path}: it must not touch the state"
        self._transaction = self._cursor = None
        self._layers = ()
        self._feed.close_in_child()


def _poison_all() -> None:
    for state in list(_opened):
        state._poison()


os.register_at_fork(after_in_child=_poison_all)
