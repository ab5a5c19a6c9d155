"""Links over loopback: handshakes, one link for each pair, limits, and what a stranger cannot do."""

import socket
from collections.abc import Iterator

import pytest

from node import connection, link
from node.config import FRAME_BYTES_MAX, LINK_HANDSHAKE_SECONDS
from node.errors import AddressError
from node.frame import FrameDecoder, encode_frame
from node.handshake import SEVERAL, hello_row, newer_stays
from node.ports import Frame, Kind, LinkDown, LinkUp, Role
from node.sockets import READ
from tests.node.wired import End, Wired, client_hello, node_hello


@pytest.fixture
def wired() -> Iterator[Wired]:
    made = Wired()
    yield made
    made.close()


def test_a_client_asks_and_is_answered(wired: Wired) -> None:
    node, client, there, here = wired.pair()
    assert client.of(LinkUp) == [LinkUp(here, node_hello(1))]
    assert node.of(LinkUp) == [LinkUp(there, client_hello())]
    assert client.links.send(here, Kind.REQUESTS, ((1, 2, 3, b"x"),))
    assert client.links.send(here, Kind.REQUESTS, ((2, 2, 3, b"y"),))
    wired.until(lambda: len(node.of(Frame)) == 2)
    assert node.payloads(Kind.REQUESTS) == [((1, 2, 3, b"x"),), ((2, 2, 3, b"y"),)]
    assert node.links.send(there, Kind.REPLIES, ((1, b"X"), (2, b"Y")))
    wired.until(lambda: client.of(Frame))
    assert client.events[-1] == Frame(here, Kind.REPLIES, ((1, b"X"), (2, b"Y")))


def test_frames_right_behind_the_welcome_are_taken(wired: Wired) -> None:
    client = wired.end(client_hello())
    early = encode_frame(Kind.REPLIES, ((1, b"early"),))
    with socket.create_server(("127.0.0.1", 0)) as server:
        client.links.dial(1, f"127.0.0.1:{server.getsockname()[1]}", wired.now)
        answering, _ = server.accept()
        with answering:
            answering.sendall(encode_frame(Kind.WELCOME, hello_row(node_hello(1))) + early + early[:7])
            wired.until(lambda: client.of(Frame))
            answering.sendall(early[7:])
            wired.until(lambda: len(client.of(Frame)) == 2)
    assert [type(each) for each in client.events] == [LinkUp, Frame, Frame]


def test_a_closed_link_is_told_to_both(wired: Wired) -> None:
    node, client, there, here = wired.pair()
    node.links.hang_up(there)
    wired.until(lambda: client.of(LinkDown))
    assert node.events[-1] == LinkDown(there, 0)
    assert client.events[-1] == LinkDown(here, 1)
    assert not client.links.send(here, Kind.REQUESTS, ())
    assert not node.links.send(there, Kind.REPLIES, ())
    node.links.hang_up(there)


def test_nobody_answers(wired: Wired) -> None:
    client = wired.end(client_hello())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client.links.dial(3, f"127.0.0.1:{port}", wired.now)
    wired.until(lambda: client.events)
    assert client.events == [LinkDown(-1, 3)]
    assert client.links.trouble == "Connection refused"


def test_a_name_is_tried_at_all_its_places(wired: Wired) -> None:
    node = wired.end(node_hello(1))
    port = int(node.listen().split(":")[1])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    places = [(socket.AF_INET, ("127.0.0.1", closed)), (socket.AF_INET, ("127.0.0.1", port))]
    client = wired.end(client_hello(), resolve=lambda address, done: done(places))
    client.links.dial(1, "somewhere:1", wired.now)
    wired.until(client.up)


def test_a_name_that_does_not_resolve(wired: Wired) -> None:
    client = wired.end(client_hello(), resolve=lambda address, done: done(f"cannot resolve {address!r}: no such name"))
    client.links.dial(4, "nowhere.invalid:1", wired.now)
    assert client.links.wake_at == 0.0
    wired.until(lambda: client.events)
    assert client.events == [LinkDown(-1, 4)]
    assert client.links.trouble == "cannot resolve 'nowhere.invalid:1': no such name"


def test_a_name_that_resolves_too_late_is_not_dialled(wired: Wired) -> None:
    asked = []
    client = wired.end(client_hello(), resolve=lambda address, done: asked.append(done))
    client.links.dial(4, "slow:1", wired.now)
    wired.now += LINK_HANDSHAKE_SECONDS
    wired.until(lambda: client.events)
    asked[0]([(socket.AF_INET, ("127.0.0.1", 1))])
    wired.settle()
    assert client.events == [LinkDown(-1, 4)]


@pytest.mark.parametrize(
    ("own", "theirs", "wanted", "why"),
    [
        (node_hello(1), node_hello(2, cluster=b"d"), 1, "this node belongs to cluster 63, not to 64"),
        (node_hello(1, cluster=b""), node_hello(2, cluster=b""), 1, "this node belongs to cluster (none yet), not to"),
        (node_hello(1), client_hello(b"d"), 1, "this node belongs to cluster 63, not to 64"),
        (node_hello(2), node_hello(2), 2, "node 2 is this node itself, or no node"),
        (node_hello(2), node_hello(-1), 2, "node -1 is this node itself, or no node"),
    ],
)
def test_who_does_not_belong_is_refused_and_told_why(
    wired: Wired, own: link.Hello, theirs: link.Hello, wanted: int, why: str
) -> None:
    node, other = wired.end(own), wired.end(theirs)
    other.links.dial(wanted, node.listen(), wired.now)
    wired.until(lambda: other.events)
    assert other.events == [LinkDown(-1, wanted)]
    assert other.links.trouble.startswith(f"refused: {why}")
    assert node.events == []
    assert node.links.statistics.refused == other.links.statistics.refused == 1


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (node_hello(9), "node 9 answered where node 1 was expected"),
        (node_hello(1, cluster=b"d"), "who answered belongs to cluster 64, not to 63"),
        (client_hello(), "who answered is not a node"),
    ],
)
def test_who_answers_must_be_who_was_meant(wired: Wired, answers: link.Hello, why: str) -> None:
    client = wired.end(client_hello(b"c"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        client.links.dial(1, f"127.0.0.1:{server.getsockname()[1]}", wired.now)
        answering, _ = server.accept()
        with answering:
            answering.sendall(encode_frame(Kind.WELCOME, hello_row(answers)))
            wired.until(lambda: client.events)
    assert client.events == [LinkDown(-1, 1)]
    assert client.links.trouble == why


def both_dial(wired: Wired) -> tuple[End, End]:
    first, second = wired.end(node_hello(1)), wired.end(node_hello(2))
    addresses = first.listen(), second.listen()
    first.links.dial(2, addresses[1], wired.now)
    second.links.dial(1, addresses[0], wired.now)
    return first, second


def test_two_that_dial_each_other_keep_one_link(wired: Wired) -> None:
    first, second = both_dial(wired)
    wired.settle()
    assert list(first.up().values()) == [2]
    assert list(second.up().values()) == [1]
    ours, theirs = next(iter(first.up())), next(iter(second.up()))
    assert first.links._links[ours].dialled and not second.links._links[theirs].dialled, "the smaller node's"
    assert len(first.links._links) == len(second.links._links) == 1
    assert LinkDown(-1, 1) not in second.events, "a link stands: the lost dial is nothing to tell"
    first.links.send(ours, Kind.RAFT, ((1, 1, 2, b"m"),))
    wired.until(lambda: second.of(Frame))


def test_a_second_link_between_two_nodes_takes_the_place_of_the_first(wired: Wired) -> None:
    first, second = wired.end(node_hello(1)), wired.end(node_hello(2))
    address = first.listen()
    old = second.links.dial(1, address, wired.now)
    wired.until(first.up)
    wired.now += 60
    new = second.links.dial(1, address, wired.now)
    wired.until(lambda: len(first.of(LinkUp)) == 2)
    wired.settle()
    assert list(first.up().values()) == [2]
    assert second.up() == {new: 1}
    assert LinkDown(old, 1) in second.events


def test_a_restarted_node_is_taken_at_once(wired: Wired) -> None:
    first, second = wired.end(node_hello(1)), wired.end(node_hello(2))
    address = first.listen()
    second.links.dial(1, address, wired.now)
    wired.until(first.up)
    again = wired.end(node_hello(2, life=2))
    again.links.dial(1, address, wired.now)
    wired.until(again.up)
    wired.settle()
    assert list(first.up().values()) == [2]
    assert not second.up()
    late = wired.end(node_hello(2, life=1))
    late.links.dial(1, address, wired.now)
    wired.until(lambda: late.events)
    assert late.links.trouble == f"refused: {SEVERAL}"


@pytest.mark.parametrize(
    ("own", "other", "old", "new", "seconds", "stays"),
    [
        (1, 2, (5, True), (6, True), 0.0, True),  # it restarted
        (1, 2, (5, True), (4, True), 99.0, False),  # late, from a former life
        (1, 2, (5, True), (5, True), 0.0, True),  # the same side dialled again
        (1, 2, (5, True), (5, False), 0.0, False),  # both dialled: the smaller node's stays
        (1, 2, (5, False), (5, True), 0.0, True),
        (2, 1, (5, True), (5, False), 0.0, True),
        (2, 1, (5, False), (5, True), 0.0, False),
        (1, 2, (5, True), (5, False), 2.5, True),  # not at once: the other side has lost the old one
    ],
)
def test_which_of_two_links_stays(
    own: int, other: int, old: tuple[int, bool], new: tuple[int, bool], seconds: float, stays: bool
) -> None:
    assert newer_stays(own, other, old, new, seconds) == stays


def test_what_the_kernel_does_not_take_follows_in_order(wired: Wired) -> None:
    node, client, there, _ = wired.pair()
    rows = [((copy, bytes([copy]) * 300_000),) for copy in range(30)]
    for row in rows:
        assert node.links.send(there, Kind.REPLIES, row)
        node.links.flush()
    assert node.links._links[there].writing
    wired.until(lambda: len(client.of(Frame)) == 30)
    assert client.payloads(Kind.REPLIES) == rows
    wired.settle()
    assert not node.links._links[there].writing


def test_a_reply_too_large_for_any_frame_ends_the_link_not_the_node(wired: Wired) -> None:
    node, client, there, here = wired.pair()
    assert not node.links.send(there, Kind.REPLIES, ((1, b"x" * FRAME_BYTES_MAX),))
    wired.until(lambda: client.of(LinkDown))
    assert client.events[-1] == LinkDown(here, 1)


def test_wake_from_anywhere_ends_a_wait(wired: Wired) -> None:
    end = wired.end(node_hello(1))
    for _ in range(2):
        end.links.wake()
        end.links.wake()
        end.links.wait(60)
        assert end.links.poll(wired.now, 60) == []
    end.links.wait(0)


def test_a_watched_descriptor_ends_a_wait(wired: Wired) -> None:
    end = wired.end(node_hello(1))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        end.links.watch(ours.fileno(), READ)
        theirs.send(b"x")
        assert end.links.poll(wired.now, 60) == []
        ours.recv(1)
        end.links.watch(ours.fileno(), READ)
        end.links.watch(ours.fileno(), 0)
        theirs.send(b"x")
        end.links.wait(0)
        assert end.links.poll(wired.now) == []
        end.links.watch(ours.fileno(), 0)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("0.0.0.0:0", "other machines can reach 0.0.0.0:0"),
        ("[::]:0", "other machines can reach"),
        ("127.0.0.1", "is not an address: write host:port"),
        ("::1:80", "for IPv6"),
        ("127.0.0.1:65536", "a port is at most 65535"),
        ("127.0.0.1:²", "is not an address"),
        (":80", "is not an address"),
        ("256.1.1.1.invalid:80", "cannot resolve"),
        ("203.0.113.1:80", "other machines can reach"),
    ],
)
def test_addresses_that_are_not_listened_at(wired: Wired, address: str, why: str) -> None:
    end = wired.end(node_hello(1))
    with pytest.raises(AddressError) as raised:
        end.links.listen(address)
    assert why in str(raised.value)


def test_a_port_in_use_is_named(wired: Wired) -> None:
    address = wired.end(node_hello(1)).listen()
    with pytest.raises(AddressError, match=f"cannot listen at {address}: Address already in use"):
        wired.end(node_hello(2)).links.listen(address)


def test_insecure_listens_anywhere(wired: Wired) -> None:
    end = wired.end(node_hello(1))
    assert end.links.listen("0.0.0.0:0", insecure=True).startswith("0.0.0.0:")


def test_a_refusal_without_a_text_is_one_too(wired: Wired) -> None:
    client = wired.end(client_hello())
    with socket.create_server(("127.0.0.1", 0)) as server:
        client.links.dial(1, f"127.0.0.1:{server.getsockname()[1]}", wired.now)
        answering, _ = server.accept()
        with answering:
            answering.sendall(encode_frame(Kind.REFUSED, (1, 2)))
            wired.until(lambda: client.events)
    assert client.links.trouble == "refused"


def test_close_in_the_middle_of_everything(wired: Wired) -> None:
    _, client, _, here = wired.pair()
    client.links.send(here, Kind.REQUESTS, ((1, 1, 1, b""),))
    client.links.dial(2, "127.0.0.1:1", wired.now)
    client.links.hang_up(here)
    client.links.close()
    wired.ends.remove(client)


def test_a_connection_is_never_written_to_after_its_end() -> None:
    lonely = connection.Connection(1, 2, dialled=True, deadline=0.0)
    assert not lonely.write(), "nothing waits: no socket is touched"
    assert isinstance(lonely.decoder, FrameDecoder)
    assert Role(2) is Role.CLIENT
