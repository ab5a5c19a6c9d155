"""One turn of a node's loop, the same under every driver.

Owns the order: drain links, journal and state; step the host; carry its effects out. Does not own when to wait.

    engine = Engine(links, clock)
    journal = Journal(path, engine.notify); state = State(path, engine.notify)
    engine.attach(host, journal, state)            # and engine.local = what takes (kind, payload) sent to link 0
    engine.begin(flow, done)                                 # a caller inside the process
    while engine.stopped is None: engine.turn(seconds)       # one thread at a time
Read next: node/drivers/trio.py, node/drivers/blocking.py.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from node.clock import ClockPort
from node.errors import NodeError
from node.flow import Done, Flow
from node.link import Links
from node.ports import LOCAL_LINK, Effects, Failed, JournalPort, NodePort, Record, StatePort, Synced
from node.sockets import READ, WRITE

POLLS_MAX = 8  # before a step, as long as each brings something
WATCH_AGAIN_SECONDS = 0.5  # a writer that was started again may have taken the number of its predecessor's pipe


class PumpedState(StatePort, Protocol):
    """A state whose pipes somebody must watch."""

    def pump(self) -> Sequence[Any]:
        """Move what moves without blocking; returns events."""
        ...

    def filenos(self) -> tuple[int, ...]:
        """Descriptors to watch for reading."""
        ...

    def wants_write(self) -> bool:
        """Whether `write_fileno` is to be watched for writing."""
        ...

    def write_fileno(self) -> int:
        """The descriptor that is written to."""
        ...


class KeepingJournal(JournalPort, Protocol):
    """A journal that its caller may write in its own thread."""

    def keep(self, record: Record) -> bool:
        """Like `submit`; True if `write_kept` is to be called."""
        ...

    def write_kept(self) -> Synced | Failed | None:
        """Write what is kept; what came of it, or None if that is told later. Blocks."""
        ...


class Engine:
    """A host, its links, its journal and its state, moved by turns.

    1. One thread takes a turn at a time; `notify` and `inject` alone may be called from any thread.
    2. Nothing that was notified or injected before a turn began is left out of it.
    3. An exception out of a turn ends the node, as a power cut would: `stopped` says why.
    4. Where `lone`, set by who takes the turns, says that nobody else wants anything meanwhile, the turn after a record
       writes it to the journal in place of a wait, which spares two changes of threads.
    """

    def __init__(self, links: Links, clock: ClockPort) -> None:
        self.links = links
        self.clock = clock
        self.local: Callable[[int, Any], None] = _nobody
        self.stopped: str | None = None
        self.turns = 0
        self.lone = False
        self._keeps = False  # the journal holds a record for this thread
        self._host: NodePort | None = None
        self._journal: KeepingJournal | None = None
        self._state: PumpedState | None = None
        self._events: deque[Any] = deque()
        self._watched: tuple[int, ...] = ()
        self._watch_at = 0.0

    def attach(self, host: NodePort, journal: KeepingJournal, state: PumpedState) -> None:
        """What the turns move; before the first of them."""
        self._host, self._journal, self._state = host, journal, state

    def notify(self, event: Any) -> None:
        """Something happened in another thread (the journal's): the next turn takes it, and comes at once."""
        self._events.append(event)
        self.links.wake()

    def inject(self, event: Any) -> None:
        """A frame of a caller inside this process, from a thread that takes the next turn itself."""
        self._events.append(event)

    def begin(self, flow: Flow[Any], done: Done) -> None:
        """Run a flow of a caller inside this process as far as it goes without a wait; turns do the rest (1, 3)."""
        host = self._host
        assert host is not None, "attach first"
        if self.stopped is not None:
            raise NodeError(self.stopped)
        try:
            host.begin(self.clock.now(), flow, done)
        except BaseException as error:
            self._broke(error)
            raise

    @property
    def wake_at(self) -> float:
        """When the next turn is due even if nothing becomes ready; 0 is now."""
        assert self._host is not None, "attach first"
        if self._events or self._keeps:
            return 0.0
        return min(self._host.wake_at, self.links.wake_at)

    def turn(self, seconds: float = 0.0) -> bool:
        """One turn; waits up to `seconds` for something to happen first. Whether anything happened.

        An interrupt of the wait leaves the node as it is; anything else that is raised ends it (3).
        """
        clock, links = self.clock, self.links
        if self._keeps:
            self._write_kept()
        elif seconds > 0.0 and not self._events and self.stopped is None:
            seconds = min(seconds, self.wake_at - clock.now())
            if seconds > 0.0:
                links.wait(seconds)
        return self._guarded(lambda now: self._step(now, self._come(now)))

    def _write_kept(self) -> None:
        assert self._journal is not None, "attach first"
        self._keeps = False
        written = self._journal.write_kept()
        if written is not None:
            self._events.append(written)

    def _come(self, now: float) -> list[Any]:
        """What has come by the links, and what came while it was read: one step for all of it."""
        poll = self.links.poll
        events = more = poll(now)
        polls = 1
        while more and polls < POLLS_MAX:
            more = poll(now)
            events += more
            polls += 1
        return events

    def quick_turn(self) -> bool:
        """A turn that does not look at sockets: for a caller inside the process whose request needs none."""
        return self._guarded(lambda now: self._step(now, []))

    def _guarded(self, step: Callable[[float], bool]) -> bool:
        if self.stopped is not None:
            raise NodeError(self.stopped)
        try:
            return step(self.clock.now())
        except BaseException as error:
            self._broke(error)
            raise

    def _broke(self, error: BaseException) -> None:
        self.stopped = self.stopped or f"the node stopped within a turn: {error!r}"

    def _step(self, now: float, events: list[Any]) -> bool:
        host, journal, state = self._host, self._journal, self._state
        assert host is not None and journal is not None and state is not None, "attach first"
        if self.links.watched_ready() or now >= self._watch_at:
            events += state.pump()
            self._watch(state, now, again=True)
        queue = self._events
        while queue:
            events.append(queue.popleft())
        if not events and now < host.wake_at:
            return False
        self.turns += 1
        effects = host.step(now, events)
        self._send(effects, now)
        if effects.record is not None:
            if self.lone:
                self._keeps = journal.keep(effects.record)
            else:
                journal.submit(effects.record)
                self._keeps = False
        queue.extend(state.pump())
        self._watch(state, now)
        if effects.stop is not None:
            self.stopped = effects.stop
        return True

    def _send(self, effects: Effects, now: float) -> None:
        links = self.links
        for link, kind, payload in effects.sends:
            if link == LOCAL_LINK:
                self.local(kind, payload)
            else:
                links.send(link, kind, payload)
        for node, address in effects.dials:
            links.dial(node, address, now)
        for link in effects.hangups:
            links.hang_up(link)
        links.flush()

    def _watch(self, state: PumpedState, now: float, again: bool = False) -> None:
        """Have the descriptors of the state watched, as it names them now; `again`: even if the numbers are old."""
        wanted = state.filenos()
        writing = state.write_fileno() if state.wants_write() else -1
        current = (*wanted, writing)
        if current == self._watched and not again:
            return
        links = self.links
        for descriptor in self._watched:
            if descriptor >= 0:
                links.watch(descriptor, 0)
        for descriptor in wanted:
            links.watch(descriptor, READ)
        if writing >= 0:
            links.watch(writing, WRITE)
        self._watched = current
        self._watch_at = now + WATCH_AGAIN_SECONDS

    def close(self) -> None:
        """Close the links. Journal and state belong to who made them."""
        self.stopped = self.stopped or "the node was closed"
        self.links.close()


def _nobody(kind: int, payload: Any) -> None:
    raise AssertionError(f"a frame of kind {kind} for callers inside this process, but there are none")
