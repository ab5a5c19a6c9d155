"""What the fields of a message may hold: bytes from outside are checked where the message is made.

Owns the limits' checks; a message that breaks one cannot be constructed, so that no log ever holds it.
Does not own the limits (ranges/config.py, txn/config.py). Read next: txn/commands.py.
"""

from ranges.config import ID_BYTES, VALUE_BYTES_MAX
from ranges.keys import is_bound, is_key
from txn.config import SPANS_MAX, TRANSACTION_KEYS_MAX


def is_id(name: object) -> bool:
    """Is this the name of an attempt?"""
    return type(name) is bytes and len(name) == ID_BYTES


def is_number(value: object) -> bool:
    """Is this a timestamp, or a count?"""
    return type(value) is int and value >= 0


def is_value(value: object) -> bool:
    """Is this a value that a key can have, or None for a deletion?"""
    return value is None or (type(value) is bytes and len(value) <= VALUE_BYTES_MAX)


def are_keys(keys: object, ascending: bool = False) -> bool:
    """Is this a tuple of range keys, in strict order if that is asked for?"""
    return (
        type(keys) is tuple
        and len(keys) <= TRANSACTION_KEYS_MAX
        and all(map(is_key, keys))
        and (not ascending or all(keys[i] < keys[i + 1] for i in range(len(keys) - 1)))
    )


def are_spans(spans: object) -> bool:
    """Is this a tuple of (start, end)?"""
    return (
        type(spans) is tuple
        and len(spans) <= SPANS_MAX
        and all(type(each) is tuple and len(each) == 2 and all(map(is_bound, each)) for each in spans)
    )


def are_rows(rows: object, width: int) -> bool:
    """Is this a tuple of at least one (key, value, ...) of that width, its keys in strict order?"""
    return (
        type(rows) is tuple
        and len(rows) > 0
        and all(type(row) is tuple and len(row) == width and is_value(row[1]) for row in rows)
        and are_keys(tuple(row[0] for row in rows), ascending=True)
    )


def require(holds: bool, what: str) -> None:
    """Refuse to make a message that nobody should send; bytes from outside become `Malformed` by this."""
    if not holds:
        raise ValueError(what)
