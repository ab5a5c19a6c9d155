"""The first command of a range that begins again after its majority was lost; class tag 70.

Owns `Renew`, which nobody sends: a recovery puts it at the end of the surviving log (ranges/placement/recovery.py).
Read next: ranges/merging.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from node.codec import message
from node.machine import Answer, Applied, Request
from node.messages import Done, Refused
from ranges.asked import WhileFrozen
from ranges.floors import LeaderMemory
from ranges.machine import RangeMachine


@message(70)
@dataclass(frozen=True, slots=True)
class Renew(WhileFrozen):
    """Command: be newer than all that was ever known of this range, end at `end`, and be in no merge up to `ended`.

    The span version is larger than any that a lost replica may have come to, so that no route to what it had become
    leads here (M1). What lies behind `end` is a newer range's, elsewhere.
    """

    span_version: int
    end: bytes
    ended: int
    sort: ClassVar[str] = "command"
    wants_tick: ClassVar[bool] = False

    def within(self, start: bytes, end: bytes) -> bool:
        """The range may become shorter, never longer."""
        return start < self.end <= end

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Answer:
        """Nobody may order this of a range that lives."""
        return Answer(Refused(f"group {machine.group} is not being recovered"))

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """Once, as the first entry after the last that survived."""
        machine.renew(self.span_version, self.end, self.ended)
        return Applied(Done())

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        """Nothing was registered."""
        return ()
