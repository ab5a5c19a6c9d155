"""sqllogictest's file format: statements that pass or fail, and queries with their expected rows.

Owns the form: records, type letters, sort modes, labels left aside, and the hash of long results.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

HASHED_FROM = 8  # values, unless the file sets hash-threshold


@dataclass(frozen=True)
class Record:
    """A statement or a query of a file, and the line where it begins."""

    line: int
    words: tuple[str, ...]
    sql: str
    expected: tuple[str, ...]


def records(text: str) -> Iterator[Record]:
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        words = lines[at].split("#")[0].split()
        if not words:
            at += 1
            continue
        start, body = at, []
        at += 1
        if words[0] in ("statement", "query"):
            while at < len(lines) and lines[at].strip() and lines[at] != "----":
                body.append(lines[at])
                at += 1
        expected = []
        if at < len(lines) and lines[at] == "----":
            at += 1
            while at < len(lines) and lines[at].strip():
                expected.append(lines[at])
                at += 1
        yield Record(start + 1, tuple(words), "\n".join(body), tuple(expected))


def shown(value: Any, kind: str) -> str:
    """A value in a result, by the letter of its column."""
    if value is None:
        return "NULL"
    if kind == "I":
        return str(int(value))
    if kind == "R":
        return f"{float(value):.3f}"
    text = str(value)
    return "".join(each if " " <= each <= "~" else "@" for each in text) or "(empty)"


def cells(rows: list[tuple[Any, ...]], kinds: str, mode: str) -> list[str]:
    made = [[shown(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows]
    if mode == "rowsort":
        made.sort()
    flat = [cell for row in made for cell in row]
    return sorted(flat) if mode == "valuesort" else flat


def answer(values: list[str], threshold: int) -> list[str]:
    """The values, or how many they are and their hash."""
    if not threshold or len(values) <= threshold:
        return values
    digest = hashlib.md5("".join(each + "\n" for each in values).encode()).hexdigest()
    return [f"{len(values)} values hashing to {digest}"]


def play(text: str, run: Callable[[str], Any], failure: type[Exception]) -> None:
    """Carry a file out. Raises AssertionError that names the line."""
    threshold = HASHED_FROM
    for record in records(text):
        match record.words:
            case ("hash-threshold", count):
                threshold = int(count)
            case ("statement", "ok"):
                run(record.sql)
            case ("statement", "count", count):
                found = run(record.sql)
                assert found == int(count), f"line {record.line}: {found} rows"
            case ("statement", "error", *pattern):
                try:
                    found = run(record.sql)
                except failure as error:
                    assert " ".join(pattern) in str(error), f"line {record.line}: {error}"
                else:
                    raise AssertionError(f"line {record.line}: no error, but {found}")
            case ("query", kinds, *rest):
                mode = rest[0] if rest else "nosort"
                found = answer(cells(run(record.sql), kinds, mode), threshold)
                # Values stand one a line, or a row a line with spaces between.
                wanted = list(record.expected)
                if len(wanted) != len(found):
                    wanted = [cell for line in wanted for cell in line.split()]
                assert found == wanted, f"line {record.line}: {found}"
            case ("halt",):
                return
            case _:
                raise AssertionError(f"line {record.line}: {record.words[0]} is no record")
