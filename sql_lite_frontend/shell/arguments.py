"""What follows a command's name: words, names of tables, lists of columns.

Owns how they are read; names as SQL reads them. Read next: sql_lite_frontend/shell/commands.py.
"""

import re

from sql_lite_frontend.shell.complaints import ShellError

WORD = re.compile(r"""'((?:[^']|'')*)'(?!\S)|"((?:[^"]|"")*)"(?!\S)|(\S+)""")
NAME = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^\W\d]\w*))\s*')


def word(text: str) -> tuple[str, str]:
    """The first word, which may stand in quotes, and what follows it; nothing of nothing."""
    match = WORD.match(text)
    if match is None:
        return "", ""
    if match[1] is not None:
        found = match[1].replace("''", "'")
    elif match[2] is not None:
        found = match[2].replace('""', '"')
    else:
        found = match[3]
    return found, text[match.end() :].strip()


def name(text: str) -> str:
    """A name as SQL reads it. Raises ShellError."""
    match = NAME.fullmatch(text)
    if match is None:
        raise ShellError(f"{text.strip()[:80]} is no name", 'a name with other signs than letters stands in "quotes"')
    return match[1].replace('""', '"') if match[1] is not None else match[2].lower()


def quoted(text: str) -> str:
    """A name as a statement may hold it."""
    return '"' + text.replace('"', '""') + '"'


def names(text: str) -> list[str]:
    """Names with commas between them. Raises ShellError."""
    return [name(each) for each in text.split(",")]
