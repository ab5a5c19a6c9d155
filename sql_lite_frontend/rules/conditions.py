"""Conditions: constants are computed, and each part goes down to where its fields are.

Owns fold_constants and push_filters. Read next: sql_lite_frontend/rules/spans.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.bound import Constant, Expression, Operation, join_and, parts_of_and
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import single
from sql_lite_frontend.rules.projections import picked
from sql_lite_frontend.rules.walking import upwards


def fold_constants(root: Any) -> Any:
    """Compute what depends on nothing. What would fail is left, to fail only if it is reached."""
    return upwards(root, lambda node: _with_expressions(node, _fold))


def _with_expressions(node: Any, change: Callable[[Expression], Expression]) -> Any:
    match node:
        case plan.Filter() | plan.Join() if node.condition is not None:
            return replace(node, condition=change(node.condition))
        case plan.Project():
            return replace(node, expressions=tuple(map(change, node.expressions)))
        case plan.Listed():
            return replace(node, rows=tuple(tuple(map(change, row)) for row in node.rows))
        case plan.Group():
            aggregates = (
                each if each.argument is None else replace(each, argument=change(each.argument))
                for each in node.aggregates
            )
            return replace(node, keys=tuple(map(change, node.keys)), aggregates=tuple(aggregates))
    return node


def _fold(expression: Expression) -> Expression:
    if not isinstance(expression, Operation):
        return expression
    made = replace(expression, arguments=tuple(map(_fold, expression.arguments)))
    if not all(isinstance(each, Constant) for each in made.arguments):
        return made
    try:
        return Constant(single(made)(()), made.type)
    except SqlError:
        return made


def push_filters(root: Any) -> Any:
    """Each part of a condition goes down to where all of its fields are; into a scan at best.

    Not to the right of an outer join from above: there it would hide that a left row has no partner.
    """
    return upwards(root, _push_filter)


def _push_filter(node: Any) -> Any:
    if isinstance(node, plan.Filter):
        return _push(node.source, parts_of_and(node.condition))
    if isinstance(node, plan.Join) and node.condition is not None:
        left, right, rest = _sides(node, parts_of_and(node.condition))
        if node.outer:
            left, rest = (), (*left, *rest)
        return replace(
            node, left=_push(node.left, left), right=_push(node.right, right), condition=join_and(tuple(rest))
        )
    return node


def _sides(node: plan.Join, parts: Iterable[Expression]) -> tuple[Any, Any, Any]:
    """Of these parts: those of the left side alone, of the right side alone, and the rest."""
    left: list[Expression] = []
    right: list[Expression] = []
    rest: list[Expression] = []
    for part in parts:
        used = bound.fields(part)
        if used and all(each in node.left.fields for each in used):
            left.append(part)
        elif used and all(each in node.right.fields for each in used):
            right.append(part)
        else:
            rest.append(part)
    return tuple(left), tuple(right), tuple(rest)


def _push(node: Any, parts: tuple[Expression, ...]) -> Any:
    if not parts:
        return node
    match node:
        case plan.Scan():
            return replace(node, condition=join_and((*parts_of_and(node.condition), *parts)))
        case plan.Join():
            left, right, rest = _sides(node, parts)
            if node.outer:
                right, rest = (), (*right, *rest)
            made: Any = replace(node, left=_push(node.left, left), right=_push(node.right, right))
            if not rest:
                return made
            if node.outer:
                return plan.Filter(made, _joined(rest))
            return replace(made, condition=join_and((*parts_of_and(made.condition), *rest)))
        case plan.Filter():
            return _push(node.source, (*parts_of_and(node.condition), *parts))
        case plan.Distinct() | plan.Sort():
            return replace(node, source=_push(node.source, parts))
        case plan.Project():
            return _through(node, parts)
        case plan.Apply():
            rest = tuple(part for part in parts if node.answer in bound.fields(part))
            made = replace(node, source=_push(node.source, tuple(part for part in parts if part not in rest)))
            return plan.Filter(made, _joined(rest)) if rest else made
        case plan.Combine():
            left = _push(node.left, _renamed(parts, node.fields, node.left.fields))
            if node.way != "union":  # less on the right is not needed, and its fields may be NULL where ours are not
                return replace(node, left=left)
            return replace(node, left=left, right=_push(node.right, _renamed(parts, node.fields, node.right.fields)))
    return plan.Filter(node, _joined(parts))


def _renamed(parts: tuple[Expression, ...], fields: Any, others: Any) -> tuple[Expression, ...]:
    known = dict(zip(fields, others, strict=True))
    return tuple(bound.exchange(part, known.get) for part in parts)


def _through(node: plan.Project, parts: tuple[Expression, ...]) -> Any:
    """Parts go through a projection where it only picks what they need."""
    known = picked(node)
    below = tuple(part for part in parts if all(each in known for each in bound.fields(part)))
    rest = tuple(part for part in parts if part not in below)
    made = replace(node, source=_push(node.source, tuple(bound.exchange(each, known.get) for each in below)))
    return plan.Filter(made, _joined(rest)) if rest else made


def _joined(parts: tuple[Expression, ...]) -> Expression:
    made = join_and(parts)
    assert made is not None, "there are parts to join"
    return made
