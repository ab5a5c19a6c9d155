"""Queries of sqlglot as ours: SELECT, VALUES, what UNION and its kin make of them, and names of WITH.

Owns what may stand in a query, and that a name of WITH stands for its query wherever it is used; each use counts as
if the query were written there. Does not own expressions (sql_lite_frontend/terms.py) nor other statements
(sql_lite_frontend/parse.py). Read next: sql_lite_frontend/terms.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sql_lite_frontend import tree
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.limits import COLUMNS_MAX, JOINS_MAX, QUERIES_MAX, QUERY_DEPTH_MAX
from sql_lite_frontend.terms import Terms, identifier, name_of, only, place, refuse, table_name

try:
    from sqlglot import exp
except ImportError as error:
    raise ImportError("SQL needs sqlglot: pip install 'argosy[sql]'") from error

WAYS: dict[type, str] = {exp.Union: "union", exp.Intersect: "intersect", exp.Except: "except"}
ENDS = ("order", "limit", "offset")


@dataclass(frozen=True, slots=True)
class Named:
    """A query that WITH names, and what it costs to write it out once more: its queries, their depth, its terms."""

    query: tree.Query
    columns: tuple[str, ...]
    queries: int
    depth: int
    size: tuple[int, int]


class Queries:
    """Takes the queries of one statement, and all expressions in it by its `terms`."""

    def __init__(self) -> None:
        self.terms = Terms(self.take)
        self._named: dict[str, Named] = {}
        self._count = self._depth = self._deepest = 0

    # -- a query ------------------------------------------------------------------------------------------------------

    def take(self, parsed: Any) -> tree.Query:
        """A query, whatever it begins with."""
        self._enter(1, 1, place(parsed))
        self._depth += 1
        try:
            with self.naming(parsed):
                return self._take(parsed)
        finally:
            self._depth -= 1

    def _enter(self, count: int, depth: int, at: int) -> None:
        """So many more queries, so deep inside each other. Raises 54000 or 54001."""
        self._count += count
        if self._count > QUERIES_MAX:
            raise SqlError("54000", f"a statement has at most {QUERIES_MAX} queries, those of WITH at each use", at)
        if self._depth + depth > QUERY_DEPTH_MAX:
            raise SqlError("54001", f"queries more than {QUERY_DEPTH_MAX} deep inside each other", at)
        self._deepest = max(self._deepest, self._depth + depth)

    def _take(self, parsed: Any) -> tree.Query:
        match parsed:
            case exp.Select():
                return self._select(parsed)
            case exp.Values():
                only(parsed, "VALUES", "expressions", "with_", *ENDS)
                return tree.Values(self.rows(parsed), *self._end(parsed), place(parsed))
            case exp.SetOperation():
                return self._combined(parsed)
            case exp.Subquery():
                only(parsed, "brackets around a query", "this", "with_", *ENDS)
                inner = self.take(parsed.this)
                if not any(parsed.args.get(name) for name in ENDS):
                    return inner
                return tree.Combined("union", True, (inner,), *self._end(parsed), place(parsed))
        raise refuse(parsed, f"{name_of(parsed)} as a query")

    def rows(self, parsed: Any) -> tuple[tuple[Any, ...], ...]:
        """What VALUES lists."""
        return tuple(
            tuple(self.terms.take(cell) for cell in (row.expressions if isinstance(row, exp.Tuple) else (row.this,)))
            for row in parsed.expressions
        )

    def _combined(self, parsed: Any) -> tree.Combined:
        """a UNION b UNION c, which sqlglot hangs one into the other, as one of three parts."""
        kind, distinct = type(parsed), bool(parsed.args.get("distinct"))
        way = WAYS[kind]
        parts = []
        node = parsed
        while type(node) is kind and bool(node.args.get("distinct")) is distinct:
            ends = ENDS if node is parsed else ()
            only(node, way.upper(), "this", "expression", "distinct", *ends, "with_" if node is parsed else "")
            parts.append(node.expression)
            node = node.this
        parts.append(node)
        if len(parts) > QUERIES_MAX:
            raise SqlError("54000", f"a statement has at most {QUERIES_MAX} queries", place(parts[0]))
        for each in parts:
            if any(each.args.get(name) for name in ENDS) and not isinstance(each, exp.Subquery):
                raise SqlError("42601", f"ORDER BY or LIMIT inside of {way.upper()}", place(each), "use brackets")
        made = tuple(self.take(each) for each in reversed(parts))
        return tree.Combined(way, not distinct, made, *self._end(parsed), place(parsed))

    def _end(self, parsed: Any) -> tuple[tuple[tree.Order, ...], Any | None, Any | None]:
        return (
            self._order(parsed.args.get("order")),
            self._number(parsed.args.get("limit"), "LIMIT"),
            self._number(parsed.args.get("offset"), "OFFSET"),
        )

    # -- WITH ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def naming(self, parsed: Any) -> Iterator[None]:
        """While the statement is taken, the names of its WITH stand for their queries."""
        outside = self._named
        found = parsed.args.get("with_")
        if found is not None:
            self._named = dict(outside)
            if found.args.get("recursive"):
                raise refuse(found, "WITH RECURSIVE")
            only(found, "WITH", "expressions")
            taken: set[str] = set()
            for each in found.expressions:
                name = identifier(each.args["alias"].this)
                if name in taken:
                    raise SqlError("42701", f"WITH names {name} twice", place(each))
                taken.add(name)
                self._named[name] = self._name(each)
        try:
            yield
        finally:
            self._named = outside

    def _name(self, parsed: Any) -> Named:
        only(parsed, "WITH", "this", "alias")
        if not isinstance(parsed.this, exp.Query | exp.Values):
            raise refuse(parsed, f"{name_of(parsed.this)} in WITH")
        _, columns = _alias(parsed)
        before, deepest = self._count, self._deepest
        self._deepest = self._depth
        with self.terms.measured() as size:
            query = self.take(parsed.this)
            cost = size()
        depth, self._deepest = self._deepest - self._depth, max(deepest, self._deepest)
        count, self._count = self._count - before, before  # only what is used will be carried out
        return Named(query, columns, count, depth, cost)

    def _use(self, named: Named, alias: str, at: int) -> tree.Derived:
        self._enter(named.queries, named.depth, at)
        self.terms.again(named.size, at)
        return tree.Derived(named.query, alias, named.columns, True, at)

    # -- SELECT -------------------------------------------------------------------------------------------------------

    def _select(self, parsed: Any) -> tree.Select:
        only(
            parsed, "SELECT", "expressions", "from_", "joins", "where", "group", "having", "distinct", "with_", *ENDS
        )  # fmt: skip
        distinct = parsed.args.get("distinct")
        if distinct is not None:
            only(distinct, "DISTINCT")
        source = parsed.args.get("from_")
        joins = list(parsed.args.get("joins") or ())
        if source is not None:
            joins = list(source.this.args.get("joins") or ()) + joins
        if len(joins) > JOINS_MAX:
            raise SqlError("54000", f"a query has at most {JOINS_MAX} joins", place(joins[JOINS_MAX]))
        if not parsed.expressions:
            raise SqlError("42601", "SELECT of nothing", place(parsed))
        terms = self.terms
        outputs = self.outputs(parsed.expressions)
        first = None if source is None else self._source(source.this)
        joined = tuple(self._join(each) for each in joins)
        where = terms.optional(parsed.args.get("where"))
        group = self._group(parsed.args.get("group"))
        having = terms.optional(parsed.args.get("having"))
        return tree.Select(outputs, first, joined, where, group, having, *self._end(parsed), distinct is not None)

    def outputs(self, parsed: Any) -> tuple[tree.Output, ...]:
        """The columns of a result, with their names as far as given."""
        many = parsed[COLUMNS_MAX:]
        if many:
            raise SqlError("54000", f"a result has at most {COLUMNS_MAX} columns", place(many[0]))
        return tuple(self._output(each) for each in parsed)

    def _output(self, parsed: Any) -> tree.Output:
        if isinstance(parsed, exp.Alias):
            only(parsed, "an alias", "this", "alias")
            return tree.Output(self.terms.take(parsed.this), identifier(parsed.args["alias"]))
        return tree.Output(self.terms.take(parsed), "")

    def _source(self, parsed: Any) -> tree.TableName | tree.Derived:
        """What stands in FROM: a table, a name of WITH, or a query with an alias."""
        if isinstance(parsed, exp.Table):
            found = table_name(parsed)
            named = self._named.get(found.name)
            return found if named is None else self._use(named, found.alias, found.at)
        if not isinstance(parsed, exp.Subquery | exp.Values):
            raise refuse(parsed, f"{name_of(parsed)} in FROM")
        if isinstance(parsed.this, exp.Table):
            raise refuse(parsed, "a join in brackets")
        at = place(parsed)
        alias, columns = _alias(parsed)
        if isinstance(parsed, exp.Values):
            only(parsed, "VALUES", "expressions", "alias", "joins")
            self._enter(1, 1, at)
            query: tree.Query = tree.Values(self.rows(parsed), at=at)
        else:
            only(parsed, "a query in FROM", "this", "alias", "joins")
            query = self.take(parsed.this)
        return tree.Derived(query, alias or f"query {self._count}", columns, False, at)

    def _join(self, parsed: Any) -> tree.Join:
        only(parsed, "JOIN", "this", "side", "kind", "on", "using")
        side, kind = (parsed.side or "").upper(), (parsed.kind or "").upper()
        if side not in ("", "LEFT", "RIGHT") or kind not in ("", "INNER", "OUTER", "CROSS"):
            raise refuse(parsed, f"{side} {kind} JOIN".replace("  ", " ").strip())
        condition = parsed.args.get("on")
        using = tuple(
            tree.Column("", identifier(each.this if isinstance(each, exp.Column) else each), place(each))
            for each in parsed.args.get("using") or ()
        )
        if side == "RIGHT" and using:
            raise refuse(parsed, "RIGHT JOIN with USING")
        if side and condition is None and not using:
            raise SqlError("42601", f"{side} JOIN without ON or USING", place(parsed))
        table = self._source(parsed.this)
        made = None if condition is None else self.terms.take(condition)
        return tree.Join(side.lower() or "inner", table, made, using)

    def _group(self, parsed: Any) -> tuple[Any, ...]:
        if parsed is None:
            return ()
        only(parsed, "GROUP BY", "expressions")
        return tuple(self.terms.take(each) for each in parsed.expressions)

    def _order(self, parsed: Any) -> tuple[tree.Order, ...]:
        if parsed is None:
            return ()
        only(parsed, "ORDER BY", "expressions")
        items = []
        for each in parsed.expressions:
            only(each, "ORDER BY", "this", "desc", "nulls_first")
            made = self.terms.take(each.this)
            items.append(tree.Order(made, bool(each.args.get("desc")), bool(each.args["nulls_first"])))
        return tuple(items)

    def _number(self, parsed: Any, name: str) -> Any | None:
        if parsed is None:
            return None
        if not isinstance(parsed, exp.Limit | exp.Offset):
            raise refuse(parsed, name_of(parsed))
        only(parsed, name, "expression")
        return self.terms.take(parsed.expression)


def _alias(parsed: Any) -> tuple[str, tuple[str, ...]]:
    """The alias of a query in FROM or WITH, empty if it has none, and the names of its columns."""
    alias = parsed.args.get("alias")
    if alias is None:
        return "", ()
    only(alias, "an alias", "this", "columns")
    columns = tuple(identifier(each) for each in alias.args.get("columns") or ())
    return ("" if alias.this is None else identifier(alias.this)), columns
