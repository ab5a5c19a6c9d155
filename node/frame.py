"""Frames: how messages lie on a byte stream.

Owns the header and its checks: version, kind, length (against a limit before anything is kept for it), checksum.
Does not own sockets (node/link.py) or what a payload means (node/ports.py, `Kind`). A frame is
`version, kind, length, crc32 of the payload begun with the kind` and the payload, plain CBOR (node/codec.py).

    stream += encode_frame(Kind.REQUESTS, ((copy, group, span, body), …))
    for kind, payload in FrameDecoder(kinds).feed(received): …

Read next: node/link.py.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Any
from zlib import crc32

from node.codec import decode_plain, encode_plain
from node.config import FRAME_BYTES_MAX
from node.errors import Malformed
from node.ports import Kind

VERSION = 0xA1  # of frames and of everything in them that is not a class of its own
HEADER = Struct(">BBII")
GATHERED = frozenset((Kind.REQUESTS, Kind.REPLIES, Kind.RAFT, Kind.SUPPORT))  # payloads that are rows, free to part


def encode_frame(kind: int, payload: Any) -> bytes:
    """One frame. Raises ValueError if the payload is larger than a frame may be."""
    body = encode_plain(payload)
    if len(body) > FRAME_BYTES_MAX:
        raise ValueError(f"a {Kind(kind).name} frame of {len(body)} bytes; the limit is {FRAME_BYTES_MAX}")
    return HEADER.pack(VERSION, kind, len(body), crc32(body, kind)) + body


def encode_frames(kind: int, payload: Any) -> list[bytes]:
    """The payload as one frame; as several, in order, if it is rows that are too large for one. Raises ValueError."""
    try:
        return [encode_frame(kind, payload)]
    except ValueError:
        if kind not in GATHERED or len(payload) < 2:
            raise
    middle = len(payload) // 2
    return encode_frames(kind, payload[:middle]) + encode_frames(kind, payload[middle:])


class FrameDecoder:
    """Bytes as they come, to whole frames.

    1. What is kept for a frame that has not come whole is what came of it, never what its header promises.
    2. After `Malformed` the stream has no meaning any more: its link must be closed.
    """

    __slots__ = ("_need", "_rest", "kinds", "limit", "single")

    def __init__(self, kinds: Iterable[int] = tuple(Kind), limit: int = FRAME_BYTES_MAX, single: bool = False) -> None:
        """`kinds` are those that may come and `limit` is in payload bytes; `single`: one frame for each `feed`."""
        self.kinds = frozenset(kinds)
        self.limit = limit
        self.single = single
        self._rest = bytearray()
        self._need = HEADER.size

    def stand(self, kinds: frozenset[int]) -> None:
        """The handshake is done: these kinds may come now, as many and as large as frames may be."""
        self.kinds, self.limit, self.single = kinds, FRAME_BYTES_MAX, False

    def feed(self, received: bytes | memoryview) -> list[tuple[int, Any]]:
        """The frames, (kind, payload), that are whole now. Nothing of `received` is held. Raises `Malformed`."""
        rest = self._rest
        if rest:
            rest += received
            if len(rest) < self._need:
                return []
            self._rest = bytearray()
        frames: list[tuple[int, Any]] = []
        view = memoryview(rest or received)
        start, size, head = 0, len(view), HEADER.size
        self._need = head
        while size - start >= head:
            version, kind, length, checksum = HEADER.unpack_from(view, start)
            if version != VERSION or kind not in self.kinds or length > self.limit:
                raise Malformed(self._trouble(version, kind, length))
            end = start + head + length
            if end > size:
                self._need = head + length
                break
            body = view[start + head : end]
            if crc32(body, kind) != checksum:
                raise Malformed(f"a frame of kind {kind} with {length} bytes has a wrong checksum")
            frames.append((kind, decode_plain(body)))
            start = end
            if self.single:
                break
        if start < size:
            self._rest = bytearray(view[start:])
        return frames

    def _trouble(self, version: int, kind: int, length: int) -> str:
        if version != VERSION:
            return f"bytes are not a frame of version {VERSION:#x} (found {version:#x}): another program or version?"
        if kind not in self.kinds:
            return f"a frame of kind {kind} may not come here"
        return f"a frame of kind {kind} names {length} bytes; the limit is {self.limit}"
