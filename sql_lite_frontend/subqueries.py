"""Subqueries in expressions: which columns from outside they need, and where their answers stand.

A subquery that needs nothing from outside is answered once, before the statement, and its answer is one more
parameter. One that does is answered for the rows around it by a node `Apply`, below the clause that it stands in; what
it needs of them is one more parameter of its own plan. So spans, gets and limits know both as they know any parameter.
Owns `Clause`, which binds the expressions of one clause. Does not own how they are answered
(sql_lite_frontend/answers.py). Read next: sql_lite_frontend/answers.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sql_lite_frontend import plan, tree
from sql_lite_frontend.binder import Binder, Scope, Special, exact, unify
from sql_lite_frontend.bound import Constant, Expression, Field, Operation, Parameter
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.schema import Table
from sql_lite_frontend.types import NUMBERS, Kind, Type

Tables = Mapping[str, Table | None]


@dataclass(frozen=True, slots=True)
class Made:
    """The plan of a query, and the names of its columns."""

    root: Any
    columns: tuple[str, ...]


@dataclass(slots=True)
class Context:
    """What is known where a statement is bound: tables by name, the kinds of parameters, the places of named ones.

    `make` plans a query inside of another. `answers` are the subqueries to be answered first, in this order.
    """

    tables: Tables
    kinds: Sequence[Kind]
    names: Mapping[str, int]
    make: Callable[["Context", tree.Query, "Outside | None"], Made]
    answers: list[plan.Answer] = field(default_factory=list)
    more: int = 0
    _count: int = 0

    def parameter(self, kind: Type, nullable: bool, name: str) -> Parameter:
        """A parameter beside those that are given."""
        self.more += 1
        return Parameter(len(self.kinds) + self.more - 1, kind, nullable, name)

    def number(self) -> int:
        """The next subquery's number, for people."""
        self._count += 1
        return self._count


class Outside:
    """The columns around one subquery. `needed`: those of the query right around it, and the parameters they are."""

    def __init__(self, context: Context, scope: Scope) -> None:
        self._context = context
        self._scope = scope
        self.needed: dict[Field, Parameter] = {}
        self.further: set[int] = set()

    def find(self, column: tree.Column) -> Expression | None:
        """What a name means there, as a parameter; None if it means nothing."""
        found = self._scope.find_or_none(column)
        if isinstance(found, Field):
            if found not in self.needed:
                self.needed[found] = self._context.parameter(found.type, found.nullable, f"outer {found}")
            return self.needed[found]
        if isinstance(found, Parameter):
            self.further.add(found.place)
        return found

    def has(self, expression: Expression) -> bool:
        """Is it a column from outside?"""
        return isinstance(expression, Parameter) and (
            expression.place in self.further or expression in self.needed.values()
        )


class Clause:
    """Binds the expressions of one clause; `around` puts below it what its subqueries need.

    `special` sees each written expression first, then subqueries are seen to. `known` are answers by their terms.
    """

    def __init__(self, context: Context, scope: Scope, special: Special | None = None) -> None:
        self._context = context
        self._scope = scope
        self._special = special
        self.binder = Binder(scope, context.kinds, context.names, self._first)
        self.bind = self.binder.bind
        self.condition = self.binder.condition
        self.known: dict[int, Expression] = {}
        self.pending: list[plan.Apply] = []

    def around(self, source: Any) -> Any:
        """The source, whose rows have the answers beside their fields."""
        for each in self.pending:
            source = replace(each, source=source)
        self.pending = []
        return source

    def nothing(self, what: str, at: int) -> None:
        """Raises 0A000 if a subquery needs the row around it where there is none."""
        if self.pending:
            raise SqlError("0A000", f"a subquery with columns from outside is not supported in {what}", at)

    def _first(self, term: Any) -> Expression | None:
        found = None if self._special is None else self._special(term)
        if found is None and isinstance(term, tree.Subquery):
            found = self.known.get(id(term))
            if found is None:
                found = self.known[id(term)] = self._subquery(term)
        return found

    def _subquery(self, term: tree.Subquery) -> Expression:
        outside = Outside(self._context, self._scope)
        root = self._context.make(self._context, term.query, outside).root
        if term.form != "exists" and len(root.fields) != 1:
            raise SqlError("42601", f"a subquery of {len(root.fields)} columns where one is needed", term.at)
        if term.form == "exists":
            few = plan.Limit(plan.Project(root, (), ()), Constant(1, Type.INTEGER), None)
            return _answer(self._held("exists", few, outside, Type.BOOLEAN, False))
        if term.form == "scalar":
            few = plan.Limit(root, Constant(2, Type.INTEGER), None)
            return _answer(self._held("scalar", few, outside, root.fields[0].type, True))
        test, root = _comparable(self.bind(term.test), root, term.at)
        holder = self._held("in", root, outside, Type.BOOLEAN, False)
        return Operation("among", (test, holder), Type.BOOLEAN, test.nullable or root.fields[0].nullable)

    def _held(self, form: str, root: Any, outside: Outside, kind: Type, nullable: bool) -> Field | Parameter:
        """What holds the answer: a parameter, or a field beside each row."""
        name = f"subquery {self._context.number()}"
        if outside.needed or outside.further:
            holder = Field(name, kind, nullable)
            places = tuple(each.place for each in outside.needed.values())
            self.pending.append(plan.Apply(None, form, root, tuple(outside.needed), places, holder))
            return holder
        parameter = self._context.parameter(kind, nullable, name)
        self._context.answers.append(plan.Answer(name, form, root, parameter.place))
        return parameter


def _answer(holder: Field | Parameter) -> Operation:
    return Operation("answer", (holder,), holder.type, holder.nullable)


def _comparable(test: Expression, root: Any, at: int) -> tuple[Expression, Any]:
    """What is looked for, and the query, with types that compare."""
    (column,) = root.fields
    if test.type in NUMBERS and column.type in NUMBERS:
        return exact(test, column), root
    (test, cell), _ = unify((test, column), at, "IN")
    if cell is not column:
        root = plan.Project(root, (cell,), (Field(column.name, cell.type, cell.nullable),))
    return test, root
