"""The journal on a real disk: what is synced comes back, what is torn or foreign is named, errors are final."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import lmdb
import pytest

from node.errors import DiskError
from node.journal import Journal
from node.journal_rows import record_key
from node.ports import Failed, GroupRecord, Record, Recovered, Synced
from node.raft.messages import Entry
from node.whole import ID_KEY
from tests.node.refuse_sync import run, supported


class Opened:
    """A journal and what it told."""

    def __init__(self, path: Path, map_bytes: int = 1 << 30, **named: int) -> None:
        self.told: SimpleQueue[object] = SimpleQueue()
        self.journal = Journal(path, self.told.put, map_bytes, **named)
        self.logs = self.journal.recover()
        self.sequence = 0

    def submit(self, *groups: GroupRecord) -> None:
        self.sequence += 1
        self.journal.submit(Record(self.sequence, list(groups)))

    def write(self, *groups: GroupRecord) -> object:
        """Submit, and wait for what it tells of it."""
        self.submit(*groups)
        told = self.told.get()
        while isinstance(told, Synced) and told.sequence < self.sequence:
            told = self.told.get()
        return told


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "journal"


def entries(first: int, count: int, size: int = 10) -> list[Entry]:
    return [Entry(1, 0, b"%d" % (first + each) + bytes(size)) for each in range(count)]


def keys(path: Path) -> list[int]:
    with lmdb.open(str(path), readonly=True) as environment, environment.begin() as transaction:
        return [int.from_bytes(key, "big") for key, _ in transaction.cursor() if key != ID_KEY]


def change(path: Path, number: int, value: bytes | None) -> bytes:
    """Put another value into a record; returns the old one."""
    with lmdb.open(str(path), map_size=1 << 30) as environment, environment.begin(write=True) as transaction:
        old = transaction.get(record_key(number), b"")
        if value is not None:
            transaction.put(record_key(number), value)
        return old


def test_what_is_synced_comes_back(place: Path) -> None:
    opened = Opened(place)
    assert opened.logs == {}
    assert opened.write(GroupRecord(1, (1, 2, 0), 1, entries(1, 3)), GroupRecord(7, (4, 0, 0))) == Synced(1)
    assert opened.write(GroupRecord(1, None, 3, [Entry(2, 1, b"other")])) == Synced(2)
    opened.journal.close()
    again = Opened(place)
    again.journal.close()
    log = Recovered((1, 2, 0), (0, 0), [*entries(1, 2), Entry(2, 1, b"other")])
    assert again.logs == {1: log, 7: Recovered((4, 0, 0))}


def test_a_host_counts_its_records_anew_after_each_start(place: Path) -> None:
    for start in range(3):
        opened = Opened(place)
        assert opened.write(GroupRecord(1, (start + 1, 0, 0), start + 1, entries(start + 1, 1))) == Synced(1)
        opened.journal.close()
    assert keys(place) == [2, 4, 6]


def test_records_submitted_at_once_are_synced_in_order(place: Path) -> None:
    opened = Opened(place)
    for index in range(1, 50):
        opened.submit(GroupRecord(1, None, index, entries(index, 1)))
    told = opened.write(GroupRecord(1, (1, 0, 0)))
    assert told == Synced(50)
    opened.journal.close()
    again = Opened(place)
    again.journal.close()
    assert again.logs[1].entries == entries(1, 49)


def test_closing_writes_what_was_submitted(place: Path) -> None:
    opened = Opened(place)
    opened.submit(GroupRecord(1, (5, 0, 0)))
    opened.journal.close()
    assert opened.told.get() == Synced(1)
    assert keys(place) == [2]


def test_sequences_rise_by_one(place: Path) -> None:
    opened = Opened(place)
    opened.journal.submit(Record(5))
    with pytest.raises(AssertionError, match="rise by one"):
        opened.journal.submit(Record(7))
    opened.journal.close()


def test_cut_records_are_deleted_while_appending_and_the_file_does_not_grow(place: Path) -> None:
    opened = Opened(place)
    for turn in range(60):
        assert opened.write(GroupRecord(1, (1, 0, 4 * turn), 4 * turn + 1, entries(4 * turn + 1, 4, 2000)))
        opened.journal.cut(1, 4 * turn)
    assert opened.journal.size()[0] < 5 * 8200
    opened.journal.close()
    assert len(keys(place)) <= 4
    assert (place / "data.mdb").stat().st_size < 200_000
    again = Opened(place)
    again.journal.close()
    assert again.logs[1].entries == entries(again.logs[1].base[0] + 1, 240 - again.logs[1].base[0], 2000)


def test_what_a_slow_group_needs_is_copied_to_the_tail(place: Path) -> None:
    opened = Opened(place, garbage_bytes_min=1000)
    for turn in range(30):
        slow = [GroupRecord(2, (1, 0, 0), turn + 1, entries(turn + 1, 1))] if turn < 5 else []
        opened.write(GroupRecord(1, None, 4 * turn + 1, entries(4 * turn + 1, 4, 200)), *slow)
        opened.journal.cut(1, 4 * turn)
    opened.journal.close()
    assert any(number % 2 for number in keys(place)), "copies have odd numbers"
    assert min(keys(place)) > 2
    again = Opened(place)
    again.journal.close()
    assert again.logs[2].entries == entries(1, 5)


@pytest.mark.parametrize("spoil", [lambda old: old[:-1] + bytes([old[-1] ^ 1]), lambda old: old[:-1], lambda _: b""])
def test_a_torn_record_is_named(place: Path, spoil: object) -> None:
    opened = Opened(place)
    opened.write(GroupRecord(1, (1, 0, 0), 1, entries(1, 2)))
    opened.write(GroupRecord(1, None, 3, entries(3, 2)))
    opened.journal.close()
    assert callable(spoil)
    change(place, 4, spoil(change(place, 4, None)))
    journal = Journal(place, opened.told.put)
    with pytest.raises(DiskError, match="journal record 4 is torn"):
        journal.recover()
    journal.close()


def test_a_foreign_record_is_named(place: Path) -> None:
    opened = Opened(place)
    opened.write(GroupRecord(1, (1, 0, 0)))
    opened.write(GroupRecord(2, (2, 0, 0)))
    opened.journal.close()
    change(place, 4, change(place, 2, None))
    journal = Journal(place, opened.told.put)
    with pytest.raises(DiskError, match="journal record 4 is foreign"):
        journal.recover()
    journal.close()


def test_a_foreign_file_is_not_opened(place: Path) -> None:
    place.mkdir()
    (place / "data.mdb").write_bytes(b"not a journal" * 1000)
    with pytest.raises(DiskError, match="it is no LMDB file"):
        Journal(place, print)


def test_a_full_disk_is_told_once_and_nothing_is_written_afterwards(place: Path) -> None:
    opened = Opened(place, map_bytes=100_000)
    told: object = None
    for turn in range(40):
        told = opened.write(GroupRecord(1, (turn, 0, 0), turn + 1, entries(turn + 1, 1, 8000)))
        if isinstance(told, Failed):
            break
    assert isinstance(told, Failed)
    assert "MDB_MAP_FULL" in told.what
    written = opened.sequence - 1
    opened.submit(GroupRecord(9, (1, 0, 0)))
    opened.journal.close()
    assert opened.told.empty()
    again = Opened(place)
    again.journal.close()
    assert len(again.logs[1].entries) == written
    assert 9 not in again.logs


def test_only_its_owner_may_read_it(place: Path) -> None:
    Opened(place).journal.close()
    assert place.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in place.iterdir()} == {0o600}


def test_a_forked_child_cannot_write(place: Path) -> None:
    opened = Opened(place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is the point here
        child = os.fork()
    if child == 0:
        try:
            opened.submit(GroupRecord(1, (1, 0, 0)))
        except DiskError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert opened.write(GroupRecord(1, (1, 0, 0))) == Synced(1)
    opened.journal.close()


@pytest.mark.skipif(not supported, reason="needs seccomp")
def test_every_commit_asks_the_disk_and_its_first_refusal_is_final(place: Path) -> None:
    first, second, silent = run("journal", place)
    assert first == "Synced(sequence=1)"
    assert "Failed" in second
    assert "Input/output error" in second
    assert silent == "True"
