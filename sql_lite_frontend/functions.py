"""Functions by name: which types they take, what type they give, and what computes them.

Owns the scalar functions, all of which are NULL for a NULL argument, and the aggregates. Those that treat NULL
otherwise (COALESCE, NULLIF, …) are forms of the binder. Does not own operators (sql_lite_frontend/values.py).
Read next: sql_lite_frontend/binder.py.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from sql_lite_frontend import times
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.types import NUMBERS, TIMES, Type
from sql_lite_frontend.values import CONTEXT, integer, numeric, real

TEXT_BYTES_MAX = 1 << 20  # of a text that a function makes longer
ROUND_PLACES_MAX = 300

Z, N, R, T, B = Type.INTEGER, Type.NUMERIC, Type.REAL, Type.TEXT, Type.BLOB


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function."""

    takes: tuple[Type, ...]
    gives: Type
    compute: Callable[..., Any]


def _substr(text: Any, start: int, length: int | None = None) -> Any:
    """From the `start`th letter, counted from 1, or from the end if negative, as SQLite does."""
    size = len(text)
    first = start - 1 if start > 0 else (size + start if start < 0 else -1)
    if length is None:
        return text[max(first, 0) :]
    first, last = (first, first + length) if length >= 0 else (first + length, first)
    return text[max(first, 0) : max(last, 0)]


def _round(value: Any, places: int = 0) -> Any:
    """Half away from zero."""
    if abs(places) > ROUND_PLACES_MAX:
        raise SqlError("22003", f"ROUND to at most {ROUND_PLACES_MAX} places")
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if exact.as_tuple().exponent >= -places and places >= 0:  # type: ignore[operator]
        return value
    made = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=CONTEXT_WIDE)
    return numeric(made) if isinstance(value, Decimal) else real(float(made))


CONTEXT_WIDE = CONTEXT.copy()
CONTEXT_WIDE.prec = 700


def _limited(text: str) -> str:
    if len(text) > TEXT_BYTES_MAX:
        raise SqlError("22003", f"a function makes a text of at most {TEXT_BYTES_MAX} letters")
    return text


def _replace(text: str, old: str, new: str) -> str:
    if not old:
        return text
    if len(text) + text.count(old) * max(0, len(new) - len(old)) > TEXT_BYTES_MAX:
        raise SqlError("22003", f"a function makes a text of at most {TEXT_BYTES_MAX} letters")
    return text.replace(old, new)


def _root(value: float) -> float:
    if value < 0:
        raise SqlError("22003", "the square root of a number below zero")
    return math.sqrt(value)


def _power(base: float, exponent: float) -> float:
    try:
        made = base**exponent
    except (OverflowError, ZeroDivisionError):
        raise SqlError("22003", "the result is too large for REAL") from None
    if isinstance(made, complex):
        raise SqlError("22003", "a root of a number below zero")
    return real(made)


def _whole(rounding: str, rounded: Callable[[float], int]) -> list[Signature]:
    return [
        Signature((Z,), Z, lambda value: value),
        Signature((N,), N, lambda value: numeric(value.to_integral_value(rounding))),
        Signature((R,), R, lambda value: float(rounded(value))),
    ]


def _strip(way: Callable[..., str]) -> list[Signature]:
    return [Signature((T,), T, lambda text: way(text, " ")), Signature((T, T), T, lambda text, what: way(text, what))]


def _left(text: str, count: int) -> str:
    """So many letters; below zero all but so many."""
    return text[:count]


def _right(text: str, count: int) -> str:
    return text[-count:] if count else ""


def _repeat(text: str, count: int) -> str:
    if len(text) * count > TEXT_BYTES_MAX:
        raise SqlError("22003", f"a function makes a text of at most {TEXT_BYTES_MAX} letters")
    return text * count


def _pad(before: bool) -> Callable[..., str]:
    def pad(text: str, length: int, fill: str = " ") -> str:
        missing = length - len(text)
        if missing <= 0 or not fill:
            return text[: max(0, length)]
        if length > TEXT_BYTES_MAX:
            raise SqlError("22003", f"a function makes a text of at most {TEXT_BYTES_MAX} letters")
        more = (fill * (missing // len(fill) + 1))[:missing]
        return more + text if before else text + more

    return pad


def _letter(code: int) -> str:
    if not 0 < code < 0x110000 or 0xD800 <= code < 0xE000:
        raise SqlError("22003", f"{code} is no letter's number")
    return chr(code)


def _concat(*texts: Any) -> Any:
    return _limited("".join(texts))


FUNCTIONS: dict[str, list[Signature]] = {
    "abs": [
        Signature((Z,), Z, lambda value: integer(abs(value))),
        Signature((N,), N, abs),
        Signature((R,), R, abs),
    ],
    "sign": [Signature((each,), Z, lambda value: (value > 0) - (value < 0)) for each in NUMBERS],
    "round": [
        Signature((Z,), Z, lambda value: value),
        Signature((N,), N, _round),
        Signature((N, Z), N, _round),
        Signature((R,), R, _round),
        Signature((R, Z), R, _round),
    ],
    "floor": _whole(ROUND_FLOOR, math.floor),
    "ceil": _whole(ROUND_CEILING, math.ceil),
    "sqrt": [Signature((R,), R, _root)],
    "power": [Signature((R, R), R, _power)],
    "length": [Signature((T,), Z, len), Signature((B,), Z, len)],
    "octet_length": [Signature((B,), Z, len), Signature((T,), Z, lambda text: len(text.encode("utf-8")))],
    "lower": [Signature((T,), T, str.lower)],
    "upper": [Signature((T,), T, str.upper)],
    "substr": [Signature((each, Z, *more), each, _substr) for each in (T, B) for more in ((), (Z,))],
    "trim": _strip(str.strip),
    "ltrim": _strip(str.lstrip),
    "rtrim": _strip(str.rstrip),
    "replace": [Signature((T, T, T), T, _replace)],
    "instr": [Signature((each, each), Z, lambda text, part: text.find(part) + 1) for each in (T, B)],
    "left": [Signature((T, Z), T, _left)],
    "right": [Signature((T, Z), T, _right)],
    "reverse": [Signature((T,), T, lambda text: text[::-1])],
    "repeat": [Signature((T, Z), T, _repeat)],
    "lpad": [Signature((T, Z, *more), T, _pad(True)) for more in ((), (T,))],
    "rpad": [Signature((T, Z, *more), T, _pad(False)) for more in ((), (T,))],
    "starts_with": [Signature((T, T), Type.BOOLEAN, str.startswith)],
    "ascii": [Signature((T,), Z, lambda text: ord(text[0]) if text else 0)],
    "chr": [Signature((Z,), T, _letter)],
    "date_part": [Signature((T, each), Z, times.part) for each in TIMES],
    "date_trunc": [Signature((T, each), Type.TIMESTAMP, times.cut) for each in TIMES],
    "strftime": [Signature((T, each), T, times.written) for each in TIMES],
    "hex": [Signature((B,), T, lambda value: value.hex().upper())],
}
FUNCTIONS["strpos"] = FUNCTIONS["instr"]
FUNCTIONS["ceiling"] = FUNCTIONS["ceil"]
FUNCTIONS["pow"] = FUNCTIONS["power"]
FUNCTIONS["substring"] = FUNCTIONS["substr"]
FUNCTIONS["char_length"] = [FUNCTIONS["length"][0]]

CONCAT = {T: _concat, B: lambda left, right: left + right}

_WIDER = {Z: (Z, N, R), N: (N, R), R: (R,)}


def find(name: str, types: Sequence[Type]) -> Signature | None:
    """The first way to call the function with such arguments; NULL fits all, and numbers become wider."""
    for signature in FUNCTIONS.get(name, ()):
        if len(signature.takes) == len(types) and all(
            given is Type.NULL or wanted in _WIDER.get(given, (given,))
            for given, wanted in zip(types, signature.takes, strict=True)
        ):
            return signature
    return None


# -- aggregates ----------------------------------------------------------------------------------------------------


class Count:
    """COUNT of values that are not NULL, or of rows."""

    def __init__(self) -> None:
        self.total: Any = 0

    def take(self, values: list[Any]) -> None:
        """More values, none of them NULL."""
        self.total += len(values)

    def result(self) -> Any:
        """The value of the aggregate."""
        return self.total


class Sum(Count):
    """SUM: NULL of no values. REAL values of a batch are added exactly and rounded once."""

    def __init__(self) -> None:
        self.total = None
        self._parts: list[float] = []

    def take(self, values: list[Any]) -> None:
        """More values, none of them NULL."""
        if not values:
            return
        if type(values[0]) is float:
            self._parts = [math.fsum((*self._parts, *values))]
            self.total = self._parts[0]
        elif type(values[0]) is int:
            self.total = sum(values, self.total or 0)
        else:
            for value in values:
                self.total = value if self.total is None else numeric(CONTEXT.add(self.total, value))

    def result(self) -> Any:
        """The value of the aggregate. Raises 22003."""
        if self.total is None or type(self.total) is Decimal:
            return self.total
        return integer(self.total) if type(self.total) is int else real(self.total)


class Average(Sum):
    """AVG: of INTEGER and REAL it is REAL."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def take(self, values: list[Any]) -> None:
        """More values, none of them NULL."""
        self._count += len(values)
        super().take(values)

    def result(self) -> Any:
        """The value of the aggregate."""
        if self.total is None:
            return None
        return (
            numeric(CONTEXT.divide(self.total, self._count))
            if type(self.total) is Decimal
            else self.total / self._count
        )


class Least(Count):
    """MIN."""

    def __init__(self) -> None:
        self.total = None

    def take(self, values: list[Any]) -> None:
        """More values, none of them NULL."""
        if values:
            found = min(values)
            self.total = found if self.total is None else min(self.total, found)


class Greatest(Least):
    """MAX."""

    def take(self, values: list[Any]) -> None:
        """More values, none of them NULL."""
        if values:
            found = max(values)
            self.total = found if self.total is None else max(self.total, found)


class Distinct:
    """Any other aggregate, of each value once."""

    def __init__(self, inner: Count) -> None:
        self._inner = inner
        self.seen: dict[Any, None] = {}

    def take(self, values: list[Any]) -> None:
        """More values, none of them NULL."""
        seen = self.seen
        fresh = [value for value in dict.fromkeys(values) if value not in seen]
        seen.update(dict.fromkeys(fresh))
        self._inner.take(fresh)

    def result(self) -> Any:
        """The value of the aggregate."""
        return self._inner.result()


class Joined(Count):
    """GROUP_CONCAT: texts one behind another, in the order in which they come."""

    def __init__(self, separator: str) -> None:
        self.total = None
        self._separator = separator

    def take(self, values: list[Any]) -> None:
        """More values, none of them NULL."""
        if values:
            some = self._separator.join(values)
            self.total = _limited(some if self.total is None else self.total + self._separator + some)


class Spread(Count):
    """VARIANCE, and with `root` STDDEV, of a sample or of all there is (`whole`), by Welford's sums."""

    def __init__(self, whole: bool, root: bool) -> None:
        super().__init__()
        self._whole, self._root = whole, root
        self._mean = self._squares = 0.0

    def take(self, values: list[Any]) -> None:
        """More values, none of them NULL."""
        for value in map(float, values):
            self.total += 1
            away = value - self._mean
            self._mean += away / self.total
            self._squares += away * (value - self._mean)

    def result(self) -> Any:
        """The value of the aggregate; NULL of too few values."""
        count = self.total if self._whole else self.total - 1
        if count < 1:
            return None
        found = real(self._squares / count)
        return math.sqrt(found) if self._root else found


AGGREGATES: dict[str, Callable[..., Count]] = {
    "count": Count,
    "sum": Sum,
    "avg": Average,
    "min": Least,
    "max": Greatest,
    "bool_and": Least,
    "bool_or": Greatest,
    "group_concat": Joined,
    "string_agg": Joined,
    "stddev": lambda: Spread(False, True),
    "stddev_pop": lambda: Spread(True, True),
    "variance": lambda: Spread(False, False),
    "var_pop": lambda: Spread(True, False),
}
JOINING = ("group_concat", "string_agg")  # they take a separator


def aggregate_type(name: str, argument: Type) -> Type | None:
    """The type of an aggregate of such values; None if there is no such aggregate."""
    if name == "count":
        return Z
    if name in ("min", "max"):
        return argument
    if name in JOINING:
        return T
    if name in ("bool_and", "bool_or"):
        return Type.BOOLEAN if argument in (Type.BOOLEAN, Type.NULL) else None
    if argument not in (*NUMBERS, Type.NULL):
        return None
    if name == "avg":
        return N if argument is N else R
    return argument if name == "sum" else R
