"""Writes at work: a statement's changes are gathered, checked, and only then handed to the transaction.

So a statement never sees rows that it has written itself, and one that fails changes nothing. Owns primary keys:
their bytes, their length, and that there is one row for each. Read next: sql_lite_frontend/ddl.py.
"""

from collections.abc import Sequence
from typing import Any

from node.flow import Flow
from ranges.config import KEY_BYTES_MAX, VALUE_BYTES_MAX
from sql_lite_frontend import plan
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import Rows
from sql_lite_frontend.keys import encode_tuple
from sql_lite_frontend.operators import Operator
from sql_lite_frontend.schema import Table
from txn.config import TRANSACTION_KEYS_MAX
from txn.transaction import Transaction


class Writer:
    """The changes of one statement in one table."""

    def __init__(self, table: Table, transaction: Transaction) -> None:
        self._table = table
        self._prefix = table.prefix
        self._layout = table.layout
        self._transaction = transaction
        self._puts: dict[bytes, bytes] = {}
        self._deletes: dict[bytes, bytes | None] = {}
        self._fresh: dict[bytes, None] = {}
        self.count = 0

    def insert(self, rows: Rows) -> None:
        """New rows."""
        for row in rows:
            self._put(self._key([row[place] for place in self._table.key]), row, fresh=True)

    def update(self, rows: Rows) -> None:
        """Old keys and new rows."""
        width = len(self._table.key)
        for each in rows:
            old, row = each[:width], each[width:]
            new = tuple(row[place] for place in self._table.key)
            key = self._key(new)
            if new != old:
                self._deletes[self._key(old)] = None
            self._put(key, row, fresh=new != old)

    def delete(self, rows: Rows) -> None:
        """Keys of rows that go."""
        for row in rows:
            self._deletes[self._key(row)] = None
            self._counted()

    def finish(self) -> Flow[int]:
        """Hand all changes on. Raises 23505; returns the number of rows."""
        asked = [key for key in self._fresh if key not in self._deletes]
        if len(asked) == 1:
            values = [(yield from self._transaction.get(asked[0]))]
        else:
            values = yield from self._transaction.get_many(asked)
        if any(value is not None for value in values):
            raise self._twice()
        self._transaction.write(self._deletes | self._puts)
        return self.count

    def _key(self, values: Sequence[Any]) -> bytes:
        key = self._prefix + encode_tuple(values)
        if len(key) + key.count(0) > KEY_BYTES_MAX:
            raise SqlError("54000", f"a primary key has at most {KEY_BYTES_MAX} bytes", hint="zero bytes count twice")
        return key

    def _put(self, key: bytes, row: Sequence[Any], fresh: bool) -> None:
        if key in self._puts:
            raise self._twice()
        if fresh:
            self._fresh[key] = None
        value = self._layout.encode(row)
        if len(value) > VALUE_BYTES_MAX:
            raise SqlError("54000", f"a row has at most {VALUE_BYTES_MAX} bytes; this has {len(value)}")
        self._puts[key] = value
        self._counted()

    def _counted(self) -> None:
        self.count += 1
        if self.count > TRANSACTION_KEYS_MAX:
            raise SqlError("54000", f"a transaction writes at most {TRANSACTION_KEYS_MAX} rows", hint="write in parts")

    def _twice(self) -> SqlError:
        names = ", ".join(self._table.columns[place].name for place in self._table.key)
        return SqlError("23505", f"table {self._table.name} has a row with this primary key ({names})")


def carry_out(root: Any, source: Operator, transaction: Transaction) -> Flow[int]:
    """A plan that writes; the number of its rows."""
    writer = Writer(root.table, transaction)
    take = {plan.Insert: writer.insert, plan.Update: writer.update, plan.Delete: writer.delete}[type(root)]
    while True:
        rows = yield from source.next()
        if rows is None:
            break
        take(rows)
    return (yield from writer.finish())
