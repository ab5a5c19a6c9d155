"""Writes at work: a statement's changes are gathered, checked, and only then handed to the transaction.

So a statement never sees rows that it has written itself, and one that fails changes nothing. Owns this order.
Does not own what is checked (sql_lite_frontend/pending.py). Read next: sql_lite_frontend/conflicts.py.
"""

from collections.abc import Callable

from node.flow import Flow
from sql_lite_frontend import plan
from sql_lite_frontend.conflicts import Conflicts
from sql_lite_frontend.expressions import Rows
from sql_lite_frontend.operators import Execution, Operator
from sql_lite_frontend.pending import Pending, Placing


class Writing:
    """A plan that writes, with what it needs for every row; made once for a plan."""

    def __init__(self, root: plan.Insert | plan.Update | plan.Delete) -> None:
        placing = self._placing = Placing(root, root.table)
        self._table = root.table
        self._conflicts: Conflicts | None = None
        self._take: Callable[[Pending, Rows], None]
        match root:
            case plan.Insert():
                self._take = self._insert
                if root.conflict is not None:
                    self._conflicts = Conflicts(root.table, root.conflict, placing)
            case plan.Update():
                self._take = placing.update
            case plan.Delete():
                self._take = placing.delete

    def carry_out(self, source: Operator, execution: Execution) -> Flow[int]:
        """All rows of the source; the number of those that are written or gone."""
        pending, count = Pending(self._table), 0
        while True:
            rows = yield from source.next()
            if rows is None:
                break
            if self._conflicts is not None:
                rows = yield from self._conflicts.insert(pending, rows, execution)
            else:
                self._take(pending, rows)
            count += len(rows)
        yield from pending.hand_on(execution.transaction)
        return count

    def _insert(self, pending: Pending, rows: Rows) -> None:
        self._placing.check(rows)
        self._placing.insert(pending, rows)
