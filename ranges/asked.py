"""What a range can be asked: the two open sets of messages that know how to act inside of it.

Owns their form. Most of them are defined on floor 3. Does not own the gates before them (ranges/machine.py).
Read next: ranges/machine.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from node.machine import Answer, Applied, Permit, Proposal, Request, Wait
from ranges.floors import LeaderMemory

if TYPE_CHECKING:
    from ranges.machine import RangeMachine


class RangeCommand(Protocol):
    """A command of a range. `commit`, `tick` and `commits` come from the stamp that its `admit` made."""

    def within(self, start: bytes, end: bytes) -> bool:
        """Do all keys that it must have here lie in [start, end)?"""
        ...

    def admit(self, machine: "RangeMachine", request: Request, now: float) -> Proposal | Answer | Wait:
        """On the leader: choose the timestamps, register what is pending, and stamp it (`machine.propose`)."""
        ...

    def apply(self, machine: "RangeMachine", commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """On every replica, with the same reply and rows."""
        ...

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        """On the leader, after apply or a refusal there: give back what `admit` registered; keys to wake."""
        ...


class RangeQuery(Protocol):
    """A query of a range, answered by its leader in one step (L4)."""

    def within(self, start: bytes, end: bytes) -> bool:
        """Do all keys and spans that it asks for lie in [start, end)?"""
        ...

    def read(self, machine: "RangeMachine", request: Request, now: float) -> Answer | Wait | Permit:
        """Answer it, or wait, or give leave."""
        ...


class WhileFrozen:
    """A command that a frozen range takes all the same: it freezes or thaws."""

    __slots__ = ()
