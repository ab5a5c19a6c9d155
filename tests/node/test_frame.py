"""Frames: whole ones come out however the bytes are cut; limits hold before anything is kept."""

import tracemalloc
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as some

from node.codec import encode_plain
from node.config import FRAME_BYTES_MAX
from node.errors import Malformed
from node.frame import HEADER, VERSION, FrameDecoder, encode_frame, encode_frames
from node.ports import Kind

ROWS = ((1, 2, 3, b"body"), (4, 5, 6, b""))


def frame(
    body: bytes = b"\x01", kind: int = Kind.RAFT, version: int = VERSION, length: int | None = None, sum_: int = -1
) -> bytes:
    return (
        HEADER.pack(version, kind, len(body) if length is None else length, crc32(body, kind) if sum_ < 0 else sum_)
        + body
    )


def test_frames_come_out_however_they_are_cut() -> None:
    sent = [(Kind.RAFT, ROWS), (Kind.REPLIES, ()), (Kind.SUPPORT, (b"x" * 300,)), (Kind.HELLO, (1, b"", "é"))]
    stream = b"".join(encode_frame(*each) for each in sent)
    for size in (1, 2, 3, 9, 10, 11, 50, len(stream) - 1, len(stream)):
        decoder = FrameDecoder()
        got = [each for at in range(0, len(stream), size) for each in decoder.feed(stream[at : at + size])]
        assert got == sent


def test_received_bytes_may_be_used_again_at_once() -> None:
    decoder, buffer = FrameDecoder(), bytearray(encode_frame(Kind.RAFT, ROWS) + b"\xa1")
    got = decoder.feed(memoryview(buffer))
    buffer[:] = b"\x00" * len(buffer)
    assert got == [(Kind.RAFT, ROWS)]
    assert decoder.feed(encode_frame(Kind.RAFT, ROWS)[1:]) == [(Kind.RAFT, ROWS)]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (frame(version=0x47), "not a frame of version 0xa1"),
        (frame(kind=0), "kind 0 may not come here"),
        (frame(kind=9), "kind 9 may not come here"),
        (frame(length=FRAME_BYTES_MAX + 1), "the limit is 8388608"),
        (frame(length=2**32 - 1), "names 4294967295 bytes"),
        (frame(sum_=5), "wrong checksum"),
        (frame(b""), "not valid CBOR"),
        (frame(b"\x01\x02"), "more than one value"),
    ],
)
def test_a_bad_frame_is_malformed(bad: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        FrameDecoder().feed(encode_frame(Kind.RAFT, ROWS) + bad)


def test_only_expected_kinds_come() -> None:
    with pytest.raises(Malformed, match="kind 6"):
        FrameDecoder((Kind.HELLO,)).feed(frame())


def test_every_flipped_bit_is_noticed() -> None:
    good = encode_frame(Kind.RAFT, ROWS)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            got = FrameDecoder().feed(bytes(bad))
        except Malformed:
            continue
        assert got == [], "a longer length only waits"


def test_four_gigabytes_are_refused_at_the_header() -> None:
    with pytest.raises(Malformed):
        FrameDecoder().feed(HEADER.pack(VERSION, Kind.RAFT, 2**32 - 1, 0))


def test_nothing_is_kept_for_what_a_header_promises() -> None:
    decoder = FrameDecoder()
    tracemalloc.start()
    assert decoder.feed(HEADER.pack(VERSION, Kind.RAFT, FRAME_BYTES_MAX, 0) + b"\x01" * 100) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4096


def test_single_gives_one_frame_a_time_and_stand_ends_it() -> None:
    decoder = FrameDecoder((Kind.HELLO,), limit=100, single=True)
    hello, raft = encode_frame(Kind.HELLO, 1), encode_frame(Kind.RAFT, (b"x" * 500,))
    assert decoder.feed(hello + raft + raft[:20]) == [(Kind.HELLO, 1)]
    decoder.stand(frozenset((Kind.RAFT,)))
    assert decoder.feed(b"") == [(Kind.RAFT, (b"x" * 500,))]
    assert decoder.feed(raft[20:]) == [(Kind.RAFT, (b"x" * 500,))]


def test_a_limit_of_its_own() -> None:
    with pytest.raises(Malformed, match="the limit is 3"):
        FrameDecoder(limit=3).feed(encode_frame(Kind.RAFT, "four"))


def test_rows_too_large_for_one_frame_are_parted_in_order() -> None:
    rows = tuple((copy, b"x" * (1 << 20)) for copy in range(20))
    decoder = FrameDecoder()
    frames = encode_frames(Kind.REPLIES, rows)
    assert len(frames) > 2
    assert tuple(row for each in frames for _, part in decoder.feed(each) for row in part) == rows


@pytest.mark.parametrize(
    ("kind", "payload"), [(Kind.SNAPSHOT, (1, b"x" * FRAME_BYTES_MAX)), (Kind.REPLIES, ((1, b"x" * FRAME_BYTES_MAX),))]
)
def test_what_cannot_be_parted_is_refused(kind: Kind, payload: Any) -> None:
    with pytest.raises(ValueError, match=f"a {kind.name} frame of"):
        encode_frames(kind, payload)


@given(some.lists(some.binary(max_size=40) | some.sampled_from([frame(), frame(b"\x80"), encode_plain(ROWS)])))
def test_any_bytes_are_frames_or_malformed(parts: list[bytes]) -> None:
    decoder = FrameDecoder()
    try:
        for part in parts:
            decoder.feed(part)
    except Malformed:
        return
    assert len(decoder._rest) <= sum(map(len, parts))


@given(some.binary(max_size=60), some.sampled_from(list(Kind)))
def test_a_right_frame_around_any_bytes_is_a_frame_or_malformed(body: bytes, kind: Kind) -> None:
    try:
        ((got, _),) = FrameDecoder().feed(frame(body, kind))
    except Malformed:
        return
    assert got == kind
