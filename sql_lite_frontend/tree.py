"""Statements and expressions as they were written: what the parser hands on, before any name is looked up.

Owns their forms; `at` is where one stands in the text, -1 if that is not known. Read next: sql_lite_frontend/parse.py.
"""

from dataclasses import dataclass
from typing import Any

from sql_lite_frontend.types import Type


@dataclass(frozen=True, slots=True)
class Constant:
    """A value; `decimal`: written with a point, so it is exact where a NUMERIC is wanted."""

    value: Any
    type: Type
    at: int = -1
    decimal: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """`?` by its number from 0, or `:name` by its name."""

    name: int | str
    at: int = -1


@dataclass(frozen=True, slots=True)
class Column:
    """`name` or `table.name`."""

    table: str
    name: str
    at: int = -1


@dataclass(frozen=True, slots=True)
class Star:
    """`*` or `table.*`."""

    table: str
    at: int = -1


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function, by its lower name, and its arguments.

    Operators: `and` `or` `not` `=` `<>` `<` `<=` `>` `>=` `+` `-` `*` `/` `%` `||` `neg` `is_null` `is_true`
    `is_false` `distinct_from` `in` `like` `case` (condition, value, …, else).
    """

    name: str
    arguments: tuple[Any, ...]
    at: int = -1
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Cast:
    """`CAST(… AS type)`."""

    argument: Any
    type: Type
    at: int = -1


@dataclass(frozen=True, slots=True)
class Subquery:
    """A query in an expression. Forms: `scalar`, its one value; `exists`; `in`, with the `test` that is looked for."""

    form: str
    query: "Query"
    test: Any | None = None
    at: int = -1


@dataclass(frozen=True, slots=True)
class TableName:
    """A table of FROM, and the name that its columns go by."""

    name: str
    alias: str
    at: int = -1


@dataclass(frozen=True, slots=True)
class Derived:
    """A query of FROM, and the name that its columns go by; `columns`: their own names, as far as given.

    `closed`: it was named by WITH, and sees no columns from outside.
    """

    query: "Query"
    alias: str
    columns: tuple[str, ...]
    closed: bool
    at: int = -1


@dataclass(frozen=True, slots=True)
class Join:
    """A join to what stands before it. `using`: names instead of a condition."""

    kind: str  # "inner", "left" or "right"
    table: TableName | Derived
    condition: Any | None
    using: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the result."""

    expression: Any
    alias: str


@dataclass(frozen=True, slots=True)
class Order:
    """An item of ORDER BY."""

    expression: Any
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Select:
    """A query of one SELECT."""

    outputs: tuple[Output, ...]
    source: TableName | Derived | None
    joins: tuple[Join, ...] = ()
    where: Any | None = None
    group: tuple[Any, ...] = ()
    having: Any | None = None
    order: tuple[Order, ...] = ()
    limit: Any | None = None
    offset: Any | None = None
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Values:
    """A query whose rows are listed."""

    rows: tuple[tuple[Any, ...], ...]
    order: tuple[Order, ...] = ()
    limit: Any | None = None
    offset: Any | None = None
    at: int = -1


@dataclass(frozen=True, slots=True)
class Combined:
    """One query made of several by `union`, `intersect` or `except`, from the left. `all`: equal rows are not one."""

    way: str
    all: bool
    parts: tuple[Any, ...]
    order: tuple[Order, ...] = ()
    limit: Any | None = None
    offset: Any | None = None
    at: int = -1


Query = Select | Values | Combined


@dataclass(frozen=True, slots=True)
class Conflict:
    """ON CONFLICT. `target` empty: none was given. `changes` None: DO NOTHING."""

    target: tuple[Column, ...]
    changes: tuple[tuple[Column, Any], ...] | None
    where: Any | None
    at: int = -1


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows into a table: listed, or those of a query. `columns` empty: all, in their order; None: DEFAULT VALUES."""

    table: TableName
    columns: tuple[Column, ...] | None
    rows: tuple[tuple[Any, ...], ...]
    query: Query | None = None
    conflict: Conflict | None = None
    returning: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """New values in the rows that a condition finds."""

    table: TableName
    changes: tuple[tuple[Column, Any], ...]
    where: Any | None
    returning: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """The rows that a condition finds, away."""

    table: TableName
    where: Any | None
    returning: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnMade:
    """A column of CREATE TABLE. `digits` and `scale` of a NUMERIC, 0 and 0 if it has none."""

    name: str
    type: Type
    not_null: bool
    default: Any | None
    digits: int = 0
    scale: int = 0
    at: int = -1


@dataclass(frozen=True, slots=True)
class IndexMade:
    """A UNIQUE constraint or an index. The name may be empty where it is a constraint."""

    name: str
    columns: tuple[Column, ...]
    unique: bool
    at: int = -1


@dataclass(frozen=True, slots=True)
class CheckMade:
    """A CHECK constraint, whose name may be empty, and its text with the brackets around it."""

    name: str
    condition: Any
    text: str
    at: int = -1


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A new table."""

    table: TableName
    columns: tuple[ColumnMade, ...]
    primary_key: tuple[Column, ...]
    if_not_exists: bool
    indexes: tuple[IndexMade, ...] = ()
    checks: tuple[CheckMade, ...] = ()


@dataclass(frozen=True, slots=True)
class DropTable:
    """A table away, with its rows."""

    table: TableName
    if_exists: bool


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """A new index on a table."""

    table: TableName
    index: IndexMade
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class DropIndex:
    """An index away."""

    name: str
    if_exists: bool
    at: int = -1


@dataclass(frozen=True, slots=True)
class Explain:
    """How a statement would be carried out; `analyze`: how it was, since it is."""

    statement: Any
    analyze: bool = False


@dataclass(frozen=True, slots=True)
class Show:
    """What there is: `tables`, `nodes` or `ranges`, maybe those of one table."""

    what: str
    table: TableName | None = None


@dataclass(frozen=True, slots=True)
class Plain:
    """`begin`, `commit` or `rollback`."""

    word: str
