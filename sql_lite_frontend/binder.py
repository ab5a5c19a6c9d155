"""From written expressions to bound ones: names become fields, every part gets a type, types that do not fit are told.

Owns scopes and the typing of operators, calls and parameters. Does not own what a clause makes of its expressions
(sql_lite_frontend/queries.py). Read next: sql_lite_frontend/expressions.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sql_lite_frontend import bound, functions, times, tree
from sql_lite_frontend.bound import Constant, Expression, Field, Operation
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.types import NUMBERS, TIMES, Kind, Type, common
from sql_lite_frontend.values import ARITHMETIC, CASTS, can_cast, like

COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
Special = Callable[[Any], Expression | None]


class Scope:
    """The fields that names can mean. `hidden`: of a USING, those that only a name with a table finds.

    `outside`: what a name means around this query, if anything.
    """

    def __init__(self, outside: Callable[[tree.Column], Expression | None] | None = None) -> None:
        self._outside = outside
        self.fields: list[Field] = []
        self.hidden: set[Field] = set()
        self.tables: list[str] = []

    def find_or_none(self, column: tree.Column) -> Expression | None:
        """Raises 42702."""
        found = [
            each
            for each in self.fields
            if each.name == column.name and (each.table == column.table if column.table else each not in self.hidden)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            tables = " or ".join(each.table for each in found)
            raise SqlError("42702", f"{column.name} of {tables}?", column.at, "write the table and a point before it")
        return None if self._outside is None else self._outside(column)

    def find(self, column: tree.Column) -> Expression:
        """Raises 42703, 42702 or 42P01."""
        found = self.find_or_none(column)
        if found is not None:
            return found
        if column.table and column.table not in self.tables:
            raise SqlError("42P01", f"no table {column.table} in this statement", column.at)
        name = f"{column.table}.{column.name}" if column.table else column.name
        hint = "there are: " + ", ".join(dict.fromkeys(each.name for each in self.fields)) if self.fields else ""
        raise SqlError("42703", f"no column {name}", column.at, hint[:200])


class Binder:
    """Binds the expressions of one statement, for parameters of given kinds.

    `special` sees each written expression first: so a query puts aggregates and group keys in their places.
    """

    def __init__(self, scope: Scope, kinds: Sequence[Kind], names: Mapping[str, int], special: Special) -> None:
        self.scope = scope
        self._kinds = kinds
        self._names = names
        self._special = special

    def bind(self, term: Any) -> Expression:
        """Raises SqlError with the place."""
        found = self._special(term)
        if found is not None:
            return found
        match term:
            case tree.Constant(value, kind, _, decimal):
                return Constant(value, kind, decimal)
            case tree.Column():
                return self.scope.find(term)
            case tree.Parameter(name):
                place = self._names[name] if isinstance(name, str) else name
                return bound.Parameter(place, *self._kinds[place])
            case tree.Cast(argument, kind, at):
                return cast(self.bind(argument), kind, at)
            case tree.Star():
                raise SqlError("42601", "* stands for all columns, not for a value", term.at)
        assert isinstance(term, tree.Call), f"{term!r} is no expression"
        if term.name in functions.AGGREGATES and (len(term.arguments) == 1 or term.name not in ("min", "max")):
            raise SqlError("42803", f"{term.name} may stand in SELECT, HAVING and ORDER BY only", term.at)
        if term.distinct:
            raise SqlError("42601", f"DISTINCT in {term.name}, which is no aggregate", term.at)
        return call(term.name, tuple(self.bind(each) for each in term.arguments), term.at)

    def condition(self, term: Any) -> Expression:
        """An expression that must be true."""
        return truth(self.bind(term), _place(term))


def nothing_special(_: Any) -> None:
    """For expressions that no clause sees in another way."""


def _place(term: Any) -> int:
    return int(getattr(term, "at", -1))


def truth(expression: Expression, at: int) -> Expression:
    """The expression, if it is a BOOLEAN. Raises 42804."""
    if expression.type not in (Type.BOOLEAN, Type.NULL):
        raise SqlError("42804", f"a condition is BOOLEAN, this is {expression.type}", at, "compare it: x <> 0")
    return expression


def cast(expression: Expression, kind: Type, at: int) -> Expression:
    """CAST. Raises 42804 where there is none."""
    if expression.type is kind:
        return expression
    if not can_cast(expression.type, kind):
        raise SqlError("42804", f"{expression.type} cannot be made {kind}", at)
    return _strict(f"to_{kind}", (expression,), kind, CASTS[kind])


def assign(expression: Expression, kind: Type, what: str, at: int) -> Expression:
    """The expression as a value of a column: numbers become any other number, a constant text a date."""
    given = expression.type
    if given is kind:
        return expression
    fits = given is Type.NULL or (given in NUMBERS and kind in NUMBERS) or (given in TIMES and kind in TIMES)
    if not fits and not (_adapts(expression) and kind in TIMES):
        raise SqlError("42804", f"{what} is {kind}, not {given}", at, f"CAST(… AS {kind}) where that is meant")
    return cast(expression, kind, at)


def _adapts(expression: Expression) -> bool:
    """A text that was written or given: it may stand for a date or a time."""
    return expression.type is Type.TEXT and isinstance(expression, Constant | bound.Parameter)


def _strict(name: str, arguments: tuple[Expression, ...], kind: Type, function: Callable[..., Any]) -> Operation:
    return Operation(name, arguments, kind, any(each.nullable for each in arguments), function)


def unify(expressions: Sequence[Expression], at: int, what: str) -> tuple[tuple[Expression, ...], Type]:
    """The expressions with one type that fits all. Raises 42804."""
    kind = Type.NULL
    times = next((each.type for each in expressions if each.type in TIMES), None)
    for each in expressions:
        given = times if times is not None and _adapts(each) else each.type
        found = common(kind, given)
        if found is None:
            raise SqlError("42804", f"{kind} and {given} do not fit in {what}", at, "CAST one of them")
        kind = found
    if kind is Type.NULL:
        return tuple(expressions), kind
    return tuple(each if each.type is Type.NULL else cast(each, kind, at) for each in expressions), kind


def compare(name: str, left: Expression, right: Expression, at: int) -> Expression:
    """A comparison. Numbers of all types compare exactly, without a cast."""
    if not (left.type in NUMBERS and right.type in NUMBERS):
        (left, right), _ = unify((left, right), at, name)
    else:
        left, right = exact(left, right), exact(right, left)
    return Operation(name, (left, right), Type.BOOLEAN, left.nullable or right.nullable)


def exact(expression: Expression, other: Expression) -> Expression:
    """A number written with a point is NUMERIC beside a NUMERIC."""
    if other.type is Type.NUMERIC and isinstance(expression, Constant) and expression.decimal:
        return Constant(CASTS[Type.NUMERIC](expression.value), Type.NUMERIC)
    return expression


def call(name: str, given: tuple[Expression, ...], at: int) -> Expression:
    """An operator or a function of bound arguments."""
    if name in COMPARISONS:
        return compare(name, given[0], given[1], at)
    if name in ARITHMETIC:
        return _arithmetic(name, given[0], given[1], at)
    if name in ("and", "or", "not"):
        parts = tuple(truth(each, at) for each in given)
        return Operation(name, parts, Type.BOOLEAN, any(each.nullable for each in parts))
    form = FORMS.get(name)
    if form is not None:
        return form(given, at)
    signature = functions.find(name, [each.type for each in given])
    if signature is None:
        raise _no_function(name, given, at)
    arguments = tuple(
        each if each.type is Type.NULL else cast(each, kind, at)
        for each, kind in zip(given, signature.takes, strict=True)
    )
    return _strict(name, arguments, signature.gives, signature.compute)


def _no_function(name: str, given: tuple[Expression, ...], at: int) -> SqlError:
    types = ", ".join(str(each.type) for each in given)
    ways = functions.FUNCTIONS.get(name)
    if ways is None:
        return SqlError("42883", f"no function {name[:60]}", at)
    hint = " or ".join(f"{name}({', '.join(map(str, way.takes))})" for way in ways)
    return SqlError("42883", f"no {name}({types})", at, f"there is {hint}"[:200])


DAYS: dict[tuple[str, Type, Type], tuple[Type, Callable[..., Any]]] = {
    ("+", Type.DATE, Type.INTEGER): (Type.DATE, times.days_later),
    ("-", Type.DATE, Type.INTEGER): (Type.DATE, times.days_earlier),
    ("-", Type.DATE, Type.DATE): (Type.INTEGER, times.days_between),
}


def _arithmetic(name: str, left: Expression, right: Expression, at: int) -> Expression:
    days = DAYS.get((name, left.type, right.type))
    if days is not None:
        return _strict(name, (left, right), *days)
    left, right = exact(left, right), exact(right, left)
    kind = common(left.type, right.type)
    if kind is Type.NULL:
        return Constant(None, Type.INTEGER)
    if kind not in NUMBERS:
        raise SqlError("42804", f"{left.type} {name} {right.type}", at, "numbers can be calculated with")
    if kind is Type.REAL:
        left, right = (each if each.type is not Type.NUMERIC else cast(each, kind, at) for each in (left, right))
    return _strict(name, (left, right), kind, ARITHMETIC[name][kind])


def _negative(given: tuple[Expression, ...], at: int) -> Expression:
    return _arithmetic("-", Constant(0, Type.INTEGER), given[0], at)


def _concat(given: tuple[Expression, ...], at: int) -> Expression:
    kinds = {each.type for each in given} - {Type.NULL}
    kind = Type.BLOB if kinds == {Type.BLOB} else Type.TEXT
    if Type.BLOB in kinds and kind is Type.TEXT:
        raise SqlError("42804", "BLOB || TEXT", at, "CAST one of them")
    parts = tuple(each if each.type is Type.NULL else cast(each, kind, at) for each in given)
    return _strict("||", parts, kind, functions.CONCAT[kind])


def _joined(given: tuple[Expression, ...], at: int) -> Expression:
    """CONCAT, which takes NULL for an empty text, where || is NULL."""
    parts = (_coalesce((cast(each, Type.TEXT, at), Constant("", Type.TEXT)), at) for each in given)
    return _strict("concat", tuple(parts), Type.TEXT, functions.CONCAT[Type.TEXT])


def _casting(name: str, kind: Type) -> Callable[[tuple[Expression, ...], int], Expression]:
    def form(given: tuple[Expression, ...], at: int) -> Expression:
        if len(given) != 1:
            raise SqlError("42883", f"{name} takes one value", at)
        return cast(given[0], kind, at)

    return form


def _remainder(given: tuple[Expression, ...], at: int) -> Expression:
    if len(given) != 2:
        raise SqlError("42883", "MOD takes two values", at)
    return _arithmetic("%", given[0], given[1], at)


def _if(given: tuple[Expression, ...], at: int) -> Expression:
    if len(given) != 3:
        raise SqlError("42883", "IIF takes a condition and two values", at)
    return _case(given, at)


def _like(given: tuple[Expression, ...], at: int) -> Expression:
    if any(each.type not in (Type.TEXT, Type.NULL) for each in given):
        raise SqlError("42804", "LIKE compares TEXT", at, "CAST the rest")
    return _strict("like", given, Type.BOOLEAN, like)


def _one(name: str) -> Callable[[tuple[Expression, ...], int], Expression]:
    def form(given: tuple[Expression, ...], at: int) -> Expression:
        if name != "is_null":
            truth(given[0], at)
        return Operation(name, given, Type.BOOLEAN, False)

    return form


def _distinct_from(given: tuple[Expression, ...], at: int) -> Expression:
    parts, _ = unify(given, at, "IS DISTINCT FROM")
    return Operation("distinct_from", parts, Type.BOOLEAN, False)


def _in(given: tuple[Expression, ...], at: int) -> Expression:
    """A set where all are constants, else one comparison after another."""
    if len(given) == 1:
        return Constant(False, Type.BOOLEAN)
    parts = [compare("=", given[0], each, at) for each in given[1:]]
    pairs = [part.arguments for part in parts if isinstance(part, Operation)]
    if all(isinstance(right, Constant) and right.value is not None and left is pairs[0][0] for left, right in pairs):
        values = frozenset(right.value for _, right in pairs)
        shown = tuple(right for _, right in pairs)
        return Operation("in", (pairs[0][0], *shown), Type.BOOLEAN, given[0].nullable, values.__contains__)
    return Operation("or", tuple(parts), Type.BOOLEAN, any(each.nullable for each in parts))


def _case(given: tuple[Expression, ...], at: int) -> Expression:
    conditions = [truth(each, at) for each in given[:-1:2]]
    values, kind = unify((*given[1::2], given[-1]), at, "CASE")
    parts = [part for pair in zip(conditions, values, strict=False) for part in pair] + [values[-1]]
    return Operation("case", tuple(parts), kind, any(each.nullable for each in values))


def _coalesce(given: tuple[Expression, ...], at: int) -> Expression:
    if not given:
        raise SqlError("42883", "COALESCE of nothing", at)
    parts, kind = unify(given, at, "COALESCE")
    return Operation("coalesce", parts, kind, all(each.nullable for each in parts))


def _nullif(given: tuple[Expression, ...], at: int) -> Expression:
    if len(given) != 2:
        raise SqlError("42883", "NULLIF takes two values", at)
    condition = compare("=", given[0], given[1], at)
    return Operation("case", (condition, Constant(None, Type.NULL), given[0]), given[0].type, True)


def _extreme(name: str) -> Callable[[tuple[Expression, ...], int], Expression]:
    """The least or greatest of several values; NULL if one of them is."""

    def form(given: tuple[Expression, ...], at: int) -> Expression:
        if len(given) < 2:
            raise SqlError("42883", f"{name} takes two values or more", at)
        parts, kind = unify(given, at, name)
        return _strict(name, parts, kind, min if name == "least" else max)

    return form


FORMS: dict[str, Callable[[tuple[Expression, ...], int], Expression]] = {
    "neg": _negative,
    "||": _concat,
    "like": _like,
    "is_null": _one("is_null"),
    "is_true": _one("is_true"),
    "is_false": _one("is_false"),
    "distinct_from": _distinct_from,
    "in": _in,
    "case": _case,
    "concat": _joined,
    "date": _casting("DATE", Type.DATE),
    "datetime": _casting("DATETIME", Type.TIMESTAMP),
    "mod": _remainder,
    "iif": _if,
    "coalesce": _coalesce,
    "ifnull": _coalesce,
    "nullif": _nullif,
    "least": _extreme("least"),
    "greatest": _extreme("greatest"),
    "min": _extreme("least"),
    "max": _extreme("greatest"),
}
