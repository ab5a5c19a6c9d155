"""The types of columns and expressions, their names in SQL, and which of them fit each other.

Owns `Type` and the rules between types; an expression has its type before it runs. Does not own values
(sql_lite_frontend/values.py). Read next: sql_lite_frontend/values.py.
"""

from enum import Enum
from typing import NamedTuple


class Type(Enum):
    """The type of a value. NULL is that of a bare NULL, and fits all others."""

    NULL = "NULL"
    BOOLEAN = "BOOLEAN"
    INTEGER = "INTEGER"
    NUMERIC = "NUMERIC"
    REAL = "REAL"
    TEXT = "TEXT"
    BLOB = "BLOB"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"

    def __str__(self) -> str:
        return self.value


class Kind(NamedTuple):
    """What is known of a parameter before it is given: its type, and whether it may be NULL."""

    type: Type
    nullable: bool = False


NUMBERS = (Type.INTEGER, Type.NUMERIC, Type.REAL)  # in this order: the later one is that of a + b
TIMES = (Type.DATE, Type.TIMESTAMP)

# Names of sqlglot's types -> ours. Names with a length or a width that would have to be kept are not here.
NAMES = {
    "BOOLEAN": Type.BOOLEAN,
    "INT": Type.INTEGER,
    "BIGINT": Type.INTEGER,
    "DOUBLE": Type.REAL,
    "FLOAT": Type.REAL,
    "DECIMAL": Type.NUMERIC,
    "TEXT": Type.TEXT,
    "VARCHAR": Type.TEXT,
    "VARBINARY": Type.BLOB,
    "BLOB": Type.BLOB,
    "DATE": Type.DATE,
    "TIMESTAMP": Type.TIMESTAMP,
}


def common(left: Type, right: Type) -> Type | None:
    """The type that values of both can have, None if there is none."""
    if left is right or right is Type.NULL:
        return left
    if left is Type.NULL:
        return right
    if left in NUMBERS and right in NUMBERS:
        return NUMBERS[max(NUMBERS.index(left), NUMBERS.index(right))]
    if left in TIMES and right in TIMES:
        return Type.TIMESTAMP
    return None
