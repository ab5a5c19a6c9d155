"""Parts of dates and times, their texts, and days between dates.

Owns what the functions of the same names compute (sql_lite_frontend/functions.py); none of these is called with None.
Read next: sql_lite_frontend/functions.py.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.values import EPOCH, MICROSECOND, date_of, days_of

_PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda at: at.year,
    "quarter": lambda at: (at.month + 2) // 3,
    "month": lambda at: at.month,
    "week": lambda at: at.isocalendar().week,
    "day": lambda at: at.day,
    "doy": lambda at: at.timetuple().tm_yday,
    "dow": lambda at: at.isoweekday() % 7,
    "isodow": lambda at: at.isoweekday(),
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "microsecond": lambda at: at.microsecond,
    "epoch": lambda at: (at - EPOCH) // MICROSECOND // 1_000_000,
}
_CODES: dict[str, Callable[[datetime], str]] = {
    "Y": lambda at: f"{at.year:04}",
    "m": lambda at: f"{at.month:02}",
    "d": lambda at: f"{at.day:02}",
    "H": lambda at: f"{at.hour:02}",
    "M": lambda at: f"{at.minute:02}",
    "S": lambda at: f"{at.second:02}",
    "f": lambda at: f"{at.second:02}.{at.microsecond // 1000:03}",
    "j": lambda at: f"{_PARTS['doy'](at):03}",
    "w": lambda at: str(_PARTS["dow"](at)),
    "s": lambda at: str(_PARTS["epoch"](at)),
    "%": lambda at: "%",
}
_CUT: dict[str, Callable[[datetime], datetime]] = {
    "year": lambda at: datetime(at.year, 1, 1),
    "quarter": lambda at: datetime(at.year, (at.month - 1) // 3 * 3 + 1, 1),
    "month": lambda at: datetime(at.year, at.month, 1),
    "day": lambda at: datetime(at.year, at.month, at.day),
    "hour": lambda at: at.replace(minute=0, second=0, microsecond=0),
    "minute": lambda at: at.replace(second=0, microsecond=0),
    "second": lambda at: at.replace(microsecond=0),
}


def _time(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _of(table: dict[str, Any], name: str, what: str) -> Any:
    found = table.get(name)
    if found is None:
        raise SqlError("22023", f"{name[:40]!r} is no {what}", hint="there are " + ", ".join(table))
    return found


def part(name: str, value: date) -> int:
    """EXTRACT(name FROM value): a whole number."""
    found: int = _of(_PARTS, name.lower(), "part of a time")(_time(value))
    return found


def cut(name: str, value: date) -> datetime:
    """The time at which this year, month, … began."""
    found: datetime = _of(_CUT, name.lower(), "part to cut a time at")(_time(value))
    return found


def written(form: str, value: date) -> str:
    """The time in a form such as '%Y-%m-%d', with SQLite's letters."""
    at = _time(value)
    return re.sub(r"%(.?)", lambda found: _of(_CODES, found[1], "letter of a time")(at), form, flags=re.DOTALL)


def days_later(value: date, days: int) -> date:
    """DATE + INTEGER. Raises 22003."""
    try:
        return date_of(days_of(value) + days)
    except (ValueError, OverflowError):
        raise SqlError("22003", "a DATE is between the years 1 and 9999") from None


def days_earlier(value: date, days: int) -> date:
    """DATE - INTEGER. Raises 22003."""
    return days_later(value, -days)


def days_between(later: date, earlier: date) -> int:
    """DATE - DATE."""
    return days_of(later) - days_of(earlier)
