"""How trio's tasks wait here: for one result, without an event object; and beside tasks that serve them.

Owns `Parked`, whose task is rescheduled directly, and `beside`. Read next: argosy/embedded.py.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import trio

T = TypeVar("T")


class Parked(Generic[T]):
    """One result on its way to one task.

    1. A task that is cancelled is forgotten first, and never rescheduled by a result that comes later.
    """

    __slots__ = ("_error", "_here", "_task", "_value")

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None
        self._here = False
        self._value: Any = None
        self._error: BaseException | None = None

    def take(self, value: Any, error: BaseException | None) -> None:
        """The result is here; the first one counts."""
        if self._here:
            return
        self._here, self._value, self._error = True, value, error
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)

    async def wait(self) -> T:
        """The value; raises what the work raised."""
        if self._here:
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._forget)
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value

    def _forget(self, _: Any) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


@asynccontextmanager
async def beside(*servants: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Tasks that run while the block does. What the block raises comes out as it is, not in a group."""
    try:
        async with trio.open_nursery() as nursery:
            for each in servants:
                nursery.start_soon(each)
            yield
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        alone = _alone(group)
        if alone is None:
            raise
        raise alone from None


def _alone(error: BaseException) -> BaseException | None:
    """The one exception in nested groups of one; None where there are more."""
    while isinstance(error, BaseExceptionGroup):
        if len(error.exceptions) != 1:
            return None
        error = error.exceptions[0]
    return error
