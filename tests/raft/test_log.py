"""The log against the simplest thing that could be a log: a list of positions on disk, and one in memory."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.raft.log import Log
from node.raft.messages import Entry, Position


def entries(*terms: int) -> list[Entry]:
    return [Entry(term, 0, b"%d" % term) for term in terms]


class LogMachine(RuleBasedStateMachine):
    """`terms` is the whole log from index 1; `writes` are what the disk has been given, not yet told of."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log(Position(0, 0), [])
        self.terms: list[int] = []
        self.offset = 0
        self.disk: list[int] = []
        self.writes: list[tuple[int, list[int]]] = []

    @rule(base=st.integers(0, 12), steps=st.lists(st.integers(0, 1), max_size=4))
    def a_leader_of_the_next_term_appends(self, base: int, steps: list[int]) -> None:
        base = min(max(base, self.offset), len(self.terms))
        term = self.terms[base - 1] if base else 0
        fresh = []
        for step in steps:
            term += step
            fresh.append(term or 1)
        kept = base
        while kept - base < len(fresh) and kept < len(self.terms) and self.terms[kept] == fresh[kept - base]:
            kept += 1
        first = self.log.store(base, entries(*fresh))
        if kept - base == len(fresh):
            assert first == 0
        else:
            assert first == kept + 1
            self.terms = self.terms[:kept] + fresh[kept - base :]

    @rule()
    def the_journal_is_given_what_is_new(self) -> None:
        before = self.log.submitted
        first, fresh = self.log.take()
        assert first == before + 1 and [each.term for each in fresh] == self.terms[first - 1 :]
        if fresh:
            self.writes.append((first, [each.term for each in fresh]))

    @precondition(lambda self: self.writes)
    @rule()
    def the_journal_has_written(self) -> None:
        first, fresh = self.writes.pop(0)
        self.disk = self.disk[: first - 1] + fresh
        self.log.persisted(fresh[-1], first + len(fresh) - 1)

    @rule(index=st.integers(0, 12))
    def what_is_durable_is_compacted(self, index: int) -> None:
        index = min(index, self.log.stable)
        if index > self.offset:
            self.log.compact(index)
            self.offset = index

    @rule(ahead=st.integers(1, 3))
    def a_snapshot_replaces_all(self, ahead: int) -> None:
        if not self.writes:
            index, term = len(self.terms) + ahead, (self.terms or [0])[-1] + 1
            self.log.restart(Position(index, term))
            self.terms = self.terms + [term] * ahead
            self.disk = list(self.terms)
            self.offset = index

    @rule(index=st.integers(0, 12), term=st.integers(0, 6))
    def agreement_is_searched(self, index: int, term: int) -> None:
        index = max(min(index, len(self.terms)), self.offset)
        found = self.log.agree(index, term)
        wanted = index
        while wanted > self.offset and self.terms[wanted - 1] > term:
            wanted -= 1
        assert found == Position(wanted, self.terms[wanted - 1] if wanted else 0)

    @invariant()
    def it_holds_what_the_list_holds(self) -> None:
        log = self.log
        assert log.last_index == len(self.terms)
        assert [log.term(place) for place in range(log.offset + 1, log.last_index + 1)] == self.terms[log.offset :]
        assert log.last == Position(len(self.terms), self.terms[-1] if self.terms else 0)
        assert log.term(log.last_index + 1) is None and log.term(log.offset - 1) is None

    @invariant()
    def what_counts_as_durable_is_on_disk(self) -> None:
        log = self.log
        assert log.offset <= log.stable <= log.submitted <= log.last_index
        assert self.disk[: log.stable] == self.terms[: log.stable]


LogMachine.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_log_machine = LogMachine.TestCase


def test_a_position_that_comes_back_is_durable_only_when_written_again() -> None:
    """Three leaders within one disk write: 1@2, then 1@3 in its place, then 1@2 again."""
    log = Log(Position(0, 0), [])
    log.store(0, entries(2))
    log.take()
    log.store(0, entries(3))
    log.take()
    log.store(0, entries(2))
    log.take()
    log.persisted(2, 1)
    assert log.stable == 0, "the disk will hold 1@3 next"
    log.persisted(3, 1)
    log.persisted(2, 1)
    assert log.stable == 1


def test_an_append_is_cut_by_count_and_by_bytes_but_never_empty() -> None:
    log = Log(Position(0, 0), [Entry(1, 0, b"x" * 10)] * 5)
    assert len(log.cut(1, 3, 1000)) == 3
    assert len(log.cut(1, 5, 25)) == 2
    assert len(log.cut(1, 5, 1)) == 1
    assert log.cut(6, 5, 1) == []


def test_entries_within_so_many_bytes_are_counted_from_an_index_back() -> None:
    log = Log(Position(4, 1), [Entry(1, 0, bytes(size)) for size in (5, 1, 2, 3, 9)])
    assert [log.within(8, size) for size in (2, 3, 5, 6, 10, 11, 99)] == [0, 1, 2, 3, 3, 4, 4]
    assert log.within(4, 99) == 0
