"""The limits of a message's fields: a message that breaks one cannot be constructed, so that no log ever holds it.

Owns the checks. Does not own the limits (ranges/config.py, txn/config.py), nor the types of fields, which the codec
checks where bytes come from outside (node/codec.py). Read next: txn/commands.py.
"""

from typing import Any

from ranges.config import ID_BYTES, VALUE_BYTES_MAX
from ranges.keys import is_bound, is_key
from txn.config import SPANS_MAX, TRANSACTION_KEYS_MAX


def is_id(name: bytes) -> bool:
    """Can this be the name of an attempt?"""
    return len(name) == ID_BYTES


def is_number(value: int) -> bool:
    """Can this be a timestamp, or a count?"""
    return value >= 0


def is_value(value: bytes | None) -> bool:
    """Can a key have this value (None: a deletion)?"""
    return value is None or len(value) <= VALUE_BYTES_MAX


def are_keys(keys: Any, ascending: bool = False) -> bool:
    """Are these range keys, not too many, and in strict order if that is asked for?"""
    before = b""
    for key in keys:
        if not is_key(key) or (ascending and key <= before):
            return False
        before = key
    return len(keys) <= TRANSACTION_KEYS_MAX


def are_spans(spans: Any) -> bool:
    """Are these starts and ends of spans, and not too many?"""
    for start, end in spans:
        if not (is_bound(start) and is_bound(end)):
            return False
    return len(spans) <= SPANS_MAX


def require(holds: bool, what: str) -> None:
    """Refuse to make a message that nobody should send; the codec makes `Malformed` of it."""
    if not holds:
        raise ValueError(what)
