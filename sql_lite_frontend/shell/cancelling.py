"""Ctrl-C ends the statement that runs, not the shell.

An interrupt that is raised anywhere could leave a node or a connection in the middle of a step. So it is only noted,
and the statement's flow ends where it waits next. A statement that computes without waiting is ended where it
computes, if that is in code of SQL. A commit under way is not given up at the first Ctrl-C: it ends soon, and then its
outcome is known. The third Ctrl-C is an ordinary interrupt. Owns the signal's handler while a statement runs.
Read next: sql_lite_frontend/shell/shell.py.
"""

import os
import signal
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol, TypeVar

from node.flow import Flow
from sql_lite_frontend.errors import SqlError
from txn.transaction import Transaction

T = TypeVar("T")
FLOORS = ("argosy", "sql_lite_frontend", "txn", "ranges", "node")
PATIENT = b"\nThe commit is under way and will be known in some seconds; Ctrl-C again gives it up.\n"
SURE = 3  # interrupts, until one is raised wherever it comes


class Runner(Protocol):
    """Carries flows to their end in the calling thread."""

    def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception."""
        ...


class Cancelling:
    """Runs flows that Ctrl-C ends.

    1. `asked` counts the interrupts since the outermost block of `listening` began; outside of it nothing is caught.
    2. `_committing`: this flow has waited for a commit. What it computes behind that is not given up: it has happened.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._flow: Flow[Any] | None = None
        self._listens = False
        self._committing = False
        self.asked = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """In this block Ctrl-C is for the flows; in other threads than the main one it comes to nobody."""
        if self._listens or threading.current_thread() is not threading.main_thread():
            yield
            return
        self.asked, self._listens = 0, True
        before = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            self._listens = False

    def run(self, flow: Flow[T]) -> T:
        """The flow's result. Raises 57014 if it was cancelled, 40003 if that was in the middle of a commit."""
        return self._runner.run(self._watched(flow))

    def look(self) -> None:
        """Raises 57014 if Ctrl-C was pressed: for work between flows."""
        if self.asked:
            raise cancelled()

    def _watched(self, flow: Flow[T]) -> Flow[T]:
        reply: Any = None
        error: BaseException | None = None
        self._flow, self._committing = flow, False
        try:
            while True:
                self._look(flow)
                try:
                    wish = flow.send(reply) if error is None else flow.throw(error)
                except StopIteration as end:
                    result: T = end.value
                    return result
                reply = error = None
                self._committing = self._committing or commits(flow)
                try:
                    reply = yield wish
                except Exception as raised:
                    error = raised
        finally:
            self._flow = None
            flow.close()

    def _look(self, flow: Flow[Any]) -> None:
        if not self.asked:
            return
        if not commits(flow):
            raise cancelled()
        if self.asked > 1:
            raise SqlError("40003", "given up in the middle of its commit", hint="look before you try again")

    def _on_interrupt(self, _: int, frame: FrameType | None) -> None:
        self.asked += 1
        flow = self._flow
        if flow is None:
            return
        if self.asked >= SURE:
            raise KeyboardInterrupt
        if commits(flow):
            if self.asked == 1:
                os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, PATIENT)
        elif not self._committing and _computes(frame):
            raise cancelled()


def cancelled() -> SqlError:
    """What a statement fails with that was given up."""
    return SqlError("57014", "cancelled, as you asked")


def commits(flow: Flow[Any]) -> bool:
    """Does this flow wait within a transaction's commit?"""
    inner: Any = flow
    while isinstance(inner, Generator):
        if getattr(inner, "gi_code", None) is Transaction.commit.__code__:
            return True
        inner = getattr(inner, "gi_yieldfrom", None)
    return False


def _computes(frame: FrameType | None) -> bool:
    """Is this within code of SQL, and in nothing that it calls in the floors below?"""
    while frame is not None:
        floor = str(frame.f_globals.get("__name__", "")).split(".")[0]
        if floor in FLOORS:
            return floor == "sql_lite_frontend" and frame.f_code is not Cancelling._watched.__code__
        frame = frame.f_back
    return False
