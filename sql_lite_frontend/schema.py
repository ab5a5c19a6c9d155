"""Tables as the catalog describes them, and how a statement sees the catalog.

The catalog lies in the key space beside the rows (sql_lite_frontend/keys.py). Its version is a value that no two
changes share; a statement reads it in its own transaction, so a change of the catalog conflicts with every statement
that relied on the one before. What was read or planned under a version is kept with it: a `Schema` never changes.
Owns descriptors, their bytes and their cache. Does not own the changes (sql_lite_frontend/ddl.py).
Read next: sql_lite_frontend/queries.py.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from node.codec import decode_plain, encode_plain
from node.flow import Flow
from sql_lite_frontend.keys import ROWS, TABLES_PREFIX, VERSION_KEY, index_key, index_prefix, past, table_key
from sql_lite_frontend.limits import NAME_BYTES_MAX, PLANS_CACHED
from sql_lite_frontend.rows import Layout, layout
from sql_lite_frontend.types import Type
from txn.transaction import Transaction

T = TypeVar("T")
DESCRIPTOR_FORMAT = 3
SCHEMAS_KEPT = 4


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `default`: its value stored as a row of one column; empty: NULL. `digits` 0: any NUMERIC."""

    name: str
    type: Type
    not_null: bool
    default: bytes = b""
    digits: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Index:
    """An index. `columns`: the places of its columns; `rest`: those of the primary key that are not among them.

    `unique`: no two rows have the same values in `columns`, where none of these is NULL. `number` is never used twice.
    `building`: rows may lack their entries, so it is written and never read.
    """

    number: int
    name: str
    columns: tuple[int, ...]
    rest: tuple[int, ...]
    unique: bool
    building: bool = False

    @property
    def entry(self) -> tuple[int, ...]:
        """The places of all columns that its entries hold, in their order."""
        return self.columns + self.rest


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint: `text` is its condition as it was written, in brackets (sql_lite_frontend/checks.py)."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `key`: the places of the primary key's columns, in its order. `next_index`: the next index's number."""

    id: int
    name: str
    columns: tuple[Column, ...]
    key: tuple[int, ...]
    indexes: tuple[Index, ...] = ()
    next_index: int = ROWS + 1
    checks: tuple[Check, ...] = ()

    @property
    def layout(self) -> Layout:
        """How its rows are stored."""
        return layout(tuple(each.type for each in self.columns))

    @property
    def prefix(self) -> bytes:
        """What the keys of its rows begin with."""
        return index_prefix(self.id, ROWS)

    def names(self, places: Sequence[int]) -> str:
        """The names of the columns in these places, for people."""
        return ", ".join(self.columns[place].name for place in places)

    def constraint_name(self, places: Sequence[int], kind: str, count: int) -> str:
        """The name of a constraint on these columns that was given none; `count`: so many such names are taken."""
        tail = f"_{kind}{count or ''}"
        names = "_".join((self.name, *(self.columns[place].name for place in places)))
        return names.encode()[: NAME_BYTES_MAX - len(tail)].decode(errors="ignore") + tail


def encode_table(table: Table) -> bytes:
    """The descriptor's bytes."""
    columns = tuple(
        (each.name, each.type.value, each.not_null, each.default, each.digits, each.scale) for each in table.columns
    )
    indexes = tuple(
        (each.number, each.name, each.columns, each.rest, each.unique, each.building) for each in table.indexes
    )
    checks = tuple((each.name, each.text) for each in table.checks)
    parts = (table.id, table.name, columns, table.key, indexes, table.next_index, checks)
    return encode_plain((DESCRIPTOR_FORMAT, *parts))


def decode_table(stored: bytes) -> Table:
    """The descriptor of these bytes."""
    form, *parts = decode_plain(stored)
    assert form == DESCRIPTOR_FORMAT, f"a table's descriptor of format {form}, which this version does not know"
    number, name, columns, key, indexes, next_index, checks = parts
    made = tuple(Column(title, Type(kind), *rest) for title, kind, *rest in columns)
    found = tuple(Index(each, title, tuple(own), tuple(rest), *more) for each, title, own, rest, *more in indexes)
    return Table(number, name, made, tuple(key), found, next_index, tuple(Check(*each) for each in checks))


@dataclass(eq=False)
class Schema:
    """What is known of the catalog at one version: tables by name (None: there is none), and plans."""

    tables: dict[str, Table | None] = field(default_factory=dict)
    plans: "OrderedDict[Any, Any]" = field(default_factory=OrderedDict)

    def keep(self, name: Any, made: T) -> T:
        """Keep a plan under a name, and forget the oldest."""
        self.plans[name] = made
        if len(self.plans) > PLANS_CACHED:
            self.plans.popitem(last=False)
        return made

    def table(self, transaction: Transaction, name: str) -> Flow[Table | None]:
        """The table of this name."""
        if name not in self.tables:
            stored = yield from transaction.get(table_key(name))
            self.tables[name] = None if stored is None else decode_table(stored)
        return self.tables[name]

    def index(self, transaction: Transaction, name: str) -> Flow[tuple[Table, Index] | None]:
        """The index of this name, and its table."""
        stored = yield from transaction.get(index_key(name))
        if stored is None:
            return None
        table = yield from self.table(transaction, stored.decode())
        assert table is not None, f"index {name} is on a table that is not there"
        return table, next(each for each in table.indexes if each.name == name)


class Schemas:
    """The last few versions. A flow holds on to the one that it began with. `latest` is what was seen last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes | None, Schema] = OrderedDict()
        self.latest = Schema()

    def now(self, transaction: Transaction, ahead: bytes | None = None) -> Flow[Schema]:
        """The schema that this transaction sees; `ahead` is a key that is likely to be read next."""
        version = yield from transaction.get(VERSION_KEY, ahead)
        found = self._kept.get(version)
        if found is None:
            found = self._kept[version] = Schema()
            if len(self._kept) > SCHEMAS_KEPT:
                self._kept.popitem(last=False)
        self.latest = found
        return found


def all_tables(transaction: Transaction) -> Flow[list[Table]]:
    """Every table, by name."""
    rows = yield from transaction.scan(TABLES_PREFIX, past(TABLES_PREFIX))
    return [decode_table(value) for _, value in rows]
