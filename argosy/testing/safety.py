"""What must hold in every node at every moment: Raft's safety, and that replicas are copies.

Owns `Safety`, fed by a cluster as it runs. Does not own what clients see (linear.py, serial.py).

    Election Safety         one leader in a term                                         (Raft paper, figure 3)
    Leader Append-Only      who leads a term replaces nothing of its log in it
    Log Matching            an index and term name one entry, and one entry before it: so all before it, too
    Leader Completeness     who takes office holds the last entry that was applied under an earlier leader
    State Machine Safety    no two replicas apply different entries at an index
    one vote                a term never falls, and in one term a vote never changes       (5.2, traps 1)
    durable first           what is applied lies durably in the own journal                (traps 3)
    copies                  the same entries make the same rows; replicas at an index hold the same rows, bounds,
                            members

Each is looked at where it could change: records on their way to a journal, batches of rows, who leads after a step.
Read next: argosy/testing/cluster.py.
"""

from collections.abc import Callable, Iterable
from typing import Any

from argosy.testing.disk import Delay, Disk, Later, MemoryJournal
from argosy.testing.linear import Violation
from argosy.testing.rows import MemoryState, Row
from node.ports import GroupRecord, Record
from node.raft.messages import Entry, Role
from ranges.keys import BAR_TAIL, INTENT_TAIL
from ranges.machine import RangeMachine


class Safety:
    """Remembers what was seen, by group; every `note` compares with it."""

    def __init__(self) -> None:
        self.leaders: dict[tuple[int, int], tuple[int, int]] = {}  # (group, term) -> (node, replica)
        self.entries: dict[tuple[int, int], Any] = {}  # (group, index) -> the entry that was applied there
        self.batches: dict[tuple[int, int, int], tuple[int, list[Row]]] = {}  # (group, after, to) -> (node, rows)
        self.compared = 0
        self.intents = 0  # put, as far as counted
        self.settled = 0  # intents that became versions or went
        self.barred = 0
        self.logged: dict[tuple[int, int, int], tuple[int, Entry]] = {}  # (group, index, term) -> (term before, entry)
        self.on_intent: Callable[[], None] | None = None  # called once, when an intent has been put
        self._counted: dict[int, int] = {}  # group -> index up to which its rows have been counted
        self._latest: dict[int, int] = {}  # group -> the highest term that had a leader
        self._applied: dict[int, tuple[int, int, int]] = {}  # group -> last applied (index, term), under which leader

    def note_roles(self, node: int, groups: Iterable[Any]) -> None:
        """At most one replica leads a group in a term, and it holds what was applied under earlier ones."""
        for group in groups:
            raft = group.raft
            if raft.role == Role.LEADER:
                leads = (node, group.replica)
                first = self.leaders.get((group.number, raft.term))
                if first is None:
                    self._note_leader(node, group)
                elif first != leads:
                    raise Violation(
                        f"two leaders of group {group.number} in term {raft.term}: node {first[0]} and node {node}"
                    )

    def _note_leader(self, node: int, group: Any) -> None:
        number, raft = group.number, group.raft
        self.leaders[number, raft.term] = (node, group.replica)
        self._latest[number] = max(raft.term, self._latest.get(number, 0))
        index, term, under = self._applied.get(number, (0, 0, 0))
        log = raft.log
        if raft.term > under and index > log.offset and log.term(index) != term:
            raise Violation(
                f"node {node} leads group {number} in term {raft.term} without the entry {index}@{term}, which was "
                f"applied before; it holds {log.term(index)} there, and ends at {log.last}"
            )

    def note_record(self, node: int, journal: "WatchedJournal", record: GroupRecord) -> None:
        """What a node is about to write of one group, beside what it has written so far."""
        group, (term, vote) = record.group, journal.voted(record.group)
        if record.hard is not None:
            new, chosen, _ = record.hard
            if new < term or (new == term and vote and chosen != vote):
                raise Violation(
                    f"node {node}, group {group}, voted for {vote} in term {term}, and writes {chosen} in term {new}"
                )
            term = new
        last = journal.last(group)
        if record.entries and record.first <= last and self.leaders.get((group, term), (0, 0))[0] == node:
            raise Violation(f"node {node} leads group {group} in term {term}, and replaces entries from {record.first}")
        before = record.base[1] if record.base is not None else journal.term(group, record.first - 1)
        for index, entry in enumerate(record.entries, record.first):
            known = self.logged.setdefault((group, index, entry.term), (before, entry))
            if known != (before, entry):
                raise Violation(
                    f"node {node} holds another entry {index}@{entry.term} of group {group}, or another one before it, "
                    f"of term {before}, than was held before, of term {known[0]}"
                )
            before = entry.term

    def note_applied(self, node: int, disk: Disk, group: int, after: int, to: int, rows: list[Row]) -> None:
        """State machine safety: a node has applied the entries after `after`, up to `to`, and made these rows."""
        log = disk.logs.get(group)
        last = log.base[0] + len(log.entries) if log is not None else 0
        if log is None or to > last:
            raise Violation(f"node {node} applied group {group} to {to}, but its journal durably ends at {last}")
        for index in range(max(after, log.base[0]) + 1, to + 1):
            entry = log.entries[index - log.base[0] - 1]
            known = self.entries.get((group, index))
            if known == entry or disk.is_torn(group, index):
                continue  # what changed on the disk is not what was applied: that was still in memory
            if self.entries.setdefault((group, index), entry) != entry:
                raise Violation(
                    f"node {node} applied another entry of group {group} at {index} than was applied before"
                )
        if after >= self._counted.get(group, 0):
            self._counted[group] = to
            self._applied[group] = (to, log.entries[to - log.base[0] - 1].term, self._latest.get(group, 0))
            self._count(rows)
        first, expected = self.batches.setdefault((group, after, to), (node, rows))
        if expected != rows:
            raise Violation(
                f"group {group}, entries {after + 1} to {to}, made other rows at node {node} than at {first}:\n"
                f"  {rows}\n  {expected}"
            )

    def _count(self, rows: list[Row]) -> None:
        for _, tail, value in rows:
            if tail == INTENT_TAIL:
                self.intents += value is not None
                self.settled += value is None
                if value is not None and self.on_intent is not None:
                    act, self.on_intent = self.on_intent, None
                    act()
            elif tail.startswith(BAR_TAIL):
                self.barred += value is not None

    def compare(self, replicas: Iterable[tuple[int, Any, MemoryState]]) -> None:
        """(node, group, its rows) of all replicas: those that have applied as far hold the same rows and bounds."""
        known: dict[tuple[int, int], tuple[int, tuple[Any, ...], list[tuple[bytes, bytes, bytes]]]] = {}
        for node, group, state in replicas:
            if group.machine is None or group.restoring:
                continue
            held = node, _said(group), list(state.scan(*group.machine.span()))
            first = known.setdefault((group.number, group.raft.applied), held)
            if first is not held:
                self.compared += 1
            if first[1:] != held[1:]:
                raise Violation(
                    f"group {group.number} at {group.raft.applied} differs between node {first[0]} and node {node}:\n"
                    + _difference(first[2], held[2])
                )


def _difference(left: list[Any], right: list[Any]) -> str:
    """The first rows that only one of two lists has."""
    only_left = [row for row in left if row not in right][:5]
    only_right = [row for row in right if row not in left][:5]
    return f"  only the first: {only_left}\n  only the second: {only_right}"


class WatchedState(MemoryState):
    """A `MemoryState` that tells `Safety` of every batch as it is sealed."""

    def __init__(self, node: int, safety: Safety, disk: Disk, later: Later, delay: Delay) -> None:
        super().__init__(disk, later, delay)
        self._node = node
        self._safety = safety
        self._at = {group: index for group, (index, _) in disk.marks.items()}

    def seal(self, group: int, index: int, mark: bytes | None) -> None:
        """Compare, then seal. A group's first batch only says where it begins; at 0 it has not begun."""
        after = self._at.get(group, 0)
        if 0 < after < index:
            self._safety.note_applied(self._node, self._disk, group, after, index, self._open)
        self._at[group] = index
        super().seal(group, index, mark)

    def restore(self, group: int, index: int, *rest: Any, **named: Any) -> None:
        """The group goes on from a snapshot."""
        self._at[group] = index
        super().restore(group, index, *rest, **named)

    def forget(self, group: int, tombstone: bytes, span: tuple[bytes, bytes] | None) -> None:
        """The group is gone from this node; another replica of it may come."""
        self._at.pop(group, None)
        super().forget(group, tombstone, span)


class WatchedJournal(MemoryJournal):
    """A `MemoryJournal` that tells `Safety` of every record before it is written."""

    def __init__(self, node: int, safety: Safety, disk: Disk, later: Later, delay: Delay) -> None:
        super().__init__(disk, later, delay)
        self._node = node
        self._safety = safety
        self._hard: dict[int, tuple[int, int]] = {}  # group -> (term, vote), of this life's records
        self._terms: dict[int, dict[int, int]] = {}  # group -> index -> term, likewise
        self._lasts: dict[int, int] = {}

    def voted(self, group: int) -> tuple[int, int]:
        """(term, vote) as of all that was submitted."""
        log = self._disk.logs.get(group)
        return self._hard.get(group) or (log.hard[:2] if log is not None else (0, 0))

    def last(self, group: int) -> int:
        """The index of the last entry, as of all that was submitted."""
        log = self._disk.logs.get(group)
        return self._lasts.get(group, log.base[0] + len(log.entries) if log is not None else 0)

    def term(self, group: int, index: int) -> int:
        """The term of an entry, as of all that was submitted."""
        found = self._terms.get(group, {}).get(index)
        log = self._disk.logs.get(group)
        if found is None and log is not None:
            place = index - log.base[0]
            found = log.entries[place - 1].term if place > 0 else log.base[1]
        return found or 0

    def submit(self, record: Record) -> None:
        """Compare, then write."""
        for each in record.groups:
            if each.gone:
                for known in (self._hard, self._terms, self._lasts):
                    known.pop(each.group, None)
                continue
            self._safety.note_record(self._node, self, each)
            self._take(each)
        super().submit(record)

    def _take(self, record: GroupRecord) -> None:
        group = record.group
        if record.hard is not None:
            self._hard[group] = record.hard[:2]
        if record.base is not None:
            self._terms[group] = {record.base[0]: record.base[1]}
            self._lasts[group] = record.base[0]
        if record.entries:
            self._terms.setdefault(group, {}).update(
                (index, each.term) for index, each in enumerate(record.entries, record.first)
            )
            self._lasts[group] = record.first + len(record.entries) - 1


def _said(group: Any) -> tuple[Any, ...]:
    """The members, and what the machine's mark says, but for the size, which is only about right."""
    machine = group.machine
    if isinstance(machine, RangeMachine):
        bounds = machine.start, machine.end, machine.span_version, machine.closed, machine.safe
        return group.configuration, *bounds, machine.frozen, machine.ended, machine.absorbed
    return group.configuration, machine.mark()
