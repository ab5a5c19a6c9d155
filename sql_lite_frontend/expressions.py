"""Bound expressions as Python functions: a syntax tree is built node by node, compiled once, and called for a batch.

No text is ever compiled: names in the tree are made here, values stand in it as constants or in the function's own
namespace. Three questions are asked of an expression: its value, whether it is true, whether it is false; so a
condition needs no third value. Does not own how rows are taken apart (sql_lite_frontend/scans.py).
Read next: sql_lite_frontend/scans.py.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sql_lite_frontend.bound import Constant, Expression, Field, Operation, Parameter
from sql_lite_frontend.errors import SqlError

Rows = list[tuple[Any, ...]]
Givens = Sequence[tuple[Any, ...]]  # rows of parameters
OnRows = Callable[[Rows, Sequence[Any]], Any]

COMPARE = {"=": ast.Eq, "<>": ast.NotEq, "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE}
PLAIN = (int, float, str, bytes, bool, type(None))
ROWS, ROW, GIVEN = "rows", "row", "given"


def load(name: str) -> ast.expr:
    """A name's value."""
    return ast.Name(name, ast.Load())


def call(function: str | ast.expr, *arguments: ast.expr) -> ast.expr:
    """A call."""
    return ast.Call(load(function) if isinstance(function, str) else function, list(arguments), [])


def item(of: ast.expr, place: int) -> ast.expr:
    """`of[place]`."""
    return ast.Subscript(of, ast.Constant(place), ast.Load())


def is_none(what: ast.expr, negated: bool = False) -> ast.expr:
    """`what is None`, or is not; of a constant Python warns, so it is answered here."""
    if isinstance(what, ast.Constant):
        return ast.Constant((what.value is None) is not negated)
    return ast.Compare(what, [ast.IsNot() if negated else ast.Is()], [ast.Constant(None)])


def _all(parts: list[ast.expr]) -> ast.expr:
    return parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)


def _any(parts: list[ast.expr]) -> ast.expr:
    return parts[0] if len(parts) == 1 else ast.BoolOp(ast.Or(), parts)


def both(*parts: Any) -> Any:
    """AND of three truth values."""
    if False in parts:
        return False
    return None if None in parts else True


def either(*parts: Any) -> Any:
    """OR of three truth values."""
    if True in parts:
        return True
    return None if None in parts else False


@dataclass(frozen=True, slots=True)
class Among:
    """What a subquery of IN gave: its values, and whether NULL was one of them."""

    values: frozenset[Any]
    null: bool


def answered(found: Any) -> Any:
    """A subquery's value. Raises the error that it gave instead."""
    if isinstance(found, SqlError):
        raise found
    return found


def among(value: Any, found: Among | SqlError) -> bool | None:
    """value IN (SELECT …): a third truth value where a NULL may hide it."""
    some: Among = answered(found)
    if value is not None and value in some.values:
        return True
    return None if some.null or (value is None and some.values) else False


FUNCTIONS: dict[str, Callable[..., Any]] = {"answer": answered, "among": among}


class Code:
    """One function in the making: where its fields are, and what it needs beside them."""

    def __init__(self, places: Mapping[Field, ast.expr]) -> None:
        self._places = places
        self._count = 0
        self.space: dict[str, Any] = {"__builtins__": {}}

    def keep(self, what: Any) -> str:
        """A name for an object that the function uses."""
        self._count += 1
        name = f"k{self._count}"
        self.space[name] = what
        return name

    def temporary(self) -> str:
        """A name for a value in between."""
        self._count += 1
        return f"t{self._count}"

    # -- values ----------------------------------------------------------------------------------------------------

    def value(self, of: Expression) -> ast.expr:
        """Its value."""
        match of:
            case Field():
                return self._places[of]
            case Parameter(place):
                return item(load(GIVEN), place)
            case Constant(value):
                return ast.Constant(value) if type(value) in PLAIN else load(self.keep(value))
        if of.function is not None:
            return self._strict(of)
        match of.name:
            case "case":
                return self._case(of)
            case "coalesce":
                return self._coalesce(of.arguments)
            case "answer" | "among":
                return call(self.keep(FUNCTIONS[of.name]), *map(self.value, of.arguments))
            case "and" | "or" if of.nullable:
                function = both if of.name == "and" else either
                return call(self.keep(function), *map(self.value, of.arguments))
            case "not" if of.nullable:
                part, test = self._tested(of.arguments[0])
                return ast.IfExp(test, ast.UnaryOp(ast.Not(), part), ast.Constant(None))
            case name if name in COMPARE and of.nullable:
                (left, right), tests = self._all_tested(of.arguments)
                return ast.IfExp(tests, ast.Compare(left, [COMPARE[name]()], [right]), ast.Constant(None))
        return self.true(of)

    def _tested(self, of: Expression) -> tuple[ast.expr, ast.expr]:
        """An expression that may be NULL: how to read it after the test that it is not."""
        made = self.value(of)
        if isinstance(made, ast.Name | ast.Constant):
            return made, is_none(made, negated=True)
        name = self.temporary()
        return load(name), is_none(ast.NamedExpr(ast.Name(name, ast.Store()), made), negated=True)

    def _all_tested(self, of: Sequence[Expression]) -> tuple[list[ast.expr], ast.expr]:
        """Several, and the test that none is NULL."""
        tests: list[ast.expr] = []
        reads: list[ast.expr] = []
        for each in of:
            if each.nullable:
                read, test = self._tested(each)
                tests.append(test)
            else:
                read = self.value(each)
            reads.append(read)
        return reads, _all(tests) if tests else ast.Constant(True)

    def _strict(self, of: Operation) -> ast.expr:
        arguments = of.arguments[:1] if of.name == "in" else of.arguments
        reads, test = self._all_tested(arguments)
        made = call(self.keep(of.function), *reads)
        return ast.IfExp(test, made, ast.Constant(None)) if of.nullable else made

    def _case(self, of: Operation) -> ast.expr:
        made = self.value(of.arguments[-1])
        for place in range(len(of.arguments) - 3, -1, -2):
            made = ast.IfExp(self.true(of.arguments[place]), self.value(of.arguments[place + 1]), made)
        return made

    def _coalesce(self, parts: tuple[Expression, ...]) -> ast.expr:
        if len(parts) == 1:
            return self.value(parts[0])
        read, test = self._tested(parts[0])
        return ast.IfExp(test, read, self._coalesce(parts[1:]))

    # -- conditions ------------------------------------------------------------------------------------------------

    def true(self, of: Expression) -> ast.expr:
        """Is it true? NULL is not."""
        if not isinstance(of, Operation) or of.function is not None:
            return self.value(of)
        match of.name:
            case "and":
                return _all([self.true(each) for each in of.arguments])
            case "or":
                return _any([self.true(each) for each in of.arguments])
            case "not":
                return self.false(of.arguments[0])
            case "is_null":
                return is_none(self.value(of.arguments[0]))
            case "is_true":
                return self._is(of, True)
            case "is_false":
                return self._is(of, False)
            case "distinct_from":
                return ast.Compare(self.value(of.arguments[0]), [ast.NotEq()], [self.value(of.arguments[1])])
            case name if name in COMPARE:
                return self._compared(of, negated=False)
        return self.value(of)

    def _is(self, of: Operation, wanted: bool) -> ast.expr:
        return ast.Compare(self.value(of.arguments[0]), [ast.Is()], [ast.Constant(wanted)])

    def _compared(self, of: Operation, negated: bool) -> ast.expr:
        (left, right), test = self._all_tested(of.arguments)
        made: ast.expr = ast.Compare(left, [COMPARE[of.name]()], [right])
        if negated:
            made = ast.UnaryOp(ast.Not(), made)
        return _all([test, made]) if of.nullable else made

    def false(self, of: Expression) -> ast.expr:
        """Is it false? NULL is not."""
        if isinstance(of, Operation) and of.function is None:
            match of.name:
                case "and":
                    return _any([self.false(each) for each in of.arguments])
                case "or":
                    return _all([self.false(each) for each in of.arguments])
                case "not":
                    return self.true(of.arguments[0])
                case "is_null" | "is_true" | "is_false" | "distinct_from":
                    return ast.UnaryOp(ast.Not(), self.true(of))
                case name if name in COMPARE:
                    return self._compared(of, negated=True)
        return ast.Compare(self.value(of), [ast.Is()], [ast.Constant(False)])

    # -- functions -------------------------------------------------------------------------------------------------

    def function(self, arguments: Sequence[str], body: list[ast.stmt]) -> Callable[..., Any]:
        """The function of these statements."""
        made = ast.FunctionDef(
            name="run",
            args=ast.arguments([], [ast.arg(name) for name in arguments], None, [], [], None, []),
            body=body,
            decorator_list=[],
        )
        module = ast.fix_missing_locations(ast.Module([made], []))
        exec(compile(module, "<plan>", "exec"), self.space)
        function: Callable[..., Any] = self.space["run"]
        return function


def code_for(fields: Sequence[Field]) -> Code:
    """Code over rows with these fields."""
    return Code({field: item(load(ROW), place) for place, field in enumerate(fields)})


def _listed(code: Code, element: ast.expr, condition: ast.expr | None) -> Callable[..., Any]:
    each = ast.comprehension(ast.Name(ROW, ast.Store()), load(ROWS), [] if condition is None else [condition], 0)
    return code.function((ROWS, GIVEN), [ast.Return(ast.ListComp(element, [each]))])


def tuples(expressions: Sequence[Expression], fields: Sequence[Field]) -> OnRows:
    """(rows, parameters) -> for each row the tuple of the expressions' values."""
    code = code_for(fields)
    return _listed(code, ast.Tuple([code.value(each) for each in expressions], ast.Load()), None)


def keeps(condition: Expression, fields: Sequence[Field]) -> OnRows:
    """(rows, parameters) -> the rows for which the condition is true."""
    code = code_for(fields)
    return _listed(code, load(ROW), code.true(condition))


def values(expression: Expression, fields: Sequence[Field]) -> OnRows:
    """(rows, parameters) -> the expression's values that are not NULL."""
    code = code_for(fields)
    if not expression.nullable:
        return _listed(code, code.value(expression), None)
    read, test = code._tested(expression)
    return _listed(code, read, test)


def for_each(expressions: Sequence[Expression]) -> Callable[[Givens], Rows]:
    """(rows of parameters) -> for each the tuple of the values of expressions without fields."""
    code = code_for(())
    made = ast.Tuple([code.value(each) for each in expressions], ast.Load())
    each = ast.comprehension(ast.Name(GIVEN, ast.Store()), load(ROWS), [], 0)
    return code.function((ROWS,), [ast.Return(ast.ListComp(made, [each]))])


def single(expression: Expression) -> Callable[[Sequence[Any]], Any]:
    """(parameters) -> the value of an expression without fields."""
    code = code_for(())
    return code.function((GIVEN,), [ast.Return(code.value(expression))])
