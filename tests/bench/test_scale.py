"""What a measurement of sizes says about its limits, and how two sizes are compared."""

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.figures import Run
from bench.scale import LIMITS, Shape, _row, limit, ratio


@pytest.mark.parametrize(
    ("nodes", "load", "others", "word"),
    [(1.6, 0.3, 0.05, "cores"), (1.0, 0.3, 0.6, "others"), (0.5, 0.2, 0.1, "waiting"), (0.5, 0.2, 0.9, "waiting")],
)
def test_the_limit_is_named(nodes, load, others, word):
    assert limit(nodes, load, others, cores=2) == word
    assert word in LIMITS


def test_a_row_says_who_used_the_cores_and_what_a_cpu_second_did():
    runs = [Run(1_000, 1.0, [100.0] * 1_000, [500.0, 500.0], 0.2, others) for others in (0.1, 0.2, 0.7)]
    found = _row(Shape(), 2, runs, [2, 2])
    assert (found["per_cpu_second"], found["runs"]["per_cpu_second"]) == (1_000, [1_000] * 3)
    assert (found["cores_of_nodes"], found["cores_of_load"], found["cores_of_others"]) == (1.0, 0.2, 0.2)
    assert (found["shape"]["nodes"], found["leaders_per_node"]) == (2, [2, 2])


def test_every_size_has_as_much_to_do_for_each_node():
    shape = Shape(connections=8, inflight=4, ranges=2)
    assert [(shape.of(nodes).connections, shape.of(nodes).ranges) for nodes in (1, 3, 9)] == [(8, 2), (24, 6), (72, 18)]


def row(nodes, per_cpu_second):
    form = {"nodes": nodes, "inflight": 4}
    return {"operation": "scale-put", "shape": form, "runs": {"per_cpu_second": per_cpu_second}}


def test_two_sizes_are_compared_by_what_a_cpu_second_does():
    found = ratio(row(9, [80, 90, 100]), row(3, [90, 100, 120]))
    assert (found["ratio"], found["shape"]) == ("9/3 nodes", {"inflight": 4})
    assert (found["per_cpu_second"], found["per_cpu_second_min"], found["per_cpu_second_max"]) == (0.9, 0.67, 1.11)


@pytest.mark.parametrize("sizes", ["", "0", "3,,5", "three", "3,10"])
def test_sizes_that_are_none_are_wrong_usage(sizes):
    assert CliRunner().invoke(main, ["scale", "--nodes", sizes]).exit_code == 2
