"""From a query to the plan that it literally says; the planner's rules come after.

Owns what each clause of a SELECT means, and where names and aggregates may stand. Does not own typing
(sql_lite_frontend/binder.py), ORDER BY and LIMIT (sql_lite_frontend/clauses.py), UNION and VALUES
(sql_lite_frontend/combined.py) nor writes (sql_lite_frontend/changes.py). Read next: sql_lite_frontend/combined.py.
"""

from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, functions, plan, tree
from sql_lite_frontend.binder import Scope, cast, compare
from sql_lite_frontend.bound import Expression, Field, join_and
from sql_lite_frontend.clauses import field_of, finish, numbered, output_names, place_of, written_out
from sql_lite_frontend.combined import combined, values
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.subqueries import Clause, Context, Made, Outside, Tables
from sql_lite_frontend.types import Type


def scan_of(name: tree.TableName, tables: Tables, nullable: bool = False) -> plan.Scan:
    """A whole table. Raises 42P01."""
    table = tables[name.name]
    if table is None:
        raise SqlError("42P01", f"no table {name.name}", name.at, "SHOW TABLES lists them")
    fields = tuple(
        Field(each.name, each.type, nullable or not each.not_null, name.alias, place)
        for place, each in enumerate(table.columns)
    )
    return plan.Scan(table, name.alias, fields)


def make(context: Context, query: tree.Query, outside: Outside | None) -> Made:
    """The plan of a query, maybe inside of another. Raises SqlError with the place."""
    match query:
        case tree.Select():
            return Query(context, query, outside).make()
        case tree.Values():
            return values(context, query, outside)
    return combined(context, query, lambda part: make(context, part, outside))


class Query:
    """The plan of one SELECT, made clause by clause in the order in which they happen."""

    def __init__(self, context: Context, select: tree.Select, outside: Outside | None) -> None:
        self._context = context
        self._select = select
        self._outside = outside
        self._scope = Scope(None if outside is None else outside.find)
        self._plain = Clause(context, self._scope)
        self._outer = Clause(context, self._scope, self._aggregate)
        self._aggregates: dict[plan.Aggregate, Field] = {}
        self._keys: dict[Expression, Field] = {}
        self._answers: list[Field] = []

    def make(self) -> Made:
        """Raises SqlError with the place."""
        select = self._select
        source = self._from()
        if select.where is not None:
            condition = self._plain.condition(select.where)
            source = plan.Filter(self._plain.around(source), condition)
        outputs = written_out(select.outputs, self._scope)
        grouped = bool(select.group)
        for term in select.group:
            key = self._plain.bind(self._named(term, outputs))
            self._keys.setdefault(key, field_of(key, "key"))
        self._outer.known |= self._plain.known
        made = [self._outer.bind(each.expression) for each in outputs]
        having = None if select.having is None else self._outer.condition(select.having)
        order = [self._outer.bind(self._named(each.expression, outputs)) for each in select.order]
        if grouped or self._aggregates or having is not None:
            source = self._group(self._plain.around(source))
            made = [self._over_groups(each, term.expression) for each, term in zip(made, outputs, strict=True)]
            order = [self._over_groups(each, term.expression) for each, term in zip(order, select.order, strict=True)]
            source = self._outer.around(source)
            if having is not None:
                source = plan.Filter(source, self._over_groups(having, select.having))
        source = self._outer.around(source)
        names = output_names(outputs)
        return finish(source, made, names, order, select, self._plain)

    def _from(self) -> Any:
        first = self._select.source
        if first is None:
            return plan.Listed((), ((),))
        source = self._item(first)
        self._enter(first, source)
        for join in self._select.joins:
            right = self._item(join.table, nullable=join.kind == "left")
            if join.kind == "right":
                source = self._nullable(source)
            left_fields = list(self._scope.fields)
            self._enter(join.table, right)
            conditions = [self._using(each, left_fields, right) for each in join.using]
            if join.condition is not None:
                conditions.append(self._plain.condition(join.condition))
            source = self._joined(source, right, join, join_and(tuple(conditions)))
        return source

    def _joined(self, left: Any, right: Any, join: tree.Join, condition: Expression | None) -> Any:
        """A join; RIGHT is LEFT with the sides changed.

        What subqueries of ON need of a row is around both sides, or around the side that may be missing.
        """
        if join.kind == "right":
            left, right = right, left
        outer = join.kind != "inner"
        if not self._plain.pending:
            return plan.Join(left, right, outer, condition)
        if not outer:
            pairs = self._plain.around(plan.Join(left, right, False, None))
            assert condition is not None, "a subquery stands in a condition"
            return plan.Filter(pairs, condition)
        if any(field not in right.fields for each in self._plain.pending for field in each.arguments):
            self._plain.nothing(f"ON of a {join.kind.upper()} JOIN for both sides", place_of(join.condition))
        return plan.Join(left, self._plain.around(right), True, condition)

    def _item(self, item: tree.TableName | tree.Derived, nullable: bool = False) -> Any:
        """A table of FROM, or a query with the names that it has here."""
        if isinstance(item, tree.TableName):
            return scan_of(item, self._context.tables, nullable)
        made = make(self._context, item.query, None if item.closed else self._outside)
        if len(item.columns) > len(made.columns):
            raise SqlError("42601", f"{len(item.columns)} names for {len(made.columns)} columns", item.at)
        names = item.columns + made.columns[len(item.columns) :]
        fields = (
            Field(name, each.type, nullable or each.nullable, item.alias)
            for name, each in zip(names, made.root.fields, strict=True)
        )
        return plan.Project(made.root, tuple(made.root.fields), tuple(fields))

    def _enter(self, name: tree.TableName | tree.Derived, scan: Any) -> None:
        if name.alias in self._scope.tables:
            raise SqlError("42701", f"two tables by the name {name.alias}", name.at, "give one of them another: t AS u")
        self._scope.tables.append(name.alias)
        self._scope.fields += scan.fields

    def _nullable(self, source: Any) -> Any:
        """The left side of a RIGHT JOIN, whose rows may be missing: its fields may be NULL from here on."""
        new = {each: replace(each, nullable=True) for each in source.fields}
        self._scope.fields = [new[each] for each in self._scope.fields]
        self._scope.hidden = {new[each] for each in self._scope.hidden}
        return plan.Project(source, tuple(new), tuple(new.values()))

    def _using(self, column: tree.Column, left_fields: list[Field], right: Any) -> Expression:
        left = [each for each in left_fields if each.name == column.name and each not in self._scope.hidden]
        mine = [each for each in right.fields if each.name == column.name]
        if len(left) != 1 or len(mine) != 1:
            raise SqlError("42703", f"USING({column.name}) needs that column once on both sides", column.at)
        self._scope.hidden.add(mine[0])
        return compare("=", left[0], mine[0], column.at)

    def _named(self, term: Any, outputs: list[tree.Output]) -> Any:
        """In GROUP BY and ORDER BY: the number or the name of an output stands for it."""
        place = numbered(term, len(outputs))
        if place is not None:
            return outputs[place].expression
        if isinstance(term, tree.Column) and not term.table:
            named = [each for each in outputs if each.alias == term.name]
            if named:
                return named[0].expression
        return term

    # -- groups ------------------------------------------------------------------------------------------------------

    def _aggregate(self, term: Any) -> Expression | None:
        """The field of an aggregate that is called here."""
        if not isinstance(term, tree.Call) or term.name not in functions.AGGREGATES:
            return None
        if len(term.arguments) != 1 + (term.name in functions.JOINING and len(term.arguments) > 1):
            if term.name in ("min", "max") and term.arguments:
                return None  # the least or greatest of several values
            raise SqlError("42883", f"{term.name} takes one value", term.at)
        inner, *rest = term.arguments
        separator = _separator(term, rest)
        if isinstance(inner, tree.Star):
            if term.name != "count" or term.distinct or inner.table:
                raise SqlError("42601", f"* in {term.name}", inner.at)
            return self._aggregates.setdefault(
                plan.Aggregate("count", None, False), Field("count", Type.INTEGER, False)
            )
        argument = self._plain.bind(inner)
        if self._outside and not bound.fields(argument) and any(map(self._outside.has, bound.walk(argument))):
            raise SqlError("0A000", "an aggregate of columns from outside of a subquery is not supported", term.at)
        kind = functions.aggregate_type(term.name, argument.type)
        if kind is None:
            raise SqlError("42883", f"no {term.name}({argument.type})", term.at, "CAST it to a number")
        if separator is not None:
            argument = cast(argument, Type.TEXT, term.at)
        aggregate = plan.Aggregate(term.name, argument, term.distinct, separator)
        return self._aggregates.setdefault(aggregate, Field(term.name, kind, term.name != "count"))

    def _group(self, source: Any) -> plan.Group:
        self._answers = [each.answer for each in self._outer.pending]
        self._outer.pending = [
            replace(each, arguments=tuple(self._over_groups(field, None) for field in each.arguments))
            for each in self._outer.pending
        ]
        return plan.Group(
            source, tuple(self._keys), tuple(self._aggregates), (*self._keys.values(), *self._aggregates.values())
        )

    def _over_groups(self, expression: Expression, term: Any) -> Expression:
        """The expression over a group's fields. Raises 42803 if it needs another."""
        made = bound.exchange(expression, self._keys.get)
        known = {*self._keys.values(), *self._aggregates.values(), *self._answers}
        for each in bound.fields(made):
            if each not in known:
                message = f"{each} is neither grouped nor aggregated"
                raise SqlError("42803", message, place_of(term), "add it to GROUP BY")
        return made


def _separator(term: tree.Call, rest: list[Any]) -> str | None:
    """What stands between joined texts; None of another aggregate."""
    if term.name not in functions.JOINING:
        return None
    if not rest:
        return ","
    if not isinstance(rest[0], tree.Constant) or rest[0].type is not Type.TEXT:
        raise SqlError("0A000", f"{term.name} with a separator that is no written text is not supported", term.at)
    return str(rest[0].value)
