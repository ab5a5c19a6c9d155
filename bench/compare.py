"""`bench compare`: what changed between two files of results, beyond noise.

Owns the rule. Rows of one identity (peer, operation, shape) belong together; a file may hold several of the same, whose
runs are then taken together. A figure is judged if both files have RUNS_LEAST runs of it. It has changed if no run of
the one lies within the range of the other's runs, and the medians are CHANGE_LEAST of the old one apart. Then it is
better or worse, by whether more is better. Read next: bench/figures.py.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.cluster import BenchFailed
from bench.figures import Row, identity

RUNS_LEAST = 3
CHANGE_LEAST = 0.05
MORE_IS_BETTER = ("per_second", "per_cpu_second", "simulated_per_cpu_second")  # of all other figures less is
Runs = dict[tuple[str, str], list[float]]  # of (identity, figure)


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both files. `verdict`: better, worse, same, or few (too few runs to say)."""

    what: str
    figure: str
    old: list[float]
    new: list[float]

    @property
    def part(self) -> float:
        """How much the median rose, in parts of the old one."""
        before = median(self.old)
        return (median(self.new) - before) / before if before else 0.0

    @property
    def verdict(self) -> str:
        """The rule."""
        if min(len(self.old), len(self.new)) < RUNS_LEAST:
            return "few"
        overlap = min(self.new) <= max(self.old) and min(self.old) <= max(self.new)
        if overlap or abs(self.part) < CHANGE_LEAST:
            return "same"
        return "better" if (self.part > 0) == (self.figure in MORE_IS_BETTER) else "worse"


def read(path: Path) -> list[Row]:
    """The rows of a file: one JSON value, or one in each line. Raises BenchFailed."""
    text = path.read_text(encoding="utf-8")
    try:
        try:
            whole = json.loads(text)
            rows = whole if isinstance(whole, list) else [whole]
        except json.JSONDecodeError:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise BenchFailed(f"{path} is neither JSON nor lines of JSON: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise BenchFailed(f"{path} has something else than rows")
    return rows


def gather(rows: Iterable[Row]) -> Runs:
    """All runs of each figure."""
    found: Runs = {}
    for row in rows:
        for figure, values in row.get("runs", {}).items():
            found.setdefault((identity(row), figure), []).extend(values)
    return found


def compare(old: Iterable[Row], new: Iterable[Row]) -> tuple[list[Change], list[str]]:
    """What both have, and the identities that only one has (with which)."""
    before, after = gather(old), gather(new)
    changes = [Change(*key, before[key], after[key]) for key in before if key in after]
    left, right = ({what for what, _ in found} for found in (before, after))
    alone = [f"only in the old file: {what}" for what in sorted(left - right)]
    return changes, alone + [f"only in the new file: {what}" for what in sorted(right - left)]


def machines(old: Iterable[Row], new: Iterable[Row]) -> str:
    """A warning if the files come from machines that differ; empty if they do not, or do not say."""
    first, second = (
        {json.dumps(row["about"]["machine"], sort_keys=True) for row in rows if "about" in row} for rows in (old, new)
    )
    return "the machines differ: figures say little" if first and second and first != second else ""
