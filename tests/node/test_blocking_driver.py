"""The blocking driver: calling threads turn the engine, one at a time, and serve each other."""

import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from node.drivers.blocking import BlockingDriver
from node.errors import NodeError
from node.flow import Done
from node.ports import LOCAL_LINK, Frame, Kind, Synced
from tests.node.hosted import BREAK, DURABLE, PLAIN, STOP, Node

PATIENCE_SECONDS = 60.0  # no test waits so long


class Held:
    """A flow that ends when the test says so."""

    def __init__(self, node: Node) -> None:
        self.begun = threading.Event()
        self._node = node
        self._done: Done | None = None

    def __call__(self, done: Done) -> None:
        self._done = done
        self.begun.set()

    def end(self, error: BaseException | None = None) -> None:
        assert self._done is not None
        self._done(None, error)
        self._node.links.wake()


class Callers:
    """A node under a blocking driver, and threads that call it."""

    def __init__(self) -> None:
        self.node = Node()
        self.driver = BlockingDriver(self.node.engine)
        self.copies = count(1)
        self.errors: list[BaseException] = []
        self.threads: list[threading.Thread] = []

    def run(self, flow: Callable[[Done], None]) -> Any:
        return self.driver.run(flow)  # type: ignore[arg-type]

    def call(self, body: bytes) -> bool:
        copy = next(self.copies)

        def flow(done: Done) -> None:
            self.node.callers[copy] = done
            self.node.engine.inject(Frame(LOCAL_LINK, Kind.REQUESTS, ((copy, 0, 0, body),)))

        return bool(self.run(flow) == body)

    def held(self) -> "Held":
        """A thread that leads and waits for the end of its flow."""
        held = Held(self.node)
        self.in_thread(lambda: self.run(held))
        assert held.begun.wait(PATIENCE_SECONDS)
        return held

    def in_thread(self, work: Callable[[], Any]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self.errors.append(error)

        thread = threading.Thread(target=guarded)
        self.threads.append(thread)
        thread.start()
        return thread

    def join(self) -> None:
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a caller was forgotten"

    def close(self) -> None:
        self.driver.close()
        self.join()
        self.node.close()


@pytest.fixture
def callers() -> Iterator[Callers]:
    made = Callers()
    yield made
    made.close()


def test_a_caller_alone_is_served_in_its_own_thread(callers: Callers) -> None:
    threads = set()
    step = callers.node.host.step

    def seen(now: float, events: Any) -> Any:
        threads.add(threading.current_thread())
        return step(now, events)

    callers.node.host.step = seen  # type: ignore[method-assign]
    assert callers.call(PLAIN)
    assert callers.call(DURABLE)
    assert threads == {threading.current_thread()}


def test_a_caller_that_has_been_alone_for_a_while_writes_the_journal_itself(callers: Callers) -> None:
    assert callers.call(DURABLE)
    assert not callers.node.journal.writers, "another thread may have called a moment ago"
    callers.driver._alone_from = 0.0
    assert callers.call(DURABLE)
    assert callers.node.journal.writers == [threading.get_ident()]
    callers.in_thread(lambda: callers.call(DURABLE)).join()
    assert callers.call(DURABLE)
    assert len(callers.node.journal.writers) == 1
    assert not callers.node.engine.lone


@pytest.mark.parametrize("started", [False, True])
def test_many_threads_are_all_served(callers: Callers, started: bool) -> None:
    if started:
        callers.driver.start()

    def work() -> None:
        for _ in range(25):
            assert callers.call(PLAIN)
            assert callers.call(DURABLE)

    for _ in range(6):
        callers.in_thread(work)
    callers.join()
    assert callers.errors == []
    assert len(callers.node.replies) == 300


def test_who_waits_is_combined_by_who_leads(callers: Callers) -> None:
    """The leader waits for a flow that does not end; what it serves meanwhile is served in its thread."""
    held = callers.held()
    assert callers.call(DURABLE)
    assert callers.call(PLAIN)
    held.end()
    callers.join()
    assert callers.errors == []


def test_a_leader_that_is_done_hands_over(callers: Callers) -> None:
    """The second caller takes over while it waits for something that only its own turns bring."""
    first, second = callers.held(), callers.held()
    first.end()
    callers.threads[0].join(PATIENCE_SECONDS)
    assert callers.call(DURABLE), "served by the second"
    second.end()
    callers.join()
    assert callers.errors == []


def test_a_flow_that_needs_no_wait_takes_no_turn_but_one_now_and_then(callers: Callers) -> None:
    """So that a thread that only asks what is known does not keep the node from its sockets and timers."""
    engine = callers.node.engine
    engine.notify(Frame(LOCAL_LINK, Kind.REQUESTS, ((99, 0, 0, PLAIN),)))
    assert callers.run(lambda done: done(7, None)) == 7
    assert callers.node.replies == {99: PLAIN}
    engine.notify(Frame(LOCAL_LINK, Kind.REQUESTS, ((100, 0, 0, PLAIN),)))
    callers.driver._look_at = float("inf")
    assert callers.run(lambda done: done(8, None)) == 8
    assert 100 not in callers.node.replies
    callers.driver._look_at = 0.0
    callers.run(lambda done: done(9, None))
    assert 100 in callers.node.replies and callers.driver._look_at > 0.0


def test_what_a_flow_raises_is_raised_by_its_call(callers: Callers) -> None:
    def bad(done: Done) -> None:
        done(None, KeyError("mine"))

    with pytest.raises(KeyError, match="mine"):
        callers.run(bad)
    held = callers.held()
    with pytest.raises(KeyError, match="mine"):
        callers.run(bad)
    held.end()
    callers.join()
    assert callers.errors == [], "the leader is not touched by it"
    assert callers.call(PLAIN)


def test_a_mistake_that_keeps_a_flow_from_beginning_ends_the_node(callers: Callers) -> None:
    def bad(done: Done) -> None:
        raise ZeroDivisionError("a mistake")

    held = callers.held()
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        callers.run(bad)
    callers.join()
    assert [type(error) for error in callers.errors] == [NodeError]
    with pytest.raises(NodeError, match="a mistake"):
        callers.run(held)


def test_the_daemon_turns_when_something_is_due(callers: Callers) -> None:
    due, came = threading.Event(), threading.Event()
    host = callers.node.host
    step = host.step

    def seen(now: float, events: Any) -> Any:
        if host.wake_at <= now:
            due.set()
        if any(isinstance(each, Synced) for each in events):
            came.set()
        return step(now, events)

    host.step = seen  # type: ignore[method-assign]
    callers.driver.start()
    callers.node.engine.notify(Frame(LOCAL_LINK, Kind.REQUESTS, ((1, 0, 0, DURABLE),)))
    assert came.wait(PATIENCE_SECONDS), "by the journal"

    def sooner(done: Done) -> None:
        host.wake_at = callers.node.engine.clock.now() + 0.01
        done(True, None)

    assert callers.run(sooner)
    assert due.wait(PATIENCE_SECONDS), "by the clock, though the daemon slept for longer"


def test_a_node_that_stops_ends_every_call(callers: Callers) -> None:
    callers.driver.start()
    callers.held()
    with pytest.raises(NodeError, match="told to stop"):
        callers.call(STOP)
    callers.join()
    assert [str(error) for error in callers.errors] == ["told to stop"]
    with pytest.raises(NodeError, match="told to stop"):
        callers.call(PLAIN)


def test_a_mistake_in_the_host_ends_the_node(callers: Callers) -> None:
    with pytest.raises(ZeroDivisionError):
        callers.call(BREAK)
    with pytest.raises(NodeError, match="within a turn"):
        callers.call(PLAIN)


def test_a_mistake_under_the_daemon_ends_the_node(callers: Callers) -> None:
    callers.driver.start()
    callers.node.engine.notify(Frame(LOCAL_LINK, Kind.REQUESTS, ((1, 0, 0, STOP),)))
    callers.driver._daemon.join(PATIENCE_SECONDS)
    with pytest.raises(NodeError, match="told to stop"):
        callers.call(PLAIN)


def test_close_ends_who_waits(callers: Callers) -> None:
    callers.driver.start()
    callers.held()
    callers.in_thread(lambda: callers.run(lambda done: None))
    callers.driver.close()
    callers.join()
    assert all(isinstance(error, NodeError) for error in callers.errors)
    with pytest.raises(NodeError, match="closed"):
        callers.call(PLAIN)


class Gate:
    """A gate whose first wait is interrupted, as Ctrl-C would: before it opens or (`late`) just after."""

    def __init__(self, real: threading.Lock, late: bool) -> None:
        self._real = real
        self._late = late

    def acquire(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            return self._real.acquire(timeout=timeout)
        if self._late:
            self._real.acquire()
        raise KeyboardInterrupt


@pytest.mark.parametrize("late", [False, True])
def test_an_interrupted_wait_gives_up_and_leaves_the_others_served(callers: Callers, late: bool) -> None:
    held, waiting = callers.held(), Held(callers.node)
    wait = callers.driver._wait
    callers.driver._wait = lambda call, gate: wait(call, Gate(gate, late))  # type: ignore[method-assign, arg-type]

    def end_the_leader() -> None:
        waiting.begun.wait(PATIENCE_SECONDS)
        held.end()

    if late:  # else the leader goes on leading, and lets the call go
        callers.in_thread(end_the_leader)
    with pytest.raises(KeyboardInterrupt):
        callers.run(waiting)
    callers.driver._wait = wait  # type: ignore[method-assign]
    held.end()
    waiting.begun.set()
    callers.join()
    assert callers.call(PLAIN)


def test_an_interrupted_wait_for_something_to_happen_leaves_the_node_as_it_is(
    callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(callers.node.links, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            callers.run(lambda done: None)
    assert callers.call(DURABLE)


class Lock:
    """The driver's lock, which lets something happen just before it is released for the first time."""

    def __init__(self, real: threading.Lock, before: Callable[[], object]) -> None:
        self._real = real
        self._before: Callable[[], object] | None = before
        self.acquire = real.acquire

    def release(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            before()
        self._real.release()

    def __enter__(self) -> None:
        self._real.acquire()

    def __exit__(self, *_: object) -> None:
        self._real.release()


def test_who_comes_while_the_leader_leaves_is_not_forgotten(callers: Callers) -> None:
    waits, wait = threading.Event(), callers.driver._wait

    def told(call: Any, gate: Any) -> None:
        waits.set()
        wait(call, gate)

    def another_comes() -> None:
        callers.in_thread(lambda: callers.call(DURABLE))
        assert waits.wait(PATIENCE_SECONDS)

    callers.driver._wait = told  # type: ignore[method-assign]
    callers.driver._lock = Lock(callers.driver._lock, another_comes)  # type: ignore[assignment]
    assert callers.call(PLAIN)
    callers.join()
    assert callers.errors == [] and len(callers.node.replies) == 2
