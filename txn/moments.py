"""The time of a snapshot: one that has passed, as the caller states it, or what was true so many seconds ago.

Owns its check against a tick, and the memory of the last moment that group 0 named. Does not own when which tick was
the next one: only the oracle's leader knows (ranges/placement/moments.py). Read next: ranges/placement/moments.py.
"""

from math import inf

from node.flow import Flow
from ranges.keys import SUBSTEP_LAST, TICK, TIMESTAMP_MAX
from ranges.placement.moments import AGO_SECONDS_MAX, MomentAgo, MomentIs
from ranges.router import Router
from txn.errors import BadInput, Unavailable


class Moments:
    """Times in the past, as the last sub-step before a tick: nobody's S (C1).

    1. All that was acknowledged before `_until`, by this caller's clock, is at or below `_at`.

    Group 0 is asked for a moment half as old as is allowed. That one serves as long again: clients that take a
    snapshot often ask seldom, replicas stay quiet at a time that many snapshots share, and it is still an old time,
    to which no leader has to raise anything that a writer would feel.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._at = 0
        self._until = -inf

    def ago(self, seconds: float, patience: float) -> Flow[int]:
        """A time that includes all that was acknowledged more than so many seconds ago."""
        if not 0.0 <= seconds <= AGO_SECONDS_MAX:
            raise BadInput(f"a staleness is 0 to {AGO_SECONDS_MAX:g} seconds, not {seconds}")
        router = self._router
        now = router.now()
        if now - seconds > self._until or not seconds:
            reply = yield from router.control(MomentAgo(seconds / 2), patience)
            if type(reply) is not MomentIs:
                raise Unavailable("nobody named a timestamp in time")
            router.hear(reply.at)
            self._at, self._until = reply.at, now - seconds / 2
        return self._at

    def passed(self, at: int, patience: float) -> Flow[int]:
        """The end of the tick in `at`, which must have passed."""
        if type(at) is not int or not 0 < at <= TIMESTAMP_MAX:
            raise BadInput(f"a snapshot's time is a timestamp that a transaction or snapshot had, not {at!r}")
        last = at | SUBSTEP_LAST
        if last >= self._router.told // TICK * TICK:
            tick = yield from self._router.ticks(1, patience)
            if tick is None:
                raise Unavailable("nobody gave a timestamp in time")
            if last >= tick:
                raise BadInput(f"the time {at} has not come yet: the newest tick is {tick}")
        return last
