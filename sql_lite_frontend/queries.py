"""From a SELECT to the plan that it literally says; the planner's rules come after.

Owns what each clause means, and where names and aggregates may stand. Does not own typing
(sql_lite_frontend/binder.py) nor writes (sql_lite_frontend/changes.py). Read next: sql_lite_frontend/planner.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sql_lite_frontend import bound, functions, plan, tree
from sql_lite_frontend.binder import Binder, Scope, assign, compare
from sql_lite_frontend.bound import Expression, Field, join_and
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.limits import COLUMNS_MAX
from sql_lite_frontend.schema import Table
from sql_lite_frontend.types import Kind, Type

Tables = Mapping[str, Table | None]


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


def no_aggregate(_: Any) -> Expression | None:
    """Where every expression is what it says."""
    return None


class Query:
    """The plan of one SELECT, made clause by clause in the order in which they happen."""

    def __init__(self, select: tree.Select, tables: Tables, types: Sequence[Kind], names: Mapping[str, int]) -> None:
        self._select = select
        self._tables = tables
        self._scope = Scope()
        self._plain = Binder(self._scope, types, names, no_aggregate)
        self._outer = Binder(self._scope, types, names, self._aggregate)
        self._aggregates: dict[plan.Aggregate, Field] = {}
        self._keys: dict[Expression, Field] = {}

    def make(self) -> plan.Prepared:
        """Raises SqlError with the place."""
        select = self._select
        source = self._from()
        if select.where is not None:
            source = plan.Filter(source, self._plain.condition(select.where))
        outputs = self._outputs()
        grouped = bool(select.group)
        for term in select.group:
            key = self._plain.bind(self._named(term, outputs))
            self._keys.setdefault(key, _field_of(key, "key"))
        made = [self._outer.bind(each.expression) for each in outputs]
        having = None if select.having is None else self._outer.condition(select.having)
        order = [self._outer.bind(self._named(each.expression, outputs)) for each in select.order]
        if grouped or self._aggregates or having is not None:
            source = self._group(source)
            made = [self._over_groups(each, term.expression) for each, term in zip(made, outputs, strict=True)]
            order = [self._over_groups(each, term.expression) for each, term in zip(order, select.order, strict=True)]
            if having is not None:
                source = plan.Filter(source, self._over_groups(having, select.having))
        names = tuple(_output_name(each, place) for place, each in enumerate(outputs))
        return plan.Prepared(self._finish(source, made, names, order), names)

    def _from(self) -> Any:
        first = self._select.source
        if first is None:
            return plan.Listed((), ((),))
        source: Any = scan_of(first, self._tables)
        self._enter(first, source)
        for join in self._select.joins:
            right = scan_of(join.table, self._tables, nullable=join.kind == "left")
            left_fields = list(self._scope.fields)
            self._enter(join.table, right)
            conditions = [self._using(each, left_fields, right) for each in join.using]
            if join.condition is not None:
                conditions.append(self._plain.condition(join.condition))
            source = plan.Join(source, right, join.kind == "left", join_and(tuple(conditions)))
        return source

    def _enter(self, name: tree.TableName, scan: plan.Scan) -> None:
        if name.alias in self._scope.tables:
            raise SqlError("42701", f"two tables by the name {name.alias}", name.at, "give one of them another: t AS u")
        self._scope.tables.append(name.alias)
        self._scope.fields += scan.fields

    def _using(self, column: tree.Column, left_fields: list[Field], right: plan.Scan) -> Expression:
        left = [each for each in left_fields if each.name == column.name and each not in self._scope.hidden]
        mine = [each for each in right.fields if each.name == column.name]
        if len(left) != 1 or len(mine) != 1:
            raise SqlError("42703", f"USING({column.name}) needs that column once on both sides", column.at)
        self._scope.hidden.add(mine[0])
        return compare("=", left[0], mine[0], column.at)

    def _outputs(self) -> list[tree.Output]:
        """The result's columns, with every * written out."""
        outputs: list[tree.Output] = []
        for each in self._select.outputs:
            if not isinstance(each.expression, tree.Star):
                outputs.append(each)
                continue
            star = each.expression
            fields = [
                field
                for field in self._scope.fields
                if (field.table == star.table if star.table else field not in self._scope.hidden)
            ]
            if not fields:
                raise SqlError("42P01", f"no columns for {star.table + '.' if star.table else ''}*", star.at)
            outputs += [tree.Output(tree.Column(field.table, field.name, star.at), field.name) for field in fields]
        if len(outputs) > COLUMNS_MAX:
            raise SqlError("54000", f"a result has at most {COLUMNS_MAX} columns")
        return outputs

    def _named(self, term: Any, outputs: list[tree.Output]) -> Any:
        """In GROUP BY and ORDER BY: the number or the name of an output stands for it."""
        if isinstance(term, tree.Constant) and term.type is Type.INTEGER:
            if not 1 <= term.value <= len(outputs):
                raise SqlError("42703", f"there is no column number {term.value}", term.at)
            return outputs[term.value - 1].expression
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
        if len(term.arguments) != 1:
            if term.name in ("min", "max") and term.arguments:
                return None  # the least or greatest of several values
            raise SqlError("42883", f"{term.name} takes one value", term.at)
        (inner,) = term.arguments
        if isinstance(inner, tree.Star):
            if term.name != "count" or term.distinct or inner.table:
                raise SqlError("42601", f"* in {term.name}", inner.at)
            return self._aggregates.setdefault(
                plan.Aggregate("count", None, False), Field("count", Type.INTEGER, False)
            )
        argument = self._plain.bind(inner)
        kind = functions.aggregate_type(term.name, argument.type)
        if kind is None:
            raise SqlError("42883", f"no {term.name}({argument.type})", term.at, "CAST it to a number")
        aggregate = plan.Aggregate(term.name, argument, term.distinct)
        return self._aggregates.setdefault(aggregate, Field(term.name, kind, term.name != "count"))

    def _group(self, source: Any) -> plan.Group:
        return plan.Group(
            source, tuple(self._keys), tuple(self._aggregates), (*self._keys.values(), *self._aggregates.values())
        )

    def _over_groups(self, expression: Expression, term: Any) -> Expression:
        """The expression over a group's fields. Raises 42803 if it needs another."""
        made = bound.exchange(expression, self._keys.get)
        known = {*self._keys.values(), *self._aggregates.values()}
        for each in bound.fields(made):
            if each not in known:
                at = int(getattr(term, "at", -1))
                raise SqlError("42803", f"{each} is neither grouped nor aggregated", at, "add it to GROUP BY")
        return made

    # -- the end -----------------------------------------------------------------------------------------------------

    def _finish(self, source: Any, made: list[Expression], names: tuple[str, ...], order: list[Expression]) -> Any:
        select = self._select
        places = [next((at for at, one in enumerate(made) if one == each), -1) for each in order]
        extra = [each for each, place in zip(order, places, strict=True) if place < 0]
        if select.distinct and extra:
            raise SqlError("42P16", "with DISTINCT, ORDER BY takes columns of the result only")
        fields = [_field_of(each, name) for each, name in zip(made, names, strict=True)]
        hidden = [_field_of(each, "order") for each in extra]
        node: Any = plan.Project(source, (*made, *extra), (*fields, *hidden))
        if select.distinct:
            node = plan.Distinct(node)
        rest = iter(hidden)
        keys = tuple(
            plan.Key(fields[place] if place >= 0 else next(rest), each.descending, each.nulls_first)
            for place, each in zip(places, select.order, strict=True)
        )
        if keys:
            node = plan.Sort(node, keys)
        limit, offset = self._count(select.limit, "LIMIT"), self._count(select.offset, "OFFSET")
        if limit is not None or offset is not None:
            node = plan.Limit(node, limit, offset)
        if hidden:
            node = plan.Project(node, tuple(fields), tuple(_field_of(each, each.name) for each in fields))
        return node

    def _count(self, term: Any, what: str) -> Expression | None:
        if term is None:
            return None
        made = assign(self._plain.bind(term), Type.INTEGER, what, int(getattr(term, "at", -1)))
        if bound.fields(made):
            raise SqlError("42601", f"{what} cannot depend on a row", int(getattr(term, "at", -1)))
        return made


def _field_of(expression: Expression, name: str) -> Field:
    return Field(name, expression.type, expression.nullable)


def _output_name(output: tree.Output, place: int) -> str:
    if output.alias:
        return output.alias
    match output.expression:
        case tree.Column(_, name):
            return name
        case tree.Call(name) if name[0].isalpha() and name not in ("and", "or", "not", "in", "neg"):
            return name
    return f"column{place + 1}"
