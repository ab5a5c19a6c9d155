"""The catalog's rows: how nodes, descriptors, tokens, ids, rules and the ceiling stand in the map of bytes.

Owns the heads in [b"\\x00", b"\\x01") and the form of each value; a head is a letter, then fixed-length or
escaped bytes, so that none is the prefix of another; every tail is empty. Does not own what changes them.
Read next: ranges/placement/catalog.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from node.codec import decode, decode_plain, encode, encode_plain
from node.machine import View
from ranges.descriptor import Descriptor, Replica
from ranges.keys import FIRST_KEY, LAST_KEY, head
from ranges.placement.messages import Rules
from ranges.placement.routes import Placed

CATALOG_FIRST = b"\x00"
CATALOG_LAST = b"\x01"
TAIL = b""

_CLUSTER = b"\x00c"
_CEILING = b"\x00o"
_IDS = b"\x00i"
_RULES = b"\x00r"
_NODE = b"\x00n"
_TOKEN = b"\x00t"
_RANGE = b"\x00d"
_MERGE = b"\x00m"
_MERGED = b"\x00x"

Row = tuple[bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as the catalog keeps it: its last known life and address, labels, and the state that people gave it."""

    node: int
    life: int
    state: str
    address: str
    labels: tuple[tuple[str, str], ...]

    def label(self, name: str) -> str:
        """A label's value, empty if it has none."""
        return next((value for key, value in self.labels if key == name), "")


@dataclass(frozen=True, slots=True)
class Ids:
    """The next ids to hand out; none is used twice."""

    node: int
    group: int
    merge: int = 1


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge that has begun and whose end is not known yet: `left` is to take over `right`, both groups."""

    merge: int
    left: int
    right: int


class Rows:
    """The catalog's rows in a view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def cluster(self) -> bytes:
        """The cluster's id."""
        cluster = self._view.get(_CLUSTER, TAIL)
        assert cluster is not None, "the catalog's rows begin with the cluster's id"
        return cluster

    def put_cluster(self, cluster: bytes) -> None:
        """Write the cluster's id."""
        self._view.put(_CLUSTER, TAIL, cluster)

    def ceiling(self) -> int:
        """No tick at or above it was ever handed out."""
        return int.from_bytes(self._view.get(_CEILING, TAIL) or b"\x01")

    def put_ceiling(self, ceiling: int) -> None:
        """Write the ceiling."""
        self._view.put(_CEILING, TAIL, ceiling.to_bytes(8))

    def ids(self) -> Ids:
        """The next ids; the first ones in an empty view, which waits for its snapshot."""
        row = self._view.get(_IDS, TAIL)
        return Ids(1, 1) if row is None else Ids(*decode_plain(row))

    def put_ids(self, ids: Ids) -> None:
        """Write the next ids."""
        self._view.put(_IDS, TAIL, encode_plain((ids.node, ids.group, ids.merge)))

    def rules(self) -> Rules:
        """The rules, the standard ones if none were set."""
        row = self._view.get(_RULES, TAIL)
        rules = Rules() if row is None else decode(row)
        assert type(rules) is Rules, "the row of rules holds rules"
        return rules

    def put_rules(self, rules: Rules) -> None:
        """Write the rules."""
        self._view.put(_RULES, TAIL, encode(rules))

    def node_of_token(self, token: bytes) -> int | None:
        """The node that joined with this token."""
        row = self._view.get(_TOKEN + token, TAIL)
        return None if row is None else int.from_bytes(row)

    def put_token(self, token: bytes, node: int) -> None:
        """Remember which node joined with this token, for ever."""
        self._view.put(_TOKEN + token, TAIL, node.to_bytes(8))

    def nodes(self) -> Iterator[NodeRow]:
        """Every node, by id."""
        for _, _, value in self._view.scan(_NODE, _after(_NODE)):
            yield NodeRow(*decode_plain(value))

    def put_node(self, row: NodeRow) -> None:
        """Write a node."""
        self._view.put(*_node_row(row))

    def ranges(self) -> Iterator[Placed]:
        """Every descriptor, by start key."""
        for _, _, value in self._view.scan(_RANGE, _after(_RANGE)):
            yield _placed(value)

    def put_range(self, placed: Placed) -> None:
        """Write a descriptor at its start key."""
        self._view.put(*_range_row(placed))

    def merges(self) -> Iterator[Merge]:
        """Every merge under way, by id."""
        for head_, _, value in self._view.scan(_MERGE, _after(_MERGE)):
            yield Merge(int.from_bytes(head_[len(_MERGE) :]), *decode_plain(value))

    def put_merge(self, merge: Merge) -> None:
        """Write a merge that begins."""
        self._view.put(_MERGE + merge.merge.to_bytes(8), TAIL, encode_plain((merge.left, merge.right)))

    def delete_merge(self, merge: Merge) -> None:
        """Remove a merge that is over."""
        self._view.delete(_MERGE + merge.merge.to_bytes(8), TAIL)

    def merged(self) -> Iterator[int]:
        """Every group that was merged away."""
        for head_, _, _ in self._view.scan(_MERGED, _after(_MERGED)):
            yield int.from_bytes(head_[len(_MERGED) :])

    def put_merged(self, merge: Merge) -> None:
        """Remember for ever that the right side is no more."""
        self._view.put(_MERGED + merge.right.to_bytes(8), TAIL, encode_plain(merge.merge))

    def delete_range(self, placed: Placed) -> None:
        """Remove the descriptor at a start key."""
        self._view.delete(_RANGE + head(placed.descriptor.start), TAIL)


def bootstrap_rows(
    cluster: bytes, address: str, labels: tuple[tuple[str, str], ...] = (), rules: Rules | None = None
) -> list[Row]:
    """A fresh cluster's catalog: node 1, and group 1 over all keys with replica 1 on it (design 9.3)."""
    everything = Descriptor(1, FIRST_KEY, LAST_KEY, 1, 0, (Replica(1, 1, True),))
    rows = [
        (_CLUSTER, TAIL, cluster),
        _range_row(Placed(everything, 2)),
        (_IDS, TAIL, encode_plain((2, 2))),
        _node_row(NodeRow(1, 0, "up", address, labels)),
        (_CEILING, TAIL, (1).to_bytes(8)),
        (_RULES, TAIL, encode(rules or Rules())),
    ]
    return sorted(rows)


def _node_row(row: NodeRow) -> Row:
    value = encode_plain((row.node, row.life, row.state, row.address, row.labels))
    return _NODE + row.node.to_bytes(8), TAIL, value


def _range_row(placed: Placed) -> Row:
    """Flat, without class tags: a third of the time, and a restart reads every range."""
    each = placed.descriptor
    replicas = tuple((replica.node, replica.replica, replica.voter) for replica in each.replicas)
    epoch = each.span_version, each.configuration_version
    return (
        _RANGE + head(each.start),
        TAIL,
        encode_plain((each.group, each.start, each.end, *epoch, replicas, placed.next_replica)),
    )


def _placed(value: bytes) -> Placed:
    group, start, end, span, configuration, replicas, next_replica = decode_plain(value)
    members = tuple(Replica(*each) for each in replicas)
    return Placed(Descriptor(group, start, end, span, configuration, members), next_replica)


def _after(letter: bytes) -> bytes:
    return letter[:-1] + bytes((letter[-1] + 1,))
