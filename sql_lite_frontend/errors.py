"""What a statement fails with: one class, with an SQLSTATE, a place in the text and maybe a hint.

Owns the codes in use and how an error is told. Read next: sql_lite_frontend/limits.py.
"""

from txn.errors import ArgosyError

STATES = {
    "08006": "connection failure",
    "0A000": "not supported",
    "21000": "wrong number of rows",
    "22003": "number out of range",
    "22012": "division by zero",
    "22023": "wrong parameter",
    "22P02": "not a value of this type",
    "23502": "NULL not allowed",
    "23505": "key exists",
    "23514": "check failed",
    "25001": "transaction is open",
    "25P01": "no transaction is open",
    "25P02": "transaction has failed",
    "40001": "transaction was aborted",
    "40003": "outcome unknown",
    "42601": "wrong syntax",
    "42701": "column named twice",
    "42702": "which column?",
    "42703": "no such column",
    "42704": "no such index",
    "42710": "name is taken",
    "42803": "neither grouped nor aggregated",
    "42804": "wrong type",
    "42883": "no such function",
    "42P01": "no such table",
    "42P07": "exists already",
    "42P10": "no unique key",
    "42P16": "wrong table definition",
    "53200": "too much to hold in memory",
    "54000": "limit exceeded",
    "54001": "statement too complex",
    "57014": "cancelled",
}


class SqlError(ArgosyError):
    """A statement did not happen. `state` is its SQLSTATE; `offset` the place in the text, None if it has none."""

    def __init__(self, state: str, message: str, offset: int | None = None, hint: str = "") -> None:
        assert state in STATES, f"{state} has no name in STATES"
        super().__init__(message)
        self.state = state
        self.message = message
        self.offset = offset if offset is None or offset >= 0 else None
        self.hint = hint
        self.text = ""

    def locate(self, text: str) -> "SqlError":
        """The error, which now knows the text that `offset` counts in."""
        self.text = text
        return self

    @property
    def position(self) -> tuple[int, int] | None:
        """Line and column, both from 1."""
        if self.offset is None:
            return None
        before = self.text[: self.offset]
        return before.count("\n") + 1, self.offset - (before.rfind("\n") + 1) + 1

    def __str__(self) -> str:
        place = "" if self.position is None else " (line {}, column {})".format(*self.position)
        return f"{self.state} {STATES[self.state]}: {self.message}{place}" + (f"; {self.hint}" if self.hint else "")
