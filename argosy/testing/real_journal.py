"""The real journal of a simulated node, with a simulated one beside it that says when, and what must be there.

Owns `RealJournal`. The simulated journal decides at which moment of simulated time a record is durable, and what a
crash loses; then the real one writes exactly that, and the world waits for it. So what it gives back after a crash
is known to the last entry. Does not own the real files (node/journal.py). Read next: argosy/testing/real_state.py.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from argosy.testing.disk import Delay, Disk, Later
from argosy.testing.linear import Violation
from argosy.testing.safety import Safety, WatchedJournal
from node.journal import Journal
from node.ports import Record, Recovered, Synced

GARBAGE_BYTES_MIN = 1 << 10  # far less than a node has: what is needed is copied all the time
ANSWER_SECONDS = 60.0  # of real time; whoever takes longer hangs


class RealJournal(WatchedJournal):
    """A `WatchedJournal` beside a `Journal` in the folder `path`.

    1. The real one gets records and cuts in the order in which the host asked for them, up to the record that has
       just become durable in simulated time, or that a crash leaves. It has nothing else, and never more.
    2. `cuts` outlives this start: how far each group's log was to be cut at most.
    """

    def __init__(
        self, node: int, safety: Safety, disk: Disk, later: Later, delay: Delay, path: Path, cuts: dict[int, int]
    ) -> None:
        super().__init__(node, safety, disk, later, delay)
        self._asked: deque[Record | tuple[int, int]] = deque()  # and not yet carried out by the real one
        self._cut_to = cuts
        self._left = False
        self._told: SimpleQueue[Any] = SimpleQueue()
        self._real = Journal(path, self._told.put, garbage_bytes_min=GARBAGE_BYTES_MIN)

    def recover(self) -> dict[int, Recovered]:
        """What the real one holds; it is what must be durable. Raises `DiskError` if it is torn."""
        found = self._real.recover()
        expected = super().recover()
        if sorted(found) != sorted(expected):
            raise Violation(f"the journal of node {self._node} holds groups {sorted(found)}, not {sorted(expected)}")
        for group, log in found.items():
            self._compare(group, log, expected[group])
        self._disk.logs = {group: replace(log, entries=list(log.entries)) for group, log in found.items()}
        self._disk.entry_sums = {}
        return found

    def _compare(self, group: int, found: Recovered, expected: Recovered) -> None:
        """Cuts are noted with the record after them, so either may have more at the beginning; nothing else differs."""
        what = f"the journal of node {self._node} gives back of group {group}"
        if found.hard != expected.hard:
            raise Violation(f"{what} {found.hard}, not {expected.hard}")
        if found.base[0] > max(expected.base[0], self._cut_to.get(group, 0)):
            raise Violation(f"{what} nothing up to {found.base[0]}, which nobody cut off")
        base = max(found.base[0], expected.base[0])
        if _after(found, base) != _after(expected, base):
            raise Violation(f"{what} after {base}: {_after(found, base)}, not {_after(expected, base)}")

    def submit(self, record: Record) -> None:
        """As far as the host can see, on its way to the disk."""
        super().submit(record)
        self._asked.append(record)

    def cut(self, group: int, index: int) -> None:
        """For both."""
        super().cut(group, index)
        self._asked.append((group, index))

    def crash(self, survive: Callable[[int], int]) -> None:
        """What survives is written, then the real one is left."""
        count = survive(len(self._syncing))
        if count:
            self._write(self._syncing[count - 1].sequence)
        super().crash(lambda _: count)
        self.leave()

    def leave(self) -> None:
        """End the real one's thread; it has nothing to write."""
        if not self._left:
            self._left = True
            self._real.close()

    def _finish(self) -> Any:
        event = super()._finish()
        if type(event) is Synced:
            self._write(event.sequence)
        return event

    def _write(self, last: int) -> None:
        """Have the real one write all records up to this one, and wait until they are durable."""
        sequence = 0
        while sequence < last:
            asked = self._asked.popleft()
            if isinstance(asked, Record):
                sequence = asked.sequence
                for each in asked.groups:
                    if each.gone:
                        self._cut_to.pop(each.group, None)
                self._real.submit(asked)
            else:
                group, index = asked
                self._cut_to[group] = max(index, self._cut_to.get(group, 0))
                self._real.cut(group, index)
        told: Any = None
        while told != Synced(last):
            try:
                told = self._told.get(timeout=ANSWER_SECONDS)
            except Empty:
                raise Violation(f"the journal of node {self._node} does not answer") from None
            if type(told) is not Synced:
                raise Violation(f"the journal of node {self._node} says {told}")


def _after(log: Recovered, base: int) -> Any:
    """The term at `base`, and all entries after it."""
    place = base - log.base[0]
    term = log.entries[place - 1].term if place else log.base[1]
    return term, log.entries[place:]
