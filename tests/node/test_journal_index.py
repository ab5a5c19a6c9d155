"""The journal's bookkeeping against a dict: whatever is deleted, copied or left behind, the same logs come back."""

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node import journal_index
from node.errors import DiskError
from node.journal_index import GARBAGE_BYTES_MIN, Index
from node.journal_rows import Header, Piece, decode_record, encode_record, record_key
from node.ports import GroupRecord, Recovered
from node.raft.messages import Entry

GROUPS = 3


class File:
    """Records in memory, changed as node/journal.py changes its environment."""

    def __init__(self, garbage: int = GARBAGE_BYTES_MIN) -> None:
        self.records: dict[int, bytes] = {}
        self.index = Index(garbage)
        self.number = 0

    def submit(self, groups: list[GroupRecord]) -> None:
        self.number += 2
        plan = self.index.plan(self.number, groups)
        value = encode_record(self.number, plan.headers, plan.pieces)
        self.index.weigh(self.number, len(value))
        self.records[self.number] = value
        if plan.copies:
            copied = []
            for copy in plan.copies:
                _, pieces = decode_record(record_key(copy.source), self.records[copy.source])
                (piece,) = [each for each in pieces if (each.group, each.origin) == (copy.group, copy.origin)]
                copied.append(piece.part(copy.first, copy.last))
            self.records[self.number + 1] = encode_record(self.number + 1, (), copied)
        for number in plan.deletions:
            del self.records[number]

    def recover(self) -> dict[int, Recovered]:
        self.index = Index()
        for number, value in sorted(self.records.items()):
            self.index.load(number, len(value), *decode_record(record_key(number), value))
        return self.index.finish()

    def check(self) -> None:
        index = self.index
        assert sorted(index.places) == sorted(self.records)
        assert index.total_bytes == sum(place.size for place in index.places.values())
        assert index.live_bytes == sum(place.weight * place.live for place in index.places.values())
        live = dict.fromkeys(index.places, 0)
        for log in index.logs.values():
            ends = [log.base_index]
            for segment in log.segments or ():
                assert segment.first == ends[-1] + 1, "segments are contiguous"
                ends.append(segment.last)
                live[segment.place] += segment.last - segment.first + 1
            assert log.rows == sum(log.group in place.groups for place in index.places.values())
        assert live == {number: place.live for number, place in index.places.items()}


class Machine(RuleBasedStateMachine):
    @initialize(garbage=some.sampled_from([0, 200, 1 << 20]), deletions=some.sampled_from([1, 2, 64]))
    def begin(self, garbage: int, deletions: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(journal_index, "COPY_BYTES_MIN", 50)
        self.patch.setattr(journal_index, "DELETIONS_PER_RECORD", deletions)
        self.file = File(garbage)
        self.model: dict[int, Recovered] = {}
        self.cuts: dict[int, int] = {}
        self.term = 1

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()

    def append(self, group: int, back: int, count: int, kind: int) -> GroupRecord:
        log = self.model.setdefault(group, Recovered())
        cut = max(self.cuts.get(group, 0), log.base[0])
        last = log.base[0] + len(log.entries)
        first = max(cut + 1, last + 1 - back)
        if first <= last:
            self.term += 1  # only another leader's entries replace any (paper 5.3)
        entries = [Entry(self.term, kind, b"%d@%d" % (first + each, self.term)) for each in range(count)]
        del log.entries[first - log.base[0] - 1 :]
        log.entries += entries
        log.hard = (self.term, group, cut)
        return GroupRecord(group, log.hard, first, entries)

    @rule(
        groups=some.lists(some.integers(1, GROUPS), min_size=1, unique=True),
        back=some.sampled_from([0, 0, 0, 1, 2, 5]), count=some.integers(1, 5), kind=some.integers(0, 2),
    )  # fmt: skip
    def write(self, groups: list[int], back: int, count: int, kind: int) -> None:
        self.file.submit([self.append(group, back, count, kind) for group in groups])

    @rule(group=some.integers(1, GROUPS))
    def raise_term(self, group: int) -> None:
        self.term += 1
        log = self.model.setdefault(group, Recovered())
        log.hard = (self.term, 0, 0)
        self.file.submit([GroupRecord(group, log.hard)])

    @rule(group=some.integers(1, GROUPS), jump=some.integers(0, 4), count=some.integers(0, 2))
    def rebase(self, group: int, jump: int, count: int) -> None:
        log = self.model.setdefault(group, Recovered())
        self.term += 1
        log.base = (log.base[0] + len(log.entries) + jump, self.term)
        log.entries = [Entry(self.term, 0, b"after base")] * count
        log.hard = (self.term, 0, log.base[0])
        self.file.submit([GroupRecord(group, log.hard, log.base[0] + 1, list(log.entries), log.base)])

    @rule(group=some.integers(1, GROUPS), back=some.integers(0, 9))
    def cut(self, group: int, back: int) -> None:
        log = self.model.get(group, Recovered())
        index = log.base[0] + len(log.entries) - back
        self.file.index.cut(group, index)
        self.cuts[group] = max(self.cuts.get(group, 0), index)

    @rule(group=some.integers(1, GROUPS))
    def leave(self, group: int) -> None:
        self.model.pop(group, None)
        self.cuts.pop(group, None)
        self.file.submit([GroupRecord(group, gone=True)])

    @precondition(lambda self: hasattr(self, "file"))
    @invariant()
    def same(self) -> None:
        self.file.check()
        again = File()
        again.records = self.file.records
        self.compare(again.recover())
        again.check()

    @rule()
    def restart(self) -> None:
        for group, log in self.file.recover().items():
            self.model[group] = log
            self.cuts.pop(group, None)

    def compare(self, found: dict[int, Recovered]) -> None:
        assert sorted(found) == sorted(self.model)
        for group, log in found.items():
            expected = self.model[group]
            end = expected.base[0] + len(expected.entries)
            assert log.hard == expected.hard
            assert expected.base[0] <= log.base[0] <= max(self.cuts.get(group, 0), expected.base[0])
            assert log.base[0] + len(log.entries) == end
            skipped = log.base[0] - expected.base[0]
            assert log.entries == expected.entries[skipped:]
            if skipped:
                assert log.base[1] == expected.entries[skipped - 1].term


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestIndex = Machine.TestCase


def entries(first: int, count: int) -> list[Entry]:
    return [Entry(1, 0, b"x" * 100 + b"%d" % (first + each)) for each in range(count)]


def test_a_record_is_deleted_when_nothing_in_it_counts_any_more() -> None:
    file = File()
    file.submit([GroupRecord(1, (1, 0, 0), 1, entries(1, 4))])
    file.submit([GroupRecord(1, (1, 0, 4), 5, entries(5, 4))])
    file.index.cut(1, 4)
    file.submit([GroupRecord(1, None, 9, entries(9, 1))])
    assert sorted(file.records) == [4, 6]
    assert file.recover()[1] == Recovered((1, 0, 4), (4, 1), entries(5, 5))


def test_a_dead_record_of_an_idle_group_goes_with_another_group_s_record() -> None:
    file = File()
    file.submit([GroupRecord(1, (1, 0, 0), 1, entries(1, 4))])
    file.submit([GroupRecord(1, (1, 0, 4))])
    file.index.cut(1, 4)
    file.submit([GroupRecord(2, (1, 0, 0), 1, entries(1, 1))])
    assert sorted(file.records) == [4, 6] or sorted(file.records) == [6]
    assert file.recover()[1] == Recovered((1, 0, 4), (4, 1), [])


def test_a_record_of_a_group_without_entries_holds_no_more_than_its_number() -> None:
    file = File()
    file.submit([GroupRecord(1, (1, 0, 0), 1, entries(1, 4))])
    file.index.cut(1, 4)
    assert file.index.logs[1].segments is None
    assert (file.index.places[2].groups, file.index.places[2].segments) == ((1,), [])


def test_truncated_entries_never_come_back_when_what_truncated_them_is_deleted() -> None:
    file = File()
    # Group 2 keeps the first record; group 1's tail there was replaced by a record that is then cut and deleted.
    file.submit([GroupRecord(1, (1, 0, 0), 1, entries(1, 9)), GroupRecord(2, (1, 0, 0), 1, entries(1, 1))])
    file.submit([GroupRecord(1, (2, 0, 0), 3, [Entry(2, 0, b"new")])])
    file.submit([GroupRecord(1, (2, 0, 0))])
    file.index.cut(1, 3)
    file.submit([GroupRecord(2, (1, 0, 1))])
    assert 2 in file.records
    assert 4 not in file.records
    assert file.recover()[1] == Recovered((2, 0, 0), (3, 2), [])


def test_what_a_slow_group_needs_is_copied_and_the_rest_goes() -> None:
    file = File(10_000)
    for place in range(200):
        groups = [GroupRecord(1, None, 10 * place + 1, entries(10 * place + 1, 10))]
        if place < 20:
            groups.append(GroupRecord(2, (1, 0, 0), place + 1, entries(place + 1, 1)))
        file.submit(groups)
        file.index.cut(1, 10 * place)
    size = sum(map(len, file.records.values()))
    assert size <= 2 * file.index.live_bytes + 10_000 + 3000
    assert file.recover()[2].entries == entries(1, 20)
    file.check()


def test_a_group_that_is_gone_leaves_nothing_behind() -> None:
    file = File()
    file.submit([GroupRecord(1, (1, 0, 0), 1, entries(1, 3)), GroupRecord(2, (1, 0, 0))])
    file.submit([GroupRecord(1, gone=True)])
    assert 1 not in file.recover()
    for _ in range(3):
        file.submit([GroupRecord(2, (1, 0, 0))])
    assert 1 not in file.index.logs
    file.submit([GroupRecord(1, (7, 0, 0), 1, entries(1, 1))])
    assert file.recover()[1] == Recovered((7, 0, 0), (0, 0), entries(1, 1))


def test_a_gap_in_what_is_submitted_is_impossible() -> None:
    file = File()
    file.submit([GroupRecord(1, None, 1, entries(1, 1))])
    with pytest.raises(AssertionError, match="do not follow"):
        file.submit([GroupRecord(1, None, 3, entries(3, 1))])


def test_a_missing_record_is_found() -> None:
    index = Index()
    index.load(2, 1, [Header(1, 5, 1, 1, 0, 0, 0, 0, False)], [Piece(1, 4, 3, 1, b"\0", (b"x",))])
    with pytest.raises(DiskError, match="misses entries 1 to 2 of group 1"):
        index.finish()


def test_entries_without_a_header_are_found() -> None:
    index = Index()
    index.load(2, 1, [], [Piece(1, 4, 1, 1, b"\0", (b"x",))])
    with pytest.raises(DiskError, match="group 1"):
        index.finish()


def test_terms_and_kinds_come_back_as_they_were() -> None:
    mixed = [Entry(1, 1, b""), Entry(1, 0, b"a"), Entry(3, 2, b"b")]
    file = File()
    file.submit([GroupRecord(1, (3, 0, 0), 1, mixed)])
    file.index.cut(1, 1)
    assert file.recover()[1].entries == mixed
    file.index.cut(1, 2)
    log = file.index.logs[1]
    assert (log.base_index, log.base_term) == (2, 1)
