"""Connections and cursors: which transaction a statement belongs to, and rows that are pulled as they are read.

Owns what may be used when, and by which thread. Does not own statements (sql_lite_frontend/session.py) nor what
carries their flows to the end (argosy/blocking.py:Runner). Read next: argosy/dbapi/errors.py.
"""

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import length_hint
from types import TracebackType
from typing import Any, TypeVar

from argosy.blocking import Runner
from argosy.dbapi.errors import InterfaceError, InternalError, ProgrammingError, translated
from node.errors import NodeError
from node.flow import Flow
from sql_lite_frontend import tree
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.parameters import Given
from sql_lite_frontend.session import Engine, Result
from txn.transaction import Transaction

T = TypeVar("T")
Row = tuple[Any, ...]
Description = tuple[str, str, None, None, None, None, bool]
BOUNDS = ("begin", "commit", "rollback")  # statements that say themselves where a transaction begins and ends


class Connection:
    """A session of its own. For the thread that made it.

    1. Without autocommit a statement begins a transaction if none is open, and `commit` or `rollback` ends it.
    2. After an interrupt (Ctrl-C) the open transaction is rolled back: what was under way is not known any more.
    3. A connection that nobody refers to any more, or that is open when the program ends, is closed.
    """

    def __init__(self, engine: Engine, runner: Runner, leave: Callable[[], object], autocommit: bool) -> None:
        self._engine = engine
        self._session = engine.session()
        self._runner = runner
        self._leave = weakref.finalize(self, leave)
        self._autocommit = autocommit
        self._thread = threading.get_ident()
        self._closed = False

    @property
    def autocommit(self) -> bool:
        """Is every statement a transaction of its own? To set it commits what is open."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, wanted: bool) -> None:
        if wanted:
            self.commit()
        self.require_open()
        self._autocommit = wanted

    @property
    def in_transaction(self) -> bool:
        """Is a transaction open?"""
        return self._session.transaction is not None

    def cursor(self) -> "Cursor":
        """What statements are carried out on. Raises InterfaceError."""
        self.require_open()
        return Cursor(self)

    def execute(self, operation: str, parameters: Given = ()) -> "Cursor":
        """A new cursor that has carried the statement out, as with sqlite3."""
        return self.cursor().execute(operation, parameters)

    def executemany(self, operation: str, rows: Iterable[Given]) -> "Cursor":
        """A new cursor that has carried the statement out for all rows of parameters, as with sqlite3."""
        return self.cursor().executemany(operation, rows)

    def commit(self) -> None:
        """End the transaction, if one is open: all of it happens. Raises Aborted, OutcomeUnknown, Unavailable …"""
        self.require_open()
        if self._session.transaction is not None:
            self._run(self._session.execute("COMMIT"))

    def rollback(self) -> None:
        """End the transaction, if one is open: nothing of it happens. Asks nobody, so nothing goes wrong with it."""
        self.require_open()
        self._forget_transaction()

    def close(self) -> None:
        """Roll back what is open, and leave the database; a node that `connect` started ends. Twice is harmless."""
        if self._closed:
            return
        self.rollback()
        self._closed = True
        self._leave()

    def __enter__(self) -> "Connection":
        self.require_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()

    # -- for cursors -------------------------------------------------------------------------------------------------

    @property
    def transaction(self) -> Transaction | None:
        """The one that is open."""
        return self._session.transaction

    def require_open(self) -> None:
        """Raises InterfaceError after `close`, and ProgrammingError in another thread."""
        if self._closed:
            raise InterfaceError("this connection is closed", "08003")
        if threading.get_ident() != self._thread:
            said = "a connection is for the thread that made it (threadsafety 1)"
            raise ProgrammingError(said, "55006", hint="connect in each thread, to one argosy.open(...) if embedded")

    def carry_out(self, operation: str, parameters: Given) -> Result:
        """One statement."""
        return self._statement(self._session.execute, operation, parameters)

    def carry_out_many(self, operation: str, rows: Iterable[Given]) -> int:
        """One statement for many rows of parameters; how many rows it wrote."""
        return self._statement(self._session.execute_many, operation, rows)

    def fetch(self, result: Result) -> list[Row]:
        """The next rows of a result; none at its end."""
        while not result.over:
            rows = result.next_nowait()
            if rows is None:
                rows = self._run(result.next())
            if rows:
                return rows
        return []

    def _statement(self, make: Callable[[str, Any], Flow[T]], operation: str, given: Any) -> T:
        """What a statement gives, in a transaction that it begins if that is wanted. Its errors are ours."""
        try:
            flow = make(operation, given)
            if not self._autocommit and self._session.transaction is None:
                self._begin(operation)
        except SqlError as error:
            raise translated(error) from error
        return self._run(flow)

    def _begin(self, operation: str) -> None:
        statement = self._engine.parsed(operation).statement
        if not (isinstance(statement, tree.Plain) and statement.word in BOUNDS):
            self._session.enter()

    def _run(self, flow: Flow[T]) -> T:
        try:
            return self._runner.run(flow)
        except (SqlError, NodeError) as error:
            raise translated(error) from error
        except Exception:
            raise
        except BaseException:  # an interrupt: who knows how far the flow went
            self._forget_transaction()
            raise

    def _forget_transaction(self) -> None:
        """Nothing that was begun in the session is used any more."""
        if self._session.transaction is not None:
            self._session.transaction.rollback()
        self._session = self._engine.session()


class Cursor:
    """Carries statements out, and hands out their rows.

    1. Rows are asked for in batches, as they are read; no more than one batch is held.
    2. Rows belong to the transaction that they were asked for in, and end with it. With autocommit that is the
       statement's own, a snapshot that nobody's later writes change.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.arraysize = 1
        self.rowcount = -1
        self.lastrowid: None = None
        self._closed = False
        self._result: Result | None = None
        self._rows: Iterator[Row] = iter(())
        self._within: Transaction | None = None

    @property
    def description(self) -> tuple[Description, ...] | None:
        """Of each column: name, type code, four times None, and whether it may be NULL. None where no rows come."""
        result = self._result
        if result is None or not result.columns:
            return None
        return tuple(
            (name, kind.type.value, None, None, None, None, kind.nullable)
            for name, kind in zip(result.columns, result.kinds, strict=True)
        )

    def execute(self, operation: str, parameters: Given = ()) -> "Cursor":
        """Carry a statement out; returns the cursor. Parameters are a sequence for `?`, a mapping for `:name`."""
        connection = self._afresh(operation)
        self._result = result = connection.carry_out(operation, parameters)
        self._within = connection.transaction
        self.rowcount = result.count
        return self

    def executemany(self, operation: str, rows: Iterable[Given]) -> "Cursor":
        """Carry an INSERT, UPDATE or DELETE out for all rows of parameters: all of it happens, or nothing.

        `rowcount` is how many rows were written by all of them.
        """
        self.rowcount = self._afresh(operation).carry_out_many(operation, rows)
        return self

    def fetchone(self) -> Row | None:
        """The next row; None at the end."""
        self._require_rows()
        for row in self._rows:
            return row
        return next(self._pull(), None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next `size` rows (`arraysize`, if it is not given), fewer at the end."""
        self._require_rows()
        wanted = self.arraysize if size is None else size
        found = list(islice(self._rows, wanted))
        while len(found) < wanted and (more := list(islice(self._pull(), wanted - len(found)))):
            found += more
        return found

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        self._require_rows()
        found = list(self._rows)
        while more := list(self._pull()):
            found += more
        return found

    def __iter__(self) -> "Cursor":
        return self

    def __next__(self) -> Row:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def close(self) -> None:
        """Nothing more is wanted of this cursor. Twice is harmless."""
        self._forget()
        self._closed = True

    def setinputsizes(self, _: Sequence[Any]) -> None:
        """Does nothing: values need no room made for them."""

    def setoutputsize(self, _: int, __: int | None = None) -> None:
        """Does nothing: values come whole."""

    def _afresh(self, operation: str) -> Connection:
        """The connection, for a statement; what the one before gave is forgotten."""
        self._require_open()
        self._forget()
        if not isinstance(operation, str):
            raise ProgrammingError(f"a statement is text, not {type(operation).__name__}", "42601")
        return self.connection

    def _forget(self) -> None:
        self._result = self._within = None
        self._rows = iter(())
        self.rowcount = -1

    def _pull(self) -> Iterator[Row]:
        """The next batch."""
        assert self._result is not None, "rows are required before they are pulled"
        try:
            self._rows = iter(self.connection.fetch(self._result))
        except BaseException:
            self._forget()
            raise
        return self._rows

    def _require_open(self) -> None:
        if self._closed:
            raise InterfaceError("this cursor is closed", "24000")
        self.connection.require_open()

    def _require_rows(self) -> None:
        """Raises if there are none to be read, or none any more."""
        self._require_open()
        result = self._result
        if result is None or not result.columns:
            raise ProgrammingError("no rows: the last statement of this cursor gave none", "24000")
        if self._within is not None and self._within.over and (length_hint(self._rows) or not result.over):
            said = "the transaction that these rows belong to has ended"
            raise InternalError(said, "24000", hint="read all rows before COMMIT or ROLLBACK, or execute again")
