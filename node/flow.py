"""Flows: work that waits for replies, as generators that a loop steps. Sans-IO.

A flow yields a wish and is resumed with what came of it:

    reply = yield Send(node, group, span, body, seconds)   # the reply's bytes decoded; None is silence
    yield Sleep(seconds)
    replies = yield Gather((flow, flow, …))                 # all of them, in order
    yield Behind(flow)                                      # start it and go on at once

and calls others with `yield from`. The same flows run on nodes and in clients, under trio, threads
or the simulator: nothing in them knows a socket or a clock. Read next: ranges/router.py.
"""

import heapq
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Flow = Generator[Any, Any, T]
Done = Callable[[Any, BaseException | None], None]
HERE = 0  # as the node of a Send: the node that runs the flow
TIMERS_MIN = 64  # so few need no sweep
AT_ONCE_MAX = 64  # answers in a row without a wait; who asks on goes the ordinary way


@dataclass(slots=True)
class Send:
    """Send one copy of a message to a group at a node; resumed with the reply, or None after `seconds`.

    Not frozen, which would double its price: there is one for each operation, and nobody keeps it.
    """

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
class _Run:
    """One generator on its way: who waits for its end, and the number of the wait that may resume it."""

    flow: Flow[Any]
    done: Done
    wait: int = 0
    copy: int = 0


@dataclass(slots=True)
class _Crowd:
    """A Gather on its way. The first exception wins, after all have ended. `waits`: the run has been left waiting."""

    left: int
    results: list[Any]
    error: BaseException | None = None
    waits: bool = False


_WAITS: Any = object()  # in place of what a run goes on with: it goes on later


class Flows:
    """Runs flows. `send(copy, wish)` is how a Send leaves; it never answers from within. `answer(wish)` is the reply
    to a Send that needs not leave, None where it must.

    1. A run is resumed exactly once per wish: `wait` counts, and a timer or reply of an older count is dropped.
    2. A copy number is never used twice by one `Flows`.
    3. Most waits end long before their time: whenever the timers have doubled, those of waits that are over go.
    4. What a flow raises reaches its own `done`, or without one whoever moves these flows; never another flow.
    """

    def __init__(self, send: Callable[[int, Send], None], answer: Callable[[Send], Any] = lambda wish: None) -> None:
        self._send = send
        self._answer = answer
        self._copies = 1
        self._waiting: dict[int, tuple[_Run, int, int]] = {}
        self._timers: list[tuple[float, int, _Run, int]] = []
        self._timers_max = TIMERS_MIN
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

    def start(self, flow: Flow[Any], done: Done | None = None) -> None:
        """Run a flow; `done(result, error)` is called at its end, maybe before this returns."""
        self._resume(_Run(flow, done or _raise), None)

    def at_once(self, flow: Flow[T]) -> T | None:
        """The result of a flow whose Sends are all answered at once; None if one must leave: then nothing has left."""
        reply = None
        try:
            while True:
                wish = flow.send(reply)
                reply = self._answer(wish) if type(wish) is Send else None
                if reply is None:
                    flow.close()
                    return None
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

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

    def _resume(self, run: _Run, value: Any, error: BaseException | None = None) -> None:
        """Go on until the run waits or ends. What it has arranged, and who is told of its end, runs outside of it."""
        flow, left = run.flow, AT_ONCE_MAX
        run.copy = 0
        while value is not _WAITS:
            run.wait += 1
            try:
                wish = flow.send(value) if error is None else flow.throw(error)
            except StopIteration as end:
                run.wait += 1
                result, error = end.value, None
                break
            except Exception as raised:
                run.wait += 1
                result, error = None, raised
                break
            left -= 1
            value, error = self._arrange(run, wish, left > 0), None
            if type(value) is _Crowd:
                value, error = tuple(value.results), value.error
        else:
            return
        run.done(result, error)

    def _arrange(self, run: _Run, wish: Any, at_once: bool) -> Any:
        """Set a wish up; what the run goes on with (a crowd that is complete: its results or error), or `_WAITS`."""
        match wish:
            case Send():
                if at_once and (reply := self._answer(wish)) is not None:
                    return reply
                copy = self._copies
                self._copies += 1
                run.copy = copy
                self._waiting[copy] = (run, run.wait, wish.node)
                self._timer(run, wish.seconds)
                self._send(copy, wish)
            case Sleep():
                self._timer(run, wish.seconds)
            case Gather():
                return self._gather(run, wish.flows)
            case Behind():
                self.start(wish.flow)
                return None
            case _:
                return _Crowd(0, [], AssertionError(f"a flow yielded {wish!r}, which is no wish"))
        return _WAITS

    def _timer(self, run: _Run, seconds: float) -> None:
        timers = self._timers
        if len(timers) >= self._timers_max:
            timers[:] = [row for row in timers if row[2].wait == row[3]]
            heapq.heapify(timers)
            self._timers_max = max(TIMERS_MIN, 2 * len(timers))
        self._sequence += 1
        heapq.heappush(timers, (self.now + seconds, self._sequence, run, run.wait))

    def _gather(self, run: _Run, flows: tuple[Flow[Any], ...]) -> Any:
        crowd = _Crowd(len(flows), [None] * len(flows))

        def ended(place: int) -> Done:
            def done(value: Any, error: BaseException | None) -> None:
                crowd.results[place] = value
                crowd.error = crowd.error or error
                crowd.left -= 1
                if not crowd.left and crowd.waits:
                    self._resume(run, tuple(crowd.results), crowd.error)

            return done

        for place, flow in enumerate(flows):
            self.start(flow, ended(place))
        crowd.waits = crowd.left > 0
        return _WAITS if crowd.waits else crowd  # no deeper stack, however many in a row need not wait


def _raise(_: Any, error: BaseException | None) -> None:
    if error is not None:
        raise error
