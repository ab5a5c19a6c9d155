"""Values: what each type is in Python, casts between types, arithmetic that knows its limits, LIKE.

    INTEGER int, 64 bit    REAL float, finite    NUMERIC Decimal, 38 digits    TEXT str    BLOB bytes
    BOOLEAN bool           DATE date             TIMESTAMP datetime, without zone, microseconds

Owns what the generated functions of sql_lite_frontend/expressions.py call; none of these is called with None.
Read next: sql_lite_frontend/functions.py.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException, InvalidOperation
from functools import lru_cache
from math import isfinite
from typing import Any

from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.types import NUMBERS, Type

INTEGER_MIN, INTEGER_MAX = -(1 << 63), (1 << 63) - 1
NUMERIC_DIGITS_MAX = 38
NUMERIC_PLACES_MAX = 1_000  # before or behind the point
CONTEXT = Context(prec=NUMERIC_DIGITS_MAX, rounding=ROUND_HALF_UP)
PATTERNS_CACHED = 256
EPOCH_DATE = date(1970, 1, 1).toordinal()
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)

TYPES: dict[type, Type] = {
    type(None): Type.NULL,
    bool: Type.BOOLEAN,
    int: Type.INTEGER,
    float: Type.REAL,
    Decimal: Type.NUMERIC,
    str: Type.TEXT,
    bytes: Type.BLOB,
    date: Type.DATE,
    datetime: Type.TIMESTAMP,
}


def days_of(value: date) -> int:
    """Days since 1970."""
    return value.toordinal() - EPOCH_DATE


def date_of(days: int) -> date:
    """The day, so many days after 1970 began."""
    return date.fromordinal(days + EPOCH_DATE)


def micros_of(value: datetime) -> int:
    """Microseconds since 1970."""
    return (value - EPOCH) // MICROSECOND


def time_of(micros: int) -> datetime:
    """The time, so many microseconds after 1970 began."""
    return EPOCH + timedelta(microseconds=micros)


def integer(value: int) -> int:
    """The value. Raises 22003 beyond 64 bits."""
    if INTEGER_MIN <= value <= INTEGER_MAX:
        return value
    raise SqlError("22003", f"{value} is beyond 64 bits", hint="CAST to NUMERIC or REAL first")


def real(value: float) -> float:
    """The value. Raises 22003 for what is infinite or no number."""
    if isfinite(value):
        return value
    raise SqlError("22003", "the result is too large for REAL")


def numeric(value: Decimal) -> Decimal:
    """The value in at most 38 digits. Raises 22003."""
    if not value.is_finite() or abs(value.adjusted()) > NUMERIC_PLACES_MAX:
        raise SqlError("22003", "the result is too large or too small for NUMERIC")
    return CONTEXT.plus(value)


def check_parameter(value: Any) -> Any:
    """The value, if it is one of SQL's. Raises 22023 or 22003."""
    kind = TYPES.get(type(value))
    if kind is None:
        raise SqlError(
            "22023", f"a parameter of Python's type {type(value).__name__}", hint="see `values.py` for types"
        )
    if kind is Type.INTEGER:
        return integer(value)
    if kind is Type.REAL:
        return real(value)
    if kind is Type.NUMERIC:
        return numeric(value)
    if kind is Type.TIMESTAMP and value.tzinfo is not None:
        raise SqlError("22023", "a TIMESTAMP has no time zone", hint="give it in UTC, with tzinfo=None")
    if kind is Type.TEXT and not value.isascii():
        _utf8(value)
    return value


def _utf8(value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise SqlError("22023", "a text with half of a surrogate pair") from None


# -- arithmetic ----------------------------------------------------------------------------------------------------


def add(left: Any, right: Any) -> Any:
    """INTEGER + INTEGER."""
    return integer(left + right)


def subtract(left: Any, right: Any) -> Any:
    """INTEGER - INTEGER."""
    return integer(left - right)


def multiply(left: Any, right: Any) -> Any:
    """INTEGER * INTEGER."""
    return integer(left * right)


def divide(left: int, right: int) -> int:
    """INTEGER / INTEGER, towards zero."""
    if right == 0:
        raise SqlError("22012", "division by zero", hint="x / NULLIF(y, 0) is NULL there")
    quotient = abs(left) // abs(right)
    return integer(quotient if (left < 0) == (right < 0) else -quotient)


def remainder(left: int, right: int) -> int:
    """INTEGER % INTEGER, with the sign of the left."""
    return left - right * divide(left, right) if right != -1 else 0


def _reals(operation: Callable[[float, float], float]) -> Callable[[Any, Any], float]:
    def calculate(left: Any, right: Any) -> float:
        try:
            return real(operation(float(left), float(right)))
        except ZeroDivisionError:
            raise SqlError("22012", "division by zero", hint="x / NULLIF(y, 0) is NULL there") from None
        except OverflowError:
            return real(float("inf"))

    return calculate


def _numerics(operation: Callable[[Any, Any], Decimal]) -> Callable[[Any, Any], Decimal]:
    def calculate(left: Any, right: Any) -> Decimal:
        try:
            return numeric(operation(left, right))
        except ZeroDivisionError:
            raise SqlError("22012", "division by zero", hint="x / NULLIF(y, 0) is NULL there") from None
        except DecimalException:
            raise SqlError("22012", "division by zero, or beyond 38 digits") from None

    return calculate


def _fmod(left: float, right: float) -> float:
    if right == 0:
        raise ZeroDivisionError
    from math import fmod

    return fmod(left, right)


ARITHMETIC: dict[str, dict[Type, Callable[[Any, Any], Any]]] = {
    "+": {Type.INTEGER: add, Type.REAL: _reals(lambda a, b: a + b), Type.NUMERIC: _numerics(CONTEXT.add)},
    "-": {Type.INTEGER: subtract, Type.REAL: _reals(lambda a, b: a - b), Type.NUMERIC: _numerics(CONTEXT.subtract)},
    "*": {Type.INTEGER: multiply, Type.REAL: _reals(lambda a, b: a * b), Type.NUMERIC: _numerics(CONTEXT.multiply)},
    "/": {Type.INTEGER: divide, Type.REAL: _reals(lambda a, b: a / b), Type.NUMERIC: _numerics(CONTEXT.divide)},
    "%": {Type.INTEGER: remainder, Type.REAL: _reals(_fmod), Type.NUMERIC: _numerics(CONTEXT.remainder)},
}


# -- casts ---------------------------------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """The text of a value, as CAST(… AS TEXT) gives it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise SqlError("22P02", "these bytes are not UTF-8") from None
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def _rounded(value: Any) -> int:
    return integer(int(Decimal(value).to_integral_value(ROUND_HALF_UP)))


_TRUTHS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def _from_text(kind: Type, text: str) -> Any:
    given = text.strip()
    try:
        match kind:
            case Type.INTEGER:
                if re.fullmatch(r"[+-]?[0-9]{1,40}", given):
                    return integer(int(given))
            case Type.REAL:
                if "_" not in given:
                    return real(float(given))
            case Type.NUMERIC:
                if "_" not in given and len(given) <= NUMERIC_PLACES_MAX:
                    return numeric(Decimal(given))
            case Type.BOOLEAN:
                return _TRUTHS[given.lower()]
            case Type.DATE:
                return date.fromisoformat(given)
            case Type.TIMESTAMP:
                made = datetime.fromisoformat(given)
                if made.tzinfo is None:
                    return made
            case Type.BLOB:
                return text.encode("utf-8")
    except (ValueError, KeyError, InvalidOperation):
        pass
    raise SqlError("22P02", f"{text[:40]!r} is not a value of {kind}")


def _from_number(kind: Type, value: Any) -> Any:
    if kind is Type.INTEGER:
        return value if isinstance(value, int) else _rounded(value)
    if kind is Type.REAL:
        return real(float(value))
    if kind is Type.NUMERIC:
        return numeric(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    return bool(value)


def can_cast(source: Type, target: Type) -> bool:
    """Is there a cast between these types?"""
    if source is target or Type.TEXT in (source, target) or source is Type.NULL:
        return True
    if source in (*NUMBERS, Type.BOOLEAN) and target in (*NUMBERS, Type.BOOLEAN):
        return source in NUMBERS or target is Type.INTEGER
    return {source, target} == {Type.DATE, Type.TIMESTAMP}


def cast_to(kind: Type) -> Callable[[Any], Any]:
    """The function that makes any value, which `can_cast` allows, one of this type."""

    def cast(value: Any) -> Any:
        if TYPES[type(value)] is kind:
            return value
        if kind is Type.TEXT:
            return as_text(value)
        if isinstance(value, str):
            return _from_text(kind, value)
        if kind is Type.DATE:
            return value.date()
        if kind is Type.TIMESTAMP:
            return datetime(value.year, value.month, value.day)
        return _from_number(kind, value)

    return cast


CASTS: dict[Type, Callable[[Any], Any]] = {kind: cast_to(kind) for kind in Type if kind is not Type.NULL}


def fit_numeric(value: Decimal, digits: int, scale: int) -> Decimal:
    """The value of a column NUMERIC(digits, scale). Raises 22003."""
    made = value.quantize(Decimal(1).scaleb(-scale), context=CONTEXT)
    if made and made.adjusted() >= digits - scale:
        raise SqlError("22003", f"{value} does not fit NUMERIC({digits}, {scale})")
    return made


# -- LIKE ----------------------------------------------------------------------------------------------------------


@lru_cache(PATTERNS_CACHED)
def _pattern(like: str, escape: str) -> re.Pattern[str]:
    """`%` is any text, `_` one character.

    What stands between two `%` is taken where it first fits, and no other place is tried (an atomic group): a later
    place leaves less text to the rest, so it never fits where the first one does not. So no pattern takes long.
    """
    pieces = [""]
    letters = iter(like)
    for letter in letters:
        if escape and letter == escape:
            letter = next(letters, "")
            if not letter:
                raise SqlError("22P02", "a pattern ends with its escape character")
            pieces[-1] += re.escape(letter)
        elif letter == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if letter == "_" else re.escape(letter)
    first, *between = pieces
    last = ".*" + between.pop() if between else ""
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in between if piece) + last, re.DOTALL)


def like(value: str, pattern: str, escape: str = "") -> bool:
    """Does the text match, large and small letters apart?"""
    if len(escape) > 1:
        raise SqlError("22P02", "ESCAPE is followed by one character")
    return _pattern(pattern, escape).fullmatch(value) is not None
