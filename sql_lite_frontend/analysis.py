"""EXPLAIN ANALYZE: a statement is carried out with every operator watched: its rows, its batches, its own time.

Owns what is counted. An operator's own time is that from a question for rows to its answer, without what its sources
took of it; what it waits for counts. A statement that is not analysed knows nothing of this. Does not own the lines
(sql_lite_frontend/explain.py). Read next: sql_lite_frontend/explain.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.flow import Flow
from sql_lite_frontend import plan
from sql_lite_frontend.expressions import Rows
from sql_lite_frontend.operators import Execution, Maker, Operator


@dataclass(slots=True)
class Figure:
    """What one node of a plan did. `times`: how often it was begun; `seconds`: with its sources'."""

    times: int = 0
    rows: int = 0
    batches: int = 0
    seconds: float = 0.0


class Watch:
    """The figures of a plan's nodes, by the identity of the node; `now` in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.figures: dict[int, Figure] = {}

    def over(self, node: Any, make: Maker) -> Maker:
        """The node's maker, watched."""
        figure = self.figures[id(node)] = Figure()

        def watched(execution: Execution) -> Operator:
            figure.times += 1
            return Watched(make(execution), figure, self.now)

        return watched

    def note(self, node: Any) -> str:
        """What is told of a node; nothing of one whose rows another fetches."""
        figure = self.figures.get(id(node))
        if figure is None or not figure.times:
            return ""
        own = figure.seconds - sum(
            [self.figures[id(each)].seconds for each in plan.sources(node) if id(each) in self.figures]
        )
        often = "" if figure.times == 1 else f", {figure.times:,} times"
        plural = "" if figure.batches == 1 else "es"
        return f"rows {figure.rows:,} in {figure.batches:,} batch{plural}{often}, {max(0.0, own) * 1000:.1f} ms"


class Watched:
    """An operator, and a figure that counts what it does."""

    def __init__(self, operator: Operator, figure: Figure, now: Callable[[], float]) -> None:
        self._operator = operator
        self._figure = figure
        self._now = now
        self.over = operator.over

    def next(self) -> Flow[Rows | None]:
        """The operator's rows."""
        began, figure = self._now(), self._figure
        rows = yield from self._operator.next()
        figure.seconds += self._now() - began
        self.over = self._operator.over
        if rows is not None:
            figure.batches += 1
            figure.rows += len(rows)
        return rows


def counted(source: Operator) -> Flow[int]:
    """How many rows come, all of which are thrown away."""
    count = 0
    while True:
        rows = yield from source.next()
        if rows is None:
            return count
        count += len(rows)
