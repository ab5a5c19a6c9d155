"""A cached copy of the routes: which group serves a key, who may lead it, where nodes live.

Owns what a client or node remembers of descriptors, leaders, addresses and group 0. Nothing here is the truth: a
range's log is (`ranges.machine`), and every message carries the span version that it was routed by (M1).
Does not own how wrong routes are repaired (ranges/router.py). Read next: ranges/router.py.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace

from ranges.config import KEY_BYTES_MAX
from ranges.descriptor import Descriptor

CONTROL_GROUP = 0


def just_below(end: bytes) -> bytes:
    """A key that lies in the range in which everything just below `end` lies: no range starts between the two."""
    if end[-1:] == b"\x00":
        return end[:-1]
    return end[:-1] + bytes((end[-1] - 1,)) + b"\xff" * (KEY_BYTES_MAX + 2)


class Directory:
    """Routes as far as they are known.

    1. The cached descriptors never overlap: where two would, the one with the larger (span version, configuration
       version) stands, and a newer one puts older ones out whole.
    2. `starts` ascends, and `starts[i]` is the start of `found[i]`.
    """

    __slots__ = ("_addresses", "_control", "found", "leaders", "starts")

    def __init__(self) -> None:
        self.starts: list[bytes] = []
        self.found: list[Descriptor] = []
        self.leaders: dict[int, int] = {}
        self._addresses: dict[int, str] = {}
        self._control: tuple[int, ...] = ()

    # -- ranges ----------------------------------------------------------------------------------------------------

    def find(self, key: bytes) -> Descriptor | None:
        """The descriptor of the range that holds the key, if it is known."""
        place = bisect_right(self.starts, key) - 1
        if place >= 0:
            descriptor = self.found[place]
            if key < descriptor.end:
                return descriptor
        return None

    def learn(self, descriptors: Iterable[Descriptor]) -> None:
        """Take in what somebody said: where two overlap the newer one stands."""
        for descriptor in descriptors:
            self._learn(descriptor)

    def _learn(self, new: Descriptor) -> None:
        first = bisect_right(self.starts, new.start) - 1
        if first < 0 or self.found[first].end <= new.start:
            first += 1
        last = bisect_left(self.starts, new.end)
        epoch = (new.span_version, new.configuration_version)
        rows, place = [], new.start
        for old in self.found[first:last]:
            if (old.span_version, old.configuration_version) > epoch:
                # What is left of an older one still leads to somebody who knows better (M1).
                if place < old.start:
                    rows.append(replace(new, start=place, end=old.start))
                rows.append(old)
                place = old.end
        if place < new.end:
            rows.append(new if place == new.start else replace(new, start=place))
        self.found[first:last] = rows
        self.starts[first:last] = [each.start for each in rows]

    def forget(self, descriptor: Descriptor) -> None:
        """It led nowhere: the next one who needs it looks it up again."""
        place = bisect_left(self.starts, descriptor.start)
        if place < len(self.found) and self.found[place] is descriptor:
            del self.starts[place]
            del self.found[place]

    def check(self) -> None:
        """Assert the invariants."""
        assert self.starts == [each.start for each in self.found], "starts and descriptors differ"
        pairs = zip(self.found, self.found[1:], strict=False)
        assert all(a.start < a.end <= b.start for a, b in pairs), "cached descriptors overlap"

    # -- leaders and nodes -------------------------------------------------------------------------------------------

    def leader(self, descriptor: Descriptor) -> int:
        """The node to ask first: who led when last heard of, else the first voter; 0 if nobody is known."""
        hint = self.leaders.get(descriptor.group, 0)
        if hint:
            return hint
        return next((each.node for each in descriptor.replicas if each.voter), 0)

    def lead(self, group: int, node: int) -> None:
        """Somebody says that this node leads the group (0: nobody knows)."""
        if node:
            self.leaders[group] = node
        else:
            self.leaders.pop(group, None)

    def address(self, node: int) -> str | None:
        """The address of a node."""
        return self._addresses.get(node)

    def learn_addresses(self, addresses: Iterable[tuple[int, str]]) -> None:
        """Where nodes say, or group 0 says, that they are."""
        self._addresses.update(addresses)

    def nodes(self) -> tuple[int, ...]:
        """Every node whose address is known, in order."""
        return tuple(sorted(self._addresses))

    # -- group 0 -------------------------------------------------------------------------------------------------------

    def control_nodes(self) -> tuple[tuple[int, str], ...]:
        """(node, address) of group 0's members, for handshakes; without an address it is no use to anybody."""
        known = ((node, self._addresses.get(node)) for node in self._control)
        return tuple((node, address) for node, address in known if address is not None)

    @property
    def control(self) -> tuple[int, ...]:
        """The nodes of group 0's members."""
        return self._control

    def learn_control(self, nodes: Iterable[tuple[int, str]]) -> None:
        """Somebody names group 0's members: a handshake, or group 0 itself."""
        rows = tuple(nodes)
        if rows:
            self._addresses.update(rows)
            self._control = tuple(node for node, _ in rows)
