"""Where statements end: text comes in lines, statements go out, each with the line that it begins in.

A statement ends with `;` or `\\g`, outside of quotes and comments. Looks at each character once, so a script of any
length and a statement of many lines cost no more than their letters. Owns what quotes and comments are, as the parser
reads them (sql_lite_frontend/parse.py). Read next: sql_lite_frontend/shell/shell.py.
"""

import re
from dataclasses import dataclass

PLAIN = re.compile(r"['\"]|--[^\n]*|/\*|;|\\g(?!\w)")
COMMAND = re.compile(r"\\\S|\.[a-z]")
COMMENT = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement without its end, and the number of its first line."""

    text: str
    line: int


class Scanner:
    """Takes lines, each with its line break.

    1. `_inside` is the quote that is open, `*` in a comment, else empty; `_depth` counts comments in each other.
    2. `_filled`: there is more than space and comments since the last statement.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._inside = ""
        self._depth = 0
        self._filled = False
        self._line = self._first = 1

    @property
    def between(self) -> bool:
        """Is nothing begun?"""
        return not self._filled and not self._inside

    def feed(self, line: str) -> list[Statement]:
        """The statements that end in this line."""
        found: list[Statement] = []
        at = start = 0
        while at < len(line):
            if self._inside:
                at = self._closed(line, at)
                continue
            match = PLAIN.search(line, at)
            if line[at : match.start() if match else None].strip():
                self._fill()
            if match is None:
                break
            at = match.end()
            sign = match[0]
            if sign in (";", "\\g"):
                self._parts.append(line[start : match.start()])
                found += self._ended()
                start = at
            elif sign == "/*":
                self._inside, self._depth = "*", 1
            elif sign in ("'", '"'):
                self._inside = sign
                self._fill()
        self._parts.append(line[start:])
        self._line += line.count("\n")
        return found

    def rest(self) -> list[Statement]:
        """The statement that has no end."""
        return self._ended()

    def _fill(self) -> None:
        if not self._filled:
            self._filled, self._first = True, self._line - "".join(self._parts).lstrip().count("\n")

    def _closed(self, line: str, at: int) -> int:
        """Where what is open ends, or the line."""
        if self._inside != "*":
            end = line.find(self._inside, at)
            if end < 0:
                return len(line)
            self._inside = ""
            return end + 1
        match = COMMENT.search(line, at)
        if match is None:
            return len(line)
        self._depth += 1 if match[0] == "/*" else -1
        if not self._depth:
            self._inside = ""
        return match.end()

    def _ended(self) -> list[Statement]:
        text, filled, first = "".join(self._parts).lstrip(), self._filled, self._first
        self._parts.clear()
        self._filled, self._inside, self._depth = False, "", 0
        return [Statement(text, first)] if filled else []


def finished(text: str) -> bool:
    """Does the last statement in a text have its end?"""
    scanner = Scanner()
    scanner.feed(text)
    return scanner.between


def is_command(text: str) -> bool:
    """Does a text begin as the shell's own commands do?"""
    return COMMAND.match(text) is not None
