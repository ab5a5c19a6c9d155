"""The blocking driver: the calling threads take an engine's turns; a daemon thread only when something is due.

Owns the lock of the turns and who holds it. Does not own the turn (node/drivers/engine.py).

    driver = BlockingDriver(engine); driver.start()
    value = driver.run(flow)              # from any thread
    driver.close()

Flat combining: the thread that gets the lock leads. It begins for all that come meanwhile, takes turns until its
own flow has ended, and hands the lock to one that still waits. So a caller alone never changes threads, and takes no
turn for a flow that needs no wait.
"""

import threading
from collections import deque
from typing import Any, TypeVar

from node.drivers.engine import Engine
from node.errors import NodeError
from node.flow import Flow

ALONE_SECONDS = 0.1  # without calls of another thread: then nobody is kept waiting if a caller writes the journal
NAP_SECONDS = 0.005  # of the daemon, while callers take the turns; and callers take one at least so often
CLOSED = "the database was closed"
T = TypeVar("T")
LEAD_SECONDS_MAX = 1.0  # one wait of a leader


class _Call:
    """A flow that one thread wants run. `gate` is locked while the thread waits; `leads`: it was woken to take over;
    `given_up`: it waits no longer; `gone`: nobody serves it any more."""

    __slots__ = ("begun", "ended", "error", "flow", "gate", "given_up", "gone", "leads", "value")

    def __init__(self, flow: Flow[Any]) -> None:
        self.flow = flow
        self.begun = self.ended = self.leads = self.given_up = self.gone = False
        self.gate: threading.Lock | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    def take(self, value: Any, error: BaseException | None) -> None:
        """The flow has ended, or the node."""
        self.value, self.error, self.ended = value, error, True


class BlockingDriver:
    """Runs an engine for plain threads.

    1. Only the holder of `_lock` touches the engine. A waiting call is in `_coming` or `_waiting`, not in both.
    2. Who gives the lock up looks at `_coming` afterwards: no call stays without a leader.
    3. A caller that has been the only one for a while writes the journal itself (node/drivers/engine.py).
    4. While callers come, sockets and timers are looked at every NAP_SECONDS, though no flow needs it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._coming: deque[_Call] = deque()
        self._waiting: list[_Call] = []
        self._closed = threading.Event()
        self._sleeps_until = 0.0
        self._caller = 0  # the thread that called last
        self._alone_from = 0.0  # when no other one has called for long enough
        self._look_at = 0.0  # when a caller that needs no turn takes one all the same
        self._daemon = threading.Thread(target=self._attend, name="argosy node", daemon=True)

    def start(self) -> None:
        """Start the daemon thread."""
        self._daemon.start()

    def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception. Raises `NodeError` if the node stops before its end."""
        call = _Call(flow)
        caller = threading.get_ident()
        if caller != self._caller:
            self._caller, self._alone_from = caller, self.engine.clock.now() + ALONE_SECONDS
        if self._lock.acquire(blocking=False):
            self._lead(call)
        else:
            gate = call.gate = threading.Lock()
            gate.acquire()
            self._coming.append(call)
            if self._lock.acquire(blocking=False):  # the leader left before it could see the call
                self._lead(call)
            else:
                self._wait(call, gate)
                if call.leads:
                    self._lead(call)
        if call.error is not None:
            raise call.error
        value: T = call.value
        return value

    def _wait(self, call: _Call, gate: threading.Lock) -> None:
        """Until the call is served or leads. An interrupt gives it up, and with it a lead that came meanwhile."""
        self.engine.links.wake()
        try:
            gate.acquire()
        except BaseException:
            call.given_up = True
            self.engine.links.wake()
            while not call.gone:  # the interrupt may have come before or after the gate opened
                gate.acquire(timeout=NAP_SECONDS)
            if call.leads:
                self._leave()
            raise

    def close(self) -> None:
        """No more turns: every waiting caller gets `NodeError`. The engine stays to be closed by its owner."""
        self._closed.set()
        self.engine.links.wake()
        while self._daemon.is_alive():  # a leader's poll may take the wake that was meant for the daemon
            self.engine.links.wake()
            self._daemon.join(NAP_SECONDS)
        with self._lock:
            self.engine.stopped = self.engine.stopped or CLOSED
            self._end_all()

    # -- leading ---------------------------------------------------------------------------------------------------

    def _lead(self, own: _Call) -> None:
        """Holding the lock: serve `own`, and whoever waits meanwhile; then give the lock up."""
        try:
            if self._coming:
                self._begin_coming()
            if own.gate is not None and own in self._waiting:
                self._waiting.remove(own)
            if not own.begun:
                self._begin(own)
            self._serve(own)
        finally:
            self.engine.lone = False
            self._leave()

    def _begin(self, call: _Call) -> None:
        """What keeps a flow from beginning is told to the thread that wants it, never to the leader."""
        call.begun = True
        try:
            self.engine.begin(call.flow, call.take)
        except Exception as error:
            call.take(None, error)

    def _serve(self, own: _Call) -> None:
        engine = self.engine
        if not own.ended:
            engine.lone = not self._waiting and engine.clock.now() >= self._alone_from
            engine.quick_turn()
        elif engine.stopped is None and engine.clock.now() >= self._look_at:
            engine.turn()
            self._look_at = engine.clock.now() + NAP_SECONDS
        while not own.ended:
            if self._closed.is_set():
                engine.stopped = engine.stopped or CLOSED
            engine.turn(0.0 if self._coming else LEAD_SECONDS_MAX)
            if self._coming or self._waiting:
                self._begin_coming()
                self._serve_waiting()

    def _begin_coming(self) -> None:
        while self._coming:
            call = self._coming.popleft()
            if not call.begun:
                self._waiting.append(call)
                self._begin(call)

    def _serve_waiting(self) -> None:
        """Let those go whose flow has ended, or who wait no longer."""
        for call in list(self._waiting):
            if call.ended or call.given_up:
                self._let_go(call)

    def _let_go(self, call: _Call) -> None:
        self._waiting.remove(call)
        assert call.gate is not None, "who waits has a gate"
        call.gone = True
        call.gate.release()

    def _leave(self) -> None:
        """Hand the lock to one that waits; else release it, and look whether one came in between."""
        engine = self.engine
        while True:
            if engine.stopped is not None:
                self._end_all()
            if self._coming or self._waiting:
                self._begin_coming()
                self._serve_waiting()
            if self._waiting:
                self._waiting[0].leads = True
                self._let_go(self._waiting[0])
                return
            if engine.stopped is not None or engine.wake_at < self._sleeps_until:
                engine.links.wake()
            self._lock.release()
            if not self._coming or not self._lock.acquire(blocking=False):
                return

    def _end_all(self) -> None:
        """The node has stopped: nobody waits any longer."""
        why = self.engine.stopped or "the node stopped"
        self._waiting += [call for call in self._coming if not call.begun]
        self._coming.clear()
        for call in list(self._waiting):
            if not call.ended:
                call.take(None, NodeError(why))
            self._let_go(call)

    # -- the daemon ------------------------------------------------------------------------------------------------

    def _attend(self) -> None:
        """Take turns when something is due and no caller does; while callers do, nap."""
        while not self._closed.is_set() and self.engine.stopped is None:
            if not self._lock.acquire(blocking=False):
                self._closed.wait(NAP_SECONDS)
                continue
            try:
                seconds = self._take_turns()
            except NodeError:
                return  # `stopped` says it to every caller
            finally:
                self._leave()
            self.engine.links.wait(seconds)

    def _take_turns(self) -> float:
        """Until nothing is left to do or a caller comes; returns for how many seconds nothing is due."""
        engine = self.engine
        while not self._coming and engine.turn():
            pass
        self._sleeps_until = wake_at = engine.wake_at
        return max(0.0, wake_at - engine.clock.now())
