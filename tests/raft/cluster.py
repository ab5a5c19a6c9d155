"""Cores in one process: a network that keeps, loses and reorders, disks that may hold back, and checks at each step.

Owns the world that golden scripts, paper tests and the random safety test share. Every fault is asked for; time is
a number. Checks what must hold in any schedule: election safety, leader completeness, state machine safety (paper
figure 3), promises only after their disk write, and M2. Read next: tests/raft/verbs.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from node.raft import messages as m
from node.raft.core import Raft
from node.raft.membership import NOBODY, decode_configuration, node_of
from node.raft.messages import Configuration, Entry, HardState, Member, Position, Ready
from node.raft.settings import RaftSettings

FRESH = HardState(0, 0, 0)
START = Position(0, 0)


@dataclass
class Disk:
    """What survives a restart: the journal's part, and the state as of `applied`."""

    hard: HardState = FRESH
    base: Position = START
    entries: list[Entry] = field(default_factory=list)
    applied: int = 0
    rows: list[bytes] = field(default_factory=list)
    configuration: Configuration = NOBODY
    restored: Position = START  # the last snapshot that the state took

    def rebase(self) -> None:
        """At start: where the journal does not hold the restored position, the log begins there."""
        index, term = self.restored
        place = index - self.base.index - 1
        if index > self.base.index and (place >= len(self.entries) or self.entries[place].term != term):
            self.base, self.entries = self.restored, []

    def write(self, ready: Ready) -> None:
        """One synced commit."""
        if ready.base is not None:
            self.base, self.entries = ready.base, []
        if ready.entries:
            place = ready.first - self.base.index - 1
            assert 0 <= place <= len(self.entries), "the journal has no holes"
            self.entries[place:] = ready.entries
        if ready.hard is not None:
            assert ready.hard.term >= self.hard.term, "terms only rise"
            self.hard = ready.hard

    def last(self) -> int:
        return self.base.index + len(self.entries)


class Node:
    """One replica with its disk and machine. `held` keeps disk writes, and the promises behind them, back."""

    def __init__(self, replica: int) -> None:
        self.replica = replica
        self.disk = Disk()
        self.held = False
        self.writes: list[tuple[Ready, Position]] = []
        self.raft: Raft = None  # type: ignore[assignment]  # started at once by the cluster
        self.rows: list[bytes] = []
        self.configuration = NOBODY

    def start(self, settings: RaftSettings, chance: Callable[[], float], now: float) -> None:
        """Begin from the disk alone."""
        disk = self.disk
        disk.rebase()
        self.writes = []
        self.rows = list(disk.rows)
        self.configuration = disk.configuration
        self.raft = Raft(
            self.replica, disk.configuration, disk.hard, disk.base, disk.entries, disk.applied, settings, chance, now
        )


class Cluster:
    """Replicas 1 to n, each on the node of its own number; messages wait in `queue` until they are delivered."""

    def __init__(
        self,
        voters: int = 3,
        learners: int = 0,
        settings: RaftSettings = RaftSettings(),  # noqa: B008  # frozen
        chance: Callable[[], float] | None = None,
    ) -> None:
        self.settings = settings
        self.chance = chance
        self.now = 0.0
        self.queue: list[tuple[int, int, Any]] = []
        self.cuts: set[tuple[int, int]] = set()
        self.nodes: dict[int, Node] = {}
        self.observe: Callable[[str], None] = lambda line: None
        self.leaders: dict[int, int] = {}  # term -> leader
        self.committed: dict[int, Entry] = {}
        self.snapshots: dict[Position, tuple[list[bytes], Configuration]] = {}
        self.asked: dict[int, int] = {}  # read token -> what was committed when it was asked for
        everyone = [Member(each, each) for each in range(1, voters + learners + 1)]
        first = Configuration(1, len(everyone) + 1, tuple(everyone[:voters]), (), tuple(everyone[voters:]))
        for member in everyone:
            self.add(member.replica, first)

    def add(self, replica: int, configuration: Configuration = NOBODY) -> Node:
        """A replica with an empty disk."""
        node = self.nodes[replica] = Node(replica)
        node.disk.configuration = configuration
        self._start(node)
        return node

    def _start(self, node: Node) -> None:
        node.start(self.settings, self._chance(node.replica), self.now)

    def _chance(self, replica: int) -> Callable[[], float]:
        """Without a source of chance, timers run out in the order of the replicas."""
        return self.chance or (lambda: min(0.9, replica / 5))

    # -- steps -----------------------------------------------------------------------------------------------------

    def step(self, replica: int, event: Any) -> None:
        """One input, and all that comes of it."""
        node = self.nodes[replica]
        node.raft.step(event)
        self.settle(node)

    def settle(self, node: Node) -> None:
        """Carry out what the core wants until it wants nothing."""
        self._check_leader(node)
        while (ready := node.raft.ready()) is not None:
            self._show(node, ready)
            self._carry_out(node, ready)
            self._check_leader(node)

    def _carry_out(self, node: Node, ready: Ready) -> None:
        raft = node.raft
        if ready.hard or ready.entries or ready.base or ready.promises:
            node.writes.append((ready, raft.last))
        for target, message in ready.messages:
            self.post(node, target, message)
        if ready.committed:
            self._apply(node, ready.commit_first, ready.committed)
        for token, index in ready.rounds:
            assert index <= raft.applied, "a round is answered when its index is applied"
            assert index >= self.asked.get(token, 0), "a read sees all that was committed before it (traps 5)"
        for follower in ready.snapshots:
            self._snapshot(node, follower)
        if ready.restore is not None:
            self._restore(node, ready.restore)
        if not node.held:
            self.sync(node)

    def sync(self, node: Node) -> None:
        """The disk writes what waits, then the promises behind it leave."""
        while node.writes:
            ready, last = node.writes.pop(0)
            node.disk.write(ready)
            for target, message in ready.promises:
                self._check_promise(node, target, message)
                self.post(node, target, message)
            node.raft.step(m.Persisted(last.term, last.index))

    def post(self, node: Node, target: int, message: Any) -> None:
        """Into the network, or lost where it is cut."""
        self._check_message(node, message)
        lost = (node.replica, target) in self.cuts
        self.observe(f"n{node.replica}@{message.term} {'⇥' if lost else '→'} n{target} {message}")
        if not lost:
            self.queue.append((node.replica, target, message))

    def deliver(self, place: int = 0) -> None:
        """One message from the network; to nobody known is to a new replica."""
        source, target, message = self.queue.pop(place)
        if (source, target) in self.cuts:
            self.observe(f"n{source}@{message.term} ⇥ n{target} {message}")
            return
        if target not in self.nodes:
            self.add(target)
        self.step(target, m.Received(source, message))

    def deliver_all(self, steps_max: int = 10_000) -> None:
        """Deliver in order until the network is empty."""
        while self.queue:
            self.deliver()
            steps_max -= 1
            assert steps_max, "the network does not come to rest"

    def tick(self, seconds: float, only: tuple[int, ...] = ()) -> None:
        """Time passes; every replica (or only some) learns of it."""
        self.now = round(self.now + seconds, 6)
        for replica in sorted(self.nodes):
            if not only or replica in only:
                self.step(replica, m.Tick(self.now))

    def restart(self, replica: int) -> None:
        """The process dies; what its disk has not written is gone."""
        node = self.nodes[replica]
        node.held = False
        self._start(node)
        self.settle(node)

    def compact(self, replica: int, index: int) -> None:
        """The state up to here becomes durable, and the log before it goes."""
        node = self.nodes[replica]
        assert index <= node.raft.applied == node.disk.base.index + len(node.disk.entries), "all of it is applied"
        node.disk.applied, node.disk.rows = node.raft.applied, list(node.rows)
        node.disk.configuration = node.configuration
        term = node.raft.log.term(index)
        assert term is not None
        del node.disk.entries[: index - node.disk.base.index]
        node.disk.base = Position(index, term)
        self.step(replica, m.Compact(index))

    # -- machine ---------------------------------------------------------------------------------------------------

    def _apply(self, node: Node, first: int, entries: Any) -> None:
        for place, entry in enumerate(entries):
            index = first + place
            assert index <= node.disk.last(), "applied only when durable on the own disk (traps 3)"
            known = self.committed.setdefault(index, entry)
            assert known == entry, f"state machine safety: {known} and {entry} at {index}"
            if entry.kind == m.Kind.COMMAND:
                node.rows.append(entry.body)
            elif entry.kind == m.Kind.CONFIGURATION:
                node.configuration = decode_configuration(entry.body)
        node.raft.step(m.AppliedTo(first + len(entries) - 1))

    def _snapshot(self, node: Node, follower: int) -> None:
        term = node.raft.log.term(node.raft.applied)
        assert term is not None, "the applied entry is held"
        base = Position(node.raft.applied, term)
        self.snapshots[base] = (list(node.rows), node.configuration)
        node.raft.step(m.SnapshotSent(follower, base))

    def _restore(self, node: Node, offer: m.SnapshotOffer) -> None:
        rows, configuration = self.snapshots[offer.base]
        assert configuration == offer.configuration, "the offer's configuration is the snapshot's (traps 7)"
        node.rows, node.configuration = list(rows), configuration
        disk = node.disk
        disk.applied, disk.rows, disk.configuration, disk.restored = (
            offer.base.index,
            list(rows),
            configuration,
            offer.base,
        )
        node.raft.step(m.Restored(offer.base, configuration))

    # -- checks ----------------------------------------------------------------------------------------------------

    def _check_leader(self, node: Node) -> None:
        raft = node.raft
        if raft.role is not m.Role.LEADER or self.leaders.get(raft.term) == node.replica:
            return
        assert raft.term not in self.leaders, f"election safety: two leaders in term {raft.term}"
        self.leaders[raft.term] = node.replica
        for index, entry in self.committed.items():
            if index > raft.log.offset:
                held = raft.log.slice(index, index)
                assert held == [entry], f"leader completeness: the leader of {raft.term} lacks {index}@{entry.term}"

    def _check_promise(self, node: Node, target: int, message: Any) -> None:
        disk = node.disk
        if isinstance(message, m.VoteReply) and message.granted:
            voted = disk.hard.term == message.term and disk.hard.vote == target
            assert voted or disk.hard.term > message.term, "a vote is durable before it leaves (traps 1)"
        if isinstance(message, m.AppendReply):
            assert message.matched <= disk.last(), "entries are durable before they are acknowledged"

    def _check_message(self, node: Node, message: Any) -> None:
        if isinstance(message, m.Append | m.Heartbeat):
            assert message.commit <= node.raft.applied, "M2: a leader names only what it has applied itself"

    def _show(self, node: Node, ready: Ready) -> None:
        """Tell an observer what the core wants."""
        name = f"n{node.replica}@{node.raft.term}"
        if ready.entries:
            gone = [f"truncate {ready.first}@{self._gone(node, ready.first)}"] if self._gone(node, ready.first) else []
            new = [f"append {ready.first + k}@{e.term} {show_body(e)}" for k, e in enumerate(ready.entries)]
            self.observe(f"{name} {', '.join(gone + new)}")
        if ready.committed:
            shown = [f"{ready.commit_first + k}@{e.term} {show_body(e)}" for k, e in enumerate(ready.committed)]
            self.observe(f"{name} apply {', '.join(shown)}")
        for token, index in ready.rounds:
            self.observe(f"{name} read {token} may be answered at {index}")
        for token in ready.dropped:
            self.observe(f"{name} read {token} dropped")
        for follower in ready.snapshots:
            self.observe(f"{name} snapshot for n{follower}")
        if ready.restore is not None:
            self.observe(f"{name} restore {ready.restore.base}")
        if ready.refused is not None:
            self.observe(f"{name} refused: {ready.refused}")

    def _gone(self, node: Node, first: int) -> int:
        """The term of the entry at `first` that the disk holds and is about to lose; 0 if there is none."""
        place = first - node.disk.base.index - 1
        return node.disk.entries[place].term if place < len(node.disk.entries) else 0

    # -- short words for tests -------------------------------------------------------------------------------------

    def raft(self, replica: int) -> Raft:
        return self.nodes[replica].raft

    def elect(self, replica: int) -> None:
        """Let this replica's timer run out alone, and everyone follow it."""
        self.raft(replica).deadline = self.now
        self.step(replica, m.Tick(self.now))
        self.deliver_all()
        assert self.raft(replica).role is m.Role.LEADER, f"replica {replica} was not elected"

    def propose(self, replica: int, *bodies: bytes) -> None:
        self.step(replica, m.Propose(list(bodies)))

    def cut(self, one: int, other: int) -> None:
        self.cuts |= {(one, other), (other, one)}

    def isolate(self, replica: int) -> None:
        for other in self.nodes:
            if other != replica:
                self.cut(replica, other)

    def heal(self) -> None:
        self.cuts.clear()

    def node_of(self, replica: int) -> int:
        return node_of(self.nodes[replica].raft.configuration, replica)


def show_body(entry: Entry) -> str:
    """A body as golden scripts write it."""
    if entry.kind == m.Kind.CONFIGURATION:
        return str(decode_configuration(entry.body))
    return "noop" if entry.kind == m.Kind.NOOP else f'"{entry.body.decode()}"'
