"""Trying a transaction again: how often, after what pause, and with which age.

Owns the count of one `run`; what is tried is the caller's function, so this cannot be a flow. Only `Aborted` is
tried again, never an unknown outcome. Read next: txn/database.py.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from node.flow import Flow, Sleep
from txn.database import Database as Core
from txn.database import backoff
from txn.errors import Aborted
from txn.transaction import Transaction as Attempt

Function = TypeVar("Function", bound=Callable[..., Any])


class Tries:
    """The attempts of one `run`; each has the age of the first, so that in the end it is the oldest and wins."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._until = core.router.now() + core.seconds
        self._age = self._failures = 0

    def begin(self) -> Attempt:
        """A new attempt."""
        return self._core.begin(self._age)

    def again(self, attempt: Attempt, error: Aborted) -> Flow[None]:
        """An attempt was aborted: a pause, to be run before the next. Raises the error if the time is over."""
        attempt.rollback()
        self._age = attempt.age
        self._failures += 1
        if self._core.router.now() >= self._until:
            raise error
        return _pause(backoff(self._failures, self._core.router.chance))


def _pause(seconds: float) -> Flow[None]:
    yield Sleep(seconds)


def transactional(function: Function) -> Function:
    """Let a function whose first argument is a transaction be called with a database too.

    Called with a database it runs as one transaction of its own, tried again while it is aborted; called with a
    transaction it is part of that one. Under trio the function is a coroutine function, and is awaited.
    """

    @wraps(function)
    def call(where: Any, *arguments: Any, **named: Any) -> Any:
        if hasattr(where, "run"):
            return where.run(function, *arguments, **named)
        return function(where, *arguments, **named)

    return call  # type: ignore[return-value]
