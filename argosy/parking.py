"""A trio task that waits for one result, without an event object: it is rescheduled directly.

Owns the waiting. The result may come before, while, or after it waits. Read next: argosy/embedded.py.
"""

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
        """The result is here."""
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
