"""How errors are told: state and message, the line of the text with a caret under the place, the hint.

Owns `ShellError`, what a command of the shell fails with. Does not own SQL's errors (sql_lite_frontend/errors.py).
Read next: sql_lite_frontend/shell/shell.py.
"""

from rich.cells import cell_len

from node.terminal import harmless
from sql_lite_frontend.errors import STATES, SqlError

SHOWN = 100  # characters of the line with the place


class ShellError(Exception):
    """A command of the shell was not carried out; `hint` says what would be. Without a message: why has been told."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def complaint(error: Exception, source: str = "", first_line: int = 1) -> str:
    """The lines that tell of an error. `source`: the script; `first_line`: where in it the text begins."""
    if not isinstance(error, SqlError):
        where = f"{source}:{first_line}: " if source else ""
        hint = error.hint if isinstance(error, ShellError) else ""
        if not str(error):
            return _hint(hint)
        return harmless(f"{where}ERROR: {_plain(error)}") + "\n" + _hint(hint)
    place = error.position
    line = first_line + (place[0] - 1 if place else 0)
    where = f"{source}:{line}: " if source else ""
    told = harmless(f"{where}ERROR {error.state} {STATES[error.state]}: {error.message}") + "\n"
    if place is not None:
        told += _marked(error.text.split("\n")[place[0] - 1], place[1] - 1, f"LINE {line}: ")
    return told + _hint(error.hint)


def _plain(error: Exception) -> str:
    """An error of the system without its number."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _hint(hint: str) -> str:
    return f"HINT: {harmless(hint)}\n" if hint else ""


def _marked(line: str, at: int, title: str) -> str:
    """The line, or of a long one what is near the place, and the caret."""
    start = max(0, at - SHOWN // 2) if len(line) > SHOWN else 0
    cut = line[start : start + SHOWN].rstrip()
    before = title + ("…" if start else "") + harmless(line[start:at])
    rest = harmless(cut[at - start :]) + ("…" if len(line) > start + SHOWN else "")
    return f"{before}{rest}\n{' ' * cell_len(before)}^\n"
