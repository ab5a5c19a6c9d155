"""The state, its writer and its disk against a dict; and after a crash, each group's rows against its own mark."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node import overlay
from node import state as state_module
from node.ports import Flushed
from node.state import State

GROUPS = {1: [b"%c\0\1" % letter for letter in b"abcd"], 2: [b"%c\0\1" % letter for letter in b"efgh"]}
SPANS = {1: (b"a", b"e"), 2: (b"e", b"i")}
TAILS = [b"\1", b"\3aa", b"\3ab", b"\3b"]
VALUES = [b"", b"x", b"y", None]
Rows = dict[tuple[bytes, bytes], bytes]

opened: list[State] = []


@pytest.fixture(scope="module", autouse=True)
def only_one_writer() -> Iterator[None]:
    """One state serves all examples, since a process takes longer to start than an example to run."""
    with tempfile.TemporaryDirectory() as folder:
        opened.append(State(Path(folder) / "state", print))
        yield
        opened.pop().close(flush=False)


class Machine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(overlay, "FRESH_HEADS_MAX", 2)
        self.patch.setattr(overlay, "WINDOW_HEADS", 1)
        self.patch.setattr(state_module, "FRAME_ROWS", 3)
        self.patch.setattr(state_module, "FLUSH_ROWS", 7)
        self.state = opened[0]
        for group in GROUPS:
            self.state.forget(group, b"", (b"", b"\xff"))
        self.state.wait_flushed()
        self.rows: dict[int, Rows] = {1: {}, 2: {}}
        self.history: dict[int, list[tuple[Rows, bytes]]] = {1: [({}, b"")], 2: [({}, b"")]}
        self.flushed = {1: 0, 2: 0}
        self.crashes = 0

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()

    @rule(
        group=some.integers(1, 2),
        changes=some.lists(some.tuples(some.integers(0, 3), some.sampled_from(TAILS), some.sampled_from(VALUES))),
        mark=some.booleans(),
    )  # fmt: skip
    def apply(self, group: int, changes: list[tuple[int, bytes, bytes | None]], mark: bool) -> None:
        rows, history = self.rows[group], self.history[group]
        for place, tail, value in changes:
            head = GROUPS[group][place]
            self.state.first(head)  # as a command looks before it writes
            if value is None:
                self.state.delete(head, tail)
                rows.pop((head, tail), None)
            else:
                self.state.put(head, tail, value)
                rows[head, tail] = value
        index = len(history)
        new = b"%d" % index if mark else history[-1][1]
        self.state.seal(group, index, new if mark else None)
        history.append((dict(rows), new))

    @rule()
    def flush(self) -> None:
        self.state.flush()

    @rule()
    def pump(self) -> None:
        self.take(self.state.pump())

    @rule()
    def wait(self) -> None:
        self.take(self.state.wait_flushed())
        assert self.flushed == {group: len(history) - 1 for group, history in self.history.items()}
        assert self.state.load() == 0

    def take(self, events: list[object]) -> None:
        for event in events:
            assert isinstance(event, Flushed)
            for group, index in event.marks:
                assert self.flushed[group] <= index < len(self.history[group])
                self.flushed[group] = index

    @precondition(lambda self: hasattr(self, "crashes") and self.crashes < 2)
    @rule()
    def kill_writer(self) -> None:
        self.crashes += 1
        os.kill(self.state._feed.process, signal.SIGKILL)

    @precondition(lambda self: hasattr(self, "crashes") and self.crashes < 2)
    @rule(kill=some.booleans())
    def crash(self, kill: bool) -> None:
        self.crashes += 1
        if kill:
            os.kill(self.state._feed.process, signal.SIGKILL)
        self.state.close(flush=False)
        opened[0] = self.state = State(self.state._path, print)
        for group, (index, mark) in self.state.marks().items():
            assert index >= self.flushed[group], "what was told to be durable is there"
            rows, expected = self.history[group][index]
            assert mark == expected
            del self.history[group][index + 1 :]
            self.rows[group] = dict(rows)
            self.flushed[group] = index

    @precondition(lambda self: hasattr(self, "state"))
    @invariant()
    def same(self) -> None:
        self.state.check()
        model = sorted([*self.rows[1].items(), *self.rows[2].items()])
        assert list(self.state.scan(b"", b"\xff")) == [(*place, value) for place, value in model]

    @rule(first=some.sampled_from(b"abcdefghij"), last=some.sampled_from(b"abcdefghij"))
    def scan(self, first: int, last: int) -> None:
        begin, end = b"%c" % first, b"%c" % last
        model = sorted([*self.rows[1].items(), *self.rows[2].items()])
        inside = [(*place, value) for place, value in model if begin <= place[0] < end]
        assert list(self.state.scan(begin, end)) == inside
        down = sorted(inside, key=lambda row: row[1])
        down.sort(key=lambda row: row[0], reverse=True)
        assert list(self.state.scan(begin, end, reverse=True)) == down

    @rule(group=some.integers(1, 2), place=some.integers(0, 3), start=some.sampled_from([*TAILS, b"", b"\3ac", b"\4"]))
    def look(self, group: int, place: int, start: bytes) -> None:
        head, rows = GROUPS[group][place], self.rows[group]
        expected = sorted((tail, value) for (each, tail), value in rows.items() if each == head and tail >= start)
        assert list(self.state.rows(head, start)) == expected
        assert self.state.first(head) == min(
            ((tail, rows[head, tail]) for each, tail in rows if each == head), default=None
        )
        assert self.state.get(head, start) == rows.get((head, start))


Machine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestState = Machine.TestCase
