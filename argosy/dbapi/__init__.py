"""Argosy's SQL by PEP 249, the interface of Python's database drivers.

    from argosy import dbapi

    with closing(dbapi.connect("dir")) as connection:                 # one node, in this process
        with connection:                                              # commits, or rolls back upon an exception
            connection.execute("INSERT INTO fruit VALUES (?, ?)", ("apple", 1.5))
        for name, price in connection.execute("SELECT name, price FROM fruit WHERE price < :most", {"most": 2}):
            ...

    dbapi.connect("10.0.0.1:4480,10.0.0.2:4480", tls_dir="tls")       # a client of a cluster

What SQL there is says sql_lite_frontend/__init__.py; what each type is in Python, sql_lite_frontend/values.py.

Transactions
------------
`autocommit` is that of sqlite3 since Python 3.12. False, as PEP 249 wants it: the first statement, a SELECT or a CREATE
TABLE too, begins a transaction; it reads one snapshot until `commit` or `rollback`. So end it after reading, too. A
statement that fails has changed nothing, and the transaction goes on; but after `Aborted` or `Unavailable` only
`rollback` helps. True: each statement is a transaction of its own, a write is tried again for you while it certainly
did not happen, and BEGIN makes a longer one. CREATE INDEX on a table with many rows takes several transactions, so it
needs this. `commit` and `rollback` end whatever is open, and do nothing where nothing is.

Rows of a cursor are pulled as they are read, and end with their transaction. A cursor within a transaction may or may
not meet rows that the same transaction writes while they are read.

What goes wrong
---------------
Every error has a `sqlstate`, and a `position` and a `hint` where these are known.

    Aborted             40001   it certainly did not happen: roll back, run the transaction again
    Unavailable         08…     nobody could be asked, nothing was written: roll back, run it again later
    OutcomeUnknown      40003   it may have happened: look first
    OperationalError    58000   the node in this process has stopped: connect again, and look

Threads
-------
`threadsafety` is 1: threads share this module. A session has one transaction, so a second thread would meet the first
one's; a connection refuses other threads than its own. A directory has one node, so several connections to it are made
of one database that was opened: `with argosy.open("dir") as db:`, and in each thread `dbapi.connect(db)`.

What is left out: a form for trio, as PEP 249 has none; `callproc` and `nextset`, which are optional; exceptions as
attributes of connections; a type TIME, so a `Time` is refused as a parameter; `lastrowid` is always None, as rows have
no ids; executescript, row factories and adapters of sqlite3. All rows of one `executemany` are one transaction, with
the limits that it has.
Read next: argosy/dbapi/connection.py.
"""

from contextlib import AbstractContextManager, ExitStack
from os import PathLike

import argosy
from argosy.blocking import Database
from argosy.dbapi.connection import Connection, Cursor
from argosy.dbapi.errors import (
    Aborted,
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    OutcomeUnknown,
    ProgrammingError,
    Unavailable,
    Warning,
    not_connected,
)
from argosy.dbapi.values import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)
from argosy.opening import Reads, is_nearest
from node.clock import Clock
from node.errors import NodeError
from sql_lite_frontend.session import Engine
from txn.errors import ArgosyError

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Aborted",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "OutcomeUnknown",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Unavailable",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"  # `:name` with a mapping, too

CLUSTER = "argosy://"


def connect(
    dsn: str | PathLike[str] | Database,
    *,
    autocommit: bool = False,
    tls_dir: str | PathLike[str] | None = None,
    reads: Reads = "leader",
) -> Connection:
    """A connection, which is closed by `close`.

    `dsn` is a directory, whose node then runs in this process; or `host:port` of nodes of a cluster, several separated
    by commas, maybe behind `argosy://`; or a database that `argosy.open` or `argosy.connect` gave, which stays open. A
    directory with a colon in its name is written with a slash, `./a:b`. `tls_dir` and `reads` are those of
    `argosy.connect`. Raises OperationalError.
    """
    nearest = is_nearest(reads)
    with ExitStack() as stack:
        if isinstance(dsn, Database):
            database = dsn
        else:
            try:
                database = stack.enter_context(_opening(dsn, tls_dir))
            except (ArgosyError, NodeError, OSError) as error:
                raise not_connected(error) from error
        engine = Engine(database.router, nearest, Clock().now)
        leave = stack.pop_all().close
    return Connection(engine, database.runner, leave, autocommit)


def _opening(dsn: str | PathLike[str], tls_dir: str | PathLike[str] | None) -> AbstractContextManager[Database]:
    if isinstance(dsn, str) and (dsn.startswith(CLUSTER) or (":" in dsn and "/" not in dsn)):
        return argosy.connect(dsn.removeprefix(CLUSTER), tls_dir=tls_dir)
    if tls_dir is not None:
        raise InterfaceError("tls_dir is for a cluster, and this is a directory", "08001")
    return argosy.open(dsn)
