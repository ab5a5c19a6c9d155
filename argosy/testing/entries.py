"""What must lie in the key space of SQL: the catalog, rows, and for each row of a table its entries in every index.

Owns this comparison, in one snapshot of everything. Does not own what rows say (argosy/testing/books.py).
Read next: sql_lite_frontend/indexes.py.
"""

from collections.abc import Iterable
from itertools import islice

from node.flow import Flow
from sql_lite_frontend.bound import Field
from sql_lite_frontend.entries import Entries, taken
from sql_lite_frontend.keys import CATALOG, DROPPED_PREFIX, index_prefix, past, table_prefix
from sql_lite_frontend.scans import scanned
from sql_lite_frontend.schema import Index, Table, all_tables
from txn.transaction import Transaction

SHOWN = 3

Stored = dict[bytes, bytes]


def trouble(transaction: Transaction) -> Flow[str]:
    """What is wrong with the key space as a transaction sees it; nothing if all is right."""
    tables = yield from all_tables(transaction)
    stored = dict((yield from transaction.scan()))
    known = [*_under(stored, table_prefix(CATALOG))]
    known += [key for mark in _under(stored, DROPPED_PREFIX).values() for key in _under(stored, mark)]
    for table in tables:
        rows = _under(stored, table.prefix)
        known += rows
        for index in table.indexes:
            entries = _under(stored, index_prefix(table.id, index.number))
            wrong = _compared(table, index, rows, entries)
            if wrong:
                return f"index {index.name}, which is {'being built' if index.building else 'ready'}, {wrong}"
            known += entries
    left = stored.keys() - set(known)
    return f"nobody knows of {len(left)} keys: {_shown(left)}" if left else ""


def entries_of(table: Table, index: Index, rows: Stored) -> Stored:
    """The entries that these rows have in an index."""
    fields = [Field(each.name, each.type, True, place=at) for at, each in enumerate(table.columns)]
    made, of = Entries(table, index), taken(index.entry)
    values = map(of, scanned(table.layout, fields, None)(list(rows.items()), ()))
    return {made.key(each): made.value(each) for each in values}


def _compared(table: Table, index: Index, rows: Stored, entries: Stored) -> str:
    wanted = entries_of(table, index, rows)
    foreign = {key for key, value in entries.items() if wanted.get(key) != value}
    if foreign:
        return f"holds {len(foreign)} entries without their rows: {_shown(foreign)}"
    missing = wanted.keys() - entries.keys()
    if missing and not index.building:
        return f"lacks {len(missing)} entries of {len(rows)} rows: {_shown(missing)}"
    return ""


def _under(stored: Stored, prefix: bytes) -> Stored:
    return {key: value for key, value in stored.items() if prefix <= key < past(prefix)}


def _shown(keys: Iterable[bytes]) -> str:
    return ", ".join(key.hex(" ") for key in islice(sorted(keys), SHOWN))
