"""What stands between the state and its writer process: frames kept until acknowledged, never blocking.

Owns the child process, its pipes, and sending again after its death. Does not own what a frame means
(node/writer.py) or what an acknowledgement allows (node/state.py). Read next: node/state.py.
"""

import fcntl
import os
from collections import deque
from pathlib import Path
from typing import Any

from node.errors import DiskError
from node.writer import Answer, Order, Splitter, frame, start_writer

PIPE_BYTES = 1 << 20  # asked of the system, which may give less
READ_BYTES = 1 << 16
BUFFERS_PER_WRITE = 64
DEATHS_MAX = 3  # of the writer, without an acknowledgement between them


class Feed:
    """The pipe to one writer at a time.

    1. A frame is kept until a commit with its sequence, or a later one, is acknowledged.
    2. A new writer first says which sequence its environment holds; what is kept above that is sent again, so each
       frame is committed exactly once, in order.
    3. `lock` is held by us and by each writer that we start: who gets it knows that no writer is left.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = os.open(path / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Waits only for a writer whose node was killed; it ends when its pipe does, after one commit at most.
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._kept: deque[tuple[int, bytes]] = deque()
        self._outgoing: deque[bytes | memoryview] = deque()
        self._greeted = False
        self._deaths = 0
        self.kept_bytes = 0
        self._start()

    def _start(self) -> None:
        self._greeted = False
        self._outgoing.clear()
        self._splitter = Splitter()
        self._child = start_writer(self._path, self._lock)
        assert self._child.stdin is not None, "asked for as a pipe"
        assert self._child.stdout is not None, "asked for as a pipe"
        self._to, self._from = self._child.stdin.fileno(), self._child.stdout.fileno()
        self._blocking = True
        self._set_blocking(False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            try:
                fcntl.fcntl(self._to, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            except OSError:
                pass  # the limit of this user's pipes is reached: the usual size does, only slower

    @property
    def process(self) -> int:
        """The writer's process id."""
        return self._child.pid

    def filenos(self) -> tuple[int, int]:
        """What to watch: readable, and writable while `wants_write`. They change when a writer is started again."""
        return self._from, self._to

    def wants_write(self) -> bool:
        """Whether bytes wait for room in the pipe."""
        return bool(self._outgoing)

    def push(self, sequence: int, sent: bytes) -> None:
        """Queue a frame; `pump` writes it."""
        self._kept.append((sequence, sent))
        self.kept_bytes += len(sent)
        if self._greeted:
            self._outgoing.append(sent)

    def remind(self) -> None:
        """Have the writer try again what it had no room for."""
        if self._greeted:
            self._outgoing.append(frame((Order.AGAIN,)))

    def pump(self, wait: bool = False) -> list[tuple[Any, ...]]:
        """Write and read what goes without blocking; with `wait`, write all and wait until the writer says something.

        Returns its answers; starts a dead writer again. Raises `DiskError` when writers die again and again.
        """
        answers: list[tuple[Any, ...]] = []
        self._set_blocking(wait)
        alive = self._write()
        while alive:
            try:
                received = os.read(self._from, READ_BYTES)
            except BlockingIOError:
                break
            alive = received != b""
            for answer in self._splitter.take(received):
                self._on_answer(answer)
                answers.append(answer)
            self._set_blocking(False)
        if not alive and not (answers and answers[-1][0] == Answer.FAILED):
            self._restart()
        if self._outgoing:
            self._write()
        return answers

    def _set_blocking(self, blocking: bool) -> None:
        if blocking != self._blocking:
            self._blocking = blocking
            os.set_blocking(self._to, blocking)
            os.set_blocking(self._from, blocking)

    def _on_answer(self, answer: tuple[Any, ...]) -> None:
        if answer[0] == Answer.HELLO:
            self._acknowledge(answer[1])
            self._outgoing = deque(sent for _, sent in self._kept)
            self._greeted = True
        elif answer[0] == Answer.COMMITTED:
            self._deaths = 0
            self._acknowledge(answer[1])

    def _acknowledge(self, sequence: int) -> None:
        kept = self._kept
        while kept and kept[0][0] <= sequence:
            self.kept_bytes -= len(kept.popleft()[1])

    def _write(self) -> bool:
        """False if the writer is gone."""
        outgoing = self._outgoing
        while outgoing:
            buffers = [outgoing[place] for place in range(min(len(outgoing), BUFFERS_PER_WRITE))]
            try:
                written = os.writev(self._to, buffers)
            except BlockingIOError:
                return True
            except BrokenPipeError:
                return False
            while written:
                first = outgoing.popleft()
                if written < len(first):
                    outgoing.appendleft(memoryview(first)[written:])
                    break
                written -= len(first)
        return True

    def _restart(self) -> None:
        self._end()
        self._deaths += 1
        if self._deaths > DEATHS_MAX:
            raise DiskError(
                f"the writer process of {self._path} died {self._deaths} times in a row, the last time with status "
                f"{self._child.returncode}: see its messages on the node's standard error"
            )
        self._start()

    def _end(self) -> None:
        assert self._child.stdin is not None, "asked for as a pipe"
        assert self._child.stdout is not None, "asked for as a pipe"
        self._child.stdin.close()
        self._child.wait()
        self._child.stdout.close()

    def close(self) -> None:
        """End the writer and wait for it; what it has not acknowledged is not sent again."""
        self._end()
        os.close(self._lock)

    def close_in_child(self) -> None:
        """In a forked child: let go of the descriptors, so that the writer's pipe ends when the node does."""
        for descriptor in (self._to, self._from, self._lock):
            os.close(descriptor)
