"""Groups: rows put together by their keys, and aggregates over each group.

Owns the hash table of groups. What an aggregate does with values is in sql_lite_frontend/functions.py.
Read next: sql_lite_frontend/changes.py.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from node.flow import Flow
from sql_lite_frontend import plan
from sql_lite_frontend.expressions import OnRows, Rows, tuples, values
from sql_lite_frontend.functions import AGGREGATES, Count, Distinct, Joined
from sql_lite_frontend.limits import BATCH_ROWS
from sql_lite_frontend.operators import Execution, Held, Maker, Operator

Start = Callable[[], list[Any]]


class Group:
    """All rows are read first; then there is a row for each group, in the order in which the groups first came."""

    def __init__(
        self, execution: Execution, source: Operator, keys: OnRows | None, arguments: Sequence[OnRows], start: Start
    ) -> None:
        self._given = execution.given
        self._source = source
        self._keys = keys
        self._arguments = arguments
        self._start = start
        self._rows: Rows | None = None
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The next groups."""
        if self._rows is None:
            self._rows = yield from self._gathered()
        some, self._rows = self._rows[:BATCH_ROWS], self._rows[BATCH_ROWS:]
        self.over = not self._rows
        return some or None

    def _gathered(self) -> Flow[Rows]:
        groups: dict[tuple[Any, ...], list[Any]] = {}
        held = Held("GROUP BY")
        if self._keys is None:
            groups[()] = self._start()
        while True:
            rows = yield from self._source.next()
            if rows is None:
                return [(*key, *(each.result() for each in states)) for key, states in groups.items()]
            for key, some in self._parted(rows).items():
                states = groups.get(key)
                if states is None:
                    states = groups[key] = self._start()
                    held.add([key + (None,) * (8 * len(states))])
                self._take(states, some, held)

    def _parted(self, rows: Rows) -> dict[tuple[Any, ...], Rows]:
        if self._keys is None:
            return {(): rows}
        parts: dict[tuple[Any, ...], Rows] = {}
        for key, row in zip(self._keys(rows, self._given), rows, strict=True):
            some = parts.get(key)
            if some is None:
                parts[key] = [row]
            else:
                some.append(row)
        return parts

    def _take(self, states: list[Any], rows: Rows, held: Held) -> None:
        for state, argument in zip(states, self._arguments, strict=True):
            before = len(state.seen) if type(state) is Distinct else 0
            some = argument(rows, self._given)
            state.take(some)
            if type(state) is Joined:
                held.add(list(zip(some, strict=True)))
            if type(state) is Distinct and len(state.seen) > before:
                held.add([(each,) for each in list(state.seen)[before:]])


def _all_rows(rows: Rows, _: Sequence[Any]) -> Rows:
    return rows


def group_maker(node: plan.Group, source: Maker) -> Maker:
    """A group."""
    fields = node.source.fields
    keys = tuples(node.keys, fields) if node.keys else None
    arguments = [_all_rows if each.argument is None else values(each.argument, fields) for each in node.aggregates]
    makers = [_state(each) for each in node.aggregates]

    def start() -> list[Any]:
        return [make() for make in makers]

    return lambda execution: Group(execution, source(execution), keys, arguments, start)


def _state(aggregate: plan.Aggregate) -> Callable[[], Count | Distinct]:
    make = AGGREGATES[aggregate.name]
    inner = make if aggregate.separator is None else partial(make, aggregate.separator)
    return (lambda: Distinct(inner())) if aggregate.distinct else inner
