"""How the demo tells its story: a line per step, a progress bar at a terminal, tables.

Owns the form only; in a pipe it prints plain lines. Read next: bench/demo/__main__.py.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from argosy.cli import shown
from argosy.cli.orders import range_cells
from ranges.placement.messages import RangeStatus

T = TypeVar("T")
PROGRESS_SECONDS = 1.0


class Teller:
    """Prints the story, with the seconds since it began before each line."""

    def __init__(self) -> None:
        self._console = shown.console()
        self._began = self._said = time.monotonic()
        self._last = ""

    def say(self, text: str) -> None:
        """One line."""
        self._last, self._said = text, time.monotonic()
        line = Text(f"{self._said - self._began:5.1f} s  ", style="dim")
        self._console.print(line.append(text, style="not dim"))

    def say_if_new(self, text: str) -> None:
        """One line of progress, unless it says nothing new or the last line is a moment old."""
        if text != self._last and time.monotonic() - self._said >= PROGRESS_SECONDS:
            self.say(text)

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
