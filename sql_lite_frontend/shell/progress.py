"""How far a long command is: a bar on a terminal, and lines that stand above it.

Owns the bar. Elsewhere than on a terminal there is none. Read next: sql_lite_frontend/shell/screen.py.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from node.terminal import harmless
from sql_lite_frontend.shell.forms import rows_text
from sql_lite_frontend.shell.screen import Screen


class Bar:
    """What is said while a command goes on, all of it on standard error."""

    def __init__(self, screen: Screen, progress: Progress | None, task: TaskID) -> None:
        self._screen = screen
        self._progress = progress
        self._task = task

    def at(self, done: int, what: str) -> None:
        """So much of the whole is done."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, what=what)

    def say(self, line: str) -> None:
        """A line that stays."""
        if self._progress is None:
            self._screen.complain(harmless(line) + "\n")
        else:
            self._progress.console.print(Text(harmless(line)), soft_wrap=True)


@contextmanager
def bar(screen: Screen, title: str, whole: int | None) -> Iterator[Bar]:
    """A bar while the block goes on; `whole` None: nobody knows how much there is."""
    if not screen.err.isatty():
        yield Bar(screen, None, TaskID(0))
        return
    ends = (TaskProgressColumn(), TimeRemainingColumn()) if whole else ()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[what]}"), *ends)
    with Progress(*columns, console=Console(file=screen.err, highlight=False), transient=True) as progress:
        yield Bar(screen, progress, progress.add_task(title, total=whole, what=""))


@contextmanager
def following(screen: Screen, title: str) -> Iterator[Callable[[int, int | None], None]]:
    """What a session tells how many rows are done; from the first time on there is a bar until the block ends."""
    with ExitStack() as stack:
        told: Bar | None = None

        def follow(done: int, whole: int | None) -> None:
            nonlocal told
            if told is None:
                told = stack.enter_context(bar(screen, title, whole))
            told.at(done, rows_text(done))

        yield follow
