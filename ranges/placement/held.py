"""What a stopped node holds of each group, read from its directory as it lies: the ground for a recovery's plan.

Owns the forms (class tags 85 to 88) and the reading of them. A log is played to its end, in memory only: a replica is
told with the span that it will have when all of its log counts, and right sides of splits that are still to be made
are told, too. Does not own what is made of it (ranges/placement/recovery.py). Read next: node/recovery.py.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.codec import message
from node.flow import Flow
from node.machine import Machine, StartGroup
from node.mark import decode_mark
from node.ports import Recovered as RecoveredLog
from node.raft.membership import decode_configuration, encode_configuration, members
from node.raft.messages import Configuration, Entry, Kind, Position
from node.recovery import Stopped, last_of
from node.replicas import FIRST, TOMBSTONE, joined
from ranges.descriptor import Descriptor
from ranges.directory import CONTROL_GROUP
from ranges.machine import RangeMachine
from ranges.placement.catalog import Catalog
from ranges.placement.rows import Rows


@message(85)
@dataclass(frozen=True, slots=True)
class ReplicaHeld:
    """A replica that holds rows, or will when its node has started again.

    `parent` is the group whose log makes it by a split (0: it is there); `sure` says that this will happen whatever
    becomes of the rest of that log, since it had happened before. `anew`: its log begins anew after `base`. `journal`
    is (last index, its term) and `journal_term` the term as the journal has them, `last` the position that counts.
    `settled` is the last index that was known to be committed here. `configuration` is the latest in the log, encoded;
    the span and what follows are those after the last entry (of group 0 empty). `newest` is the largest timestamp.
    """

    group: int
    replica: int
    parent: int
    sure: bool
    anew: bool
    base: tuple[int, int]
    journal: tuple[int, int]
    journal_term: int
    last: tuple[int, int]
    settled: int
    applied: int
    configuration: bytes
    start: bytes
    end: bytes
    span_version: int
    frozen: int
    heir: int
    newest: int

    @property
    def members(self) -> Configuration:
        """The latest configuration."""
        return decode_configuration(self.configuration)


@message(86)
@dataclass(frozen=True, slots=True)
class CatalogHeld:
    """What a replica of group 0 knows when all of its log counts.

    `nodes` are (node, state, address), `ids` the next of (node, group, merge), `descriptors` with their
    `next_replicas`, `merged` the groups that are no more.
    """

    nodes: tuple[tuple[int, str, str], ...]
    ids: tuple[int, int, int]
    ceiling: int
    descriptors: tuple[Descriptor, ...]
    next_replicas: tuple[int, ...]
    merged: tuple[int, ...]


@message(87)
@dataclass(frozen=True, slots=True)
class NodeHeld:
    """What one stopped node holds. `gone` are groups of which it held a replica once, or holds an empty one."""

    cluster: bytes
    node: int
    life: int
    address: str
    replicas: tuple[ReplicaHeld, ...]
    gone: tuple[int, ...]
    catalog: CatalogHeld | None


@dataclass(slots=True)
class _Begun:
    """A replica whose log is to be played."""

    group: int
    replica: int
    configuration: Configuration
    machine: bytes
    applied: int
    start: Position
    parent: int = 0
    sure: bool = True


def hold(stopped: Stopped) -> NodeHeld:
    """Everything that the node holds. Raises `DiskError`."""
    return _Reader(stopped).read()


class _Reader:
    """One walk over a directory: marks first, then the right sides of splits that logs still make."""

    def __init__(self, stopped: Stopped) -> None:
        self._stopped = stopped
        self._queue: deque[_Begun] = deque()
        self._taken: set[int] = set()
        self._gone: dict[int, int] = {}  # group -> the least replica id that may still come
        self._catalog: CatalogHeld | None = None

    def read(self) -> NodeHeld:
        identity = self._stopped.identity
        empty = []
        for group, (applied, mark) in sorted(self._stopped.marks.items()):
            if mark.startswith(TOMBSTONE):
                self._gone[group] = int.from_bytes(mark[len(TOMBSTONE) :])
                continue
            replica, configuration, machine, start = decode_mark(mark)
            if configuration.voters:
                self._taken.add(group)
                self._queue.append(_Begun(group, replica, configuration, machine, applied, start))
            else:
                empty.append(group)
        replicas = tuple(sorted(self._play_all(), key=lambda each: each.group))
        gone = sorted({*self._gone, *empty} - self._taken)
        return NodeHeld(
            identity.cluster, identity.node, identity.life, identity.address, replicas, tuple(gone), self._catalog
        )

    def _play_all(self) -> Iterator[ReplicaHeld]:
        while self._queue:
            yield self._play(self._queue.popleft())

    def _play(self, begun: _Begun) -> ReplicaHeld:
        stored = self._stopped.logs.get(begun.group, RecoveredLog())
        base, entries, anew = _log_of(begun, stored)
        settled = max(begun.applied, 0 if anew else min(stored.hard[2], base.index + len(entries)))
        machine = self._machine(begun)
        machine.configuration = latest = begun.configuration
        for index, entry in enumerate(entries, base.index + 1):
            if entry.kind == Kind.CONFIGURATION:
                known = decode_configuration(entry.body)
                latest = known if known.version > latest.version else latest
            if index > begun.applied and self._apply(begun, machine, entry, index <= settled):
                settled = max(settled, index)
        last = Position(base.index + len(entries), entries[-1].term if entries else base.term)
        return self._held(begun, machine, latest, stored, (base, last, settled, anew))

    def _machine(self, begun: _Begun) -> Machine:
        view = self._stopped.view
        if begun.group == CONTROL_GROUP:
            return Catalog(view, begun.machine)
        return RangeMachine(begun.group, view, begun.machine, _never, _never)

    def _apply(self, begun: _Begun, machine: Machine, entry: Entry, settled: bool) -> bool:
        """Whether the entry turns out to have been applied here before, whatever the log says of its commit."""
        known = False
        if entry.kind == Kind.CONFIGURATION:
            machine.configuration = decode_configuration(entry.body)
        elif entry.kind == Kind.COMMAND:
            for effect in machine.apply(entry.body, None).effects:
                if isinstance(effect, StartGroup):
                    known |= self._split_off(begun, effect, settled)
        return known

    def _split_off(self, parent: _Begun, effect: StartGroup, settled: bool) -> bool:
        """As node/replicas.py:Replicas.split_off does; True if it did so before, which shows that it was committed."""
        group, node = effect.group, self._stopped.identity.node
        configuration = decode_configuration(effect.configuration)
        replica = next((each.replica for each in members(configuration) if each.node == node), 0)
        if not replica or self._gone.get(group, 0) > replica or group in self._taken:
            return False
        self._taken.add(group)
        known = group in self._stopped.logs and self._stopped.logs[group].base == FIRST
        sure = parent.sure and (settled or known)
        self._queue.append(_Begun(group, replica, configuration, effect.mark, 1, FIRST, parent.group, sure))
        return known

    def _held(
        self,
        begun: _Begun,
        machine: Machine,
        latest: Configuration,
        stored: RecoveredLog,
        log: tuple[Position, Position, int, bool],
    ) -> ReplicaHeld:
        base, last, settled, anew = log
        start, end, version, frozen, heir, newest = b"", b"", 0, 0, 0, 0
        if isinstance(machine, RangeMachine):
            start, end, version = machine.start, machine.end, machine.span_version
            frozen, heir = machine.frozen, machine.heir
            newest = max(machine.closed, machine.safe, machine.rows.newest(*machine.span()))
        elif isinstance(machine, Catalog):
            self._catalog = _catalog_held(machine, Rows(self._stopped.view))
        return ReplicaHeld(
            begun.group, begun.replica, begun.parent, begun.sure, anew, base, last_of(stored), stored.hard[0], last,
            settled, begun.applied, encode_configuration(latest), start, end, version, frozen, heir, newest,
        )  # fmt: skip


def _log_of(begun: _Begun, stored: RecoveredLog) -> tuple[Position, Sequence[Entry], bool]:
    """(base, entries, whether the log begins anew) as they will be when its node has started."""
    if begun.parent and stored.base != FIRST:
        return FIRST, (), True
    return joined(begun.group, begun.applied, begun.start, stored)


def _catalog_held(catalog: Catalog, rows: Rows) -> CatalogHeld:
    placed = [catalog.routes.of_group(group) for group in catalog.routes.groups()]
    known = [each for each in placed if each is not None]
    return CatalogHeld(
        tuple((row.node, row.state, row.address) for _, row in sorted(catalog.nodes.items())),
        (catalog.ids.node, catalog.ids.group, catalog.ids.merge),
        rows.ceiling(),
        tuple(each.descriptor for each in known),
        tuple(each.next_replica for each in known),
        tuple(sorted(catalog.merges.merged)),
    )


def _never(*_: object) -> Flow[None]:
    raise AssertionError("a log is played without a leader")
