"""One run of the simulator: what tells it apart, the line that repeats it, and how it failed.

Owns `Run`, `Failure`, and which failures are of one kind. Does not own what is printed (failures.py).
Read next: tests/simulator/__main__.py.
"""

import re
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from argosy.testing.faults import schedule
from argosy.testing.simulation import Simulation

SECONDS = 30.0
PROJECT = Path(__file__).resolve().parents[2]
CHANGES = re.compile(r"b'(?:[^'\\]|\\.)*'|\d+(?:[.,:@ ]+\d+)*")  # what differs from run to run in one kind of failure


@dataclass(frozen=True)
class Run:
    """What one simulation is made of. `nodes` 0: drawn from the seed. `faults` None: all of the schedule."""

    seed: int
    workload: str = "bank"
    seconds: float = SECONDS
    nodes: int = 0
    faults: tuple[int, ...] | None = None
    files: bool = False
    wild_clocks: bool = False

    def simulation(self) -> Simulation:
        """Ready to run."""
        return Simulation(
            self.seed, self.workload, self.seconds, self.nodes,
            faults=self.faults, files=self.files, wild_clocks=self.wild_clocks,
        )  # fmt: skip

    def places(self) -> tuple[int, ...]:
        """The faults that strike, by their places in the seed's schedule."""
        found = tuple(each.place for each in schedule(self.seed, self.seconds))
        return found if self.faults is None else tuple(each for each in found if each in self.faults)

    def with_faults(self, faults: tuple[int, ...]) -> "Run":
        """The same with these faults only."""
        return replace(self, faults=faults)

    def line(self) -> str:
        """The command that runs it again."""
        words = [f"python -m tests.simulator --seed {self.seed} --workload {self.workload} --seconds {self.seconds:g}"]
        if self.nodes:
            words.append(f"--nodes {self.nodes}")
        if self.faults is not None:
            words.append(f"--faults {','.join(map(str, self.faults)) or 'none'}")
        if self.files:
            words.append("--files")
        if self.wild_clocks:
            words.append("--wild-clocks")
        return " ".join(words)


@dataclass(frozen=True)
class Failure:
    """What ended a run before its end, at a simulated moment."""

    kind: str
    message: str
    at: float


def attempt(simulation: Simulation) -> Failure | None:
    """Run it; how it failed, None if all promises were kept."""
    try:
        simulation.run()
    except Exception as error:
        kind = f"{type(error).__name__} {_what(error)}"
        return Failure(kind, "".join(traceback.format_exception(error)), simulation.world.now)
    return None


def _what(error: Exception) -> str:
    """Where in the project it was raised, and its first line without what changes from run to run."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename).is_relative_to(PROJECT)]
    where = f"{Path(frames[-1].filename).relative_to(PROJECT)}:{frames[-1].name}" if frames else "?"
    return f"in {where}: {CHANGES.sub('#', str(error).partition(chr(10))[0])}"
