"""How the demo tells its story: a line per step, a progress bar at a terminal, tables.

Owns the form only; in a pipe it prints plain lines. Read next: bench/demo/__main__.py.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from argosy.cli import shown
from argosy.cli.orders import range_cells
from ranges.placement.messages import RangeStatus

T = TypeVar("T")


class Teller:
    """Prints the story, with the seconds since it began before each line."""

    def __init__(self) -> None:
        self._console = shown.console()
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(f"[dim]{time.monotonic() - self._began:5.1f} s[/dim]  {text}")

    def ranges(self, title: str, found: Sequence[RangeStatus]) -> None:
        """The ranges as a table."""
        columns = ("range", "from", "to", "replicas on", "leader", "size", "load/s")
        self._console.print(shown.table(title, columns, (range_cells(each) for each in found)))

    def stories(self, title: str, stories: dict[int, list[tuple[float, str]]]) -> None:
        """What became of each range, one row each."""
        rows = (
            (group, " · ".join(f"{seconds:.0f} s {text}" for seconds, text in story))
            for group, story in sorted(stories.items())
        )
        self._console.print(shown.table(title, ("range", "story"), rows))

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator["Counter"]:
        """A bar at a terminal; nothing in a pipe."""
        columns = (TextColumn("         {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal) as bar:
            yield Counter(bar, text, total)


class Counter:
    """A bar that counts what passes through it."""

    def __init__(self, bar: Progress, text: str, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(text, total=total)

    def through(self, items: Iterable[T]) -> Iterator[T]:
        """The same items, counted."""
        for each in items:
            self._bar.advance(self._task)
            yield each
