"""Links: every socket of a process behind one selector, whose descriptor a driver waits for.

Owns listening, dialling, handshakes, outgoing bytes. Does not own what frames mean or when to dial again.

    links = Links(host.hello)                   # a client: Links(lambda: Hello(Role.CLIENT, b"", 0, 0, "", ()))
    address = links.listen("127.0.0.1:0")       # nodes only
    links.dial(2, "127.0.0.1:7402", now)        # then LinkUp(link, hello), or LinkDown(-1, 2) and `links.trouble`
    for event in links.poll(now, seconds): …    # LinkUp, LinkDown, Frame
    links.send(link, Kind.REQUESTS, rows)       # encoded at once, kept
    links.flush()                               # one send for each link
Read next: node/drivers/engine.py, node/connection.py, node/sockets.py.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.address import is_literal
from node.config import LINK_HANDSHAKE_SECONDS, LINKS_HALF_OPEN_MAX, OUTBOX_BYTES_MAX
from node.connection import Connection
from node.errors import Malformed
from node.frame import encode_frame, encode_frames
from node.handshake import NO_NODE, SEVERAL, hello_row, judge, kinds_from, newer_stays, read_hello
from node.ports import Frame, Hello, Kind, LinkDown, LinkUp, Role
from node.sockets import READ, WRITE, Listener, Place, Poller, connect_trouble, connecting, look_up, resolve_here, tune
from node.tls import Tls, TlsPipe

RECEIVED_BYTES_MAX = 256 << 10  # one recv
_new = tuple.__new__  # three times as fast as Frame(…)
Resolve = Callable[[str, Callable[[list[Place] | str], None]], None]


@dataclass(slots=True)
class LinkStatistics:
    """Counts since the start."""

    accepted: int = 0
    dialled: int = 0
    refused: int = 0  # handshakes that failed by the other side's Hello or our limits
    malformed: int = 0  # links closed for bytes without sense
    overfull: int = 0  # links closed because their outbox was full


class Links:
    """All links of one process.

    1. A link's number is never used twice. Its events are LinkUp, then Frames, then LinkDown.
    2. Between two nodes stands one link; if both dialled at once, both keep the same one.
    3. Bytes without sense close the link they came by, and nothing else.
    4. What waits to be sent on a link is at most OUTBOX_BYTES_MAX; beyond, the link is closed.
    5. All of it belongs to one thread at a time, but `wake` and `wait`.
    """

    def __init__(
        self,
        hello: Callable[[], Hello],
        tls: Tls | None = None,
        resolve: Resolve = resolve_here,
        note: Callable[..., None] = lambda event, **facts: None,
    ) -> None:
        """`hello` says who we are; `resolve` looks names up (a loop must not wait for it: node/drivers/resolver.py);
        `note(event, **facts)` is told what an operator may want to read, never a secret."""
        self._hello = hello
        self._tls = tls
        self._resolve = resolve
        self._note = note
        self._poller = Poller()
        self.wake, self.wait, self.watch = self._poller.wake, self._poller.wait, self._poller.watch
        self._links: dict[int, Connection] = {}
        self._half_open: dict[int, Connection] = {}
        self._of_node: dict[int, Connection] = {}
        self._dirty: list[Connection] = []
        self._events: list[Any] = []
        self._resolved: deque[tuple[int, list[Place] | str]] = deque()
        self._numbers = 0
        self._buffer = bytearray(RECEIVED_BYTES_MAX)
        self._view = memoryview(self._buffer)
        self._listener: Listener | None = None
        self._now = 0.0
        self.statistics = LinkStatistics()
        self.trouble = ""

    # -- for drivers -----------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """A descriptor that is readable when `poll` has something to do."""
        return self._poller.descriptor

    @property
    def wake_at(self) -> float:
        """When `poll` must be called next even if nothing is ready: now (0), at a handshake's deadline, or never."""
        if self._events or self._resolved:
            return 0.0
        first = next(iter(self._half_open.values())).deadline if self._half_open else float("inf")
        return first if self._listener is None else min(first, self._listener.deaf_until)

    def poll(self, now: float, seconds: float = 0.0) -> list[Any]:
        """What has happened; waits up to `seconds` for something if nothing has. `now` is the node's clock."""
        self._now = now
        for key, mask in self._poller.select(0.0 if self._events or self._resolved else seconds):
            link = key.data
            if type(link) is not Connection:
                link()
            elif link.socket is None:
                pass  # dropped by an earlier event of this poll
            elif link.connecting:
                self._on_connected(link)
            else:
                if mask & WRITE:
                    self._write(link)
                if mask & READ and link.socket is not None:
                    self._receive(link)
        while self._resolved:
            self._on_resolved(*self._resolved.popleft())
        if self._half_open:
            self._end_late(now)
        if self._listener is not None and now >= self._listener.deaf_until:
            self._listener.hear_again()
        events, self._events = self._events, []
        return events

    def watched_ready(self) -> bool:
        """Whether a descriptor of `watch` was ready in a poll since the last call."""
        ready, self._poller.watched_ready = self._poller.watched_ready, False
        return ready

    def close(self) -> None:
        """Close everything; nothing is told any more."""
        for link in list(self._links.values()):
            self._forget(link)
        if self._listener is not None:
            self._listener.close()
        self._poller.close()
        self._events.clear()

    # -- listening -------------------------------------------------------------------------------------------------

    def listen(self, address: str, insecure: bool = False) -> str:
        """Take links at an address; returns it with the port in use. Raises `AddressError`.

        Any address that other machines can reach needs TLS, or `insecure` in so many words.
        """
        assert self._listener is None, "a process listens once"
        self._listener = Listener(address, self._tls is not None or insecure, self._poller, self._accept)
        return self._listener.address

    def _accept(self) -> None:
        assert self._listener is not None, "only a listener is accepted from"
        for own in self._listener.accept(self._now, self._note):
            if len(self._half_open) >= LINKS_HALF_OPEN_MAX:
                oldest = next(iter(self._half_open.values()))
                self._refused(oldest, f"{LINKS_HALF_OPEN_MAX} handshakes are under way; this is the oldest")
            self.statistics.accepted += 1
            link = self._new(0, dialled=False)
            link.socket = own
            tune(own)
            if self._tls is not None:
                link.tls = TlsPipe(self._tls.serving, serving=True)
            self._poller.register(own, READ, link)

    # -- dialling --------------------------------------------------------------------------------------------------

    def dial(self, node: int, address: str, now: float) -> int:
        """Make a link to an address where `node` is expected (0 or less: whoever answers); returns its number.

        LinkUp follows, or LinkDown(-1, node).
        """
        self._now = now
        self.statistics.dialled += 1
        link = self._new(node, dialled=True)

        def resolved(places: list[Place] | str) -> None:
            self._resolved.append((link.number, places))
            self.wake()

        host = address.rpartition(":")[0].strip("[]")
        if is_literal(host):
            self._on_resolved(link.number, look_up(address))
        else:
            self._resolve(address, resolved)
        return link.number

    def _new(self, node: int, dialled: bool) -> Connection:
        self._numbers += 1
        link = Connection(self._numbers, node, dialled, self._now + LINK_HANDSHAKE_SECONDS)
        self._links[link.number] = self._half_open[link.number] = link
        return link

    def _on_resolved(self, number: int, places: list[Place] | str) -> None:
        link = self._links.get(number)
        if link is None:
            return  # its deadline was sooner
        if isinstance(places, str):
            self._drop(link, places)
        else:
            link.places = places
            self._connect(link, "no address")

    def _connect(self, link: Connection, why: str) -> None:
        """Try the next place of a link that is being dialled."""
        while link.places:
            place = link.places.pop(0)
            try:
                link.socket = connecting(place)
            except OSError as error:
                why = f"{place[1][0]}: {error.strerror or error}"
                continue
            self._poller.register(link.socket, WRITE, link)
            return
        self._drop(link, why)

    def _on_connected(self, link: Connection) -> None:
        why = connect_trouble(link.socket)
        if why:
            self._poller.unregister(link.socket)
            link.socket.close()
            link.socket = None
            self._connect(link, why)
            return
        link.connecting = False
        self._poller.modify(link.socket, READ, link)
        if self._tls is None:
            self._say(link, Kind.HELLO, hello_row(self._hello()))
        else:
            link.tls = TlsPipe(self._tls.dialling, serving=False)
            self._take(link, b"")  # the first bytes of TLS are ours

    def _end_late(self, now: float) -> None:
        for link in [link for link in self._half_open.values() if link.deadline <= now]:
            self._drop(link, f"no handshake within {LINK_HANDSHAKE_SECONDS:g} s")

    # -- handshake -------------------------------------------------------------------------------------------------

    def _greet(self, link: Connection, kind: int, payload: Any) -> None:
        """The first frame of a link."""
        if kind == Kind.REFUSED:
            self._refused(link, f"refused: {payload}" if type(payload) is str else "refused")
            return
        theirs, own = read_hello(payload), self._hello()
        if theirs is None:
            raise Malformed("a Hello of the wrong form")
        why = judge(own, theirs, link.dialled, link.node)
        if why is None and theirs.role == Role.NODE and link.tls is not None and not link.tls.proves_node():
            why = NO_NODE
        if why is None and theirs.role == own.role == Role.NODE and not self._stays(link, own.node, theirs):
            why = SEVERAL
        if why is not None:
            if not link.dialled:
                self._say(link, Kind.REFUSED, why)
                link.farewell()
            self._refused(link, why)
            return
        if not link.dialled:
            self._say(link, Kind.WELCOME, hello_row(own))
        self._stand(link, own, theirs)

    def _stays(self, link: Connection, own: int, theirs: Hello) -> bool:
        """Whether a new link to a node stays beside the one that stands; the other one is dropped."""
        old = self._of_node.get(theirs.node)
        if old is None or old.hello is None:
            return True
        stays = newer_stays(
            own, theirs.node, (old.hello.life, old.dialled), (theirs.life, link.dialled), self._now - old.since
        )
        if stays:
            self._drop(old, "a newer link took its place")
        return stays

    def _stand(self, link: Connection, own: Hello, theirs: Hello) -> None:
        del self._half_open[link.number]
        link.up, link.hello, link.since = True, theirs, self._now
        if theirs.role == Role.NODE:
            link.node = theirs.node
            if own.role == Role.NODE:
                self._of_node[theirs.node] = link
        link.decoder.stand(kinds_from(own, theirs))
        self._events.append(LinkUp(link.number, theirs))

    def _refused(self, link: Connection, why: str) -> None:
        self.statistics.refused += 1
        self._drop(link, why)

    # -- receiving -------------------------------------------------------------------------------------------------

    def _receive(self, link: Connection) -> None:
        try:
            count = link.socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(link, error.strerror or str(error))
            return
        if count:
            self._take(link, self._view[:count])
        else:
            self._drop(link, "the other side closed it")

    def _take(self, link: Connection, received: bytes | memoryview) -> None:
        """Bytes have come."""
        try:
            if link.up:
                frames = link.decoder.feed(received) if link.tls is None else link.frames(received)
                self._events += [_new(Frame, (link.number, kind, payload)) for kind, payload in frames]
            else:
                self._take_first(link, received)
        except Malformed as error:
            self.statistics.malformed += 1
            self._drop(link, str(error))

    def _take_first(self, link: Connection, received: bytes | memoryview) -> None:
        """Bytes of a handshake; frames may stand right behind its last one."""
        tls = link.tls
        before = tls is None or tls.established
        try:
            frames = link.frames(received)
        finally:
            if tls is not None:  # TLS has things of its own to say, also at a bad end
                link.farewell()
        if tls is not None and link.dialled and tls.established and not before:
            self._say(link, Kind.HELLO, hello_row(self._hello()))
        for kind, payload in frames:
            self._greet(link, kind, payload)
            if link.up:
                self._events += [Frame(link.number, *frame) for frame in link.decoder.feed(b"")]

    # -- sending ---------------------------------------------------------------------------------------------------

    def send(self, number: int, kind: int, payload: Any) -> bool:
        """Keep a frame for the next `flush`; False if the link is gone (or goes now: its outbox is full)."""
        link = self._links.get(number)
        if link is None or not link.up:
            return False
        try:
            waiting = link.keep(*encode_frames(kind, payload))
        except ValueError as error:
            self._drop(link, str(error))
            return False
        if waiting > OUTBOX_BYTES_MAX:
            self.statistics.overfull += 1
            self._drop(link, "its outbox is full: the other side does not keep up")
            return False
        if not link.dirty:
            link.dirty = True
            self._dirty.append(link)
        return True

    def flush(self) -> None:
        """Give what was kept to the kernel, as far as it takes it; the rest follows by `poll`."""
        dirty, self._dirty = self._dirty, []
        for link in dirty:
            link.dirty = False
            if not link.writing and link.socket is not None:
                self._write(link)

    def hang_up(self, number: int) -> None:
        """Close a link; LinkDown follows."""
        link = self._links.get(number)
        if link is not None:
            self._drop(link, "we hung up")

    def _say(self, link: Connection, kind: int, payload: Any) -> None:
        link.keep(encode_frame(kind, payload))
        if not link.dirty:
            link.dirty = True
            self._dirty.append(link)

    def _write(self, link: Connection) -> None:
        """Send once; wait for room if something is left."""
        try:
            left = link.write()
        except OSError as error:
            self._drop(link, error.strerror or str(error))
            return
        if left != link.writing:
            link.writing = left
            self._poller.modify(link.socket, READ | WRITE if left else READ, link)

    # -- the end ---------------------------------------------------------------------------------------------------

    def _drop(self, link: Connection, why: str) -> None:
        """Close a link and tell it."""
        self.trouble = why
        self._note("link closed", link=link.number, node=link.node, up=link.up, why=why)
        number, node, up = link.number, link.node, link.up
        self._forget(link)
        if up:
            self._events.append(LinkDown(number, node))
        elif link.dialled and node not in self._of_node:
            self._events.append(LinkDown(-1, node))

    def _forget(self, link: Connection) -> None:
        own, link.socket, link.up = link.socket, None, False
        self._links.pop(link.number, None)
        self._half_open.pop(link.number, None)
        if self._of_node.get(link.node) is link:
            del self._of_node[link.node]
        if own is not None:
            self._poller.unregister(own)
            own.close()
