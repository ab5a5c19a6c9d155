"""Spans: what a scan's condition says of a key becomes the part of the table that is read.

Owns choose_spans. Read next: sql_lite_frontend/rules/joins.py.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.bound import Expression, Field, Operation, join_and, parts_of_and
from sql_lite_frontend.rows import FIXED
from sql_lite_frontend.rules.walking import upwards
from sql_lite_frontend.types import NUMBERS, Type

TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def choose_spans(root: Any) -> Any:
    """What a scan's condition says of the primary key becomes the span that is read."""
    return upwards(root, lambda node: _span(node) if isinstance(node, plan.Scan) else node)


def _span(scan: plan.Scan) -> plan.Scan:
    rest = list(parts_of_and(scan.condition))
    equal: list[Expression] = []
    ends: dict[str, plan.Bound] = {}
    for place in scan.table.key:
        field = scan.fields[place]
        found = next((each for each in _ends(rest, field) if each[0] == "="), None)
        if found is not None:
            equal.append(found[1])
            _take(rest, found[2], field)
            continue
        for name, value, part in _ends(rest, field):
            side = "low" if name[0] == ">" else "high"
            if side not in ends:
                ends[side] = plan.Bound(value, name.endswith("="))
                _take(rest, part, field)
        break
    return replace(scan, span=plan.Span(tuple(equal), **ends), condition=join_and(tuple(rest)))


def _take(rest: list[Expression], part: Expression, field: Field) -> None:
    """The span stands for this part; but where a key may be too long to be exact, the part is looked at again."""
    if field.type in FIXED:
        rest.remove(part)


def _ends(parts: Iterable[Expression], field: Field) -> list[tuple[str, Expression, Expression]]:
    """What is said of a field: comparison, value, and the part that says it. The value has the field's type."""
    found: list[tuple[str, Expression, Expression]] = []
    for part in parts:
        if not isinstance(part, Operation) or part.name not in TURNED:
            continue
        left, right = part.arguments
        name = part.name
        if left is not field:
            left, right, name = right, left, TURNED[name]
        if left is field and right.type is field.type and not bound.fields(right):
            found.append((name, right, part))
    return found


assert set(NUMBERS) - set(FIXED) == {Type.NUMERIC}, "a REAL and an INTEGER have keys of limited length"
