"""The tables as they are now: for completion, and for commands that describe them.

Owns a copy of all descriptors, fetched anew when the catalog's version is another one. Does not own descriptors
(sql_lite_frontend/schema.py). Read next: sql_lite_frontend/schema.py.
"""

from collections.abc import Callable
from typing import Any

from node.flow import Flow
from ranges.keys import SQL
from sql_lite_frontend.keys import VERSION_KEY
from sql_lite_frontend.schema import Table, all_tables
from sql_lite_frontend.session import Engine
from txn.database import Database
from txn.errors import ArgosyError
from txn.transaction import Transaction

PATIENCE_SECONDS = 1.0  # for what only helps to type


class Catalog:
    """All tables by name.

    1. `version` is that of `tables`; a version is never written twice, so the same version is the same catalog.
    """

    def __init__(self, engine: Engine, run: Callable[[Flow[Any]], Any]) -> None:
        self._database = Database(engine.database.router, SQL, PATIENCE_SECONDS)
        self._engine = engine
        self._run = run
        self._version: bytes | None = b"unknown"
        self.tables: dict[str, Table] = {}

    def refresh(self) -> None:
        """Look for a new version; whoever types is not kept waiting for long where nobody answers."""
        try:
            self._run(self._look(self._database.begin()))
        except ArgosyError:
            pass

    def now(self, transaction: Transaction | None) -> dict[str, Table]:
        """The tables, surely as they are, or as an open transaction sees them. Raises ArgosyError."""
        self._run(self._look(transaction or self._engine.database.begin()))
        return self.tables

    def _look(self, transaction: Transaction) -> Flow[None]:
        version = yield from transaction.get(VERSION_KEY)
        if version != self._version:
            tables = yield from all_tables(transaction)
            self.tables, self._version = {each.name: each for each in tables}, version
