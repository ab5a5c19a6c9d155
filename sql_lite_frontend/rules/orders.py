"""Orders and limits: sorts that need not be, and how little is wanted.

Owns drop_sorts and push_limits. Read next: sql_lite_frontend/rules/columns.py.
"""

from dataclasses import replace
from typing import Any

from sql_lite_frontend import plan
from sql_lite_frontend.bound import Constant, Expression, Operation, Parameter
from sql_lite_frontend.rules.walking import upwards
from sql_lite_frontend.types import Type


def drop_sorts(root: Any) -> Any:
    """Rows that come in the wanted order from a scan, forwards or backwards, are not sorted again."""
    return upwards(root, lambda node: _sorted(node) if isinstance(node, plan.Sort) else node)


def _sorted(sort: plan.Sort) -> Any:
    source = sort.source
    if not isinstance(source, plan.Project) or not isinstance(source.source, plan.Scan):
        return sort
    scan = source.source
    if scan.point and scan.span.single:
        return source
    reverse = sorted_by(scan, wanted_of(sort, source))
    return sort if reverse is None else replace(source, source=replace(scan, reverse=reverse))


Wanted = tuple[tuple[Expression, plan.Key], ...]


def wanted_of(sort: plan.Sort, project: plan.Project) -> Wanted:
    """What a sort sorts by, as expressions over what is under the projection."""
    values = dict(zip(project.fields, project.expressions, strict=True))
    return tuple((values[key.field], key) for key in sort.keys)


def sorted_by(scan: plan.Scan, wanted: Wanted) -> bool | None:
    """Must the scan go backwards to bring rows in this order? None: it cannot. A column with one value is in order."""
    fixed = {place for place, values in zip(scan.key, scan.span.equal, strict=False) if len(values) == 1}
    places = [place for place in scan.key if place not in fixed]
    left = [(each, key) for each, key in wanted if not any(each is scan.fields[place] for place in fixed)]
    if len(left) > len(places) or len({key.descending for _, key in left}) > 1:
        return None
    for (each, key), place in zip(left, places, strict=False):
        if each is not scan.fields[place] or (each.nullable and key.nulls_first is key.descending):
            return None
    return bool(left) and left[0][1].descending


def push_limits(root: Any) -> Any:
    """A limit tells a sort to keep no more rows than that, and a scan to read no more at once."""
    return upwards(root, lambda node: _limit(node) if isinstance(node, plan.Limit) else node)


def _limit(node: plan.Limit) -> Any:
    if node.limit is None or node.limit.nullable:
        return node
    few = node.limit
    if node.offset is not None:
        if node.offset.nullable or not isinstance(node.offset, Constant | Parameter):
            return node
        few = Operation("+", (few, node.offset), Type.INTEGER, False, lambda limit, offset: limit + max(0, offset))
    return replace(node, source=_few(node.source, few))


def _few(node: Any, few: Expression) -> Any:
    match node:
        case plan.Sort() | plan.Scan():
            return replace(node, few=few)
        case plan.Project() | plan.Apply():
            return replace(node, source=_few(node.source, few))
    return node
