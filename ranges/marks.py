"""The mark of a range: the small durable part of its machine, in bytes.

Owns the form. Does not own what its numbers mean (ranges/machine.py). Read next: ranges/machine.py.
"""

from struct import Struct

SPAN_VERSION_FIRST = 1

_form = Struct(">QQQQQQQQHH")

Four = tuple[int, int, int, int]


def first_mark(start: bytes, end: bytes, span_version: int = SPAN_VERSION_FIRST) -> bytes:
    """The mark of a new, empty range over [start, end)."""
    return pack_mark((span_version, 0, 0, 0), (0, 0, 0, 0), start, end)


def pack_mark(bounds: Four, merges: Four, start: bytes, end: bytes) -> bytes:
    """`bounds` are span version, closed, safe and size; `merges` are frozen, heir, ended and absorbed."""
    return _form.pack(*bounds, *merges, len(start), len(end)) + start + end


def unpack_mark(mark: bytes) -> tuple[Four, Four]:
    """The two fours of a mark."""
    first, second, third, fourth, *merges, _, _ = _form.unpack_from(mark)
    frozen, heir, ended, absorbed = merges
    return (first, second, third, fourth), (frozen, heir, ended, absorbed)


def span_of_mark(mark: bytes) -> tuple[bytes, bytes]:
    """Start and end."""
    *_, first, last = _form.unpack_from(mark)
    keys = mark[_form.size :]
    assert len(keys) == first + last, f"a range's mark is {len(mark)} bytes long: expected another length"
    return keys[:first], keys[first:]
