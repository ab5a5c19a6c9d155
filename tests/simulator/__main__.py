"""Run one seed again, and see what happened: `python -m tests.simulator --seed 8271 --workload bank --trace`."""

import argparse
import sys

from argosy.testing.simulation import Simulation
from argosy.testing.trace import trace
from argosy.testing.workloads import WORKLOADS


def main(arguments: list[str]) -> int:
    """Run seeds until one fails; 1 if one did."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=1, help="so many seeds, beginning with this one")
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default="bank")
    parser.add_argument("--seconds", type=float, default=30.0, help="simulated seconds of faults")
    parser.add_argument("--notes", action="store_true", help="print crashes, faults and orders")
    parser.add_argument("--trace", action="store_true", help="print every message too")
    options = parser.parse_args(arguments)
    for seed in range(options.seed, options.seed + options.count):
        simulation = Simulation(seed, options.workload, options.seconds)
        if options.notes or options.trace:
            trace(simulation, print, frames=options.trace)
        try:
            simulation.run()
        except BaseException:
            print(simulation.totals(), flush=True)
            print(f"failed: {line_to_paste(seed, options.workload, options.seconds)}", flush=True)
            raise
        print(seed, " ".join(f"{name}={count}" for name, count in simulation.totals().items()), flush=True)
    return 0


def line_to_paste(seed: int, workload: str, seconds: float = 30.0) -> str:
    """The command that runs a seed again."""
    return f"python -m tests.simulator --seed {seed} --workload {workload} --seconds {seconds:g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
