"""`.import`: a file's rows into a table, in batches that are a transaction each.

A table that is not there is made after all of the file has been looked at, and what was guessed is told. Rows go in in
the file's order, so whatever ends an import in the middle, one line says how far it came and where to go on. Owns the
command and the table that is made. Does not own the batches (sql_lite_frontend/shell/taking.py), what a row is
(records.py) nor its types (guessing.py, converting.py). Read next: sql_lite_frontend/shell/taking.py.
"""

import re
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from node.terminal import harmless
from sql_lite_frontend.schema import Table
from sql_lite_frontend.shell.arguments import name, names, quoted, word
from sql_lite_frontend.shell.complaints import ShellError
from sql_lite_frontend.shell.forms import rows_text
from sql_lite_frontend.shell.guessing import LINE, Guess
from sql_lite_frontend.shell.progress import bar
from sql_lite_frontend.shell.records import RowsFile, opened
from sql_lite_frontend.shell.taking import Taking

if TYPE_CHECKING:
    from sql_lite_frontend.shell.shell import Shell

USAGE = "FILE TABLE [OPTIONS]"
OPTIONS = "[PRIMARY KEY (COLUMN, …)] [NULL 'TEXT'] [FROM LINE N]"
REST = re.compile(
    r"""(?P<table>"(?:[^"]|"")+"|\S+)(?:\s+PRIMARY\s+KEY\s*\((?P<key>[^)]*)\))?"""
    r"""(?:\s+NULL\s+'(?P<null>(?:[^']|'')*)')?(?:\s+FROM\s+LINE\s+(?P<line>[0-9]{1,12}))?""",
    re.IGNORECASE,
)


def import_rows(shell: "Shell", given: str) -> None:
    """Carry the command out. Raises ShellError also if rows were refused, after that has been told."""
    file, rest = word(given)
    match = REST.fullmatch(rest)
    if match is None:
        raise ShellError("what is to be imported, and where to?", f".import FILE TABLE {OPTIONS}")
    if shell.session.transaction is not None:
        raise ShellError("an import commits batch by batch, and a transaction is open", "COMMIT or ROLLBACK first")
    path, null = Path(file).expanduser(), (match["null"] or "").replace("''", "'")
    wanted, key = name(match["table"]), None if match["key"] is None else names(match["key"])
    rows = opened(path)
    table = shell.catalog.now(None).get(wanted)
    if table is None:
        table = _made(shell, path, rows, wanted, key, null)
    elif key is not None and key != [table.columns[place].name for place in table.key]:
        raise ShellError(f"table {wanted} is there and has the primary key ({table.names(table.key)})")
    with bar(shell.screen, f"{path.name} → {wanted}", path.stat().st_size) as told:
        Taking(shell, path, rows, table, null, told).carry_out(int(match["line"] or 0))


def _made(shell: "Shell", path: Path, rows: RowsFile, table: str, key: Sequence[str] | None, null: str) -> Table:
    """Make a table as the file demands it, and say what it is."""
    guess = _guessed(shell, path, rows, null)
    columns = dict(zip(guess.names, map(str, guess.types()), strict=True))
    note = ""
    if key is None:
        place = guess.key()
        if place is None:
            key, note = [_free(LINE, columns)], "No column differs in each row, so the key is the line in the file."
            columns = {key[0]: "INTEGER"} | columns
        else:
            key, note = [guess.names[place]], "The primary key is a guess."
    if unknown := [each for each in key if each not in columns]:
        raise ShellError(f"{path} has no column {', '.join(unknown)}", f"it has: {', '.join(columns)}")
    listed = "".join(f"  {quoted(each)} {kind},\n" for each, kind in columns.items())
    text = f"CREATE TABLE {quoted(table)} (\n{listed}  PRIMARY KEY ({', '.join(map(quoted, key))})\n)"
    shell.run(shell.session.execute(text))
    shell.screen.complain("\n".join(map(harmless, text.split("\n"))) + ";\n")
    if note:
        shell.screen.complain(f"{note} PRIMARY KEY (COLUMN, …) behind TABLE names another one.\n")
    if missing := guess.missing():
        told = f"TEXT for words like NA beside other values: {', '.join(missing)}."
        shell.screen.complain(harmless(told) + " If these are NULL: DROP TABLE, and import with NULL 'NA'.\n")
    return shell.catalog.now(None)[table]


def _guessed(shell: "Shell", path: Path, rows: RowsFile, null: str) -> Guess:
    """What all rows of the file say of its columns."""
    guess, count = Guess(rows.columns, rows.typed, null), 0
    with bar(shell.screen, f"reading {path.name}", path.stat().st_size) as told:
        for batch in rows.batches():
            shell.cancelling.look()
            guess.take(batch)
            count += len(batch.rows)
            told.at(batch.bytes_read, rows_text(count))
    if not count:
        raise ShellError(f"{path} has no row to guess the columns of a table from")
    return guess


def _free(wanted: str, taken: Container[str]) -> str:
    return wanted if wanted not in taken else _free(f"{wanted}_", taken)
