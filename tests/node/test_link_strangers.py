"""What strangers can do to a node's links: nothing but lose their own. Limits hold, with real sockets."""

import socket
from collections.abc import Iterator

import pytest

from node import link
from node.config import FRAME_BYTES_MAX, LINK_HANDSHAKE_SECONDS
from node.frame import HEADER, VERSION, encode_frame
from node.handshake import hello_row
from node.ports import Kind, LinkDown
from tests.node.wired import Wired, client_hello, node_hello


@pytest.fixture
def wired() -> Iterator[Wired]:
    made = Wired()
    yield made
    made.close()


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket() as own:
        own.settimeout(10)
        yield own


def reach(stranger: socket.socket, address: str) -> None:
    host, port = address.split(":")
    stranger.connect((host, int(port)))


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x00" * 4096,
    HEADER.pack(VERSION, Kind.HELLO, 2**32 - 1, 0),
    encode_frame(Kind.RAFT, ()),
    encode_frame(Kind.HELLO, "hello"),
    encode_frame(Kind.HELLO, (3, b"c", 2, 1, "", ())),
    encode_frame(Kind.HELLO, (1, b"c", 2, 1, "", ((1, 2),))),
    encode_frame(Kind.HELLO, (1, b"x" * 100_000, 2, 1, "", ())),
    encode_frame(Kind.HELLO, hello_row(client_hello())) + encode_frame(Kind.RAFT, ((1, 1, 2, b""),)),
    encode_frame(Kind.HELLO, hello_row(client_hello())) + encode_frame(Kind.REPLIES, ()),
    encode_frame(Kind.HELLO, hello_row(client_hello())) + encode_frame(Kind.HELLO, hello_row(client_hello())),
    encode_frame(Kind.HELLO, hello_row(client_hello())) + HEADER.pack(VERSION, Kind.REQUESTS, FRAME_BYTES_MAX + 1, 0),
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_closes_its_own_link_only(wired: Wired, stranger: socket.socket, garbage: bytes) -> None:
    node, client, there, here = wired.pair()
    reach(stranger, node.links._listener.address if node.links._listener else "")
    stranger.sendall(garbage)
    wired.until(lambda: node.links.statistics.malformed == 1)
    assert node.up() == {there: 0}
    client.links.send(here, Kind.REQUESTS, ((1, 2, 3, b"x"),))
    wired.until(lambda: node.payloads(Kind.REQUESTS) == [((1, 2, 3, b"x"),)])
    assert node.notes[-1][0] == "link closed"


def test_a_newcomer_who_says_nothing_is_closed_after_a_while(wired: Wired, stranger: socket.socket) -> None:
    node = wired.end(node_hello(1))
    reach(stranger, node.listen())
    wired.until(lambda: node.links.statistics.accepted)
    assert node.links.wake_at == wired.now + LINK_HANDSHAKE_SECONDS
    wired.now += LINK_HANDSHAKE_SECONDS - 0.1
    wired.turn()
    assert len(node.links._links) == 1
    wired.now += 0.1
    wired.turn()
    assert stranger.recv(1) == b""
    assert node.events == [], "nobody was told of it, so nobody is told of its end"


def test_too_many_newcomers_push_the_oldest_out(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "LINKS_HALF_OPEN_MAX", 3)
    node, client, _, _ = wired.pair()
    assert node.links._listener is not None
    newcomers = []
    for count in range(1, 6):
        newcomers.append(socket.socket())
        reach(newcomers[-1], node.links._listener.address)
        wired.until(lambda count=count: node.links.statistics.accepted == 1 + count)
    assert len(node.links._half_open) == 3
    assert node.up() and client.up(), "who stands is not touched"
    for each in newcomers:
        each.close()
    wired.settle()


def test_without_descriptors_a_node_goes_deaf_for_a_moment(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    node, client = wired.end(node_hello(1)), wired.end(client_hello())
    address = node.listen()
    listener = node.links._listener
    assert listener is not None
    real = listener._socket

    class Full:
        def accept(self) -> None:
            raise OSError(24, "Too many open files")

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    listener._socket = Full()  # type: ignore[assignment]
    client.links.dial(1, address, wired.now)
    wired.until(lambda: ("no link accepted", {"why": "[Errno 24] Too many open files"}) in node.notes)
    assert node.links.wake_at == wired.now + 0.5
    wired.turn()
    assert len(node.notes) == 1, "it is not asked again and again"
    listener._socket = real
    wired.now += 0.5
    wired.until(client.up)
    assert listener.deaf_until == float("inf")


def test_an_outbox_that_nobody_empties_closes_its_link(
    wired: Wired, stranger: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "OUTBOX_BYTES_MAX", 4 << 20)
    node = wired.end(node_hello(1))
    reach(stranger, node.listen())
    stranger.sendall(encode_frame(Kind.HELLO, hello_row(client_hello())))
    wired.until(node.up)
    there, sent = next(iter(node.up())), 0
    while node.links.send(there, Kind.REPLIES, ((sent, b"x" * 100_000),)):
        node.links.flush()
        sent += 1
        assert sent < 1000, "the limit holds"
    assert node.links.wake_at == 0.0
    wired.turn()
    assert node.events[-1] == LinkDown(there, 0)
    assert node.links.statistics.overfull == 1
