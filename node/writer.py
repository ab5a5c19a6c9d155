"""The writer process of a node (`python -m node.writer`): the only writer of the state environment.

Owns the frames of the pipe, and commits: rows, the applied indexes that they bring about and the last frame's
sequence in one synced transaction (traps 4, 22). Does not own the form on disk (node/layout.py), the overlay or what
is sent again after a death (node/state.py, node/feed.py). A first error is told and ends the process (traps 23); a
full disk that has changed nothing is told, and tried again when the node says so. Read next: node/feed.py.
"""

import ctypes
import gc
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import lmdb

from node.codec import decode_plain, encode_plain
from node.errors import DiskError, Malformed
from node.layout import FORMAT, MAP_BYTES, Layout, pack
from node.space import Guard, refused
from node.whole import bind, expect_whole

ROWS_PER_COMMIT = 100_000
COMMIT_WANTED_SECONDS = 3.0  # from the first row gathered until the writer asks for the commit
READ_BYTES = 1 << 20
FRAME_HEADER_BYTES = 4

_PR_SET_PDEATHSIG = 1


class Order(IntEnum):
    """What the node asks; every order but CHUNK and AGAIN has a sequence in its second place."""

    ROWS = 1  # sequence, groups, indexes, marks, lengths of tails, keys, values
    COMMIT = 2  # sequence
    RESTORE = 3  # sequence, group, index, mark, first, last, gone groups, number of chunks that follow
    CHUNK = 4  # bytes
    FORGET = 5  # sequence, group, tombstone, span or None
    AGAIN = 6  # try what was refused, if anything was


class Answer(IntEnum):
    """What the writer says."""

    HELLO = 1  # sequence that the environment holds
    COMMITTED = 2  # sequence
    WANTED = 3  # rows have waited long enough
    FAILED = 4  # text
    FULL = 5  # text: a commit was refused and waits for AGAIN, and everything after it


# -- frames and chunks ---------------------------------------------------------------------------------------------


def frame(fields: tuple[Any, ...]) -> bytes:
    """The bytes of a frame: its length, then plain CBOR."""
    body = encode_plain(fields)
    return len(body).to_bytes(FRAME_HEADER_BYTES, "big") + body


class Splitter:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def take(self, received: bytes) -> list[tuple[Any, ...]]:
        """The frames that are whole now."""
        rest = self._rest
        rest += received
        frames = []
        place = 0
        while len(rest) - place >= FRAME_HEADER_BYTES:
            begin = place + FRAME_HEADER_BYTES
            end = begin + int.from_bytes(rest[place:begin], "big")
            if end > len(rest):
                break
            frames.append(decode_plain(bytes(rest[begin:end])))
            place = end
        del rest[:place]
        return frames


def encode_chunk(lengths: bytes, keys: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    """Rows of a snapshot as they travel: checksum, then the columns."""
    body = encode_plain((lengths, keys, values))
    return crc32(body).to_bytes(4, "big") + body


def decode_chunk(chunk: bytes, first: bytes, last: bytes) -> tuple[bytes, tuple[bytes, ...], tuple[bytes, ...]]:
    """The columns of `encode_chunk`. Raises `Malformed` if the checksum or the span is wrong."""
    body = chunk[4:]
    if crc32(body) != int.from_bytes(chunk[:4], "big"):
        raise Malformed(f"a snapshot chunk of {len(chunk)} bytes has a wrong checksum")
    lengths, keys, values = decode_plain(body)
    if not len(lengths) == len(keys) == len(values):
        raise Malformed("a snapshot chunk has columns of different lengths")
    if keys and not (first <= min(keys) and max(keys) < last):
        raise Malformed("a snapshot chunk has rows outside of its span")
    return lengths, keys, values


# -- commits -------------------------------------------------------------------------------------------------------


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


class Committer:
    """Gathers rows and commits them.

    1. The rows of one frame, and the marks in it, are in one transaction with the frame's sequence.
    2. Every commit is synced; the first error is raised and nothing is committed afterwards.
    3. A commit for which there was no room is kept in `_refused`, what comes after it in `_backlog`: order stays.
    """

    def __init__(self, path: str | Path, map_bytes: int = MAP_BYTES) -> None:
        known = expect_whole(Path(path), leaves=False)
        self._layout = Layout(path, readonly=False, map_bytes=map_bytes)
        self._environment = self._layout.environment
        flags = self._environment.flags()
        assert flags["sync"] and flags["metasync"] and not flags["writemap"], (
            "commits of the state are synced (traps 22)"
        )
        self._rows: dict[bytes, bytes | None] = {}
        self._indexes: dict[int, int] = {}
        self._marks: dict[int, bytes] = {}
        self._gathered = 0  # sequence of the last frame gathered, 0: nothing waits
        self._restoring: list[Any] = []
        self._refused: Callable[[], list[tuple[Any, ...]]] | None = None
        self._backlog: deque[tuple[Any, ...]] = deque()
        self._guard = Guard(Path(path) / "data.mdb")
        self.sequence = self._layout.sequence
        try:
            if self._layout.fresh:
                with self._environment.begin(write=True) as transaction:
                    transaction.put(b"f", FORMAT, db=self._layout.marks)
            bind(Path(path), known, self._environment, self._layout.marks)
        except (lmdb.Error, OSError) as error:
            raise DiskError(f"the state environment {path} cannot be made: {error}") from error

    @property
    def waiting(self) -> bool:
        """Whether something is gathered and not yet committed."""
        return self._gathered > 0

    def close(self) -> None:
        """Close the environment; what is gathered is dropped."""
        self._environment.close()
        self._guard.close()

    def take(self, order: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Carry one order out, or keep it while there is no room; the answers. Raises `DiskError` or `Malformed`: end.

        Its values are kept until they are committed.
        """
        again = order[0] == Order.AGAIN
        if self._refused is None:
            return [] if again else self._carry_out(order)
        if not again:
            self._backlog.append(order)
            return []
        act, self._refused = self._refused, None
        answers = self._commit(act)
        while self._backlog and self._refused is None:
            answers += self._carry_out(self._backlog.popleft())
        return answers

    def _carry_out(self, order: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._ORDERS[order[0]](self, *order[1:])

    def _commit(self, act: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        """Commit by `act`, which changes nothing here unless it succeeds."""
        path = self._environment.path()
        try:
            return act()
        except (lmdb.Error, OSError) as error:
            if not self._guard.harmless(error):
                raise DiskError(f"the state environment {path} refused a commit: {error}") from error
            self._refused = act
            return [(Answer.FULL, refused("state", path, error))]

    def _on_rows(
        self, sequence: int, groups: Sequence[int], indexes: Sequence[int], marks: Sequence[bytes | None],
        lengths: bytes, keys: Sequence[bytes], values: Sequence[bytes | None],
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        columns = zip(keys, lengths, values, strict=True)
        self._rows.update((key, None if value is None else pack(key, length, value)) for key, length, value in columns)
        self._indexes.update(zip(groups, indexes, strict=True))
        self._marks.update((group, mark) for group, mark in zip(groups, marks, strict=True) if mark is not None)
        self._gathered = sequence
        return self._on_commit(sequence) if len(self._rows) >= ROWS_PER_COMMIT else []

    def _on_commit(self, sequence: int) -> list[tuple[Any, ...]]:
        return self._commit(partial(self._commit_rows, sequence))

    def _commit_rows(self, sequence: int) -> list[tuple[Any, ...]]:
        with self._environment.begin(write=True) as transaction:
            self._put_rows(transaction)
            self._put_marks(transaction, sequence, self._indexes, self._marks)
        self._rows, self._indexes, self._marks, self._gathered = {}, {}, {}, 0
        return self._committed(sequence)

    def _put_rows(self, transaction: Any) -> None:
        rows = self._rows
        order = sorted(rows)
        cursor = transaction.cursor(db=self._layout.rows)
        puts = [(key, value) for key in order if (value := rows[key]) is not None]
        if len(puts) < len(order):
            for key in order:
                if rows[key] is None and cursor.set_key(key):
                    cursor.delete()
        cursor.putmulti(puts)

    def _put_marks(
        self,
        transaction: Any,
        sequence: int,
        indexes: dict[int, int],
        marks: dict[int, bytes],
    ) -> None:
        table = self._layout.marks
        for group, index in indexes.items():
            key = b"i" + _number(group)
            transaction.put(key, pack(key, 0, _number(index)), db=table)
        for group, mark in marks.items():
            key = b"m" + _number(group)
            transaction.put(key, pack(key, 0, mark), db=table)
        transaction.put(b"s", pack(b"s", 0, _number(sequence)), db=table)

    def _committed(self, sequence: int) -> list[tuple[Any, ...]]:
        assert sequence > self.sequence, "sequences rise from commit to commit"
        self.sequence = sequence
        return [(Answer.COMMITTED, sequence)]

    def _on_restore(self, *fields: Any) -> list[tuple[Any, ...]]:
        assert not self._restoring, "one restore at a time"
        assert not self.waiting, "the node closes the generation before a restore"
        self._restoring = [fields, []]
        return self._commit(self._restore) if fields[-1] == 0 else []

    def _on_chunk(self, chunk: bytes) -> list[tuple[Any, ...]]:
        fields, chunks = self._restoring
        chunks.append(chunk)
        return self._commit(self._restore) if len(chunks) == fields[-1] else []

    def _restore(self) -> list[tuple[Any, ...]]:
        (sequence, group, index, mark, first, last, gone, _), chunks = self._restoring
        with self._environment.begin(write=True) as transaction:
            cursor = transaction.cursor(db=self._layout.rows)
            _clear(cursor, first, last)
            for chunk in chunks:
                lengths, keys, values = decode_chunk(chunk, first, last)
                columns = zip(keys, lengths, values, strict=True)
                cursor.putmulti([(key, pack(key, length, value)) for key, length, value in columns])
            marks = dict(gone)
            self._put_marks(transaction, sequence, {group: index, **dict.fromkeys(marks, 0)}, {group: mark, **marks})
        self._restoring = []
        return self._committed(sequence)

    def _on_forget(self, *fields: Any) -> list[tuple[Any, ...]]:
        assert not self.waiting, "the node closes the generation before it forgets a group"
        return self._commit(partial(self._forget, *fields))

    def _forget(
        self, sequence: int, group: int, tombstone: bytes, span: tuple[bytes, bytes] | None
    ) -> list[tuple[Any, ...]]:
        with self._environment.begin(write=True) as transaction:
            if span is not None:
                _clear(transaction.cursor(db=self._layout.rows), *span)
            self._put_marks(transaction, sequence, {group: 0}, {group: tombstone})
        return self._committed(sequence)

    _ORDERS: dict[int, Callable[..., list[tuple[Any, ...]]]] = {  # noqa: RUF012 - never changed
        Order.ROWS: _on_rows,
        Order.COMMIT: _on_commit,
        Order.RESTORE: _on_restore,
        Order.CHUNK: _on_chunk,
        Order.FORGET: _on_forget,
    }


def _clear(cursor: Any, first: bytes, last: bytes) -> None:
    found = cursor.set_range(first)
    while found and cursor.key() < last:
        found = cursor.delete() and bool(cursor.key())


# -- the process ---------------------------------------------------------------------------------------------------


def start_child(module: str, arguments: Sequence[str], **pipes: Any) -> subprocess.Popen[bytes]:
    """Start `python -m module` with this very package, whatever the working directory holds under its name."""
    root = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = root if not inherited else os.pathsep.join((root, inherited))
    command = [sys.executable, "-P", "-m", module, *arguments]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, **pipes)


def start_writer(path: Path, lock: int) -> subprocess.Popen[bytes]:
    """Start a writer for this process; it holds the descriptor `lock` open as long as it lives."""
    arguments = (str(path), str(os.getpid()))
    pipe = subprocess.PIPE
    return start_child("node.writer", arguments, stdin=pipe, stdout=pipe, pass_fds=(lock,), bufsize=0)


def end_with_parent(parent: int) -> None:
    """End when the node's process ends, where the system can tell; ignore Ctrl-C, which reaches us too (traps 34).

    The kernel's signal comes when the *thread* that started us ends: so we look whether the process is still there.
    """

    def look(*_: Any) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, look)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGUSR1), 0, 0, 0)
    look()


def _say(answers: Iterable[tuple[Any, ...]]) -> None:
    for answer in answers:
        os.write(1, frame(answer))


def _serve(committer: Committer) -> None:
    """Carry orders out until the pipe ends. A timer asks for the commit of what has waited long enough."""
    splitter = Splitter()
    armed = False
    signal.signal(signal.SIGALRM, lambda *_: _say([(Answer.WANTED,)]))
    while received := os.read(0, READ_BYTES):
        for order in splitter.take(received):
            _say(committer.take(order))
            if committer.waiting != armed:
                armed = committer.waiting
                signal.setitimer(signal.ITIMER_REAL, COMMIT_WANTED_SECONDS if armed else 0)


def main(arguments: Sequence[str]) -> int:
    """`path parent`: serve the node `parent` with the environment in `path`. Returns the exit status."""
    path, parent = arguments
    end_with_parent(int(parent))
    gc.disable()  # no cycles here, and rows by the hundred thousand
    try:
        committer = Committer(path)
        _say([(Answer.HELLO, committer.sequence)])
        _serve(committer)
        committer.close()
    except BrokenPipeError:
        return 1  # the node is gone
    except (DiskError, Malformed) as error:
        _say([(Answer.FAILED, str(error))])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
