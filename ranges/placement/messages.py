"""What is said to group 0, the placement driver; class tags 100 to 127.

Owns the protocol of the control plane: ticks, routes, joining, reports, ids, orders of people, and its statuses;
but for merges, which are in merges.py.
Does not own how each sort travels (forms.py), nor what is done about it. Read next: ranges/placement/catalog.py.
"""

from dataclasses import dataclass

from node.codec import message
from node.messages import DropReplica
from ranges.descriptor import Descriptor
from ranges.placement.config import (
    ADDRESS_CHARACTERS_MAX,
    LABELS_MAX,
    RANGES_PER_LOOKUP_MAX,
    REASON_CHARACTERS_MAX,
    TICKS_PER_REQUEST_MAX,
    TOKEN_BYTES,
)
from ranges.placement.forms import (
    Command,
    Query,
    Service,
    require,
    require_address,
    require_count,
    require_few,
    require_positive,
)

NODE_STATES = ("up", "draining", "leaving", "removed")


# -- time and routes -----------------------------------------------------------------------------------------------


@message(100)
@dataclass(frozen=True, slots=True)
class Ticks(Query):
    """Query: so many new ticks (O1, O2). A node asks once for all its clients that are waiting (O3)."""

    count: int

    def __post_init__(self) -> None:
        require_count(self.count, TICKS_PER_REQUEST_MAX)


@message(101)
@dataclass(frozen=True, slots=True)
class TicksAre:
    """`first` is a timestamp; the k-th tick, counted from 0, is `first + (k << 16)`."""

    first: int


@message(102)
@dataclass(frozen=True, slots=True)
class Lookup(Query):
    """Query: the descriptors of the range that holds `key` and of those after it, up to `count`."""

    key: bytes
    count: int

    def __post_init__(self) -> None:
        require_count(self.count, RANGES_PER_LOOKUP_MAX)


@message(103)
@dataclass(frozen=True, slots=True)
class RoutesAre:
    """Descriptors in key order, the addresses of their nodes, and for each the node that last led it (0: unknown).

    `control` are group 0's nodes and their addresses, so that who asks for routes knows where to ask next time.
    """

    descriptors: tuple[Descriptor, ...]
    addresses: tuple[tuple[int, str], ...]
    leaders: tuple[int, ...] = ()
    control: tuple[tuple[int, str], ...] = ()


# -- nodes ---------------------------------------------------------------------------------------------------------


@message(104)
@dataclass(frozen=True, slots=True)
class Join(Command):
    """Command: take this process in as a node. The same `token` gets the same node id, however often it asks."""

    token: bytes
    address: str
    labels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        require(len(self.token) == TOKEN_BYTES, f"a token has {TOKEN_BYTES} bytes")
        require_address(self.address)
        require(len(self.labels) <= LABELS_MAX, f"a node has up to {LABELS_MAX} labels")
        longest = max((len(text) for pair in self.labels for text in pair), default=0)
        require(longest <= ADDRESS_CHARACTERS_MAX, f"a label has up to {ADDRESS_CHARACTERS_MAX} characters")


@message(105)
@dataclass(frozen=True, slots=True)
class Joined:
    """The cluster's id, the new node's own id, and the nodes of group 0 with their addresses."""

    cluster: bytes
    node: int
    routes: tuple[tuple[int, str], ...]


@message(108)
@dataclass(frozen=True, slots=True)
class RangeReport:
    """What a range's leader says of it: its descriptor, the next free replica id, the term it leads in.

    `size` is in bytes, `load` in requests a second.
    """

    descriptor: Descriptor
    next_replica: int
    term: int
    size: int
    load: int

    def __post_init__(self) -> None:
        require_positive(self.next_replica, self.term, self.size, self.load)


@message(106)
@dataclass(frozen=True, slots=True)
class Report(Query):
    """Query, from every node every half second: it lives, and what changed since the last report that was taken.

    `generation` and `seen` are those of the last `ReportTaken`; a `generation` that is not the leader's own is
    answered without being taken in (its changes build on what another leader was told), and all is told anew.
    `leading` are ranges it leads, `beside` the right sides of their last splits (design 9.5); `holding` are
    (group, replica) it has, `gone` are groups it has no more.
    `whole` says that this is the first of a series that tells everything. `short` is why the node takes no writes,
    for want of room; empty if it does.
    """

    node: int
    life: int
    address: str
    generation: int
    seen: int
    whole: bool = False
    leading: tuple[RangeReport, ...] = ()
    beside: tuple[Descriptor, ...] = ()
    holding: tuple[tuple[int, int], ...] = ()
    gone: tuple[int, ...] = ()
    short: str = ""

    def __post_init__(self) -> None:
        require_positive(self.node, self.life)
        require_address(self.address)
        require(len(self.short) <= REASON_CHARACTERS_MAX, "a report's reason is too long")
        require_few(self.leading, self.beside, self.holding, self.gone)


@message(107)
@dataclass(frozen=True, slots=True)
class ReportTaken:
    """The leader's generation (its term), the version of the address list, and what the node should know.

    `addresses` is the whole list if the node's was older, else empty; `routes` are group 0's nodes; `drops` are
    replicas that the catalog confirms as removed.
    """

    generation: int
    seen: int
    addresses: tuple[tuple[int, str], ...]
    routes: tuple[tuple[int, str], ...]
    drops: tuple[DropReplica, ...]


# -- commands within group 0 ---------------------------------------------------------------------------------------


@message(109)
@dataclass(frozen=True, slots=True)
class ExtendWindow(Command):
    """Command of the oracle: no tick at or above `ceiling` has been handed out, all below may be (O1)."""

    ceiling: int

    def __post_init__(self) -> None:
        require(0 <= self.ceiling < 1 << 48, "a tick has 48 bits")


@message(110)
@dataclass(frozen=True, slots=True)
class AllocateGroup(Command):
    """Command: a group id that was never handed out before. A lost reply wastes one."""


@message(111)
@dataclass(frozen=True, slots=True)
class Allocated:
    """A fresh group id."""

    group: int


@message(112)
@dataclass(frozen=True, slots=True)
class PutDescriptors(Command):
    """Command: take each of these whose epoch is larger than what is known; `next_replicas` go with them."""

    descriptors: tuple[Descriptor, ...]
    next_replicas: tuple[int, ...]

    def __post_init__(self) -> None:
        require_few(self.descriptors)
        require_positive(0, *self.next_replicas)
        require(len(self.descriptors) == len(self.next_replicas), "one next replica id for each descriptor")


@message(113)
@dataclass(frozen=True, slots=True)
class PutNode(Command):
    """Command: a known node lives its `life` now, at this address. An older life changes nothing."""

    node: int
    life: int
    address: str

    def __post_init__(self) -> None:
        require_positive(self.node, self.life)
        require_address(self.address)


@message(114)
@dataclass(frozen=True, slots=True)
class SetNodeState(Command):
    """Command: a node is in this state from now on (ranges/placement/leaving.py); `removed` is for ever."""

    node: int
    state: str

    def __post_init__(self) -> None:
        require(self.state in NODE_STATES, f"a node's state is one of {NODE_STATES}, not {self.state!r}")


@message(116)
@dataclass(frozen=True, slots=True)
class Rules:
    """What the policy aims at: replicas of each range, the size and load to split at (0: never), a dead node's grace.

    No load splits by default: a node is one process for all of its ranges, so a split alone gives a busy range no more
    to run on. It helps who has few ranges and several nodes; then about half of what one node can do is a good number.

    Bytes, requests a second, milliseconds. Cold neighbours merge that hold less than `merge_bytes` together (0:
    never), and less than half of what is split.
    """

    replicas: int = 3
    split_bytes: int = 64 << 20
    split_load: int = 0
    dead_milliseconds: int = 300_000
    merge_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        require_positive(self.split_bytes, self.split_load, self.dead_milliseconds, self.merge_bytes)
        require(self.replicas in (1, 3, 5, 7), f"a group has 1, 3, 5 or 7 replicas, not {self.replicas}")


@message(115)
@dataclass(frozen=True, slots=True)
class SetRules(Command):
    """Command of people: follow these rules from now on."""

    rules: Rules


# -- for people ----------------------------------------------------------------------------------------------------


@message(117)
@dataclass(frozen=True, slots=True)
class ListNodes(Query):
    """Query: every node and how it is."""


@message(119)
@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node: its `state` by order, for how long it has been silent, what it holds, and why it takes no writes."""

    node: int
    address: str
    labels: tuple[tuple[str, str], ...]
    life: int
    state: str
    silent_milliseconds: int
    dead: bool
    replicas: int
    leaders: int
    short: str


@message(118)
@dataclass(frozen=True, slots=True)
class NodesAre:
    """All nodes, by id."""

    nodes: tuple[NodeStatus, ...]


@message(120)
@dataclass(frozen=True, slots=True)
class ListRanges(Query):
    """Query: ranges in key order from the one that holds `key` on, up to `count`."""

    key: bytes
    count: int

    def __post_init__(self) -> None:
        require_count(self.count, RANGES_PER_LOOKUP_MAX)


@message(122)
@dataclass(frozen=True, slots=True)
class RangeStatus:
    """A range as last reported; leader 0: nobody has said so to this leader of group 0."""

    descriptor: Descriptor
    leader: int
    size: int
    load: int


@message(121)
@dataclass(frozen=True, slots=True)
class RangesAre:
    """Ranges in key order; `more` is where to go on, None at the end."""

    ranges: tuple[RangeStatus, ...]
    more: bytes | None


@message(123)
@dataclass(frozen=True, slots=True)
class SplitRange(Service):
    """Service: split the range that holds `key` at that key. Answered with `Done` or `Refused`."""

    key: bytes


@message(124)
@dataclass(frozen=True, slots=True)
class MoveReplica(Service):
    """Service: the group's replica on node `source` is to live on node `target`."""

    group: int
    source: int
    target: int


@message(125)
@dataclass(frozen=True, slots=True)
class MoveLeader(Service):
    """Service: the group is to be led from this node, which holds a voter of it."""

    group: int
    node: int


@message(126)
@dataclass(frozen=True, slots=True)
class ClusterStatus(Query):
    """Query: is all well, and how many more nodes may die?"""


@message(127)
@dataclass(frozen=True, slots=True)
class StatusIs:
    """How the cluster is, as far as reports say.

    `failures` is how many more nodes may die, whichever they are, before some range stops; `short` counts ranges
    with fewer live voters than wanted, `stopped` those without a live majority, `leaderless` those that nobody
    has said to lead. `leaving` are (node, replicas left there); `full` says of each node without
    room for writes why.
    """

    healthy: bool
    failures: int
    nodes: int
    ranges: int
    dead: tuple[int, ...]
    draining: tuple[int, ...]
    leaving: tuple[tuple[int, int], ...]
    full: tuple[str, ...]
    short: int
    stopped: int
    leaderless: int
    moving: int
    rules: Rules
