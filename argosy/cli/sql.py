"""`argosy sql`: where statements come from and go to, and the exit status.

Owns how a shell is put together. Does not own what it does (sql_lite_frontend/shell/).
Read next: sql_lite_frontend/shell/__init__.py.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

import argosy
from argosy.blocking import Database
from node.clock import Clock

if TYPE_CHECKING:
    from sql_lite_frontend.shell.shell import Shell

INTERRUPTED = 130  # as a shell says it of SIGINT


def run(
    address: str, data: str | None, tls_dir: str | None, command: Sequence[str], file: Sequence[Any], **options: Any
) -> None:
    """Carry out commands, files, what a person types, or standard input. Raises SystemExit if something failed."""
    where = data if data is not None else address
    with _opened(address, data, tls_dir) as database:
        shell = _shell(database, options["mode"])
        if not command and not file and shell.screen.person:
            _typed(shell, where)
            return
        well = _carried_out(shell, _sources(command, file), options["keep_going"])
        shell.leave()
    if not well:
        sys.exit(INTERRUPTED if shell.cancelling.asked else 1)


def _typed(shell: "Shell", where: str) -> None:
    try:
        from sql_lite_frontend.shell.loop import run as read
    except ImportError as error:
        raise click.ClickException(str(error)) from error
    read(shell, f"{where}: \\? for help, \\q to leave")


def _sources(commands: Sequence[str], files: Sequence[Any]) -> Iterator[tuple[Iterable[str], str]]:
    """Lines, and what to call them in errors."""
    for text in commands:
        yield text.splitlines(keepends=True), ""
    for file in files:
        yield file, file.name
    if not commands and not files:
        yield sys.stdin, ""


def _carried_out(shell: "Shell", sources: Iterator[tuple[Iterable[str], str]], keep_going: bool) -> bool:
    from sql_lite_frontend.shell import script

    well = True
    for lines, name in sources:
        try:
            well = script.carry_out(shell, lines, name, keep_going) and well
        except UnicodeDecodeError as error:
            raise click.ClickException(f"{name or 'standard input'} is not UTF-8: {error}") from error
        if shell.over or shell.cancelling.asked or not (well or keep_going):
            break
    return well


@contextmanager
def _opened(address: str, data: str | None, tls_dir: str | None) -> Iterator[Database]:
    """A node on the directory, or a client of the cluster."""
    opening = argosy.open(data) if data is not None else argosy.connect(address, tls_dir=tls_dir)
    with opening as database:
        yield database


def _shell(database: Database, mode: str | None) -> "Shell":
    try:
        from sql_lite_frontend.session import Engine
        from sql_lite_frontend.shell.screen import Screen
        from sql_lite_frontend.shell.shell import Shell
    except ImportError as error:
        raise click.ClickException(str(error)) from error
    return Shell(Engine(database.router, now=Clock().now), database.runner, Screen(), mode or "")
