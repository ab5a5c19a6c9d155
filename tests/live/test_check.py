"""The workloads of the simulator on three real processes, one of which is killed in the middle and comes back."""

import pytest

from bench.check import Shape, run

OPERATIONS = 150


@pytest.mark.parametrize("workload", ["bank", "lists", "sql"])
def test_clients_of_real_nodes_see_what_was_promised(workload):
    row = run(Shape(workload, clients=4, operations=OPERATIONS, kill=True))
    assert row["operations"] == OPERATIONS
    assert row["committed"] > OPERATIONS // 2
    assert row["verdict"] == "ok"
