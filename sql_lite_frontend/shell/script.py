"""Statements and commands of a text: a file, a pipe or an option. The first that fails ends it, if nobody says not to.

Read next: sql_lite_frontend/shell/scanning.py.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sql_lite_frontend.shell.scanning import Scanner, Statement, is_command

if TYPE_CHECKING:
    from sql_lite_frontend.shell.shell import Shell


def carry_out(shell: "Shell", lines: Iterable[str], source: str = "", keep_going: bool = False) -> bool:
    """Lines with their line breaks; True if all was carried out. A command is a line of its own. Ctrl-C ends it."""
    well = True
    for statement in _statements(lines):
        if not shell.attempt(statement, source):
            well = False
            if not keep_going or shell.cancelling.asked:
                return False
        if shell.over:
            break
    return well


def _statements(lines: Iterable[str]) -> Iterator[Statement]:
    scanner = Scanner()
    for number, line in enumerate(lines, 1):
        if scanner.between and is_command(line.strip()):
            yield Statement(line.strip(), number)
        else:
            yield from scanner.feed(line)
    yield from scanner.rest()
