"""What goes wrong, in PEP 249's classes; each error has SQL's state, and maybe a place in the text and a hint.

Owns which class a state belongs to. Does not own the states (sql_lite_frontend/errors.py).
Read next: argosy/dbapi/connection.py.
"""

from node.errors import NodeError
from sql_lite_frontend.errors import SqlError
from txn.errors import ArgosyError
from txn.errors import Unavailable as NobodyAnswered


class Warning(Exception):
    """PEP 249 wants it; nothing raises it."""


class Error(Exception):
    """All errors of this driver.

    `sqlstate` is SQL's code. `position` is line and column in the statement, from 1, None where no place is to blame;
    `hint` says what would do, if that is known.
    """

    def __init__(self, message: str, sqlstate: str, position: tuple[int, int] | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.position = position
        self.hint = hint


class InterfaceError(Error):
    """The driver was used wrongly, as after `close`; nobody was asked anything."""


class DatabaseError(Error):
    """The database refused or failed."""


class DataError(DatabaseError):
    """A value does not do: division by zero, a number out of range, no value of that type. Class 22."""


class OperationalError(DatabaseError):
    """What nobody can help who writes statements: a limit, a node that stopped, nobody who answers."""


class Aborted(OperationalError):
    """40001: it certainly did not happen. Roll back, and run the transaction again."""


class OutcomeUnknown(OperationalError):
    """40003: it may have happened. Look before you run it again."""


class Unavailable(OperationalError):
    """08: nobody could be asked in time. Nothing was written; roll back, and run the transaction again later."""


class IntegrityError(DatabaseError):
    """A key exists already, or NULL is not allowed. Class 23."""


class InternalError(DatabaseError):
    """A transaction or cursor is not in the state for this: it has failed, or has ended. Classes 24 and 25."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or what was given with it: syntax, names, types, the number of parameters. Class 42."""


class NotSupportedError(DatabaseError):
    """SQL that is not supported here. Class 0A."""


STATES: dict[str, type[Error]] = {
    "22023": ProgrammingError,
    "40001": Aborted,
    "40003": OutcomeUnknown,
}
CLASSES: dict[str, type[Error]] = {
    "08": Unavailable,
    "0A": NotSupportedError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "25": InternalError,
    "42": ProgrammingError,
    "53": OperationalError,
    "54": OperationalError,
    "57": OperationalError,
}


def translated(error: SqlError | NodeError) -> Error:
    """The error of a statement as one of ours."""
    if isinstance(error, SqlError):
        kind = STATES.get(error.state) or CLASSES[error.state[:2]]
        return kind(str(error), error.state, error.position, error.hint)
    return OperationalError(str(error), "58000", hint="what was under way may have happened: connect again, and look")


def not_connected(error: ArgosyError | NodeError | OSError) -> OperationalError:
    """What kept a connection from being made."""
    if isinstance(error, NobodyAnswered):
        return Unavailable(str(error), "08001")
    return OperationalError(str(error), "08001")
