"""CHECK constraints: from their text in the catalog to a function that finds rows which break them.

The catalog keeps a condition as it was written. It is read and bound anew, in the way in which CREATE TABLE did both,
for each plan that writes. Nothing outside of a row can be in it, so a row that was written well stays so: an UPDATE
looks only at constraints on columns that it changes. NULL breaks none.
Owns their names, and the error 23514. Read next: sql_lite_frontend/writes.py.
"""

from collections.abc import Callable, Container
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sql_lite_frontend import bound, plan, tree
from sql_lite_frontend.binder import Binder, Scope, nothing_special
from sql_lite_frontend.bound import Expression, Field, Operation
from sql_lite_frontend.entries import taken
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import Rows, keeps
from sql_lite_frontend.parse import parse
from sql_lite_frontend.schema import Check, Table
from sql_lite_frontend.types import Type

READ_CACHED = 512
SHOWN_LETTERS = 200


def fields_of(table: Table) -> tuple[Field, ...]:
    """The columns of a whole row."""
    return tuple(
        Field(each.name, each.type, not each.not_null, table.name, place) for place, each in enumerate(table.columns)
    )


def _bound(table: Table, fields: tuple[Field, ...], condition: Any) -> Expression:
    scope = Scope()
    scope.tables, scope.fields = [table.name], list(fields)
    return Binder(scope, (), {}, nothing_special).condition(condition)


def with_check(table: Table, made: tree.CheckMade) -> Table:
    """The table with one constraint more. Raises 42703, 42804, 42803, 42710 and others, with the place."""
    used = bound.fields(_bound(table, fields_of(table), made.condition))
    places = [each.place for each in used] if len(used) == 1 else []
    others = [*(each.name for each in table.checks), *(each.name for each in table.indexes)]
    name, count = made.name, 0
    while not name or name in others:
        if made.name:
            raise SqlError("42710", f"table {table.name} has a constraint {name} already", made.at)
        name = table.constraint_name(places, "check", count)
        count += 1
    return replace(table, checks=(*table.checks, Check(name, made.text)))


@lru_cache(READ_CACHED)
def _read(text: str) -> Any:
    (made,) = parse(f"CREATE TABLE t (k INTEGER, CHECK {text})").checks
    return made.condition


def guard_of(table: Table, changed: Container[int] | None = None) -> plan.Guard | None:
    """What rows of this table are held to, or rows in which these columns change; None: to nothing."""
    fields = fields_of(table)
    conditions = [(each, _bound(table, fields, _read(each.text))) for each in table.checks]
    if changed is not None:
        conditions = [
            (each, condition)
            for each, condition in conditions
            if any(field.place in changed for field in bound.fields(condition))
        ]
    return plan.Guard(fields, tuple(conditions)) if conditions else None


def guarding(table: Table, guard: plan.Guard | None) -> Callable[[Rows], None]:
    """What raises 23514 if a row, whole as it is to be written, makes a constraint false."""
    if guard is None:
        return lambda rows: None
    broken = [(each, keeps(_false(condition), guard.fields)) for each, condition in guard.conditions]
    key_of = taken(table.key)

    def look(rows: Rows) -> None:
        for check, breaking in broken:
            for row in breaking(rows, ()):
                raise _broken(table, check, key_of(row))

    return look


def _false(condition: Expression) -> Expression:
    """Is it false? NULL is not."""
    return Operation("is_false", (condition,), Type.BOOLEAN, False)


def _broken(table: Table, check: Check, key: tuple[Any, ...]) -> SqlError:
    values = ", ".join(map(repr, key))[:SHOWN_LETTERS]
    said = f"a row of table {table.name} breaks CHECK {check.name}: ({table.names(table.key)}) = ({values})"
    return SqlError("23514", said, hint=f"CHECK {check.text}"[:SHOWN_LETTERS])
