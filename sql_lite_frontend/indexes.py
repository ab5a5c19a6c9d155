"""CREATE INDEX and DROP INDEX.

Owns both statements. Does not own entries (sql_lite_frontend/entries.py) nor descriptors
(sql_lite_frontend/schema.py). Read next: sql_lite_frontend/session.py.
"""

from dataclasses import replace

from node.flow import Flow
from sql_lite_frontend import tree
from sql_lite_frontend.ddl import Chance, drop, put_table, with_index
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import index_key, index_prefix, past
from sql_lite_frontend.schema import Schema
from txn.transaction import Transaction


def create_index(statement: tree.CreateIndex, schema: Schema, transaction: Transaction, chance: Chance) -> Flow[None]:
    """Raises 42P01, 42P07 and others."""
    name = statement.table.name
    table = yield from schema.table(transaction, name)
    if table is None:
        raise SqlError("42P01", f"no table {name}", statement.table.at, "SHOW TABLES lists them")
    if statement.if_not_exists and (yield from schema.index(transaction, statement.index.name)) is not None:
        return
    made = yield from with_index(table, statement.index, transaction)
    if (yield from transaction.scan(table.prefix, past(table.prefix), 1)):
        raise SqlError("0A000", f"an index on {name}, which has rows, is not supported", statement.table.at)
    put_table(made, transaction, chance)


def drop_index(statement: tree.DropIndex, schema: Schema, transaction: Transaction, chance: Chance) -> Flow[None]:
    """Raises 42704."""
    found = yield from schema.index(transaction, statement.name)
    if found is None:
        if statement.if_exists:
            return
        raise SqlError("42704", f"no index {statement.name}", statement.at, "DROP INDEX IF EXISTS")
    table, index = found
    transaction.delete(index_key(index.name))
    drop(index_prefix(table.id, index.number), transaction)
    left = tuple(each for each in table.indexes if each is not index)
    put_table(replace(table, indexes=left), transaction, chance)
