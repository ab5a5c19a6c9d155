"""From a statement to what can be executed again and again: a plan for the parameters' types, and its functions.

Owns which maker stands for which node, and the tables that a statement names. Read next:
sql_lite_frontend/session.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from node.flow import Flow
from sql_lite_frontend import plan, tree
from sql_lite_frontend.answers import Answer, answered, apply_maker
from sql_lite_frontend.changes import Change
from sql_lite_frontend.entries import too_long
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import Givens, Rows
from sql_lite_frontend.groups import group_maker
from sql_lite_frontend.joins import join_maker
from sql_lite_frontend.operators import (
    Distinct,
    Execution,
    Maker,
    combine_maker,
    filter_maker,
    limit_maker,
    project_maker,
    sort_maker,
)
from sql_lite_frontend.planner import planned
from sql_lite_frontend.queries import make
from sql_lite_frontend.schema import Schema
from sql_lite_frontend.sources import Span, listed_for_many, listed_maker, scan_maker
from sql_lite_frontend.subqueries import Context, Tables
from sql_lite_frontend.types import Kind
from sql_lite_frontend.writes import Writing
from txn.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Executable:
    """A prepared statement: of a write, `make` makes the operator of its source, and `writing` takes its rows.

    `many`, where rows are listed and the statement is for many rows of parameters: all its rows for them. `kinds` are
    those of the result's columns. `point`, where all begins with one key of a table or index: its key for parameters.
    """

    prepared: plan.Prepared
    make: Maker
    answers: tuple[Answer, ...] = ()
    writing: Writing | None = None
    many: Callable[[Givens], Rows] | None = None
    kinds: tuple[Kind, ...] = ()
    point: Callable[[Sequence[Any]], bytes | None] | None = None

    def first_key(self, given: tuple[Any, ...]) -> bytes | None:
        """The key that will be read first, if that can be told from the parameters."""
        if self.point is None:
            return None
        try:
            key = self.point(given)
        except SqlError:  # whoever carries the plan out tells of it, if it is still the right plan then
            return None
        return None if key is None or too_long(key) else key

    def start(self, transaction: Transaction, given: tuple[Any, ...]) -> Flow[Execution]:
        """An execution for these parameters, with the answers of all subqueries that need nothing from outside."""
        execution = Execution(transaction, given)
        if self.prepared.more:
            execution = yield from answered(self.answers, self.prepared.more, execution)
        return execution


def prepare(statement: Any, tables: Tables, types: Sequence[Kind], names: Mapping[str, int]) -> plan.Prepared:
    """The plan of a query, INSERT, UPDATE or DELETE. Raises SqlError."""
    context = Context(tables, types, names, make)
    made = make(context, statement, None) if isinstance(statement, tree.Query) else Change(context).make(statement)
    answers = tuple(replace(each, query=planned(each.query)) for each in context.answers)
    return plan.Prepared(planned(made.root), made.columns, answers, context.more)


Watcher = Callable[[Any, Maker], Maker]


def _unwatched(_: Any, made: Maker) -> Maker:
    return made


def executable(prepared: plan.Prepared, watch: Watcher = _unwatched) -> Executable:
    """The plan with its functions; each node's maker is what `watch` makes of it."""
    answers = tuple(Answer(each.form, each.place, maker(each.query, watch)) for each in prepared.answers)
    point = None if prepared.more else _point(prepared.root)
    root = prepared.root
    if not prepared.writes:
        return Executable(prepared, maker(root, watch), answers, kinds=_kinds(root.fields), point=point)
    kinds = () if root.returning is None else _kinds(root.returning.expressions)
    return Executable(prepared, maker(root.source, watch), answers, Writing(root), kinds=kinds, point=point)


def _kinds(expressions: Sequence[Any]) -> tuple[Kind, ...]:
    return tuple(Kind(each.type, each.nullable) for each in expressions)


def _point(node: Any) -> Callable[[Sequence[Any]], bytes | None] | None:
    """What tells the one key that all of a plan begins with, if there is one."""
    while not isinstance(node, plan.Scan):
        node = getattr(node, "source", None)
        if node is None:
            return None
    single = node.point and all(len(values) == 1 for values in node.span.equal)
    return Span(node).key if single else None


def executable_for_many(prepared: plan.Prepared) -> Executable:
    """The plan of a write with its functions, for many rows of parameters."""
    made = executable(prepared)
    root = prepared.root
    if prepared.more or not isinstance(root.source, plan.Listed):
        return made
    if root.conflict is not None and root.conflict.renewal is not None:
        return made  # of two rows of parameters with one key, the second updates what the first one wrote
    return replace(made, many=listed_for_many(root.source))


def maker(node: Any, watch: Watcher) -> Maker:
    """What makes the operators of a plan."""
    return watch(node, _maker(node, watch))


def _maker(node: Any, watch: Watcher) -> Maker:
    match node:
        case plan.Scan():
            return scan_maker(node)
        case plan.Listed():
            return listed_maker(node)
        case plan.Join():
            return join_maker(node, maker(node.left, watch), maker(node.right, watch))
        case plan.Apply():
            return apply_maker(node, maker(node.source, watch), maker(node.query, watch))
        case plan.Combine():
            return combine_maker(node, maker(node.left, watch), maker(node.right, watch))
    source = maker(node.source, watch)
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
    for name in dict.fromkeys(_names(statement)):
        found[name] = yield from schema.table(transaction, name)
    return found


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, tree.TableName):
        yield node.name
    elif isinstance(node, tuple):
        for each in node:
            yield from _names(each)
    elif is_dataclass(node):
        for field in fields(node):
            yield from _names(getattr(node, field.name))
