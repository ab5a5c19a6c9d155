"""The pages of an LMDB file, read as plain bytes: do they lead where they should?

Owns a reading of LMDB's form 1 (mdb.c: MDB_meta, MDB_db, MDB_page, MDB_node), enough to tell a file that was cut off,
or whose pages point out of it, before LMDB maps it. Does not own what the values say. Read next: node/whole.py.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct, unpack_from
from typing import NamedTuple

MAGIC, VERSION = 0xBEEFC0DE, 1
META_AT = 16  # of each of the first two pages
PAGE_BYTES_LEAST, PAGE_BYTES_MOST = 512, 65536
HEADER_BYTES = 16
NODE_BYTES = 8
DEPTH_MAX = 32
BRANCH, LEAF, OVERFLOW = 1, 2, 4
TRANSIENT = 0xC010  # flags that mean something only while a page is in memory
NUMBERED = 8  # flag of the free list
BIG, SUB = 1, 2  # flags of a node: its data is on pages of its own; it is the root of a named map
NOWHERE = (1 << 64) - 1
_meta = Struct("=IIQQ")  # magic, version, address, size of the map
_database = Struct("=IHHQQQQQ")  # pad, and what `Root` has
_end = Struct("=QQ")  # last page, transaction
_page = Struct("=QHHHH")  # number, pad, flags, lower, upper
_node = Struct("=HHHH")


class Torn(Exception):
    """A page is not what it should be; the text says which."""


class Root(NamedTuple):
    """What is said of one tree."""

    flags: int
    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    page: int


class Meta(NamedTuple):
    """What one of the two first pages says."""

    page_bytes: int
    roots: "tuple[Root, ...]"  # of the free list and of the main map
    last: int
    transaction: int


def check_pages(file: Path, leaves: bool) -> None:
    """Raises `Torn`, or `OSError`. Without `leaves`, only pages that lead to others are read, and the first level of
    the main map, where named maps have their roots."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        meta = _read_meta(descriptor)
        size = os.fstat(descriptor).st_size
        if size < (meta.last + 1) * meta.page_bytes:
            raise Torn(f"it has {size} bytes, and {(meta.last + 1) * meta.page_bytes} are in use: it was cut off")
        pages = Pages(descriptor, meta, leaves)
        for root, flags in zip(meta.roots, (NUMBERED, 0), strict=True):
            pages.walk(root, flags)
    finally:
        os.close(descriptor)


def _read_meta(descriptor: int) -> Meta:
    first = _meta_at(os.pread(descriptor, 4096, 0), "first")
    second = _meta_at(os.pread(descriptor, 4096, first.page_bytes), "second")
    if (first.transaction or second.transaction) and abs(first.transaction - second.transaction) != 1:
        raise Torn(f"its first pages name the transactions {first.transaction} and {second.transaction}")
    return max(first, second, key=lambda meta: meta.transaction)


def _meta_at(page: bytes, which: str) -> Meta:
    place = META_AT
    if len(page) < place + _meta.size + 2 * _database.size + _end.size:
        raise Torn(f"it ends within its {which} page")
    magic, version, _, _ = _meta.unpack_from(page, place)
    if magic != MAGIC:
        raise Torn("it is no LMDB file")
    if version != VERSION:
        raise Torn(f"it has LMDB's form {version}; this version knows {VERSION}")
    place += _meta.size
    free, main = _root(page, place), _root(page, place + _database.size)
    last, transaction = _end.unpack_from(page, place + 2 * _database.size)
    page_bytes = int(unpack_from("=I", page, place)[0])  # stands where a map has no use for it
    if not PAGE_BYTES_LEAST <= page_bytes <= PAGE_BYTES_MOST or page_bytes & (page_bytes - 1):
        raise Torn(f"its pages are said to have {page_bytes} bytes")
    return Meta(page_bytes, (free, main), last, transaction)


def _root(page: bytes, place: int) -> Root:
    return Root(*_database.unpack_from(page, place)[1:])


class Pages:
    """The pages of one file, of which no tree may hold one twice."""

    def __init__(self, descriptor: int, meta: Meta, leaves: bool) -> None:
        self._descriptor = descriptor
        self._size = meta.page_bytes
        self._last = meta.last
        self._leaves = leaves
        self._seen: set[int] = set()
        self._entries = self._overflows = 0  # of the tree under way

    def walk(self, root: Root, flags: int, named: bool = False) -> None:
        """Everything below a root. Named maps have many leaves, of which `leaves` says whether they are read."""
        if root.flags != flags:
            raise Torn(f"the tree of page {root.page} is said to be of another kind: {root.flags}")
        if root.page == NOWHERE:
            return
        if not 0 < root.depth <= DEPTH_MAX:
            raise Torn(f"the tree of page {root.page} is said to be {root.depth} pages deep")
        level, branches = [root.page], 0
        for _ in range(root.depth - 1):
            branches += len(level)
            level = [below for number in level for below in self._below(number)]
        if (branches, len(level)) != (root.branches, root.leaves):
            raise Torn(f"the tree of page {root.page} has pages too many or too few")
        if named and not self._leaves:
            return
        self._entries = self._overflows = 0
        maps = [found for number in level for found in self._maps(number)]
        if (self._entries, self._overflows) != (root.entries, root.overflows):
            raise Torn(f"the tree of page {root.page} has entries too many or too few")
        for found in maps:
            self.walk(found, 0, named=True)

    def _nodes(self, number: int, kind: int) -> Iterator[tuple[bytes, int, int, int, int]]:
        """(page, place of the data, two halves of a size or number, flags) of every node of a page."""
        page = self._read(number, kind)
        lower = unpack_from("=H", page, 12)[0]
        for place in unpack_from(f"={(lower - HEADER_BYTES) // 2}H", page, HEADER_BYTES):
            if not HEADER_BYTES <= place <= self._size - NODE_BYTES:
                raise Torn(f"page {number} has a node outside of it")
            low, high, flags, key_bytes = _node.unpack_from(page, place)
            data = place + NODE_BYTES + key_bytes
            if data > self._size:
                raise Torn(f"page {number} has a key that reaches out of it")
            yield page, data, low, high, flags

    def _below(self, number: int) -> Iterator[int]:
        """The pages that a branch leads to."""
        for _, _, low, high, more in self._nodes(number, BRANCH):
            yield low | high << 16 | more << 32

    def _maps(self, number: int) -> Iterator[Root]:
        """The roots of named maps in a leaf, having looked at where its other data lie."""
        for page, data, low, high, flags in self._nodes(number, LEAF):
            self._entries += 1
            size = low | high << 16
            if data + (8 if flags & BIG else size) > self._size:
                raise Torn(f"page {number} has data that reach out of it")
            if flags & BIG:
                self._check_overflow(unpack_from("=Q", page, data)[0], size)
            elif flags & SUB:
                if size != _database.size:
                    raise Torn(f"page {number} has a map whose root has {size} bytes")
                yield _root(page, data)

    def _check_overflow(self, number: int, size: int) -> None:
        page = self._read(number, OVERFLOW)
        count = unpack_from("=I", page, 12)[0]
        self._overflows += count
        if count != (size + HEADER_BYTES + self._size - 1) // self._size or number + count - 1 > self._last:
            raise Torn(f"the {size} bytes of page {number} do not fit its {count} pages")

    def _read(self, number: int, kind: int) -> bytes:
        if not 1 < number <= self._last or number in self._seen:
            raise Torn(f"page {number} is pointed to, and cannot be there")
        self._seen.add(number)
        size = HEADER_BYTES if kind == OVERFLOW else self._size
        page = os.pread(self._descriptor, size, number * self._size)
        own, _, flags, lower, upper = _page.unpack_from(page)
        fits = kind == OVERFLOW or (HEADER_BYTES <= lower <= upper <= self._size and lower % 2 == 0)
        if own != number or flags & ~TRANSIENT != kind or not fits:
            raise Torn(f"page {number} is another, or was overwritten")
        return page
