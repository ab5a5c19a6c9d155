"""Where rows come from: spans of a table or an index, rows by their keys, or lists of rows.

Owns the leaves of a plan at work, and how a span follows from parameters. Does not own what is done with rows
(sql_lite_frontend/operators.py). Read next: sql_lite_frontend/scans.py.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from node.flow import Flow
from ranges.config import KEY_BYTES_MAX
from sql_lite_frontend import plan
from sql_lite_frontend.entries import too_long
from sql_lite_frontend.expressions import Givens, OnRows, Rows, for_each, single, tuples
from sql_lite_frontend.keys import LAST, NULL, encode_value, past
from sql_lite_frontend.limits import BATCH_ROWS, LOOKUP_KEYS
from sql_lite_frontend.operators import Execution, Maker, Operator, whole_number
from sql_lite_frontend.readings import Reading
from sql_lite_frontend.scans import Scanned


class Span:
    """A plan's span as a function of the parameters: the keys where its parts start and end."""

    def __init__(self, scan: plan.Scan) -> None:
        span = scan.span
        self._prefix = scan.prefix
        self._equal = [[single(each) for each in values] for values in span.equal]
        self._low = None if span.low is None else (single(span.low.value), span.low.included)
        self._high = None if span.high is None else (single(span.high.value), span.high.included)

    def key(self, given: Sequence[Any]) -> bytes | None:
        """The prefix of all keys in a single part; None if there is no such key, since nothing equals NULL."""
        key = self._prefix
        for (function,) in self._equal:
            value = function(given)
            if value is None:
                return None
            key += encode_value(value)
        return key

    def keys(self, given: Sequence[Any]) -> list[bytes]:
        """The prefixes of the keys in all parts, in their order."""
        made = {self._prefix}
        for functions in self._equal:
            values = [value for function in functions if (value := function(given)) is not None]
            made = {key + encode_value(value) for key in made for value in values}
        return sorted(made)

    def ends(self, given: Sequence[Any]) -> list[tuple[bytes, bytes]]:
        """From where to where to read, part by part. A comparison holds for no NULL."""
        low, high = b"" if self._high is None else past(NULL), LAST
        if self._low is not None:
            value = self._low[0](given)
            if value is None:
                return []
            low = encode_value(value) if self._low[1] else past(encode_value(value))
        if self._high is not None:
            value = self._high[0](given)
            if value is None:
                return []
            high = past(encode_value(value)) if self._high[1] else encode_value(value)
        return [(shortened(key + low, False), shortened(key + high, True)) for key in self.keys(given)]


def shortened(key: bytes, upwards: bool) -> bytes:
    """A bound that no key is too long for: at or below a bound of any length, or at or above it."""
    if len(key) + key.count(0) <= KEY_BYTES_MAX:
        return key
    cut = key[: KEY_BYTES_MAX // 2].rstrip(b"\xff")
    return cut[:-1] + bytes((cut[-1] + 1,)) if upwards else cut


class Scan:
    """Pages of a table or an index. Pages are small first, and grow, where few rows are wanted."""

    def __init__(self, execution: Execution, span: Span, decode: Scanned, reverse: bool, few: int | None) -> None:
        self._execution = execution
        self._decode = decode
        self._reverse = reverse
        self._page = None if few is None else max(1, min(few, BATCH_ROWS))
        self._parts = span.ends(execution.given)
        if not reverse:
            self._parts.reverse()
        self.over = not self._parts

    def next(self) -> Flow[Rows | None]:
        """The rows of the next page for which the condition holds."""
        if self.over:
            return None
        start, end = self._parts.pop()
        page = yield from self._execution.transaction.page(start, end, self._page, self._reverse)
        if page.more is not None:
            self._parts.append((start, page.more) if self._reverse else (page.more, end))
        self.over = not self._parts
        if self._page is not None:
            self._page *= 4
        return self._decode(page.rows, self._execution.given)


class Point:
    """One row by its primary key, or one entry of a unique index."""

    def __init__(self, execution: Execution, span: Span, decode: Scanned) -> None:
        self._execution = execution
        self._decode = decode
        self._span = span
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The row, if it is there and the condition holds."""
        if self.over:
            return None
        self.over = True
        key = self._span.key(self._execution.given)
        if key is None or too_long(key):
            return []
        value = yield from self._execution.transaction.get(key)
        return [] if value is None else self._decode([(key, value)], self._execution.given)


class Points:
    """Several rows by their primary keys, or entries of a unique index, many at once."""

    def __init__(self, execution: Execution, span: Span, decode: Scanned, reverse: bool) -> None:
        self._execution = execution
        self._decode = decode
        self._keys = [key for key in span.keys(execution.given) if not too_long(key)]
        if not reverse:
            self._keys.reverse()
        self.over = not self._keys

    def next(self) -> Flow[Rows | None]:
        """The next ones that are there, if the condition holds."""
        if self.over:
            return None
        some = self._keys[-LOOKUP_KEYS:][::-1]
        del self._keys[-LOOKUP_KEYS:]
        self.over = not self._keys
        return self._decode((yield from pairs(self._execution, some)), self._execution.given)


class Fetched:
    """The rows of an index's entries, many at once, in their order."""

    def __init__(self, execution: Execution, entries: Operator, reading: Reading, decode: Scanned) -> None:
        self._execution = execution
        self._entries = entries
        self._reading = reading
        self._decode = decode
        self._keys: list[bytes] = []
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The next rows for which the condition holds."""
        if not self._keys:
            found = yield from self._entries.next()
            if found is None:
                self.over = True
                return None
            self._keys = [self._reading.row_key(each) for each in found]
        some, self._keys = self._keys[:LOOKUP_KEYS], self._keys[LOOKUP_KEYS:]
        self.over = self._entries.over and not self._keys
        return self._decode((yield from pairs(self._execution, some)), self._execution.given)


def pairs(execution: Execution, keys: Sequence[bytes]) -> Flow[list[tuple[bytes, bytes]]]:
    """Those of these keys that are there, with their values."""
    values = yield from execution.transaction.get_many(keys)
    return [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]


class Listed:
    """Rows that stand in the statement."""

    def __init__(self, execution: Execution, lists: Sequence[OnRows]) -> None:
        self._execution = execution
        self._lists = iter(lists)
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The next rows."""
        function = next(self._lists, None)
        if function is None:
            self.over = True
            return None
        rows: Rows = function([()], self._execution.given)[0]
        return list(rows)
        yield


class Ready:
    """Rows that are made already, as an INSERT for many rows of parameters makes them."""

    def __init__(self, batches: Iterator[Rows]) -> None:
        self._batches = batches
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The next rows."""
        return next(self._batches, None)
        yield


def scan_maker(node: plan.Scan) -> Maker:
    """A scan, or the fetch of rows by their keys."""
    span, reading = Span(node), Reading(node)
    found = _found_maker(node, span, reading.first)
    then = reading.then
    if then is None:
        return found
    return lambda execution: Fetched(execution, found(execution), reading, then)


def _found_maker(node: plan.Scan, span: Span, decode: Scanned) -> Maker:
    """What stands in the span."""
    if node.point:
        if node.span.single:
            return lambda execution: Point(execution, span, decode)
        return lambda execution: Points(execution, span, decode, node.reverse)
    few = whole_number(node.few, "LIMIT")
    return lambda execution: Scan(execution, span, decode, node.reverse, few(execution.given))


def listed_maker(node: plan.Listed) -> Maker:
    """Rows of the statement, in functions of limited size."""
    lists = []
    for start in range(0, len(node.rows), BATCH_ROWS):
        some = node.rows[start : start + BATCH_ROWS]
        width = len(node.fields)
        flat = tuples([each for row in some for each in row], ())
        lists.append(_folded(flat, width, len(some)))
    return lambda execution: Listed(execution, lists)


def listed_for_many(node: plan.Listed) -> Callable[[Givens], Rows]:
    """Rows of parameters -> all rows that the statement lists for them."""
    functions = [for_each(row) for row in node.rows]
    return lambda givens: [row for function in functions for row in function(givens)]


def _folded(flat: OnRows, width: int, count: int) -> OnRows:
    def rows(one: Rows, given: Sequence[Any]) -> Any:
        (values,) = flat(one, given)
        return [[tuple(values[at * width : at * width + width]) for at in range(count)]]

    return rows
