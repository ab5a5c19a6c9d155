"""What a person gets of a run that failed: lines to paste, the last of its trace, the faults that it takes.

Owns the report. The run is repeated for its trace, which is the same to the last message. Does not own the search
for the least faults (argosy/testing/shrink.py). Read next: argosy/testing/trace.py.
"""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

from argosy.testing.faults import schedule
from argosy.testing.shrink import shrink
from argosy.testing.trace import replicas, trace
from tests.simulator.runs import Failure, Run, attempt

LAST_LINES = 40
SHRINK_SECONDS = 120.0

Say = Callable[[str], None]


def report(run: Run, failure: Failure, say: Say, lines: int = LAST_LINES, shrink_seconds: float = 0.0) -> None:
    """Say all there is to say of a failure; with `shrink_seconds` look for the faults that it takes, for so long."""
    say(f"FAILED at {failure.at:.4f} s: {failure.kind}")
    say(f"\nTo see it again, every message of it:\n    {run.line()} --trace")
    path = Path(gettempdir()) / f"argosy-{run.workload}-{run.seed}.trace"
    last, again = _traced(run, path, lines)
    say(f"\nThe last {len(last)} lines before it, of all those in {path}:")
    for line in last:
        say(line)
    if again is None or again.kind != failure.kind:
        say(f"\nIT IS NOT THE SAME WHEN RUN AGAIN: {again.kind if again else 'nothing fails'}")
    say(f"\n{failure.message.rstrip()}")
    if shrink_seconds:
        _shrunk(run, failure, say, shrink_seconds)


def _traced(run: Run, path: Path, lines: int) -> tuple[deque[str], Failure | None]:
    simulation = run.simulation()
    last: deque[str] = deque(maxlen=lines)
    with path.open("w", encoding="utf-8") as file:

        def write(text: str) -> None:
            last.append(text)
            file.write(f"{text}\n")

        file.write(f"# {run.line()} --trace\n")
        trace(simulation, write)
        failure = attempt(simulation)
        file.write(f"\n# {failure.message if failure else 'no failure'}\n# the replicas as it ended\n")
        file.writelines(f"{line}\n" for line in replicas(simulation.cluster))
    return last, failure


def _shrunk(run: Run, failure: Failure, say: Say, seconds: float) -> None:
    """Which faults it takes, and the line that runs only those."""
    until = time.monotonic() + seconds
    places = run.places()
    tries = 0

    def fails(part: tuple[int, ...]) -> bool:
        nonlocal tries
        tries += 1
        found = attempt(run.with_faults(part).simulation())
        return found is not None and found.kind == failure.kind

    def over() -> bool:
        return time.monotonic() >= until

    say(f"\nLooking for the faults that it takes, of {len(places)}, for {seconds:g} s at most …")
    needed = shrink(places, fails, over)
    say(f"It takes {len(needed)} faults, after {tries} tries{' (out of time: maybe fewer)' if over() else ''}:")
    for fault in schedule(run.seed, run.seconds):
        if fault.place in needed:
            say(f"    {fault}")
    say(f"To run only these:\n    {run.with_faults(needed).line()} --trace")
