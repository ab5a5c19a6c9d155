"""What passes through the walls of a host: events in, effects out, and the ports that a driver supplies.

Owns the closed lists of events, effects and frame kinds. Does not own sockets, disks or clocks.
The trio driver, the blocking driver and the simulator differ only in what they put behind these.
Read next: node/host.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from node.flow import Done, Flow
from node.machine import Machine, Request, View
from node.raft.messages import Entry

LOCAL_LINK = 0  # the link of callers inside the node's own process


class Kind(IntEnum):
    """What a frame carries; its payload is plain CBOR of the form given here."""

    HELLO = 1  # Hello, from the side that dialled; the first frame
    WELCOME = 2  # Hello, the answer; or REFUSED
    REFUSED = 3  # text: why the handshake failed
    REQUESTS = 4  # ((copy, group, span, body), …)
    REPLIES = 5  # ((copy, body), …)
    RAFT = 6  # ((group, source replica, target replica, body), …)
    SUPPORT = 7  # (body, …)
    SNAPSHOT = 8  # (group, source replica, target replica, place, rows as bytes, last)


class Role(IntEnum):
    """Who speaks on a link."""

    NODE = 1
    CLIENT = 2


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame each way. `routes` is the sender's last known group 0: ((node, address), …)."""

    role: int
    cluster: bytes
    node: int
    life: int
    address: str
    routes: tuple[tuple[int, str], ...]


# -- events ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A handshake is done. `link` is a number of the driver's, never used twice."""

    link: int
    hello: Hello


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A link is gone, or a dial to `node` failed (link -1)."""

    link: int
    node: int = 0


class Frame(NamedTuple):
    """A whole, checked frame; `payload` is decoded plain CBOR, its form not yet checked."""

    link: int
    kind: int
    payload: Any


class Synced(NamedTuple):
    """The journal holds the record of this sequence, and all before it, durably."""

    sequence: int


class Flushed(NamedTuple):
    """The state environment holds these groups durably up to these applied indexes."""

    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A disk failed for good: the node must stop (traps 22, 23)."""

    what: str


@dataclass(frozen=True, slots=True)
class Dumped:
    """A dump that `StatePort.dump` began is done: its chunks of rows, as `restore` takes them."""

    ticket: int
    index: int
    mark: bytes
    chunks: Sequence[bytes]


class Restored(NamedTuple):
    """`StatePort.restore` is durable."""

    group: int


# -- journal -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class GroupRecord:
    """What one disk commit holds of one group.

    `hard` is (term, vote, commit) or None if unchanged. `entries`, if any, begin at index `first` and replace
    everything from there on. `base`, if not None, is (index, term): the log begins anew after it.
    `gone` says that this group left the node: its older records count for nothing.
    """

    group: int
    hard: tuple[int, int, int] | None = None
    first: int = 0
    entries: Sequence[Entry] = ()
    base: tuple[int, int] | None = None
    gone: bool = False


@dataclass(slots=True)
class Record:
    """One synced disk commit for all groups of the node. Sequences rise by one."""

    sequence: int
    groups: list[GroupRecord] = field(default_factory=list)


@dataclass(slots=True)
class Recovered:
    """A group's log as the journal held it at start: entries are those after `base`."""

    hard: tuple[int, int, int] = (0, 0, 0)
    base: tuple[int, int] = (0, 0)
    entries: list[Entry] = field(default_factory=list)


class JournalPort(Protocol):
    """One log on disk for all groups of a node."""

    def recover(self) -> dict[int, Recovered]:
        """Read everything once, before the first submit."""
        ...

    def submit(self, record: Record) -> None:
        """Write it durably, in its own thread; `Synced` follows. Never blocks."""
        ...

    def cut(self, group: int, index: int) -> None:
        """The group needs no entry at or below `index` any more."""
        ...


# -- state -------------------------------------------------------------------------------------------------------


class StatePort(View, Protocol):
    """The applied rows of a node: an overlay in memory over an environment that a writer makes durable."""

    def marks(self) -> dict[int, tuple[int, bytes]]:
        """At start: group -> (durable applied index, the group's mark)."""
        ...

    def seal(self, group: int, index: int, mark: bytes | None) -> None:
        """The rows put since the last seal belong to `group` and bring it to `index`: one atomic batch.

        `mark` None: unchanged. The batch goes to the writer; `Flushed` follows some time later.
        """
        ...

    def flush(self) -> None:
        """Have what is sealed made durable soon, not only when it is worth a commit."""
        ...

    def load(self) -> float:
        """How full the overlay is, 0 to 1; at 1 the host admits no more writes."""
        ...

    def dump(self, ticket: int, group: int, first: bytes, last: bytes) -> None:
        """Copy the rows of a span as the environment durably holds them, with the group's durable applied index
        and mark, aside; `Dumped` follows."""
        ...

    def restore(
        self,
        group: int,
        index: int,
        mark: bytes,
        first: bytes,
        last: bytes,
        chunks: Sequence[bytes],
        gone: Sequence[tuple[int, bytes]] = (),
    ) -> None:
        """In one commit: clear the span, take the chunks' rows, set the mark, and for each (group, tombstone) of
        `gone` that group's; `Restored` follows. Nobody may read the span meanwhile."""
        ...

    def forget(self, group: int, tombstone: bytes, span: tuple[bytes, bytes] | None) -> None:
        """Remove a group's rows (if `span`) and set its mark to a tombstone, in one commit; `Flushed(((group, 0),))`
        follows."""
        ...


# -- effects -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Effects:
    """Everything that one step of a host asks of its driver: the complete list.

    `sends` are (link, Kind, payload) in order; `dials` are (node, address) to connect to; `hangups` are links to
    close; `record` is for the journal; `stop` is why the node must end, if it must.
    """

    sends: list[tuple[int, int, Any]] = field(default_factory=list)
    dials: list[tuple[int, str]] = field(default_factory=list)
    hangups: list[int] = field(default_factory=list)
    record: Record | None = None
    stop: str | None = None


class HostPort(Protocol):
    """A node's host, as a driver sees it."""

    @property
    def wake_at(self) -> float:
        """When `step` must be called next even if nothing happens, in seconds of the node's clock."""
        ...

    def step(self, now: float, events: Sequence[Any]) -> Effects:
        """Take what happened; return what to do. Never blocks."""
        ...


class NodePort(HostPort, Protocol):
    """A host whose callers are in its own process."""

    def begin(self, now: float, flow: Flow[Any], done: Done) -> None:
        """Between two steps: run a flow of a caller in this process as far as it goes without a wait.

        `done(result, error)` is called at its end, maybe at once; otherwise `wake_at` says that a step is due.
        """
        ...


# -- what a host is made of --------------------------------------------------------------------------------------------


class Routes(Protocol):
    """Where nodes live, as far as this node knows."""

    def address(self, node: int) -> str | None:
        """The address of a node."""
        ...

    def control_nodes(self) -> tuple[tuple[int, str], ...]:
        """(node, address) of group 0's members, for handshakes."""
        ...

    def learn_control(self, nodes: tuple[tuple[int, str], ...]) -> None:
        """A handshake named group 0's members."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is: `life` counts its starts and is durable before it speaks."""

    cluster: bytes
    node: int
    life: int
    address: str


@dataclass(slots=True)
class Assembly:
    """What higher floors supply: machines, services, ticks and routes."""

    machine: Callable[[int, bytes, StatePort], Machine]
    services: Mapping[type, Callable[[Request], Flow[Any]]]
    ticks: Callable[[int], Flow[int | None]]
    routes: Routes
