"""The form of the state environment on disk: two maps of LMDB, and how they are opened.

Owns the names and keys of both maps, the bytes of a row with its checksum, and the refusal of what has another form
or is torn. Does not own what is written when (node/writer.py) or read (node/reading.py). Read next: node/writer.py.
"""

from pathlib import Path
from typing import Any
from zlib import crc32

import lmdb

from node.errors import RECOVER, DiskError

MAP_BYTES = 1 << 40  # sparse: only pages in use take room (traps 24)
FORMAT = b"argosy state 3"
CHECKSUM_BYTES = 4  # at the end of a stored row; the length of its tail is the first byte
INTACT = 0x2144DF1C  # what CRC-32 makes of any bytes with their own checksum after them
UNREADABLE = (lmdb.Error, IndexError)  # what reading a torn page raises

_LENGTHS = [bytes((length,)) for length in range(256)]


def pack(key: bytes, length: int, value: bytes) -> bytes:
    """A row as it is stored under its key; `length` is that of its tail."""
    row = _LENGTHS[length] + value
    return row + crc32(row, crc32(key)).to_bytes(CHECKSUM_BYTES, "little")


def torn(path: str | Path, what: object) -> DiskError:
    """What to raise where the state cannot be read."""
    return DiskError(f"the state environment {path} is torn: {what}; {RECOVER}")


def unpack(key: bytes, stored: bytes, path: str | Path) -> bytes:
    """The value of a stored row. Raises `DiskError` if any of its bytes has changed."""
    if crc32(stored, crc32(key)) != INTACT:
        raise torn(path, f"the checksum of {key!r} is wrong")
    return stored[1:-CHECKSUM_BYTES]


class Layout:
    """The state environment's two maps: `rows` (head + tail -> what `pack` makes) and `marks`.

    In `marks`: b"f" -> format, b"s" -> the last sequence made durable, b"i" + group -> applied index,
    b"m" + group -> mark; all but the format as `pack` makes them, with no tail.
    """

    def __init__(self, path: str | Path, readonly: bool, map_bytes: int = MAP_BYTES) -> None:
        self.path = path
        try:
            self.environment = lmdb.open(
                str(path), map_size=map_bytes, max_dbs=2, mode=0o600, readonly=readonly, create=False,
                readahead=False, max_spare_txns=1,
            )  # fmt: skip
        except lmdb.Error as error:
            raise DiskError(f"the state environment {path} does not open: {error}") from error
        self.environment.reader_check()
        try:
            self.rows = self.environment.open_db(b"rows", create=not readonly)
            self.marks = self.environment.open_db(b"marks", create=not readonly)
            with self.environment.begin() as transaction:
                found = transaction.get(b"f", db=self.marks)
                if found is None and transaction.stat(db=self.rows)["entries"]:
                    found = b"without a name"
        except lmdb.Error as error:
            self.environment.close()
            raise DiskError(f"the state environment {path} cannot be read: {error}") from error
        self.fresh = found is None
        if found not in (None, FORMAT):
            self.environment.close()
            raise DiskError(f"the state environment {path} has the form {found!r}; this version knows {FORMAT!r}")
        with self.environment.begin() as transaction:
            self.sequence = int.from_bytes(self.mark(transaction, b"s"), "big")

    def mark(self, transaction: Any, key: bytes) -> bytes:
        """What `marks` holds under a key; empty if nothing. Raises `DiskError` if it is torn."""
        stored = transaction.get(key, db=self.marks)
        return b"" if stored is None else unpack(key, stored, self.path)

    def read_marks(self) -> dict[int, tuple[int, bytes]]:
        """Group -> (applied index, mark)."""
        with self.environment.begin(db=self.marks) as transaction:
            found = {
                key: unpack(key, stored, self.path) for key, stored in transaction.cursor() if key[:1] in (b"i", b"m")
            }
        return {
            int.from_bytes(key[1:], "big"): (int.from_bytes(index, "big"), found.get(b"m" + key[1:], b""))
            for key, index in found.items()
            if key[:1] == b"i"
        }
