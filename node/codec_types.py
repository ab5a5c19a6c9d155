"""Field annotations to checks that cost a set look-up per message.

Owns the question whether a decoded row has exactly the types that its class annotates, tuples element by element.
Does not own bytes or tags. Read next: node/codec.py.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from itertools import product
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

FORMS_MAX = 64  # rows of types listed for a class; a class with more is checked field by field
PLAIN = (int, bytes, str, bool, NoneType)
Check = Callable[[tuple[Any, ...]], bool]
# The types that a value may have (None: any), and what else must hold if it is a tuple.
Form = tuple[frozenset[type] | None, Check | None]


def checker(cls: type, names: Sequence[str]) -> Check:
    """Whether a row `(class tag, field, …)` fits the annotations of these fields."""
    hints = get_type_hints(cls)
    return _row([(frozenset((int,)), None), *(_form(hints[name], f"{cls.__name__}.{name}") for name in names)])


def _row(forms: list[Form]) -> Check:
    """Whether each element of a tuple has its own form."""
    inner = [(place, check) for place, (_, check) in enumerate(forms) if check is not None]
    outer = _types_listed(forms)
    if not inner:
        return outer
    if len(inner) == 1:
        place, check = inner[0]
        return lambda row: outer(row) and (type(row[place]) is not tuple or check(row[place]))
    return lambda row: outer(row) and all(type(row[place]) is not tuple or check(row[place]) for place, check in inner)


def _types_listed(forms: list[Form]) -> Check:
    known = [types for types, _ in forms if types is not None]
    size = 1
    for types in known:
        size *= len(types)
    if len(known) == len(forms) and size <= FORMS_MAX:
        listed = frozenset(product(*known))
        return lambda row: tuple(map(type, row)) in listed
    wanted = [types for types, _ in forms]

    def check(row: tuple[Any, ...]) -> bool:
        return len(row) == len(wanted) and all(
            types is None or type(each) in types for each, types in zip(row, wanted, strict=True)
        )

    return check


def _every(form: Form) -> Check | None:
    """Whether all elements of a tuple have one form."""
    types, inner = form
    if types is None:
        return None
    if inner is None:
        return lambda row: types.issuperset(map(type, row))
    return lambda row: types.issuperset(map(type, row)) and all(inner(each) for each in row if type(each) is tuple)


def _form(hint: Any, where: str) -> Form:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _union([_form(each, where) for each in get_args(hint)], where)
    if origin is tuple:
        arguments = get_args(hint)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return frozenset((tuple,)), _every(_form(arguments[0], where))
        return frozenset((tuple,)), _row([_form(each, where) for each in arguments])
    if hint is float:  # a whole number may be written for it
        return frozenset((float, int)), None
    if hint in PLAIN:
        return frozenset((hint,)), None
    if hint is tuple or not isinstance(hint, type) or getattr(hint, "_is_protocol", False) or hint in (Any, object):
        return (frozenset((tuple,)) if hint is tuple else None), None
    assert not issubclass(hint, tuple | Enum), f"{where}: bytes give back a plain tuple or number, never {hint}"
    return frozenset((hint,)), None


def _union(forms: list[Form], where: str) -> Form:
    inner = [check for _, check in forms if check is not None]
    assert len(inner) <= 1, f"{where}: at most one sort of tuple may stand in a union"
    if any(types is None for types, _ in forms):
        return None, None
    return frozenset().union(*(types for types, _ in forms if types is not None)), inner[0] if inner else None
