"""Row values: all columns of a row in bytes that one `struct` call takes apart.

    head: format, and a bit for each column that is NULL
    a fixed part for each column: INTEGER, REAL, TIMESTAMP 8 bytes, DATE 4, BOOLEAN 1, others the end of their bytes, 4
    the bytes of TEXT, BLOB and NUMERIC columns, one after another

A reader takes the columns that it wants and skips the rest, so a scan costs one call and one comparison for a row
without NULL. Columns of the primary key stand here, too: the key only orders. Owns the format; a generated scan
(sql_lite_frontend/scans.py) knows its parts. Read next: sql_lite_frontend/schema.py.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from struct import Struct
from typing import Any

from sql_lite_frontend.types import Type
from sql_lite_frontend.values import date_of, days_of, micros_of, time_of

FORMAT = 1
FIXED = {Type.INTEGER: "q", Type.REAL: "d", Type.TIMESTAMP: "q", Type.DATE: "i", Type.BOOLEAN: "?"}
SIZES = {"q": 8, "d": 8, "i": 4, "?": 1, "I": 4}
END = "I"


def _decimal(stored: bytes) -> Decimal:
    return Decimal(stored.decode("ascii"))


def _text(stored: bytes) -> str:
    return str(stored, "utf-8")


# What makes a stored part a value; a type that is not here needs nothing.
MAKE: dict[Type, Callable[[Any], Any]] = {
    Type.TEXT: _text,
    Type.NUMERIC: _decimal,
    Type.DATE: date_of,
    Type.TIMESTAMP: time_of,
}
STORE: dict[Type, Callable[[Any], Any]] = {
    Type.TEXT: str.encode,
    Type.NUMERIC: lambda value: str(value).encode("ascii"),
    Type.DATE: days_of,
    Type.TIMESTAMP: micros_of,
}

# What stands in the place of NULL; its bit says that it is none of it.
EMPTY: dict[Type, Any] = {
    Type.BOOLEAN: False,
    Type.INTEGER: 0,
    Type.REAL: 0.0,
    Type.NUMERIC: "",
    Type.TEXT: "",
    Type.BLOB: b"",
    Type.DATE: date_of(0),
    Type.TIMESTAMP: time_of(0),
}


class Layout:
    """The form of a table's rows. `heads` bytes of head; `plain` is the head of a row without NULL."""

    def __init__(self, types: Sequence[Type]) -> None:
        self.types = tuple(types)
        self.heads = 1 + (len(self.types) + 7) // 8
        self.plain = bytes((FORMAT,)) + bytes(self.heads - 1)
        self.codes = [FIXED.get(kind, END) for kind in self.types]
        self._struct = Struct(f"<{self.heads}s" + "".join(self.codes))
        self.data_at = self._struct.size
        self._stores = [(place, STORE[kind]) for place, kind in enumerate(self.types) if kind in STORE]
        self._varied = [place for place in range(len(self.types)) if self.varies(place)]

    def varies(self, place: int) -> bool:
        """Has this column bytes of any length?"""
        return self.types[place] not in FIXED

    def encode(self, row: Sequence[Any]) -> bytes:
        """The bytes of a row; its values have their columns' types already."""
        parts, head = list(row), self.plain
        if None in parts:
            nulls = 0
            for place, value in enumerate(row):
                if value is None:
                    nulls |= 1 << place
                    parts[place] = EMPTY[self.types[place]]
            head = bytes((FORMAT,)) + nulls.to_bytes(self.heads - 1, "little")
        for place, store in self._stores:
            parts[place] = store(parts[place])
        data: list[bytes] = []
        end = 0
        for place in self._varied:
            stored = parts[place]
            data.append(stored)
            end += len(stored)
            parts[place] = end
        return self._struct.pack(head, *parts) + b"".join(data)

    def picker(self, wanted: Sequence[int]) -> tuple[Struct, dict[int, tuple[int, int]]]:
        """What unpacks the head and the wanted columns, and for each its part, and that of the column's start.

        The start of a column's bytes is the end of the one before it; -1: at the beginning of the data.
        """
        needed = set(wanted)
        starts = {place: self._before(place) for place in wanted if self.varies(place)}
        needed.update(start for start in starts.values() if start >= 0)
        parts: dict[int, int] = {}
        code = f"<{self.heads}s"
        for place, each in enumerate(self.codes):
            if place in needed:
                parts[place] = len(parts) + 1
                code += each
            else:
                code += f"{SIZES[each]}x"
        return Struct(code), {
            place: (parts[place], parts[starts[place]] if starts.get(place, -1) >= 0 else -1) for place in wanted
        }

    def _before(self, place: int) -> int:
        return next((each for each in range(place - 1, -1, -1) if self.varies(each)), -1)


@lru_cache(512)
def layout(types: tuple[Type, ...]) -> Layout:
    """The layout of these types."""
    return Layout(types)
