"""Sockets and the selector behind which they stand: all that touches the operating system's network.

Owns look-up, listening and dialling sockets and their options, and `Poller`: one selector, a way to wake it from any
thread, and descriptors of others that it watches. Does not own links (node/link.py).
"""

import os
import selectors
import socket
from collections.abc import Callable
from typing import Any

from node.address import is_loopback, parse, written
from node.errors import AddressError

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
BACKLOG = 1024
ACCEPTS_PER_POLL_MAX = 64
DEAF_SECONDS = 0.5  # without accepting, when the process is out of descriptors
SILENCE_SECONDS = 10  # after which TCP gives an unanswering machine up
FOREVER_SECONDS = 86_400.0  # a longer wait has no end
Place = tuple[int, Any]  # a socket family and an address of that family
Socket = socket.socket


def look_up(address: str) -> list[Place] | str:
    """Where an address may be reached, or why not. Blocks if its host is a name."""
    try:
        host, port = parse(address)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except AddressError as error:
        return str(error)
    except (OSError, UnicodeError) as error:
        return f"cannot resolve {address!r}: {error}"
    return [(family, place) for family, _, _, _, place in found]


def resolve_here(address: str, done: Callable[[list[Place] | str], None]) -> None:
    """Look a name up while the caller waits."""
    done(look_up(address))


def connecting(place: Place) -> Socket:
    """A socket on its way to a place. Raises OSError."""
    family, where = place
    own = socket.socket(family, socket.SOCK_STREAM)
    tune(own)
    try:
        own.connect(where)
    except BlockingIOError:
        pass
    except OSError:
        own.close()
        raise
    return own


def connect_trouble(own: Socket) -> str:
    """Why a connection that was under way did not come about; empty if it did."""
    failure = own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return os.strerror(failure) if failure else ""


def tune(own: Socket) -> None:
    """The options of every link's socket."""
    own.setblocking(False)
    own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, number in (("TCP_KEEPIDLE", SILENCE_SECONDS), ("TCP_USER_TIMEOUT", SILENCE_SECONDS * 1000)):
        option = getattr(socket, name, None)
        if option is not None:
            own.setsockopt(socket.IPPROTO_TCP, option, number)


class Poller:
    """One selector.

    1. All of it belongs to one thread at a time, but `wake` (any thread) and `wait` (one thread beside).
    2. What a thread did before `wake` is seen by whoever polls after it.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        descriptor = self._selector.fileno()
        assert isinstance(descriptor, int), "this platform's selector has no descriptor"
        self.descriptor = descriptor
        self._waiter = selectors.DefaultSelector()
        self._waiter.register(descriptor, READ)
        self._watched: dict[int, int] = {}
        self._woken = False
        self.watched_ready = False  # a watched descriptor was; who looks after them sets it back
        self._wake_source, self._wake_target = os.pipe()
        for each in (self._wake_source, self._wake_target):
            os.set_blocking(each, False)
        self._selector.register(self._wake_source, READ, self._on_wake)
        self.register, self.modify, self.unregister = (
            self._selector.register,
            self._selector.modify,
            self._selector.unregister,
        )

    def select(self, seconds: float) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready, waiting so long for something; `key.data` is what was registered."""
        return self._selector.select(seconds if seconds < FOREVER_SECONDS else None)

    def wait(self, seconds: float) -> None:
        """Wait until something is ready, and take nothing: for a thread that does not poll."""
        self._waiter.select(seconds if seconds < FOREVER_SECONDS else None)

    def wake(self) -> None:
        """End a `select` or `wait`, or let the next one return at once. Any thread."""
        if not self._woken:
            self._woken = True
            os.write(self._wake_target, b"!")

    def watch(self, descriptor: int, events: int) -> None:
        """Have somebody else's descriptor end a wait when it is ready (READ, WRITE; 0: no more)."""
        if descriptor in self._watched:
            self._selector.unregister(descriptor)
            del self._watched[descriptor]
        if events:
            self._watched[descriptor] = events
            self._selector.register(descriptor, events, self._on_watched)

    def close(self) -> None:
        """Close the selector; the sockets are their owners'."""
        self._waiter.close()
        self._selector.close()
        os.close(self._wake_source)
        os.close(self._wake_target)

    def _on_watched(self) -> None:
        self.watched_ready = True

    def _on_wake(self) -> None:
        os.read(self._wake_source, 64)
        self._woken = False


class Listener:
    """A listening socket behind a poller, which calls `ready` when somebody wants a link.

    `deaf_until` is when `hear_again` is due, after the process had no descriptors left; infinity while it hears.
    """

    def __init__(self, address: str, safe: bool, poller: Poller, ready: Callable[[], None]) -> None:
        """Raises `AddressError`; also if it is not `safe` and other machines can reach the address."""
        self._socket = _listening(address, safe)
        self._poller = poller
        self._ready = ready
        self.deaf_until = float("inf")
        poller.register(self._socket, READ, ready)
        self.address = written(*self._socket.getsockname()[:2])

    def accept(self, now: float, note: Callable[..., None]) -> list[Socket]:
        """The sockets of those who want a link, some at a time."""
        accepted: list[Socket] = []
        try:
            for _ in range(ACCEPTS_PER_POLL_MAX):
                accepted.append(self._socket.accept()[0])
        except BlockingIOError:
            pass
        except OSError as error:
            note("no link accepted", why=str(error))
            self._poller.unregister(self._socket)
            self.deaf_until = now + DEAF_SECONDS
        return accepted

    def hear_again(self) -> None:
        """Try again whether there are descriptors."""
        self.deaf_until = float("inf")
        self._poller.register(self._socket, READ, self._ready)

    def close(self) -> None:
        """Listen no more."""
        if self.deaf_until == float("inf"):
            self._poller.unregister(self._socket)
        self._socket.close()


def _listening(address: str, safe: bool) -> Socket:
    """A listening socket. Raises `AddressError`; also if it is not `safe` and other machines can reach the address."""
    places = look_up(address)
    if isinstance(places, str):
        raise AddressError(places)
    if not safe and not all(is_loopback(place[0]) for _, place in places):
        raise AddressError(f"other machines can reach {address}: give TLS files, or say that it may be insecure")
    family, place = places[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressError(f"cannot listen at {address}: {error.strerror or error}") from error
    return listener
