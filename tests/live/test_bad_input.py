"""A node that cannot start says why in one line; a node that runs shrugs bad bytes off."""

import random
import signal
import socket
import subprocess
import sys

import pytest

import argosy
from bench.cluster import Cluster
from bench.processes import free_ports

SECONDS = 30.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(str(tmp_path_factory.mktemp("cluster"))) as made:
        made.start(1)
        yield made


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "argosy.cli", "start", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_a_port_in_use(cluster, tmp_path):
    line = last_line(start("--data", str(tmp_path / "other"), "--listen", cluster.addresses[0]))
    assert cluster.addresses[0] in line
    assert "in use" in line


def test_a_directory_in_use(cluster):
    data = str(cluster.folder / "n1")
    line = last_line(start("--data", data, "--listen", f"127.0.0.1:{free_ports(1)[0]}"))
    assert data in line
    assert "in use" in line


def test_a_directory_of_something_else(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-anna.txt").write_text("Dear Anna")
    line = last_line(start("--data", str(tmp_path / "letters"), "--listen", f"127.0.0.1:{free_ports(1)[0]}"))
    assert "letters" in line
    assert (tmp_path / "letters" / "to-anna.txt").read_text() == "Dear Anna"


def test_nobody_to_join(tmp_path):
    nobody, own = (f"127.0.0.1:{port}" for port in free_ports(2))
    line = last_line(start("--data", str(tmp_path / "n"), "--listen", own, "--join", nobody))
    assert nobody in line


def test_a_directory_of_another_cluster_stays_there(cluster, tmp_path):
    with argosy.open(tmp_path / "data") as db:
        db[b"mine"] = b"here"
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command = [sys.executable, "-m", "argosy.cli", "start", "--data", str(tmp_path / "data"), "--listen", address]
    with subprocess.Popen([*command, "--join", cluster.addresses[0]], stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline() + process.stderr.readline()
        with argosy.connect(address) as db:
            assert db[b"mine"] == b"here"
        process.terminate()
        assert process.wait(SECONDS) == 0
    assert "--join is ignored" in line
    assert [each.address for each in cluster.nodes()] == cluster.addresses


GARBAGE = {
    "random": random.Random(1).randbytes(4096),
    "zeros": bytes(4096),
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "huge length": b"\xff" * 64,
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_on_the_port_ends_that_connection_only(cluster, name):
    host, port = cluster.addresses[0].split(":")
    with socket.create_connection((host, int(port)), SECONDS) as stranger:
        stranger.sendall(GARBAGE[name])
        stranger.shutdown(socket.SHUT_WR)
        while stranger.recv(4096):
            pass  # a refusal in words is allowed; the end must come
    with argosy.connect(cluster.addresses[0]) as db:
        db[b"still"] = b"here"
        assert db[b"still"] == b"here"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_node_cleanly(cluster, number):
    with argosy.connect(cluster.addresses[0]) as db:
        db[b"key"] = b"value"
    process = cluster.processes[0]
    process.send_signal(number)
    assert process.wait(SECONDS) == 0
    cluster.restart(1)
    cluster.wait_healthy(1)
    with argosy.connect(cluster.addresses[0]) as db:
        assert db[b"key"] == b"value"
