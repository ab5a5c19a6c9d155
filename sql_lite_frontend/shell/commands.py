"""The shell's own commands: each is one line that begins with `\\` or `.`.

Owns their names, their help and the small ones. Does not own the larger ones (sql_lite_frontend/shell/describing.py,
importing.py, exporting.py). Read next: sql_lite_frontend/shell/importing.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from sql_lite_frontend.shell import describing, exporting, importing, script
from sql_lite_frontend.shell.arguments import word
from sql_lite_frontend.shell.complaints import ShellError
from sql_lite_frontend.shell.forms import FORMS

if TYPE_CHECKING:
    from sql_lite_frontend.shell.shell import Shell

SCRIPTS_DEEP = 8  # files that are carried out within each other
USAGE_WIDTH = 42
SWITCHES = {"": None, "on": True, "off": False}


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what may follow its name, what it does in a line, and how."""

    usage: str
    help: str
    carry_out: "Callable[[Shell, str], None]"


def carry_out(shell: "Shell", line: str) -> None:
    """Carry one out. Raises ShellError, ArgosyError or OSError."""
    name, _, rest = line.rstrip("; \t").partition(" ")
    found = COMMANDS.get(name)
    if found is None:
        near = get_close_matches("\\" + name[1:], COMMANDS, 1) or get_close_matches("." + name[1:], COMMANDS, 1)
        raise ShellError(f"there is no command {name}", f"{near[0]}?" if near else "\\? lists all commands")
    if not found.usage and rest.strip():
        raise ShellError(f"nothing follows {name}", "a command is a line of its own")
    found.carry_out(shell, rest.strip())


def _quit(shell: "Shell", _: str) -> None:
    shell.over = True


def _help(shell: "Shell", _: str) -> None:
    lines = [f"  {f'{name} {each.usage}':<{USAGE_WIDTH}}  {each.help}\n" for name, each in COMMANDS.items()]
    shell.screen.show([HELP_BEFORE, *lines, HELP_AFTER])


def _timing(shell: "Shell", given: str) -> None:
    shell.timing = _switched(given, shell.timing)
    shell.screen.say(f"time is {'told' if shell.timing else 'not told'}")


def _lines(shell: "Shell", given: str) -> None:
    on = _switched(given, shell.mode == "line")
    shell.mode = "line" if on else shell.first_mode
    shell.screen.say(f"results are in the form {shell.mode}")


def _switched(given: str, now: bool) -> bool:
    if given not in SWITCHES:
        raise ShellError(f"{given} is neither on nor off")
    told = SWITCHES[given]
    return not now if told is None else told


def _mode(shell: "Shell", given: str) -> None:
    if given and given not in FORMS:
        raise ShellError(f"there is no form {given}", f"there are: {', '.join(FORMS)}")
    shell.mode = given or shell.mode
    shell.screen.say(f"results are in the form {shell.mode}")


def _nodes(shell: "Shell", _: str) -> None:
    shell.execute("SHOW NODES")


def _ranges(shell: "Shell", given: str) -> None:
    shell.execute(f"SHOW RANGES FROM TABLE {given}" if given else "SHOW RANGES")


def _file(shell: "Shell", given: str) -> None:
    name, rest = word(given)
    if not name or rest:
        raise ShellError("\\i takes one file")
    if shell.scripts_deep >= SCRIPTS_DEEP:
        raise ShellError(f"more than {SCRIPTS_DEEP} files within each other")
    shell.scripts_deep += 1
    try:
        with Path(name).expanduser().open(encoding="utf-8") as lines:
            well = script.carry_out(shell, lines, name)
    except UnicodeDecodeError as error:
        raise ShellError(f"{name} is not UTF-8: {error}") from None
    finally:
        shell.scripts_deep -= 1
    if not well:
        raise ShellError("")


HELP_BEFORE = """\
A statement ends with ; and may have many lines. A command is one line:
"""
HELP_AFTER = f"""\
.import takes .csv and .tsv with a header, and .jsonl, .ndjson or .json with an object a line; .export the same and .md.
  OPTIONS are {importing.OPTIONS}, in this order.
  A table that is not there is made: types are guessed, and the key is the first column whose values differ, or line.
  An empty field is NULL and "" is empty text; with NULL 'NA' also NA is NULL. Each batch of rows is a transaction.
  A row that cannot be taken is refused alone, with its line and why, and then the exit status is 1.
The prompt is => between statements, -> within one, *=> in an open transaction, !=> in one that has failed.
Ctrl-C ends a statement, Ctrl-D the shell. FILE and TABLE may stand in quotes.
"""

COMMANDS: dict[str, Command] = {
    "\\d": Command("[TABLE]", "all tables; or a table's columns, key and indexes", describing.describe),
    "\\dt": Command("", "all tables", describing.list_tables),
    "\\di": Command("", "all indexes", describing.list_indexes),
    ".import": Command(importing.USAGE, "rows of a file into a table", importing.import_rows),
    ".export": Command(exporting.USAGE, "rows of a table or query into a file", exporting.export_rows),
    "\\nodes": Command("", "the cluster's nodes", _nodes),
    "\\ranges": Command("[TABLE]", "the ranges of the cluster, or of a table", _ranges),
    ".mode": Command(f"[{'|'.join(FORMS)}]", "the form of results", _mode),
    "\\x": Command("[on|off]", "a line for each value, or not", _lines),
    "\\timing": Command("[on|off]", "tell how long each statement takes, or not", _timing),
    "\\i": Command("FILE", "carry out a file of statements; its first error ends it", _file),
    "\\?": Command("", "this help", _help),
    "\\q": Command("", "leave", _quit),
}
