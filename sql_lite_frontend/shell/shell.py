"""The shell at work: one statement or command after another, with its result shown or its error told.

Owns what a user has set (form, timing) and how statements are answered. Does not own where input comes from
(sql_lite_frontend/shell/loop.py, script.py) nor the commands (commands.py). Read next:
sql_lite_frontend/shell/commands.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from node.clock import Clock
from node.errors import NodeError
from node.flow import Flow
from sql_lite_frontend import tree
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.session import Engine, Result
from sql_lite_frontend.shell import commands
from sql_lite_frontend.shell.cancelling import Cancelling, Runner
from sql_lite_frontend.shell.catalog import Catalog
from sql_lite_frontend.shell.complaints import ShellError, complaint
from sql_lite_frontend.shell.forms import FORMS, Rows, rows_text
from sql_lite_frontend.shell.progress import following
from sql_lite_frontend.shell.scanning import Statement, is_command
from sql_lite_frontend.shell.screen import Screen
from txn.errors import ArgosyError

COUNTED = ("table", "line", "markdown")  # forms for a person, who is told how many rows there are
CANCELLED = ("57014", "40003")
BEGUN = {
    "CREATE INDEX": "where \\di says that it is building, the same statement goes on, and DROP INDEX takes it away",
    "DROP INDEX": "where \\di does not show it any more, its entries go at the next DROP",
    "DROP TABLE": "where \\dt does not show it any more, its rows go at the next DROP",
}  # statements that take several transactions, and what is left when they are cancelled


class Shell:
    """A session with what surrounds it.

    1. `over`: no more is to be carried out.
    2. A statement that was cancelled leaves an open transaction failed: only ROLLBACK ends it.
    """

    def __init__(self, engine: Engine, runner: Runner, screen: Screen, mode: str = "") -> None:
        self.engine = engine
        self.session = engine.session()
        self.screen = screen
        self.clock = Clock()
        self.cancelling = Cancelling(runner)
        self.catalog = Catalog(engine, self.cancelling.run)
        self.first_mode = self.mode = mode or ("table" if screen.terminal else "tabs")
        self.timing = False
        self.scripts_deep = 0
        self.over = False

    def run(self, flow: Flow[Any]) -> Any:
        """The flow's result. Raises what it raises, and 57014 after Ctrl-C."""
        return self.cancelling.run(flow)

    def leave(self) -> None:
        """The end: what was not committed is rolled back."""
        if self.session.transaction is not None:
            self.screen.complain("The open transaction is rolled back: there was no COMMIT.\n")

    def attempt(self, statement: Statement, source: str = "") -> bool:
        """Carry a statement or command out, or tell why not; True if it was. Raises NodeError and BrokenPipeError."""
        began = self.clock.now()
        try:
            with self.cancelling.listening():
                if is_command(statement.text):
                    commands.carry_out(self, statement.text)
                else:
                    self.execute(statement.text)
        except (NodeError, BrokenPipeError):
            raise
        except (ArgosyError, ShellError, OSError) as error:
            self._fail(error)
            begun = "\n" if self.cancelling.asked and self.screen.person else ""  # where the terminal has shown ^C
            self.screen.complain(begun + complaint(error, source, statement.line))
            return False
        finally:
            if self.timing:
                self.screen.complain(f"Time: {(self.clock.now() - began) * 1000:.1f} ms\n")
        return True

    def _fail(self, error: Exception) -> None:
        if isinstance(error, SqlError) and error.state in CANCELLED and self.session.transaction is not None:
            self.session.failed = True

    def execute(self, text: str) -> None:
        """Carry a statement out and show what it gives. Raises SqlError."""
        name = title(self.engine.parsed(text).statement)
        try:
            with following(self.screen, name) as self.session.progress:
                result = self.run(self.session.execute(text))
        except SqlError as error:
            if error.state == "57014":
                error.hint = BEGUN.get(name, "")
            raise
        if result.columns:
            self.show(result.columns, self.batches(result))
            return
        self.screen.say(name if result.count < 0 else f"{name}: {rows_text(result.count)}")

    def batches(self, result: Result) -> Iterator[Rows]:
        """The rows of a result, as they come."""
        while not result.over:
            rows = self.run(result.next())
            yield rows or []

    def show(self, columns: Sequence[str], batches: Iterator[Rows]) -> None:
        """Rows in the form that is set."""
        count = 0

        def counted() -> Iterator[Rows]:
            nonlocal count
            for rows in batches:
                count += len(rows)
                yield rows

        def told() -> Iterator[str]:
            yield from FORMS[self.mode](columns, counted(), self.screen.terminal)
            if self.mode in COUNTED and self.screen.terminal:
                yield f"({rows_text(count)})\n"

        self.screen.show(told())


def title(statement: Any) -> str:
    """What kind of statement it is: `CREATE TABLE`."""
    if isinstance(statement, tree.Plain):
        return statement.word.upper()
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(statement).__name__).upper()
