"""Merging two neighbouring ranges (rule M3), as commands of their logs; class tags 94 to 99.

Owns what each side does: the right freezes, the left absorbs it, or forgoes the merge and the right thaws. Does not
own who orders it (ranges/placement/merger.py) nor how a replica ends (node/replicas.py). Read next: ranges/machine.py.

    catalog         right side's log            each node                      left side's log
    BeginMerge ---> Freeze: span version + 1,
                    nothing read or written
                      | Frozen -------------->  AskDurable: both replicas
                                                whole, the freeze on disk
                                                  | all of them ------------>  (tick) Absorb, or ...
                                                                               the longer span; here the right's
    EndMerge <---------------------------------------------------------------- replica ends, no row moves
    EndMerge <----- Thaw <---------------------------------------------------- ... Forgo: Absorb never more

Why it is right
---------------
1. *One outcome.* It stands in the left's log: of `Absorb` and `Forgo` of a merge the first one wins, since either
   raises `ended`, and ids of merges are never used twice. `Thaw` is sent only after `Forgo` was answered so, and it
   raises `ended` on the right: a late `Freeze` freezes nothing. So a range that thaws is never taken over, and a range
   that was taken over never thaws, whichever copies come late or twice, and whoever drives the merge.
2. *Reads and writes.* `Frozen` comes from a leader that has applied the freeze; every older one's lease or round had
   ended before (L2), every later one begins with it applied (L1). `Absorb` is sent after that, and its tick is asked
   for when its copy has come: larger than every T that was read on the right. The left's leader makes it its
   low-water mark where it applies the entry; a later leader has applied it before it asks for a tick of its own (L2).
   M2's wait is over whenever the right side has a replica at all, for a leader names only a commit index that it has
   applied. What was routed to either side before the merge has a smaller span version than the merged range (M1).
3. *Rows.* A frozen range's state never changes but by a thaw. `Absorb` goes out only after each node that the frozen
   range lies on has said that its replica holds the freeze durably. The members cannot change from then on: `fixed`
   holds on a frozen range, and from the proposal of `Freeze` or `Absorb` to its application; a later leader has
   applied both before it takes an order (L1). `Absorb` applies only if the left has, at that entry, the configuration
   that the driver saw whole, with voters on just those nodes. So a left replica that applies it finds the right's
   beside it, frozen for this merge (asserted), also after a crash at any point before: the right's ends only
   with the left's at or beyond that entry, by one of three ways below. No replica waits, and no log is needed for it.
4. *The end of a right replica.* (a) Its left applies `Absorb`: the longer span is sealed first, the tombstone after
   it; if the node dies between the two, the next start sees that one replaces the other and writes the tombstone.
   (b) Its left is behind and gets a snapshot with the longer span: rows, mark and the right's tombstone are one commit
   (traps 15); the rows of both were durable where it was taken, before `Absorb` was sent. A snapshot with the
   shorter span leaves the right in place. (c) The node has no left replica any more,
   or got one from after a later split: the catalog, which knows the merge to be done, has the right dropped, unless
   the left here is still to come to `Absorb` (ranges/placement/holdings.py). A new left
   replica begins with the longer span: a member is added only by a leader that has applied `Absorb`, and whoever has
   that entry in its log was told with it of a commit index beyond `Absorb`; so it has applied `Absorb` when it leads,
   and sends no snapshot whose mark has another span than its own (node/replicas.py).

A merge needs all nodes of both sides alive, and its right side is away for about half a second: it is for small, cold
ranges, and when in doubt it is given up. Left out: merging while a node is down (the left's entry would have to carry
the right's missing entries), and moving leaders together first, which nothing here needs.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from node.codec import message
from node.machine import Answer, Applied, Proposal, Request, StopGroup, Wait
from node.messages import Done, Refused
from ranges.asked import WhileFrozen
from ranges.descriptor import Descriptor
from ranges.floors import LeaderMemory
from ranges.machine import RangeMachine


class _Step:
    """What the four commands have in common: they ask for no key, and hold the members still until applied."""

    __slots__ = ()
    sort: ClassVar[str] = "command"
    wants_tick: ClassVar[bool] = False

    def within(self, start: bytes, end: bytes) -> bool:
        """It asks for no key."""
        return True

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Proposal | Answer | Wait:
        """Every check stands in `apply`."""
        machine.leading.merging += 1
        return machine.propose(request)

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        """Applied or refused: the members may change again, unless the range is frozen."""
        memory.merging -= 1
        return ()


@message(95)
@dataclass(frozen=True, slots=True)
class Frozen:
    """The leader has applied the freeze; all that an heir must know, and that stays so until a thaw."""

    right: Descriptor
    closed: int
    safe: int
    size: int


@message(94)
@dataclass(frozen=True, slots=True)
class Freeze(_Step, WhileFrozen):
    """Command to the right side: refuse everything from now on, since `heir` may take over. -> Frozen | Refused"""

    merge: int
    heir: int

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """Once; a second copy is answered alike. Not after the merge is over, nor while members change."""
        wakes: Sequence[Hashable] = ()
        if machine.frozen != self.merge:
            if self.merge <= machine.ended or machine.frozen:
                return Applied(Refused(f"group {machine.group}: merge {self.merge} is over, or another one came first"))
            if machine.configuration.outgoing or machine.configuration.learners:
                return Applied(Refused(f"group {machine.group} changes its members: merge it when that is done"))
            wakes = machine.freeze(self.merge, self.heir)
        frozen = Frozen(machine.descriptor, machine.closed, machine.safe, machine.size)
        return Applied(frozen, wakes)


@message(97)
@dataclass(frozen=True, slots=True)
class Absorbed:
    """The merge has come about; the left side as it is now."""

    left: Descriptor


@message(96)
@dataclass(frozen=True, slots=True)
class Absorb(_Step):
    """Command to the left side: take over the frozen right, if nothing has changed. -> Absorbed | Refused

    `right`, `closed`, `safe`, `size` are those of `Frozen`; `configuration` is the left's configuration version under
    which every replica was seen to hold its rows. The tick is the low-water mark (M3).
    """

    wants_tick: ClassVar[bool] = True
    merge: int
    right: Descriptor
    closed: int
    safe: int
    size: int
    configuration: int

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """Every replica at the same entry; on each node the right's replica ends with it."""
        why = self._why_not(machine)
        if why:
            return Applied(Refused(f"group {machine.group} does not take over group {self.right.group}: {why}"))
        wakes = machine.absorb(self.merge, self.right, (self.closed, self.safe, self.size), tick)
        return Applied(Absorbed(machine.descriptor), wakes, (StopGroup(self.right.group, self.merge),))

    def _why_not(self, machine: RangeMachine) -> str:
        configuration, right = machine.configuration, self.right
        if self.merge <= machine.ended:
            return f"merge {self.merge} is over"
        if machine.end != right.start:
            return "they are no neighbours any more"
        if configuration.version != self.configuration or configuration.outgoing or configuration.learners:
            return "its members have changed"
        if sorted(each.node for each in configuration.voters) != sorted(each.node for each in right.replicas):
            return "they lie on different nodes"
        return ""


@message(98)
@dataclass(frozen=True, slots=True)
class Forgo(_Step):
    """Command to the left side: the merge is not to come about, unless it has. -> Done (never any more) | Absorbed"""

    merge: int

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """The first of this and `Absorb` wins."""
        if self.merge == machine.absorbed:
            return Applied(Absorbed(machine.descriptor))
        machine.thaw(self.merge)
        return Applied(Done())


@message(99)
@dataclass(frozen=True, slots=True)
class Thaw(_Step, WhileFrozen):
    """Command to the right side, after the left has forgone the merge: serve again, and never freeze for it. -> Done"""

    merge: int

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """Whether the freeze has been applied, or comes later."""
        machine.thaw(self.merge)
        return Applied(Done())
