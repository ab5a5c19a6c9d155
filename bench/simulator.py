"""`bench simulator`: how many simulated seconds pass in one real second, on one core.

Owns the load, which checks next to nothing, so that what is measured is the cluster, the world and the checks that
always run. Read next: argosy/testing/simulation.py.
"""

import cProfile
import pstats
import sys
import time
from collections.abc import Callable
from random import Random
from statistics import median

from argosy.testing.simulation import Simulation
from argosy.testing.workloads.workload import Tally
from bench.cluster import BenchFailed
from bench.figures import Row
from bench.report import Tell
from node.flow import Flow
from txn.database import Database

NODES = 3
RANGES = 10
CLIENTS = 26  # which make some hundred writes in a simulated second, less while something is wrong
THINK_SECONDS = 0.15
KEYS = 1_000
VALUE = bytes(100)
LINES = 40  # of a profile


class Puts(Tally):
    """One-shot puts to keys in all ranges."""

    name = "puts"

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = [b"key-%03d" % number for number in range(KEYS)]

    def step(self, client: int, database: Database) -> Flow[None]:
        """One put."""
        yield from self.attempt(client, database.put(self.chance.choice(self.keys), VALUE))

    def finish(self, database: Database) -> Flow[None]:
        """A look at one of them, which must succeed."""
        yield from self.insist(lambda: database.get(self.keys[0]))

    def check(self) -> None:
        """Enough must have been written."""
        if self.outcomes.get("committed", 0) < 10:
            raise BenchFailed("next to nothing was written")


def run(seconds: float, runs: int, profile: bool, tell: Tell) -> list[Row]:
    """The JSON line: medians over the seeds 1 to `runs`."""
    rows = []
    for seed in range(1, runs + 1):
        tell(f"simulator: seed {seed} of {runs}")
        rows.append(_measure(seed, seconds, profile))
    ratios = [row["simulated"] / row["cpu"] for row in rows]
    return [
        {
            "peer": "argosy",
            "operation": "simulator",
            "simulated_seconds": round(sum(row["simulated"] for row in rows), 1),
            "real_seconds": round(sum(row["real"] for row in rows), 1),
            "cpu_seconds": round(sum(row["cpu"] for row in rows), 1),
            "simulated_per_cpu_second": round(median(ratios), 1),
            "simulated_per_cpu_second_min": round(min(ratios), 1),
            "shape": {"nodes": NODES, "ranges": RANGES, "seconds": seconds},
            "writes_per_simulated_second": round(median(row["writes"] / row["simulated"] for row in rows)),
            "steps_per_simulated_second": round(median(row["steps"] / row["simulated"] for row in rows)),
            "runs": {"simulated_per_cpu_second": [round(each, 2) for each in ratios]},
        }
    ]


def _measure(seed: int, seconds: float, profile: bool) -> dict[str, float]:
    simulation = Simulation(seed, Puts, seconds, NODES, CLIENTS, ranges=RANGES)
    simulation.think_seconds = THINK_SECONDS
    profiler = cProfile.Profile()
    real, cpu = time.perf_counter(), time.process_time()
    if profile:
        profiler.runcall(simulation.run)
    else:
        simulation.run()
    real, cpu = time.perf_counter() - real, time.process_time() - cpu
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(LINES)
    totals = simulation.totals()
    return {
        "simulated": simulation.world.now,
        "real": real,
        "cpu": cpu,
        "writes": totals["committed"],
        "steps": totals["steps"],
    }
