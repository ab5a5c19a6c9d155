"""Fresh seeds on all cores, for as long as one likes: `make soak`, or `python -m tests.simulator.soak --minutes 10`.

Owns the worker processes, what they add up to, and what is printed. Does not own a run (runs.py) nor the list of what
must be reached (argosy/testing/points.py). Read next: tests/simulator/runs.py.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from random import SystemRandom
from typing import Any

import click
from rich.console import Console

from argosy.testing.coverage import Point, counting
from argosy.testing.points import POINTS
from argosy.testing.workloads import WORKLOADS
from tests.simulator.runs import SECONDS, Failure, Run, attempt

LONG_EVERY = 9  # each ninth run goes on for ten times as long; every workload has its turn at that
LONG_FACTOR = 10
FILES_EVERY = 25  # each so manieth run has real files
WILD_EVERY = 9  # and each so manieth has clocks beyond their bound
HANG_SECONDS = 600.0  # of real time without an end of one run
LOOK_SECONDS = 0.5
HOURS_FOR_ALL = 10.0  # of simulated time, in which everything that must be reached is
SEEDS = 1 << 31
SPAWN = get_context("spawn")


@dataclass
class Outcome:
    """What came of one run, or of many of them."""

    run: Run | None = None
    failure: Failure | None = None
    runs: int = 0
    simulated: float = 0.0
    recovery: float = 0.0  # the longest
    reached: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Outcome") -> None:
        """Take another one in."""
        self.runs += other.runs
        self.simulated += other.simulated
        self.recovery = max(self.recovery, other.recovery)
        for mine, theirs in zip(self.counters(), other.counters(), strict=True):
            mine.update(theirs)

    def counters(self) -> tuple[Counter[str], ...]:
        """All of them."""
        return self.reached, self.faults, self.totals


def carry_out(run: Run) -> Outcome:
    """One run, counted."""
    with counting(POINTS) as reached:
        simulation = run.simulation()
        failure = attempt(simulation)
    return Outcome(
        run, failure, 1, simulation.world.now, simulation.recovery_seconds,
        reached, Counter(simulation.nemesis.counts), Counter(simulation.totals()),
    )  # fmt: skip


def gaps(points: tuple[Point, ...], found: Outcome) -> list[str]:
    """What must be reached and was not."""
    return [point.name for point in points if point.must and not found.reached[point.name]]


def runs(seed: int, seconds: float) -> Iterator[Run]:
    """One after another, all workloads in turn."""
    workloads = sorted(WORKLOADS)
    number = 0
    while True:
        long = number % LONG_EVERY == LONG_EVERY - 1
        files, wild = number % FILES_EVERY == FILES_EVERY - 1, number % WILD_EVERY == WILD_EVERY // 2
        yield Run(
            seed + number, workloads[number % len(workloads)], seconds * (LONG_FACTOR if long else 1),
            files=files, wild_clocks=wild,
        )  # fmt: skip
        number += 1


def serve(pipe: Any) -> None:
    """The life of a worker; whoever started it ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            run = pipe.recv()
        except EOFError:
            return
        pipe.send(carry_out(run))


class Worker:
    """A process that carries out one run at a time."""

    def __init__(self) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.run: Run | None = None
        self.since = 0.0

    def give(self, run: Run) -> None:
        """Begin a run."""
        self.run, self.since = run, time.monotonic()
        self.pipe.send(run)

    def take(self) -> Outcome:
        """What came of it; a process that died, or was ended because it hung, counts as a failure of the run."""
        run, self.run = self.run, None
        try:
            found: Outcome = self.pipe.recv()
        except (EOFError, ConnectionError):
            found = Outcome(run, Failure("the process ended without a word", "", 0.0), 1)
        return found

    def end(self) -> None:
        """Now."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Soak:
    """Workers, and what they have found so far."""

    def __init__(self, seed: int, seconds: float, processes: int, say: Any) -> None:
        self.found = Outcome()
        self.failures: list[Outcome] = []
        self.began = time.monotonic()
        self._runs = runs(seed, seconds)
        self._say = say
        self._workers = [Worker() for _ in range(processes)]

    def go_on(self, until: float, stop_at_failure: bool, tell: Any) -> None:
        """Until it is so late; what is under way then counts for nothing."""
        while time.monotonic() < until and not (self.failures and stop_at_failure):
            for worker in self._workers:
                if worker.run is None:
                    worker.give(next(self._runs))
                elif time.monotonic() - worker.since > HANG_SECONDS:
                    worker.process.kill()  # the end of its pipe tells of it
            ready = connection.wait([worker.pipe for worker in self._workers], LOOK_SECONDS)
            for place, worker in enumerate(self._workers):
                if worker.pipe in ready:
                    self._note(worker.take())
                    if not worker.process.is_alive():
                        worker.end()
                        self._workers[place] = Worker()
            tell(self.progress())

    def end(self) -> None:
        """All processes."""
        for worker in self._workers:
            worker.end()

    def progress(self) -> str:
        """One line."""
        found, real = self.found, time.monotonic() - self.began
        must = sum(point.must for point in POINTS)
        return (
            f"{found.runs} runs, {found.simulated / 3600:.2f} simulated hours in {real / 60:.1f} minutes "
            f"({found.simulated / max(real, 0.1):.1f} to 1), {sum(found.faults.values()):,} faults, "
            f"{len(self.failures)} failures, {must - len(gaps(POINTS, found))} of {must} points reached"
        )

    def _note(self, outcome: Outcome) -> None:
        self.found.add(outcome)
        if outcome.failure is not None and outcome.run is not None:
            self.failures.append(outcome)
            self._say(f"\nFAILED: {outcome.failure.kind}\n    {outcome.run.line()} --trace\n{outcome.failure.message}")


def figures(soak: Soak) -> Iterator[str]:
    """What the end of a soak shows."""
    found = soak.found
    yield soak.progress()
    yield f"the longest recovery, from the last fault to a write in every range: {found.recovery:.1f} simulated seconds"
    for title, counts, names in (
        ("faults carried out", found.faults, sorted(found.faults)),
        ("in all runs", found.totals, [name for name in found.totals if name != "recovery"]),
        ("reached", found.reached, [point.name for point in POINTS]),
    ):
        yield f"\n{title}:"
        for name in names:
            yield f"{counts[name]:>14,}  {name}"
    for outcome in soak.failures:
        yield f"\nFAILED: {outcome.failure.kind}\n    {outcome.run.line()} --trace"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--minutes", default=10.0, type=click.FloatRange(0.01), help="Real time.")
@click.option("--seed", type=int, help="The first seed; drawn from the system's chance if none is given.")
@click.option("--seconds", default=SECONDS, type=click.FloatRange(1), help="Simulated seconds of faults in a run.")
@click.option("--processes", default=os.cpu_count() or 1, type=click.IntRange(1, 256), help="Runs at the same time.")
@click.option("--stop/--go-on", "stop", default=False, help="At the first failure.")
def main(minutes: float, seed: int | None, seconds: float, processes: int, stop: bool) -> None:
    """Run fresh seeds of all workloads for a while, and tell what they reached.

    Exit code 1 if a promise was broken, or if ten simulated hours or more did not reach all that must be reached.
    """
    console = Console(stderr=True)
    seed = SystemRandom().randrange(SEEDS) if seed is None else seed
    click.echo(f"seeds from {seed}; the same again: make soak SEED={seed}")
    soak = Soak(seed, seconds, processes, click.echo)
    code = 0
    try:
        with console.status("begins") as status:
            soak.go_on(soak.began + 60 * minutes, stop, status.update)
    except KeyboardInterrupt:
        code = 130
    finally:
        soak.end()
    for line in figures(soak):
        click.echo(line)
    missing = gaps(POINTS, soak.found)
    if missing and soak.found.simulated >= 3600 * HOURS_FOR_ALL:
        click.echo(f"\nNEVER REACHED in {soak.found.simulated / 3600:.1f} simulated hours: " + "; ".join(missing))
        code = code or 1
    sys.exit(code or bool(soak.failures))


if __name__ == "__main__":
    main(prog_name="python -m tests.simulator.soak")
