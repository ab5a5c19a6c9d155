"""Plans: what is to be done with rows, as a tree of nodes that say which fields their rows have.

Owns the nodes. The rules (sql_lite_frontend/planner.py) turn a tree into a better one; sql_lite_frontend/operators.py
carries it out. Read next: sql_lite_frontend/queries.py.
"""

from dataclasses import dataclass
from typing import Any

from sql_lite_frontend.bound import Expression, Field
from sql_lite_frontend.bound import fields as fields_of
from sql_lite_frontend.keys import index_prefix
from sql_lite_frontend.schema import Check, Index, Table


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of a span, on the column behind the equal ones."""

    value: Expression
    included: bool


@dataclass(frozen=True, slots=True)
class Span:
    """Parts of a table or an index: values that each of its leading columns may have, and ends on the next column."""

    equal: tuple[tuple[Expression, ...], ...] = ()
    low: Bound | None = None
    high: Bound | None = None

    @property
    def whole(self) -> bool:
        """Is it the whole table?"""
        return not (self.equal or self.low or self.high)

    @property
    def single(self) -> bool:
        """Is it one part at most?"""
        return all(len(values) == 1 for values in self.equal)


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows of a table for which `condition` holds, in the order of `key` or in reverse.

    They are found by the primary key, or by `index`. `few`: about so many are wanted, the rest is not asked for at
    once. `said`: the condition as it was before the span took its part.
    """

    table: Table
    alias: str
    fields: tuple[Field, ...]
    span: Span = Span()
    condition: Expression | None = None
    reverse: bool = False
    few: Expression | None = None
    index: Index | None = None
    said: Expression | None = None

    @property
    def key(self) -> tuple[int, ...]:
        """The places of the columns in whose order rows come."""
        return self.table.key if self.index is None else self.index.entry

    @property
    def prefix(self) -> bytes:
        """What all keys begin with, of the table's rows or the index's entries."""
        return self.table.prefix if self.index is None else index_prefix(self.table.id, self.index.number)

    @property
    def point(self) -> bool:
        """Is it one row at most for each combination of values?"""
        return is_whole_key(self.table, self.index, len(self.span.equal))

    @property
    def covered(self) -> bool:
        """Does the index hold all that is needed?"""
        if self.index is None:
            return False
        return all(each.place in self.index.entry for each in (*self.fields, *fields_of(self.condition)))


def key_places(table: Table, index: Index | None) -> tuple[int, ...]:
    """The places of the columns that every key of the table's rows or the index's entries holds, in their order."""
    if index is None:
        return table.key
    return index.columns if index.unique else index.entry


def is_whole_key(table: Table, index: Index | None, count: int) -> bool:
    """Do values for so many leading columns of the primary key or an index name one row at most?"""
    return count == len(table.key) if index is None else index.unique and count == len(index.columns)


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows that the statement lists."""

    fields: tuple[Field, ...]
    rows: tuple[tuple[Expression, ...], ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows for which a condition is true."""

    source: Any
    condition: Expression

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its rows' fields."""
        return tuple(self.source.fields)


@dataclass(frozen=True, slots=True)
class Join:
    """Pairs of rows for which `condition` holds; `outer`: left rows without a partner stand with NULLs.

    `left_keys` and `right_keys` are equal in a pair, beside the condition. `lookup`: the right side is a table, whose
    primary key or index begins with the right keys, and its rows are fetched as they are needed; else the right side is
    held in memory.
    """

    left: Any
    right: Any
    outer: bool
    condition: Expression | None
    left_keys: tuple[Expression, ...] = ()
    right_keys: tuple[Expression, ...] = ()
    lookup: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its rows' fields."""
        return (*self.left.fields, *self.right.fields)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate of one expression; None: of rows, COUNT(*). `separator` of what joins texts."""

    name: str
    argument: Expression | None
    distinct: bool
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One row for each combination of keys: the keys, then the aggregates. Without keys: exactly one row."""

    source: Any
    keys: tuple[Expression, ...]
    aggregates: tuple[Aggregate, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """Each row's values of expressions."""

    source: Any
    expressions: tuple[Expression, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Distinct:
    """Each row once, as it first comes."""

    source: Any

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its rows' fields."""
        return tuple(self.source.fields)


@dataclass(frozen=True, slots=True)
class Apply:
    """Each row with a subquery's answer as one more field.

    The query's plan takes the `arguments`, values of the row, as parameters at `places`.
    """

    source: Any
    form: str  # as that of a tree.Subquery
    query: Any
    arguments: tuple[Expression, ...]
    places: tuple[int, ...]
    answer: Field

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its rows' fields."""
        return (*self.source.fields, self.answer)


@dataclass(frozen=True, slots=True)
class Answer:
    """A subquery that needs no row around it: its answer is a parameter of the statement."""

    name: str
    form: str
    query: Any
    place: int


@dataclass(frozen=True, slots=True)
class Combine:
    """`union`: rows of both sides; `intersect`, `except`: those of the left that are on the right, too, or are not.

    Without `all` each row is there once; with it as often as the sum, the least or the difference of its counts.
    """

    way: str
    all: bool
    left: Any
    right: Any
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """What rows are sorted by."""

    field: Field
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Sort:
    """Rows in order. `few`: no more than so many are wanted."""

    source: Any
    keys: tuple[Key, ...]
    few: Expression | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its rows' fields."""
        return tuple(self.source.fields)


@dataclass(frozen=True, slots=True)
class Limit:
    """Some rows from the start, after an offset. A limit of None or NULL is none."""

    source: Any
    limit: Expression | None
    offset: Expression | None

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its rows' fields."""
        return tuple(self.source.fields)


@dataclass(frozen=True, slots=True)
class Guard:
    """What no row that is written may make false; conditions are over `fields`, the columns of a whole row."""

    fields: tuple[Field, ...]
    conditions: tuple[tuple[Check, Expression], ...]


@dataclass(frozen=True, slots=True)
class Renewal:
    """How a row changes that is in the way of one to be inserted, where `condition` holds.

    `fields` are the columns of the row that is there, then those of the other. `row`, `old` and `indexes`: as what the
    source of an Update gives, and as there. `places`: the columns that change.
    """

    fields: tuple[Field, ...]
    condition: Expression | None
    row: tuple[Expression, ...]
    old: tuple[int, ...]
    places: tuple[int, ...]
    indexes: tuple[Index, ...]
    guard: Guard | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """What becomes of a row whose key is taken: it is left out, or the row that is there is renewed.

    `targets`: the keys that are meant; None is the primary key.
    """

    targets: tuple[Index | None, ...]
    renewal: Renewal | None = None


@dataclass(frozen=True, slots=True)
class Returning:
    """What a write gives of each row: `expressions` over `fields`, the row as it is then, or was where it went."""

    fields: tuple[Field, ...]
    expressions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Insert:
    """Whole rows of a table, in the order of its columns."""

    table: Table
    source: Any
    guard: Guard | None = None
    conflict: Conflict | None = None
    returning: Returning | None = None

    @property
    def indexes(self) -> tuple[Index, ...]:
        """The indexes whose entries change."""
        return self.table.indexes


@dataclass(frozen=True, slots=True)
class Update:
    """The source's rows are: columns as they are, in the places `old`, then the whole row as it will be.

    `old` begins with the primary key, and has what entries of `indexes`, those that change, hold.
    """

    table: Table
    source: Any
    old: tuple[int, ...]
    indexes: tuple[Index, ...]
    guard: Guard | None = None
    returning: Returning | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """The source's rows are columns in the places `old`: the primary key, what entries of indexes hold, then others."""

    table: Table
    source: Any
    old: tuple[int, ...]
    returning: Returning | None = None

    @property
    def indexes(self) -> tuple[Index, ...]:
        """The indexes whose entries change."""
        return self.table.indexes


SOURCES = ("source", "left", "right", "query")  # the attributes that hold other nodes


def sources(node: Any) -> list[Any]:
    """The nodes that a node takes rows from."""
    return [getattr(node, name) for name in SOURCES if hasattr(node, name)]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that can be carried out: the plan, and the names of its result's columns, if it has one.

    `answers` are subqueries to be answered first; `more` is the number of parameters beside those that are given.
    """

    root: Any
    columns: tuple[str, ...]
    answers: tuple[Answer, ...] = ()
    more: int = 0

    @property
    def writes(self) -> bool:
        """Does it change rows?"""
        return isinstance(self.root, Insert | Update | Delete)
