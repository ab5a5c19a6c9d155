"""The reporter: every node tells group 0's leader that it lives, and what changed.

Owns what has been told and what has not, and acts on the answers: addresses, routes of group 0, replicas to destroy.
Idle ranges cost nothing: only what differs from what was told travels. Does not own the replicas themselves; it
sees them through `Holdings`. Read next: ranges/placement/holdings.py, ranges/placement/memory.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from node.flow import Flow, Sleep
from ranges.descriptor import Descriptor
from ranges.placement.config import (
    RANGES_PER_REPORT_MAX,
    REPORT_SECONDS,
    REPORT_WAIT_SECONDS,
    TOLD_LOAD_LEAST,
    TOLD_SHARE,
)
from ranges.placement.messages import RangeReport, Report, ReportTaken

Control = Callable[[Any, float], Flow[Any]]  # (message, seconds) -> the reply of group 0's leader, or None


@dataclass(frozen=True, slots=True)
class Held:
    """A replica of this node. `term` is the term in which it leads, 0 if it does not.

    `descriptor` is None for group 0 and for replicas that wait for their first snapshot; `beside` is the right side
    of its last split. `size` in bytes; `applied` counts entries.
    """

    group: int
    replica: int
    term: int
    descriptor: Descriptor | None
    next_replica: int
    beside: Descriptor | None
    size: int
    applied: int


class Holdings(Protocol):
    """What the reporter sees of its node, and does to it."""

    def who(self) -> tuple[int, int, str]:
        """(node id, life, address)."""
        ...

    def changed(self) -> Iterable[int]:
        """Groups that may have changed, come or gone since the last call; at the first call all of them."""
        ...

    def held(self, group: int) -> Held | None:
        """The replica of a group, None if there is none (any more)."""
        ...

    def learn(self, addresses: tuple[tuple[int, str], ...], routes: tuple[tuple[int, str], ...]) -> None:
        """Addresses of nodes (empty: unchanged), and the nodes of group 0 with theirs."""
        ...

    def drop(self, group: int, replica: int) -> None:
        """The catalog confirms that this replica, and any with a smaller id, is removed: destroy it."""
        ...


@dataclass(frozen=True, slots=True)
class _Told:
    """What was last said of a group: nothing of its leadership if `range` is None."""

    replica: int
    range: RangeReport | None


class Reporter:
    """One node's reports.

    1. `_told` is what the leader of `_generation` has taken; a leader of another generation is told everything.
    2. `_dirty` are groups of which something may be left to tell; `_loads` those that are not idle.
    """

    def __init__(self, holdings: Holdings, control: Control) -> None:
        self._holdings = holdings
        self._control = control
        self._generation = 0
        self._seen = 0
        self._whole = True
        self._told: dict[int, _Told] = {}
        self._dirty: set[int] = set()
        self._applied: dict[int, int] = {}
        self._loads: dict[int, int] = {}

    def run(self) -> Flow[None]:
        """Report for as long as the node lives."""
        while True:
            yield from self.report()
            yield Sleep(REPORT_SECONDS)

    def report(self) -> Flow[None]:
        """Tell what there is to tell, in as many messages as it takes; stop at the first that is not taken."""
        self._look()
        news = self._news()
        while True:
            batch = dict(list(news.items())[:RANGES_PER_REPORT_MAX])
            reply = yield from self._control(self._message(batch), REPORT_WAIT_SECONDS)
            if type(reply) is not ReportTaken:
                return
            if not self._take(reply, batch):
                news = self._news()  # another leader: everything
                continue
            for group in batch:
                del news[group]
            if not news:
                return

    def _look(self) -> None:
        """Once for each report: who may have changed, and how many entries each has applied meanwhile."""
        for group in sorted({*self._holdings.changed(), *self._loads}):
            self._dirty.add(group)
            held = self._holdings.held(group)
            self._loads.pop(group, None)
            if held is None:
                self._applied.pop(group, None)
                continue
            # Reports are half a second apart, but for some: close enough for a load that moves no rows by itself.
            entries = held.applied - self._applied.get(group, held.applied)
            self._applied[group] = held.applied
            if entries > 0:
                self._loads[group] = int(entries / REPORT_SECONDS)

    def _news(self) -> dict[int, Held | None]:
        """Groups whose present differs from what was told."""
        news: dict[int, Held | None] = {}
        for group in sorted(self._dirty):
            held = self._holdings.held(group)
            if self._differs(held, self._told.get(group)):
                news[group] = held
            else:
                self._dirty.discard(group)
        return news

    def _message(self, batch: dict[int, Held | None]) -> Report:
        node, life, address = self._holdings.who()
        leading: list[RangeReport] = []
        holding: list[tuple[int, int]] = []
        beside: list[Descriptor] = []
        for held in batch.values():
            if held is None:
                continue
            holding.append((held.group, held.replica))
            report = self._range_report(held)
            if report is not None:
                leading.append(report)
                if held.beside is not None:
                    beside.append(held.beside)
        gone = tuple(group for group, held in batch.items() if held is None)
        return Report(
            node,
            life,
            address,
            self._generation,
            self._seen,
            self._whole,
            tuple(leading),
            tuple(beside),
            tuple(holding),
            gone,
        )

    def _take(self, reply: ReportTaken, batch: dict[int, Held | None]) -> bool:
        """Whether the changes were taken: not by a leader of another generation."""
        self._holdings.learn(reply.addresses, reply.routes)
        self._seen = reply.seen
        for drop in reply.drops:
            self._holdings.drop(drop.group, drop.replica)
        if reply.generation != self._generation:
            self._generation = reply.generation
            self._whole = True
            self._dirty.update(self._told)
            self._told.clear()
            return False
        self._whole = False
        for group, held in batch.items():
            if held is None:
                self._told.pop(group, None)
            else:
                self._told[group] = _Told(held.replica, self._range_report(held))
            self._dirty.discard(group)
        return True

    def _range_report(self, held: Held) -> RangeReport | None:
        if not held.term or held.descriptor is None:
            return None
        load = self._loads.get(held.group, 0)
        return RangeReport(held.descriptor, held.next_replica, held.term, held.size, load)

    def _differs(self, held: Held | None, told: _Told | None) -> bool:
        if held is None or told is None:
            return (held is None) != (told is None)
        now, before = self._range_report(held), told.range
        if held.replica != told.replica or (now is None) != (before is None):
            return True
        if now is None or before is None:
            return False
        same = (now.descriptor, now.term) == (before.descriptor, before.term)
        return not same or _moved(now.size, before.size, 0) or _moved(now.load, before.load, TOLD_LOAD_LEAST)


def _moved(now: int, before: int, least: int) -> bool:
    """A number is worth telling again when it moved by more than a share of itself."""
    return abs(now - before) > max(least, before * TOLD_SHARE)
