"""Fakes behind an engine: a host that echoes, a journal with a thread of its own, a state with pipes."""

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

from node.clock import Clock
from node.drivers.engine import Engine
from node.flow import Done
from node.link import Links
from node.ports import Effects, Flushed, Frame, Hello, Kind, LinkUp, Record, Synced
from tests.node.wired import node_hello

DURABLE, PLAIN, STOP, BREAK = b"durable", b"plain", b"stop", b"break"


class Journal:
    """Answers each record from its own thread."""

    def __init__(self, notify: Callable[[Any], None]) -> None:
        self._queue: SimpleQueue[Record | None] = SimpleQueue()
        self._notify = notify
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.records: list[Record] = []
        self.kept = 0
        self.writers: list[int] = []  # the threads that wrote what was kept

    def submit(self, record: Record) -> None:
        self.records.append(record)
        self._queue.put(record)

    def _run(self) -> None:
        while (record := self._queue.get()) is not None:
            self._notify(Synced(record.sequence))

    def keep(self, record: Record) -> bool:
        self.records.append(record)
        self.kept = record.sequence
        return True

    def write_kept(self) -> Synced:
        self.writers.append(threading.get_ident())
        return Synced(self.kept)

    def recover(self) -> dict[int, Any]:
        return {}

    def cut(self, group: int, index: int) -> None:
        raise AssertionError("nothing is cut here")

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()


class State:
    """A pipe that the test writes to; what comes by it is told as flushed marks."""

    def __init__(self) -> None:
        self._source, self.target = os.pipe()
        os.set_blocking(self._source, False)
        self.writes = False

    def pump(self) -> Sequence[Any]:
        try:
            return [Flushed(((1, each),)) for each in os.read(self._source, 100)]
        except BlockingIOError:
            return []

    def replace_pipe(self) -> None:
        """As a writer does that was started again: same number, another pipe."""
        source, target = os.pipe()
        os.dup2(source, self._source)
        os.dup2(target, self.target)
        os.close(source)
        os.close(target)
        os.set_blocking(self._source, False)

    def filenos(self) -> tuple[int, ...]:
        return (self._source,)

    def wants_write(self) -> bool:
        return self.writes

    def write_fileno(self) -> int:
        return self.target

    def close(self) -> None:
        os.close(self._source)
        os.close(self.target)


class Host:
    """Echoes requests: at once, or when the step's record is synced. Asserts that one thread is in it."""

    def __init__(self) -> None:
        self.wake_at = float("inf")
        self.events: list[Any] = []
        self.steps: list[float] = []
        self.busy = threading.Lock()
        self._waiting: dict[int, list[tuple[int, int, bytes]]] = {}
        self._sequence = 0
        self.dials: list[tuple[int, str]] = []

    def step(self, now: float, events: Sequence[Any]) -> Effects:
        assert self.busy.acquire(blocking=False), "two threads are in the host"
        self.steps.append(now)
        effects = Effects()
        for event in events:
            self.events.append(event)
            if isinstance(event, Synced):
                for link, copy, body in self._waiting.pop(event.sequence):
                    effects.sends.append((link, Kind.REPLIES, ((copy, body),)))
            elif isinstance(event, Frame) and event.kind == Kind.REQUESTS:
                self._requests(event, effects)
            elif isinstance(event, LinkUp):
                effects.dials, self.dials = self.dials, []
        if now >= self.wake_at:
            self.wake_at = float("inf")
        self.busy.release()
        return effects

    def begin(self, now: float, flow: Any, done: Done) -> None:
        """A flow is here a function of the test's, which is told how to end."""
        assert self.busy.acquire(blocking=False), "two threads are in the host"
        try:
            flow(done)
        finally:
            self.busy.release()

    def _requests(self, frame: Frame, effects: Effects) -> None:
        for copy, _, _, body in frame.payload:
            if body == DURABLE:
                if effects.record is None:
                    self._sequence += 1
                    effects.record = Record(self._sequence)
                self._waiting.setdefault(self._sequence, []).append((frame.link, copy, body))
            elif body == STOP:
                effects.stop = "told to stop"
            elif body == BREAK:
                self.busy.release()
                raise ZeroDivisionError("a mistake")
            else:
                effects.sends.append((frame.link, Kind.REPLIES, ((copy, body),)))


class Node:
    """An engine with fakes behind it; `replies` are those to link 0, which end the flows of `callers`."""

    def __init__(self, hello: Hello | None = None) -> None:
        told = hello or node_hello(1)
        self.links = Links(lambda: told)
        self.engine = Engine(self.links, Clock())
        self.host, self.state = Host(), State()
        self.journal = Journal(self.engine.notify)
        self.engine.attach(self.host, self.journal, self.state)
        self.replies: dict[int, bytes] = {}
        self.callers: dict[int, Done] = {}
        self.engine.local = self._take

    def _take(self, kind: int, payload: Any) -> None:
        assert kind == Kind.REPLIES
        self.replies.update(payload)
        for copy, body in payload:
            if copy in self.callers:
                self.callers.pop(copy)(body, None)

    def close(self) -> None:
        self.journal.close()
        self.engine.close()
        self.state.close()
