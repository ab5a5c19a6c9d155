"""The way of a snapshot: dump, chunks, offer, restore (Raft paper section 7).

Owns what is under way of snapshots, out of this node and into it. Does not own replicas (replicas.py) nor when a
follower needs one: the core says so. Read next: node/state.py.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.config import DUMP_RETRY_SECONDS, INCOMING_SECONDS
from node.flow import Flow, Sleep
from node.group import Group
from node.machine import Machine
from node.mark import decode_mark, encode_mark
from node.ports import Dumped, StatePort
from node.raft.messages import Configuration, NotRestored, Position, Ready, Restored, Role, SnapshotSent
from node.replicas import Replicas, machines

if TYPE_CHECKING:
    from node.host import Host


@dataclass(slots=True)
class _Incoming:
    """A snapshot on its way in: chunks in order, then the mark."""

    source: int
    chunks: list[bytes] = field(default_factory=list)
    index: int = 0
    mark: bytes = b""


class Snapshots:
    """The snapshots of one node that are under way.

    1. Two replicas on one node never overlap: a snapshot whose span another machine here holds is not taken, unless
       it holds all that this one was merged into: then the one goes in the same commit (traps 15).
    """

    def __init__(self, host: "Host", replicas: Replicas, state: StatePort) -> None:
        self._host = host
        self._replicas = replicas
        self._state = state
        self._dumps: dict[int, tuple[Group, int, int, tuple[bytes, bytes]]] = {}  # group, term, follower, span
        self._tickets = 0
        self._incoming: dict[int, _Incoming] = {}
        self._offers: dict[int, tuple[Position, Configuration, list[int]]] = {}

    def begin(self, group: Group, follower: int) -> None:
        """A follower needs a snapshot: dump the span, aside."""
        assert group.machine is not None, "a leader has a machine"
        self._tickets += 1
        first, last = group.machine.span()
        self._dumps[self._tickets] = (group, group.raft.term, follower, (first, last))
        self._state.dump(self._tickets, group.number, first, last)

    def dumped(self, event: Dumped) -> None:
        """The rows are there: send them, then let the core offer them. Without a mark: there was no room for them."""
        group, asked, follower, span = self._dumps.pop(event.ticket)
        if not self._replicas.holds(group) or group.raft.role != Role.LEADER:
            return
        if not event.mark:
            self._host.start(self._dump_again(group, asked, follower))
            return
        node, host = group.node_of(follower), self._host
        term = group.raft.log.term(event.index)
        base = None if term is None else Position(event.index, term)
        assert group.machine is not None, "a leader has a machine"
        if group.machine.span_of(decode_mark(event.mark)[2]) != span:
            base = None  # a split stands between the mark and the span that was asked for: begin anew
        if base is not None:
            for place, chunk in enumerate(event.chunks):
                if not host.outbox.snapshot(node, (group.number, group.replica, follower, place, chunk, 0)):
                    base = None
                    break
            else:
                host.outbox.snapshot(node, (group.number, group.replica, follower, -1, event.mark, event.index))
        host.touch(group)
        group.raft.step(SnapshotSent(follower, base))

    def _dump_again(self, group: Group, term: int, follower: int) -> Flow[None]:
        yield Sleep(DUMP_RETRY_SECONDS)
        if self._replicas.holds(group) and group.raft.role == Role.LEADER and group.raft.term == term:
            self._host.touch(group)
            group.raft.step(SnapshotSent(follower, None))

    def take_chunk(self, row: tuple[int, int, int, int, bytes, int]) -> None:
        """A chunk of rows, or (place -1) the mark that ends them."""
        number, source, target, place, chunk, index = row
        group = self._replicas.groups.get(number)
        if group is None or group.replica != target or group.restoring:
            return
        incoming = self._incoming.get(number)
        if place == 0 or (place < 0 and incoming is None):
            incoming = self._incoming[number] = _Incoming(source)
            self._host.start(self._forget_unless_fed(number, incoming))
        if incoming is None or incoming.source != source:
            return
        if place < 0:
            incoming.mark, incoming.index = chunk, index
        elif place == len(incoming.chunks):
            incoming.chunks.append(chunk)

    def _forget_unless_fed(self, number: int, incoming: _Incoming) -> Flow[None]:
        """What is never offered is not kept for ever."""
        known = -1
        while self._incoming.get(number) is incoming and known < len(incoming.chunks):
            known = len(incoming.chunks)
            yield Sleep(INCOMING_SECONDS)
        if self._incoming.get(number) is incoming:
            del self._incoming[number]

    def take_offer(self, group: Group, ready: Ready) -> None:
        """Restore what has come, unless another replica's span would overlap (traps 15)."""
        assert ready.restore is not None, "an offer"
        base, number = ready.restore.base, group.number
        incoming = self._incoming.pop(number, None)
        if incoming is None or not incoming.mark or incoming.index != base.index:
            group.raft.step(NotRestored())  # the chunks went by another link than the offer, and were lost with it
            return
        _, configuration, machine, _ = decode_mark(incoming.mark)
        made = self._host.assembly.machine(number, machine, self._state)
        first, last = made.span()
        others = [
            pair for pair in machines(self._replicas.groups) if pair[0] is not group and _overlap(first, last, pair[1])
        ]
        if not all(made.replaces(other) for _, other in others):
            group.raft.step(NotRestored())
            return
        gone = [(each.number, self._replicas.leave(each, each.replica)) for each, _ in others]
        group.restoring = True
        self._offers[number] = (base, configuration, [other for other, _ in gone])
        group.machine = made
        mark = encode_mark(group.replica, configuration, machine, base)
        self._state.restore(number, base.index, mark, first, last, incoming.chunks, gone)

    def restored(self, number: int) -> None:
        """The snapshot is durable: the machine begins from it, and the log after it."""
        group = self._replicas.groups.get(number)
        if number not in self._offers:
            return
        base, configuration, gone = self._offers.pop(number)
        for other in gone:
            self._replicas.flushed(other, 0)
        if group is None:
            return
        group.restoring = False
        group.flushed = base.index
        group.configuration = configuration
        assert group.machine is not None, "set when the offer was taken"
        group.machine.configuration = configuration
        group.machine.restore(group.machine.mark())
        self._host.touch(group)
        group.raft.step(Restored(base, configuration))


def _overlap(first: bytes, last: bytes, other: Machine) -> bool:
    start, end = other.span()
    return first < end and start < last
