"""The blocking driver: the calling threads take an engine's turns; a daemon thread only when something is due.

Owns the lock of the turns and who holds it. Does not own the turn (node/drivers/engine.py).

    driver = BlockingDriver(engine); driver.start()
    driver.run(begin, done, seconds)      # begin() and done() are called between turns, never two at once
    driver.close()

Flat combining: the thread that gets the lock leads. It begins for all that come meanwhile, takes turns until its
own work is done, and hands the lock to one that still waits. So a caller alone never changes threads.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from node.drivers.engine import Engine
from node.errors import NodeError

NAP_SECONDS = 0.005  # of the daemon, while callers take the turns
CLOSED = "the database was closed"
T = TypeVar("T")
LEAD_SECONDS_MAX = 1.0  # one wait of a leader; then it looks at its deadline again


class _Ticket:
    """What one thread wants. `gate` is locked while it waits; `gone`: nobody serves it any more; `leads`: it
    was woken to take over."""

    __slots__ = ("begin", "begun", "deadline", "done", "error", "gate", "gone", "leads", "served")

    def __init__(self, begin: Callable[[], None], done: Callable[[], bool], deadline: float) -> None:
        self.begin = begin
        self.done = done
        self.deadline = deadline
        self.begun = False
        self.served = False
        self.leads = False
        self.gone = False
        self.error: BaseException | None = None
        self.gate: threading.Lock | None = None


class BlockingDriver:
    """Runs an engine for plain threads.

    1. Only the holder of `_lock` touches the engine. A waiting ticket is in `_coming` or `_waiting`, not in both.
    2. Who gives the lock up looks at `_coming` afterwards: no ticket stays without a leader.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._coming: deque[_Ticket] = deque()
        self._waiting: list[_Ticket] = []
        self._closed = threading.Event()
        self._sleeps_until = 0.0
        self._daemon = threading.Thread(target=self._attend, name="argosy node", daemon=True)

    def start(self) -> None:
        """Start the daemon thread."""
        self._daemon.start()

    def run(self, begin: Callable[[], None], done: Callable[[], bool], seconds: float) -> bool:
        """Call `begin`, then take turns until `done()`; whether it came true within `seconds`.

        Both are called by whichever thread leads, between turns; they must not block. Raises `NodeError` if the node
        stops before, and whatever `begin` or `done` raise.
        """
        ticket = _Ticket(begin, done, self.engine.clock.now() + seconds)
        if self._lock.acquire(blocking=False):
            return self._lead(ticket)
        gate = ticket.gate = threading.Lock()
        gate.acquire()
        self._coming.append(ticket)
        if self._lock.acquire(blocking=False):  # the leader left before it could see the ticket
            return self._lead(ticket)
        self._wait(ticket, gate)
        if ticket.leads:
            return self._lead(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.served

    def _wait(self, ticket: _Ticket, gate: threading.Lock) -> None:
        """Until the ticket is served or leads. An interrupt gives it up, and with it a lead that came meanwhile."""
        self.engine.links.wake()
        try:
            gate.acquire()
        except BaseException:
            ticket.deadline = float("-inf")
            self.engine.links.wake()
            while not ticket.gone:  # the interrupt may have come before or after the gate opened
                gate.acquire(timeout=NAP_SECONDS)
            if ticket.leads:
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

    def _lead(self, own: _Ticket) -> bool:
        """Holding the lock: serve `own`, and whoever waits meanwhile; then give the lock up."""
        try:
            self._begin_coming()
            if own in self._waiting:
                self._waiting.remove(own)
            if not own.begun:
                own.begun = True
                own.begin()
            if own.error is not None:
                raise own.error
            return self._serve(own)
        finally:
            self._leave()

    def _serve(self, own: _Ticket) -> bool:
        engine = self.engine
        moved = engine.quick_turn()
        while not own.done():
            if self._closed.is_set():
                engine.stopped = engine.stopped or CLOSED
            if own.deadline <= engine.clock.now():
                return False
            moved = engine.turn(0.0 if moved else self._patience(own))
            if self._coming or self._waiting:
                self._begin_coming()
                self._serve_waiting()
        return True

    def _patience(self, own: _Ticket) -> float:
        if self._coming:
            return 0.0
        first = min((ticket.deadline for ticket in self._waiting), default=own.deadline)
        return min(LEAD_SECONDS_MAX, max(0.0, min(first, own.deadline) - self.engine.clock.now()))

    def _begin_coming(self) -> None:
        while self._coming:
            ticket = self._coming.popleft()
            if ticket.begun:
                continue
            ticket.begun = True
            self._waiting.append(ticket)
            self._guarded(ticket, ticket.begin)

    def _serve_waiting(self) -> None:
        """Let those go whose work is done, or whose time is up."""
        now = self.engine.clock.now()
        for ticket in list(self._waiting):
            ticket.served = bool(self._guarded(ticket, ticket.done))
            if ticket.served or ticket.error is not None or ticket.deadline <= now:
                self._let_go(ticket)

    def _guarded(self, ticket: _Ticket, step: Callable[[], T]) -> T | None:
        """What a waiting thread's own code raises is raised there, never in the leader."""
        try:
            return step()
        except Exception as error:
            ticket.error = error
            return None

    def _let_go(self, ticket: _Ticket) -> None:
        self._waiting.remove(ticket)
        assert ticket.gate is not None, "who waits has a gate"
        ticket.gone = True
        ticket.gate.release()

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
        self._waiting += [ticket for ticket in self._coming if not ticket.begun]
        self._coming.clear()
        for ticket in list(self._waiting):
            ticket.error = ticket.error or NodeError(why)
            self._let_go(ticket)

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
