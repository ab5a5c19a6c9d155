"""What a step gives the journal, and what waits for the journal's answer: one record a step for all groups.

Owns the record that is being gathered, the sequence numbers, and promises, which leave when the disk has answered.
Does not own the disk (node/journal.py) nor what a group persists (node/group.py). Read next: node/host.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.group import Group
from node.ports import GroupRecord, Record
from node.raft.messages import Message, Persisted

if TYPE_CHECKING:
    from node.host import Host

Rows = list[tuple[Group, Persisted, Sequence[tuple[int, Message]]]]  # group, its last position then, promises


class Records:
    """The records of one node.

    1. A promise of a group leaves only when every record that holds something of that group is synced (traps 1).
    2. Records are synced in their order; `_pending` holds what waits for those that are not yet.
    """

    def __init__(self, host: "Host") -> None:
        self._host = host
        self._record = Record(0)
        self._next = 1  # the number of the record that is gathered: one object for all groups in it
        self._pending: dict[int, Rows] = {}
        self._gathering: Rows = []

    @property
    def syncing(self) -> bool:
        """Whether the journal has a record that it has not answered for."""
        return bool(self._pending)

    @property
    def gathered(self) -> bool:
        """Whether this step has something to persist."""
        return bool(self._record.groups)

    def take(self) -> Record | None:
        """What this step gives the journal."""
        record = self._record
        if not record.groups:
            return None
        record.sequence = self._next
        self._pending[self._next] = self._gathering
        self._next += 1
        self._record, self._gathering = Record(0), []
        return record

    def synced(self, upto: int) -> None:
        """All records up to this one are durable."""
        host = self._host
        for sequence in sorted(each for each in self._pending if each <= upto):
            for group, persisted, promises in self._pending.pop(sequence):
                if host.replicas.holds(group):
                    host.touch(group)
                    group.raft.step(persisted)
                    for target, message in promises:
                        host.send_raft(group, target, message)

    def persist(self, group: Group, change: GroupRecord, promises: Sequence[tuple[int, Message]]) -> None:
        """Put a change into this step's record; the promises leave when it is durable."""
        self._record.groups.append(change)
        last = group.raft.last
        self._gathering.append((group, Persisted(last.term, last.index), promises))
        group.sequence = self._next

    def promise(self, group: Group, promises: Sequence[tuple[int, Message]]) -> None:
        """Send these when all that this group has asked to persist is durable."""
        if group.sequence == self._next:
            pending = self._gathering
        elif group.sequence in self._pending:
            pending = self._pending[group.sequence]
        else:
            for target, message in promises:
                self._host.send_raft(group, target, message)
            return
        last = group.raft.last
        pending.append((group, Persisted(last.term, last.index), promises))

    def forget(self, number: int) -> int:
        """The group's log counts for nothing; the number of the record that says so."""
        self._record.groups.append(GroupRecord(number, gone=True))
        return self._next
