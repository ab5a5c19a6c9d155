"""Leader memory against a list of all reads and writes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ranges import floors
from ranges.floors import LeaderMemory, SpanFloors
from ranges.keys import TICK

KEYS = [bytes([letter]) for letter in b"abcdefgh"]
keys, times = st.sampled_from(KEYS), st.integers(1, 60)


class MemoryMachine(RuleBasedStateMachine):
    """Tables of four keys and four steps: most of what is read is forgotten."""

    KEYS_MAX, SPANS_MAX = 4, 4

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(floors, "FLOOR_KEYS_MAX", self.KEYS_MAX)
        self.patch.setattr(floors, "FLOOR_SPANS_MAX", self.SPANS_MAX)
        self.memory = LeaderMemory()
        self.reads: list[tuple[bytes, bytes, int]] = []
        self.writes: list[tuple[bytes, int]] = []

    def teardown(self) -> None:
        self.patch.undo()

    def naive(self, key: bytes) -> int:
        return max((at for start, end, at in self.reads if start <= key < end), default=0)

    @rule(key=keys, at=times)
    def read(self, key: bytes, at: int) -> None:
        self.memory.raise_key(key, at)
        self.reads.append((key, key + b"\0", at))

    @rule(start=keys, end=keys, at=times)
    def scan(self, start: bytes, end: bytes, at: int) -> None:
        self.memory.raise_span(start, end, at)
        self.reads.append((start, end, at))

    @rule(at=times)
    def raise_low(self, at: int) -> None:
        self.memory.raise_low(at)
        self.reads.append((b"", b"\xff", at))

    @rule(key=keys, least=times, start=times, newest=times)
    def write(self, key: bytes, least: int, start: int, newest: int) -> None:
        commit = self.memory.choose(key, max(least, start), start, newest)
        floor = self.memory.floor(key)
        pending = max((at for each, at in self.writes if each == key), default=0)
        bounds = [newest, pending] + ([] if floor == start else [floor])
        assert commit == max(max(least, start), *(bound + 1 for bound in bounds))
        assert commit > self.naive(key) or self.naive(key) == start == commit
        self.memory.register(key, commit)
        self.writes.append((key, commit))

    @rule(place=st.integers(0, 100))
    def apply(self, place: int) -> None:
        if self.writes:
            key, commit = self.writes.pop(place % len(self.writes))
            assert not self.memory.release(key, commit)

    @rule(key=keys, start=keys, end=keys, at=times)
    def blocked(self, key: bytes, start: bytes, end: bytes, at: int) -> None:
        assert self.memory.blocked(key, at) == any(each == key and commit <= at for each, commit in self.writes)
        inside = [each for each, commit in self.writes if start <= each < end and commit <= at]
        assert self.memory.blocked_in(start, end, at) == min(inside, default=None)

    @invariant()
    def no_floor_is_forgotten(self) -> None:
        highest = max((at for _, _, at in self.reads), default=0)
        for key in KEYS:
            assert self.naive(key) <= self.memory.floor(key) <= highest
        self.memory._spans.check()
        assert len(self.memory._spans.starts) <= self.SPANS_MAX + 2
        assert len(self.memory._recent) <= self.KEYS_MAX


class RoomyMemoryMachine(MemoryMachine):
    """With room for everything, floors are exact."""

    KEYS_MAX, SPANS_MAX = 1000, 1000

    @invariant()
    def floors_are_exact(self) -> None:
        assert all(self.memory.floor(key) == self.naive(key) for key in KEYS)


MemoryMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
RoomyMemoryMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestMemory = MemoryMachine.TestCase
TestRoomyMemory = RoomyMemoryMachine.TestCase


@given(st.lists(st.tuples(keys, keys, times), max_size=30))
def test_a_floor_over_spans_is_the_highest_of_those_that_cover(spans: list[tuple[bytes, bytes, int]]) -> None:
    steps = SpanFloors()
    for span in spans:
        steps.raise_to(*span)
    steps.check()
    for key in KEYS:
        assert steps.floor(key) == max((at for start, end, at in spans if start <= key < end), default=0)


def test_the_same_scan_again_and_again_takes_one_step() -> None:
    steps = SpanFloors()
    for at in range(1, 100):
        steps.raise_to(b"a", b"z", at)
    assert (steps.starts, steps.floors) == ([b"a", b"z"], [99, 0])


def test_a_floor_of_exactly_s_is_the_attempts_own_read() -> None:
    memory = LeaderMemory()
    memory.raise_key(b"k", 5 * TICK)
    assert memory.choose(b"k", 5 * TICK, 5 * TICK, 0) == 5 * TICK
    assert memory.choose(b"k", 4 * TICK, 4 * TICK, 0) == 5 * TICK + 1
    memory.raise_key(b"k", 5 * TICK + 1)
    assert memory.choose(b"k", 5 * TICK, 5 * TICK, 0) == 5 * TICK + 2


@pytest.mark.parametrize("what", ["floor", "span", "low", "newest", "pending"])
def test_where_the_substeps_are_used_up_no_timestamp_is_chosen(what: str) -> None:
    memory, last, newest = LeaderMemory(), 6 * TICK - 1, 0
    match what:
        case "floor":
            memory.raise_key(b"k", last)
        case "span":
            memory.raise_span(b"a", b"z", last)
        case "low":
            memory.raise_low(last)
        case "newest":
            newest = last
        case "pending":
            memory.register(b"k", last)
    assert memory.choose(b"k", 5 * TICK, 5 * TICK, newest) == 0
    assert memory.choose(b"k", 6 * TICK, 5 * TICK, newest) == 6 * TICK


def test_what_is_forgotten_of_spans_counts_for_all_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floors, "FLOOR_SPANS_MAX", 6)
    memory = LeaderMemory()
    for place, key in enumerate(KEYS, start=1):
        memory.raise_span(key, key + b"x", place)
        assert memory.floor(key) == place
    assert 0 < memory.low < len(KEYS)
    assert all(memory.floor(key) >= place for place, key in enumerate(KEYS, start=1))
    assert memory.floor(b"zz") == memory.low, "a key that was in no span"


def test_a_read_is_blocked_by_the_smallest_pending_write() -> None:
    memory = LeaderMemory()
    memory.register(b"k", 9)
    memory.register(b"k", 5)
    for at, expected in ((4, False), (5, True), (7, True), (9, True)):
        assert memory.blocked(b"k", at) == expected
        assert (memory.blocked_in(b"a", b"z", at) == b"k") == expected
    assert memory.blocked_in(b"a", b"k", 9) is None and memory.blocked_in(b"l", b"z", 9) is None


def test_who_is_parked_on_a_key_is_woken_once_by_its_release() -> None:
    memory = LeaderMemory()
    memory.register(b"k", 1)
    memory.register(b"k", 2)
    memory.parked.add(("key", b"k"))
    assert memory.release(b"k", 1) and not memory.release(b"k", 2)
    assert not memory.pending and not memory.parked


def test_a_release_without_a_write_is_impossible() -> None:
    with pytest.raises(AssertionError, match="never registered"):
        LeaderMemory().release(b"k", 1)
