"""Expressions of sqlglot as ours, and what both parts of the parser use: names, places, refusals.

Owns which operators exist and how a literal becomes a value. Does not own functions by name
(sql_lite_frontend/functions.py), nor which modules see sqlglot (tests/tidy/owners.py).
Read next: sql_lite_frontend/binder.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from sql_lite_frontend import tree
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.functions import AGGREGATES
from sql_lite_frontend.limits import NAME_BYTES_MAX, PARAMETERS_MAX, TREE_DEPTH_MAX, TREE_NODES_MAX
from sql_lite_frontend.types import NAMES, Type
from sql_lite_frontend.values import INTEGER_MAX, NUMERIC_DIGITS_MAX, real

try:
    from sqlglot import exp
except ImportError as error:
    raise ImportError("SQL needs sqlglot: pip install 'argosy[sql]'") from error

COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.DPipe: "||"}
BINARY = COMPARISONS | ARITHMETIC
FLAGS = ("typed", "safe", "big_int")  # what sqlglot notes for itself


def place(parsed: Any) -> int:
    """Where a node stands: its own place, or the first inside it; -1 if there is none."""
    starts = [each.meta["start"] for each in parsed.walk() if "start" in each.meta]
    return min(starts, default=-1)


def refuse(parsed: Any, what: str) -> SqlError:
    """The error of what is not supported."""
    return SqlError("0A000", f"{what} is not supported", place(parsed))


def name_of(parsed: Any) -> str:
    """What sqlglot calls it."""
    return type(parsed).__name__.upper()


def only(parsed: Any, what: str, *understood: str) -> None:
    """Refuse any part of a node that is there and not understood."""
    for name, value in parsed.args.items():
        if value and name not in understood and name not in FLAGS:
            at = value if isinstance(value, exp.Expression) and place(value) >= 0 else parsed
            raise refuse(at, f"{name.strip('_').replace('_', ' ').upper()} in {what}")


def identifier(parsed: Any) -> str:
    """A name: as it is in quotes, else in small letters."""
    if not isinstance(parsed, exp.Identifier):
        raise refuse(parsed, f"{type(parsed).__name__} instead of a name")
    name = str(parsed.this) if parsed.args.get("quoted") else str(parsed.this).lower()
    if not name or len(name.encode("utf-8")) > NAME_BYTES_MAX:
        raise SqlError("54000", f"a name has 1 to {NAME_BYTES_MAX} bytes", place(parsed))
    return name


def table_name(parsed: Any) -> tree.TableName:
    """A plain table, with an alias or without."""
    if not isinstance(parsed, exp.Table):
        raise refuse(parsed, f"{name_of(parsed)} instead of a table's name")
    only(parsed, "a table", "this", "alias", "joins")
    if not isinstance(parsed.this, exp.Identifier):
        raise refuse(parsed, f"{name_of(parsed.this)} instead of a table's name")
    name = identifier(parsed.this)
    alias = parsed.args.get("alias")
    if alias is not None:
        only(alias, "an alias", "this")
    return tree.TableName(name, name if alias is None else identifier(alias.this), place(parsed))


class Terms:
    """Takes the expressions of one statement; it counts their `?`. `query` takes a query in an expression."""

    def __init__(self, query: Callable[[Any], tree.Query]) -> None:
        self._query = query
        self._depth = self._deepest = self._nodes = 0
        self._parameters = 0
        self._named = False

    def optional(self, parsed: Any | None) -> Any | None:
        """The expression of a WHERE or HAVING, if it is there."""
        return None if parsed is None else self.take(parsed.this)

    def take(self, parsed: Any) -> Any:
        """One expression. Raises 54001 where it is too deep."""
        self._depth += 1
        self._deepest = max(self._deepest, self._depth)
        if self._depth > TREE_DEPTH_MAX:
            raise SqlError("54001", f"an expression more than {TREE_DEPTH_MAX} deep", place(parsed))
        self._count(1)
        try:
            return self._take(parsed)
        finally:
            self._depth -= 1

    @contextmanager
    def measured(self) -> Iterator[Callable[[], tuple[int, int]]]:
        """Gives what is taken meanwhile its size: how many expressions, and how deep."""
        before, deepest, self._deepest = self._nodes, self._deepest, self._depth
        yield lambda: (self._nodes - before, self._deepest - self._depth)
        self._deepest = max(deepest, self._deepest)

    def again(self, size: tuple[int, int], at: int) -> None:
        """What has this size will stand here once more. Raises 54001."""
        nodes, depth = size
        self._count(nodes)
        if self._depth + depth > TREE_DEPTH_MAX:
            raise SqlError("54001", f"an expression more than {TREE_DEPTH_MAX} deep", at)
        self._deepest = max(self._deepest, self._depth + depth)

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > TREE_NODES_MAX:
            raise SqlError(
                "54001", f"a statement has at most {TREE_NODES_MAX} expressions, repeated ones counted again"
            )

    def _take_for(self, parsed: Any, times: int) -> Any:
        """What will stand in several places; so nested BETWEENs double each time."""
        before = self._nodes
        made = self.take(parsed)
        self._count((self._nodes - before) * (times - 1))
        return made

    def _take(self, parsed: Any) -> Any:
        kind = type(parsed)
        if kind in BINARY:
            only(parsed, BINARY[kind], "this", "expression")
            left, right = self.take(parsed.this), self.take(parsed.expression)
            return tree.Call(BINARY[kind], (left, right), place(parsed))
        if kind is exp.Paren:
            return self.take(parsed.this)
        if kind in (exp.And, exp.Or):
            return self._chain(parsed)
        method = _TAKERS.get(kind)
        if method is None:
            raise refuse(parsed, kind.__name__.upper())
        return method(self, parsed)

    def _chain(self, parsed: Any) -> tree.Call:
        """a AND b AND c, which sqlglot hangs one into the other, as one call."""
        kind, parts = type(parsed), []
        node = parsed
        while type(node) is kind:
            parts.append(node.expression)
            node = node.this
        parts.append(node)
        made = tuple(self.take(each) for each in reversed(parts))
        return tree.Call("and" if kind is exp.And else "or", made, -1)

    def _literal(self, parsed: Any) -> tree.Constant:
        text, at = str(parsed.this), place(parsed)
        if parsed.is_string:
            return tree.Constant(text, Type.TEXT, at)
        if text.isascii() and text.isdigit():
            if len(text) <= 19 and int(text) <= INTEGER_MAX:
                return tree.Constant(int(text), Type.INTEGER, at)
            if len(text) > NUMERIC_DIGITS_MAX:
                raise SqlError("22003", f"a number of {len(text)} digits", at)
            return tree.Constant(Decimal(text), Type.NUMERIC, at)
        try:
            Decimal(text)
            return tree.Constant(real(float(text)), Type.REAL, at, decimal=True)
        except (InvalidOperation, ValueError):
            raise SqlError("42601", f"{text[:40]!r} is no number", at) from None

    def _hex(self, parsed: Any) -> tree.Constant:
        try:
            return tree.Constant(bytes.fromhex(str(parsed.this)), Type.BLOB, place(parsed))
        except ValueError:
            raise SqlError("42601", "x'…' holds pairs of hexadecimal digits", place(parsed)) from None

    def _boolean(self, parsed: Any) -> tree.Constant:
        return tree.Constant(bool(parsed.this), Type.BOOLEAN, place(parsed))

    def _null(self, parsed: Any) -> tree.Constant:
        return tree.Constant(None, Type.NULL, place(parsed))

    def _column(self, parsed: Any) -> Any:
        only(parsed, "a column's name", "this", "table")
        table = parsed.args.get("table")
        name = "" if table is None else identifier(table)
        if isinstance(parsed.this, exp.Star):
            return tree.Star(name, place(parsed))
        return tree.Column(name, identifier(parsed.this), place(parsed))

    def _star(self, parsed: Any) -> tree.Star:
        only(parsed, "*")
        return tree.Star("", place(parsed))

    def _parameter(self, parsed: Any) -> tree.Parameter:
        name = parsed.args.get("this")
        if (name is None) is self._named and self._parameters:
            raise SqlError("42601", "? and :name in one statement", place(parsed))
        self._named = name is not None
        self._parameters += 1
        if self._parameters > PARAMETERS_MAX:
            raise SqlError("54000", f"a statement has at most {PARAMETERS_MAX} parameters", place(parsed))
        return tree.Parameter(self._parameters - 1 if name is None else str(name), place(parsed))

    def _not(self, parsed: Any) -> tree.Call:
        return tree.Call("not", (self.take(parsed.this),), place(parsed))

    def _neg(self, parsed: Any) -> Any:
        inner = self.take(parsed.this)
        if isinstance(inner, tree.Constant) and inner.type in (Type.INTEGER, Type.REAL):
            return tree.Constant(-inner.value, inner.type, inner.at, inner.decimal)
        if isinstance(inner, tree.Constant) and inner.value == INTEGER_MAX + 1:
            return tree.Constant(-INTEGER_MAX - 1, Type.INTEGER, inner.at)
        return tree.Call("neg", (inner,), place(parsed))

    def _is(self, parsed: Any) -> tree.Call:
        other = parsed.expression
        names = {exp.Null: "is_null", exp.Boolean: "is_true" if other.this else "is_false"}
        if type(other) not in names:
            raise SqlError("42601", "IS takes NULL, TRUE or FALSE", place(parsed), "IS NOT DISTINCT FROM compares")
        return tree.Call(names[type(other)], (self.take(parsed.this),), place(parsed))

    def _distinct_from(self, parsed: Any) -> tree.Call:
        made = tree.Call("distinct_from", (self.take(parsed.this), self.take(parsed.expression)), place(parsed))
        return tree.Call("not", (made,), made.at) if isinstance(parsed, exp.NullSafeEQ) else made

    def _scalar(self, parsed: Any) -> tree.Subquery:
        return tree.Subquery("scalar", self._query(parsed), None, place(parsed))

    def _exists(self, parsed: Any) -> tree.Subquery:
        only(parsed, "EXISTS", "this")
        return tree.Subquery("exists", self._query(parsed.this), None, place(parsed))

    def _in(self, parsed: Any) -> tree.Call | tree.Subquery:
        only(parsed, "IN", "this", "expressions", "query")
        query = parsed.args.get("query")
        if len(parsed.expressions) == 1 and isinstance(parsed.expressions[0], exp.Query | exp.Values):
            (query,) = parsed.expressions
        if query is not None:
            return tree.Subquery("in", self._query(query), self.take(parsed.this), place(parsed))
        items = tuple(self.take(each) for each in (parsed.this, *parsed.expressions))
        return tree.Call("in", items, place(parsed))

    def _between(self, parsed: Any) -> tree.Call:
        only(parsed, "BETWEEN", "this", "low", "high")
        what = self._take_for(parsed.this, 2)
        low = tree.Call(">=", (what, self.take(parsed.args["low"])), place(parsed))
        high = tree.Call("<=", (what, self.take(parsed.args["high"])), place(parsed))
        return tree.Call("and", (low, high), place(parsed))

    def _like(self, parsed: Any) -> tree.Call:
        only(parsed, "LIKE", "this", "expression")
        return tree.Call("like", (self.take(parsed.this), self.take(parsed.expression)), place(parsed))

    def _escape(self, parsed: Any) -> tree.Call:
        if not isinstance(parsed.this, exp.Like):
            raise refuse(parsed, "ESCAPE without LIKE")
        made = self._like(parsed.this)
        return tree.Call("like", (*made.arguments, self.take(parsed.expression)), made.at)

    def _case(self, parsed: Any) -> tree.Call:
        only(parsed, "CASE", "this", "ifs", "default")
        base = None if parsed.this is None else self._take_for(parsed.this, len(parsed.args["ifs"]))
        parts: list[Any] = []
        for each in parsed.args["ifs"]:
            condition = self.take(each.this)
            parts.append(condition if base is None else tree.Call("=", (base, condition), place(each)))
            parts.append(self.take(each.args["true"]))
        default = parsed.args.get("default")
        parts.append(tree.Constant(None, Type.NULL) if default is None else self.take(default))
        return tree.Call("case", tuple(parts), place(parsed))

    def _cast(self, parsed: Any) -> tree.Cast:
        only(parsed, "CAST", "this", "to")
        kind, digits, _ = self.type(parsed.args["to"], place(parsed))
        if digits:
            raise refuse(parsed, "CAST to NUMERIC with digits")
        return tree.Cast(self.take(parsed.this), kind, place(parsed))

    def _filter(self, parsed: Any) -> tree.Call:
        """f(x) FILTER (WHERE c) is f of x where c is true, else of NULL, which no aggregate counts."""
        made = self.take(parsed.this)
        if not isinstance(made, tree.Call) or made.name not in AGGREGATES or not made.arguments:
            raise SqlError("42601", "FILTER stands behind an aggregate", place(parsed))
        only(parsed.expression, "FILTER", "this")
        first, *rest = made.arguments
        value = tree.Constant(1, Type.INTEGER, made.at) if isinstance(first, tree.Star) and not first.table else first
        condition = self.take(parsed.expression.this)
        some = tree.Call("case", (condition, value, tree.Constant(None, Type.NULL)), made.at)
        return replace(made, arguments=(some, *rest))

    def _extract(self, parsed: Any) -> tree.Call:
        name = tree.Constant(str(parsed.this.name).lower(), Type.TEXT, place(parsed))
        return tree.Call("date_part", (name, self.take(parsed.expression)), place(parsed))

    def _call(self, parsed: Any) -> tree.Call:
        only(parsed, "a call", "this", "expressions")
        arguments, distinct = list(parsed.expressions), False
        if str(parsed.this).lower() == "position" and len(arguments) == 1 and isinstance(arguments[0], exp.In):
            only(arguments[0], "POSITION", "this", "field")
            text = self.take(arguments[0].args.get("field"))
            return tree.Call("instr", (text, self.take(arguments[0].this)), place(parsed))
        if len(arguments) == 1 and isinstance(arguments[0], exp.Distinct):
            only(arguments[0], "DISTINCT", "expressions")
            arguments, distinct = list(arguments[0].expressions), True
        made = tuple(self.take(each) for each in arguments)
        return tree.Call(str(parsed.this).lower(), made, place(parsed), distinct)

    def type(self, parsed: Any, at: int) -> tuple[Type, int, int]:
        """A type, and the digits and scale of a NUMERIC. Raises 0A000."""
        name = parsed.this.name if hasattr(parsed.this, "name") else str(parsed.this)
        kind = NAMES.get(name)
        only(parsed, "a type", "this", "expressions", "nested" if not parsed.args.get("nested") else "")
        sizes = [str(each.this) for each in parsed.expressions]
        if kind is None or (sizes and kind is not Type.NUMERIC):
            hint = (
                "TEXT, BLOB and INTEGER have one size"
                if kind
                else "there are " + ", ".join(sorted(set(map(str, NAMES.values()))))
            )
            raise SqlError("0A000", f"type {parsed.sql()[:40]} is not supported", at, hint)
        if not sizes:
            return kind, 0, 0
        if not all(each.isdigit() for each in sizes) or len(sizes) > 2:
            raise SqlError("42601", "NUMERIC(digits, scale)", at)
        digits, scale = int(sizes[0]), int(sizes[1]) if len(sizes) == 2 else 0
        if not 1 <= digits <= NUMERIC_DIGITS_MAX or scale > digits:
            raise SqlError("42601", f"NUMERIC has 1 to {NUMERIC_DIGITS_MAX} digits, and no more behind the point", at)
        return kind, digits, scale


class Lasting(Terms):
    """Takes expressions that the catalog keeps: no query and no parameter may stand in `what`."""

    def __init__(self, what: str) -> None:
        super().__init__(self._no_query)
        self._what = what

    def _no_query(self, parsed: Any) -> tree.Query:
        raise refuse(parsed, f"a subquery in {self._what}")

    def _take(self, parsed: Any) -> Any:
        if isinstance(parsed, exp.Placeholder):
            around: Any = parsed
            while place(around) < 0 and around.parent is not None:
                around = around.parent
            raise refuse(around, f"a parameter in {self._what}")
        return super()._take(parsed)


_TAKERS: dict[type, Any] = {
    exp.Literal: Terms._literal,
    exp.HexString: Terms._hex,
    exp.Boolean: Terms._boolean,
    exp.Null: Terms._null,
    exp.Column: Terms._column,
    exp.Star: Terms._star,
    exp.Placeholder: Terms._parameter,
    exp.Not: Terms._not,
    exp.Neg: Terms._neg,
    exp.Is: Terms._is,
    exp.NullSafeEQ: Terms._distinct_from,
    exp.NullSafeNEQ: Terms._distinct_from,
    exp.In: Terms._in,
    exp.Subquery: Terms._scalar,
    exp.Exists: Terms._exists,
    exp.Between: Terms._between,
    exp.Like: Terms._like,
    exp.Escape: Terms._escape,
    exp.Case: Terms._case,
    exp.Cast: Terms._cast,
    exp.Anonymous: Terms._call,
    exp.Filter: Terms._filter,
    exp.Extract: Terms._extract,
}
