"""VALUES as a query, and UNION, INTERSECT and EXCEPT: columns by their places, each with one type that fits all parts.

Owns the plans of both. Does not own their parts (sql_lite_frontend/queries.py) nor the rows at work
(sql_lite_frontend/operators.py). Read next: sql_lite_frontend/planner.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sql_lite_frontend import plan, tree
from sql_lite_frontend.binder import Scope, cast, unify
from sql_lite_frontend.bound import Expression, Field
from sql_lite_frontend.clauses import field_of, finish, numbered, place_of
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.limits import COLUMNS_MAX
from sql_lite_frontend.subqueries import Clause, Context, Made, Outside
from sql_lite_frontend.types import Type


def values(context: Context, query: tree.Values, outside: Outside | None) -> Made:
    """The plan of VALUES."""
    clause = Clause(context, Scope(None if outside is None else outside.find))
    rows = [tuple(clause.bind(each) for each in row) for row in query.rows]
    clause.nothing("VALUES", query.at)
    width = len(rows[0])
    if width > COLUMNS_MAX:
        raise SqlError("54000", f"a result has at most {COLUMNS_MAX} columns", query.at)
    for terms in query.rows:
        if len(terms) != width:
            raise SqlError("42601", f"a row of {len(terms)} values behind one of {width}", place_of(terms[0]))
    columns = [
        unify([row[place] for row in rows], place_of(query.rows[0][place]), f"column {place + 1} of VALUES")[0]
        for place in range(width)
    ]
    names = tuple(f"column{place + 1}" for place in range(width))
    fields = tuple(_field(column, name) for column, name in zip(columns, names, strict=True))
    node = plan.Listed(fields, tuple(zip(*columns, strict=True)))
    return _ended(context, node, names, query)


def _field(column: Sequence[Expression], name: str) -> Field:
    kind = next((each.type for each in column if each.type is not Type.NULL), Type.NULL)
    return Field(name, kind, any(each.nullable for each in column))


def combined(context: Context, query: tree.Combined, make: Callable[[Any], Made]) -> Made:
    """The plan of a UNION, INTERSECT or EXCEPT of queries, each of which `make` makes."""
    parts = [make(each) for each in query.parts]
    names = parts[0].columns
    for part in parts[1:]:
        if len(part.columns) != len(names):
            raise SqlError("42601", f"{query.way.upper()} of {len(names)} columns and {len(part.columns)}", query.at)
    sides = _unified([part.root for part in parts], query)
    way = "union" if query.way == "union" else query.way
    node = _halved(sides) if way == "union" else _from_left(sides, query)
    if way == "union" and not query.all:
        node = plan.Distinct(node)
    return _ended(context, node, names, query)


def _unified(roots: list[Any], query: tree.Combined) -> list[Any]:
    """The parts, each column of one type in all of them."""
    what = f"of {query.way.upper()}"
    kinds = [
        unify([root.fields[place] for root in roots], query.at, f"column {place + 1} {what}")[1]
        for place in range(len(roots[0].fields))
    ]
    made = []
    for root in roots:
        cells = [
            field if Type.NULL in (field.type, kind) else cast(field, kind, query.at)
            for field, kind in zip(root.fields, kinds, strict=True)
        ]
        if any(cell is not field for cell, field in zip(cells, root.fields, strict=True)):
            root = plan.Project(root, tuple(cells), tuple(field_of(cell, "") for cell in cells))
        made.append(root)
    return made


def _pair(way: str, all_rows: bool, left: Any, right: Any) -> plan.Combine:
    fields = tuple(
        replace(
            one,
            type=other.type if one.type is Type.NULL else one.type,
            nullable=one.nullable or (way == "union" and other.nullable),
            table="",
            place=-1,
        )
        for one, other in zip(left.fields, right.fields, strict=True)
    )
    return plan.Combine(way, all_rows, left, right, fields)


def _halved(sides: Sequence[Any]) -> Any:
    """UNION ALL of many, in a tree that is not deep."""
    if len(sides) == 1:
        return sides[0]
    half = len(sides) // 2
    return _pair("union", True, _halved(sides[:half]), _halved(sides[half:]))


def _from_left(sides: Sequence[Any], query: tree.Combined) -> Any:
    node = sides[0]
    for side in sides[1:]:
        node = _pair(query.way, query.all, node, side)
    return node


def _ended(context: Context, node: Any, names: tuple[str, ...], query: tree.Values | tree.Combined) -> Made:
    """ORDER BY of the whole takes the names of its columns, or their numbers."""
    scope = Scope()
    scope.fields = [replace(each, name=name, table="") for each, name in zip(node.fields, names, strict=True)]
    clause = Clause(context, scope)
    order: list[Expression] = []
    for each in query.order:
        place = numbered(each.expression, len(names))
        order.append(scope.fields[place] if place is not None else clause.bind(each.expression))
    clause.nothing(f"ORDER BY of {query.way.upper() if isinstance(query, tree.Combined) else 'VALUES'}", query.at)
    named = plan.Project(node, tuple(node.fields), tuple(scope.fields))
    return finish(named, scope.fields, names, order, query, clause)
