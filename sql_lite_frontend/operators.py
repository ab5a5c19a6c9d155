"""Operators: a plan's nodes at work. Each hands on rows in batches, when it is asked; all that may wait is a flow.

    rows = yield from operator.next()      # a list of tuples, maybe empty; None at the end

Owns filters, projections, sorts and limits; a node's functions are generated once, when its plan is prepared, and
shared by all of its executions. Does not own where rows come from (sql_lite_frontend/sources.py), joins and groups
(sql_lite_frontend/joins.py, sql_lite_frontend/groups.py). Read next: sql_lite_frontend/sources.py.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

from node.flow import Flow
from sql_lite_frontend import plan
from sql_lite_frontend.bound import Expression
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import OnRows, Rows, keeps, single, tuples
from sql_lite_frontend.limits import BATCH_ROWS, HELD_BYTES_MAX, ROW_OVERHEAD_BYTES
from txn.transaction import Transaction


@dataclass(slots=True)
class Execution:
    """One execution of a plan: the transaction that it reads in, and the parameters."""

    transaction: Transaction
    given: Sequence[Any]


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


class Both:
    """All rows of the left side, then all of the right."""

    def __init__(self, left: Operator, right: Operator) -> None:
        self._sides = [left, right]
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The next rows."""
        while self._sides:
            rows = yield from self._sides[0].next()
            if rows is None or self._sides[0].over:
                del self._sides[0]
                self.over = not self._sides
            if rows is not None:
                return rows
        return None


class Chosen:
    """Rows of the left side by how often they are on the right, which is held in memory.

    `among`: those that are there, else those that are not. `all`: each there stands for one of the left only.
    """

    def __init__(self, left: Operator, right: Operator, among: bool, all_rows: bool) -> None:
        self._left, self._right = left, right
        self._among, self._all = among, all_rows
        self._counts: Counter[tuple[Any, ...]] | None = None
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The next rows."""
        if self._counts is None:
            self._counts = yield from self._counted()
        rows = yield from self._left.next()
        self.over = self._left.over
        if rows is None:
            return None
        counts, among = self._counts, self._among
        if not self._all:
            return [row for row in rows if (row in counts) is among]
        made: Rows = []
        for row in rows:
            there = counts.get(row, 0) > 0
            if there:
                counts[row] -= 1
            if there is among:
                made.append(row)
        return made

    def _counted(self) -> Flow[Counter[tuple[Any, ...]]]:
        held, counts = Held("INTERSECT or EXCEPT"), Counter[tuple[Any, ...]]()
        while True:
            rows = yield from self._right.next()
            if rows is None:
                return counts
            held.add([row for row in dict.fromkeys(rows) if row not in counts])
            counts.update(rows)


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


def combine_maker(node: plan.Combine, left: Maker, right: Maker) -> Maker:
    """A UNION ALL, INTERSECT or EXCEPT."""
    if node.way == "union":
        return lambda execution: Both(left(execution), right(execution))
    among = node.way == "intersect"

    def make(execution: Execution) -> Operator:
        chosen = Chosen(left(execution), right(execution), among, node.all)
        return chosen if node.all else Distinct(chosen)

    return make


def sort_maker(node: plan.Sort, source: Maker) -> Maker:
    """A sort."""
    sort = sorter(node.keys, [node.fields.index(key.field) for key in node.keys])
    few = whole_number(node.few, "LIMIT")
    return lambda execution: Sort(source(execution), sort, few(execution.given))


def limit_maker(node: plan.Limit, source: Maker) -> Maker:
    """A limit."""
    limit, offset = whole_number(node.limit, "LIMIT"), whole_number(node.offset, "OFFSET")
    return lambda execution: Limit(source(execution), limit(execution.given), offset(execution.given) or 0)
