"""The overlay against a dict: what was written last is what is read, whatever leaves and whatever lies below."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from node import overlay
from node.overlay import Overlay

HEADS = [b"%c\0\1" % letter for letter in b"abcdefgh"]
TAILS = [b"\1", b"\3aa", b"\3ab", b"\3b", b"\3c"]

heads = some.sampled_from(HEADS)
tails = some.sampled_from(TAILS)
Rows = dict[tuple[bytes, bytes], bytes]


class Machine(RuleBasedStateMachine):
    """`below` is what a disk would hold: the rows of the generations that have left."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(overlay, "FRESH_HEADS_MAX", 3)
        self.patch.setattr(overlay, "WINDOW_HEADS", 1)
        self.patch.setattr(overlay, "WINDOW_HEADS_MAX", 2)
        self.overlay = Overlay()
        self.model: Rows = {}
        self.below: Rows = {}
        self.closed: list[Rows] = []

    def teardown(self) -> None:
        self.patch.undo()

    @rule(head=heads, tail=tails, value=some.sampled_from([b"x", b"y", None]))
    def write(self, head: bytes, tail: bytes, value: bytes | None) -> None:
        assert self.overlay.write(head, tail, value) == head + tail
        if value is None:
            self.model.pop((head, tail), None)
        else:
            self.model[head, tail] = value

    @rule()
    def close_generation(self) -> None:
        self.overlay.close_generation(1)
        self.closed.append(dict(self.model))

    @rule()
    def retire(self) -> None:
        if self.closed:
            self.overlay.retire()
            self.below = self.closed.pop(0)

    @rule(rows=some.integers(0, 5))
    def release(self, rows: int) -> None:
        self.overlay.release(rows)

    @invariant()
    def same(self) -> None:
        self.overlay.check()
        seen = sorted({head for head, _ in (*self.model, *self.below)} | set(self.overlay.heads(b"", b"\xff")))
        read = [(head, *row) for head in seen for row in self.overlay.over(head, b"", self.disk(head, b""))]
        assert read == [(*place, value) for place, value in sorted(self.model.items())]

    def disk(self, head: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(
            [(tail, value) for (each, tail), value in sorted(self.below.items()) if each == head and tail >= start]
        )

    @rule(head=heads, start=some.sampled_from([*TAILS, b"\2", b"\3ad", b"\4"]))
    def look_from(self, head: bytes, start: bytes) -> None:
        expected = sorted((tail, value) for (each, tail), value in self.model.items() if each == head and tail >= start)
        assert list(self.overlay.over(head, start, self.disk(head, start))) == expected

    @rule(first=some.integers(0, 8), last=some.integers(0, 8))
    def walk(self, first: int, last: int) -> None:
        known = sorted({head for layer in self.overlay._layers for head in layer.tails})
        begin, end = b"%c" % (97 + first), b"%c" % (97 + last)
        expected = [head for head in known if begin <= head < end]
        assert list(self.overlay.heads(begin, end)) == expected
        assert list(self.overlay.heads_down(begin, end)) == expected[::-1]


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestOverlay = Machine.TestCase


@given(some.lists(some.integers(0, 40), unique=True), some.integers(0, 40))
def test_a_long_chain_is_entered_at_the_right_place(numbers: list[int], start: int) -> None:
    chain = Overlay()
    for number in numbers:
        chain.write(b"h", b"%c" % number, b"")
    chain.check()
    found = [tail[0] for tail, _ in chain.over(b"h", b"%c" % start, iter(()))]
    assert found == sorted(number for number in numbers if number >= start)


def test_retired_memory_is_given_back_in_slices() -> None:
    chain = Overlay()
    for number in range(50):
        chain.write(b"%c" % number, b"a", b"")
        chain.write(b"%c" % number, b"b", b"")
    chain.close_generation(1)
    chain.retire()
    assert chain.row_count() == 0
    held = [len(container) for container in chain._retired]
    chain.release(10)
    assert sum(held) - 10 <= sum(len(container) for container in chain._retired) < sum(held)
    for _ in range(30):
        chain.release(10)
    assert not chain._retired


def test_only_a_closed_generation_leaves() -> None:
    with pytest.raises(AssertionError, match="closed"):
        Overlay().retire()
