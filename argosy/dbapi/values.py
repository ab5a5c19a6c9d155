"""Type codes and constructors of PEP 249. A type code is the name of a type of SQL: `"INTEGER"`, `"TEXT"`.

Owns which types are NUMBER, DATETIME and so on. Does not own what each is in Python (sql_lite_frontend/values.py).
Read next: argosy/dbapi/__init__.py.
"""

from datetime import date, datetime, time


class TypeObject:
    """Is equal to some type codes."""

    def __init__(self, *codes: str) -> None:
        self._codes = frozenset(codes)

    def __eq__(self, other: object) -> bool:
        return other in self._codes if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._codes)


STRING = TypeObject("TEXT")
BINARY = TypeObject("BLOB")
NUMBER = TypeObject("INTEGER", "REAL", "NUMERIC")
DATETIME = TypeObject("DATE", "TIMESTAMP")
ROWID = TypeObject()

Date = date
Time = time
Timestamp = datetime
Binary = bytes


def DateFromTicks(ticks: float) -> date:
    """The local day, so many seconds after 1970 began."""
    return date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> time:
    """The local time of day, so many seconds after 1970 began."""
    return datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime:
    """The local time, so many seconds after 1970 began, without a zone."""
    return datetime.fromtimestamp(ticks)
