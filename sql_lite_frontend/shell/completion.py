"""What a word may become: keywords of SQL, tables, columns, commands, files.

After a table's name or alias and a point only its columns are offered; columns of tables that the text names come
before those of others. Owns which words there are and in which order. Does not own the catalog
(sql_lite_frontend/shell/catalog.py). Read next: sql_lite_frontend/shell/catalog.py.
"""

import re
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from sql_lite_frontend.functions import AGGREGATES, FUNCTIONS
from sql_lite_frontend.schema import Table
from sql_lite_frontend.shell.catalog import Catalog
from sql_lite_frontend.shell.commands import COMMANDS
from sql_lite_frontend.shell.exporting import OVERWRITE
from sql_lite_frontend.shell.forms import FORMS
from sql_lite_frontend.shell.scanning import is_command

FILE_COMMANDS = ("\\i", ".import", ".export")
IMPORTED = ("PRIMARY KEY (", "NULL '", "FROM LINE ")
WORD = re.compile(r"(?:([^\W\d]\w*)\.)?([^\W\d]\w*)?$")
KEYWORDS = re.findall(
    r"\w+",
    """
    ALL AND AS ASC BEGIN BETWEEN BY CASE CAST CHECK COMMIT CONFLICT CREATE CROSS DEFAULT DELETE DESC DISTINCT DO DROP
    ELSE END EXCEPT EXISTS EXPLAIN FALSE FROM GROUP HAVING IF IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY LEFT
    LIKE LIMIT NODES NOT NOTHING NULL OFFSET ON OR ORDER PRIMARY RANGES RETURNING ROLLBACK SELECT SET SHOW TABLE TABLES
    THEN TRUE UNION UNIQUE UPDATE USING VALUES WHEN WHERE WITH
    INTEGER REAL NUMERIC TEXT BLOB BOOLEAN DATE TIMESTAMP
    """,
)


class Words(Completer):
    """Completes what is typed in the shell."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._files = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """What the word at the cursor may become."""
        before = document.text_before_cursor.lstrip()
        if not is_command(before) and before not in ("\\", "."):
            yield from self._in_statement(document)
            return
        name, space, rest = before.partition(" ")
        if not space:
            yield from _fitting(name, COMMANDS)
        elif name in FILE_COMMANDS and " " not in (file := OVERWRITE.sub("", rest, count=1)):
            yield from self._files.get_completions(Document(file), event)
        elif name == ".mode":
            yield from _fitting(rest, FORMS)
        elif name == "\\d":
            yield from _fitting(rest, self._catalog.tables)
        elif name == ".import":
            yield from _fitting(rest.rpartition(" ")[2], (*self._catalog.tables, *IMPORTED))
        elif name == ".export":
            yield from self._in_statement(document)

    def _in_statement(self, document: Document) -> Iterator[Completion]:
        match = WORD.search(document.text_before_cursor)
        assert match is not None, "the pattern fits nothing, too"
        table, typed = match[1], match[2] or ""
        tables = self._catalog.tables
        if table is not None:
            found = tables.get(table.lower()) or self._aliased(table.lower(), document.text.lower())
            yield from _fitting(typed, [each.name for each in found.columns] if found else [])
        elif typed:
            yield from _fitting(typed, self._words(document.text.lower(), typed.isupper()))

    def _aliased(self, alias: str, text: str) -> Table | None:
        """The table that a text calls so."""
        named = re.findall(rf"(\w+)\s+(?:as\s+)?{re.escape(alias)}\b", text)
        return next((self._catalog.tables[each] for each in named if each in self._catalog.tables), None)

    def _words(self, text: str, upper: bool) -> Iterator[str]:
        """Columns of the tables that are named, tables, keywords, functions; then the columns of other tables."""
        named = set(re.findall(r"\w+", text))
        tables = self._catalog.tables.values()
        words = [each if upper else each.lower() for each in KEYWORDS]
        yield from (column.name for each in tables if each.name in named for column in each.columns)
        yield from (each.name for each in tables)
        yield from words
        yield from sorted((*AGGREGATES, *FUNCTIONS))
        yield from (column.name for each in tables if each.name not in named for column in each.columns)


def _fitting(typed: str, words: Iterable[str]) -> Iterator[Completion]:
    start = typed.lower()
    for word in dict.fromkeys(words):
        if word.lower().startswith(start) and word != typed:
            yield Completion(word, -len(typed))
