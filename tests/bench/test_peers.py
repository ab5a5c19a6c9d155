"""What a peer is asked, and that nothing of it is left behind."""

import subprocess

import pytest

from bench import peers


def fields(body: bytes) -> list[tuple[int, int | bytes]]:
    """The protobuf fields of a message whose numbers and lengths have one byte."""
    found: list[tuple[int, int | bytes]] = []
    while body:
        number, kind, second = body[0] >> 3, body[0] & 7, body[1]
        value = body[2 : 2 + second] if kind == 2 else second
        found.append((number, value))
        body = body[2 + second * (kind == 2) :]
    return found


def test_a_transaction_compares_the_value_of_the_key_that_it_puts():
    method, body = peers.METHODS["txn"]
    assert method == "Txn"
    (compare, condition), (success, then) = fields(body)
    assert (compare, success) == (1, 2)
    assert fields(condition) == [(2, 3), (3, peers.KEY), (7, peers.VALUE)]  # target VALUE; key; value
    ((request_put, put),) = fields(then)
    assert request_put == 2
    assert fields(put) == [(1, peers.KEY), (2, peers.VALUE)]


def test_a_start_that_is_interrupted_leaves_no_member_and_no_folder(monkeypatch, tmp_path):
    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setenv("ARGOSY_BENCH_DIR", str(tmp_path))
    monkeypatch.setattr(peers.Etcd, "_start", lambda self, place: subprocess.Popen(["sleep", "600"]))
    monkeypatch.setattr(peers.Etcd, "_load", interrupted)
    etcd = peers.Etcd()
    with pytest.raises(KeyboardInterrupt), etcd:
        pass
    assert len(etcd._processes) == peers.MEMBERS
    assert all(process.poll() is not None for process in etcd._processes)
    assert list(tmp_path.iterdir()) == []
