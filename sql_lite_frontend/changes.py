"""From INSERT, UPDATE and DELETE to plans: whole new rows, with defaults, types and NOT NULL seen to.

Owns which expression each column gets. Does not own keys and duplicates (sql_lite_frontend/pending.py).
Read next: sql_lite_frontend/pending.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan, tree
from sql_lite_frontend.binder import Scope, assign
from sql_lite_frontend.bound import Constant, Expression, Field, Operation
from sql_lite_frontend.checks import guard_of
from sql_lite_frontend.clauses import output_names, written_out
from sql_lite_frontend.clauses import place_of as term_at
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.queries import make, scan_of
from sql_lite_frontend.rows import layout
from sql_lite_frontend.scans import scanned
from sql_lite_frontend.schema import Column, Index, Table
from sql_lite_frontend.subqueries import Clause, Context
from sql_lite_frontend.values import fit_numeric

EXCLUDED = "excluded"  # the name of the row that could not be inserted


class Change:
    """Makes the plan of one statement that writes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._names: tuple[str, ...] = ()

    def make(self, statement: tree.Insert | tree.Update | tree.Delete) -> plan.Prepared:
        """Raises SqlError with the place."""
        match statement:
            case tree.Insert():
                root: Any = self._insert(statement)
            case tree.Update():
                root = self._update(statement)
            case tree.Delete():
                root = self._delete(statement)
        return plan.Prepared(root, self._names)

    def _returning(self, statement: tree.Insert | tree.Update | tree.Delete, scan: plan.Scan) -> plan.Returning | None:
        """What is given of each row of the table; names of columns are the columns of one row."""
        if not statement.returning:
            return None
        scope = Scope()
        scope.tables, scope.fields = [scan.alias], list(scan.fields)
        clause = Clause(self._context, scope)
        outputs = written_out(statement.returning, scope)
        made = tuple(clause.bind(each.expression) for each in outputs)
        clause.nothing("RETURNING", term_at(outputs[0].expression))
        self._names = output_names(outputs)
        return plan.Returning(scan.fields, made)

    # -- insert ------------------------------------------------------------------------------------------------------

    def _insert(self, statement: tree.Insert) -> plan.Insert:
        scan = scan_of(statement.table, self._context.tables)
        table = scan.table
        if statement.columns is None:
            places = []
        else:
            places = [place_of(table, each) for each in statement.columns] or list(range(len(table.columns)))
        if len(set(places)) != len(places):
            assert statement.columns, "columns that are not named are different"
            raise SqlError("42701", "INSERT names a column twice", statement.columns[0].at)
        source = self._source(statement, table, places)
        conflict = self._conflict(statement.conflict, scan)
        return plan.Insert(table, source, guard_of(table), conflict, self._returning(statement, scan))

    def _source(self, statement: tree.Insert, table: Table, places: list[int]) -> plan.Listed | plan.Project:
        if statement.query is None:
            return self._listed(statement, table, places)
        query = make(self._context, statement.query, None)
        _check_width(len(query.columns), len(places), statement.table.at)
        fields = query.root.fields
        row = self._row(table, dict(zip(places, fields, strict=True)), statement.table.at)
        return plan.Project(query.root, row, _fields(row))

    def _listed(self, statement: tree.Insert, table: Table, places: list[int]) -> plan.Listed:
        clause = Clause(self._context, Scope())
        rows = []
        for cells in statement.rows:
            at = int(getattr(cells[0], "at", -1)) if cells else -1
            _check_width(len(cells), len(places), at)
            rows.append(self._row(table, dict(zip(places, map(clause.bind, cells), strict=True)), at))
        return plan.Listed(_fields(rows[0]), tuple(rows))

    def _conflict(self, written: tree.Conflict | None, scan: plan.Scan) -> plan.Conflict | None:
        """ON CONFLICT. A name without a table is of the row that is there."""
        if written is None:
            return None
        table, targets = scan.table, _targets(scan.table, written)
        if written.changes is None:
            return plan.Conflict(targets)
        scope = Scope()
        other = [replace(each, table=EXCLUDED) for each in scan.fields]
        scope.tables, scope.fields, scope.hidden = [scan.alias, EXCLUDED], [*scan.fields, *other], set(other)
        clause = Clause(self._context, scope)
        new = _new_values(table, written.changes, clause)
        condition = None if written.where is None else clause.condition(written.where)
        clause.nothing("ON CONFLICT", written.at)
        indexes = _changed(table, new)
        old = known_of(table, indexes)
        made = (*(scan.fields[place] for place in old), *(new.get(at, field) for at, field in enumerate(scan.fields)))
        renewal = plan.Renewal(tuple(scope.fields), condition, made, old, tuple(new), indexes, guard_of(table, new))
        return plan.Conflict(targets, renewal)

    def _row(self, table: Table, given: Mapping[int, Expression], at: int) -> tuple[Expression, ...]:
        return tuple(
            stored(column, given[place], at) if place in given else required(column, default_of(column))
            for place, column in enumerate(table.columns)
        )

    # -- update and delete ---------------------------------------------------------------------------------------------

    def _found(self, statement: tree.Update | tree.Delete) -> tuple[plan.Scan, Scope, Any]:
        """The scan of the table, and the rows that the condition finds."""
        scan, scope = scan_of(statement.table, self._context.tables), Scope()
        scope.tables, scope.fields = [scan.alias], list(scan.fields)
        if statement.where is None:
            return scan, scope, scan
        clause = Clause(self._context, scope)
        condition = clause.condition(statement.where)
        return scan, scope, plan.Filter(clause.around(scan), condition)

    def _columns_and(
        self, scan: plan.Scan, source: Any, old: Sequence[int], row: tuple[Expression, ...]
    ) -> plan.Project:
        made = (*(scan.fields[place] for place in old), *row)
        return plan.Project(source, made, _fields(made))

    def _update(self, statement: tree.Update) -> plan.Update:
        scan, scope, source = self._found(statement)
        clause = Clause(self._context, scope)
        new = _new_values(scan.table, statement.changes, clause)
        row = tuple(new.get(place, field) for place, field in enumerate(scan.fields))
        indexes = _changed(scan.table, new)
        old = known_of(scan.table, indexes)
        made = self._columns_and(scan, clause.around(source), old, row)
        return plan.Update(scan.table, made, old, indexes, guard_of(scan.table, new), self._returning(statement, scan))

    def _delete(self, statement: tree.Delete) -> plan.Delete:
        scan, _, source = self._found(statement)
        returning = self._returning(statement, scan)
        old = known_of(scan.table, scan.table.indexes)
        if returning is not None:
            used = bound.fields(*returning.expressions)
            old = tuple(dict.fromkeys((*old, *(each.place for each in used))))
            returning = replace(returning, fields=tuple(scan.fields[place] for place in old))
        return plan.Delete(scan.table, self._columns_and(scan, source, old, ()), old, returning)


def _new_values(table: Table, changes: Sequence[tuple[tree.Column, Any]], clause: Clause) -> dict[int, Expression]:
    """What SET says, by the places of the columns. Raises 42701 and others."""
    new = dict[int, Expression]()
    for column, term in changes:
        place = place_of(table, column)
        if place in new:
            raise SqlError("42701", f"SET names {column.name} twice", column.at)
        new[place] = stored(table.columns[place], clause.bind(term), column.at)
    return new


def _changed(table: Table, new: Mapping[int, Expression]) -> tuple[Index, ...]:
    """The indexes whose entries change with these columns."""
    return tuple(each for each in table.indexes if not new.keys().isdisjoint(each.entry))


def _targets(table: Table, written: tree.Conflict) -> tuple[Index | None, ...]:
    """The keys that ON CONFLICT means; None is the primary key. Raises 42P10, 42703 and 42601."""
    unique = [each for each in table.indexes if each.unique]
    if not written.target:
        if written.changes is None:
            return (None, *unique)
        said = "ON CONFLICT DO UPDATE without the columns of a key"
        raise SqlError("42601", said, written.at, f"ON CONFLICT ({table.names(table.key)}) DO UPDATE")
    wanted = {place_of(table, each) for each in written.target}
    ready: list[Index | None] = [each for each in unique if set(each.columns) == wanted and not each.building]
    found = ([None] if set(table.key) == wanted else []) + ready
    if not found:
        keys = dict.fromkeys((table.key, *(each.columns for each in unique)))
        said = f"({table.names(sorted(wanted))}) is no unique key of table {table.name}"
        hint = "there are: " + ", ".join(f"({table.names(each)})" for each in keys)
        raise SqlError("42P10", said, written.target[0].at, hint[:200])
    return tuple(found)


def known_of(table: Table, indexes: Sequence[Index]) -> tuple[int, ...]:
    """The places of what must be known of a row as it is: the primary key, then what entries of these indexes hold."""
    return tuple(dict.fromkeys((*table.key, *(place for each in indexes for place in each.entry))))


def place_of(table: Table, column: tree.Column) -> int:
    """Where a table has a column. Raises 42703."""
    for place, each in enumerate(table.columns):
        if each.name == column.name:
            return place
    raise SqlError("42703", f"table {table.name} has no column {column.name}", column.at)


def stored(column: Column, value: Expression, at: int) -> Expression:
    """A value as the column takes it."""
    made = assign(value, column.type, f"column {column.name}", at)
    if column.digits:

        def fit(given: Any, digits: int = column.digits, scale: int = column.scale) -> Any:
            return fit_numeric(given, digits, scale)

        made = Operation(f"fit_{column.digits}_{column.scale}", (made,), column.type, made.nullable, fit)
    return required(column, made)


def required(column: Column, value: Expression) -> Expression:
    """The value, and an error instead of NULL where the column takes none."""
    if not column.not_null or not value.nullable:
        return value

    def refuse(_: bool) -> None:
        raise SqlError("23502", f"column {column.name} is NOT NULL")

    failing = Operation("refuse_null", (Constant(True, value.type),), value.type, False, refuse)
    return Operation("coalesce", (value, failing), value.type, False)


def default_of(column: Column) -> Constant:
    """The column's default, or NULL."""
    if not column.default:
        return Constant(None, column.type)
    field = Field(column.name, column.type, True, place=0)
    ((value,),) = scanned(layout((column.type,)), (field,), None)([(b"", column.default)], ())
    return Constant(value, column.type)


def _fields(row: Sequence[Expression]) -> tuple[Field, ...]:
    return tuple(Field(f"c{place}", each.type, each.nullable) for place, each in enumerate(row))


def _check_width(given: int, wanted: int, at: int) -> None:
    if given != wanted:
        raise SqlError("21000", f"{given} values for {wanted} columns", at)
