"""Where in the journal each group's log lies, in memory: what may be deleted and what must be copied.

Owns the bookkeeping of records and pieces; pure, no disk. Does not own bytes, threads, or LMDB (node/journal.py).

A piece that is copied to the tail keeps its origin: pieces are replayed by origin, so that their place in the file
does not matter. A header's `since` is the oldest origin that still counts for the group; so garbage that is left
behind in records which others need is never taken for its log again. Read next: node/journal_logs.py.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from node.errors import DiskError
from node.journal_logs import Log, Place, Segment
from node.journal_rows import Header, Piece, make_piece
from node.ports import GroupRecord, Recovered
from node.raft.messages import Entry

GARBAGE_BYTES_MIN = 16 << 20  # below this, copying is not worth it
COPY_BYTES_MIN = 64 << 10  # copied per record at most, or twice what the record itself brings
DELETIONS_PER_RECORD = 64


class Copy(NamedTuple):
    """Of the piece with this group and origin in record `source`, entries first..last are still needed."""

    source: int
    group: int
    origin: int
    first: int
    last: int


class Plan(NamedTuple):
    """What one transaction does: a record of these headers and pieces, copies into a record beside it, deletions."""

    headers: list[Header]
    pieces: list[Piece]
    copies: list[Copy]
    deletions: list[int]


class Index:
    """All logs, and all records by their number (even; the copies that go with record n are record n + 1).

    1. A record is deleted only in a transaction after which, for every group with a row in it, the latest header is
       elsewhere and not stale, and all segments here are dead or copied.
    2. What is beyond twice the live bytes, and `garbage_bytes_min`, is got rid of by copying, the oldest record first.
    """

    def __init__(self, garbage_bytes_min: int = GARBAGE_BYTES_MIN) -> None:
        self.logs: dict[int, Log] = {}
        self.places: dict[int, Place] = {}  # in order of the file
        self.total_bytes = 0
        self.live_bytes = 0
        self._garbage_bytes_min = garbage_bytes_min
        self._dead: deque[int] = deque()
        self._origin = 0
        self._recent_bytes = 0
        self._headers: dict[int, Header] = {}  # the latest of each group, only between `load` and `finish`
        self._pieces: dict[int, list[tuple[int, int, Piece]]] = {}  # likewise

    # -- what happens to logs -----------------------------------------------------------------------------------

    def plan(self, number: int, records: Sequence[GroupRecord]) -> Plan:
        """Take record `number` into account. Call `weigh` when its bytes are known."""
        plan = Plan([], [], [], [])
        here = self.places[number] = Place()
        for record in records:
            log = self.logs.get(record.group)
            if log is None:
                log = self.logs[record.group] = Log(record.group)
            if record.gone or log.gone or record.base is not None:
                self._begin_anew(log, record)
            if record.hard is not None:
                log.term, log.vote, log.commit = record.hard
            self._origin += 1
            if record.entries:
                piece = make_piece(record.group, self._origin, record.first, record.entries)
                self._append(log, piece, number)
                here.entries += len(piece.bodies)
                plan.pieces.append(piece)
            self._write_header(log, number, plan)
        self._delete_dead(number, plan)
        if self.total_bytes > 2 * self.live_bytes + self._garbage_bytes_min:
            self._copy_oldest(number, plan)
        for record in records:
            if record.gone:
                self._let_gone(self.logs[record.group])
        here.close()
        self._bury(number, here)
        return plan

    def _begin_anew(self, log: Log, record: GroupRecord) -> None:
        self._kill_all(log)
        if record.gone:
            log.term = log.vote = log.commit = 0
        log.gone = record.gone
        log.base_index, log.base_term = record.base or (0, 0)

    def _append(self, log: Log, piece: Piece, number: int) -> None:
        """Entries replace everything from their first index on (paper 5.3)."""
        first, count = piece.first, len(piece.bodies)
        assert log.base_index < first <= log.last + 1, f"entries of group {log.group} do not follow its log at {first}"
        segments = log.segments = log.segments or []
        while segments and segments[-1].first >= first:
            self._kill(segments.pop())
        if segments and segments[-1].last >= first:
            tail = segments[-1]
            self._lose(tail.place, tail.last - first + 1)
            tail.last = first - 1
        segment = Segment(log.group, piece.origin, number, first, first + count - 1, piece.terms)
        segments.append(segment)
        here = self.places[number]
        here.segments.append(segment)
        here.live += count

    def cut(self, group: int, index: int) -> None:
        """The group needs no entry at or below `index` any more."""
        log = self.logs.get(group)
        index = min(index, log.last) if log is not None else 0
        if log is None or index <= log.base_index:
            return
        segments = log.segments
        assert segments, "what is beyond the base is in a segment"
        while segments[0].last < index:
            self._kill(segments.pop(0))
        segment = segments[0]
        log.base_index, log.base_term = index, segment.term(index)
        if segment.last == index:
            self._kill(segments.pop(0))
            log.segments = segments or None
        else:
            self._lose(segment.place, index - segment.first + 1)
            segment.first = index + 1

    def _kill_all(self, log: Log) -> None:
        for segment in log.segments or ():
            self._kill(segment)
        log.segments = None

    def _kill(self, segment: Segment) -> None:
        number, segment.place = segment.place, 0
        self._lose(number, segment.last - segment.first + 1)

    def _lose(self, number: int, entries: int) -> None:
        place = self.places[number]
        place.live -= entries
        self.live_bytes -= entries * place.weight
        if not place.live:
            place.segments = []
        self._bury(number, place)

    def _bury(self, number: int, place: Place) -> None:
        if not place.live and not place.headers:
            self._dead.append(number)

    # -- headers ------------------------------------------------------------------------------------------------

    def _write_header(self, log: Log, number: int, plan: Plan) -> None:
        self._origin += 1
        plan.headers.append(log.header(self._origin))
        log.told_index = log.base_index
        if log.header_place == number:
            return
        self._lose_header(log)
        log.header_place = number
        here = self.places[number]
        here.headers += 1
        log.enter(here)

    def _lose_header(self, log: Log) -> None:
        if log.header_place:
            old = self.places[log.header_place]
            old.headers -= 1
            self._bury(log.header_place, old)
            log.header_place = 0

    def _let_gone(self, log: Log) -> None:
        """The last record that knows of a group that is gone may go too: nothing is left to be mistaken for its log."""
        if log.gone and log.rows == 1:
            self._lose_header(log)
        elif log.gone and log.rows == 0:
            del self.logs[log.group]

    # -- what happens to records --------------------------------------------------------------------------------

    def weigh(self, number: int, size: int) -> None:
        """Record `number` has this many bytes."""
        place = self.places.get(number)
        self._recent_bytes = size
        if place is not None:
            self._set_size(place, size)

    def _set_size(self, place: Place, size: int) -> None:
        place.size = size
        place.weight = size // max(place.entries, 1)
        self.total_bytes += size
        self.live_bytes += place.weight * place.live

    def _delete_dead(self, number: int, plan: Plan) -> None:
        while self._dead and len(plan.deletions) < DELETIONS_PER_RECORD:
            dead = self._dead.popleft()
            place = self.places.get(dead)
            # A record may be named twice, and one that gets its first rows just now is not dead.
            if place is not None and dead != number and not place.live and not place.headers:
                self._drop(dead, place, number, plan)

    def _drop(self, dead: int, place: Place, number: int, plan: Plan) -> None:
        """Delete a record, having refreshed the headers on which its being dead depends."""
        for group in place.groups:
            log = self.logs[group]
            log.rows -= 1
            if log.stale():
                self._write_header(log, number, plan)
            self._let_gone(log)
        self.total_bytes -= place.size
        del self.places[dead]
        plan.deletions.append(dead)

    def _copy_oldest(self, number: int, plan: Plan) -> None:
        """Copy what is live in the oldest records to the tail, and delete them."""
        copies = Place()
        self.places[number + 1] = copies
        rest = max(COPY_BYTES_MIN, 2 * self._recent_bytes)
        size = 0
        while rest > 0 and len(plan.deletions) < DELETIONS_PER_RECORD:
            oldest = next(iter(self.places))
            if oldest == number:
                break
            moved = self._copy(oldest, number, plan)
            size += moved
            rest -= moved + 1
        if plan.copies:
            copies.close()
            self._set_size(copies, size)
        else:
            del self.places[number + 1]

    def _copy(self, source: int, number: int, plan: Plan) -> int:
        place, copies = self.places[source], self.places[number + 1]
        moved = 0
        for segment in place.segments:
            if segment.place != source:
                continue
            plan.copies.append(Copy(source, segment.group, segment.origin, segment.first, segment.last))
            count = segment.last - segment.first + 1
            self._lose(source, count)
            segment.place = number + 1
            copies.segments.append(segment)
            copies.entries += count
            copies.live += count
            self.logs[segment.group].enter(copies)
            moved += count * place.weight
        for group in place.groups:
            if self.logs[group].header_place == source:
                self._write_header(self.logs[group], number, plan)
        self._drop(source, place, number, plan)
        return moved

    # -- at start -----------------------------------------------------------------------------------------------

    def load(self, number: int, size: int, headers: Sequence[Header], pieces: Sequence[Piece]) -> None:
        """A record as the file holds it, in order of the file; then `finish`."""
        place = self.places[number] = Place()
        place.size = size
        for header in headers:
            log = self._loaded(header.group, place)
            self._origin = max(self._origin, header.origin)  # a piece's is smaller than that of the header after it
            latest = self._headers.get(log.group)
            if latest is None or header.origin > latest.origin:
                self._headers[log.group] = header
                log.header_place, log.told_index, log.gone = number, header.base_index, header.gone
        for piece in pieces:
            log = self._loaded(piece.group, place)
            place.entries += len(piece.bodies)
            self._pieces.setdefault(piece.group, []).append((piece.origin, number, piece))
        place.close()

    def _loaded(self, group: int, place: Place) -> Log:
        log = self.logs.get(group)
        if log is None:
            log = self.logs[group] = Log(group)
        log.enter(place)
        return log

    def finish(self) -> dict[int, Recovered]:
        """All records are loaded: each group's log. Raises `DiskError` if a part is missing."""
        recovered = {group: self._replay(log) for group, log in sorted(self.logs.items()) if not log.gone}
        for log in self.logs.values():
            self.places[log.header_place].headers += 1
        self._headers, self._pieces = {}, {}
        for place in self.places.values():
            self._set_size(place, place.size)
        for log in list(self.logs.values()):
            self._let_gone(log)
        for number, place in self.places.items():
            self._bury(number, place)
        return recovered

    def _replay(self, log: Log) -> Recovered:
        header = self._headers.get(log.group)
        if header is None:
            raise DiskError(f"the journal has entries of group {log.group} and no header: records are missing")
        log.term, log.vote, log.commit = header.term, header.vote, header.commit
        log.base_index, log.base_term = header.base_index, header.base_term
        # From the newest back: a piece counts up to where a newer one begins. (In order of origin there may be gaps
        # on the way: a dead piece may outlive the tail of an older one that was copied without it.)
        live: list[tuple[int, Piece]] = []
        bound: int | None = None
        for origin, number, piece in sorted(self._pieces.get(log.group, ()), key=_by_origin, reverse=True):
            if origin < header.since:
                break
            last = piece.first + len(piece.bodies) - 1
            last = last if bound is None else min(last, bound - 1)
            first = max(piece.first, log.base_index + 1)
            bound = piece.first if bound is None else min(bound, piece.first)
            if first <= last:
                live.append((number, piece.part(first, last)))
        entries: list[Entry] = []
        for number, piece in reversed(live):
            if piece.first != log.last + 1:
                raise DiskError(f"the journal misses entries {log.last + 1} to {piece.first - 1} of group {log.group}")
            self._append(log, piece, number)
            entries += piece.entries()
        return Recovered((log.term, log.vote, log.commit), (log.base_index, log.base_term), entries)


def _by_origin(loaded: tuple[int, int, Piece]) -> int:
    return loaded[0]
