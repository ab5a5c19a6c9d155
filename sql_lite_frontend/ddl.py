"""Changes of the catalog: CREATE TABLE and DROP TABLE.

Each writes a new version of the catalog, which no other change ever writes (sql_lite_frontend/schema.py). A dropped
table's rows cannot be found any more from the commit on; they are removed afterwards, in portions, and a mark in the
catalog says until then that they are there: whoever drops a table next goes on where somebody stopped.
Read next: sql_lite_frontend/session.py.
"""

from collections.abc import Callable
from typing import Any

from node.flow import Flow
from sql_lite_frontend import tree
from sql_lite_frontend.binder import Binder, Scope
from sql_lite_frontend.changes import stored
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import single
from sql_lite_frontend.keys import (
    DROPPED_PREFIX,
    NEXT_ID_KEY,
    ROWS,
    VERSION_KEY,
    dropped_key,
    index_prefix,
    past,
    table_key,
)
from sql_lite_frontend.limits import COLUMNS_MAX
from sql_lite_frontend.rows import layout
from sql_lite_frontend.schema import Column, Schema, Table, encode_table
from txn.database import Database
from txn.transaction import Transaction

FIRST_TABLE = 16  # ids below are the catalog's own
ID_BYTES = 8
REMOVED_AT_ONCE = 2_000  # rows

Chance = Callable[[], float]


def create_table(statement: tree.CreateTable, schema: Schema, transaction: Transaction, chance: Chance) -> Flow[None]:
    """Raises 42P07, 42P16 and others."""
    name = statement.table.name
    if (yield from schema.table(transaction, name)) is not None:
        if statement.if_not_exists:
            return
        raise SqlError("42P07", f"table {name} is there already", statement.table.at, "CREATE TABLE IF NOT EXISTS")
    columns, key = _columns(statement)
    last = yield from transaction.get(NEXT_ID_KEY)
    number = FIRST_TABLE if last is None else int.from_bytes(last, "big")
    transaction.put(NEXT_ID_KEY, (number + 1).to_bytes(ID_BYTES, "big"))
    transaction.put(table_key(name), encode_table(Table(number, name, columns, key)))
    _new_version(transaction, chance)


def drop_table(statement: tree.DropTable, schema: Schema, transaction: Transaction, chance: Chance) -> Flow[None]:
    """Raises 42P01."""
    name = statement.table.name
    table = yield from schema.table(transaction, name)
    if table is None:
        if statement.if_exists:
            return
        raise SqlError("42P01", f"no table {name}", statement.table.at, "DROP TABLE IF EXISTS")
    transaction.delete(table_key(name))
    transaction.put(dropped_key(table.id), b"")
    _new_version(transaction, chance)


def _new_version(transaction: Transaction, chance: Chance) -> None:
    """64 bits by chance: also what was read under a change that was taken back is never taken for another one."""
    value = int(chance() * 2**32) << 32 | int(chance() * 2**32)
    transaction.put(VERSION_KEY, value.to_bytes(ID_BYTES, "big"))


def _columns(statement: tree.CreateTable) -> tuple[tuple[Column, ...], tuple[int, ...]]:
    at = statement.table.at
    if len(statement.columns) > COLUMNS_MAX:
        raise SqlError("54000", f"a table has at most {COLUMNS_MAX} columns", at)
    names = [each.name for each in statement.columns]
    for place, column in enumerate(statement.columns):
        if column.name in names[:place]:
            raise SqlError("42701", f"column {column.name} stands twice", column.at)
    if not statement.primary_key:
        raise SqlError("42P16", "a table without a PRIMARY KEY", at, "its rows lie in the order of that key")
    key = []
    for part in statement.primary_key:
        if part.name not in names:
            raise SqlError("42703", f"no column {part.name} for the PRIMARY KEY", part.at)
        if names.index(part.name) in key:
            raise SqlError("42701", f"column {part.name} stands twice in the PRIMARY KEY", part.at)
        key.append(names.index(part.name))
    return tuple(_column(each, place in key) for place, each in enumerate(statement.columns)), tuple(key)


def _column(made: tree.ColumnMade, is_key: bool) -> Column:
    plain = Column(made.name, made.type, made.not_null or is_key, b"", made.digits, made.scale)
    if made.default is None:
        return plain
    binder = Binder(Scope(), (), {}, _no_parameter)
    value = single(stored(plain, binder.bind(made.default), made.at))(())
    default = b"" if value is None else layout((made.type,)).encode((value,))
    return Column(made.name, made.type, plain.not_null, default, made.digits, made.scale)


def _no_parameter(term: Any) -> None:
    if isinstance(term, tree.Parameter):
        raise SqlError("22023", "a DEFAULT is a constant", term.at)


def remove_dropped(database: Database) -> Flow[None]:
    """Remove the rows of all tables that were dropped."""
    marks = yield from database.scan(DROPPED_PREFIX, past(DROPPED_PREFIX))
    for mark, _ in marks:
        prefix = index_prefix(int.from_bytes(mark[len(DROPPED_PREFIX) :], "big"), ROWS)

        def remove(transaction: Transaction, prefix: bytes = prefix, mark: bytes = mark) -> Flow[bool]:
            rows = yield from transaction.scan(prefix, past(prefix), REMOVED_AT_ONCE)
            for key, _ in rows:
                transaction.delete(key)
            if len(rows) < REMOVED_AT_ONCE:
                transaction.delete(mark)
            return len(rows) == REMOVED_AT_ONCE

        while (yield from database.run(remove)):
            pass
