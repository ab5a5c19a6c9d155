"""The writer's commits, without its process: whole frames, in order, synced, and the first error is final."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node import writer
from node.errors import DiskError, Malformed
from node.layout import unpack
from node.writer import Answer, Committer, Order, Splitter, decode_chunk, encode_chunk, frame
from tests.node.refuse_sync import run, supported


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "state").mkdir()
    yield tmp_path / "state"


@pytest.fixture
def committer(place: Path) -> Iterator[Committer]:
    opened = Committer(place)
    yield opened
    opened.close()


def order(
    sequence: int, rows: dict[bytes, bytes | None], marks: dict[int, tuple[int, bytes | None]]
) -> tuple[object, ...]:
    """Rows with tails of one byte."""
    indexes, values = zip(*marks.values(), strict=True)
    return Order.ROWS, sequence, tuple(marks), indexes, values, b"\1" * len(rows), tuple(rows), tuple(rows.values())


def held(committer: Committer) -> dict[bytes, bytes]:
    with committer._environment.begin(db=committer._layout.rows) as transaction:
        return {key: stored[:1] + unpack(key, stored, "here") for key, stored in transaction.cursor()}


def test_rows_wait_for_the_commit(committer: Committer) -> None:
    assert committer.take(order(1, {b"at": b"x", b"bt": b"y"}, {1: (5, b"m")})) == []
    assert committer.waiting
    assert held(committer) == {}
    assert committer.take(order(2, {b"at": None, b"ct": b""}, {1: (6, None), 2: (1, b"n")})) == []
    assert committer.take((Order.COMMIT, 3)) == [(Answer.COMMITTED, 3)]
    assert not committer.waiting
    assert held(committer) == {b"bt": b"\1y", b"ct": b"\1"}
    assert committer._layout.read_marks() == {1: (6, b"m"), 2: (1, b"n")}


def test_rows_without_their_marks_are_not_committed(committer: Committer) -> None:
    committer.take((Order.ROWS, 1, (1,), (1,), ("no bytes",), b"\1", (b"at",), (b"x",)))
    with pytest.raises(TypeError):
        committer.take((Order.COMMIT, 2))
    assert held(committer) == {}
    assert committer._layout.read_marks() == {}


def test_deleted_rows_go(committer: Committer) -> None:
    committer.take(order(1, {b"%ct" % each: b"v" for each in b"abcdef"}, {1: (1, b"m")}))
    committer.take((Order.COMMIT, 2))
    committer.take(order(3, {b"at": None, b"zt": None, b"ct": None, b"dt": b"w"}, {1: (2, None)}))
    committer.take((Order.COMMIT, 4))
    assert held(committer) == {b"bt": b"\1v", b"dt": b"\1w", b"et": b"\1v", b"ft": b"\1v"}


def test_many_rows_are_committed_frame_by_frame(committer: Committer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_COMMIT", 2)
    assert committer.take(order(1, {b"at": b"1"}, {1: (1, b"")})) == []
    assert committer.take(order(2, {b"bt": b"2", b"ct": b"3"}, {1: (2, None)})) == [(Answer.COMMITTED, 2)]
    assert committer._layout.read_marks() == {1: (2, b"")}


def test_the_last_sequence_is_known_after_a_restart(place: Path) -> None:
    first = Committer(place)
    first.take(order(1, {b"at": b"1"}, {1: (1, b"")}))
    first.take((Order.COMMIT, 2))
    first.take(order(3, {b"bt": b"1"}, {1: (2, b"")}))
    first.close()
    second = Committer(place)
    assert second.sequence == 2
    assert held(second) == {b"at": b"\x011"}
    second.close()


def test_a_frame_is_not_committed_twice(committer: Committer) -> None:
    committer.take((Order.FORGET, 4, 1, b"tombstone", None))
    with pytest.raises(AssertionError, match="sequences rise"):
        committer.take((Order.FORGET, 4, 1, b"tombstone", None))


def test_a_restore_is_one_commit(committer: Committer) -> None:
    committer.take(order(1, {b"%ct" % each: b"old" for each in b"abcdef"}, {1: (1, b"m"), 2: (1, b"n"), 3: (1, b"o")}))
    committer.take((Order.COMMIT, 2))
    assert committer.take((Order.RESTORE, 3, 1, 9, b"new", b"b", b"e", ((2, b"tombstone"),), 2)) == []
    assert committer.take((Order.CHUNK, encode_chunk(b"\1", (b"bt",), (b"new",)))) == []
    assert len(held(committer)) == 6
    assert committer.take((Order.CHUNK, encode_chunk(b"\2", (b"dxx",), (b"",)))) == [(Answer.COMMITTED, 3)]
    assert list(held(committer).items()) == [
        (b"at", b"\1old"), (b"bt", b"\1new"), (b"dxx", b"\2"), (b"et", b"\1old"), (b"ft", b"\1old"),
    ]  # fmt: skip
    assert committer._layout.read_marks() == {1: (9, b"new"), 2: (0, b"tombstone"), 3: (1, b"o")}


def test_a_restore_with_a_wrong_chunk_changes_nothing(committer: Committer) -> None:
    committer.take(order(1, {b"bt": b"old"}, {1: (1, b"m")}))
    committer.take((Order.COMMIT, 2))
    committer.take((Order.RESTORE, 3, 1, 9, b"new", b"b", b"e", (), 2))
    committer.take((Order.CHUNK, encode_chunk(b"\1", (b"ct",), (b"new",))))
    with pytest.raises(Malformed, match="outside"):
        committer.take((Order.CHUNK, encode_chunk(b"\1", (b"et",), (b"beyond",))))
    assert held(committer) == {b"bt": b"\1old"}
    assert committer._layout.read_marks() == {1: (1, b"m")}


def test_a_span_of_a_restore_reaches_to_the_end(committer: Committer) -> None:
    committer.take(order(1, {b"%ct" % each: b"old" for each in b"abc"}, {1: (1, b"m")}))
    committer.take((Order.COMMIT, 2))
    assert committer.take((Order.RESTORE, 3, 1, 2, b"m", b"b", b"\xff", (), 0)) == [(Answer.COMMITTED, 3)]
    assert held(committer) == {b"at": b"\1old"}


@pytest.mark.parametrize("spoil", [lambda chunk: chunk[:-1], lambda chunk: b"1234" + chunk[4:], lambda _: b""])
def test_a_spoiled_chunk_is_refused(spoil: object) -> None:
    chunk = encode_chunk(b"\1\1", (b"at", b"bt"), (b"x", b"y"))
    assert decode_chunk(chunk, b"a", b"c") == (b"\1\1", (b"at", b"bt"), (b"x", b"y"))
    assert callable(spoil)
    with pytest.raises(Malformed):
        decode_chunk(spoil(chunk), b"a", b"c")


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(Malformed, match="columns"):
        decode_chunk(encode_chunk(b"\1", (b"at", b"bt"), (b"x", b"y")), b"a", b"c")


def test_frames_are_cut_out_of_any_pieces() -> None:
    stream = b"".join(frame((Order.COMMIT, number)) for number in range(50))
    for size in (1, 3, 7, len(stream)):
        splitter = Splitter()
        found = [each for place in range(0, len(stream), size) for each in splitter.take(stream[place : place + size])]
        assert found == [(2, number) for number in range(50)]


def test_a_full_disk_is_a_clean_error(place: Path) -> None:
    committer = Committer(place, map_bytes=400_000)
    committed = 0
    with pytest.raises(DiskError, match="MDB_MAP_FULL"):
        for turn in range(1, 20):
            committer.take(
                order(2 * turn, {b"%c%ct" % (turn, each): bytes(1500) for each in range(20)}, {1: (turn, b"m")})
            )
            committer.take((Order.COMMIT, 2 * turn + 1))
            committed = turn
    committer.close()
    again = Committer(place)
    assert again._layout.read_marks() == {1: (committed, b"m")}
    assert len(held(again)) == 20 * committed
    assert committed > 1
    again.close()


@pytest.mark.skipif(not supported, reason="needs seccomp")
def test_every_commit_asks_the_disk(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    first, waits, refused = run("writer", tmp_path / "state")
    assert first == f"[({Answer.COMMITTED!r}, 1)]"
    assert waits == "[]"
    assert "refused a commit" in refused
    assert "Input/output error" in refused
