"""Three real processes: what was acknowledged outlives kill -9."""

import threading

import pytest
from click.testing import CliRunner

import argosy
from argosy.cli import main
from bench.cluster import Cluster, wait_for
from ranges.keys import USER
from ranges.placement.messages import ListRanges

WRITERS = 4


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(str(tmp_path_factory.mktemp("cluster"))) as made:
        made.start(3)
        yield made


class Writer(threading.Thread):
    """Counts up under a key of its own; `acknowledged` is the last value that was answered."""

    def __init__(self, address: str, name: bytes) -> None:
        super().__init__()
        self.address, self.key = address, name
        self.acknowledged = self.sent = 0
        self.stop = threading.Event()
        self.progress = threading.Event()

    def run(self) -> None:
        with argosy.connect(self.address) as db:
            while not self.stop.is_set():
                self.sent += 1
                try:
                    db.put(self.key, b"%d" % self.sent)
                except (argosy.OutcomeUnknown, argosy.Unavailable):
                    continue
                self.acknowledged = self.sent
                self.progress.set()


def wait_for_progress(writers: list[Writer]) -> None:
    for each in writers:
        each.progress.clear()
    for each in writers:
        assert each.progress.wait(30.0), f"{each.key!r} writes nothing any more"


def leader_place(cluster: Cluster) -> int:
    return cluster.place_of(cluster.order(ListRanges(USER, 1)).ranges[0].leader)


def test_no_acknowledged_write_is_lost_when_the_leader_is_killed(cluster):
    writers = [Writer(cluster.address(), b"writer-%d" % number) for number in range(WRITERS)]
    for each in writers:
        each.start()
    wait_for_progress(writers)
    place = leader_place(cluster)
    cluster.kill(place)
    wait_for_progress(writers)
    cluster.restart(place)
    cluster.wait_healthy(3)
    wait_for_progress(writers)
    for each in writers:
        each.stop.set()
    for each in writers:
        each.join()
    with argosy.connect(cluster.address()) as db:
        for each in writers:
            assert each.acknowledged <= int(db[each.key]) <= each.sent


def test_a_leader_moves_on_order(cluster):
    found = cluster.ranges()[0]
    target = next(each.node for each in found.descriptor.replicas if each.node != found.leader)

    def moved() -> bool:
        order = ["move", str(found.descriptor.group), str(target), "--at", cluster.address()]
        return CliRunner().invoke(main, order).exit_code == 0 and cluster.ranges()[0].leader == target

    wait_for("the leader to move", moved)


def test_all_nodes_killed_at_once_come_back_with_everything(cluster):
    with argosy.connect(cluster.address()) as db:
        db.batch((b"%04d" % number, b"v%d" % number) for number in range(1000))
    for place in (1, 2, 3):
        cluster.kill(place)
    for place in (1, 2, 3):
        cluster.restart(place)
    cluster.wait_healthy(3)
    with argosy.connect(cluster.address()) as db:
        assert dict(db.scan("0", "1")) == {b"%04d" % number: b"v%d" % number for number in range(1000)}


def test_the_nearest_replica_answers_reads_and_snapshots(cluster):
    other = next(place for place in (1, 2, 3) if place != leader_place(cluster))
    with argosy.connect(cluster.addresses[other - 1], reads="nearest") as db:
        for number in range(50):
            db["nearby"] = b"%d" % number
            assert db["nearby"] == b"%d" % number
        with db.transaction() as tx:
            tx["nearby"] = b"%s!" % tx["nearby"]
        db["nearby"] = b"50"
        with db.snapshot(tx.timestamp) as past:
            assert past["nearby"] == b"49!"
        with db.snapshot(staleness=60.0) as past:
            assert past.timestamp and set(past.scan("0", "1")) <= set(db.scan("0", "1"))
