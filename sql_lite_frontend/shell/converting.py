"""From what a file holds to values of a table's columns: a column of a batch at once, and where that fails row by row.

An empty field of CSV is NULL; empty text is NULL where it can be nothing else. A time with a zone becomes UTC. Nothing
is rounded or cut: what does not fit refuses its row. Owns these rules. Does not own casts
(sql_lite_frontend/values.py). Read next: sql_lite_frontend/shell/importing.py.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any

from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.schema import Column
from sql_lite_frontend.shell.records import EMPTY_TEXT, Batch
from sql_lite_frontend.types import NUMBERS, Type
from sql_lite_frontend.values import CASTS, INTEGER_MAX, INTEGER_MIN, TYPES, as_text, check_parameter, integer, real

BYTES = re.compile(r"[xX]'((?:[0-9a-fA-F]{2})*)'")
TRUTHS = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}
SHOWN = 40  # letters of a value
Refuse = Callable[[int, str], None]
Rows = list[tuple[Any, ...]]


class Converter:
    """Makes rows for some columns of a table. `typed`: the file's values have types; `null`: a text that is NULL."""

    def __init__(self, columns: Sequence[Column], typed: bool, null: str) -> None:
        self._columns = columns
        self._typed = typed
        self._nulls = {"", null}

    def rows(self, batch: Batch, refuse: Refuse) -> tuple[list[int], Rows]:
        """The rows and their lines; those that are none are refused by line and reason."""
        if not batch.rows:
            return [], []
        try:
            columns = [self._all(*each) for each in zip(self._columns, zip(*batch.rows, strict=True), strict=True)]
        except (ValueError, SqlError):
            return self._one_by_one(batch, refuse)
        return batch.lines, list(zip(*columns, strict=True))

    def _all(self, column: Column, given: Sequence[Any]) -> Sequence[Any]:
        """The values of a column. Raises ValueError or SqlError where one of them wants a closer look."""
        values = self._with_nulls(column.type, given)
        some = [each for each in values if each is not None] if None in values else values
        if len(some) < len(values) and column.not_null:
            raise ValueError
        kinds = set(map(type, some))
        if kinds == {str} and not (self._typed and column.type is Type.BLOB):
            made = ALL[column.type](some)
        elif len(kinds) == 1 and TYPES.get(*kinds) is column.type:
            made = list(map(check_parameter, some))
        else:
            made = [_one(column.type, each, self._typed) for each in some]
        if len(some) == len(values):
            return made
        following = iter(made)
        return [None if each is None else next(following) for each in values]

    def _with_nulls(self, kind: Type, given: Sequence[Any]) -> Sequence[Any]:
        """The file's values, with None for NULL."""
        if self._typed:
            return given
        if EMPTY_TEXT in given:
            empty = "" if kind in (Type.TEXT, Type.BLOB) else None
            return [None if each in self._nulls else empty if each == EMPTY_TEXT else each for each in given]
        if any(each in given for each in self._nulls):
            return [None if each in self._nulls else each for each in given]
        return given

    def _one_by_one(self, batch: Batch, refuse: Refuse) -> tuple[list[int], Rows]:
        lines: list[int] = []
        rows: Rows = []
        for line, row in zip(batch.lines, batch.rows, strict=True):
            try:
                made = tuple(map(self._value, self._columns, row))
            except SqlError as error:
                refuse(line, error.message)
                continue
            lines.append(line)
            rows.append(made)
        return lines, rows

    def _value(self, column: Column, given: Any) -> Any:
        """Raises SqlError, which names the column."""
        value = self._with_nulls(column.type, (given,))[0]
        if value is None:
            if column.not_null:
                raise SqlError("23502", f"column {column.name} is NOT NULL")
            return None
        try:
            return _one(column.type, value, self._typed)
        except SqlError as error:
            raise SqlError(error.state, f"column {column.name}: {error.message}") from None


def _one(kind: Type, value: Any, typed: bool) -> Any:
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False, default=float)
    if isinstance(value, str):
        return _of_text(kind, value, typed)
    own = TYPES[type(value)]
    if kind is Type.TEXT:
        return as_text(value)
    if own in NUMBERS and kind in NUMBERS:
        if own is Type.REAL:
            real(value)
        elif own is Type.INTEGER and kind is not Type.NUMERIC:
            integer(value)
        made = CASTS[kind](value)
        if made == value or (own is not Type.INTEGER and kind is not Type.INTEGER):
            return made
    elif own is kind:
        return value
    raise SqlError("22P02", f"{str(value)[:SHOWN]} is not a value of {kind}")


def _of_text(kind: Type, text: str, typed: bool) -> Any:
    try:
        text.encode()
        if kind is Type.TIMESTAMP:
            return _utc(datetime.fromisoformat(text.strip()))
        if kind is Type.BLOB and typed:
            return base64.b64decode(text, validate=True)
    except UnicodeEncodeError:
        raise SqlError("22P02", "these bytes are not UTF-8") from None
    except ValueError:
        raise SqlError("22P02", f"{text[:SHOWN]!r} is not a value of {kind}") from None
    match = BYTES.fullmatch(text) if kind is Type.BLOB else None
    return bytes.fromhex(match[1]) if match else CASTS[kind](text)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _plain(values: Sequence[str]) -> Sequence[str]:
    """The values. Raises ValueError for letters that Python takes in numbers, and SQL does not."""
    joined = "".join(values)
    if "_" in joined or not joined.isascii():
        raise ValueError
    return values


def _integers(values: Sequence[str]) -> list[int]:
    made = list(map(int, _plain(values)))
    if min(made) < INTEGER_MIN or max(made) > INTEGER_MAX:
        raise ValueError
    return made


def _reals(values: Sequence[str]) -> list[float]:
    made = list(map(float, _plain(values)))
    if not all(map(isfinite, made)):
        raise ValueError
    return made


def _texts(values: Sequence[str]) -> Sequence[str]:
    joined = "".join(values)
    if not joined.isascii():
        joined.encode()
    return values


def _truths(values: Sequence[str]) -> list[bool]:
    try:
        return [TRUTHS[each] for each in values]
    except KeyError:
        raise ValueError from None


ALL: dict[Type, Callable[[Sequence[str]], Sequence[Any]]] = {
    Type.INTEGER: _integers,
    Type.REAL: _reals,
    Type.TEXT: _texts,
    Type.BOOLEAN: _truths,
    Type.DATE: lambda values: list(map(date.fromisoformat, values)),
    Type.TIMESTAMP: lambda values: [_utc(datetime.fromisoformat(each)) for each in values],
    Type.NUMERIC: lambda values: list(map(CASTS[Type.NUMERIC], values)),
    Type.BLOB: lambda values: [_of_text(Type.BLOB, each, typed=False) for each in values],
}
