"""Clocks: the only importer of `time` and `datetime`.

Owns the node's clock, which counts suspended time too where the system can (leases.md compares rates, never
readings), and wall time, which is for people only. Does not own timers (node/host.py).
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class ClockPort(Protocol):
    """A clock as a driver sees it."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""
        ...


class Clock:
    """The clock of a living node."""

    __slots__ = ()

    def now(self) -> float:
        """Seconds since the machine started, suspended time included."""
        return time.clock_gettime(_CLOCK)


def wall_date(days: int) -> datetime:
    """The date so many days from now, for certificates."""
    return datetime.now(UTC) + timedelta(days=days)


def days_until(date: datetime) -> int:
    """Whole days until a date; negative if it is over."""
    return (date - datetime.now(UTC)) // timedelta(days=1)
