"""The simulated disk: what is durable, what a crash loses, and that it agrees with a dict."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from argosy.testing.disk import Disk, MemoryJournal
from argosy.testing.rows import MemoryState
from node.ports import Dumped, Flushed, GroupRecord, Record, Restored, Synced
from node.raft.messages import Entry

SPAN = (b"a", b"z")


class Queue:
    """Acts in the order in which they were asked for, run one at a time by the test."""

    def __init__(self) -> None:
        self.acts: list[Callable[[], Any]] = []

    def later(self, seconds: float, act: Callable[[], Any]) -> None:
        assert seconds == 0.5
        self.acts.append(act)

    def run(self) -> Any:
        return self.acts.pop(0)()


def entries(*terms: int) -> list[Entry]:
    return [Entry(term, 0, b"e%d" % term) for term in terms]


def make() -> tuple[Disk, Queue, MemoryJournal, MemoryState]:
    disk, queue = Disk(), Queue()
    return disk, queue, MemoryJournal(disk, queue.later, lambda: 0.5), MemoryState(disk, queue.later, lambda: 0.5)


def recovered(disk: Disk) -> Any:
    return MemoryJournal(disk, Queue().later, lambda: 0.5).recover()


def nothing(count: int) -> int:
    return 0


def test_a_record_is_durable_once_it_is_synced() -> None:
    disk, queue, journal, _ = make()
    journal.submit(Record(1, [GroupRecord(7, (1, 2, 0), 1, entries(1, 1))]))
    assert not recovered(disk)
    assert queue.run() == Synced(1)
    log = recovered(disk)[7]
    assert (log.hard, log.base, log.entries) == ((1, 2, 0), (0, 0), entries(1, 1))


def test_records_submitted_during_a_sync_gather_for_the_next_one() -> None:
    disk, queue, journal, _ = make()
    for sequence in (1, 2, 3):
        journal.submit(Record(sequence, [GroupRecord(7, (sequence, 0, 0))]))
    assert len(queue.acts) == 1
    assert queue.run() == Synced(1)
    assert recovered(disk)[7].hard == (1, 0, 0)
    assert queue.run() == Synced(3)
    assert recovered(disk)[7].hard == (3, 0, 0)


@pytest.mark.parametrize(("survivors", "terms"), [(0, [1]), (1, [1, 2])])
def test_a_crash_loses_a_suffix_of_what_was_on_its_way(survivors: int, terms: list[int]) -> None:
    disk, queue, journal, _ = make()
    journal.submit(Record(1, [GroupRecord(7, None, 1, entries(1))]))
    queue.run()
    journal.submit(Record(2, [GroupRecord(7, None, 2, entries(2))]))
    journal.submit(Record(3, [GroupRecord(7, None, 3, entries(3))]))
    journal.crash(lambda count: min(count, survivors))
    assert recovered(disk)[7].entries == entries(*terms)


def test_entries_replace_the_tail_and_a_base_begins_the_log_anew() -> None:
    disk, queue, journal, _ = make()
    journal.submit(Record(1, [GroupRecord(7, None, 1, entries(1, 1, 1))]))
    journal.submit(Record(2, [GroupRecord(7, None, 2, entries(2))]))
    queue.run(), queue.run()
    assert recovered(disk)[7].entries == entries(1, 2)
    journal.submit(Record(3, [GroupRecord(7, None, 11, entries(5), base=(10, 4))]))
    queue.run()
    log = recovered(disk)[7]
    assert (log.base, log.entries) == ((10, 4), entries(5))


def test_a_cut_goes_with_the_next_sync_and_a_group_that_is_gone_leaves_nothing() -> None:
    disk, queue, journal, _ = make()
    journal.submit(Record(1, [GroupRecord(7, None, 1, entries(1, 2, 3))]))
    queue.run()
    journal.cut(7, 2)
    assert recovered(disk)[7].base == (0, 0)
    journal.submit(Record(2))
    queue.run()
    assert (recovered(disk)[7].base, recovered(disk)[7].entries) == ((2, 2), entries(3))
    journal.submit(Record(3, [GroupRecord(7, gone=True)]))
    queue.run()
    assert recovered(disk) == {}


def test_a_sealed_batch_becomes_durable_whole_and_with_its_index() -> None:
    disk, queue, _, state = make()
    state.put(b"k", b"1", b"x")
    state.put(b"k", b"2", b"y")
    state.seal(7, 4, b"mark")
    state.put(b"k", b"3", b"z")
    state.seal(7, 5, None)
    assert state.load() > 0
    assert (disk.rows, disk.marks) == ({}, {})
    assert queue.run() == Flushed(((7, 4),))
    assert (disk.rows, disk.marks) == ({b"k": ([b"1", b"2"], [b"x", b"y"])}, {7: (4, b"mark")})
    assert queue.run() == Flushed(((7, 5),))
    assert MemoryState(disk, queue.later, lambda: 0.5).marks() == {7: (5, b"mark")}
    assert state.load() == 0


def test_a_crash_leaves_whole_batches_in_order() -> None:
    disk, queue, _, state = make()
    for index in range(1, 5):
        state.put(b"k%d" % index, b"", b"x")
        state.seal(7, index, b"m")
        if index == 1:
            queue.run()
    queue.acts.clear()
    state.crash(lambda count: 1)
    assert (sorted(disk.rows), disk.marks) == ([b"k1", b"k2"], {7: (2, b"m")})


def test_a_dump_is_what_was_durable_when_it_was_asked_for() -> None:
    _, queue, _, state = make()
    state.put(b"b", b"", b"durable")
    state.put(b"zz", b"", b"outside")
    state.seal(7, 1, b"m1")
    queue.run()
    state.put(b"c", b"", b"applied only")
    state.seal(7, 2, b"m2")
    state.dump(3, 7, *SPAN)
    queue.run()
    dumped = queue.run()
    assert isinstance(dumped, Dumped)
    assert (dumped.ticket, dumped.index, dumped.mark) == (3, 1, b"m1")
    target = MemoryState(Disk(), queue.later, lambda: 0.5)
    target.restore(7, dumped.index, dumped.mark, *SPAN, dumped.chunks)
    assert list(target.scan(b"", b"zzz")) == [(b"b", b"", b"durable")]


def test_a_restore_replaces_the_span_in_one_commit_and_answers_alone() -> None:
    disk, queue, _, state = make()
    source = make()
    source[3].put(b"n", b"", b"new")
    source[3].seal(7, 9, b"m9")
    source[1].run()
    source[3].dump(1, 7, *SPAN)
    chunks = source[1].run().chunks
    state.put(b"o", b"", b"old")
    state.put(b"zz", b"", b"kept")
    state.seal(8, 1, b"stale")
    state.restore(7, 9, b"m9", *SPAN, chunks, gone=[(8, b"tombstone")])
    assert queue.run() == Flushed(((8, 1),))
    assert queue.run() == Restored(7)
    assert (sorted(disk.rows), disk.marks) == ([b"n", b"zz"], {7: (9, b"m9"), 8: (0, b"tombstone")})
    assert state.get(b"o", b"") is None
    assert state.load() == 0


def test_what_is_forgotten_leaves_a_tombstone() -> None:
    disk, queue, _, state = make()
    state.put(b"k", b"", b"x")
    state.seal(7, 1, b"m")
    state.forget(7, b"tombstone", SPAN)
    assert state.get(b"k", b"") is None
    queue.run(), queue.run()
    assert (disk.rows, disk.marks) == ({}, {7: (0, b"tombstone")})


def test_rows_may_not_change_under_a_scan() -> None:
    state = make()[3]
    state.put(b"a", b"", b"1")
    state.put(b"b", b"", b"2")
    walk = state.scan(b"", b"z")
    next(walk)
    state.put(b"c", b"", b"3")
    with pytest.raises(AssertionError, match="rows changed while a scan"):
        next(walk)


class AgreesWithADict(RuleBasedStateMachine):
    """Applied rows against a dict, and after each crash the durable rows against an older copy of it."""

    def __init__(self) -> None:
        super().__init__()
        self.disk, self.queue = Disk(), Queue()
        self.state = MemoryState(self.disk, self.queue.later, lambda: 0.5)
        self.rows: dict[tuple[bytes, bytes], bytes] = {}
        self.sealed: list[dict[tuple[bytes, bytes], bytes]] = [{}]

    names = st.sampled_from([b"a", b"b", b"c"])

    @rule(head=names, tail=names, value=st.binary(max_size=2))
    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        self.state.put(head, tail, value)
        self.rows[head, tail] = value

    @rule(head=names, tail=names)
    def delete(self, head: bytes, tail: bytes) -> None:
        self.state.delete(head, tail)
        self.rows.pop((head, tail), None)

    @rule()
    def seal(self) -> None:
        self.sealed.append(dict(self.rows))
        self.state.seal(1, len(self.sealed) - 1, None)

    @rule()
    def flush(self) -> None:
        if self.queue.acts:
            self.queue.run()

    @rule(survivors=st.integers(0, 3))
    def crash(self, survivors: int) -> None:
        self.queue.acts.clear()
        self.state.crash(lambda count: min(count, survivors))
        self.state = MemoryState(self.disk, self.queue.later, lambda: 0.5)
        index = self.state.marks().get(1, (0, b""))[0]
        del self.sealed[index + 1 :]
        self.rows = dict(self.sealed[index])

    @rule(head=names, tail=names)
    def read(self, head: bytes, tail: bytes) -> None:
        assert self.state.get(head, tail) == self.rows.get((head, tail))
        assert list(self.state.rows(head, tail)) == sorted(
            (at, value) for (of, at), value in self.rows.items() if of == head and at >= tail
        )

    @invariant()
    def agrees(self) -> None:
        expected = sorted((head, tail, value) for (head, tail), value in self.rows.items())
        assert list(self.state.scan(b"", b"z")) == expected
        assert list(self.state.scan(b"", b"z", reverse=True)) == sorted(expected, key=lambda row: (-row[0][0], row[1]))


TestAgreesWithADict = AgreesWithADict.TestCase
TestAgreesWithADict.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
