"""F5's commands: a range closes, its safe point rises, and what nobody needs any more goes.

Owns `Close`, `RaiseSafe` and `Collect`; class tags 134 to 136. Does not own their order over all ranges
(txn/collection.py) nor what may go (ranges/mvcc.py). Read next: txn/collection.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from node.codec import message
from node.machine import Answer, Applied, Proposal, Request, Wait
from node.messages import Done
from ranges.keys import head, is_bound, unhead
from ranges.machine import RangeMachine
from txn.commands import Command
from txn.config import COLLECT_ROWS
from txn.replies import Collected
from txn.valid import is_number, require


class Collecting(Command):
    """F5's commands concern a whole range, of the span version that they were sent for."""

    __slots__ = ()

    def within(self, start: bytes, end: bytes) -> bool:
        """The span version says it all."""
        return True

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Proposal | Answer | Wait:
        """Nothing to choose."""
        return machine.propose(request)


@message(134)
@dataclass(frozen=True, slots=True)
class Close(Collecting):
    """F5's first step: this range takes no more Prewrite or Write with S at or below `until`. -> Done."""

    until: int

    def __post_init__(self) -> None:
        require(is_number(self.until), "closed is a timestamp")

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """It never falls."""
        machine.raise_closed(self.until)
        return Applied(Done())


@message(135)
@dataclass(frozen=True, slots=True)
class RaiseSafe(Collecting):
    """F5's third step: nothing with S at or below `until` is taken or served here any more. -> Done."""

    until: int

    def __post_init__(self) -> None:
        require(is_number(self.until), "the safe point is a timestamp")

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """It never falls."""
        machine.raise_safe(self.until)
        return Applied(Done())


@message(136)
@dataclass(frozen=True, slots=True)
class Collect(Collecting):
    """F5: remove what the safe point lets go, from the key `start` on (b"": from the range's first), in steps.

    At most about `limit` rows go, and as many keys are looked at. -> Collected.
    """

    start: bytes
    limit: int

    def __post_init__(self) -> None:
        require(self.start == b"" or is_bound(self.start), "a collection starts at a key")
        require(is_number(self.limit) and 0 < self.limit <= COLLECT_ROWS, f"a limit is 1 to {COLLECT_ROWS} rows")

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """Key by key."""
        rows, removed = machine.rows, 0
        first, last = head(max(self.start, machine.start)), head(machine.end)
        # The walk ends before the first row goes: nobody walks over rows that change under him.
        heads = [each for each, _, _ in islice(rows.heads(first, last), self.limit + 1)]
        for each in heads[: self.limit]:
            gone, done = rows.collect(each, machine.safe, self.limit - removed)
            removed += gone
            if not done or removed >= self.limit:
                return Applied(Collected(unhead(each), removed))
        return Applied(Collected(unhead(heads[-1]) if len(heads) > self.limit else None, removed))
