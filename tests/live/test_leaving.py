"""Real processes: a node is drained, and one goes for ever, with everything still there."""

import json

import pytest
from click.testing import CliRunner

import argosy
from argosy.cli import main
from bench.cluster import START_SECONDS_MAX, Cluster, wait_for

ROWS = {b"%04d" % number: b"v%d" % number for number in range(1000)}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(str(tmp_path_factory.mktemp("cluster"))) as made:
        made.start(4)
        with argosy.connect(made.address()) as db:
            db.batch(ROWS.items())
        made.split_at([b"%04d" % number for number in range(100, 1000, 100)])
        made.wait_healthy(4)
        yield made


def run(cluster: Cluster, *command: str, code: int = 0):
    result = CliRunner().invoke(main, [*command, "--at", cluster.address()])
    assert result.exit_code == code, result.output
    return result.output


def rows(cluster: Cluster) -> dict[bytes, bytes]:
    with argosy.connect(cluster.address()) as db:
        return dict(db.scan("0", "1"))


def test_a_drained_node_can_be_stopped_and_comes_back(cluster):
    place = cluster.place_of(1)
    assert "leads nothing" in run(cluster, "drain", "1", "--yes")
    found = {each.node: each for each in cluster.nodes()}[1]
    assert (found.state, found.leaders) == ("draining", 0)
    cluster.processes[place - 1].terminate()
    assert cluster.processes[place - 1].wait(START_SECONDS_MAX) == 0
    assert rows(cluster) == ROWS
    cluster.restart(place)
    wait_for("the drain to end", lambda: {each.node: each.state for each in cluster.nodes()}[1] == "up")
    cluster.wait_healthy(4)


def test_a_node_goes_for_ever_and_nothing_is_lost(cluster):
    place = cluster.place_of(1)
    plan = json.loads(run(cluster, "decommission", "1", "--plan", "--json"))
    assert plan["possible"] and plan["replicas"] > 0
    assert "nothing was done" in run(cluster, "decommission", "1", code=3)
    assert "node 1 is removed" in run(cluster, "decommission", "1", "--yes")
    assert cluster.processes[place - 1].wait(START_SECONDS_MAX) == 0, "its process ends by itself, and well"
    cluster.wait_healthy(3)
    assert rows(cluster) == ROWS
    with argosy.connect(cluster.address()) as db:
        db["0000"] = b"again"
        assert db["0000"] == b"again"
    assert "cannot be decommissioned" in run(cluster, "decommission", "2", "--yes", code=1)
    cluster.restart(place)
    assert cluster.processes[place - 1].wait(START_SECONDS_MAX) == 0, "on its old directory it is told so again"
