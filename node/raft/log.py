"""The log of one replica, in memory: what is after `base`, and how much of it the own journal durably holds.

Owns log matching (paper 5.3), truncation, the search for where two logs agree, compaction.
Does not own commitment or configurations. Read next: node/raft/follower.py.
"""

from bisect import bisect_right
from collections.abc import Sequence

from node.raft.messages import Entry, Position


class Log:
    """Entries with index in (offset, last_index].

    1. Terms never fall from one entry to the next; the base's term is not above the first entry's.
    2. offset <= stable <= submitted <= last_index: durable, handed to the journal, held.
    """

    __slots__ = ("base_term", "entries", "ghosts", "offset", "stable", "submitted")

    def __init__(self, base: Position, entries: Sequence[Entry]) -> None:
        self.offset, self.base_term = base
        self.entries = list(entries)
        self.stable = self.submitted = self.offset + len(self.entries)
        self.ghosts: list[Position] | None = None

    @property
    def base(self) -> Position:
        """The position before the first entry that is held."""
        return Position(self.offset, self.base_term)

    @property
    def last_index(self) -> int:
        """The index of the last entry, or of the base."""
        return self.offset + len(self.entries)

    @property
    def last(self) -> Position:
        """The last entry's position, or the base."""
        entries = self.entries
        return Position(self.offset + len(entries), entries[-1][0] if entries else self.base_term)

    def term(self, index: int) -> int | None:
        """The term of the entry at an index; None if neither held nor the base."""
        place = index - self.offset
        if 0 < place <= len(self.entries):
            return self.entries[place - 1][0]
        return self.base_term if place == 0 else None

    def slice(self, first: int, final: int) -> list[Entry]:
        """The entries from `first` to `final`, both included."""
        return self.entries[first - self.offset - 1 : final - self.offset]

    def cut(self, first: int, entries_max: int, bytes_max: int) -> list[Entry]:
        """The entries from `first` on that one Append may carry; at least one, if there is one."""
        entries = self.entries[first - self.offset - 1 : first - self.offset - 1 + entries_max]
        total = 0
        for count, entry in enumerate(entries):
            total += len(entry[2])
            if total > bytes_max and count:
                return entries[:count]
        return entries

    def store(self, base: int, entries: Sequence[Entry]) -> int:
        """Follow the leader's log after `base`, where both agree (paper 5.3, receiver steps 3 and 4).

        Returns the index of the first entry that was not there before; 0 if all were. Entries that are equal stay,
        so a late short Append never takes away what a newer one brought.
        """
        place = base - self.offset
        here = self.entries
        if place == len(here):
            here.extend(entries)
            return base + 1 if entries else 0
        for entry in entries:
            if place == len(here):
                break
            if here[place][0] != entry[0]:
                self._truncate(self.offset + place + 1)
                break
            place += 1
        fresh = entries[self.offset + place - base :]
        here.extend(fresh)
        return self.offset + place + 1 if fresh else 0

    def _truncate(self, first: int) -> None:
        """Drop the entries from `first` on. Those on their way to the disk are remembered as ghosts, since a later
        leader may bring back the same position before the journal has told of its first writing."""
        if self.submitted > self.stable:
            start = max(first, self.stable + 1)
            gone = [Position(start + place, each[0]) for place, each in enumerate(self.slice(start, self.submitted))]
            self.ghosts = (self.ghosts or []) + gone
        del self.entries[first - self.offset - 1 :]
        self.submitted = min(self.submitted, first - 1)
        self.stable = min(self.stable, first - 1)

    def take(self) -> tuple[int, list[Entry]]:
        """What the journal has not been given yet: first index and entries; they count as given now."""
        first = self.submitted + 1
        fresh = self.entries[self.submitted - self.offset :]
        self.submitted = self.last_index
        return first, fresh

    def persisted(self, term: int, index: int) -> None:
        """The journal durably holds the log up to this position; ignored if the log has changed there since."""
        if index <= self.stable or self.term(index) != term:
            return
        if self.ghosts is not None:
            if (index, term) in self.ghosts:
                self.ghosts.remove(Position(index, term))
                return
            if not self.ghosts or index >= self.ghosts[0].index:
                self.ghosts = None
        assert index <= self.submitted, "the journal holds only what it was given"
        self.stable = index

    def agree(self, index: int, term: int) -> Position:
        """The last position at or before `index` whose term is not above `term` (thesis 10.2.1 by whole terms)."""
        place = min(index - self.offset, len(self.entries))
        place = bisect_right(self.entries, term, 0, max(place, 0), key=_term)
        return Position(self.offset + place, self.entries[place - 1][0] if place else self.base_term)

    def within(self, index: int, bytes_max: int) -> int:
        """How many entries, the last of them at `index`, have together at most so many bytes."""
        count = 0
        for entry in reversed(self.entries[: index - self.offset]):
            bytes_max -= len(entry[2])
            if bytes_max < 0:
                break
            count += 1
        return count

    def compact(self, index: int) -> None:
        """Forget the entries up to `index`."""
        term = self.term(index)
        assert term is not None, "compaction stays within the log"
        del self.entries[: index - self.offset]
        self.offset, self.base_term = index, term

    def restart(self, base: Position) -> None:
        """A snapshot stands in for everything: the log begins anew, empty, after `base`; all of it is durable."""
        self.offset, self.base_term = base
        self.entries = []
        self.stable = self.submitted = self.offset
        self.ghosts = None


def _term(entry: Entry) -> int:
    return entry[0]
