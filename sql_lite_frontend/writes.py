"""Writes at work: a statement's changes are gathered, checked, and only then handed to the transaction.

So a statement never sees rows that it has written itself, and one that fails changes nothing; and what must be there
once is looked at as it will be after the statement, so an UPDATE may exchange two rows' keys. Owns that there is one
row for each primary key and for each key of a unique index, and that every index has its entries. Does not own CHECK
(sql_lite_frontend/checks.py).
Does not own their bytes (sql_lite_frontend/entries.py). Read next: sql_lite_frontend/ddl.py.
"""

from collections.abc import Sequence
from typing import Any

from node.flow import Flow
from ranges.config import KEY_BYTES_MAX, VALUE_BYTES_MAX
from sql_lite_frontend import plan
from sql_lite_frontend.checks import guarding
from sql_lite_frontend.entries import Entries, taken, too_long
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import Rows
from sql_lite_frontend.keys import encode_tuple
from sql_lite_frontend.operators import Operator
from sql_lite_frontend.schema import Index, Table
from txn.config import TRANSACTION_KEYS_MAX
from txn.transaction import Transaction


class Pending:
    """What one statement will change in one table.

    1. `puts` and `deletes` may hold the same key: then it is put. Both may so be filled row by row, in any order.
    2. `fresh`: keys that are put and must not be there yet, but for a key that is deleted too; with the index that
       demands it, None for the primary key.
    """

    def __init__(self, table: Table) -> None:
        self.puts: dict[bytes, bytes] = {}
        self.deletes: dict[bytes, bytes | None] = {}
        self.fresh: dict[bytes, Index | None] = {}
        self._table = table

    def put(self, key: bytes, value: bytes, index: Index | None, fresh: bool) -> None:
        """Raises 23505 where the statement puts two rows into one place."""
        if key in self.puts:
            raise self._twice(index)
        if fresh:
            self.fresh[key] = index
        if len(value) > VALUE_BYTES_MAX:
            raise SqlError("54000", f"a row has at most {VALUE_BYTES_MAX} bytes; this has {len(value)}")
        self.puts[key] = value
        if len(self.puts) > TRANSACTION_KEYS_MAX:
            raise _too_many()

    def delete(self, key: bytes) -> None:
        """The key goes, unless it is put, too."""
        self.deletes[key] = None
        if len(self.deletes) > TRANSACTION_KEYS_MAX:
            raise _too_many()

    def hand_on(self, transaction: Transaction) -> Flow[None]:
        """All changes to the transaction. Raises 23505."""
        asked = [key for key in self.fresh if key not in self.deletes]
        if len(asked) == 1:
            values = [(yield from transaction.get(asked[0]))]
        else:
            values = yield from transaction.get_many(asked)
        for key, value in zip(asked, values, strict=True):
            if value is not None:
                raise self._twice(self.fresh[key])
        transaction.write(self.deletes | self.puts)

    def _twice(self, index: Index | None) -> SqlError:
        table = self._table
        if index is None:
            return SqlError("23505", f"table {table.name} has a row with this primary key ({table.names(table.key)})")
        names = table.names(index.columns)
        return SqlError("23505", f"table {table.name} has a row with the same ({names}): index {index.name} is UNIQUE")


def _too_many() -> SqlError:
    said = f"a transaction writes at most {TRANSACTION_KEYS_MAX} rows and entries of indexes"
    return SqlError("54000", said, hint="write in parts")


class Writing:
    """A plan that writes, with what it needs for every row; made once for a plan."""

    def __init__(self, root: plan.Insert | plan.Update | plan.Delete) -> None:
        table = root.table
        self._root = root
        self._table = table
        self._layout = table.layout
        self._prefix = table.prefix
        self._width = 0 if isinstance(root, plan.Insert) else len(root.old)
        self._key_of = taken(table.key)
        self._look = guarding(table, None if isinstance(root, plan.Delete) else root.guard)
        old = () if isinstance(root, plan.Insert) else root.old
        self._indexes = [
            (
                Entries(table, each),
                taken(each.entry),
                taken([old.index(place) for place in each.entry]) if old else None,
            )
            for each in root.indexes
        ]

    def carry_out(self, source: Operator, transaction: Transaction) -> Flow[int]:
        """All rows of the source; their number."""
        pending, count = Pending(self._table), 0
        take = {plan.Insert: self._insert, plan.Update: self._update, plan.Delete: self._delete}[type(self._root)]
        while True:
            rows = yield from source.next()
            if rows is None:
                break
            take(pending, rows)
            count += len(rows)
        yield from pending.hand_on(transaction)
        return count

    def _insert(self, pending: Pending, rows: Rows) -> None:
        self._look(rows)
        for row in rows:
            pending.put(self._key(self._key_of(row)), self._layout.encode(row), None, fresh=True)
        self._enter(pending, rows)

    def _update(self, pending: Pending, rows: Rows) -> None:
        """Of each row the columns as they were that matter, the primary key first, and then the row as it will be."""
        keys, width = len(self._table.key), self._width
        news = [each[width:] for each in rows]
        self._look(news)
        for each, row in zip(rows, news, strict=True):
            old, new = each[:keys], self._key_of(row)
            if new != old:
                pending.delete(self._key(old))
            pending.put(self._key(new), self._layout.encode(row), None, fresh=new != old)
        self._leave(pending, rows)
        self._enter(pending, news)

    def _delete(self, pending: Pending, rows: Rows) -> None:
        keys = len(self._table.key)
        for row in rows:
            pending.delete(self._key(row[:keys]))
        self._leave(pending, rows)

    def _enter(self, pending: Pending, rows: Rows) -> None:
        """The entries of these rows come."""
        for entries, new, _ in self._indexes:
            index = entries.index
            for row in rows:
                values = new(row)
                pending.put(entries.key(values), entries.value(values), index, fresh=index.unique)

    def _leave(self, pending: Pending, rows: Rows) -> None:
        """The entries of what these rows were go."""
        for entries, _, old in self._indexes:
            assert old is not None, "what changes rows knows what they were"
            for row in rows:
                pending.delete(entries.key(old(row)))

    def _key(self, values: Sequence[Any]) -> bytes:
        key = self._prefix + encode_tuple(values)
        if too_long(key):
            raise SqlError("54000", f"a primary key has at most {KEY_BYTES_MAX} bytes", hint="zero bytes count twice")
        return key
