"""Entries: what a row leaves in an index, and its key in the table.

    table id, index id, the index's columns                          unique, and none of these is NULL
    table id, index id, the index's columns, the rest of the primary key    else, as several rows may have these values

An entry's value is a row (sql_lite_frontend/rows.py) of the columns that its key is of, in either case with the rest
of the primary key: so a reader needs no key taken apart, and NUMERICs and the like come back as they were.
Owns both, and the limit of a key. Read next: sql_lite_frontend/writes.py.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from ranges.config import KEY_BYTES_MAX
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import encode_tuple, index_prefix
from sql_lite_frontend.rows import Layout, layout
from sql_lite_frontend.schema import Index, Table

Values = tuple[Any, ...]


def too_long(key: bytes) -> bool:
    """Is there no room for this key? Zero bytes count twice."""
    return len(key) + key.count(0) > KEY_BYTES_MAX


def taken(places: Sequence[int]) -> Callable[[Values], Values]:
    """What takes the values in these places out of a row."""
    if len(places) == 1:
        (only,) = places
        return lambda row: (row[only],)
    return itemgetter(*places)


def entry_layout(table: Table, index: Index) -> Layout:
    """How an index's entries are stored."""
    return layout(tuple(table.columns[place].type for place in index.entry))


class Entries:
    """The entries of one index, from the values of its columns and the rest of the primary key."""

    def __init__(self, table: Table, index: Index) -> None:
        self.index = index
        self._width = len(index.columns)
        self.prefix = index_prefix(table.id, index.number)
        self._layout = entry_layout(table, index)

    def key(self, values: Values) -> bytes:
        """Where the entry stands. Raises 54000."""
        own = values[: self._width]
        key = self.prefix + encode_tuple(own if self.index.unique and None not in own else values)
        if too_long(key):
            said = f"an entry of index {self.index.name} has a key of at most {KEY_BYTES_MAX} bytes"
            raise SqlError("54000", said, hint="zero bytes count twice")
        return key

    def value(self, values: Values) -> bytes:
        """What stands there."""
        return self._layout.encode(values)
