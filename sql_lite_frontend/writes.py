"""Writes at work: a statement's changes are gathered, checked, and only then handed to the transaction.

So a statement never sees rows that it has written itself, and one that fails changes nothing. Owns this order.
Does not own what is checked (sql_lite_frontend/pending.py). Read next: sql_lite_frontend/conflicts.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from node.flow import Flow
from sql_lite_frontend import plan
from sql_lite_frontend.conflicts import Conflicts
from sql_lite_frontend.expressions import OnRows, Rows, tuples
from sql_lite_frontend.operators import Execution, Held, Operator
from sql_lite_frontend.pending import Pending, Placing


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows a statement has written or removed, and what RETURNING gives of them."""

    count: int
    rows: Rows


class Writing:
    """A plan that writes, with what it needs for every row; made once for a plan."""

    def __init__(self, root: plan.Insert | plan.Update | plan.Delete) -> None:
        placing = self._placing = Placing(root, root.table)
        self._table = root.table
        self._conflicts: Conflicts | None = None
        self._returned: OnRows | None = None
        if root.returning is not None:
            self._returned = tuples(root.returning.expressions, root.returning.fields)
        self._take: Callable[[Pending, Rows], Rows]
        match root:
            case plan.Insert():
                self._take = self._insert
                if root.conflict is not None:
                    self._conflicts = Conflicts(root.table, root.conflict, placing)
            case plan.Update():
                self._take = placing.update
            case plan.Delete():
                self._take = placing.delete

    def carry_out(self, source: Operator, execution: Execution) -> Flow[Written]:
        """All rows of the source."""
        pending, held = Pending(self._table), Held("RETURNING")
        count, returned = 0, Rows()
        while True:
            rows = yield from source.next()
            if rows is None:
                break
            if self._conflicts is not None:
                rows = yield from self._conflicts.insert(pending, rows, execution)
            else:
                rows = self._take(pending, rows)
            count += len(rows)
            if self._returned is not None:
                made: Rows = self._returned(rows, execution.given)
                held.add(made)
                returned += made
        yield from pending.hand_on(execution.transaction)
        return Written(count, returned)

    def _insert(self, pending: Pending, rows: Rows) -> Rows:
        self._placing.check(rows)
        return self._placing.insert(pending, rows)
