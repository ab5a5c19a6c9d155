"""The reporter: every node tells group 0's leader that it lives, and what changed.

Owns what has been told and what has not, and acts on the answers: addresses, routes of group 0, replicas to destroy.
Idle ranges cost nothing: only what differs from what was told travels. Does not own the replicas themselves; it
sees them through `Holdings`. Read next: ranges/placement/holdings.py, ranges/placement/memory.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp
from typing import Any, NamedTuple, Protocol

from node.flow import Flow, Sleep
from ranges.descriptor import Descriptor
from ranges.placement.config import (
    LOAD_SECONDS,
    RANGES_PER_REPORT_MAX,
    REASON_CHARACTERS_MAX,
    REPORT_SECONDS,
    REPORT_WAIT_SECONDS,
    TOLD_LOAD_LEAST,
    TOLD_SHARE,
)
from ranges.placement.leaving import NodeRemoved
from ranges.placement.messages import RangeReport, Report, ReportTaken

Control = Callable[[Any, float], Flow[Any]]  # (message, seconds) -> the reply of group 0's leader, or None


@dataclass(frozen=True, slots=True)
class Held:
    """A replica of this node. `term` is the term in which it leads, 0 if it does not.

    `descriptor` is None for group 0 and for replicas that wait for their first snapshot; `beside` is the right side
    of its last split. `size` in bytes; `asked` counts requests that came while it led.
    """

    group: int
    replica: int
    term: int
    descriptor: Descriptor | None
    next_replica: int
    beside: Descriptor | None
    size: int
    asked: int


class Stamp(NamedTuple):
    """A replica in numbers: what its report would say is another one only if these are others.

    `term` is 0 if it does not lead, or is no range's; `epoch` is (span version, configuration version).
    """

    replica: int
    term: int
    epoch: tuple[int, int]
    size: int
    asked: int


class Holdings(Protocol):
    """What the reporter sees of its node, and does to it."""

    def who(self) -> tuple[int, int, str]:
        """(node id, life, address)."""
        ...

    def now(self) -> float:
        """Seconds of the node's clock."""
        ...

    def short(self) -> str:
        """Why the node takes no writes, for want of room; empty if it does."""
        ...

    def changed(self) -> Iterable[int]:
        """Groups that may have changed, come or gone since the last call; at the first call all of them."""
        ...

    def stamp(self, group: int) -> Stamp | None:
        """The replica of a group in numbers, None if there is none (any more); costs little."""
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

    def leave(self) -> None:
        """The node was removed from the cluster, which is for ever: end it."""
        ...


class _Told(NamedTuple):
    """What was last said of a group, of its leadership only if `term` is not 0."""

    replica: int
    term: int
    epoch: tuple[int, int]
    size: int
    load: int


class Reporter:
    """One node's reports.

    1. `_told` is what the leader of `_generation` has taken; a leader of another generation is told everything.
    2. `_dirty` are groups of which something is left to tell; `_loads` those that are not idle.
    3. A group that was not stirred costs nothing, and one of which nothing is to be told is not described.
    """

    def __init__(self, holdings: Holdings, control: Control) -> None:
        self._holdings = holdings
        self._control = control
        self._generation = 0
        self._seen = 0
        self._whole = True
        self._told: dict[int, _Told] = {}
        self._followers: dict[int, _Told] = {}  # what is said of most, by replica id
        self._dirty: set[int] = set()
        self._asked: dict[int, tuple[int, int]] = {}  # requests, and the span version
        self._loads: dict[int, float] = {}
        self._looked = 0.0

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
            if type(reply) is NodeRemoved:
                self._holdings.leave()
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
        """Once for each report: who may have changed, and how much each was asked for meanwhile."""
        now = self._holdings.now()
        passed, self._looked = now - self._looked, now
        weight = 1 - exp(-passed / LOAD_SECONDS)
        for group in sorted({*self._holdings.changed(), *self._loads}):
            stamp = self._holdings.stamp(group)
            load = self._loads.pop(group, 0.0)
            if stamp is None:
                self._asked.pop(group, None)
            else:
                asked, span = self._asked.get(group, (stamp.asked, stamp.epoch[0]))
                self._asked[group] = stamp.asked, stamp.epoch[0]
                if span < stamp.epoch[0]:
                    load /= 2  # it was split: the other half of what was asked for is not asked for here any more
                if passed > 0:
                    load += ((stamp.asked - asked) / passed - load) * weight
                if load >= 1:
                    self._loads[group] = load
            if self._differs(group, stamp):
                self._dirty.add(group)

    def _news(self) -> dict[int, Held | None]:
        """Groups whose present differs from what was told."""
        news: dict[int, Held | None] = {}
        for group in sorted(self._dirty):
            if self._differs(group, self._holdings.stamp(group)):
                news[group] = self._holdings.held(group)
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
            self._holdings.short()[:REASON_CHARACTERS_MAX],
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
                self._told[group] = self._as_told(held)
            self._dirty.discard(group)
        return True

    def _range_report(self, held: Held) -> RangeReport | None:
        if not held.term or held.descriptor is None:
            return None
        load = self._load(held.group)
        return RangeReport(held.descriptor, held.next_replica, held.term, held.size, load)

    def _load(self, group: int) -> int:
        load = int(self._loads.get(group, 0.0))
        return load if load > TOLD_LOAD_LEAST else 0  # so that it is always told when a range becomes idle

    def _as_told(self, held: Held) -> _Told:
        said = self._range_report(held)
        if said is None:
            return self._followers.setdefault(held.replica, _Told(held.replica, 0, (0, 0), 0, 0))
        epoch = said.descriptor.span_version, said.descriptor.configuration_version
        return _Told(held.replica, said.term, epoch, said.size, said.load)

    def _differs(self, group: int, stamp: Stamp | None) -> bool:
        told = self._told.get(group)
        if stamp is None or told is None:
            return (stamp is None) != (told is None)
        if (stamp.replica, stamp.term) != (told.replica, told.term):
            return True
        if not stamp.term:
            return False
        load = self._load(group)
        moved = _moved(stamp.size, told.size, 0) or _moved(load, told.load, TOLD_LOAD_LEAST)
        return stamp.epoch != told.epoch or moved


def _moved(now: int, before: int, least: int) -> bool:
    """A number is worth telling again when it moved by more than a share of itself."""
    return abs(now - before) > max(least, before * TOLD_SHARE)
