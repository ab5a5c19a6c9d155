"""When the groups of a node are due: the deadlines of their cores, and the alarms of what is parked in them.

Owns the order of both, and no clock. A core's deadline mostly moves away before it comes, with each heartbeat: its
row stays where it is until it is the first, and only then moves to where the deadline is now. So a node wakes for
what is due, and for nothing else. Does not own what a group does then (node/host.py). Read next: node/group.py.
"""

import heapq
from collections.abc import Callable, Hashable
from math import inf

from node.group import Group


class Timers:
    """Deadlines and alarms, each a heap without removals.

    1. A group whose deadline is not infinite has a row at `scheduled`, which is never after the deadline.
    """

    def __init__(self, find: Callable[[int], Group | None]) -> None:
        self._find = find
        self._deadlines: list[tuple[float, int]] = []
        self._alarms: list[tuple[float, int, Group, Hashable]] = []
        self._alarm_number = 0

    @property
    def wake_at(self) -> float:
        """When the first deadline or alarm is due."""
        alarms, first = self._alarms, self._first()
        return alarms[0][0] if alarms and alarms[0][0] < first else first

    def _first(self) -> float:
        deadlines = self._deadlines
        while deadlines:
            at, number = deadlines[0]
            group = self._find(number)
            if group is None or group.scheduled != at:
                heapq.heappop(deadlines)
            elif group.raft.deadline <= at:
                return at
            else:
                group.scheduled = inf
                heapq.heappop(deadlines)
                self.cycled(group)
        return inf

    def cycled(self, group: Group) -> None:
        """A group's deadline may have come nearer."""
        deadline = group.raft.deadline
        if deadline < group.scheduled:
            group.scheduled = deadline
            heapq.heappush(self._deadlines, (deadline, group.number))

    def due(self, now: float) -> list[Group]:
        """The groups whose deadline has come, each handed out once."""
        found = []
        while self._first() <= now:
            group = self._find(heapq.heappop(self._deadlines)[1])
            assert group is not None, "the first row is of a group that is here"
            group.scheduled = inf
            found.append(group)
        return found

    def alarm(self, at: float, group: Group, token: Hashable) -> None:
        """Wake the token then."""
        self._alarm_number += 1
        heapq.heappush(self._alarms, (at, self._alarm_number, group, token))

    def ring(self, now: float) -> None:
        """Wake what is due. What is set meanwhile, for this very moment too, waits for the next step."""
        due, alarms = [], self._alarms
        while alarms and alarms[0][0] <= now:
            due.append(heapq.heappop(alarms))
        for _, _, group, token in due:
            group.ring(token)
