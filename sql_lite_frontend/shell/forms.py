"""How results look: tables for a person, and forms for programs.

Each form is a generator of text from columns and batches of rows, so that rows stream. What a terminal might obey is
written out where the text is for a terminal or a person. Owns the forms and how a value is written in each. Does not
own where text goes (sql_lite_frontend/shell/screen.py). Read next: sql_lite_frontend/shell/screen.py.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from node.terminal import harmless
from sql_lite_frontend.values import as_text

TABLE_ROWS = 500  # of one table; more rows begin another one
CELL_LETTERS = 1_000  # of a value in a table; the other forms show all
WIDTH = 1_000_000  # nothing is wrapped or cut to a width: a pager moves sideways
NUMBERS = (int, float, Decimal)
NULL = "NULL"
QUOTED = re.compile(r'[",\t\r\n]|^\s|\s$|^$')

Rows = list[tuple[Any, ...]]
Form = Callable[[Sequence[str], Iterator[Rows], bool], Iterator[str]]


def rows_text(count: int) -> str:
    """How many rows there are."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def text_of(value: Any) -> str:
    """A value for a person; NULL is a word."""
    if value is None:
        return NULL
    return f"x'{value.hex()}'" if isinstance(value, bytes) else as_text(value)


def tables(columns: Sequence[str], batches: Iterator[Rows], terminal: bool) -> Iterator[str]:
    """Tables with lines; numbers stand to the right."""
    rows: Rows = []
    first = True
    for batch in batches:
        rows += batch
        while len(rows) >= TABLE_ROWS:
            yield _table(columns, rows[:TABLE_ROWS], terminal)
            rows, first = rows[TABLE_ROWS:], False
    if rows or first:
        yield _table(columns, rows, terminal)


def _table(columns: Sequence[str], rows: Rows, terminal: bool) -> str:
    table = Table()
    for name, values in zip(columns, zip(*rows, strict=True) if rows else [()] * len(columns), strict=True):
        right = any(type(each) in NUMBERS for each in values) and all(
            each is None or type(each) in NUMBERS for each in values
        )
        table.add_column(Text(harmless(name)), justify="right" if right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(_cell, row))
    console = Console(file=StringIO(), width=WIDTH, force_terminal=terminal, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def _cell(value: Any) -> Text:
    if value is None:
        return Text(NULL, style="dim italic")
    text = text_of(value)
    if len(text) > CELL_LETTERS:
        text = f"{text[:CELL_LETTERS]}… ({len(text)} characters)"
    return Text(harmless(text))


def lines(columns: Sequence[str], batches: Iterator[Rows], _: bool) -> Iterator[str]:
    """A line for each value, rows one below another: for wide rows and long values."""
    names = [harmless(each) for each in columns]
    width = max(map(len, names), default=0)
    number = 0
    for batch in batches:
        text = []
        for row in batch:
            number += 1
            text.append(f"-[ row {number} ]-{'-' * max(0, width - len(str(number)))}\n")
            for name, value in zip(names, row, strict=True):
                text.append(f"{name:<{width}} | {harmless(text_of(value))}\n")
        yield "".join(text)


def tabs(_: Sequence[str], batches: Iterator[Rows], __: bool) -> Iterator[str]:
    """Values between tabs, no names: for `cut` and `awk`."""
    for batch in batches:
        yield "".join("\t".join(harmless(text_of(each)) for each in row) + "\n" for row in batch)


def markdown(columns: Sequence[str], batches: Iterator[Rows], _: bool) -> Iterator[str]:
    """A table as Markdown."""
    yield f"| {' | '.join(map(_marked, columns))} |\n|{' --- |' * len(columns)}\n"
    for batch in batches:
        yield "".join(f"| {' | '.join(_marked(text_of(each)) for each in row)} |\n" for row in batch)


def _marked(text: str) -> str:
    return harmless(text).replace("|", "\\|")


def csv(columns: Sequence[str], batches: Iterator[Rows], terminal: bool, between: str = ",") -> Iterator[str]:
    """CSV with names: NULL is an empty field, and empty text an empty field in quotes, which no library tells apart."""
    yield _end(between.join(map(_field, columns)), terminal)
    for batch in batches:
        yield "".join(_end(between.join(map(_field, row)), terminal) for row in batch)


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = value if type(value) is str else text_of(value)
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def _end(line: str, terminal: bool) -> str:
    return (harmless(line) if terminal else line) + "\n"


def json_lines(columns: Sequence[str], batches: Iterator[Rows], terminal: bool) -> Iterator[str]:
    """One object a line."""
    for batch in batches:
        yield "".join(
            json.dumps(dict(zip(columns, map(_plain, row), strict=True)), ensure_ascii=terminal) + "\n" for row in batch
        )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return as_text(value) if isinstance(value, Decimal | date) else value


FORMS: dict[str, Form] = {
    "table": tables,
    "tabs": tabs,
    "csv": csv,
    "json": json_lines,
    "markdown": markdown,
    "line": lines,
}
