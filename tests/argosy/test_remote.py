"""A client's connection: dead addresses among its seeds, interruption, and a node that goes away."""

import pytest

import argosy
from bench.processes import free_ports
from node.errors import AddressError


@pytest.fixture
def node(tmp_path):
    with argosy.open(tmp_path / "data", listen="127.0.0.1:0") as db:
        yield db


def address_of(db):
    return db._runner.engine.links._listener.address


def test_one_living_seed_is_enough(node):
    dead = [f"127.0.0.1:{port}" for port in free_ports(2)]
    with argosy.connect(f"{dead[0]}, {dead[1]}, {address_of(node)}") as db:
        db["a"] = b"1"
    assert node["a"] == b"1"


def test_all_seeds_dead_is_told_at_once():
    addresses = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
    with pytest.raises(AddressError, match=f"no node answers at {addresses}"), argosy.connect(addresses):
        pass


def test_an_interrupted_connection_is_not_used_again(node, monkeypatch):
    with argosy.connect(address_of(node)) as db:
        links = db._runner._connection.links
        with monkeypatch.context() as patched:
            patched.setattr(links, "poll", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                db.get("a")
        with pytest.raises(argosy.Unavailable, match="interrupted"):
            db.get("a")
    with argosy.connect(address_of(node)) as db:
        assert db.get("a") is None


def test_an_iteration_that_is_left_early_holds_nothing(node):
    node.batch((b"%04d" % number, b"x" * 1000) for number in range(3000))
    with argosy.connect(address_of(node)) as db:
        for _ in db.scan():
            break
        assert db["0001"] == b"x" * 1000
