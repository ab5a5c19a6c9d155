"""Expressions whose names are looked up and whose types are known: what plans hold and functions are made of.

Owns their forms, and walking over them. Read next: sql_lite_frontend/binder.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sql_lite_frontend.types import Type


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A column of some node's rows; each is itself only, wherever it stands in a row."""

    name: str
    type: Type
    nullable: bool
    table: str = ""
    place: int = -1  # in its table

    def __str__(self) -> str:
        return f"{self.table}.{self.name}" if self.table else self.name


@dataclass(frozen=True, slots=True)
class Constant:
    """A value. `decimal`: exact where a NUMERIC is wanted."""

    value: Any
    type: Type
    decimal: bool = False

    @property
    def nullable(self) -> bool:
        """Is it NULL?"""
        return self.value is None

    def __str__(self) -> str:
        return "NULL" if self.value is None else repr(self.value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """The value given for a place in the text; a plan is made for what is known of it.

    With a `name`: a subquery's answer, or a column around a subquery (sql_lite_frontend/subqueries.py).
    """

    place: int
    type: Type
    nullable: bool
    name: str = ""

    def __str__(self) -> str:
        return self.name or f"?{self.place + 1}"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator, or with the name of a function its call.

    `function` is not None: strict, NULL if an argument is NULL, else the function's value of them.
    Else `name` is one of and, or, not, `=` and its kin, is_null, is_true, is_false, distinct_from, in, case, coalesce,
    answer and among (of a subquery).
    """

    name: str
    arguments: tuple[Any, ...]
    type: Type
    nullable: bool
    function: Callable[..., Any] | None = field(default=None, compare=False)  # name and arguments say which

    def __str__(self) -> str:
        inner = [str(each) for each in self.arguments]
        if len(inner) == 2 and not self.name[0].isalpha():
            return f"({inner[0]} {self.name} {inner[1]})"
        if self.name in ("and", "or"):
            return "(" + f" {self.name} ".join(inner) + ")"
        return f"{self.name}({', '.join(inner)})"


Expression = Field | Constant | Parameter | Operation


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and all inside it."""
    yield expression
    if isinstance(expression, Operation):
        for each in expression.arguments:
            yield from walk(each)


def fields(*expressions: Expression | None) -> dict[Field, None]:
    """The fields that these need, in the order in which they first stand there."""
    return {
        each: None
        for expression in expressions
        if expression is not None
        for each in walk(expression)
        if isinstance(each, Field)
    }


def exchange(expression: Expression, new: Callable[[Expression], Expression | None]) -> Expression:
    """The expression with every part exchanged for which `new` has something."""
    found = new(expression)
    if found is not None:
        return found
    if not isinstance(expression, Operation):
        return expression
    arguments = tuple(exchange(each, new) for each in expression.arguments)
    return expression if arguments == expression.arguments else replace(expression, arguments=arguments)


def parts_of_and(condition: Expression | None) -> tuple[Expression, ...]:
    """What must all be true."""
    if condition is None:
        return ()
    if isinstance(condition, Operation) and condition.name == "and":
        return tuple(part for each in condition.arguments for part in parts_of_and(each))
    return (condition,)


def join_and(parts: tuple[Expression, ...]) -> Expression | None:
    """One condition of many."""
    if len(parts) < 2:
        return parts[0] if parts else None
    return Operation("and", parts, Type.BOOLEAN, any(each.nullable for each in parts))
