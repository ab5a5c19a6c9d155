"""What callers may give as a key or a value: bytes, or text, which is taken as UTF-8.

Owns nothing else: limits are checked where a transaction takes the bytes (txn/transaction.py).
"""

from txn.errors import BadType

Given = bytes | str


def as_bytes(given: Given) -> bytes:
    """The bytes. Raises BadType for anything but bytes, bytearray, memoryview and str."""
    if type(given) is bytes:
        return given
    if isinstance(given, str):
        return given.encode("utf-8")
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    raise BadType(f"keys and values are bytes or str, not {type(given).__name__}")


def as_bound(given: Given | None) -> bytes | None:
    """The bytes of a scan's bound; None stays None."""
    return None if given is None else as_bytes(given)
