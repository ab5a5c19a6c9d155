"""What a file's columns are, where there is no table yet: names, types, and which one is a key.

All rows are looked at, so that no later one is refused for a type that was guessed from the first ones; and no guess
changes a value: leading zeros, whole numbers that REAL would round and times of other zones than UTC stay TEXT. Owns
the guesses. Does not own how values are made (sql_lite_frontend/shell/converting.py).
Read next: sql_lite_frontend/shell/converting.py.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from math import isfinite
from typing import Any

from sql_lite_frontend.shell.complaints import ShellError
from sql_lite_frontend.shell.records import EMPTY_TEXT, Batch
from sql_lite_frontend.types import Type
from sql_lite_frontend.values import INTEGER_MAX, INTEGER_MIN, TYPES

SEEN_MAX = 2_000_000  # values that are kept to see whether one comes again
KEY_LETTERS_MAX = 100  # of a value of a column that is taken for a key
MISSING = ("NA", "N/A", "NULL", "null", "\\N", "-")  # what files write for NULL beside numbers
LINE = "line"  # the key's column where no other one is a key
EXACT_MAX = 10**15  # whole numbers below this are the same as REAL
SHORT = r"0|-?[1-9][0-9]{0,14}"
REAL = r"-?(?:0|[1-9][0-9]{0,17})?\.[0-9]{1,17}(?:[eE][+-]?[0-9]{1,2})?"
ALIKE = {Type.INTEGER: re.compile(rf"(?:(?:{SHORT})(?:\n|\Z))*"), Type.REAL: re.compile(rf"(?:{REAL}(?:\n|\Z))*")}
TEXTS = re.compile(
    rf"(?P<INTEGER>{SHORT})|(?P<NUMERIC>-?[1-9][0-9]{{15,18}})"
    r"|(?P<REAL>-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))"
    r"|(?P<BOOLEAN>(?i:true|false))"
    r"|(?P<DATE>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"|(?P<TIMESTAMP>[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|\+00:00)?)"
)
# NUMERIC stands for a whole number that has more digits than REAL keeps.
TOGETHER = {
    frozenset({Type.NUMERIC}): Type.INTEGER,
    frozenset({Type.INTEGER, Type.NUMERIC}): Type.INTEGER,
    frozenset({Type.INTEGER, Type.REAL}): Type.REAL,
    frozenset({Type.DATE, Type.TIMESTAMP}): Type.TIMESTAMP,
}


class Guess:
    """What the rows so far say.

    1. `kinds` has the types of a column's values, NULL apart, and `besides` the same without those in MISSING.
    2. `unique` has what was seen of each column that may be a key still, at most SEEN_MAX in all: then the last column
       is given up, and of the only one left no more is looked at.
    """

    def __init__(self, columns: Sequence[str], typed: bool, null: str) -> None:
        self.names = names_of(columns)
        self._typed = typed
        self._nulls = {"", EMPTY_TEXT, null}
        self.kinds: list[set[Type]] = [set() for _ in columns]
        self.besides: list[set[Type]] = [set() for _ in columns]
        self.unique: dict[int, set[int]] = {place: set() for place in range(len(columns))}

    def take(self, batch: Batch) -> None:
        """More rows."""
        for place, values in enumerate(zip(*batch.rows, strict=True)):
            if self._typed:
                if Type.TEXT not in self.kinds[place]:
                    self.kinds[place].update(_kind_of(each) for each in values if each is not None)
                self.besides[place] = self.kinds[place]
                self._repeats(place, ["" if each is None else str(each) for each in values])
            else:
                self._texts(place, set(values) - self._nulls)
                self._repeats(place, values)
        while len(self.unique) > 1 and sum(map(len, self.unique.values())) > SEEN_MAX:
            self.unique.popitem()

    def _texts(self, place: int, texts: set[str]) -> None:
        kinds, besides = self.kinds[place], self.besides[place]
        if Type.TEXT in besides:
            return  # it stays TEXT, whatever else comes
        alike = ALIKE.get(next(iter(kinds))) if len(kinds) == 1 else None
        if alike is not None and alike.fullmatch("\n".join(texts)):
            return
        for each in texts:
            kind = _kind_of_text(each)
            kinds.add(kind)
            if each not in MISSING:
                besides.add(kind)

    def _repeats(self, place: int, values: Sequence[str]) -> None:
        seen = self.unique.get(place)
        if seen is None or len(seen) > SEEN_MAX:
            return
        before = len(seen)
        seen.update(map(hash, values))
        repeated = len(seen) < before + len(values)
        if repeated or not self._nulls.isdisjoint(values) or max(map(len, values)) > KEY_LETTERS_MAX:
            del self.unique[place]

    def types(self) -> list[Type]:
        """The type of each column."""
        return [_common(kinds) for kinds in self.kinds]

    def key(self) -> int | None:
        """The first column whose values never repeat; no REAL, which only measures something."""
        types = self.types()
        return next((place for place in self.unique if types[place] is not Type.REAL), None)

    def missing(self) -> list[str]:
        """Columns that would be no TEXT if a word for what is missing were NULL."""
        both = zip(self.names, self.kinds, self.besides, strict=True)
        return [name for name, kinds, besides in both if besides and _common(kinds) is not _common(besides)]


def names_of(columns: Iterable[str]) -> list[str]:
    """Names that need no quotes, as far as a word of SQL is none of them. Raises ShellError where two are one."""
    made: list[str] = []
    for number, column in enumerate(columns, 1):
        name = re.sub(r"\W+", "_", column.strip().lower()).strip("_")
        name = f"column{number}" if not name else f"_{name}" if name[0].isdigit() else name
        if name in made:
            raise ShellError(f"two columns of the file have the name {name}: {made.index(name) + 1} and {number}")
        made.append(name)
    return made


def _common(kinds: set[Type]) -> Type:
    if len(kinds) == 1 and Type.NUMERIC not in kinds:
        return next(iter(kinds))
    return TOGETHER.get(frozenset(kinds), Type.TEXT)


def _kind_of(value: Any) -> Type:
    if isinstance(value, str):
        kind = _kind_of_text(value)
        return kind if kind in (Type.DATE, Type.TIMESTAMP) else Type.TEXT
    if type(value) is int and abs(value) >= EXACT_MAX:
        return Type.NUMERIC if INTEGER_MIN <= value <= INTEGER_MAX else Type.TEXT
    return TYPES.get(type(value), Type.TEXT)


def _kind_of_text(text: str) -> Type:
    match = TEXTS.fullmatch(text)
    if match is None or match.lastgroup is None:
        return Type.TEXT
    kind = Type(match.lastgroup)
    try:
        if kind is Type.NUMERIC:
            return kind if INTEGER_MIN <= int(text) <= INTEGER_MAX else Type.TEXT
        if kind is Type.REAL:
            return kind if isfinite(float(text)) else Type.TEXT
        if kind is Type.DATE:
            date.fromisoformat(text)
        elif kind is Type.TIMESTAMP:
            datetime.fromisoformat(text)
    except ValueError:
        return Type.TEXT
    return kind
