"""`argosy sql`: statements from a word, a file or a pipe, and their results as a person or a program wants them.

Owns where statements come from, the forms of results, and exit status 1 with the error on stderr. Does not own what
a statement does (sql_lite_frontend/session.py). Read next: sql_lite_frontend/session.py.
"""

import base64
import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import click

import argosy
from argosy.blocking import Database
from argosy.cli import shown

TABLE_ROWS = 1_000  # of one table on the screen; more rows begin another one
Rows = list[tuple[Any, ...]]
Shower = Callable[[tuple[str, ...], Iterator[Rows]], None]


def run(address: str, data: str | None, tls_dir: str | None, command: str | None, file: Any, mode: str | None) -> None:
    """Carry out a command, a file, or standard input. Raises SystemExit at the first error."""
    try:
        from sql_lite_frontend.errors import SqlError
        from sql_lite_frontend.parse import split
    except ImportError as error:
        raise click.ClickException(str(error)) from error

    text = command if command is not None else (file or sys.stdin).read()
    shower = SHOWERS[mode or ("table" if sys.stdout.isatty() else "tabs")]
    with _opened(address, data, tls_dir) as database:
        carry_out = _session(database)
        try:
            for statement in split(text):
                carry_out(statement, shower)
        except SqlError as error:
            click.echo(shown.harmless(str(error)), err=True)
            sys.exit(1)


@contextmanager
def _opened(address: str, data: str | None, tls_dir: str | None) -> Iterator[Database]:
    """A node on the directory, or a client of the cluster."""
    opening = argosy.open(data) if data is not None else argosy.connect(address, tls_dir=tls_dir)
    with opening as database:
        yield database


def _session(database: Database) -> Callable[[str, Shower], None]:
    """What carries one statement out and shows its result."""
    from sql_lite_frontend.session import Engine

    engine, flows = Engine(database.router), database.runner
    session = engine.session()

    def carry_out(statement: str, shower: Shower) -> None:
        result = flows.run(session.execute(statement))

        def batches() -> Iterator[Rows]:
            while not result.over:
                rows: Rows | None = flows.run(result.next())
                yield rows or []

        if result.columns:
            shower(result.columns, batches())
        elif result.count >= 0 and sys.stdout.isatty():
            click.echo(f"{result.count} rows")

    return carry_out


# -- forms -----------------------------------------------------------------------------------------------------------


def text_of(value: Any) -> str:
    """A value for a person; NULL is a word."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tables(columns: tuple[str, ...], batches: Iterator[Rows]) -> None:
    rows: Rows = []
    first = True
    for batch in batches:
        rows += batch
        while len(rows) >= TABLE_ROWS:
            _table(columns, rows[:TABLE_ROWS])
            rows, first = rows[TABLE_ROWS:], False
    if rows or first:
        _table(columns, rows)


def _table(columns: tuple[str, ...], rows: Rows) -> None:
    cells = ([each if type(each) is int else text_of(each) for each in row] for row in rows)
    shown.console().print(shown.table("", [shown.harmless(each) for each in columns], cells))


def _tabs(columns: tuple[str, ...], batches: Iterator[Rows]) -> None:
    for batch in batches:
        for row in batch:
            click.echo("\t".join(shown.harmless(text_of(each)) for each in row))


def _csv(columns: tuple[str, ...], batches: Iterator[Rows]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for batch in batches:
        writer.writerows(["" if each is None else text_of(each) for each in row] for row in batch)


def _json(columns: tuple[str, ...], batches: Iterator[Rows]) -> None:
    """One object a line, so that rows stream."""
    for batch in batches:
        for row in batch:
            made = dict(zip(columns, map(_plain, row), strict=True))
            click.echo(json.dumps(made, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value) if isinstance(value, Decimal | date) else value


SHOWERS: dict[str, Shower] = {"table": _tables, "tabs": _tabs, "csv": _csv, "json": _json}
