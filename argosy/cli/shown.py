"""How values look to a person: tables, keys, sizes. Text that comes from data is made harmless first (traps 39).

Owns the form only. Read next: argosy/cli/orders.py.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from node.terminal import harmless

WIDTH_WITHOUT_TERMINAL = 140  # characters, so that a pipe gets whole rows


def console() -> Console:
    """Where tables go: the terminal at its width, or a pipe without colours."""
    return Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)


def key_bytes(text: str) -> bytes:
    """What a person typed as a key: UTF-8, or bytes after 0x. Raises ValueError."""
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode("utf-8")


def size_text(size: int) -> str:
    """Bytes with a unit that fits."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def duration_text(milliseconds: int) -> str:
    """A length of time, roughly."""
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f} s"
    seconds = milliseconds // 1000
    return f"{seconds} s" if seconds < 180 else f"{seconds // 60} min"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table; numbers stand to the right. No cell is read as markup."""
    made = Table(title=title, title_justify="left")
    body = [list(row) for row in rows]
    for place, column in enumerate(columns):
        numbers = bool(body) and all(isinstance(row[place], int) for row in body)
        made.add_column(column, justify="right" if numbers else "left")
    for row in body:
        made.add_row(*(Text(harmless(str(cell))) for cell in row))
    return made


def print_json(value: Any) -> None:
    """One JSON document, indented, keys in the order given."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
