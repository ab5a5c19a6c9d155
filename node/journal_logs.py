"""What is known of one group's log in the journal, and of one record of it.

Owns `Segment`, `Place` and `Log`, and how little of them a sleeping group takes: ten thousand have one each. Does not
own when any of it changes (node/journal_index.py). Read next: node/journal.py.
"""

from node.journal_rows import Header, Terms


class Segment:
    """The part of a piece that counts: entries first..last of a group, in the record `place` (0: nowhere, dead)."""

    __slots__ = ("first", "group", "last", "origin", "piece_first", "place", "terms")

    def __init__(self, group: int, origin: int, place: int, first: int, last: int, terms: Terms) -> None:
        self.group = group
        self.origin = origin
        self.place = place
        self.piece_first = first
        self.first = first
        self.last = last
        self.terms = terms

    def term(self, index: int) -> int:
        """The term of the entry at `index`."""
        return self.terms if isinstance(self.terms, int) else self.terms[index - self.piece_first]


class Place:
    """What is known of one record: the groups with a row in it, its pieces' segments, and how much of it counts.

    `entries` were written, `live` of them count, each of about `weight` bytes; `headers` is how many groups have
    their latest header here. Segments are kept while any of them counts. A sleeping group holds its last record for
    ever, so what it holds is small.
    """

    __slots__ = ("entries", "groups", "headers", "live", "segments", "size", "weight")

    def __init__(self) -> None:
        self.size = 0
        self.weight = 0
        self.entries = 0
        self.live = 0
        self.headers = 0
        self.groups: dict[int, None] | tuple[int, ...] = {}  # in order, each once; a tuple when all are known
        self.segments: list[Segment] = []

    def close(self) -> None:
        """No more groups come."""
        self.groups = tuple(self.groups)


class Log:
    """One group's log. Its latest header is in the record `header_place` (0: none is needed), and says `told_index`.

    `rows` is how many records hold something of this group. Numbers, and no tuples of them: there are ten thousand.
    """

    __slots__ = (
        "base_index", "base_term", "commit", "gone", "group", "header_place", "rows", "segments", "term", "told_index",
        "vote",
    )  # fmt: skip

    def __init__(self, group: int) -> None:
        self.group = group
        self.term = self.vote = self.commit = 0
        self.base_index = self.base_term = 0
        self.gone = False
        self.segments: list[Segment] | None = None  # None for none; few, so that shifting them costs nothing
        self.told_index = 0  # the `base_index` of the latest header
        self.header_place = 0
        self.rows = 0

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.segments[-1].last if self.segments else self.base_index

    def header(self, origin: int) -> Header:
        """The header as it should be now; without segments, only pieces that are newer than it count."""
        since = self.segments[0].origin if self.segments else origin
        return Header(
            self.group, origin, since, self.term, self.vote, self.commit, self.base_index, self.base_term, self.gone
        )

    def stale(self) -> bool:
        """Whether entries were cut since the latest header was written (only a cut moves base and `since` alone)."""
        return self.told_index != self.base_index

    def enter(self, place: Place) -> None:
        """A record has a row of this group."""
        assert isinstance(place.groups, dict), "groups come only until the record is whole"
        if self.group not in place.groups:
            place.groups[self.group] = None
            self.rows += 1
