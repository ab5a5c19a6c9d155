"""Operators: a plan's nodes at work. Each hands on rows in batches, when it is asked; all that may wait is a flow.

    rows = yield from operator.next()      # a list of tuples, maybe empty; None at the end

Owns scans, filters, projections, sorts and limits; a node's functions are generated once, when its plan is prepared,
and shared by all of its executions. Does not own joins and groups (sql_lite_frontend/joins.py,
sql_lite_frontend/groups.py). Read next: sql_lite_frontend/joins.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

from node.flow import Flow
from ranges.config import KEY_BYTES_MAX
from sql_lite_frontend import plan
from sql_lite_frontend.bound import Expression
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import OnRows, Rows, keeps, single, tuples
from sql_lite_frontend.keys import encode_value, past
from sql_lite_frontend.limits import BATCH_ROWS, HELD_BYTES_MAX, ROW_OVERHEAD_BYTES
from sql_lite_frontend.scans import Scanned, scanned
from txn.transaction import Transaction


@dataclass(slots=True)
class Execution:
    """One execution of a plan: the transaction that it reads in, and the parameters."""

    transaction: Transaction
    given: tuple[Any, ...]


class Operator(Protocol):
    """A node at work. `over`: nothing more will come, as far as it knows."""

    over: bool

    def next(self) -> Flow[Rows | None]:
        """The next rows; None at the end."""
        ...


Maker = Callable[[Execution], Operator]


class Held:
    """What an operator holds in memory, estimated: the first row of each batch stands for the others."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._bytes = 0

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """More rows are held. Raises 53200."""
        if rows:
            self._bytes += len(rows) * row_bytes(rows[0])
            if self._bytes > HELD_BYTES_MAX:
                hint = "narrow the statement, or order it by the primary key"
                raise SqlError("53200", f"{self._what} holds at most {HELD_BYTES_MAX >> 20} MiB of rows", hint=hint)


def row_bytes(row: tuple[Any, ...]) -> int:
    """About so many bytes are a row in memory."""
    return ROW_OVERHEAD_BYTES + sum(len(each) if isinstance(each, str | bytes) else 32 for each in row)


# -- scans -----------------------------------------------------------------------------------------------------------


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


# -- one row after another -------------------------------------------------------------------------------------------


class Mapped:
    """Each batch through a function: a filter, or a projection."""

    def __init__(self, execution: Execution, source: Operator, function: OnRows) -> None:
        self._given = execution.given
        self._source = source
        self._function = function
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The function's rows."""
        rows = yield from self._source.next()
        self.over = self._source.over
        return None if rows is None else self._function(rows, self._given)


class Distinct:
    """Each row once."""

    def __init__(self, source: Operator) -> None:
        self._source = source
        self._seen: dict[tuple[Any, ...], None] = {}
        self._held = Held("DISTINCT")
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The rows not seen before."""
        rows = yield from self._source.next()
        self.over = self._source.over
        if rows is None:
            return None
        seen = self._seen
        fresh = [row for row in dict.fromkeys(rows) if row not in seen]
        seen.update(dict.fromkeys(fresh))
        self._held.add(fresh)
        return fresh


class Limit:
    """Some rows from the start."""

    def __init__(self, source: Operator, limit: int | None, offset: int) -> None:
        self._source = source
        self._left = limit
        self._skip = offset
        self.over = limit == 0

    def next(self) -> Flow[Rows | None]:
        """The next rows within the limit."""
        if self.over:
            return None
        rows = yield from self._source.next()
        if rows is None:
            self.over = True
            return None
        skipped = min(self._skip, len(rows))
        self._skip -= skipped
        rows = rows[skipped:] if self._left is None else rows[skipped : skipped + self._left]
        if self._left is not None:
            self._left -= len(rows)
        self.over = self._source.over or self._left == 0
        return rows


# -- sort ------------------------------------------------------------------------------------------------------------


def sorter(keys: Sequence[plan.Key], places: Sequence[int]) -> Callable[[Rows], None]:
    """What sorts rows in place: by the last key first, as sorting is stable."""
    steps = []
    for key, place in reversed(list(zip(keys, places, strict=True))):
        by: Callable[[Any], Any] = itemgetter(place)
        if key.field.nullable:
            by = _with_nulls(place, key.nulls_first is not key.descending)
        steps.append((by, key.descending))

    def sort(rows: Rows) -> None:
        for by, reverse in steps:
            rows.sort(key=by, reverse=reverse)

    return sort


def _with_nulls(place: int, least: bool) -> Callable[[Any], Any]:
    null, other = ((0,), 1) if least else ((1,), 0)
    return lambda row: null if row[place] is None else (other, row[place])


class Sort:
    """All rows, in order; of few wanted ones only as many are kept."""

    def __init__(self, source: Operator, sort: Callable[[Rows], None], few: int | None) -> None:
        self._source = source
        self._sort = sort
        self._few = few if few is not None and few <= BATCH_ROWS else None
        self._rows: Rows | None = None
        self._place = 0
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The next rows in order."""
        if self._rows is None:
            self._rows = yield from self._gathered()
        some = self._rows[self._place : self._place + BATCH_ROWS]
        self._place += len(some)
        self.over = self._place >= len(self._rows)
        return some or None

    def _gathered(self) -> Flow[Rows]:
        held, kept = Held("a sort"), Rows()
        while True:
            rows = yield from self._source.next()
            if rows is None:
                break
            kept += rows
            if self._few is None:
                held.add(rows)
            elif len(kept) > self._few + BATCH_ROWS:
                self._sort(kept)
                del kept[self._few :]
        self._sort(kept)
        return kept


# -- from plans ------------------------------------------------------------------------------------------------------


def whole_number(expression: Expression | None, what: str) -> Callable[[Sequence[Any]], int | None]:
    """A LIMIT or OFFSET as a function of the parameters; None: there is none."""
    if expression is None:
        return lambda given: None
    function = single(expression)

    def number(given: Sequence[Any]) -> int | None:
        value: int | None = function(given)
        if value is not None and value < 0:
            raise SqlError("22023", f"{what} is {value}, below zero")
        return value

    return number


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


def _folded(flat: OnRows, width: int, count: int) -> OnRows:
    def rows(one: Rows, given: Sequence[Any]) -> Any:
        (values,) = flat(one, given)
        return [[tuple(values[at * width : at * width + width]) for at in range(count)]]

    return rows


def filter_maker(node: plan.Filter, source: Maker) -> Maker:
    """A filter."""
    function = keeps(node.condition, node.source.fields)
    return lambda execution: Mapped(execution, source(execution), function)


def project_maker(node: plan.Project, source: Maker) -> Maker:
    """A projection; one that changes nothing is left out."""
    if node.expressions == node.source.fields:
        return source
    function = tuples(node.expressions, node.source.fields)
    return lambda execution: Mapped(execution, source(execution), function)


def sort_maker(node: plan.Sort, source: Maker) -> Maker:
    """A sort."""
    sort = sorter(node.keys, [node.fields.index(key.field) for key in node.keys])
    few = whole_number(node.few, "LIMIT")
    return lambda execution: Sort(source(execution), sort, few(execution.given))


def limit_maker(node: plan.Limit, source: Maker) -> Maker:
    """A limit."""
    limit, offset = whole_number(node.limit, "LIMIT"), whole_number(node.offset, "OFFSET")
    return lambda execution: Limit(source(execution), limit(execution.given), offset(execution.given) or 0)
