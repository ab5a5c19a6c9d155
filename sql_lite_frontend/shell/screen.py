"""Where text goes: a terminal, through a pager when it does not fit, or a pipe as it is.

Owns the pager and what the shell knows of its terminal. Does not own how results look
(sql_lite_frontend/shell/forms.py). Read next: sql_lite_frontend/shell/forms.py.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from typing import TextIO

from rich.cells import cell_len

STYLE = re.compile(r"\x1b\[[0-9;]*m")
PAGER = "less"
LESS = "-SR"  # long lines are cut, not folded; colours are shown


class Screen:
    """Standard output and standard error.

    1. `terminal`: somebody looks at the output. `person`: somebody also types. Only then are there pages.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None, person: bool | None = None) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.terminal = self.out.isatty()
        self.person = self.terminal and sys.stdin.isatty() if person is None else person

    def say(self, text: str) -> None:
        """A line for a person on standard output; nothing in a pipe."""
        if self.terminal or self.person:
            print(text, file=self.out, flush=True)

    def complain(self, text: str) -> None:
        """Text for standard error, with its line breaks."""
        self.out.flush()
        self.err.write(text)
        self.err.flush()

    def show(self, chunks: Iterable[str]) -> None:
        """Text to the output; once it is larger than the terminal, to a pager, for as long as somebody reads there."""
        if not (self.terminal and self.person):
            for chunk in chunks:
                self.out.write(chunk)
            self.out.flush()
            return
        size = shutil.get_terminal_size()
        held: list[str] = []
        pages: subprocess.Popen[str] | None = None
        height = 0
        try:
            for chunk in chunks:
                if pages is None:
                    held.append(chunk)
                    height += chunk.count("\n")
                    if height < size.lines - 1 and _width(chunk) <= size.columns:
                        continue
                    pages = _pager()
                    chunk = "".join(held)
                    if pages is None:
                        self.out.write(chunk)
                        held.clear()
                        continue
                assert pages.stdin is not None, "a pager reads from a pipe"
                pages.stdin.write(chunk)
            if pages is None:
                self.out.write("".join(held))
        except BrokenPipeError:
            pass  # whoever read has seen enough
        finally:
            self.out.flush()
            if pages is not None:
                _wait(pages)


def _width(text: str) -> int:
    return max((cell_len(line) for line in STYLE.sub("", text).split("\n")), default=0)


def _pager() -> "subprocess.Popen[str] | None":
    """The pager of PAGER; None where that is empty or cannot be started."""
    try:
        words = shlex.split(os.environ.get("PAGER", PAGER))
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, text=True, encoding="utf-8", env={"LESS": LESS, **os.environ}
        )
    except (OSError, ValueError, IndexError):
        return None


def _wait(pages: "subprocess.Popen[str]") -> None:
    assert pages.stdin is not None, "a pager reads from a pipe"
    try:
        pages.stdin.close()
    except BrokenPipeError:
        pass
    pages.wait()
