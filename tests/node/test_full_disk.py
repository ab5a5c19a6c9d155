"""Journal, writer and dumps on a disk that is full for a while: they wait, lose nothing, and say so."""

import errno
import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node import journal as journal_module
from node import state as state_module
from node.dump import NO_ROOM_STATUS, Dump
from node.errors import DiskError
from node.ports import Dumped, Failed, Flushed, GroupRecord, Restored, Synced
from node.state import State
from node.writer import Answer, Committer, Order, encode_chunk
from tests.node.applied import ALL, expected, rows, wait_for, write
from tests.node.full import limit_files, no_room
from tests.node.test_journal import Opened, entries, keys
from tests.node.test_writer import held, order

LARGE = 300_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "part"


# -- the journal -------------------------------------------------------------------------------------------------


class Wait:
    """In place of the pause between two tries: the test says what happens in it."""

    def __init__(self, *acts: Any) -> None:
        self.acts = list(acts)
        self.closing = False

    def wait(self, seconds: float) -> bool:
        if self.acts:
            self.acts.pop(0)()
        return self.closing

    def set(self) -> None:
        self.closing = True


def size_of(path: Path) -> int:
    return (path / "data.mdb").stat().st_size


@pytest.mark.parametrize("size", [LARGE, 2000])
def test_a_journal_waits_for_room_and_loses_nothing(place: Path, size: int) -> None:
    opened = Opened(place)
    assert opened.write(GroupRecord(1, (1, 0, 0), 1, entries(1, 1))) == Synced(1)
    told: list[str] = []

    def look() -> None:
        told.append(opened.journal.space.short())
        assert opened.told.empty(), "nothing is told while nothing is durable"

    def lift() -> None:
        opened.submit(GroupRecord(1, None, 3, entries(3, 1)))  # more comes meanwhile
        limit_files(0, -1)

    opened.journal._closing = Wait(look, look, lift)  # type: ignore[assignment]
    with no_room(size_of(place)):
        opened.submit(GroupRecord(1, None, 2, entries(2, 1, size)))
        assert opened.told.get() == Synced(2)
    assert opened.told.get() == Synced(3)
    assert opened.journal.space.short() == ""
    assert len(told) == 2
    assert all(str(place) in text and "full" in text and "make room" in text for text in told)
    opened.journal.close()
    again = Opened(place)
    again.journal.close()
    assert [entry.body for entry in again.logs[1].entries] == [
        each.body for each in (*entries(1, 1), *entries(2, 1, size), *entries(3, 1))
    ]


def test_a_journal_without_room_can_be_closed(place: Path) -> None:
    opened = Opened(place)
    opened.write(GroupRecord(1, (1, 0, 0), 1, entries(1, 1)))
    with no_room(size_of(place)):
        opened.submit(GroupRecord(1, None, 2, entries(2, 1, LARGE)))
        opened.journal.close()
    assert opened.told.empty()
    assert keys(place) == [2]
    again = Opened(place)
    assert again.write(GroupRecord(1, None, 2, entries(2, 1, LARGE))) == Synced(1)
    again.journal.close()


def test_a_sync_that_failed_while_the_disk_was_full_is_final(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(place)
    opened.write(GroupRecord(1, (1, 0, 0), 1, entries(1, 1)))

    def lost(descriptor: int) -> None:
        raise OSError(errno.EIO, "lost")

    monkeypatch.setattr(os, "fdatasync", lost)
    with no_room(size_of(place)):
        opened.submit(GroupRecord(1, None, 2, entries(2, 1, LARGE)))
        told = opened.told.get()
    assert isinstance(told, Failed)
    assert "the node stops" in told.what
    opened.journal.close()


def test_the_pause_between_two_tries_is_short_and_bounded() -> None:
    assert 0.1 <= journal_module.SPACE_RETRY_SECONDS <= 10


# -- the writer --------------------------------------------------------------------------------------------------


@pytest.fixture
def committer(tmp_path: Path) -> Iterator[Committer]:
    (tmp_path / "state").mkdir()
    opened = Committer(tmp_path / "state")
    yield opened
    opened.close()


def full(answers: list[tuple[Any, ...]]) -> bool:
    return [each[0] for each in answers] == [Answer.FULL]


def test_what_found_no_room_is_committed_later_in_order(committer: Committer, tmp_path: Path) -> None:
    limit = size_of(tmp_path / "state")
    committer.take(order(1, {b"at": bytes(LARGE)}, {1: (1, b"m")}))
    with no_room(limit):
        answers = committer.take((Order.COMMIT, 2))
        assert full(answers)
        assert "full" in answers[0][1]
        assert committer.waiting
        assert committer.take(order(3, {b"bt": b"y"}, {1: (2, None)})) == []
        assert committer.take((Order.COMMIT, 4)) == []
        assert full(committer.take((Order.AGAIN,)))
        assert held(committer) == {}
    assert committer.take((Order.AGAIN,)) == [(Answer.COMMITTED, 2), (Answer.COMMITTED, 4)]
    assert held(committer) == {b"at": b"\1" + bytes(LARGE), b"bt": b"\1y"}
    assert committer._layout.read_marks() == {1: (2, b"m")}
    assert committer.take((Order.AGAIN,)) == []


def test_a_restore_that_found_no_room_is_done_once_there_is(committer: Committer, tmp_path: Path) -> None:
    committer.take(order(1, {b"bt": b"old"}, {1: (1, b"m")}))
    committer.take((Order.COMMIT, 2))
    with no_room(size_of(tmp_path / "state")):
        committer.take((Order.RESTORE, 3, 1, 9, b"new", b"b", b"e", (), 1))
        assert full(committer.take((Order.CHUNK, encode_chunk(b"\1", (b"ct",), (bytes(LARGE),)))))
        assert committer.take((Order.FORGET, 4, 2, b"tombstone", None)) == []
        assert held(committer) == {b"bt": b"\1old"}
    assert committer.take((Order.AGAIN,)) == [(Answer.COMMITTED, 3), (Answer.COMMITTED, 4)]
    assert held(committer) == {b"ct": b"\1" + bytes(LARGE)}
    assert committer._layout.read_marks() == {1: (9, b"new"), 2: (0, b"tombstone")}
    assert committer.take((Order.RESTORE, 5, 1, 10, b"newer", b"b", b"e", (), 0)) == [(Answer.COMMITTED, 5)]
    assert held(committer) == {}


# -- the state ---------------------------------------------------------------------------------------------------


class Watch:
    """A clock that the test moves."""

    time = 0.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def state(place: Path) -> Iterator[State]:
    opened = State(place, print)
    yield opened
    opened.close(flush=False)


def fill(state: State, index: int) -> None:
    state.put(b"large", b"%d" % index, bytes(LARGE))
    state.seal(1, index, b"m%d" % index)


def pump_until_refused(state: State) -> None:
    while not state.space.refused:
        writable = [state.write_fileno()] if state.wants_write() else []
        select.select(state.filenos(), writable, [])
        assert state.pump() == []


def test_a_full_disk_keeps_the_overlay_and_goes_on_by_itself(state: State, place: Path) -> None:
    clock = Watch()
    state.space._clock = clock
    write(state, 1)
    state.wait_flushed()
    with no_room(size_of(place), state._feed.process):
        fill(state, 2)
        state.flush()
        pump_until_refused(state)
        assert "make room" in state.space.short()
        fill(state, 3)
        state.flush()
        reminded: list[int] = []
        remind = state._feed.remind
        state._feed.remind = lambda: reminded.append(1)  # type: ignore[method-assign]
        for _ in range(20):
            assert state.pump() == []
        assert not reminded, "the time to try again has not come"
        state._feed.remind = remind  # type: ignore[method-assign]
        assert [tail for tail, _ in state.rows(b"large")] == [b"2", b"3"]
    clock.time += state_module.SPACE_RETRY_SECONDS
    assert wait_for(state, Flushed, 2) == [Flushed(((1, 2),)), Flushed(((1, 3),))]
    assert state.space.short() == ""
    assert [tail for tail, _ in state.rows(b"large")] == [b"2", b"3"]


def test_a_state_without_room_is_closed_and_keeps_what_was_durable(place: Path) -> None:
    state = State(place, print)
    write(state, 1, b"m")
    state.wait_flushed()
    with no_room(size_of(place), state._feed.process):
        fill(state, 2)
        with pytest.raises(DiskError, match="full"):
            state.wait_flushed()
        state.close(flush=True)
    again = State(place, print)
    assert again.marks() == {1: (1, b"m")}
    assert rows(again) == expected(1)
    again.close()


def test_a_writer_that_dies_without_room_is_fed_again(state: State, place: Path) -> None:
    with no_room(size_of(place), state._feed.process):
        fill(state, 1)
        state.flush()
        pump_until_refused(state)
        os.kill(state._feed.process, 9)
        assert wait_for(state, Flushed) == [Flushed(((1, 1),))]
    assert state.space.short() == ""


# -- dumps -------------------------------------------------------------------------------------------------------


def test_a_dump_without_room_is_told_as_nothing_and_the_next_one_runs(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(state, 1)
    state.wait_flushed()
    start = Dump.start

    def start_small(dump: Dump) -> None:
        with no_room(LARGE // 2):  # inherited by the child
            start(dump)

    monkeypatch.setattr(Dump, "start", start_small)
    state.dump(1, 1, *ALL)
    monkeypatch.setattr(Dump, "start", start)
    state.dump(2, 1, *ALL)
    failed, done = (each for each in wait_for(state, Dumped, 2) if isinstance(each, Dumped))
    assert (failed.ticket, failed.mark, len(failed.chunks)) == (1, b"", 0)
    assert (done.ticket, done.mark, len(done.chunks)) == (2, b"m1", 1)
    state.restore(1, 5, b"new", *ALL, done.chunks)
    assert state.wait_flushed() == [Restored(1)]


def test_a_dump_that_cannot_be_started_is_told_as_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    state = State(place, told.append)

    def start(dump: Dump) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(Dump, "start", start)
    state.dump(7, 1, *ALL)
    assert told == [Dumped(7, 0, b"", ())]
    assert state.pump() == []
    state.close()


def test_a_dump_that_fails_for_another_reason_stops_the_node(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    write(state, 1)
    state.wait_flushed()
    start = Dump.start

    def start_elsewhere(dump: Dump) -> None:
        dump._arguments[0] = "/nowhere"
        start(dump)

    monkeypatch.setattr(Dump, "start", start_elsewhere)
    state.dump(1, 1, *ALL)
    (failed,) = wait_for(state, Failed)
    assert "status 1" in failed.what
    assert NO_ROOM_STATUS != 1
