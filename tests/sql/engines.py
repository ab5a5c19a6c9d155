"""An engine on a node in this process, and statements carried out on it to their end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import argosy
from argosy.testing.entries import entries_of
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import index_prefix, past
from sql_lite_frontend.session import Engine, Session


class Plain:
    """A session whose statements are carried out at once."""

    def __init__(self, engine: Engine, run: Any) -> None:
        self.engine, self._run = engine, run
        self.session: Session = engine.session()

    def another(self) -> "Plain":
        return Plain(self.engine, self._run)

    def __call__(self, text: str, parameters: Any = ()) -> Any:
        """All rows of a query; the count of a write."""
        result = self._run(self.session.execute(text, parameters))
        rows: list[Any] = []
        while not result.over:
            rows += self._run(result.next()) or []
        return rows if result.columns else result.count

    def many(self, text: str, rows: Any) -> int:
        """The count of a write for many rows of parameters."""
        return int(self._run(self.session.execute_many(text, rows)))

    def plan(self, text: str) -> list[str]:
        """EXPLAIN's lines, without the ranges."""
        return [re.sub(r"  \((some of )?range .*", "", line) for (line,) in self(f"EXPLAIN {text}")]

    def control(self, message: Any) -> Any:
        """Group 0's answer."""
        return self._run(self.engine.database.router.control(message, 10.0))

    def entries(self, table: str) -> dict[str, int]:
        """How many entries each index of a table has. Raises AssertionError if any is missing, wrong or too many."""

        def look(transaction: Any) -> Any:
            schema = yield from self.engine.schemas.now(transaction)
            described = yield from schema.table(transaction, table)
            rows = yield from transaction.scan(described.prefix, past(described.prefix))
            counts = {}
            for index in described.indexes:
                prefix = index_prefix(described.id, index.number)
                found = yield from transaction.scan(prefix, past(prefix))
                assert dict(found) == entries_of(described, index, dict(rows)), index.name
                counts[index.name] = len(found)
            return counts

        return self._run(self.engine.database.run(look))


def failed(run: Plain, text: str, parameters: Any = ()) -> SqlError:
    """The error of a statement that must have one."""
    with pytest.raises(SqlError) as caught:
        run(text, parameters)
    return caught.value


@contextmanager
def opened(path: Path) -> Iterator[Plain]:
    """A fresh database."""
    with argosy.open(path) as database:
        yield Plain(Engine(database.router), database.runner.run)
