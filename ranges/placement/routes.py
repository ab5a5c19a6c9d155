"""The catalog's map from keys to ranges: the descriptors in memory, and the rule by which a newer one is taken.

Owns the order of descriptors and that they never overlap. Does not own rows on disk: `take` says which to change.
Every key's owners follow each other by span version, whichever groups they are: so of two descriptors that
overlap, the one with the larger span version is newer for each shared key. Read next: ranges/placement/catalog.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sortedcontainers import SortedDict

from ranges.descriptor import Descriptor, Replica

SHARED_MAX = 4096  # different lists of replicas that are remembered as such


@dataclass(frozen=True, slots=True)
class Placed:
    """A descriptor and the next free replica id of its group when it was current."""

    descriptor: Descriptor
    next_replica: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking a descriptor did: rows by start key to remove, and rows to write."""

    removed: tuple[Placed, ...]
    written: tuple[Placed, ...]


class Routes:
    """Descriptors by start key and by group.

    1. They never overlap.
    2. A group has at most one; its epoch (span version, configuration version) only grows while it is known.
    """

    def __init__(self) -> None:
        self._by_start: SortedDict[bytes, Placed] = SortedDict()
        self._by_group: dict[int, Placed] = {}
        self._shared: dict[tuple[Replica, ...], tuple[Replica, ...]] = {}  # most ranges have the same replicas

    def __len__(self) -> int:
        return len(self._by_group)

    def load(self, placed: Placed) -> None:
        """Take a row as it was written, at start."""
        self._insert(placed)

    def groups(self) -> list[int]:
        """Every group, by id."""
        return sorted(self._by_group)

    def of_group(self, group: int) -> Placed | None:
        """The group's descriptor, if there is one."""
        return self._by_group.get(group)

    def from_key(self, key: bytes) -> Iterator[Placed]:
        """The range that holds `key`, or the first one after it, and all that follow."""
        return (self._by_start[start] for start in self._by_start.irange(self._first_start(key)))

    def lead_to(self, node: int) -> bool:
        """Whether a range has a replica on this node."""
        return any(node == each.node for placed in self._by_group.values() for each in placed.descriptor.replicas)

    def left_of(self, placed: Placed) -> Placed | None:
        """The range that ends where this one begins, if it is known."""
        start = placed.descriptor.start
        place = self._by_start.bisect_left(start)
        found: Placed | None = self._by_start.peekitem(place - 1)[1] if place else None
        return found if found is not None and found.descriptor.end == start else None

    def is_news(self, descriptor: Descriptor) -> bool:
        """Whether `take` would take it."""
        return self._beaten(descriptor) is not None

    def take(self, placed: Placed) -> Taken | None:
        """Take a descriptor if it is news. What it overlaps is older: clipped if it begins before, else dropped."""
        descriptor = placed.descriptor
        beaten = self._beaten(descriptor)
        if beaten is None:
            return None
        known = self._by_group.get(descriptor.group)
        removed = beaten if known is None else [known, *beaten]
        written = [
            replace(older, descriptor=replace(older.descriptor, end=descriptor.start))
            for older in beaten
            if older.descriptor.start < descriptor.start  # a split leaves the left side where it was
        ]
        written.append(placed)
        for each in removed:
            self._remove(each)
        for each in written:
            self._insert(each)
        return Taken(tuple(removed), tuple(written))

    def check(self) -> None:
        """Assert the invariants."""
        end = b""
        for start, placed in self._by_start.items():
            assert start == placed.descriptor.start, "rows lie at their start key"
            assert end <= start < placed.descriptor.end, "descriptors never overlap"
            assert self._by_group[placed.descriptor.group] is placed, "a group has one descriptor"
            end = placed.descriptor.end
        assert len(self._by_start) == len(self._by_group), "both maps hold the same descriptors"

    def _first_start(self, key: bytes) -> bytes:
        place = self._by_start.bisect_right(key)
        if place:
            start, placed = self._by_start.peekitem(place - 1)
            if placed.descriptor.end > key:
                return bytes(start)
        return key

    def _beaten(self, descriptor: Descriptor) -> list[Placed] | None:
        """Those of other groups that share a key with a newer descriptor; None if it is not newer than all it meets."""
        known = self._by_group.get(descriptor.group)
        if known is not None and epoch(descriptor) <= epoch(known.descriptor):
            return None
        first = self._first_start(descriptor.start)
        starts = self._by_start.irange(first, descriptor.end, inclusive=(True, False))
        beaten = [self._by_start[start] for start in starts if self._by_start[start] is not known]
        if any(each.descriptor.span_version >= descriptor.span_version for each in beaten):
            return None
        return beaten

    def _insert(self, placed: Placed) -> None:
        replicas = placed.descriptor.replicas
        if len(self._shared) >= SHARED_MAX:
            self._shared.clear()
        shared = self._shared.setdefault(replicas, replicas)
        start, end = self._borders(placed.descriptor)
        placed = replace(placed, descriptor=replace(placed.descriptor, start=start, end=end, replicas=shared))
        self._by_start[start] = placed
        self._by_group[placed.descriptor.group] = placed

    def _borders(self, descriptor: Descriptor) -> tuple[bytes, bytes]:
        """Start and end, as the same objects that the neighbours hold: each key is in memory once."""
        start, end = descriptor.start, descriptor.end
        place = self._by_start.bisect_left(start)
        if place:
            before = self._by_start.peekitem(place - 1)[1].descriptor.end
            start = before if before == start else start
        if place < len(self._by_start):
            after = self._by_start.peekitem(place)[0]
            end = after if after == end else end
        return start, end

    def _remove(self, placed: Placed) -> None:
        del self._by_start[placed.descriptor.start]
        del self._by_group[placed.descriptor.group]


def epoch(descriptor: Descriptor) -> tuple[int, int]:
    """A range's epoch (design 2): it orders all descriptors of one group."""
    return descriptor.span_version, descriptor.configuration_version


def least_next_replica(descriptor: Descriptor) -> int:
    """The next free replica id, as far as a descriptor shows it."""
    return max((each.replica for each in descriptor.replicas), default=0) + 1
