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
    if scan.point:
        return source
    values = dict(zip(source.fields, source.expressions, strict=True))
    fixed = len(scan.span.equal)
    places = scan.table.key[fixed:]
    ways = {key.descending for key in sort.keys}
    wanted = [values[key.field] for key in sort.keys]
    if len(ways) > 1 or len(wanted) > len(places):
        return sort
    if any(each is not scan.fields[place] for each, place in zip(wanted, places, strict=False)):
        return sort
    return replace(source, source=replace(scan, reverse=ways == {True}))


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
