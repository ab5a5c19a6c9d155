"""Many rows of parameters for one statement: checked column by column, and cut where a column's type changes.

Owns `Portion` and what is checked of parameters in bulk. Does not own the check of one value
(sql_lite_frontend/values.py). Read next: sql_lite_frontend/session.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from math import isfinite
from typing import Any

from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import Givens
from sql_lite_frontend.parameters import Given, Named
from sql_lite_frontend.types import Kind, Type
from sql_lite_frontend.values import INTEGER_MAX, INTEGER_MIN, TYPES, check_parameter
from txn.config import TRANSACTION_KEYS_MAX

PYTHON = {kind: each for each, kind in TYPES.items()}


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows of parameters, one after another, that one plan stands for."""

    kinds: tuple[Kind, ...]
    givens: Givens


def portions(named: Named, rows: Iterable[Given]) -> list[Portion]:
    """All rows in as few portions as keep their order. Raises SqlError for a value that is none of SQL's."""
    givens = [tuple(named.arrange(row)) for row in islice(rows, TRANSACTION_KEYS_MAX + 1)]
    if len(givens) > TRANSACTION_KEYS_MAX:
        raise SqlError("54000", f"at most {TRANSACTION_KEYS_MAX} rows of parameters at once", hint="give them in parts")
    columns = list(zip(*givens, strict=True))
    kinds = [set(map(type, column)) for column in columns]
    for column, found in zip(columns, kinds, strict=True):
        _check(column, found)
    mixed = [place for place, found in enumerate(kinds) if len(found - {type(None)}) > 1]
    if not mixed:
        return [Portion(tuple(map(_kind, kinds)), givens)] if givens else []
    return list(_cut(givens, kinds, mixed))


def _cut(givens: Givens, kinds: Sequence[set[type]], mixed: Sequence[int]) -> Iterator[Portion]:
    """Portions with one type in each column of those that have several."""
    known = [_kind(found) for found in kinds]
    for types, some in groupby(givens, lambda given: [type(given[place]) for place in mixed]):
        for place, kind in zip(mixed, types, strict=True):
            known[place] = _kind({kind})
        yield Portion(tuple(known), list(some))


def _kind(found: set[type]) -> Kind:
    """What is known of a column in which these types were found, one beside None at most."""
    types = [TYPES[each] for each in found if each is not type(None)]
    return Kind(types[0] if types else Type.NULL, len(types) < len(found))


def _check(column: tuple[Any, ...], found: set[type]) -> None:
    """Raises 22023 or 22003, as the check of each value does; the frequent types are looked at all at once."""
    kinds = found - {type(None), bool}
    values = column if len(found) == 1 else [each for each in column if each is not None]
    if kinds == {int}:
        well = min(values) >= INTEGER_MIN and max(values) <= INTEGER_MAX
    elif kinds == {float}:
        well = all(map(isfinite, values))
    elif kinds == {str}:
        well = all(map(str.isascii, values))
    elif kinds == {PYTHON[Type.TIMESTAMP]}:
        well = not any(each.tzinfo for each in values)
    else:
        well = kinds <= {PYTHON[Type.DATE]}
    if not well:
        for each in values:
            check_parameter(each)
