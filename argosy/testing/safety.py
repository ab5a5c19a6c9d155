"""What must hold in every node at every moment: Raft's safety, and that replicas are copies.

Owns `Safety`, fed by a cluster as it runs. Five promises (Raft paper, figure 3, and traps 3): one leader in a term;
no two replicas apply different entries at an index; what is applied lies durably in the own journal; the same
entries make the same rows; replicas at the same index hold the same rows and bounds. Does not own what clients see
(linear.py, serial.py). Read next: argosy/testing/cluster.py.
"""

from collections.abc import Callable, Iterable
from typing import Any

from argosy.testing.disk import Delay, Disk, Later
from argosy.testing.linear import Violation
from argosy.testing.rows import MemoryState, Row
from node.machine import Machine
from node.raft.messages import Role
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
        self.on_intent: Callable[[], None] | None = None  # called once, when an intent has been put
        self._counted: dict[int, int] = {}  # group -> index up to which its rows have been counted

    def note_roles(self, node: int, groups: Iterable[Any]) -> None:
        """Election safety: at most one replica leads a group in a term."""
        for group in groups:
            raft = group.raft
            if raft.role == Role.LEADER:
                leads = (node, group.replica)
                first = self.leaders.setdefault((group.number, raft.term), leads)
                if first != leads:
                    raise Violation(
                        f"two leaders of group {group.number} in term {raft.term}: node {first[0]} and node {node}"
                    )

    def note_applied(self, node: int, disk: Disk, group: int, after: int, to: int, rows: list[Row]) -> None:
        """State machine safety: a node has applied the entries after `after`, up to `to`, and made these rows."""
        log = disk.logs.get(group)
        last = log.base[0] + len(log.entries) if log is not None else 0
        if log is None or to > last:
            raise Violation(f"node {node} applied group {group} to {to}, but its journal durably ends at {last}")
        for index in range(max(after, log.base[0]) + 1, to + 1):
            entry = log.entries[index - log.base[0] - 1]
            if self.entries.setdefault((group, index), entry) != entry:
                raise Violation(
                    f"node {node} applied another entry of group {group} at {index} than was applied before"
                )
        if after >= self._counted.get(group, 0):
            self._counted[group] = to
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
            held = node, _said(group.machine), list(state.scan(*group.machine.span()))
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


def _said(machine: Machine) -> tuple[Any, ...]:
    """What a machine's mark says, but for the size, which is only about right."""
    if isinstance(machine, RangeMachine):
        return machine.start, machine.end, machine.span_version, machine.closed, machine.safe
    return (machine.mark(),)
