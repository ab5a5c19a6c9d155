"""TLS on links: both sides prove that they belong to the cluster, and a client's proof is none of a node."""

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.certificates import make_authority, make_certificate
from node.errors import AddressError, Malformed, NodeError
from node.frame import encode_frame
from node.handshake import hello_row
from node.ports import Frame, Kind, LinkDown, LinkUp
from node.tls import PLAIN_BYTES_MAX, Tls, TlsPipe, load
from tests.node.wired import Wired, client_hello, node_hello


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ours` holds a node's and a client's certificate of one authority, `theirs` those of another."""
    top = tmp_path_factory.mktemp("tls")
    for name in ("ours", "theirs"):
        make_authority(top / f"{name}-authority")
        make_certificate(top / f"{name}-authority", top / name)
        make_certificate(top / f"{name}-authority", top / name, "client", node=False)
    return top


@pytest.fixture(scope="module")
def ours(folder: Path) -> Tls:
    return load(folder / "ours")


@pytest.fixture
def wired() -> Iterator[Wired]:
    made = Wired()
    yield made
    made.close()


def test_nodes_and_clients_talk(wired: Wired, ours: Tls, folder: Path) -> None:
    first, second = wired.end(node_hello(1), ours), wired.end(node_hello(2), ours)
    client = wired.end(client_hello(), load(folder / "ours", "client"))
    address = first.links.listen("0.0.0.0:0").replace("0.0.0.0", "127.0.0.1")
    second.links.dial(1, address, wired.now)
    asking = client.links.dial(1, address, wired.now)
    wired.until(lambda: len(first.up()) == 2 and second.up() and client.up())
    client.links.send(asking, Kind.REQUESTS, ((1, 2, 3, b"x" * 3 * PLAIN_BYTES_MAX),))
    wired.until(lambda: first.of(Frame))
    answering = first.of(Frame)[0].link
    assert first.payloads(Kind.REQUESTS) == [((1, 2, 3, b"x" * 3 * PLAIN_BYTES_MAX),)]
    first.links.send(answering, Kind.REPLIES, ((1, b"y" * 5_000_000),))
    wired.until(lambda: client.of(Frame))
    assert client.payloads(Kind.REPLIES) == [((1, b"y" * 5_000_000),)]
    first.links.hang_up(answering)
    wired.until(lambda: client.of(LinkDown))
    assert second.up()


def test_many_small_frames_keep_their_order(wired: Wired, ours: Tls) -> None:
    first, second = wired.end(node_hello(1), ours), wired.end(node_hello(2), ours)
    link = second.links.dial(1, first.listen(), wired.now)
    wired.until(second.up)
    for number in range(200):
        second.links.send(link, Kind.RAFT, ((number, 1, 2, b"m" * number),))
        if number % 7 == 0:
            second.links.flush()
    wired.until(lambda: len(first.of(Frame)) == 200)
    assert [payload[0][0] for payload in first.payloads(Kind.RAFT)] == list(range(200))


def test_a_client_cannot_stand_for_a_node(wired: Wired, ours: Tls, folder: Path) -> None:
    node, fraud = wired.end(node_hello(1), ours), wired.end(node_hello(2), load(folder / "ours", "client"))
    fraud.links.dial(1, node.listen(), wired.now)
    wired.until(lambda: fraud.events)
    assert fraud.links.trouble == "refused: the certificate is not that of a node"
    assert not node.events


def test_a_client_cannot_answer_for_a_node(wired: Wired, ours: Tls, folder: Path) -> None:
    fraud, node = wired.end(node_hello(1), load(folder / "ours", "client")), wired.end(node_hello(2), ours)
    node.links.dial(1, fraud.listen(), wired.now)
    wired.until(lambda: node.events)
    assert node.events == [LinkDown(-1, 1)]
    assert node.links.trouble.startswith("TLS: ")


@pytest.mark.parametrize("name", ["node", "client"])
def test_another_authority_proves_nothing(wired: Wired, ours: Tls, folder: Path, name: str) -> None:
    node, foreign = wired.end(node_hello(1), ours), wired.end(node_hello(2), load(folder / "theirs", name))
    foreign.links.dial(1, node.listen(), wired.now)
    wired.until(lambda: foreign.events and node.links.statistics.malformed)
    assert foreign.of(LinkUp) == node.of(LinkUp) == []


def test_plain_bytes_to_a_tls_port_close_that_link_only(wired: Wired, ours: Tls) -> None:
    node, other = wired.end(node_hello(1), ours), wired.end(node_hello(2), ours)
    address = node.listen()
    other.links.dial(1, address, wired.now)
    wired.until(node.up)
    with socket.socket() as stranger:
        host, port = address.split(":")
        stranger.connect((host, int(port)))
        stranger.sendall(encode_frame(Kind.HELLO, hello_row(client_hello())))
        wired.until(lambda: node.links.statistics.malformed)
    assert node.up()


def test_tls_to_a_plain_port_fails(wired: Wired, ours: Tls) -> None:
    plain, other = wired.end(node_hello(1)), wired.end(node_hello(2), ours)
    other.links.dial(1, plain.listen(), wired.now)
    wired.until(lambda: other.events)
    assert other.events == [LinkDown(-1, 1)]
    assert not plain.events


def test_a_plain_client_learns_nothing_from_a_tls_port(wired: Wired, ours: Tls) -> None:
    node, plain = wired.end(node_hello(1), ours), wired.end(client_hello())
    plain.links.dial(1, node.listen(), wired.now)
    wired.until(lambda: plain.events)
    assert plain.events == [LinkDown(-1, 1)]


def test_damaged_tls_bytes_are_malformed(ours: Tls) -> None:
    here, there = TlsPipe(ours.dialling, serving=False), TlsPipe(ours.serving, serving=True)
    here.receive(b"")
    while not (here.established and there.established):
        there.receive(here.outgoing())
        here.receive(there.outgoing())
    here.send(b"plain")
    sent = bytearray(here.outgoing())
    assert b"plain" not in sent
    assert TlsPipe.receive(there, bytes(sent)) == b"plain"
    here.send(b"plain")
    sent = bytearray(here.outgoing())
    sent[-1] ^= 1
    with pytest.raises(Malformed, match="TLS"):
        there.receive(bytes(sent))


def test_missing_or_senseless_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match=r"TLS needs .*ca\.crt, which is not there"):
        load(tmp_path)
    for name in ("ca.crt", "node.crt", "node.key"):
        (tmp_path / name).write_text("nonsense")
    with pytest.raises(NodeError, match="cannot be used"):
        load(tmp_path)
    with pytest.raises(NodeError, match="holds no authority"):
        make_certificate(tmp_path, tmp_path / "new")


def test_keys_are_for_their_owner_only_and_never_overwritten(folder: Path) -> None:
    for key in (folder / "ours" / "node.key", folder / "ours-authority" / "ca.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(NodeError, match="not overwritten"):
        make_authority(folder / "ours-authority")
    with pytest.raises(NodeError, match="not overwritten"):
        make_certificate(folder / "ours-authority", folder / "ours")


def test_with_tls_every_address_may_be_listened_at(wired: Wired, ours: Tls) -> None:
    assert wired.end(node_hello(1), ours).links.listen("0.0.0.0:0").startswith("0.0.0.0:")
    with pytest.raises(AddressError, match="other machines"):
        wired.end(node_hello(1)).links.listen("0.0.0.0:0")
