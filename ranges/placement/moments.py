"""What was true so many seconds ago? Which tick was the next one, and when; class tags 78 and 79.

Owns `Moments`, a memory of the oracle's leader. Does not own ticks (oracle.py). Read next: ranges/placement/oracle.py.

A sample (moment, tick) says: the tick was handed out at or after that moment, by the leader's own clock. Whatever had
been acknowledged before that moment stands below every tick that is handed out after it (txn/__init__.py, "Why it
holds"), so below this one. So the least such tick for a moment not older than asked for is a time at which all is seen
that was acknowledged before. Where no sample is left, or none was taken since, that is a newer one, at last the tick
that comes next: never an older time. Nobody's clock is compared with another's: the span of time that is asked for
runs on the leader's clock, and elsewhere on the asker's, whose rates differ by at most rho (node/support.py).
A new leader has no sample before its own first: then what it names is newer than it must be.
"""

from collections import deque
from dataclasses import dataclass

from node.codec import message
from ranges.keys import SUBSTEP_BITS
from ranges.placement.forms import Query, require

SAMPLE_SECONDS = 1.0
SAMPLES_MAX = 4_096  # a little more than an hour of them, as long as versions are usually kept
AGO_SECONDS_MAX = 1e9


@message(78)
@dataclass(frozen=True, slots=True)
class MomentAgo(Query):
    """Query: a time at which all is seen that was acknowledged more than so many seconds before this was asked."""

    seconds: float

    def __post_init__(self) -> None:
        require(0.0 <= self.seconds <= AGO_SECONDS_MAX, f"a moment lies 0 to {AGO_SECONDS_MAX:g} seconds back")


@message(79)
@dataclass(frozen=True, slots=True)
class MomentIs:
    """The last sub-step before a tick: everything at or below it has been decided, or is at work."""

    at: int


class Moments:
    """When which tick was the next, about once a second while any are handed out.

    1. Both the moments and the ticks ascend; what is forgotten is the oldest.
    """

    __slots__ = ("_samples", "due")

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES_MAX)
        self.due = float("-inf")

    def note(self, now: float, tick: int) -> None:
        """This tick is about to be handed out."""
        self._samples.append((now, tick))
        self.due = now + SAMPLE_SECONDS

    def ago(self, now: float, seconds: float, following: int) -> int:
        """The least tick known to be handed out after that moment; `following` is the one that comes next."""
        for moment, tick in reversed(self._samples):
            if moment < now - seconds:
                break
            following = tick
        return (following << SUBSTEP_BITS) - 1
