"""Projections: one over another that only picks columns is one.

Owns merge_projections. Read next: sql_lite_frontend/rules/conditions.py.
"""

from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.bound import Constant, Expression, Field, Parameter
from sql_lite_frontend.rules.walking import upwards


def merge_projections(root: Any) -> Any:
    """What a query of FROM picks is picked by the query around it; so rules see the scan."""
    return upwards(root, _merge)


def _merge(node: Any) -> Any:
    if not isinstance(node, plan.Project) or not isinstance(node.source, plan.Project):
        return node
    known = picked(node.source)
    if len(known) < len(node.source.fields):
        return node
    return replace(
        node, source=node.source.source, expressions=tuple(bound.exchange(each, known.get) for each in node.expressions)
    )


def picked(node: plan.Project) -> dict[Expression, Expression]:
    """Of a projection's fields those that stand for what costs nothing to have twice."""
    return {
        field: each
        for field, each in zip(node.fields, node.expressions, strict=True)
        if isinstance(each, Field | Constant | Parameter)
    }
