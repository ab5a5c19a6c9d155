"""How the bench prints: results on standard output, what is going on just now on standard error.

Owns the form only. Read next: bench/figures.py.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from argosy.cli import shown
from bench.compare import Change
from bench.figures import Row

Tell = Callable[[str], None]


def show(rows: Iterable[Row], as_json: bool) -> None:
    """Print results: JSON lines with all there is, or name and value without the single runs."""
    for row in rows:
        if as_json:
            print(json.dumps(row), flush=True)
        elif "about" not in row:
            print("  ".join(f"{name}={_text(value)}" for name, value in flat(row).items()), flush=True)


def flat(row: Row) -> Row:
    """A row as people read it: the shape beside the figures, no single runs and no timeline."""
    left = {name: value for name, value in row.items() if name not in ("shape", "runs", "timeline")}
    first: Row = {name: left.pop(name) for name in ("peer", "ratio", "operation") if name in left}
    shape: Row = row.get("shape", {})
    return first | shape | left


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def show_changes(changes: Sequence[Change], as_json: bool, everything: bool) -> None:
    """Print what changed between two files, and how many figures did not; or all figures."""
    if as_json:
        for each in changes:
            print(json.dumps(asdict(each) | {"part": round(each.part, 4), "verdict": each.verdict}), flush=True)
        return
    rows = [
        (each.verdict, each.what, each.figure, _range(each.old), _range(each.new), f"{each.part:+.0%}")
        for each in changes
        if everything or each.verdict in ("better", "worse")
    ]
    if rows:
        columns = ("verdict", "of", "figure", "old median (range)", "new median (range)", "change")
        shown.console().print(shown.table("", columns, rows))
    counts = Counter(each.verdict for each in changes)
    print(
        f"{counts['better']} better, {counts['worse']} worse, {counts['same']} the same within noise, "
        f"{counts['few']} with too few runs to say"
    )


def _range(values: Sequence[float]) -> str:
    return f"{median(values):,g} ({min(values):,g} to {max(values):,g})"


@contextmanager
def telling() -> Iterator[Tell]:
    """Tell what is going on: one moving line at a terminal, a line each with its seconds elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        began = time.monotonic()
        yield lambda text: console.print(Text(f"{time.monotonic() - began:6.1f} s  {text}"), soft_wrap=True)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("begins", total=None)
        yield lambda text: bar.update(task, description=text)
