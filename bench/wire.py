"""The wire protocol as the load generator speaks it: bodies encoded once and cut where they differ.

Owns `Cut` and the few frames that a load needs. The form of frames is node/frame.py's, that of bodies
node/codec.py's; nothing here knows more of them than where the varying bytes stand. Read next: bench/generator.py.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.keys import KEY_DIGITS
from node.codec import decode, encode
from node.frame import FrameDecoder, encode_frame
from node.handshake import hello_row
from node.messages import Busy, NoGroup, NotLeader
from node.ports import Hello, Kind, Role
from ranges.keys import USER
from ranges.messages import NotYet, StaleSpan
from txn.puts import Put
from txn.queries import Read
from txn.replies import Committed, Values

RECEIVE_BYTES = 1 << 18
ID_MARK = b"\xa1" * 16
KEY_MARK = b"\xa2" * KEY_DIGITS
TIMESTAMP_MARK = 0xA3A3A3A3A3A3A3A3
TIMESTAMP_BYTES = b"\x1b" + TIMESTAMP_MARK.to_bytes(8, "big")  # as CBOR writes a large integer
REFUSALS = (Busy, NoGroup, NotLeader, NotYet, StaleSpan)
TIMEOUT_SECONDS = 15.0
_buffer = bytearray(RECEIVE_BYTES)
_view = memoryview(_buffer)


@dataclass(frozen=True, slots=True)
class Route:
    """One range and its leader's address; the load's keys for it are numbers from `first` to below `last`."""

    address: str
    group: int
    span: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Cut:
    """An encoded request cut at its id, born, key and value, and the two ends of the reply that is hoped for."""

    pieces: tuple[bytes, bytes, bytes, bytes, bytes]
    reply_first: bytes
    reply_last: Callable[[bytes], bytes]

    @classmethod
    def put(cls, value_bytes: int) -> "Cut":
        """A one-shot put."""
        value = b"\xa4" * value_bytes
        body = encode(Put(ID_MARK, TIMESTAMP_MARK, USER + KEY_MARK, value))
        one, two, three, four, five = _split(body, ID_MARK, TIMESTAMP_BYTES, KEY_MARK, value)
        return cls((one, two, three, four, five), encode(Committed(0))[:-1], lambda _: b"")

    @classmethod
    def get(cls, value_bytes: int) -> "Cut":
        """A one-shot get."""
        value = b"\xa4" * value_bytes
        before, after = _split(encode(Read((USER + KEY_MARK,), 0)), KEY_MARK)
        first, rest = _split(encode(Values(TIMESTAMP_MARK, (value,))), TIMESTAMP_BYTES)
        head, tail = _split(rest, value)
        return cls((before, b"", b"", after, b""), first, lambda wanted: head + wanted + tail)

    def join(self, identity: bytes, born: bytes, key: bytes, value: bytes) -> bytes:
        """The request for this id, born (encoded), key and value, as `encode` would make it."""
        one, two, three, four, five = self.pieces
        return b"".join((one, identity, two, born, three, key, four, value, five))

    def told(self, body: bytes) -> bytes:
        """The timestamp, encoded, in the reply to a put."""
        return body[len(self.reply_first) :]

    def accepts(self, body: bytes, value: bytes) -> bool:
        """Is this the reply that was hoped for, with this value and any timestamp?"""
        return body.startswith(self.reply_first) and body.endswith(self.reply_last(value))


def _split(body: bytes, *marks: bytes) -> tuple[bytes, ...]:
    pieces = []
    for mark in marks:
        before, found, body = body.partition(mark)
        assert found, f"the encoding has no {len(mark)} bytes of {mark[:1]!r} in the order expected"
        pieces.append(before)
    return (*pieces, body)


def is_refusal(body: bytes) -> bool:
    """Does the reply only say that the request must go elsewhere, or come again?"""
    return isinstance(decode(body), REFUSALS)


class Connection:
    """A socket to the leader of one range, with the handshake done.

    1. `sent` maps a copy number to when it left and the number of its key, for what is not answered yet.
    """

    def __init__(self, route: Route) -> None:
        host, _, port = route.address.rpartition(":")
        self.route = route
        self.socket = socket.create_connection((host, int(port)), TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent: dict[int, tuple[float, int]] = {}
        self.waiting = b""
        self._decoder = FrameDecoder((Kind.WELCOME, Kind.REFUSED))
        self.socket.sendall(encode_frame(Kind.HELLO, hello_row(Hello(Role.CLIENT, b"", 0, 0, "", ()))))
        ((kind, payload),) = self._frames()
        if kind != Kind.WELCOME:
            raise SystemExit(f"the node at {route.address} refused the connection: {payload}")
        self._decoder = FrameDecoder((Kind.REPLIES,))

    def _frames(self) -> list[tuple[int, object]]:
        """At least one frame."""
        frames: list[tuple[int, object]] = []
        while not frames:
            frames = self._decoder.feed(self._receive())
        return frames

    def _receive(self) -> memoryview:
        count = self.socket.recv_into(_buffer)  # a fresh buffer for each receive would cost more than all the rest
        if not count:
            raise SystemExit(f"the node at {self.route.address} closed the connection")
        return _view[:count]

    def send(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """Send requests (copy, body) in one frame, as far as the kernel takes it; `flush` sends the rest."""
        group, span = self.route.group, self.route.span
        self.waiting += encode_frame(Kind.REQUESTS, [(copy, group, span, body) for copy, body in rows])
        self.flush()

    def flush(self) -> None:
        """Send what is left over."""
        try:
            self.waiting = self.waiting[self.socket.send(self.waiting) :]
        except BlockingIOError:
            pass

    def replies(self) -> list[tuple[int, bytes]]:
        """What has come: (copy, body)."""
        try:
            frames = self._decoder.feed(self._receive())
        except BlockingIOError:
            return []
        return [row for _, rows in frames for row in rows]

    def exchange(self, rows: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Send requests and wait for as many replies."""
        self.send(rows)
        found: list[tuple[int, bytes]] = []
        while len(found) < len(rows):
            found += self.replies()
        return found
