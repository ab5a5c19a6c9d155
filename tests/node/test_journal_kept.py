"""Records that a caller writes to the journal in its own thread: in order, durable, and none lost at an interrupt."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue

import pytest

from node.journal import Journal, Work
from node.ports import Failed, GroupRecord, Record, Synced
from node.raft.messages import Entry


class Kept:
    """A journal, what it told from its thread, and which threads committed which records."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.closed = False
        self.told: SimpleQueue[object] = SimpleQueue()
        self.journal = Journal(place, self.told.put, 1 << 30)
        self.journal.recover()
        self.commits: list[tuple[bool, list[int]]] = []  # (in this thread, sequences)
        self.before: BaseException | None = None
        self.after: BaseException | None = None
        commit, own = self.journal._commit, threading.get_ident()

        def committed(works: Sequence[Work]) -> None:
            here = threading.get_ident() == own
            if here and self.before is not None:
                raise self.before
            commit(works)
            self.commits.append((here, [each.sequence for each in works]))
            if here and self.after is not None:
                raise self.after

        monkeypatch.setattr(self.journal, "_commit", committed)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.journal.close()

    def held(self) -> list[bytes]:
        """The bodies that are found when it is opened again."""
        self.close()
        again = Journal(self.place, self.told.put, 1 << 30)
        found = again.recover()
        again.close()
        return [entry.body for entry in found[1].entries]


def record(number: int) -> Record:
    return Record(number, [GroupRecord(1, (1, 1, 0), number, [Entry(1, 0, b"%d" % number)])])


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    made = Kept(tmp_path / "journal", monkeypatch)
    yield made
    made.close()


def test_what_is_kept_is_written_by_the_caller(kept: Kept) -> None:
    assert kept.journal.write_kept() is None
    assert kept.journal.keep(record(1))
    assert not kept.commits
    assert kept.journal.write_kept() == Synced(1)
    assert kept.journal.write_kept() is None
    assert kept.commits == [(True, [1])]
    assert kept.held() == [b"1"]


def test_what_is_kept_is_written_before_what_is_submitted_later(kept: Kept) -> None:
    assert kept.journal.keep(record(1))
    kept.journal.submit(record(2))
    assert kept.journal.write_kept() is None
    while kept.told.get() != Synced(2):
        pass
    assert kept.journal.keep(record(3)), "the thread is idle again"
    assert kept.journal.write_kept() == Synced(3)
    assert kept.held() == [b"1", b"2", b"3"]


def test_nothing_is_kept_while_the_thread_has_something_to_write(kept: Kept) -> None:
    busy, free = threading.Event(), threading.Event()
    commit = kept.journal._commit

    def slow(works: Sequence[Work]) -> None:
        busy.set()
        assert free.wait(60)
        commit(works)

    kept.journal._commit = slow  # type: ignore[method-assign]
    kept.journal.submit(record(1))
    assert busy.wait(60)
    is_kept = kept.journal.keep(record(2))
    free.set()
    assert not is_kept
    assert kept.held() == [b"1", b"2"]
    assert all(not here for here, _ in kept.commits)


def test_closing_writes_what_is_kept(kept: Kept) -> None:
    assert kept.journal.keep(record(1))
    assert kept.held() == [b"1"]


def test_an_interrupt_before_the_commit_leaves_the_record_to_the_thread(kept: Kept) -> None:
    kept.before = KeyboardInterrupt()
    assert kept.journal.keep(record(1))
    with pytest.raises(KeyboardInterrupt):
        kept.journal.write_kept()
    assert kept.told.get() == Synced(1)
    assert kept.commits == [(False, [1])]


def test_an_interrupt_after_the_commit_is_no_reason_to_write_again(kept: Kept) -> None:
    kept.after = KeyboardInterrupt()
    assert kept.journal.keep(record(1))
    with pytest.raises(KeyboardInterrupt):
        kept.journal.write_kept()
    assert kept.told.get() == Synced(1)
    assert kept.commits == [(True, [1])]
    assert kept.held() == [b"1"]


def test_a_full_disk_is_waited_for_by_the_thread(kept: Kept) -> None:
    kept.before = OSError(28, "full")
    assert kept.journal.keep(record(1))
    assert kept.journal.write_kept() is None
    assert kept.told.get() == Synced(1)


def test_the_first_error_is_final(kept: Kept) -> None:
    kept.before = OSError(5, "broken")
    assert kept.journal.keep(record(1))
    failed = kept.journal.write_kept()
    assert isinstance(failed, Failed)
    assert "cannot be written" in failed.what
    kept.before = None
    kept.journal.submit(record(2))
    kept.close()
    assert not kept.commits, "nothing is written afterwards"
