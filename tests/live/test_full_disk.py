"""Real processes whose disk is full for a while: they stay up, lose nothing, and go on by themselves."""

import shutil
import subprocess
import sys
import textwrap

import pytest

import argosy
from bench.cluster import Cluster, wait_for
from bench.processes import children
from tests.node.full import limit_files

VALUE = bytes(20_000)
SECONDS = 120.0


@pytest.fixture
def cluster(tmp_path):
    with Cluster(str(tmp_path)) as made:
        made.start(1)
        yield made


def sizes(cluster: Cluster) -> int:
    """The size of the largest of a node's files."""
    return max(each.stat().st_size for each in (cluster.folder / "n1").rglob("data.mdb"))


def limit(cluster: Cluster, size: int) -> None:
    """No file of the node, nor of its writer, grows beyond this size; -1: as before."""
    process = cluster.processes[0].pid
    for each in (process, *children(process)):
        limit_files(each, size)


def write_until_full(db: argosy.Database) -> tuple[dict[bytes, bytes], int]:
    """What was acknowledged, and the number of the first write that was not."""
    acknowledged: dict[bytes, bytes] = {}
    for number in range(10_000):
        key = b"%05d" % number
        try:
            db.put(key, VALUE)
        except (argosy.OutcomeUnknown, argosy.Unavailable):
            return acknowledged, number
        acknowledged[key] = VALUE
    raise AssertionError("the disk was never full")


def test_a_node_whose_files_cannot_grow_waits_and_goes_on(cluster):
    with argosy.connect(cluster.addresses[0]) as db:
        db._core.seconds = 2.0
        db[b"key"] = b"value"
        limit(cluster, sizes(cluster) + (1 << 20))
        acknowledged, first = write_until_full(db)
        assert cluster.processes[0].poll() is None, "the node is up"
        assert db[b"key"] == b"value", "and serves reads"
        limit(cluster, -1)

        def written() -> bool:
            db.put(b"%05d" % first, VALUE)
            return True

        db._core.seconds = 10.0
        wait_for("a write after room was made", written)
        assert dict(db.scan("0", "9")) == {**acknowledged, b"%05d" % first: VALUE}
    assert acknowledged


def test_a_node_that_is_killed_without_room_has_everything_when_there_is_some(cluster):
    with argosy.connect(cluster.addresses[0]) as db:
        db._core.seconds = 2.0
        limit(cluster, sizes(cluster) + (1 << 20))
        acknowledged, first = write_until_full(db)
    cluster.kill(1)
    cluster.restart(1)
    cluster.wait_healthy(1)
    with argosy.connect(cluster.addresses[0]) as db:
        found = dict(db.scan("0", "9"))
        found.pop(b"%05d" % first, None)  # its outcome was unknown
        assert found == acknowledged
        db[b"key"] = b"value"


SMALL_DISK = """
import os, sys, time
import argosy

place, data = sys.argv[1], sys.argv[1] + "/data"
ballast = place + "/ballast"


def leave(free):
    with open(ballast, "wb") as file:
        rest = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize - free
        os.posix_fallocate(file.fileno(), 0, rest)
    time.sleep(1.5)


def refused(db):
    try:
        db[b"refused"] = b"never"
    except argosy.Unavailable as error:
        return str(error)
    raise AssertionError("the write was taken")


acknowledged = {}


def write(db, count):
    for number in range(len(acknowledged), len(acknowledged) + count):
        key = b"%05d" % number
        db[key] = bytes(1000)
        acknowledged[key] = bytes(1000)


with argosy.open(data) as db:
    db._core.seconds = 3.0
    write(db, 200)
    for free in (3 << 20, 0):
        leave(free)
        print(refused(db))
        assert dict(db.scan()) == acknowledged
        os.unlink(ballast)
        time.sleep(1.5)
        write(db, 200)
    leave(0)
with argosy.open(data + "/../data") as db:  # a start finds no room for its next life, and says so
    raise AssertionError("it started")
"""


def test_a_node_on_a_small_disk_refuses_writes_in_time_and_takes_them_again(tmp_path):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("needs a namespace in which a small disk may be mounted")
    script = tmp_path / "small_disk.py"
    script.write_text(textwrap.dedent(SMALL_DISK))
    place = tmp_path / "disk"
    place.mkdir()
    shell = 'mount -t tmpfs -o size=40m none "$1" && exec "$2" "$3" "$1"'
    command = ["unshare", "-rm", "sh", "-c", shell, "sh", str(place), sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    last = done.stderr.splitlines()[-1] if done.stderr else ""
    assert "DirectoryError" in last, done.stderr
    assert "No space left on device" in last
    assert "make room there and start again" in last
    assert len(done.stdout.splitlines()) == 2
