"""Where rows come from: a table's span, one row by its key, or lists of rows.

Owns the leaves of a plan at work, and how a span follows from parameters. Does not own what is done with rows
(sql_lite_frontend/operators.py). Read next: sql_lite_frontend/scans.py.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from node.flow import Flow
from ranges.config import KEY_BYTES_MAX
from sql_lite_frontend import plan
from sql_lite_frontend.expressions import Givens, OnRows, Rows, for_each, single, tuples
from sql_lite_frontend.keys import encode_value, past
from sql_lite_frontend.limits import BATCH_ROWS
from sql_lite_frontend.operators import Execution, Maker, whole_number
from sql_lite_frontend.scans import Scanned, scanned


class Span:
    """A plan's span as a function of the parameters: the keys where it starts and ends."""

    def __init__(self, scan: plan.Scan) -> None:
        span = scan.span
        self._prefix = scan.table.prefix
        self._equal = [single(each) for each in span.equal]
        self._low = None if span.low is None else (single(span.low.value), span.low.included)
        self._high = None if span.high is None else (single(span.high.value), span.high.included)

    def key(self, given: Sequence[Any]) -> bytes | None:
        """The prefix of all keys in it; None if there is no such key, since nothing equals NULL."""
        key = self._prefix
        for function in self._equal:
            value = function(given)
            if value is None:
                return None
            key += encode_value(value)
        return key

    def ends(self, given: Sequence[Any]) -> tuple[bytes, bytes] | None:
        """From where to where to read."""
        prefix = self.key(given)
        if prefix is None:
            return None
        ends = []
        for side, is_low in ((self._low, True), (self._high, False)):
            if side is None:
                ends.append(prefix if is_low else past(prefix))
                continue
            function, included = side
            value = function(given)
            if value is None:
                return None
            key = prefix + encode_value(value)
            ends.append(key if included is is_low else past(key))
        return shortened(ends[0], False), shortened(ends[1], True)


def shortened(key: bytes, upwards: bool) -> bytes:
    """A bound that no key is too long for: at or below a bound of any length, or at or above it."""
    if len(key) + key.count(0) <= KEY_BYTES_MAX:
        return key
    cut = key[: KEY_BYTES_MAX // 2].rstrip(b"\xff")
    return cut[:-1] + bytes((cut[-1] + 1,)) if upwards else cut


class Scan:
    """Pages of a table. Pages are small first, and grow, where few rows are wanted."""

    def __init__(self, execution: Execution, span: Span, decode: Scanned, reverse: bool, few: int | None) -> None:
        self._execution = execution
        self._decode = decode
        self._reverse = reverse
        self._page = None if few is None else max(1, min(few, BATCH_ROWS))
        ends = span.ends(execution.given)
        self.over = ends is None
        self._start, self._end = ends or (b"", b"")

    def next(self) -> Flow[Rows | None]:
        """The rows of the next page for which the condition holds."""
        if self.over:
            return None
        page = yield from self._execution.transaction.page(self._start, self._end, self._page, self._reverse)
        if page.more is None:
            self.over = True
        elif self._reverse:
            self._end = page.more
        else:
            self._start = page.more
        if self._page is not None:
            self._page *= 4
        return self._decode(page.rows, self._execution.given)


class Point:
    """One row by its primary key."""

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
        if key is None or len(key) + key.count(0) > KEY_BYTES_MAX:
            return []
        value = yield from self._execution.transaction.get(key)
        return [] if value is None else self._decode([(key, value)], self._execution.given)


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
    """A scan, or the fetch of one row."""
    span, decode = Span(node), scanned(node.table.layout, node.fields, node.condition)
    if node.point:
        return lambda execution: Point(execution, span, decode)
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
