"""The commands that end an attempt: bars, verdicts, and intents that become versions or go.

Owns `Bar`, `Verdict` and `Settle`; class tags 131 to 133. Everybody may send them, and again (X5): what is written
first is final. Does not own when to send which (txn/settling.py, txn/coordinator.py). Read next: txn/settling.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from node.codec import message
from node.machine import Answer, Applied, Proposal, Request, Wait
from node.messages import Done
from ranges.config import ID_BYTES
from ranges.keys import head, is_key
from ranges.machine import RangeMachine
from txn.commands import Command
from txn.replies import Barred, BarRefused, NoIntent, TooOld, VerdictIs
from txn.valid import are_keys, is_id, is_number, require


class Ending(Command, ABC):
    """What ends an attempt needs no timestamp; it is taken up to the safe point, also after `closed` (F4)."""

    __slots__ = ()
    ends = True  # it is taken where there is hardly any room left: others wait for it
    S: int

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Proposal | Answer | Wait:
        """F4."""
        return Answer(TooOld(0)) if machine.safe >= self.S else machine.propose(request)

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """F4 again, then its own rule."""
        return Applied(TooOld(0)) if machine.safe >= self.S else self.carry_out(machine)

    @abstractmethod
    def carry_out(self, machine: RangeMachine) -> Applied:
        """Change the rows."""


@message(131)
@dataclass(frozen=True, slots=True)
class Bar(Ending):
    """F3, X3, X4: the attempt shall never write `key`; on the primary that writes the verdict aborted, too.

    S is `born` for a one-shot put. -> Barred, BarRefused or TooOld.
    """

    key: bytes
    id: bytes
    S: int
    primary: bool

    def __post_init__(self) -> None:
        require(is_key(self.key) and is_id(self.id) and is_number(self.S), "a bar's key, id or S is wrong")

    def within(self, start: bytes, end: bytes) -> bool:
        """Is its key here?"""
        return start <= self.key < end

    def carry_out(self, machine: RangeMachine) -> Applied:
        """Refused where an intent or a version of this attempt is there."""
        rows, name = machine.rows, self.id
        own, _, row, _ = rows.survey(head(self.key), name, self.S)
        if own:
            return Applied(BarRefused(own))
        if row is not None and row[:ID_BYTES] == name:
            return Applied(BarRefused(0))
        rows.put_bar(self.key, name, self.S)
        if self.primary and rows.verdict(self.key, name) is None:
            rows.put_verdict(self.key, name, self.S, 0)
            return Applied(Barred(), machine.decided(name))
        return Applied(Barred())


@message(132)
@dataclass(frozen=True, slots=True)
class Verdict(Ending):
    """C5, F3, X2, X3: the attempt is committed at `commit`, or (0) aborted. The first verdict is final (X5).

    An `explicit` commit is accepted only while the primary's intent stands; and none at all where the primary has a
    version by the attempt, which says that it is committed. -> VerdictIs, NoIntent or TooOld.
    """

    primary: bytes
    id: bytes
    S: int
    commit: int
    explicit: bool

    def __post_init__(self) -> None:
        require(is_key(self.primary) and is_id(self.id), "a verdict's primary or id is wrong")
        require(is_number(self.S) and is_number(self.commit), "a verdict's S or C is wrong")

    def within(self, start: bytes, end: bytes) -> bool:
        """Is the primary here?"""
        return start <= self.primary < end

    def carry_out(self, machine: RangeMachine) -> Applied:
        """The verdict that stands, else this one."""
        rows = machine.rows
        standing = rows.fate(self.primary, self.id, self.S)
        if standing is not None:
            return Applied(VerdictIs(standing))
        if self.commit and self.explicit:
            intent = rows.intent(self.primary)
            if intent is None or intent.id != self.id:
                return Applied(NoIntent())
        rows.put_verdict(self.primary, self.id, self.S, self.commit)
        return Applied(VerdictIs(self.commit), machine.decided(self.id))


@message(133)
@dataclass(frozen=True, slots=True)
class Settle(Ending):
    """Intents on these keys become versions at their `commits`, or (0) go: a column each, maybe of many attempts.

    `ids` are 16 bytes a key, one behind another; S is the least of the attempts'. -> Done or TooOld.
    """

    keys: tuple[bytes, ...]
    ids: bytes
    commits: tuple[int, ...]
    S: int

    def __post_init__(self) -> None:
        count = len(self.keys)
        require(count > 0 and are_keys(self.keys), "what is settled are keys within the limits")
        require(len(self.ids) == count * ID_BYTES == len(self.commits) * ID_BYTES, "a settling's columns differ")
        require(all(map(is_number, self.commits)) and is_number(self.S), "a settling's times are wrong")

    def within(self, start: bytes, end: bytes) -> bool:
        """Are its keys here?"""
        return start <= min(self.keys) and max(self.keys) < end

    def carry_out(self, machine: RangeMachine) -> Applied:
        """Keys without an intent of their attempt are settled already (X5)."""
        wakes: list[Hashable] = []
        place, ids = 0, self.ids
        for key, commit in zip(self.keys, self.commits, strict=True):
            name = ids[place : place + ID_BYTES]
            place += ID_BYTES
            if machine.rows.settle(key, name, commit):
                wakes += machine.settled(key, name)
        return Applied(Done(), wakes)
