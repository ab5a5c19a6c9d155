"""The bytes of the journal: records, and the rows in them.

Owns the form of a record. A *row* is what a record holds of one group: a header (hard state, base), or a *piece* of
its log, or both. Each has an origin, a number that rises over all rows that were ever submitted. Does not own which
records are needed (node/journal_index.py) or LMDB (node/journal.py). Read next: node/journal_index.py.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

from node.codec import decode_plain, encode_plain
from node.errors import RECOVER, DiskError, Malformed
from node.raft.messages import Entry

FORMAT = 1
CHECKSUM_BYTES = 4
_HEADER = struct.Struct(">8Q?")
_PIECE = struct.Struct(">5Q")  # group, origin, first, count, term
_SEVERAL = (1 << 64) - 1  # in place of the term: they differ, and stand beside

Terms = int | tuple[int, ...]


class Header(NamedTuple):
    """What a row says of a group besides its entries. `gone`: the group left the node."""

    group: int
    origin: int
    since: int
    term: int
    vote: int
    commit: int
    base_index: int
    base_term: int
    gone: bool


class Piece(NamedTuple):
    """A part of a group's log: where it begins, and its entries as columns (`terms` one number if all are equal)."""

    group: int
    origin: int
    first: int
    terms: Terms
    kinds: bytes
    bodies: Sequence[bytes]

    def part(self, first: int, last: int) -> "Piece":
        """The part from index `first` to `last`, both included."""
        begin, end = first - self.first, last - self.first + 1
        terms = self.terms if isinstance(self.terms, int) else self.terms[begin:end]
        return Piece(self.group, self.origin, first, terms, self.kinds[begin:end], self.bodies[begin:end])

    def entries(self) -> list[Entry]:
        """The entries."""
        terms = [self.terms] * len(self.bodies) if isinstance(self.terms, int) else self.terms
        return list(map(Entry, terms, self.kinds, self.bodies))


def make_piece(group: int, origin: int, first: int, entries: Sequence[Entry]) -> Piece:
    """The columns of entries. Terms never fall within a log (paper 5.3), so two looks tell whether all are equal."""
    terms, kinds, bodies = zip(*entries, strict=True)
    return Piece(group, origin, first, terms[0] if terms[0] == terms[-1] else terms, bytes(kinds), bodies)


def record_key(number: int) -> bytes:
    """Where a record lies."""
    return number.to_bytes(8, "big")


def encode_record(number: int, headers: Sequence[Header], pieces: Sequence[Piece]) -> bytes:
    """The bytes of a record: fixed columns, then the terms of pieces that have several, kinds, and bodies."""
    columns: list[bytes] = []
    several: list[Terms] = []
    kinds = bytearray()
    bodies: list[bytes] = []
    for group, origin, first, terms, kind, column in pieces:
        count = len(column)
        if isinstance(terms, int):
            columns.append(_PIECE.pack(group, origin, first, count, terms))
        else:
            columns.append(_PIECE.pack(group, origin, first, count, _SEVERAL))
            several.append(terms)
        kinds += kind
        bodies += column
    packed = b"".join([_HEADER.pack(*header) for header in headers])
    body = encode_plain((FORMAT, number, packed, b"".join(columns), several, bytes(kinds), bodies))
    return crc32(body).to_bytes(CHECKSUM_BYTES, "big") + body


def decode_record(key: bytes, value: bytes) -> tuple[list[Header], list[Piece]]:
    """What `encode_record` was given. Raises `DiskError` naming a record that is torn or foreign."""
    number = int.from_bytes(key, "big")
    body = value[CHECKSUM_BYTES:]
    if not body or crc32(body) != int.from_bytes(value[:CHECKSUM_BYTES], "big"):
        raise DiskError(f"journal record {number} is torn: its checksum is wrong; {RECOVER}")
    try:
        form, written, packed, columns, several, kinds, bodies = decode_plain(body)
        if form != FORMAT or written != number:
            raise DiskError(f"journal record {number} is foreign: form {form!r}, number {written!r}")
        headers = list(map(Header._make, _HEADER.iter_unpack(packed)))
        return headers, _pieces(columns, several, kinds, bodies)
    except (Malformed, ValueError, TypeError, struct.error, StopIteration) as error:
        raise DiskError(f"journal record {number} is foreign: {error}") from error


def _pieces(columns: bytes, several: Sequence[Terms], kinds: bytes, bodies: Sequence[bytes]) -> list[Piece]:
    pieces = []
    terms_of = iter(several)
    begin = 0
    for group, origin, first, count, term in _PIECE.iter_unpack(columns):
        end = begin + count
        terms = next(terms_of) if term == _SEVERAL else term
        pieces.append(Piece(group, origin, first, terms, kinds[begin:end], bodies[begin:end]))
        begin = end
    return pieces
