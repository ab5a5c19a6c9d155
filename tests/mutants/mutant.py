"""What a planted bug is, how it is written down, and how a tree that has it is made.

Owns `Mutant`, the form of the lists beside it (`raft.txt`, `leases.txt`, …), and `plant`. A list holds paragraphs:

    votes-twice-in-a-term | Raft 5.2 | node/raft/candidate.py
    -     if not complete or raft.vote not in (0, source) or raft.leader not in (0, source):
    +     if not complete or raft.leader not in (0, source):

name, what it breaks (a rule, a section of the paper, an entry of the list of traps), file; then whole lines of the
file: gone (-), new (+) and kept (two blanks), which occur there exactly once. Does not own how a bug is found
(sweep.py). Read next: tests/mutants/sweep.py.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from argosy.testing.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[2]
LISTS = ("raft", "leases", "node", "ranges", "txn", "sql")
HARD = "hard"  # not found yet, so not among those that must be
PACKAGES = ("argosy", "bench", "sql_lite_frontend", "txn", "ranges", "node", "tests")


@dataclass(frozen=True)
class Mutant:
    """One planted bug of a part: in the file at `path` the lines `before` become `after`."""

    part: str
    name: str
    rule: str
    path: str
    before: str
    after: str

    @property
    def workloads(self) -> list[str]:
        """Which hunt it: only `sql` goes through the front end, and the others are faster at what lies below."""
        return ["sql"] if self.part == "sql" else sorted(WORKLOADS.keys() - {"sql"})

    def mutated(self) -> str:
        """The file's text with the bug in it. Raises ValueError if `before` is not there exactly once."""
        text = (ROOT / self.path).read_text()
        found = text.count("\n" + self.before)
        if found != 1:
            raise ValueError(f"{self.name}: {self.path} holds the lines that are to be changed {found} times")
        return text.replace("\n" + self.before, "\n" + self.after)


def listed(part: str) -> list[Mutant]:
    """The bugs of one list."""
    paragraphs = (Path(__file__).parent / f"{part}.txt").read_text().split("\n\n")
    return [_read(part, paragraph.strip("\n").split("\n")) for paragraph in paragraphs if not paragraph.startswith("#")]


def _read(part: str, lines: list[str]) -> Mutant:
    name, rule, path = (each.strip() for each in lines[0].split("|"))
    before = [line[2:] for line in lines[1:] if line[:1] != "+"]
    after = [line[2:] for line in lines[1:] if line[:1] != "-"]
    return Mutant(part, name, rule, path, "\n".join((*before, "")), "\n".join((*after, "")))


def plant(mutant: Mutant | None, folder: Path) -> None:
    """Copy the packages that the simulated world needs to a folder, with the bug in them."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    if mutant is not None:
        (folder / mutant.path).write_text(mutant.mutated())
