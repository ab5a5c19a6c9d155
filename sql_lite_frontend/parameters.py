"""Parameters of a statement: which ones its text names, and the values that a caller gives for them.

Owns `?` by position and `:name` by name. Read next: sql_lite_frontend/session.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.tree import Parameter

Given = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """`count` parameters; `places` of those that have names."""

    count: int
    places: Mapping[str, int]

    def arrange(self, given: Given) -> Sequence[Any]:
        """The values in their places. Raises 22023."""
        if self.places:
            if not isinstance(given, Mapping):
                raise SqlError("22023", "this statement takes parameters by name", hint="give a mapping")
            missing = [name for name in self.places if name not in given]
            if missing:
                raise SqlError("22023", f"no value for :{missing[0]}")
            return [given[name] for name in self.places]
        if type(given) is not tuple and (isinstance(given, str | bytes) or not isinstance(given, Sequence)):
            raise SqlError("22023", "parameters are a sequence of values")
        if len(given) != self.count:
            raise SqlError("22023", f"{len(given)} values for {self.count} parameters")
        return given


def named_in(statement: Any) -> Named:
    """The parameters of a statement."""
    names: dict[str, int] = {}
    count = 0
    for each in _walk(statement):
        if isinstance(each.name, str):
            names.setdefault(each.name, len(names))
        else:
            count = max(count, each.name + 1)
    return Named(len(names) or count, names)


def _walk(node: Any) -> Iterator[Parameter]:
    if isinstance(node, Parameter):
        yield node
    elif isinstance(node, tuple):
        for each in node:
            yield from _walk(each)
    elif is_dataclass(node):
        for field in fields(node):
            yield from _walk(getattr(node, field.name))
