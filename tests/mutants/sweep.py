"""The sweep of one tree: seeds of some workloads until one fails; prints one line of JSON.

    python -m tests.mutants.sweep SECONDS WORKLOAD …        in a tree that has a bug

Owns the order of the seeds, and what counts as a failure: any exception, and a seed that does not come to its end.
Does not own the bugs. Read next: argosy/testing/simulation.py.
"""

import json
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from argosy.testing.simulation import Simulation

FIRST_SEED = 1000
SEED_SECONDS_MAX = 120  # of this machine: a seed takes two or three, one of SQL fifteen


class Stuck(Exception):
    """A seed has not come to its end."""


def sweep(seconds: float, workloads: Sequence[str]) -> dict[str, object]:
    """What failed first, after how many seeds and seconds; `found` is empty if nothing did."""
    begun, count = time.monotonic(), 0
    while time.monotonic() - begun < seconds:
        seed, workload = FIRST_SEED + count, workloads[count % len(workloads)]
        count += 1
        found = _failure(seed, workload)
        if found:
            return {"found": found, "at": f"{workload} {seed}", "seeds": count, "seconds": time.monotonic() - begun}
    return {"found": "", "at": "", "seeds": count, "seconds": time.monotonic() - begun}


def _failure(seed: int, workload: str) -> str:
    signal.alarm(SEED_SECONDS_MAX)
    try:
        Simulation(seed, workload).run()
    except Exception as error:
        name = type(error).__name__
        return f"{name}: {error}".split("\n", 1)[0][:200]
    finally:
        signal.alarm(0)
    return ""


def _stuck(_: int, __: FrameType | None) -> None:
    raise Stuck(f"not at its end after {SEED_SECONDS_MAX} s")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _stuck)
    print(json.dumps(sweep(float(sys.argv[1]), sys.argv[2:])))
