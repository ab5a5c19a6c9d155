"""Fixed seeds of the whole cluster under faults; a failure names the one line to paste.

More seeds than these: `python -m tests.simulator --seed 1000 --count 500 --workload lists`.
"""

import os
import subprocess
import sys

import pytest

from argosy.testing.simulation import Simulation
from argosy.testing.workloads import WORKLOADS
from tests.simulator.__main__ import line_to_paste

SEEDS = 70  # of each workload
SEEDS_PER_TEST = 5


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_promises_hold_under_faults(workload, first, record_totals):
    for seed in range(first, first + SEEDS_PER_TEST):
        simulation = Simulation(seed, workload)
        try:
            simulation.run()
        except Exception as error:
            error.add_note(f"run it again: {line_to_paste(seed, workload)} --trace")
            raise
        totals = simulation.totals()
        assert totals["committed"] > 50, "a run in which nothing gets done shows nothing"
        record_totals(totals)


@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_a_seed_has_one_history_whatever_the_hash_seed(workload):
    command = [sys.executable, "-m", "tests.simulator", "--seed", "3", "--workload", workload, "--seconds", "4"]
    outputs = {
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert "committed=" in outputs.pop()
