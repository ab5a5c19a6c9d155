"""The replicas of a node: how they come and go.

Owns recovery at start, right sides of splits and their end in a merge, uninitialised replicas, tombstones and
compaction. Does not own the cycle of a group, nor snapshots (snapshots.py).
A replica id is never used twice: what a tombstone covers creates nothing (traps 9). Read next: node/group.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from node.config import (
    APPEND_BYTES_MAX,
    ENTRIES_PER_APPEND_MAX,
    IN_FLIGHT_APPENDS_MAX,
    LOG_KEPT_BYTES,
    LOG_KEPT_ENTRIES,
    Settings,
)
from node.errors import RECOVER, DiskError
from node.flow import Flow, Sleep
from node.group import Group
from node.machine import Machine, StartGroup, StopGroup
from node.mark import decode_mark, encode_mark
from node.ports import GroupRecord, JournalPort, Recovered, StatePort
from node.raft.core import Raft
from node.raft.membership import NOBODY, decode_configuration, members
from node.raft.messages import (
    Campaign,
    Compact,
    Configuration,
    Entry,
    HardState,
    Position,
    Role,
)
from node.raft.settings import RaftSettings
from node.relief import relieve
from node.space import Space, space_of

if TYPE_CHECKING:
    from node.host import Host

IDLE_SECONDS = 0.2  # until a group with nothing to do sleeps: to wake it costs nothing
FIRST = Position(1, 1)  # where the log of a new group begins: what it holds at first is not in its log
TOMBSTONE = b"gone"
CAMPAIGN_HEARTBEATS = 1.5


class Replicas:
    """The replicas of one node by group.

    1. `gone` maps a group to the replica id below which nothing is created any more.
    2. `_unmarked` are logs whose group's mark was not durable when the node died: what they promised, and hold, is
       taken up by the replica that is made again (traps 1).
    3. A log is forgotten only after the tombstone is durable, and until that is durable too its group is not made again
       (`_going`: group -> the record of the journal that forgets it, 0 before there is one): a new replica's mark
       beside the log of the old one would not belong together.
    """

    def __init__(self, host: "Host", journal: JournalPort, state: StatePort, chance: Callable[[], float]) -> None:
        self._host = host
        self._journal = journal
        self._state = state
        self._chance = chance
        self._settings = raft_settings(host.settings)
        self._first_settings = replace(self._settings, spread_seconds=0.0)  # Z5: group 0 goes first, unspread
        self.groups: dict[int, Group] = {}
        self.gone: dict[int, int] = {}
        self._spaces: tuple[Space, ...] = ()
        self._going: dict[int, int] = {}
        self._unmarked: dict[int, Recovered] = {}

    def holds(self, group: Group) -> bool:
        """Whether this replica is still here; it may have been removed, and even made anew, since somebody took it."""
        return self.groups.get(group.number) is group

    # -- coming ----------------------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Every replica as the disk holds it."""
        logs = self._journal.recover()
        unmarked: dict[int, Recovered] = {}
        for number, (applied, mark) in sorted(self._state.marks().items()):
            if mark.startswith(TOMBSTONE):
                self.gone[number] = int.from_bytes(mark[len(TOMBSTONE) :])
                if logs.pop(number, None) is not None:
                    self._going[number] = self._host.forget(number)
                continue
            log = logs.pop(number, Recovered())
            if applied == 0 and log.base == FIRST:
                unmarked[number] = log  # its split made it whole, and only the mark of that was lost
            else:
                self._revive(number, applied, mark, log)
        self._unmarked = logs | unmarked
        self._bury()
        self._spaces = tuple(each for each in map(space_of, (self._journal, self._state)) if each is not None)
        for space in self._spaces:
            space.node = self._host.identity.node
        if self._spaces:
            self._host.start(relieve(self._host, self._spaces))

    def short(self) -> str:
        """Why this node takes no writes, for want of room; empty if it does."""
        return next(filter(None, (space.short() for space in self._spaces)), "")

    def _bury(self) -> None:
        """A merge that was durable when the node died ends the right side here, if its tombstone was not."""
        widest: Machine | None = None
        for group, machine in sorted(machines(self.groups), key=lambda pair: pair[1].span()):
            if widest is not None and widest.replaces(machine):
                self._end(group, group.replica, None)
            elif widest is None or machine.span()[1] > widest.span()[1]:
                widest = machine

    def _revive(self, number: int, applied: int, mark: bytes, log: Recovered) -> None:
        """A replica whose mark is durable begins again."""
        replica, configuration, machine, start = decode_mark(mark)
        base, entries, anew = joined(number, applied, start, log)
        hard = HardState(*log.hard)
        if hard.term < base.term:
            hard = HardState(base.term, 0, hard.commit)
        raft = self._core(number, replica, configuration, hard, base, entries, applied)
        group = self._add(number, replica, raft, machine if configuration.voters else None)
        if anew:
            self._host.persist(group, GroupRecord(number, hard=hard, base=(base.index, base.term)), ())

    def _core(
        self,
        number: int,
        replica: int,
        configuration: Configuration,
        hard: HardState,
        base: Position,
        entries: Sequence[Entry],
        applied: int,
    ) -> Raft:
        host = self._host
        settings = self._settings if number else self._first_settings
        return Raft(
            replica, configuration, hard, base, entries, applied, settings, self._chance, host.now, host.liveness.table
        )

    def _add(self, number: int, replica: int, raft: Raft, machine: bytes | None) -> Group:
        host = self._host
        made = None if machine is None else host.assembly.machine(number, machine, self._state)
        group = Group(host, number, replica, raft, made)
        self.groups[number] = group
        host.touch(group)
        return group

    def split_off(self, parent: Group, effect: StartGroup) -> None:
        """The right side of a split, at its first index; its mark is durable no later than the left's (in order)."""
        number = effect.group
        configuration = decode_configuration(effect.configuration)
        node = self._host.identity.node
        replica = next((each.replica for each in members(configuration) if each.node == node), 0)
        present = self.groups.get(number)
        if (
            not replica
            or self.gone.get(number, 0) > replica
            or number in self._going
            or (present is not None and present.machine is not None)
        ):
            return
        log = self._unmarked.pop(number, Recovered())  # a first start has none: term 0, so it need not be quiet (P6)
        term, vote, commit = log.hard
        if present is not None:  # uninitialised: what it has promised stands
            term, vote = present.raft.term, present.raft.vote
        hard = HardState(term, vote, max(commit, FIRST.index))
        entries = log.entries if log.base == FIRST else []
        self._state.seal(number, FIRST.index, encode_mark(replica, configuration, effect.mark, FIRST))
        raft = self._core(number, replica, configuration, hard, FIRST, entries, FIRST.index)
        group = self._add(number, replica, raft, effect.mark)
        if log.base != FIRST:
            base = (FIRST.index, FIRST.term)
            self._host.persist(group, GroupRecord(number, hard=hard, base=base), ())
        if parent.raft.role == Role.LEADER:
            self._host.start(self._campaign(group))

    def _campaign(self, group: Group) -> Flow[None]:
        """The left's leader stands for the right too, once the others have heard that the split is committed."""
        yield Sleep(CAMPAIGN_HEARTBEATS * self._host.settings.heartbeat_seconds)
        if self.holds(group):
            self._host.touch(group)
            group.raft.step(Campaign())

    def receiver(self, number: int, replica: int) -> Group | None:
        """The group that a Raft message is for; a replica that is named for the first time is created, empty."""
        group = self.groups.get(number)
        if group is not None:
            return group if group.replica == replica and not group.restoring else None
        if self.gone.get(number, 0) > replica or number in self._going:
            return None
        log = self._unmarked.get(number, Recovered())
        if log.base != (0, 0):
            return None  # a right side: its split is replayed from the left's log, and makes it what it was
        self._unmarked.pop(number, None)
        raft = self._core(number, replica, NOBODY, HardState(*log.hard), Position(0, 0), (), 0)
        self._state.seal(number, 0, encode_mark(replica, NOBODY, b""))
        return self._add(number, replica, raft, None)

    def has_left(self, number: int, replica: int) -> bool:
        """Whether that replica was here, and is no more or is about to go."""
        group = self.groups.get(number)
        return (self.gone.get(number, 0) if group is None else group.replica) > replica

    # -- going -----------------------------------------------------------------------------------------------------

    def drop(self, number: int, replica: int) -> None:
        """This replica is removed: its rows go, a tombstone stays."""
        group = self.groups.get(number)
        if group is None or group.replica > replica:
            return
        self._end(group, replica, None if group.machine is None else group.machine.span())

    def absorb(self, parent: Group, effect: StopGroup) -> None:
        """A merge: the parent has the rows now, so they stay; its mark is sealed before the tombstone (in order).

        Why the replica is here, and whole, is said in ranges/merging.py.
        """
        group = self.groups.get(effect.group)
        assert group is not None and group.machine is not None and group.machine.frozen == effect.merge, (
            f"group {parent.number} takes over {effect.group}, which has not stopped here for merge {effect.merge}"
        )
        self._end(group, group.replica, None)

    def _end(self, group: Group, replica: int, span: tuple[bytes, bytes] | None) -> None:
        self._state.forget(group.number, self.leave(group, replica), span)

    def leave(self, group: Group, replica: int) -> bytes:
        """It is here no more, as far as memory goes; the tombstone that is to become durable."""
        number = group.number
        group.stop()
        del self.groups[number]
        self._host.stir(number)
        self.gone[number] = replica + 1
        self._going[number] = 0
        self._host.liveness.gone(number)
        return TOMBSTONE + (replica + 1).to_bytes(8)

    def synced(self, upto: int) -> None:
        """The journal holds all records up to this one: what they forget is forgotten."""
        if self._going:
            for number in [number for number, record in self._going.items() if 0 < record <= upto]:
                del self._going[number]

    def flushed(self, number: int, index: int) -> None:
        """The state holds a group durably up to here: its log may be cut, but for what followers still need."""
        group = self.groups.get(number)
        if index == 0 and number in self._going:  # the tombstone is durable, so the log may go after it
            self._going[number] = self._host.forget(number)
        if group is None or index <= group.flushed:
            return
        group.flushed = index
        kept = index
        if group.raft.role == Role.LEADER:
            least = index - min(LOG_KEPT_ENTRIES, group.raft.log.within(index, LOG_KEPT_BYTES))
            kept = min([index, *(max(each.match, least) for each in group.raft.status().progress)])
        if kept > group.raft.log.base.index:
            group.raft.step(Compact(kept))
            self._journal.cut(number, group.raft.log.base.index)


def joined(number: int, applied: int, start: Position, log: Recovered) -> tuple[Position, Sequence[Entry], bool]:
    """(base, entries, whether the log begins anew) of a group whose state ends at `applied`, with the base `start`.

    The state is ahead of the journal only where its rows came without a log: then the log begins anew there. The
    journal may even hold another entry at that place, if the node died before it could note the new base.
    Raises `DiskError` where they do not belong together.
    """
    base, entries = Position(*log.base), log.entries
    anew = applied == start.index and _term_at(log, applied) != start.term
    if base.index > applied or (applied > base.index + len(entries) and not anew):
        raise DiskError(
            f"the journal and the state of this directory do not belong together: of group {number} the state "
            f"ends at {applied}, and the journal holds {base.index} to {base.index + len(entries)}; {RECOVER}"
        )
    return (start, (), True) if anew else (base, entries, False)


def _term_at(log: Recovered, index: int) -> int | None:
    """The term of the entry at an index of a recovered log; None if it does not hold it."""
    base, term = log.base
    if index == base:
        return term
    return log.entries[index - base - 1].term if base < index <= base + len(log.entries) else None


def machines(groups: dict[int, Group]) -> list[tuple[Group, Machine]]:
    """Every replica that is not waiting for its first snapshot."""
    return [(each, each.machine) for each in groups.values() if each.machine is not None]


def raft_settings(settings: Settings) -> RaftSettings:
    """The core's part of a node's settings."""
    return RaftSettings(
        heartbeat_seconds=settings.heartbeat_seconds,
        election_seconds_min=settings.election_seconds_min,
        entries_per_append_max=ENTRIES_PER_APPEND_MAX,
        append_bytes_max=APPEND_BYTES_MAX,
        in_flight_appends_max=IN_FLIGHT_APPENDS_MAX,
        support=settings.leases,
        support_seconds=settings.support_seconds,
        idle_seconds=IDLE_SECONDS,
    )


def first_mark(configuration: Configuration, machine: bytes) -> bytes:
    """The mark of a group at the start of a cluster: replica 1 at `FIRST`."""
    return encode_mark(1, configuration, machine, FIRST)
