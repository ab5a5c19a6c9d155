"""What all queries end with: DISTINCT, ORDER BY, LIMIT and OFFSET.

Owns the last nodes of a query's plan. Does not own what stands before them
(sql_lite_frontend/queries.py, sql_lite_frontend/combined.py). Read next: sql_lite_frontend/queries.py.
"""

from collections.abc import Sequence
from typing import Any

from sql_lite_frontend import bound, plan, tree
from sql_lite_frontend.binder import assign
from sql_lite_frontend.bound import Expression, Field
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.subqueries import Clause, Made
from sql_lite_frontend.types import Type


def field_of(expression: Expression, name: str) -> Field:
    """A new field with an expression's values."""
    return Field(name, expression.type, expression.nullable)


def place_of(term: Any) -> int:
    """Where a written expression stands; -1 if that is not known."""
    return int(getattr(term, "at", -1))


def numbered(term: Any, count: int) -> int | None:
    """The place, from 0, of the column that a number in GROUP BY or ORDER BY stands for. Raises 42703."""
    if not isinstance(term, tree.Constant) or term.type is not Type.INTEGER:
        return None
    if not 1 <= term.value <= count:
        raise SqlError("42703", f"there is no column number {term.value}", term.at)
    return int(term.value) - 1


def finish(
    source: Any,
    made: Sequence[Expression],
    names: Sequence[str],
    order: Sequence[Expression],
    query: Any,
    clause: Clause,
) -> Made:
    """Columns of a result over their source, then DISTINCT, ORDER BY and LIMIT; order has the terms' expressions."""
    places = [next((at for at, one in enumerate(made) if one == each), -1) for each in order]
    extra = [each for each, place in zip(order, places, strict=True) if place < 0]
    distinct = isinstance(query, tree.Select) and query.distinct
    if distinct and extra:
        raise SqlError("42P16", "with DISTINCT, ORDER BY takes columns of the result only")
    fields = [field_of(each, name) for each, name in zip(made, names, strict=True)]
    hidden = [field_of(each, "order") for each in extra]
    node: Any = plan.Project(source, (*made, *extra), (*fields, *hidden))
    if distinct:
        node = plan.Distinct(node)
    rest = iter(hidden)
    keys = tuple(
        plan.Key(fields[place] if place >= 0 else next(rest), each.descending, each.nulls_first)
        for place, each in zip(places, query.order, strict=True)
    )
    if keys:
        node = plan.Sort(node, keys)
    limit, offset = _count(query.limit, "LIMIT", clause), _count(query.offset, "OFFSET", clause)
    if limit is not None or offset is not None:
        node = plan.Limit(node, limit, offset)
    if hidden:
        node = plan.Project(node, tuple(fields), tuple(field_of(each, each.name) for each in fields))
    return Made(node, tuple(names))


def _count(term: Any, what: str, clause: Clause) -> Expression | None:
    if term is None:
        return None
    made = assign(clause.bind(term), Type.INTEGER, what, place_of(term))
    clause.nothing(what, place_of(term))
    if bound.fields(made):
        raise SqlError("42601", f"{what} cannot depend on a row", place_of(term))
    return made
