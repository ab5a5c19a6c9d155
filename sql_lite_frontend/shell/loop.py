"""A person types: the prompt, history, keys, and one statement or command after another.

Enter ends the input where a statement has its end or a line is a command; else it begins another line. Ctrl-C gives up
what is typed, Ctrl-D on an empty line leaves. Owns the prompt and where the history is kept. Does not own completion
(sql_lite_frontend/shell/completion.py) nor what a statement does (sql_lite_frontend/shell/shell.py).
Read next: sql_lite_frontend/shell/completion.py.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sql_lite_frontend.shell.scanning import Scanner, Statement, finished, is_command
from sql_lite_frontend.shell.shell import Shell

try:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import get_app
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.lexers import PygmentsLexer
    from prompt_toolkit.output import ColorDepth

    from sql_lite_frontend.shell.completion import Words
except ImportError as error:
    raise ImportError("the shell needs prompt_toolkit and pygments: pip install 'argosy[sql]'") from error

HISTORY = "argosy/sql-history"  # below the user's folder of state
PRIVATE = 0o600


def run(shell: Shell, welcome: str, **ports: Any) -> None:
    """Read and carry out, until the person leaves. `ports`: another input and output than the terminal."""
    shell.screen.say(welcome)
    session: PromptSession[str] = PromptSession(
        history=_history(shell),
        completer=Words(shell.catalog),
        complete_while_typing=True,
        lexer=PygmentsLexer.from_filename("statement.sql"),
        multiline=True,
        key_bindings=_keys(),
        prompt_continuation=lambda width, _, wrapped: " " * width if wrapped else "-> ".rjust(width),
        enable_history_search=False,
        color_depth=ColorDepth.MONOCHROME if os.environ.get("NO_COLOR") else None,
        **ports,
    )
    while not shell.over:
        with shell.cancelling.listening():
            shell.catalog.refresh()
        try:
            text = session.prompt(f"{_mark(shell)}=> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
        for statement in statements(text):
            if not shell.attempt(statement) or shell.over:
                break
    shell.leave()


def statements(text: str) -> Iterable[Statement]:
    """What was typed: a command, or statements; the last one needs no end."""
    if is_command(text.strip()):
        return [Statement(text.strip(), 1)]
    scanner = Scanner()
    return scanner.feed(text) + scanner.rest()


def _mark(shell: Shell) -> str:
    """Before the prompt: `*` in an open transaction, `!` in one that has failed."""
    if shell.session.transaction is None:
        return ""
    return "!" if shell.session.failed else "*"


class Kept(FileHistory):
    """What was typed, in a file; a disk that is full by now ends nothing."""

    def store_string(self, string: str) -> None:
        """Add a text."""
        try:
            super().store_string(string)
        except OSError:
            pass


def _history(shell: Shell) -> History:
    """Kept for the next time, for this user only; where that cannot be, until the end."""
    state = os.environ.get("XDG_STATE_HOME")
    path = (Path(state) if state else Path.home() / ".local/state") / HISTORY
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
    except OSError as error:
        shell.screen.complain(f"What you type is not kept: {error}\n")
        return InMemoryHistory()
    return Kept(path)


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @Condition
    def complete() -> bool:
        text = get_app().current_buffer.text
        return not text.strip() or is_command(text.strip()) or finished(text)

    @keys.add("enter", filter=complete)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys
