"""Columns: a scan takes only those that somebody needs.

Owns choose_columns. Read next: sql_lite_frontend/planner.py.
"""

from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.bound import Field
from sql_lite_frontend.rules.walking import below


def choose_columns(root: Any) -> Any:
    """A scan takes only those columns out of a row that somebody above it needs."""
    return _needing(root, dict.fromkeys(root.fields) if hasattr(root, "fields") else {})


def _needing(node: Any, needed: dict[Field, None]) -> Any:
    match node:
        case plan.Scan():
            return replace(node, fields=tuple(each for each in node.fields if each in needed))
        case plan.Filter():
            inner = needed | bound.fields(node.condition)
        case plan.Join():
            inner = needed | bound.fields(node.condition, *node.left_keys, *node.right_keys)
        case plan.Project():
            inner = bound.fields(*node.expressions)
        case plan.Group():
            inner = bound.fields(*node.keys, *(each.argument for each in node.aggregates))
        case plan.Sort():
            inner = needed | dict.fromkeys(key.field for key in node.keys)
        case plan.Limit():
            inner = needed
        case plan.Apply():
            outer = {each: None for each in needed if each is not node.answer} | bound.fields(*node.arguments)
            query = _needing(node.query, dict.fromkeys(node.query.fields))
            return replace(node, source=_needing(node.source, outer), query=query)
        case plan.Combine():
            return below(node, lambda each: _needing(each, dict.fromkeys(each.fields)))
        case _:
            inner = dict.fromkeys(node.source.fields) if hasattr(node, "source") else {}
    return below(node, lambda each: _needing(each, inner))
