"""`.export`: the rows of a query or a table into a file, in the form that its ending says.

The rows go to a file beside it, which takes its name when all are there: there is never half a file under that name,
and one that was there stays if anything fails. Does not own the forms (sql_lite_frontend/shell/forms.py).
Read next: sql_lite_frontend/shell/forms.py.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sql_lite_frontend import tree
from sql_lite_frontend.session import Result
from sql_lite_frontend.shell.arguments import NAME, name, quoted, word
from sql_lite_frontend.shell.complaints import ShellError
from sql_lite_frontend.shell.forms import Form, Rows, csv, json_lines, markdown, rows_text
from sql_lite_frontend.shell.progress import bar

if TYPE_CHECKING:
    from sql_lite_frontend.shell.shell import Shell

USAGE = "[OVERWRITE] FILE TABLE|SELECT …"
OVERWRITE = re.compile(r"^OVERWRITE\s+", re.IGNORECASE)
ENDINGS: dict[str, Form] = {
    ".csv": csv,
    ".tsv": partial(csv, between="\t"),
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_lines,
    ".md": markdown,
}


def export_rows(shell: "Shell", given: str) -> None:
    """Carry the command out. Raises ShellError, ArgosyError or OSError; then there is no new file."""
    overwrite = OVERWRITE.match(given)
    file, what = word(given[overwrite.end() :] if overwrite else given)
    if not what:
        raise ShellError("what is to be exported, and where to?", f".export {USAGE}")
    path = Path(file).expanduser()
    form = ENDINGS.get(path.suffix.lower())
    if form is None:
        raise ShellError(f"{path} ends with none of {', '.join(ENDINGS)}")
    if path.exists() and not path.is_file():
        raise ShellError(f"{path} is {'a directory' if path.is_dir() else 'no file'}")
    if path.exists() and not overwrite:
        raise ShellError(f"{path} is there already", f".export OVERWRITE {given[:60]}")
    text = f"SELECT * FROM {quoted(name(what))}" if NAME.fullmatch(what) else what
    if not isinstance(shell.engine.parsed(text).statement, tree.Query):
        raise ShellError("only the rows of a table or a query can be exported")
    result = shell.run(shell.session.execute(text))
    if twice := [each for each in result.columns if result.columns.count(each) > 1]:
        raise ShellError(f"two columns are called {twice[0]}", "SELECT … AS … names them apart")
    with _replaced(path) as lines:
        count = _write(shell, lines, form, result)
    shell.screen.say(f"{rows_text(count)} in {path}")


def _write(shell: "Shell", lines: TextIO, form: Form, result: Result) -> int:
    count = 0
    with bar(shell.screen, "writing", None) as told:

        def counted() -> Iterator[Rows]:
            nonlocal count
            for rows in shell.batches(result):
                count += len(rows)
                told.at(count, rows_text(count))
                yield rows

        lines.writelines(form(result.columns, counted(), False))
    return count


@contextmanager
def _replaced(path: Path) -> Iterator[TextIO]:
    """A file that takes this name once all is written; without that nothing is left of it."""
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("x", encoding="utf-8", newline="") as lines:
            yield lines
            lines.flush()
            os.fsync(lines.fileno())
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
