"""Flows: work that waits for replies, as generators that a loop steps. Sans-IO.

A flow yields a wish and is resumed with what came of it:

    reply = yield Send(node, group, span, body, seconds)   # the reply's bytes decoded; None is silence
    yield Sleep(seconds)
    replies = yield Gather((flow, flow, …))                 # all of them, in order
    value = yield Until(signal, seconds)                    # the signal's value; None when time is up
    yield Behind(flow)                                      # start it and go on at once

and calls others with `yield from`. The same flows run on nodes and in clients, under trio, threads
or the simulator: nothing in them knows a socket or a clock. Read next: ranges/router.py.
"""

import heapq
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Flow = Generator[Any, Any, T]
HERE = 0  # as the node of a Send: the node that runs the flow


@dataclass(frozen=True, slots=True)
class Send:
    """Send one copy of a message to a group at a node; resumed with the reply, or None after `seconds`."""

    node: int
    group: int
    span: int
    message: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Resumed after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gather:
    """Run several flows at once; resumed with the tuple of their results when all have ended."""

    flows: tuple[Flow[Any], ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """Start a flow that nobody waits for; resumed at once."""

    flow: Flow[Any]


@dataclass(eq=False, slots=True)
class Signal:
    """Something that several flows may wait for; set at most once, its value never None."""

    value: Any = None
    waiting: "list[tuple[_Run, int]]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Until:
    """Wait for a signal; resumed with its value, or None after `seconds`."""

    signal: Signal
    seconds: float


@dataclass(eq=False, slots=True)
class _Run:
    """One generator on its way: who waits for its end, and the number of the wait that may resume it."""

    flow: Flow[Any]
    done: Callable[[Any, BaseException | None], None]
    wait: int = 0
    copy: int = 0


@dataclass(slots=True)
class _Crowd:
    """A Gather on its way. The first exception wins, after all have ended."""

    left: int
    results: list[Any]
    error: BaseException | None = None


class Flows:
    """Runs flows; `send(copy, wish)` is how a Send leaves (it never answers from within).

    1. A run is resumed exactly once per wish: `wait` counts, and a timer or reply of an older count is dropped.
    2. A copy number is never used twice by one `Flows`.
    """

    def __init__(self, send: Callable[[int, Send], None], first_copy: int = 1) -> None:
        self._send = send
        self._copies = first_copy
        self._waiting: dict[int, tuple[_Run, int, int]] = {}
        self._timers: list[tuple[float, int, _Run, int]] = []
        self._sequence = 0
        self.now = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def wake_at(self) -> float:
        """When `step` must be called next, in seconds of the caller's clock; infinity if nothing waits."""
        timers = self._timers
        while timers and timers[0][2].wait != timers[0][3]:
            heapq.heappop(timers)
        return timers[0][0] if timers else float("inf")

    def start(self, flow: Flow[Any], done: Callable[[Any, BaseException | None], None] | None = None) -> None:
        """Run a flow; `done(result, error)` is called at its end, maybe before this returns."""
        self._resume(_Run(flow, done or _raise), None)

    def step(self, now: float) -> None:
        """Time has come to `now`: resume what has waited long enough, with None."""
        self.now = now
        timers = self._timers
        while timers and timers[0][0] <= now:
            _, _, run, wait = heapq.heappop(timers)
            if run.wait == wait:
                self._waiting.pop(run.copy, None)
                self._resume(run, None)

    def replied(self, copy: int, reply: Any) -> None:
        """The reply to a copy has come; dropped if nobody waits for it any more."""
        row = self._waiting.pop(copy, None)
        if row is not None and row[0].wait == row[1]:
            self._resume(row[0], reply)

    def lost(self, node: int) -> None:
        """The link to a node is gone: everything under way to it is silence."""
        for copy, (run, wait, target) in list(self._waiting.items()):
            if target == node:
                del self._waiting[copy]
                if run.wait == wait:
                    self._resume(run, None)

    def set(self, signal: Signal, value: Any = True) -> None:
        """Set a signal and resume who waits for it."""
        assert value is not None, "a signal's value is never None"
        if signal.value is None:
            signal.value = value
            waiting, signal.waiting = signal.waiting, []
            for run, wait in waiting:
                if run.wait == wait:
                    self._resume(run, value)

    def _resume(self, run: _Run, value: Any, error: BaseException | None = None) -> None:
        run.wait += 1
        run.copy = 0
        try:
            wish = run.flow.send(value) if error is None else run.flow.throw(error)
            while not self._arrange(run, wish):
                wish = run.flow.send(wish.signal.value if type(wish) is Until else None)
        except StopIteration as end:
            run.wait += 1
            run.done(end.value, None)
        except Exception as error:
            run.wait += 1
            run.done(None, error)

    def _arrange(self, run: _Run, wish: Any) -> bool:
        """Set a wish up; False if the run can go on at once."""
        match wish:
            case Send():
                copy = self._copies
                self._copies += 1
                run.copy = copy
                self._waiting[copy] = (run, run.wait, wish.node)
                self._timer(run, wish.seconds)
                self._send(copy, wish)
            case Sleep():
                self._timer(run, wish.seconds)
            case Gather():
                self._gather(run, wish.flows)
            case Until():
                if wish.signal.value is not None:
                    return False
                wish.signal.waiting.append((run, run.wait))
                self._timer(run, wish.seconds)
            case Behind():
                self.start(wish.flow)
                return False
            case _:
                raise AssertionError(f"a flow yielded {wish!r}, which is no wish")
        return True

    def _timer(self, run: _Run, seconds: float) -> None:
        self._sequence += 1
        heapq.heappush(self._timers, (self.now + seconds, self._sequence, run, run.wait))

    def _gather(self, run: _Run, flows: tuple[Flow[Any], ...]) -> None:
        crowd = _Crowd(len(flows), [None] * len(flows))

        def ended(place: int) -> Callable[[Any, BaseException | None], None]:
            def done(value: Any, error: BaseException | None) -> None:
                crowd.results[place] = value
                crowd.error = crowd.error or error
                crowd.left -= 1
                if not crowd.left:
                    self._resume(run, tuple(crowd.results), crowd.error)

            return done

        if not flows:
            self.start(_nothing(), lambda _, __: self._resume(run, ()))
        for place, flow in enumerate(flows):
            self.start(flow, ended(place))


def _nothing() -> Flow[None]:
    return
    yield


def _raise(_: Any, error: BaseException | None) -> None:
    if error is not None:
        raise error
