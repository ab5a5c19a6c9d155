"""Rows on their way into a table: each batch a transaction, what is refused, and how far it came.

A row that the table cannot take is refused alone, by its line and the reason: a batch that fails is carried out in
halves, until it is one row. Owns which rows are to blame, and what is said of an import that ends in the middle. Does
not own how values are made (sql_lite_frontend/shell/converting.py). Read next: sql_lite_frontend/shell/converting.py.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from node.errors import NodeError
from sql_lite_frontend.entries import too_long
from sql_lite_frontend.errors import STATES, SqlError
from sql_lite_frontend.keys import encode_tuple
from sql_lite_frontend.schema import Column, Table
from sql_lite_frontend.shell.arguments import quoted
from sql_lite_frontend.shell.complaints import ShellError
from sql_lite_frontend.shell.converting import Converter, Rows
from sql_lite_frontend.shell.forms import rows_text
from sql_lite_frontend.shell.guessing import LINE, names_of
from sql_lite_frontend.shell.progress import Bar
from sql_lite_frontend.shell.records import Batch, RowsFile
from sql_lite_frontend.types import Type
from txn.errors import ArgosyError

if TYPE_CHECKING:
    from sql_lite_frontend.shell.shell import Shell

OF_A_ROW = ("21", "22", "23", "54")  # classes of errors that a row is to blame for
LISTED_MAX = 20  # refused rows; more are counted


class Taking:
    """One import at work.

    1. All rows that begin in line `last` or before are in, or were refused. Those of `doubtful` are perhaps in.
    """

    def __init__(self, shell: "Shell", path: Path, rows: RowsFile, table: Table, null: str, told: Bar) -> None:
        """Raises ShellError if the file's columns are not those of the table."""
        self._shell = shell
        self._path = path
        self._rows = rows
        self._table = table
        self._told = told
        columns, self._numbered = _matched(rows.columns, table)
        self._converter = Converter(columns, rows.typed, null)
        listed = [*self._numbered, *(each.name for each in columns)]
        places = [each.name for each in table.columns]
        self._key = [listed.index(places[place]) if places[place] in listed else -1 for place in table.key]
        marks = ", ".join("?" * len(listed))
        self._text = f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, listed))}) VALUES ({marks})"
        self.taken = self.last = 0
        self.doubtful: tuple[int, int] | None = None
        self.refused: Counter[str] = Counter()

    def carry_out(self, first_line: int) -> None:
        """All of the file from a line on. Raises ShellError if rows were refused, and whatever ends it before."""
        clock = self._shell.clock
        began = clock.now()
        self.last = max(first_line - 1, 0)
        exact = any(each.type is Type.NUMERIC for each in self._table.columns)
        try:
            for batch in self._rows.batches(first_line, exact):
                self._take(batch)
                self._told.at(batch.bytes_read, rows_text(self.taken))
        except (ArgosyError, NodeError, OSError, ShellError, KeyboardInterrupt):
            self._tell_end()
            raise
        seconds = max(clock.now() - began, 1e-9)
        if self._shell.screen.err.isatty() or self.refused:
            self._told.say(f"{rows_text(self.taken)} taken in {seconds:.1f} s ({self.taken / seconds:,.0f} rows/s)")
        if self.refused:
            reasons = ", ".join(f"{count:,} {what}" for what, count in self.refused.most_common())
            raise ShellError(f"{self._path}: {rows_text(self.refused.total())} refused: {reasons}")

    def _tell_end(self) -> None:
        """How far it came, and how to go on."""
        self._told.say(f"{self._path}: not all was read. {rows_text(self.taken)} came in, up to line {self.last:,}.")
        if self.refused:
            self._told.say(f"{rows_text(self.refused.total())} up to there: refused.")
        if self.doubtful is not None:
            first, last = self.doubtful
            self._told.say(f"The rows of the lines {first:,} to {last:,} may be in, too: those are refused then.")
        self._told.say(f"The same command with FROM LINE {self.last + 1} goes on.")

    def _refuse(self, line: int, why: str, what: str = "not a value of its column") -> None:
        self.refused[what] += 1
        count = self.refused.total()
        if count <= LISTED_MAX:
            self._told.say(f"{self._path}:{line}: refused: {why}")
        elif count == LISTED_MAX + 1:
            self._told.say("More refused rows are only counted.")

    def _take(self, batch: Batch) -> None:
        for line, why in batch.refused:
            self._refuse(line, why, "not a row of the file")
        lines, rows = self._converter.rows(batch, self._refuse)
        if self._numbered:
            rows = [(line, *row) for line, row in zip(lines, rows, strict=True)]
        self._write(lines, rows)

    def _write(self, lines: Sequence[int], rows: Rows) -> None:
        """In the order of the lines. Raises what is no row's fault."""
        if not rows:
            return
        self.doubtful = lines[0], lines[-1]
        try:
            self.taken += self._shell.run(self._shell.session.execute_many(self._text, rows))
        except SqlError as error:
            if error.state != "40003":
                self.doubtful = None
            if error.state[:2] not in OF_A_ROW:
                raise
            self._sort_out(lines, rows, error)
        else:
            self.last, self.doubtful = lines[-1], None

    def _sort_out(self, lines: Sequence[int], rows: Rows, error: SqlError) -> None:
        """Rows of which one at least is to blame: the others go in."""
        if error.state == "23505":
            left = self._without_repeated(lines, rows)
            if len(left) < len(rows):
                self._write([lines[each] for each in left], [rows[each] for each in left])
                self.last = lines[-1]
                return
        if len(rows) == 1:
            self._refuse(lines[0], error.message, STATES[error.state])
            self.last = lines[0]
            return
        half = len(rows) // 2
        self._write(lines[:half], rows[:half])
        self._write(lines[half:], rows[half:])

    def _without_repeated(self, lines: Sequence[int], rows: Rows) -> list[int]:
        """The places of rows whose primary key is new; the others are refused."""
        if min(self._key) < 0:
            return list(range(len(rows)))
        keys = [self._table.prefix + encode_tuple([row[each] for each in self._key]) for row in rows]
        asked = [each for each in dict.fromkeys(keys) if not too_long(each)]
        values = self._shell.run(self._shell.engine.database.begin().get_many(asked))
        there = {key for key, value in zip(asked, values, strict=True) if value is not None}
        left = []
        names = self._table.names(self._table.key)
        for place, key in enumerate(keys):
            if key in there:
                shown = ", ".join(str(rows[place][each])[:40] for each in self._key)
                self._refuse(lines[place], f"there is a row with ({names}) = ({shown})", STATES["23505"])
            else:
                left.append(place)
                there.add(key)
        return left


def _matched(header: Sequence[str], table: Table) -> tuple[list[Column], list[str]]:
    """The table's columns that a file has, in its order; and the one, if any, that the line's number is for.

    Raises ShellError.
    """
    known = {each.name: each for each in table.columns}
    found: list[Column] = []
    for own, plain in zip(header, names_of(header), strict=True):
        column = known.get(own) or known.get(plain)
        if column is None:
            raise ShellError(f"table {table.name} has no column {plain}", f"it has: {', '.join(known)}")
        found.append(column)
    if len(set(map(id, found))) < len(found):
        raise ShellError(f"two columns of the file are the same one of table {table.name}")
    lacking = [each.name for each in table.columns if each not in found and each.not_null and not each.default]
    if len(lacking) == 1 and lacking[0].rstrip("_") == LINE and table.names(table.key) == lacking[0]:
        return found, lacking
    if lacking:
        raise ShellError(f"column {lacking[0]} is NOT NULL, and the file has no such column")
    return found, []
