"""The writer process of a node (`python -m node.writer`): the only writer of the state environment.

Owns the environment's form on disk, the frames of the pipe, and commits: rows, the applied indexes that they bring
about and the last frame's sequence in one synced transaction (traps 4, 22). Does not own the overlay or what is
sent again after a death (node/state.py, node/feed.py). A first error is told and ends the process (traps 23).
Read next: node/feed.py.
"""

import ctypes
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any
from zlib import crc32

import lmdb

from node.codec import decode_plain, encode_plain
from node.errors import DiskError, Malformed

MAP_BYTES = 1 << 40  # sparse: only pages in use take room (traps 24)
ROWS_PER_COMMIT = 100_000
COMMIT_WANTED_SECONDS = 0.5  # from the first row gathered until the writer asks for the commit
READ_BYTES = 1 << 20
FRAME_HEADER_BYTES = 4
FORMAT = b"argosy state 1"
TAIL_BYTES_MAX = 255

_LENGTHS = [bytes((length,)) for length in range(TAIL_BYTES_MAX + 1)]
_PR_SET_PDEATHSIG = 1


class Order(IntEnum):
    """What the node asks; every order but CHUNK has a sequence in its second place."""

    ROWS = 1  # sequence, groups, indexes, marks, lengths of tails, keys, values
    COMMIT = 2  # sequence
    RESTORE = 3  # sequence, group, index, mark, first, last, gone groups, number of chunks that follow
    CHUNK = 4  # bytes
    FORGET = 5  # sequence, group, tombstone, span or None


class Answer(IntEnum):
    """What the writer says."""

    HELLO = 1  # sequence that the environment holds
    COMMITTED = 2  # sequence
    WANTED = 3  # rows have waited long enough
    FAILED = 4  # text


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


# -- the environment -----------------------------------------------------------------------------------------------


class Layout:
    """The state environment's two maps: `rows` (head + tail -> length of the tail, value) and `marks`.

    In `marks`: b"f" -> format, b"s" -> the last sequence made durable, b"i" + group -> applied index,
    b"m" + group -> mark.
    """

    def __init__(self, path: str | Path, readonly: bool, map_bytes: int = MAP_BYTES) -> None:
        try:
            self.environment = lmdb.open(
                str(path), map_size=map_bytes, max_dbs=2, mode=0o600, readonly=readonly, create=False,
                readahead=False, max_spare_txns=1,
            )  # fmt: skip
        except lmdb.Error as error:
            raise DiskError(f"the state environment {path} does not open: {error}") from error
        self.environment.reader_check()
        try:
            self.rows = self.environment.open_db(b"rows", create=not readonly)
            self.marks = self.environment.open_db(b"marks", create=not readonly)
            with self.environment.begin() as transaction:
                found = transaction.get(b"f", db=self.marks)
                last = transaction.get(b"s", b"", db=self.marks)
                if found is None and transaction.stat(db=self.rows)["entries"]:
                    found = b"without a name"
        except lmdb.Error as error:
            self.environment.close()
            raise DiskError(f"the state environment {path} cannot be read: {error}") from error
        self.fresh = found is None
        self.sequence = int.from_bytes(last, "big")
        if found not in (None, FORMAT):
            self.environment.close()
            raise DiskError(f"the state environment {path} has the form {found!r}; this version knows {FORMAT!r}")

    def read_marks(self) -> dict[int, tuple[int, bytes]]:
        """Group -> (applied index, mark)."""
        with self.environment.begin(db=self.marks) as transaction:
            found = dict(iter(transaction.cursor()))
        return {
            int.from_bytes(key[1:], "big"): (int.from_bytes(index, "big"), found.get(b"m" + key[1:], b""))
            for key, index in found.items()
            if key[:1] == b"i"
        }


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


class Committer:
    """Gathers rows and commits them.

    1. The rows of one frame, and the marks in it, are in one transaction with the frame's sequence.
    2. Every commit is synced; the first error is raised and nothing is committed afterwards.
    """

    def __init__(self, path: str | Path, map_bytes: int = MAP_BYTES) -> None:
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
        self.sequence = self._layout.sequence
        if self._layout.fresh:
            with self._environment.begin(write=True) as transaction:
                transaction.put(b"f", FORMAT, db=self._layout.marks)

    @property
    def waiting(self) -> bool:
        """Whether something is gathered and not yet committed."""
        return self._gathered > 0

    def close(self) -> None:
        """Close the environment; what is gathered is dropped."""
        self._environment.close()

    def take(self, order: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Carry one order out; returns the answers. Raises `DiskError` or `Malformed`: then end."""
        try:
            return self._ORDERS[order[0]](self, *order[1:])
        except (lmdb.Error, OSError) as error:
            raise DiskError(f"the state environment {self._environment.path()} refused a commit: {error}") from error

    def _on_rows(
        self, sequence: int, groups: Sequence[int], indexes: Sequence[int], marks: Sequence[bytes | None],
        lengths: bytes, keys: Sequence[bytes], values: Sequence[bytes | None],
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        prefixes = _LENGTHS
        self._rows.update(
            zip(
                keys,
                [
                    None if value is None else prefixes[length] + value
                    for length, value in zip(lengths, values, strict=True)
                ],
                strict=True,
            )
        )
        self._indexes.update(zip(groups, indexes, strict=True))
        self._marks.update((group, mark) for group, mark in zip(groups, marks, strict=True) if mark is not None)
        self._gathered = sequence
        return self._on_commit(sequence) if len(self._rows) >= ROWS_PER_COMMIT else []

    def _on_commit(self, sequence: int) -> list[tuple[Any, ...]]:
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
        gone: Sequence[int] = (),
    ) -> None:
        table = self._layout.marks
        for group in gone:
            transaction.delete(b"i" + _number(group), db=table)
            transaction.delete(b"m" + _number(group), db=table)
        for group, index in indexes.items():
            transaction.put(b"i" + _number(group), _number(index), db=table)
        for group, mark in marks.items():
            transaction.put(b"m" + _number(group), mark, db=table)
        transaction.put(b"s", _number(sequence), db=table)

    def _committed(self, sequence: int) -> list[tuple[Any, ...]]:
        assert sequence > self.sequence, "sequences rise from commit to commit"
        self.sequence = sequence
        return [(Answer.COMMITTED, sequence)]

    def _on_restore(self, *fields: Any) -> list[tuple[Any, ...]]:
        assert not self._restoring, "one restore at a time"
        assert not self.waiting, "the node closes the generation before a restore"
        self._restoring = [fields, []]
        return self._restored() if fields[-1] == 0 else []

    def _on_chunk(self, chunk: bytes) -> list[tuple[Any, ...]]:
        fields, chunks = self._restoring
        chunks.append(chunk)
        return self._restored() if len(chunks) == fields[-1] else []

    def _restored(self) -> list[tuple[Any, ...]]:
        (sequence, group, index, mark, first, last, gone, _), chunks = self._restoring
        self._restoring = []
        with self._environment.begin(write=True) as transaction:
            cursor = transaction.cursor(db=self._layout.rows)
            _clear(cursor, first, last)
            for chunk in chunks:
                lengths, keys, values = decode_chunk(chunk, first, last)
                columns = zip(keys, lengths, values, strict=True)
                cursor.putmulti([(key, _LENGTHS[length] + value) for key, length, value in columns])
            self._put_marks(transaction, sequence, {group: index}, {group: mark}, gone)
        return self._committed(sequence)

    def _on_forget(
        self, sequence: int, group: int, tombstone: bytes, span: tuple[bytes, bytes] | None
    ) -> list[tuple[Any, ...]]:
        assert not self.waiting, "the node closes the generation before it forgets a group"
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
