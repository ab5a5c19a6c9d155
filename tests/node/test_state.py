"""The state with its real writer process: reads, acknowledgements, deaths, snapshots, refusals."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from node import state as state_module
from node.errors import DiskError
from node.ports import Dumped, Failed, Flushed, Restored
from node.state import State
from tests.node.applied import ALL, expected, rows, wait_for, write


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def state(place: Path) -> Iterator[State]:
    opened = State(place, print)
    yield opened
    opened.close(flush=False)


def test_a_fresh_state_is_empty(state: State, place: Path) -> None:
    assert state.marks() == {}
    assert rows(state) == []
    assert state.get(b"a", b"b") is None
    assert state.load() == 0
    assert place.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in place.iterdir()} == {0o600}


def test_rows_are_read_before_and_after_they_are_durable(state: State) -> None:
    for index in range(1, 8):
        write(state, index, b"m%d" % index)
        assert rows(state) == expected(index)
        if index % 2:
            assert state.wait_flushed() == [Flushed(((1, index),))]
            assert rows(state) == expected(index)
            assert state.load() == 0


def test_bootstrap_is_durable_at_once(place: Path) -> None:
    state = State(place, print)
    state.bootstrap([(b"a", b"\1", b"x"), (b"b", b"\1", b"y")], {0: (0, b"control"), 1: (5, b"range")})
    assert state.marks() == {0: (0, b"control"), 1: (5, b"range")}
    os.kill(state._feed.process, signal.SIGKILL)
    state.close(flush=False)
    again = State(place, print)
    assert again.marks() == {0: (0, b"control"), 1: (5, b"range")}
    assert rows(again) == [(b"a", b"\1", b"x"), (b"b", b"\1", b"y")]
    again.close()


def test_a_mark_stays_until_another_is_given(place: Path) -> None:
    state = State(place, print)
    write(state, 1, b"first")
    write(state, 2)
    state.wait_flushed()
    write(state, 3)
    state.close(flush=True)
    again = State(place, print)
    assert again.marks() == {1: (3, b"first")}
    assert rows(again) == expected(3)
    again.close()


def test_the_writer_asks_for_the_commit_when_rows_have_waited(state: State) -> None:
    write(state, 1)
    state.pump()
    write(state, 2)
    assert wait_for(state, Flushed) == [Flushed(((1, 2),))]


def test_a_large_generation_is_committed_without_being_asked(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "FLUSH_ROWS", 6)
    monkeypatch.setattr(state_module, "FRAME_ROWS", 4)
    for index in range(1, 4):
        write(state, index)
    assert state.generations() == 1
    os.kill(state._feed.process, signal.SIGSTOP)
    state.pump()
    assert state.generations() == 2
    os.kill(state._feed.process, signal.SIGCONT)
    write(state, 4)
    assert rows(state) == expected(4)
    assert wait_for(state, Flushed) == [Flushed(((1, 3),))]
    assert rows(state) == expected(4)


def test_the_pipe_never_blocks_and_the_load_rises(state: State) -> None:
    value = bytes(1 << 20)
    for index in range(1, 12):
        os.kill(state._feed.process, signal.SIGSTOP)
        state.put(b"large", b"%3d" % index, value)
        state.seal(1, index, None)
        state.flush()
        assert state.pump() == []
    assert state.wants_write()
    assert 0.03 < state.load() < 0.1
    os.kill(state._feed.process, signal.SIGCONT)
    assert wait_for(state, Flushed, 11)[-1] == Flushed(((1, 11),))
    assert state.load() == 0
    assert len(list(state.rows(b"large", b"  9"))) == 3


def test_a_disk_error_of_the_writer_stops_the_node(place: Path) -> None:
    state = State(place, print)
    state.restore(1, 1, b"m", b"a", b"b", [b"not a chunk"])
    (failed,) = wait_for(state, Failed)
    assert "wrong checksum" in failed.what
    with pytest.raises(DiskError, match="wrong checksum"):
        state.wait_flushed()
    state.close()


@pytest.mark.parametrize(
    ("table", "key", "value", "message"),
    [(b"marks", b"f", b"argosy state 4", "argosy state 4"), (b"rows", b"key", b"value", "without a name")],
)
def test_a_state_of_another_form_is_not_opened(
    place: Path, table: bytes, key: bytes, value: bytes, message: str
) -> None:
    place.mkdir()
    with lmdb.open(str(place), max_dbs=2) as environment:
        database = environment.open_db(table)
        with environment.begin(write=True, db=database) as transaction:
            transaction.put(key, value)
    with pytest.raises(DiskError, match=message):
        State(place, print)


def test_a_foreign_file_is_not_opened(place: Path) -> None:
    place.mkdir()
    (place / "data.mdb").write_bytes(b"foreign" * 4000)
    with pytest.raises(DiskError, match="it is no LMDB file"):
        State(place, print)


def test_the_read_transaction_is_given_up_at_each_commit(state: State) -> None:
    for index in range(1, 80):
        state.put(b"page%d" % (index % 7), b"\1", bytes(3000))
        state.seal(1, index, None)
        state.wait_flushed()
        assert len(list(state.scan(*ALL))) == min(index, 7)
    assert (state._path / "data.mdb").stat().st_size < 1 << 20


# -- snapshots ---------------------------------------------------------------------------------------------------


def test_a_dump_holds_what_is_durable_and_restores_elsewhere(state: State, tmp_path: Path) -> None:
    for index in range(1, 6):
        write(state, index, b"mark%d" % index)
    state.put(b"zzz", b"\1", b"outside")
    state.seal(2, 1, b"other")
    state.wait_flushed()
    write(state, 6)
    state.dump(9, 1, b"a", b"z")
    state.dump(10, 1, b"b", b"c")
    dumped, empty = (each for each in wait_for(state, Dumped, 2) if isinstance(each, Dumped))
    assert (dumped.ticket, dumped.index, dumped.mark) == (9, 5, b"mark5")
    assert (empty.ticket, len(empty.chunks)) == (10, 0)
    other = State(tmp_path / "other", print)
    other.put(b"b", b"\1", b"of the span's old replica")
    other.put(b"~", b"\1", b"beside")
    other.seal(7, 3, b"old")
    other.restore(1, dumped.index, dumped.mark, b"a", b"z", dumped.chunks, gone=[(7, b"tombstone")])
    assert other.wait_flushed() == [Flushed(((7, 3),)), Restored(1)]
    assert rows(other) == [*expected(5), (b"~", b"\1", b"beside")]
    other.close()
    again = State(tmp_path / "other", print)
    assert again.marks() == {1: (5, b"mark5"), 7: (0, b"tombstone")}
    assert rows(again) == [*expected(5), (b"~", b"\1", b"beside")]
    again.close()


def test_a_dump_of_many_rows_comes_in_chunks(state: State) -> None:
    for number in range(40):
        state.put(b"%2d" % number, b"\1", bytes(100_000))
    state.seal(1, 1, b"m")
    state.wait_flushed()
    state.dump(1, 1, *ALL)
    (dumped,) = (each for each in wait_for(state, Dumped) if isinstance(each, Dumped))
    assert len(dumped.chunks) == 4
    assert all(len(chunk) < 1_200_000 for chunk in dumped.chunks)
    before = rows(state)
    state.restore(1, 1, b"m", *ALL, dumped.chunks[:])
    assert state.wait_flushed() == [Restored(1)]
    assert rows(state) == before


def test_a_forgotten_group_leaves_a_tombstone(place: Path) -> None:
    state = State(place, print)
    write(state, 4, b"m")
    state.put(b"zzz", b"\1", b"another's")
    state.seal(2, 1, b"other")
    state.forget(1, b"tombstone", (b"a", b"m"))
    assert state.wait_flushed() == [Flushed(((1, 4), (2, 1))), Flushed(((1, 0),))]
    assert rows(state) == [(b"zzz", b"\1", b"another's")]
    state.close()
    again = State(place, print)
    assert again.marks() == {1: (0, b"tombstone"), 2: (1, b"other")}
    again.close()


def test_rows_written_after_a_walk_stand_among_those_below(state: State) -> None:
    for tail in (b"\3d", b"\3b"):
        state.put(b"a", tail, tail)
    state.seal(1, 1, b"m")
    state.wait_flushed()
    assert next(state.rows(b"a")) == (b"\3b", b"\3b")
    state.put(b"a", b"\3a", b"new")
    state.put(b"a", b"\1", b"first")
    assert [tail for tail, _ in state.rows(b"a")] == [b"\1", b"\3a", b"\3b", b"\3d"]
    assert state.first(b"a") == (b"\1", b"first")
    state.put(b"a", b"\3c", b"between")
    state.delete(b"a", b"\3b")
    state.delete(b"a", b"\1")
    assert state.first(b"a") == (b"\3a", b"new")
    assert [tail for tail, _ in state.rows(b"a")] == [b"\3a", b"\3c", b"\3d"]
    assert list(state.rows(b"b")) == []
    state.put(b"b", b"\3x", b"x")
    state.seal(1, 2, None)
    assert list(state.rows(b"b")) == [(b"\3x", b"x")]


def test_the_first_row_may_lie_below_what_was_written_after_a_walk(state: State) -> None:
    state.put(b"a", b"\3b", b"below")
    state.seal(1, 1, b"m")
    state.wait_flushed()
    assert (state.first(b"b"), state.first(b"a")) == (None, (b"\3b", b"below"))
    state.put(b"a", b"\3c", b"above")
    state.seal(1, 2, None)
    assert state.first(b"a") == (b"\3b", b"below")


def test_the_first_row_is_found_in_a_generation_that_is_on_its_way_to_the_disk(state: State) -> None:
    for head in (b"a", b"b"):
        assert state.first(head) is None
        state.put(head, b"\3b", head)
    state.delete(b"b", b"\3b")
    state.seal(1, 1, b"m")
    state.flush()
    assert state.generations() == 2
    assert (state.first(b"b"), state.first(b"a")) == (None, (b"\3b", b"a"))
    state.put(b"a", b"\3c", b"later")
    assert state.first(b"a") == (b"\3b", b"a")
    state.put(b"a", b"\3a", b"earlier")
    assert state.first(b"a") == (b"\3a", b"earlier")
    assert [tail for tail, _ in state.rows(b"a")] == [b"\3a", b"\3b", b"\3c"]
    state.seal(1, 2, None)


def test_what_a_walk_met_is_not_believed_after_a_restore(state: State) -> None:
    state.put(b"a", b"\1", b"old")
    state.seal(1, 1, b"m")
    state.wait_flushed()
    state.dump(1, 1, *ALL)
    (dumped,) = (each for each in wait_for(state, Dumped) if isinstance(each, Dumped))
    state.delete(b"a", b"\1")
    state.seal(1, 2, None)
    state.wait_flushed()
    assert list(state.rows(b"a")) == []
    state.restore(1, 1, b"m", *ALL, dumped.chunks)
    assert state.wait_flushed() == [Restored(1)]
    state.put(b"a", b"\2", b"new")
    state.seal(1, 2, None)
    assert [tail for tail, _ in state.rows(b"a")] == [b"\1", b"\2"]


def test_rows_must_be_sealed_before_they_leave(state: State) -> None:
    write(state, 1)
    state.put(b"unsealed", b"\1", b"x")
    with pytest.raises(AssertionError, match="sealed"):
        state.flush()


def test_a_tail_that_is_too_long_changes_nothing(state: State) -> None:
    with pytest.raises(ValueError, match="range"):
        state.put(b"h", bytes(256), b"")
    write(state, 1)
    state.wait_flushed()
    assert rows(state) == expected(1)
