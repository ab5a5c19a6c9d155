"""What all queries have: the columns of a result; and what they end with: DISTINCT, ORDER BY, LIMIT and OFFSET.

Owns the last nodes of a query's plan. Does not own what stands before them
(sql_lite_frontend/queries.py, sql_lite_frontend/combined.py). Read next: sql_lite_frontend/queries.py.
"""

from collections.abc import Sequence
from typing import Any

from sql_lite_frontend import bound, plan, tree
from sql_lite_frontend.binder import Scope, assign
from sql_lite_frontend.bound import Expression, Field
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.limits import COLUMNS_MAX
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


def written_out(outputs: Sequence[tree.Output], scope: Scope) -> list[tree.Output]:
    """The result's columns, with every * written out. Raises 42P01 or 54000."""
    made: list[tree.Output] = []
    for each in outputs:
        if not isinstance(each.expression, tree.Star):
            made.append(each)
            continue
        star = each.expression
        fields = [
            field for field in scope.fields if (field.table == star.table if star.table else field not in scope.hidden)
        ]
        if not fields:
            raise SqlError("42P01", f"no columns for {star.table + '.' if star.table else ''}*", star.at)
        made += [tree.Output(tree.Column(field.table, field.name, star.at), field.name) for field in fields]
    if len(made) > COLUMNS_MAX:
        raise SqlError("54000", f"a result has at most {COLUMNS_MAX} columns")
    return made


def output_names(outputs: Sequence[tree.Output]) -> tuple[str, ...]:
    """The names of the result's columns."""
    return tuple(_output_name(each, place) for place, each in enumerate(outputs))


def _output_name(output: tree.Output, place: int) -> str:
    if output.alias:
        return output.alias
    match output.expression:
        case tree.Column(_, name):
            return name
        case tree.Call(name) if name[0].isalpha() and name not in ("and", "or", "not", "in", "neg"):
            return name
    return f"column{place + 1}"


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
