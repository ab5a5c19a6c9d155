"""The bytes of the journal: records, and the rows in them.

Owns the form of a record. A *row* is what a record holds of one group: a header (hard state, base), or a *piece* of
its log, or both. Each has an origin, a number that rises over all rows that were ever submitted. Does not own which
records are needed (node/journal_index.py) or LMDB (node/journal.py). Read next: node/journal_index.py.
"""

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

from node.codec import decode_plain, encode_plain
from node.errors import DiskError, Malformed
from node.raft.messages import Entry

FORMAT = 1
CHECKSUM_BYTES = 4

Terms = int | tuple[int, ...]


class Header(NamedTuple):
    """What a row says of a group besides its entries. `gone`: the group left the node."""

    group: int
    origin: int
    since: int
    hard: tuple[int, int, int]
    base: tuple[int, int]
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
        return list(map(Entry, terms, self.kinds or bytes(len(self.bodies)), self.bodies))


def make_piece(group: int, origin: int, first: int, entries: Sequence[Entry]) -> Piece:
    """The columns of entries. Terms never fall within a log (paper 5.3), so two looks tell whether all are equal."""
    terms, kinds, bodies = zip(*entries, strict=True)
    packed = bytes(kinds) if any(kinds) else b""
    return Piece(group, origin, first, terms[0] if terms[0] == terms[-1] else terms, packed, bodies)


def record_key(number: int) -> bytes:
    """Where a record lies."""
    return number.to_bytes(8, "big")


def encode_record(number: int, headers: Sequence[Header], pieces: Sequence[Piece]) -> bytes:
    """The bytes of a record."""
    rows = [tuple(header) for header in headers], [tuple(piece) for piece in pieces]
    body = encode_plain((FORMAT, number, *rows))
    return crc32(body).to_bytes(CHECKSUM_BYTES, "big") + body


def decode_record(key: bytes, value: bytes) -> tuple[list[Header], list[Piece]]:
    """What `encode_record` was given. Raises `DiskError` naming a record that is torn or foreign."""
    number = int.from_bytes(key, "big")
    body = value[CHECKSUM_BYTES:]
    if not body or crc32(body) != int.from_bytes(value[:CHECKSUM_BYTES], "big"):
        raise DiskError(f"journal record {number} is torn: its checksum is wrong; restore this node from the others")
    try:
        form, written, headers, pieces = decode_plain(body)
    except (Malformed, ValueError, TypeError) as error:
        raise DiskError(f"journal record {number} is foreign: {error}") from error
    if form != FORMAT or written != number:
        raise DiskError(f"journal record {number} is foreign: form {form!r}, number {written!r}")
    return list(map(Header._make, headers)), list(map(Piece._make, pieces))
