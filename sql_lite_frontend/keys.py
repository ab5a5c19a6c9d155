"""Where rows and the catalog stand: keys whose bytes sort as the values in them do.

Owns the encoding of a tuple of values (NULL first; then by value) and the prefixes of tables. Keys live in the space
`SQL` of the key space (ranges/keys.py), so no key of the key-value interface meets them.

    table id, index id, value, value, …        index 1 holds the rows, by primary key; others: entries.py
    0, 0                                       the catalog's version; a statement reads it in its transaction
    0, 1                                       the next table id
    0, 2, name                                 a table's descriptor
    0, 3, prefix                               a dropped table or index, whose rows or entries are still there
    0, 4, name                                 the name of the table that an index is on
    0, 5, table id, index id                   how far an index is built

Every value is self-delimiting: a tuple that is a prefix of another one is a prefix of its bytes, so the rows under a
tuple of leading columns are one span. Zero bytes count twice in a key (ranges/keys.py), so text has none.
Read next: sql_lite_frontend/rows.py.
"""

import struct
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sql_lite_frontend.values import days_of, micros_of

NULL = b"\x01"
FALSE, TRUE = b"\x02", b"\x03"
INTEGER_ZERO = 0x20  # an integer of n bytes begins with 0x20 + n, or 0x20 - n below zero
FIRSTS = [bytes((each,)) for each in range(0x38)]
REAL = b"\x38"
NUMERIC_NEGATIVE, NUMERIC_ZERO, NUMERIC_POSITIVE = b"\x40", b"\x41", b"\x42"
EXPONENT_ZERO = 0x8000
TEXT, BLOB = b"\x48", b"\x49"
ESCAPED_ZERO, ESCAPED_ONE, END = b"\x01\x02", b"\x01\x03", b"\x01\x01"
LAST = b"\xff"  # above the first byte of every value

CATALOG = 0
ROWS = 1  # the index of a table's rows

_real = struct.Struct(">Q")
_double = struct.Struct(">d")


def encode_integer(value: int) -> bytes:
    """A length, and the number."""
    size = (value.bit_length() + 7) >> 3
    if value >= 0:
        return FIRSTS[INTEGER_ZERO + size] + value.to_bytes(size, "big")
    return FIRSTS[INTEGER_ZERO - size] + (value + (1 << (8 * size)) - 1).to_bytes(size, "big")


def encode_real(value: float) -> bytes:
    """IEEE bits, sign turned, and all bits below zero. -0.0 is 0.0."""
    (bits,) = _real.unpack(_double.pack(value + 0.0))
    return REAL + _real.pack(bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63))


def encode_numeric(value: Decimal) -> bytes:
    """Sign, the place of the first digit, the digits without trailing zeros; below zero all of it inverted."""
    if not value:
        return NUMERIC_ZERO
    digits = "".join(map(str, value.as_tuple().digits)).rstrip("0")
    place = (EXPONENT_ZERO + value.adjusted()).to_bytes(2, "big")
    body = place + bytes(ord(each) - ord("0") + 2 for each in digits) + b"\x01"
    if value > 0:
        return NUMERIC_POSITIVE + body
    return NUMERIC_NEGATIVE + bytes(0xFF - each for each in body)


def encode_bytes(value: bytes) -> bytes:
    """Escaped, with an end that sorts before whatever may follow."""
    return value.replace(b"\x01", ESCAPED_ONE).replace(b"\x00", ESCAPED_ZERO) + END


ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: NULL,
    bool: lambda value: TRUE if value else FALSE,
    int: encode_integer,
    float: encode_real,
    Decimal: encode_numeric,
    str: lambda value: TEXT + encode_bytes(value.encode()),
    bytes: lambda value: BLOB + encode_bytes(value),
    date: lambda value: encode_integer(days_of(value)),
    datetime: lambda value: encode_integer(micros_of(value)),
}


def encode_value(value: Any) -> bytes:
    """One value of any type, or None."""
    return ENCODERS[type(value)](value)


def encode_tuple(values: Iterable[Any]) -> bytes:
    """The values one after another."""
    return b"".join([ENCODERS[type(value)](value) for value in values])


def index_prefix(table: int, index: int) -> bytes:
    """What all keys of an index begin with."""
    return encode_integer(table) + encode_integer(index)


def past(prefix: bytes) -> bytes:
    """Above every key that begins with these whole values, and below all others above them."""
    return prefix + LAST


VERSION_KEY = index_prefix(CATALOG, 0)
NEXT_ID_KEY = index_prefix(CATALOG, 1)
TABLES_PREFIX = index_prefix(CATALOG, 2)


def table_key(name: str) -> bytes:
    """Where a table's descriptor stands."""
    return TABLES_PREFIX + encode_value(name)


DROPPED_PREFIX = index_prefix(CATALOG, 3)


def table_prefix(table: int) -> bytes:
    """What all keys of a table begin with, those of its indexes too."""
    return encode_integer(table)


def dropped_key(prefix: bytes) -> bytes:
    """Where it is said that what begins with this was dropped, and is not removed yet."""
    return DROPPED_PREFIX + encode_value(prefix)


INDEXES_PREFIX = index_prefix(CATALOG, 4)


def index_key(name: str) -> bytes:
    """Where it stands which table an index is on."""
    return INDEXES_PREFIX + encode_value(name)


def filling_key(table: int, index: int) -> bytes:
    """Where it stands how far an index is built."""
    return index_prefix(CATALOG, 5) + index_prefix(table, index)
