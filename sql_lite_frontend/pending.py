"""What one statement will change in one table: gathered row by row, checked, and handed on as a whole.

What must be there once is looked at as it will be after the statement, so an UPDATE may exchange two rows' keys. Owns
that there is one row for each primary key and for each key of a unique index, and that every index has its entries.
Does not own their bytes (sql_lite_frontend/entries.py) nor CHECK (sql_lite_frontend/checks.py).
Read next: sql_lite_frontend/writes.py.
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
from sql_lite_frontend.schema import Index, Table
from txn.config import TRANSACTION_KEYS_MAX
from txn.transaction import Transaction


def values_of(transaction: Transaction, keys: Sequence[bytes]) -> Flow[list[bytes | None]]:
    """What stands at these keys."""
    if len(keys) == 1:
        return [(yield from transaction.get(keys[0]))]
    return (yield from transaction.get_many(keys))


class Pending:
    """What one statement will change in one table.

    1. `puts` and `deletes` may hold the same key: then it is put. Both may so be filled row by row, in any order.
    2. `fresh`: keys that are put and must not be there yet, but for a key that is deleted too; with the index that
       demands it, None for the primary key. `free`: those of which it is known that they are not there.
    """

    def __init__(self, table: Table) -> None:
        self.puts: dict[bytes, bytes] = {}
        self.deletes: dict[bytes, bytes | None] = {}
        self.fresh: dict[bytes, Index | None] = {}
        self.free: set[bytes] = set()
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
        asked = [key for key in self.fresh if key not in self.deletes and key not in self.free]
        values = yield from values_of(transaction, asked)
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


class Placing:
    """Puts rows of a table and their entries of some indexes into what is pending, and takes them away.

    `old`: of rows that change or go, the places of the columns that are known of them as they are.
    """

    def __init__(self, change: plan.Insert | plan.Update | plan.Delete | plan.Renewal, table: Table) -> None:
        old = () if isinstance(change, plan.Insert) else change.old
        self._width = len(old)
        self.check = guarding(table, None if isinstance(change, plan.Delete) else change.guard)
        self._keys = len(table.key)
        self._key_of = taken(table.key)
        self._layout = table.layout
        self._prefix = table.prefix
        self._indexes = [
            (
                Entries(table, each),
                taken(each.entry),
                taken([old.index(place) for place in each.entry]) if old else None,
            )
            for each in change.indexes
        ]

    def insert(self, pending: Pending, rows: Rows) -> Rows:
        """Whole rows come, which are checked already; these rows."""
        for row in rows:
            pending.put(self.key(self._key_of(row)), self._layout.encode(row), None, fresh=True)
        self._enter(pending, rows)
        return rows

    def update(self, pending: Pending, rows: Rows) -> Rows:
        """Of each row the columns as they were that matter, the primary key first, and then the row as it will be.

        The rows as they will be.
        """
        news = [each[self._width :] for each in rows]
        self.check(news)
        for each, row in zip(rows, news, strict=True):
            old, new = each[: self._keys], self._key_of(row)
            if new != old:
                pending.delete(self.key(old))
            pending.put(self.key(new), self._layout.encode(row), None, fresh=new != old)
        self._leave(pending, rows)
        self._enter(pending, news)
        return news

    def delete(self, pending: Pending, rows: Rows) -> Rows:
        """Rows go, of which the columns in the places `old` are given; these rows."""
        for row in rows:
            pending.delete(self.key(row[: self._keys]))
        self._leave(pending, rows)
        return rows

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

    def key(self, values: Sequence[Any]) -> bytes:
        """Where the row with this primary key stands. Raises 54000."""
        key = self._prefix + encode_tuple(values)
        if too_long(key):
            raise SqlError("54000", f"a primary key has at most {KEY_BYTES_MAX} bytes", hint="zero bytes count twice")
        return key
