"""CREATE and DROP as statements (sql_lite_frontend/tree.py), out of what sqlglot read.

Owns which constraints a column and a table may have. Does not own what they mean (sql_lite_frontend/ddl.py).
Read next: sql_lite_frontend/ddl.py.
"""

from typing import Any

from sql_lite_frontend import tree
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.terms import Lasting, Terms, identifier, name_of, only, place, refuse, table_name
from sql_lite_frontend.types import Type

try:
    from sqlglot import exp
except ImportError as error:
    raise ImportError("SQL needs sqlglot: pip install 'argosy[sql]'") from error

Columns = tuple[tree.Column, ...]


def created(terms: Terms, parsed: Any) -> tree.CreateTable | tree.CreateIndex:
    """CREATE TABLE or CREATE INDEX. Raises SqlError."""
    match parsed.args.get("kind"):
        case "TABLE":
            return _Table(terms, parsed).made()
        case "INDEX":
            return _index(parsed)
        case kind:
            raise refuse(parsed, f"CREATE {kind}")


def dropped(parsed: Any) -> tree.DropTable | tree.DropIndex:
    """DROP TABLE or DROP INDEX. Raises SqlError."""
    kind, exists = parsed.args.get("kind"), bool(parsed.args.get("exists"))
    only(parsed, f"DROP {kind}", "this", "kind", "exists")
    if kind == "TABLE":
        return tree.DropTable(table_name(parsed.this), exists)
    if kind != "INDEX":
        raise refuse(parsed, f"DROP {kind}")
    return tree.DropIndex(table_name(parsed.this).name, exists, place(parsed))


def _index(parsed: Any) -> tree.CreateIndex:
    only(parsed, "CREATE INDEX", "this", "kind", "unique", "exists")
    index = parsed.this
    if index.this is None:
        raise SqlError("42601", "CREATE INDEX without a name", place(parsed))
    only(index, "CREATE INDEX", "this", "table", "params")
    params = index.args.get("params")
    if params is None or not params.args.get("columns"):
        raise SqlError("42601", "CREATE INDEX without columns", place(parsed))
    only(params, "CREATE INDEX", "columns")
    columns = tuple(_key_column(each, "an index") for each in params.args["columns"])
    made = tree.IndexMade(identifier(index.this), columns, bool(parsed.args.get("unique")), place(index.this))
    return tree.CreateIndex(table_name(index.args["table"]), made, bool(parsed.args.get("exists")))


class _Table:
    """CREATE TABLE, part by part."""

    def __init__(self, terms: Terms, parsed: Any) -> None:
        self._terms = terms
        self._parsed = parsed
        self._columns: list[tree.ColumnMade] = []
        self._key: Columns = ()
        self._indexes: list[tree.IndexMade] = []
        self._checks: list[tree.CheckMade] = []
        self._conditions = Lasting("CHECK")

    def made(self) -> tree.CreateTable:
        """Raises SqlError."""
        parsed = self._parsed
        only(parsed, "CREATE TABLE", "this", "kind", "exists")
        schema = parsed.this
        if not isinstance(schema, exp.Schema):
            raise SqlError("42601", "CREATE TABLE without columns", place(parsed))
        for each in schema.expressions:
            if isinstance(each, exp.ColumnDef):
                self._column(each)
            else:
                self._constraint(each, "")
        exists = bool(parsed.args.get("exists"))
        return tree.CreateTable(
            table_name(schema.this), tuple(self._columns), self._key, exists, tuple(self._indexes), tuple(self._checks)
        )

    def _constraint(self, parsed: Any, name: str) -> None:
        match parsed:
            case exp.Constraint():
                for each in parsed.expressions:
                    self._constraint(each, identifier(parsed.this))
            case exp.PrimaryKey():
                self._primary(tuple(_key_column(each, "a PRIMARY KEY") for each in parsed.expressions))
            case exp.UniqueColumnConstraint() if isinstance(parsed.this, exp.Schema):
                only(parsed, "UNIQUE", "this")
                self._unique(name, tuple(_key_column(each, "UNIQUE") for each in parsed.this.expressions))
            case exp.CheckColumnConstraint():
                self._check(name, parsed)
            case _:
                raise refuse(parsed, name_of(parsed).removesuffix("COLUMNCONSTRAINT"))

    def _primary(self, columns: Columns) -> None:
        if self._key:
            raise SqlError("42P16", "more than one PRIMARY KEY", columns[0].at)
        self._key = columns

    def _unique(self, name: str, columns: Columns) -> None:
        self._indexes.append(tree.IndexMade(name, columns, True, columns[0].at))

    def _check(self, name: str, parsed: Any) -> None:
        only(parsed, "CHECK", "this")
        condition = self._conditions.take(parsed.this)
        self._checks.append(tree.CheckMade(name, condition, parsed.meta["text"], parsed.meta["start"]))

    def _column(self, parsed: Any) -> None:
        only(parsed, "a column", "this", "kind", "constraints")
        at, name = place(parsed), identifier(parsed.this)
        if parsed.args.get("kind") is None:
            raise SqlError("42601", f"column {name} has no type", at)
        kind, digits, scale = self._terms.type(parsed.args["kind"], at)
        if kind is Type.NULL:
            raise SqlError("42601", f"column {name} has no type", at)
        own = (tree.Column("", name, at),)
        not_null, default = False, None
        for each in parsed.args.get("constraints") or ():
            title = "" if each.this is None else identifier(each.this)
            match each.kind:
                case exp.PrimaryKeyColumnConstraint():
                    self._primary(own)
                case exp.NotNullColumnConstraint() as rule:
                    not_null = not rule.args.get("allow_null")
                case exp.DefaultColumnConstraint() as rule:
                    default = Lasting("DEFAULT").take(rule.this)
                case exp.UniqueColumnConstraint() as rule:
                    only(rule, "UNIQUE")
                    self._unique(title, own)
                case exp.CheckColumnConstraint() as rule:
                    self._check(title, rule)
                case rule:
                    raise refuse(parsed, name_of(rule).removesuffix("COLUMNCONSTRAINT"))
        self._columns.append(tree.ColumnMade(name, kind, not_null, default, digits, scale, at))


def _key_column(parsed: Any, where: str) -> tree.Column:
    inner = parsed.this if isinstance(parsed, exp.Ordered) else parsed
    if isinstance(parsed, exp.Ordered) and parsed.args.get("desc"):
        raise refuse(parsed, f"DESC in {where}")
    inner = inner.this if isinstance(inner, exp.Column) else inner
    if not isinstance(inner, exp.Identifier):
        raise refuse(parsed, f"an expression in {where}")
    return tree.Column("", identifier(inner), place(inner))
