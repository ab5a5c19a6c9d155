"""Files of rows: CSV or TSV with a header, and JSON with an object a line. They are read in batches, by line numbers.

An empty field of CSV is NULL, and `""` is empty text. Python's reader gives the same for both, so `""` is marked before
the reader sees its line. Bytes that are no UTF-8 are read as halves of surrogate pairs, which no value may have, and so
are found with their row. Owns what a row is before it has types, and what is wrong with it as such: its number of
fields, its syntax. Does not own types (sql_lite_frontend/shell/guessing.py, converting.py).
Read next: sql_lite_frontend/shell/guessing.py.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ranges.config import VALUE_BYTES_MAX
from sql_lite_frontend.shell.complaints import ShellError

BATCH_ROWS = 4_000  # a batch is written in one transaction
BATCH_BYTES = 8 << 20
PART_ROWS = 100
LINE_CHARACTERS_MAX = 16 << 20  # a row holds much less
EMPTY_TEXT = "\ud800"  # stands for `""`; no file is read as this
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
OPEN = re.compile(r'(?:[^"]|"")*"?')  # what closes quotes that were open before

Row = tuple[int, Any, str]  # its first line, what it holds, or without that why it is none


@dataclass(slots=True)
class Batch:
    """Some rows and the lines that they begin in, those that are none with the reason, and how far the file is read."""

    lines: list[int] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    bytes_read: int = 0


class CsvFile:
    """Rows are lists of text. A blank line is a row of a file with one column, and no row of others."""

    typed = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._delimiter = DELIMITERS[path.suffix.lower()]
        self._within = False
        csv.field_size_limit(VALUE_BYTES_MAX)
        with _opened(path) as file:
            _, header, why = next(self._rows(file, 0), (0, None, "it is empty"))
        if not header:
            raise ShellError(
                f"{path} has no header: {why or 'its first line is blank'}", "the header names the columns"
            )
        self.columns = ["" if each == EMPTY_TEXT else each for each in header]
        check_names(self.columns, path)

    def batches(self, first_line: int = 0, _: bool = False) -> Iterator[Batch]:
        """All rows behind the header that do not begin before this line. Raises ShellError for an endless line."""
        with _opened(self._path) as file:
            rows = self._rows(file, len(self.columns))
            next(rows)
            yield from _batches(rows, file, first_line)

    def _rows(self, file: TextIO, width: int) -> Iterator[Row]:
        """The header, and rows of so many fields."""
        reader = csv.reader(self._marked(file), delimiter=self._delimiter, strict=True)
        while True:
            first, self._within = reader.line_num + 1, False
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield first, None, _where(str(error), first, reader.line_num)
                continue
            if len(row) == width or first == 1:
                yield first, row, ""
            elif row:
                yield first, None, f"it has {len(row)} fields, the header {width}"
            elif width == 1:
                yield first, [""], ""

    def _marked(self, file: TextIO) -> Iterator[str]:
        """Lines in which a field of two quotes holds a mark. `_within`: quotes are open where the line begins."""
        between = re.escape(self._delimiter)
        fields = re.compile(rf'(?<![^{between}])""(?=[{between}\r\n]|$)|(?<![^{between}])"(?:[^"]|"")*(?:"|$)')
        for line in _lines(file):
            if '"' in line:
                closed = OPEN.match(line) if self._within else None
                start = closed.end() if closed else 0
                if '""' in line:
                    line = line[:start] + fields.sub(_mark, line[start:])
                self._within ^= line.count('"') % 2 == 1
            yield line


def _mark(match: "re.Match[str]") -> str:
    return f'"{EMPTY_TEXT}"' if match[0] == '""' else match[0]


def _where(why: str, first: int, last: int) -> str:
    """What the reader of CSV says, and how far it went."""
    if "field larger" in why:
        why = f"a field has more than {VALUE_BYTES_MAX:,} characters"
    return f"{why} (up to line {last:,}: is a quote open?)" if last > first else why


class JsonFile:
    """Rows are values of JSON in the order of the columns; which columns there are shows when all has been read."""

    typed = True

    def __init__(self, path: Path) -> None:
        self._path = path
        found: dict[str, None] = {}
        with _opened(path) as file:
            for _, value, _ in _objects(file, exact=False):
                if value is not None:
                    found.update(dict.fromkeys(value))
        self.columns = list(found)
        if not found:
            raise ShellError(f"{path} has no object in a line", "jq -c '.[]' makes lines of an array")
        check_names(self.columns, path)

    def batches(self, first_line: int = 0, exact: bool = False) -> Iterator[Batch]:
        """All rows; what a line lacks is NULL. `exact`: numbers with a point are Decimal."""
        with _opened(self._path) as file:
            objects = _objects(file, exact)
            rows = (
                (line, None if value is None else list(map(value.get, self.columns)), why)
                for line, value, why in objects
            )
            yield from _batches(rows, file, first_line)


RowsFile = CsvFile | JsonFile


def opened(path: Path) -> RowsFile:
    """The file, by its ending. Raises ShellError or OSError."""
    ending = path.suffix.lower()
    if ending not in (*DELIMITERS, *JSON_ENDINGS):
        raise ShellError(f"{path} ends with none of {', '.join((*DELIMITERS, *JSON_ENDINGS))}")
    path.stat()  # whether it is there
    if not path.is_file():
        raise ShellError(f"{path} is {'a directory' if path.is_dir() else 'no file'}")
    return CsvFile(path) if ending in DELIMITERS else JsonFile(path)


def check_names(names: list[str], path: Path) -> None:
    """Raises ShellError if a header is not UTF-8."""
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise ShellError(f"{path} is not UTF-8", "iconv -t UTF-8 makes it so") from None


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _lines(file: TextIO) -> Iterator[str]:
    for number, line in enumerate(iter(partial(file.readline, LINE_CHARACTERS_MAX), ""), 1):
        if len(line) == LINE_CHARACTERS_MAX:
            raise ShellError(f"line {number:,} has more than {LINE_CHARACTERS_MAX:,} characters")
        yield line


def _batches(rows: Iterator[Row], file: TextIO, first_line: int) -> Iterator[Batch]:
    while some := _some(rows, file):
        batch = Batch(bytes_read=_place(file))
        for line, row, why in some:
            if line < first_line:
                continue
            if row is None:
                batch.refused.append((line, why))
            else:
                batch.lines.append(line)
                batch.rows.append(row)
        yield batch


def _some(rows: Iterator[Row], file: TextIO) -> list[Row]:
    """The next rows, as many as a batch may have."""
    start, some = _place(file), list[Row]()
    while len(some) < BATCH_ROWS and _place(file) - start < BATCH_BYTES:
        part = list(islice(rows, PART_ROWS))
        if not part:
            break
        some += part
    return some


def _place(file: TextIO) -> int:
    """How many bytes of a file are read."""
    binary: Any = file.buffer
    return int(binary.tell())


def _objects(file: TextIO, exact: bool) -> Iterator[Row]:
    decoder = json.JSONDecoder(parse_float=Decimal if exact else None, parse_constant=_no_number)
    for number, line in enumerate(_lines(file), 1):
        text = line.strip()
        if not text:
            continue
        try:
            value, end = decoder.raw_decode(text)
        except (ValueError, RecursionError) as error:
            yield number, None, f"it is no JSON: {str(error)[:80]}"
            continue
        if isinstance(value, dict) and end == len(text):
            yield number, value, ""
        else:
            yield number, None, "it is not one object of JSON"


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
