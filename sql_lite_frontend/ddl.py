"""Changes of the catalog: CREATE TABLE and DROP TABLE.

Each writes a new version of the catalog, which no other change ever writes (sql_lite_frontend/schema.py). A dropped
table's rows cannot be found any more from the commit on; they are removed afterwards, in portions, and a mark in the
catalog says until then that they are there: whoever drops a table or an index next goes on where somebody stopped.
Does not own CREATE INDEX and DROP INDEX. Read next: sql_lite_frontend/indexes.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from node.flow import Flow
from sql_lite_frontend import tree
from sql_lite_frontend.binder import Binder, Scope, nothing_special
from sql_lite_frontend.changes import stored
from sql_lite_frontend.checks import with_check
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import single
from sql_lite_frontend.keys import (
    DROPPED_PREFIX,
    NEXT_ID_KEY,
    VERSION_KEY,
    dropped_key,
    filling_key,
    index_key,
    past,
    table_key,
    table_prefix,
)
from sql_lite_frontend.limits import COLUMNS_MAX, INDEXES_MAX
from sql_lite_frontend.rows import layout
from sql_lite_frontend.schema import Column, Index, Schema, Table, encode_table
from txn.database import Database
from txn.transaction import Transaction

FIRST_TABLE = 16  # ids below are the catalog's own
ID_BYTES = 8
REMOVED_AT_ONCE = 2_000  # rows

Chance = Callable[[], float]
Progress = Callable[[int, int | None], None]


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
    table = Table(number, name, columns, key)
    for each in statement.indexes:
        table = yield from with_index(table, each, transaction)
    for check in statement.checks:
        table = with_check(table, check)
    put_table(table, transaction, chance)


def drop_table(statement: tree.DropTable, schema: Schema, transaction: Transaction, chance: Chance) -> Flow[None]:
    """Raises 42P01."""
    name = statement.table.name
    table = yield from schema.table(transaction, name)
    if table is None:
        if statement.if_exists:
            return
        raise SqlError("42P01", f"no table {name}", statement.table.at, "DROP TABLE IF EXISTS")
    transaction.delete(table_key(name))
    for each in table.indexes:
        forget(table, each, transaction)
    drop(table_prefix(table.id), transaction)
    _new_version(transaction, chance)


def with_index(table: Table, made: tree.IndexMade, transaction: Transaction) -> Flow[Table]:
    """The table with one index more. Raises 42P07, 42703, 42701 or 54000."""
    if len(table.indexes) == INDEXES_MAX:
        raise SqlError("54000", f"a table has at most {INDEXES_MAX} indexes", made.at)
    columns = places_of([each.name for each in table.columns], made.columns, made.name or "UNIQUE")
    own = [each.name for each in table.indexes]
    name, count = made.name, 0
    while not name or name in own or (yield from transaction.get(index_key(name))) is not None:
        if made.name:
            raise SqlError("42P07", f"index {name} is there already", made.at, "CREATE INDEX IF NOT EXISTS")
        name = table.constraint_name(columns, "key", count)
        count += 1
    rest = tuple(place for place in table.key if place not in columns)
    index = Index(table.next_index, name, columns, rest, made.unique)
    return replace(table, indexes=(*table.indexes, index), next_index=table.next_index + 1)


def put_table(table: Table, transaction: Transaction, chance: Chance) -> None:
    """A table's new descriptor."""
    transaction.put(table_key(table.name), encode_table(table))
    for each in table.indexes:
        transaction.put(index_key(each.name), table.name.encode())
    _new_version(transaction, chance)


def forget(table: Table, index: Index, transaction: Transaction) -> None:
    """An index has its name no more."""
    transaction.delete(index_key(index.name))
    if index.building:
        transaction.delete(filling_key(table.id, index.number))


def drop(prefix: bytes, transaction: Transaction) -> None:
    """What begins with this is to be removed afterwards."""
    transaction.put(dropped_key(prefix), prefix)


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
    key = places_of(names, statement.primary_key, "the PRIMARY KEY")
    return tuple(_column(each, place in key) for place, each in enumerate(statement.columns)), key


def places_of(names: Sequence[str], columns: Sequence[tree.Column], where: str) -> tuple[int, ...]:
    """The places of these columns in a table that has these names. Raises 42703 or 42701."""
    places: list[int] = []
    for each in columns:
        if each.name not in names:
            raise SqlError("42703", f"no column {each.name} for {where}", each.at)
        if names.index(each.name) in places:
            raise SqlError("42701", f"column {each.name} stands twice in {where}", each.at)
        places.append(names.index(each.name))
    return tuple(places)


def _column(made: tree.ColumnMade, is_key: bool) -> Column:
    plain = Column(made.name, made.type, made.not_null or is_key, b"", made.digits, made.scale)
    if made.default is None:
        return plain
    binder = Binder(Scope(), (), {}, nothing_special)
    value = single(stored(plain, binder.bind(made.default), made.at))(())
    default = b"" if value is None else layout((made.type,)).encode((value,))
    return Column(made.name, made.type, plain.not_null, default, made.digits, made.scale)


def remove_dropped(database: Database, progress: Progress) -> Flow[None]:
    """Remove what is left of all tables and indexes that were dropped; `progress` is told of how many rows."""
    marks = yield from database.scan(DROPPED_PREFIX, past(DROPPED_PREFIX))
    done = 0
    for mark, prefix in marks:
        start: bytes | None = prefix
        while start is not None:
            count, start = yield from database.run(_removal(start, prefix, mark))
            done += count
            if start is not None:
                progress(done, None)


def _removal(start: bytes, prefix: bytes, mark: bytes) -> Callable[[Transaction], Flow[tuple[int, bytes | None]]]:
    """A transaction that removes the next rows: how many, and where to go on, so that none walks over removed ones."""

    def remove(transaction: Transaction) -> Flow[tuple[int, bytes | None]]:
        rows = yield from transaction.scan(start, past(prefix), REMOVED_AT_ONCE)
        for key, _ in rows:
            transaction.delete(key)
        if len(rows) == REMOVED_AT_ONCE:
            return len(rows), rows[-1][0] + b"\x00"
        transaction.delete(mark)
        return len(rows), None

    return remove
