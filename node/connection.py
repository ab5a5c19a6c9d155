"""One connection: a socket that is handed in, what came by it, what waits to leave it, and its TLS.

Owns the outbox and the decoder of one link. Does not own the selector, handshakes or events (node/link.py).
"""

from typing import Any

from node.errors import Malformed
from node.frame import FrameDecoder
from node.handshake import HELLO_BYTES_MAX
from node.ports import Hello, Kind
from node.tls import TlsPipe


class Connection:
    """One link's end.

    1. `up`: the handshake is done, and `hello` is what the other side said in it.
    2. `socket` is None before a dialled link has one and after the link is gone; nothing is read or written then.
    3. Plain frames wait in `outbox`; what the kernel did not take of an earlier send, in `backlog`, goes first.
    """

    __slots__ = (
        "backlog", "connecting", "deadline", "decoder", "dialled", "dirty", "hello", "node", "number", "outbox",
        "outbox_bytes", "places", "since", "socket", "tls", "up", "writing",
    )  # fmt: skip

    def __init__(self, number: int, node: int, dialled: bool, deadline: float) -> None:
        self.number = number
        self.node = node
        self.dialled = dialled
        self.deadline = deadline
        self.socket: Any = None
        self.places: list[tuple[int, Any]] = []
        self.connecting = dialled
        self.up = False
        self.since = 0.0
        self.hello: Hello | None = None
        self.tls: TlsPipe | None = None
        kinds = frozenset((Kind.WELCOME, Kind.REFUSED) if dialled else (Kind.HELLO,))
        self.decoder = FrameDecoder(kinds, HELLO_BYTES_MAX, single=True)
        self.outbox: list[bytes] = []
        self.outbox_bytes = 0
        self.backlog: bytes | memoryview = b""
        self.dirty = False
        self.writing = False

    def keep(self, *frames: bytes) -> int:
        """Put frames into the outbox; returns the bytes that wait now."""
        for frame in frames:
            self.outbox.append(frame)
            self.outbox_bytes += len(frame)
        return self.outbox_bytes + len(self.backlog)

    def frames(self, received: bytes | memoryview) -> list[tuple[int, Any]]:
        """The frames that these bytes complete. Raises `Malformed`."""
        if self.tls is not None:
            received = self.tls.receive(received)
        return self.decoder.feed(received)

    def write(self) -> bool:
        """Send once as much as the kernel takes; whether something is left. Raises OSError."""
        backlog = self.backlog
        if not backlog:
            backlog = self._next_bytes()
            if not backlog:
                return False
        try:
            sent = self.socket.send(backlog)
        except BlockingIOError:
            sent = 0
        if sent == len(backlog):
            self.backlog = b""
            return bool(self.outbox)
        self.backlog = memoryview(backlog)[sent:]
        return True

    def _next_bytes(self) -> bytes:
        """Everything in the outbox as the bytes that the socket shall carry."""
        outbox, tls = self.outbox, self.tls
        if tls is not None and not tls.established:
            return tls.outgoing()
        plain = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        self.outbox_bytes = 0
        if tls is None:
            return plain
        if plain:
            tls.send(plain)
        return tls.outgoing()

    def farewell(self) -> None:
        """A last try to send what waits; the connection is closed next."""
        try:
            self.write()
        except (OSError, Malformed):
            pass
