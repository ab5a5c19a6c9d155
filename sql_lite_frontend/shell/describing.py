"""`\\d`, `\\dt` and `\\di`: what the catalog says, as rows.

Does not own what a descriptor holds (sql_lite_frontend/schema.py). Read next: sql_lite_frontend/shell/catalog.py.
"""

from typing import TYPE_CHECKING, Any

from sql_lite_frontend.changes import default_of
from sql_lite_frontend.schema import Column, Table
from sql_lite_frontend.shell.arguments import name
from sql_lite_frontend.shell.complaints import ShellError
from sql_lite_frontend.shell.forms import text_of

if TYPE_CHECKING:
    from sql_lite_frontend.shell.shell import Shell

COLUMNS = ("column", "type", "null", "default", "key")
CHECKS = ("check", "condition")
INDEXES = ("table", "index", "columns", "unique", "state")


def describe(shell: "Shell", given: str) -> None:
    """All tables, or the columns of one and what its rows are held to."""
    if not given:
        list_tables(shell, "")
        return
    wanted = name(given)
    tables = shell.catalog.now(shell.session.transaction)
    found = tables.get(wanted)
    if found is None:
        raise ShellError(
            f"there is no table {wanted}", f"there are: {', '.join(tables)}" if tables else "there are none"
        )
    shell.show(COLUMNS, iter([[_column(found, place) for place in range(len(found.columns))]]))
    if found.checks:
        shell.show(CHECKS, iter([[(each.name, each.text) for each in found.checks]]))


def list_tables(shell: "Shell", _: str) -> None:
    """All tables."""
    found = shell.catalog.now(shell.session.transaction).values()
    rows: list[tuple[Any, ...]] = [(each.name, len(each.columns), _names(each, each.key)) for each in found]
    shell.show(("table", "columns", "primary key"), iter([rows]))


def list_indexes(shell: "Shell", _: str) -> None:
    """All indexes."""
    found = shell.catalog.now(shell.session.transaction).values()
    shell.show(INDEXES, iter([[row for each in found for row in _indexes(each)]]))


def _indexes(table: Table) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = [(table.name, "primary key", _names(table, table.key), True, "ready")]
    for each in table.indexes:
        state = "building" if each.building else "ready"
        found.append((table.name, each.name, _names(table, each.columns), each.unique, state))
    return found


def _names(table: Table, places: tuple[int, ...]) -> str:
    return ", ".join(table.columns[place].name for place in places)


def _column(table: Table, place: int) -> tuple[Any, ...]:
    column = table.columns[place]
    key = f"primary {table.key.index(place) + 1}" if place in table.key else ""
    return column.name, _type(column), "" if column.not_null else "yes", _default(column), key


def _type(column: Column) -> str:
    return f"NUMERIC({column.digits}, {column.scale})" if column.digits else str(column.type)


def _default(column: Column) -> str:
    value = default_of(column).value
    return "" if value is None else f"'{value}'" if isinstance(value, str) else text_of(value)
