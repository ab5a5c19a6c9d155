"""From a statement to what can be executed again and again: a plan for the parameters' types, and its functions.

Owns which maker stands for which node, and the tables that a statement names. Read next:
sql_lite_frontend/session.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from node.flow import Flow
from sql_lite_frontend import plan, tree
from sql_lite_frontend.changes import Change
from sql_lite_frontend.expressions import Givens, Rows
from sql_lite_frontend.groups import group_maker
from sql_lite_frontend.joins import join_maker
from sql_lite_frontend.operators import (
    Distinct,
    Maker,
    filter_maker,
    limit_maker,
    project_maker,
    sort_maker,
)
from sql_lite_frontend.planner import planned
from sql_lite_frontend.queries import Query, Tables
from sql_lite_frontend.schema import Schema
from sql_lite_frontend.sources import listed_for_many, listed_maker, scan_maker
from sql_lite_frontend.types import Kind
from txn.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Executable:
    """A prepared statement: of a write, `make` makes the operator of its source.

    `many`, where rows are listed and the statement is for many rows of parameters: all its rows for them.
    """

    prepared: plan.Prepared
    make: Maker
    many: Callable[[Givens], Rows] | None = None


def prepare(statement: Any, tables: Tables, types: Sequence[Kind], names: Mapping[str, int]) -> plan.Prepared:
    """The plan of a SELECT, INSERT, UPDATE or DELETE. Raises SqlError."""
    if isinstance(statement, tree.Select):
        literal = Query(statement, tables, types, names).make()
    else:
        literal = Change(tables, types, names).make(statement)
    return plan.Prepared(planned(literal.root), literal.columns)


def executable(prepared: plan.Prepared) -> Executable:
    """The plan with its functions."""
    return Executable(prepared, maker(prepared.root.source if prepared.writes else prepared.root))


def executable_for_many(prepared: plan.Prepared) -> Executable:
    """The plan of a write with its functions, for many rows of parameters."""
    made = executable(prepared)
    if not isinstance(prepared.root.source, plan.Listed):
        return made
    return replace(made, many=listed_for_many(prepared.root.source))


def maker(node: Any) -> Maker:
    """What makes the operators of a plan."""
    match node:
        case plan.Scan():
            return scan_maker(node)
        case plan.Listed():
            return listed_maker(node)
        case plan.Join():
            return join_maker(node, maker(node.left), maker(node.right))
    source = maker(node.source)
    match node:
        case plan.Filter():
            return filter_maker(node, source)
        case plan.Project():
            return project_maker(node, source)
        case plan.Group():
            return group_maker(node, source)
        case plan.Sort():
            return sort_maker(node, source)
        case plan.Limit():
            return limit_maker(node, source)
    assert isinstance(node, plan.Distinct), f"{node!r} is no node of a plan"
    return lambda execution: Distinct(source(execution))


def tables_of(statement: Any, schema: Schema, transaction: Transaction) -> Flow[Tables]:
    """The tables that a statement names."""
    found = {}
    for name in _names(statement):
        found[name] = yield from schema.table(transaction, name)
    return found


def _names(statement: Any) -> Iterator[str]:
    match statement:
        case tree.Select(source=source, joins=joins):
            if source is not None:
                yield source.name
            for join in joins:
                yield join.table.name
        case tree.Insert(table=table, query=query):
            yield table.name
            if query is not None:
                yield from _names(query)
        case tree.Update(table=table) | tree.Delete(table=table):
            yield table.name
