"""Fixed seeds of the whole cluster under faults, and the kept ones; a failure names the one line to paste.

More seeds than these: `make soak`, or `python -m tests.simulator --seed 1000 --count 500 --workload lists`.
"""

import os
import subprocess
import sys

import pytest

from argosy.testing.coverage import counting
from argosy.testing.points import POINTS
from argosy.testing.workloads import WORKLOADS
from tests.simulator.kept import KEPT
from tests.simulator.runs import Run

SEEDS = 35  # of each workload
SEEDS_OF = {"sql": 1}  # of one that takes longer
SEEDS_PER_TEST = 5


def run(one, record_totals):
    simulation = one.simulation()
    try:
        simulation.run()
    except Exception as error:
        error.add_note(f"run it again: {one.line()} --trace")
        raise
    totals = simulation.totals()
    assert totals["committed"] > 50, "a run in which nothing gets done shows nothing"
    record_totals(totals)


@pytest.mark.parametrize(
    ("workload", "first"),
    [(each, first) for each in sorted(WORKLOADS) for first in range(0, SEEDS_OF.get(each, SEEDS), SEEDS_PER_TEST)],
)
def test_promises_hold_under_faults(workload, first, record_totals):
    with counting(POINTS) as reached:  # the soak counts so in each of its runs
        run(Run(first, workload), record_totals)
    assert reached
    for seed in range(first + 1, min(first + SEEDS_PER_TEST, SEEDS_OF.get(workload, SEEDS))):
        run(Run(seed, workload), record_totals)


@pytest.mark.parametrize("one", [each for each, _ in KEPT], ids=Run.line)
def test_what_was_found_once_stays_mended(one, record_totals):
    run(one, record_totals)


@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_a_seed_has_one_history_whatever_the_hash_seed(workload):
    command = [sys.executable, "-m", "tests.simulator", "--trace", "--seed", "3", "--workload", workload]
    outputs = {
        subprocess.run(
            [*command, "--seconds", "4"], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1, "the traces differ"
    output = outputs.pop()
    assert b"committed=" in output
    assert output.count(b" \xe2\x86\x92 ") > 500, "the trace holds what is said"
