"""Real processes: two of three nodes are lost for ever; the third begins again, and hears nobody of the old cluster."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import argosy
from argosy import remote
from argosy.cli import main
from bench.cluster import Cluster, wait_for
from node.directory import open_stopped
from ranges.placement.messages import ClusterStatus, Rules, SetRules, StatusIs
from tests.live.test_cluster import Writer, wait_for_progress

ROWS = {b"%04d" % number: b"value %d" % number for number in range(1000)}
SURVIVOR, RETURNING = 2, 1


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(str(tmp_path_factory.mktemp("recover"))) as made:
        made.start(3)
        yield made


def order(*arguments: object) -> Result:
    done = CliRunner().invoke(main, ["recover", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


def node_at(folder: Path) -> tuple[int, bytes]:
    directory = open_stopped(folder)
    assert directory.identity is not None
    directory.close()
    return directory.identity.node, directory.identity.cluster


def status(cluster: Cluster) -> StatusIs:
    found: StatusIs = cluster.order(ClusterStatus())
    return found


def test_the_third_of_three_begins_again(cluster, tmp_path):
    with argosy.connect(cluster.address()) as db:
        db.batch(ROWS.items())
    cluster.split_at([b"0300", b"0600"])
    with argosy.connect(cluster.address()) as db:
        present = {key: db.get(key) for key in ROWS}
    assert present == ROWS
    cluster.wait_healthy(3)
    for place in (1, 2, 3):  # all at once: the survivor's log is longer than its rows
        cluster.kill(place)
    folders = {place: cluster.folder / f"n{place}" for place in (1, 2, 3)}
    shutil.copytree(folders[RETURNING], cluster.folder / "returning")
    lost = [node_at(folders[place])[0] for place in (1, 2, 3) if place != SURVIVOR]
    for place in (1, 3):
        shutil.rmtree(folders[place])
    survivor, old = node_at(folders[SURVIVOR])

    plan = tmp_path / "plan.json"
    order("plan", "--data", folders[SURVIVOR], "--lost", ",".join(map(str, lost)), "--output", plan)
    order("apply", "--data", folders[SURVIVOR], "--yes-lose-writes", plan)
    assert node_at(folders[SURVIVOR])[0] == survivor and node_at(folders[SURVIVOR])[1] != old

    cluster.restart(SURVIVOR)
    wait_for("group 0 answers", lambda: status(cluster))
    with argosy.connect(cluster.address()) as db:
        assert dict(db.scan()) == ROWS
        db[b"new"] = b"1"
    assert {each.node: each.state for each in cluster.nodes()} == {survivor: "up", **dict.fromkeys(lost, "removed")}

    cluster.add_node()
    cluster.add_node()

    def whole() -> bool:
        found = status(cluster)
        voters = [sum(each.voter for each in row.descriptor.replicas) for row in cluster.ranges()]
        return found.healthy and found.failures == 1 and min(voters) == 3

    wait_for("three replicas of everything", whole, 120.0)
    ids = {each.node for each in cluster.nodes()}
    assert len(ids) == 5 and not any(row.descriptor.replicas[0].node in lost for row in cluster.ranges())
    cluster.kill(SURVIVOR)  # what was copied from it is as good
    wait_for("group 0 answers without it", lambda: status(cluster))
    with argosy.connect(cluster.address()) as db:
        assert dict(db.scan()) == {**ROWS, b"new": b"1"}


def test_a_lost_node_that_comes_back_is_refused(cluster):
    living = ",".join(cluster.living())
    shutil.copytree(cluster.folder / "returning", cluster.folder / f"n{RETURNING}")
    cluster.restart(SURVIVOR)  # where the old node looks for the others
    cluster.restart(RETURNING)
    alone = cluster.addresses[RETURNING - 1]

    def speaks() -> bool:
        """It runs, and has nobody to agree with."""
        try:
            with remote.control(alone, None) as control:
                control(ClusterStatus())
        except argosy.Unavailable:
            return True
        raise AssertionError("a lost node reaches group 0")

    wait_for("the old node runs", speaks)
    with argosy.connect(living) as db:
        assert dict(db.scan()) == {**ROWS, b"new": b"1"}


def test_two_of_five_begin_again_with_the_same_plan(tmp_path):
    with Cluster(str(tmp_path)) as made:
        made.start(5, Rules(replicas=5))
        with argosy.connect(made.address()) as db:
            db.batch(ROWS.items())
        made.split_at([b"0500"])
        made.wait_healthy(5)
        writer = Writer(made.address(), b"writer")  # so that logs end at different places
        writer.start()
        wait_for_progress([writer])
        for place in (1, 2, 3):
            made.kill(place)
        writer.stop.set()
        writer.join()
        made.kill(4)
        made.kill(5)
        folders = [made.folder / "n4", made.folder / "n5"]
        lost = [node_at(made.folder / f"n{place}")[0] for place in (1, 2, 3)]
        collected, plan = tmp_path / "n4.json", tmp_path / "plan.json"
        order("collect", "--data", folders[0], "--output", collected)
        names = ",".join(map(str, lost))
        order("plan", "--data", folders[1], "--collected", collected, "--lost", names, "--output", plan)
        for folder in folders:
            order("apply", "--data", folder, "--yes-lose-writes", plan)
        for place in (4, 5):
            made.restart(place)
        wait_for("group 0 answers", lambda: status(made))
        with argosy.connect(made.address()) as db:
            assert dict(db.scan("0", "1")) == ROWS
            assert int(db[b"writer"]) <= writer.sent
        made.order(SetRules(Rules(replicas=3)))
        made.add_node()

        def whole() -> bool:
            found = status(made)
            return found.healthy and min(len(row.descriptor.replicas) for row in made.ranges()) == 3

        wait_for("three replicas of everything, on what were two survivors and a new node", whole, 120.0)
        with argosy.connect(made.address()) as db:
            assert dict(db.scan("0", "1")) == ROWS
