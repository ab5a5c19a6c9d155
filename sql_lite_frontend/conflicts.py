"""ON CONFLICT at work: what becomes of a row whose key another row has.

Rows are taken one after another. A key is another row's if that row was there before the statement and has not been
given another key by it, or if the statement itself put a row there. The first is left out or updated; the second is
left out, or an error, 21000: nothing is updated that the statement wrote itself, and no row twice.
Owns the search for rows that are in the way. Does not own how rows are put (sql_lite_frontend/pending.py).
Read next: sql_lite_frontend/ddl.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.flow import Flow
from sql_lite_frontend import plan
from sql_lite_frontend.bound import Field
from sql_lite_frontend.checks import fields_of
from sql_lite_frontend.entries import Entries, entry_layout, taken
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import Rows, keeps, tuples
from sql_lite_frontend.operators import Execution
from sql_lite_frontend.pending import Pending, Placing, values_of
from sql_lite_frontend.scans import scanned
from sql_lite_frontend.schema import Index, Table
from txn.transaction import Transaction

Values = tuple[Any, ...]
There = dict[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Met:
    """A row that is in the way: its key, and all its columns."""

    key: bytes
    row: Values


class Conflicts:
    """The conflicts of one plan's rows; made once for a plan."""

    def __init__(self, table: Table, conflict: plan.Conflict, placing: Placing) -> None:
        self._placing = placing
        self._targets = [_Target(table, each, placing) for each in conflict.targets]
        self._renewing = None if conflict.renewal is None else _Renewing(table, conflict.renewal)

    def insert(self, pending: Pending, rows: Rows, execution: Execution) -> Flow[Rows]:
        """Put these rows, or do what is said of those in conflict; all rows that were put, as they will be."""
        self._placing.check(rows)
        wanted = [[(each, key) for each in self._targets if (key := each.key(row)) is not None] for row in rows]
        there = yield from _found(execution.transaction, [key for some in wanted for _, key in some])
        met: dict[bytes, Met] = {}
        if self._renewing is not None:
            for target in self._targets:
                met |= yield from target.met(there, execution.transaction)
        written: Rows = []
        for row, some in zip(rows, wanted, strict=True):
            key = next((key for _, key in some if _is_taken(key, pending, there)), None)
            if key is None:
                pending.free.update(key for _, key in some if there[key] is None)
                written += self._placing.insert(pending, [row])
            elif self._renewing is not None:
                written += self._renewing.renewed(pending, row, met.get(key), key, execution.given)
        return written


def _is_taken(key: bytes, pending: Pending, there: There) -> bool:
    return key in pending.puts or (key not in pending.deletes and there[key] is not None)


def _found(transaction: Transaction, keys: Sequence[bytes]) -> Flow[There]:
    asked = list(dict.fromkeys(keys))
    values = yield from values_of(transaction, asked)
    return dict(zip(asked, values, strict=True))


class _Target:
    """A key that rows may have in common: the primary key, or that of a unique index."""

    def __init__(self, table: Table, index: Index | None, placing: Placing) -> None:
        self._placing = placing
        self._whole = scanned(table.layout, fields_of(table), None)
        self._of = taken(table.key if index is None else index.entry)
        self._entries = None if index is None else Entries(table, index)
        self._prefix = table.prefix if self._entries is None else self._entries.prefix
        if index is not None:
            self._width = len(index.columns)
            fields = [
                Field("", table.columns[place].type, False, place=index.entry.index(place)) for place in table.key
            ]
            self._row_of = scanned(entry_layout(table, index), fields, None)

    def key(self, row: Values) -> bytes | None:
        """Where what this row must not share would stand; None where a NULL is in it."""
        values = self._of(row)
        if self._entries is None:
            return self._placing.key(values)
        return None if None in values[: self._width] else self._entries.key(values)

    def met(self, there: There, transaction: Transaction) -> Flow[dict[bytes, Met]]:
        """The rows that have those of these keys that are of this kind and there."""
        found = [(key, value) for key, value in there.items() if value is not None and key.startswith(self._prefix)]
        if self._entries is None:
            stored = found
        else:
            keys = [self._placing.key(each) for each in self._row_of(found, ())]
            values = yield from values_of(transaction, keys)
            stored = [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
            assert len(stored) == len(found), "every entry has its row"
        rows = self._whole(stored, ())
        return {key: Met(own, row) for (key, _), (own, _), row in zip(found, stored, rows, strict=True)}


class _Renewing:
    """How rows that are in the way change."""

    def __init__(self, table: Table, renewal: plan.Renewal) -> None:
        self._placing = Placing(renewal, table)
        self._row = tuples(renewal.row, renewal.fields)
        self._wanted: Callable[[Rows, Sequence[Any]], Any] | None = None
        if renewal.condition is not None:
            self._wanted = keeps(renewal.condition, renewal.fields)

    def renewed(self, pending: Pending, row: Values, met: Met | None, key: bytes, given: Sequence[Any]) -> Rows:
        """The row in the way as it will be, in a list; none if it stays as it is. Raises 21000."""
        if met is None or key in pending.puts or met.key in pending.puts:
            hint = "give one row for each key in a statement"
            raise SqlError("21000", "ON CONFLICT DO UPDATE meets a row that this statement wrote already", hint=hint)
        pair = [(*met.row, *row)]
        if self._wanted is not None and not self._wanted(pair, given):
            return []
        made: Rows = self._row(pair, given)
        return self._placing.update(pending, made)
