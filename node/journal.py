"""The journal: one log on disk for all groups of a node, one record per disk commit.

Owns the journal's environment and its thread; who has nothing else to do may write in his own. Does not own a record's
bytes (node/journal_rows.py) nor which records are needed (node/journal_index.py). Records have even numbers, rising,
and lie in that order; number n + 1 holds what was copied in the transaction of record n.
Read next: node/journal_index.py.
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import lmdb

from node.config import SPACE_RETRY_SECONDS
from node.errors import RECOVER, DiskError
from node.journal_index import GARBAGE_BYTES_MIN, Copy, Index
from node.journal_rows import Piece, decode_record, encode_record, record_key
from node.ports import Failed, Record, Recovered, Synced
from node.space import Guard, Space, refused
from node.whole import ID_KEY, bind, expect_whole

MAP_BYTES = 1 << 40  # sparse: only pages in use take room (traps 24)

_opened: "weakref.WeakSet[Journal]" = weakref.WeakSet()


class Work(NamedTuple):
    """What the thread writes for one submitted record."""

    sequence: int
    number: int
    value: bytes
    copies: list[Copy]
    deletions: list[int]


class Journal:
    """The journal of one node (`JournalPort`).

    1. Each write transaction begins and ends in one call, in one thread (traps 21); every commit is synced (traps 22).
    2. The first error is told once, by `Failed`, and nothing is written afterwards (traps 23), but for a full disk
       that is known to have changed nothing (node/space.py): the same transaction is tried again until it is done.
    3. Records, copies and deletions are taken into account when they are submitted, and written in that order: what is
       `_kept` for the caller's own thread is written before anything is given to the other one, which is idle then.
    """

    def __init__(
        self,
        path: str | Path,
        notify: Callable[[object], None],
        map_bytes: int = MAP_BYTES,
        garbage_bytes_min: int = GARBAGE_BYTES_MIN,
    ) -> None:
        """Open the folder `path`, made if missing. `notify` is called from the journal's thread. Raises `DiskError`.

        `garbage_bytes_min`: with more of it, what is needed is copied to the tail.
        """
        self._path = Path(path)
        self._notify = notify
        self._index = Index(garbage_bytes_min)
        self._last = 0  # number of the last record
        self._offset: int | None = None  # from a host's sequences to ours: a host begins anew at each start
        self._recovered = False
        self._forked = False
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._kept: list[Work] = []
        self._written = 0  # number of the last record that the thread has written
        self._given = 0  # likewise, that it was given
        self._closing = threading.Event()
        self.space = Space(self._path)
        try:
            self._path.mkdir(mode=0o700, exist_ok=True)
            known = expect_whole(self._path, leaves=True)
            self._environment = lmdb.open(
                str(self._path), map_size=map_bytes, mode=0o600, create=False, readahead=False, max_spare_txns=0
            )
        except (lmdb.Error, OSError) as error:
            raise DiskError(f"the journal {self._path} does not open: {error}") from error
        flags = self._environment.flags()
        assert flags["sync"] and flags["metasync"] and not flags["writemap"], "each commit is synced (traps 22, 24)"
        self._environment.reader_check()
        self._guard = self._bind(known)
        _opened.add(self)
        self._thread = threading.Thread(target=self._run, name="argosy-journal", daemon=True)
        self._thread.start()

    def _bind(self, known: bytes) -> Guard:
        try:
            bind(self._path, known, self._environment)
            return Guard(self._path / "data.mdb")
        except (lmdb.Error, OSError) as error:
            self._environment.close()
            raise DiskError(f"the journal {self._path} cannot be made: {error}") from error
        except DiskError:
            self._environment.close()
            raise

    # -- on the loop --------------------------------------------------------------------------------------------

    def recover(self) -> dict[int, Recovered]:
        """Read everything once, before the first submit. Raises `DiskError` naming a torn or foreign record."""
        assert not self._recovered, "a journal is recovered once, before anything is submitted"
        self._recovered = True
        try:
            with self._environment.begin() as transaction:
                for key, value in transaction.cursor():
                    if key == ID_KEY:
                        continue
                    headers, pieces = decode_record(key, value)
                    self._last = int.from_bytes(key, "big") & ~1
                    self._index.load(self._last | key[-1] & 1, len(value), headers, pieces)
            return self._index.finish()
        except lmdb.Error as error:
            raise DiskError(f"the journal {self._path} cannot be read: {error}; {RECOVER}") from error
        except DiskError as error:
            raise DiskError(f"the journal {self._path} cannot be read: {error}") from error

    def submit(self, record: Record) -> None:
        """Write it durably, in the journal's thread; `Synced` follows. Never blocks."""
        self._kept.append(self._planned(record))
        self._give_kept()

    def keep(self, record: Record) -> bool:
        """Like `submit`, but the caller is to call `write_kept` soon, in place of a wait; False: it need not."""
        self._kept.append(self._planned(record))
        if self._written != self._given:
            self._give_kept()
        return bool(self._kept)

    def write_kept(self) -> Synced | Failed | None:
        """Write what is kept in the calling thread; None if the journal's thread goes on with it. Blocks.

        An interrupt loses nothing: what is not written by then is the thread's.
        """
        kept = self._kept
        if not kept or self._forked:
            return None
        try:
            self._commit(kept)
            told = Synced(kept[-1].sequence)
            self._kept = []
        except Exception as error:
            if not self._guard.harmless(error):
                self._kept = []
                self._queue.put(None)  # nothing is written any more
                return self._failure(error)
            self._give_kept()
            return None
        except BaseException:
            if self._holds(kept[-1].number):
                self._kept = []
                self._notify(Synced(kept[-1].sequence))
            else:
                self._give_kept()
            raise
        return told

    def _holds(self, number: int) -> bool:
        with self._environment.begin() as transaction:
            return transaction.get(record_key(number)) is not None

    def _give_kept(self) -> None:
        kept, self._kept = self._kept, []
        self._given = kept[-1].number
        for work in kept:
            self._queue.put(work)

    def _planned(self, record: Record) -> Work:
        assert self._recovered, "a journal is recovered before anything is submitted"
        if self._forked:
            raise DiskError(f"this process is a fork of the node that owns {self._path}: it must not write there")
        number = self._last + 2
        if self._offset is None:
            self._offset = number - 2 * record.sequence
        assert number == 2 * record.sequence + self._offset, "sequences of records rise by one"
        self._last = number
        plan = self._index.plan(number, record.groups)
        value = encode_record(number, plan.headers, plan.pieces)
        self._index.weigh(number, len(value))
        return Work(record.sequence, number, value, plan.copies, plan.deletions)

    def cut(self, group: int, index: int) -> None:
        """The group needs no entry at or below `index` any more."""
        self._index.cut(group, index)

    def size(self) -> tuple[int, int]:
        """(bytes of all records, about how many of them count)."""
        return self._index.total_bytes, self._index.live_bytes

    def close(self) -> None:
        """Write what was submitted, if there is room, end the thread and wait for it."""
        if self._thread.is_alive() and not self._forked:
            if self._kept:
                self._give_kept()
            self._closing.set()
            self._queue.put(None)
            self._thread.join()
        _opened.discard(self)
        self._environment.close()
        self._guard.close()

    # -- in the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            works, more = self._take()
            if works and not self._write(works):
                return
            if not more:
                return

    def _write(self, works: Sequence[Work]) -> bool:
        """Whether it is durable, and told so; waits while the disk is full."""
        while True:
            try:
                self._commit(works)
            except Exception as error:
                if not self._guard.harmless(error):
                    self._notify(self._failure(error))
                    return False
                self.space.refused = refused("journal", self._path, error)
                if self._closing.wait(SPACE_RETRY_SECONDS):
                    return False  # nobody was told that it is durable
                continue
            self.space.refused = ""
            self._written = works[-1].number
            self._notify(Synced(works[-1].sequence))
            return True

    def _failure(self, error: Exception) -> Failed:
        return Failed(f"the journal {self._path} cannot be written: {error}; the node stops")

    def _take(self) -> tuple[list[Work], bool]:
        """All that is submitted, at least one; and whether to go on."""
        works: list[Work] = []
        queue = self._queue
        while not works or not queue.empty():
            work = queue.get()
            if work is None:
                return works, False
            works.append(work)
        return works, True

    def _commit(self, works: Sequence[Work]) -> None:
        # Begin to commit within one call, on this thread (traps 21).
        with self._environment.begin(write=True) as transaction:
            for work in works:
                written = transaction.put(record_key(work.number), work.value, append=True)
                if work.copies:
                    copied = encode_record(work.number + 1, (), list(_read(transaction, work.copies)))
                    written &= transaction.put(record_key(work.number + 1), copied, append=True)
                assert written, f"record {work.number} comes after all others"
                for number in work.deletions:
                    deleted = transaction.delete(record_key(number))
                    assert deleted, f"record {number} is deleted once"


def _read(transaction: Any, copies: Sequence[Copy]) -> Iterator[Piece]:
    """The pieces to copy, cut to what is needed; copies come in order of their source."""
    source = -1
    pieces: dict[tuple[int, int], Piece] = {}
    for copy in copies:
        if copy.source != source:
            source = copy.source
            value = transaction.get(record_key(source))
            assert value is not None, f"record {source} is there as long as a piece of it is needed"
            pieces = {(piece.group, piece.origin): piece for piece in decode_record(record_key(source), value)[1]}
        yield pieces[copy.group, copy.origin].part(copy.first, copy.last)


def _poison_all() -> None:
    for journal in list(_opened):
        journal._forked = True  # a forked child must not write through its parent's environment (traps 26)


os.register_at_fork(after_in_child=_poison_all)
