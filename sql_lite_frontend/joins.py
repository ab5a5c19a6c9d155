"""Joins: pairs of rows by equal keys; the right side held in a hash table, or fetched by primary key.

Owns both ways, for inner and left joins. Rows of the left side stay in their order. Read next:
sql_lite_frontend/groups.py.
"""

from collections.abc import Sequence
from typing import Any

from node.flow import Flow
from ranges.config import KEY_BYTES_MAX
from sql_lite_frontend import plan
from sql_lite_frontend.expressions import OnRows, Rows, keeps, tuples
from sql_lite_frontend.keys import encode_tuple
from sql_lite_frontend.limits import BATCH_ROWS, LOOKUP_KEYS
from sql_lite_frontend.operators import Execution, Held, Maker, Operator
from sql_lite_frontend.scans import Scanned, scanned

Found = dict[tuple[Any, ...], Rows]


class Pairing:
    """What every join does with left rows, once it knows the right rows of each key."""

    def __init__(self, node: plan.Join) -> None:
        self.left_keys = tuples(node.left_keys, node.left.fields)
        self._condition = None if node.condition is None else keeps(node.condition, node.fields)
        self._alone = (None,) * len(node.right.fields) if node.outer else None

    def pairs(self, rows: Rows, keys: Rows, found: Found, given: Sequence[Any]) -> Rows:
        """The pairs of these left rows. A key with NULL equals nothing, and is never found."""
        made: Rows = []
        condition, alone = self._condition, self._alone
        for row, key in zip(rows, keys, strict=True):
            some = [row + other for other in found.get(key, ())]
            if condition is not None and some:
                some = condition(some, given)
            if some:
                made += some
            elif alone is not None:
                made.append(row + alone)
        return made


class HashJoin:
    """The right side in memory, by its keys; without keys every right row is a candidate for every left one."""

    def __init__(
        self, execution: Execution, left: Operator, right: Operator, pairing: Pairing, right_keys: OnRows
    ) -> None:
        self._given = execution.given
        self._left, self._right = left, right
        self._pairing = pairing
        self._right_keys = right_keys
        self._found: Found | None = None
        self._rows: Rows = []
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The pairs of some left rows."""
        if self._found is None:
            self._found = yield from self._gathered()
        if not self._rows:
            rows = yield from self._left.next()
            if rows is None:
                self.over = True
                return None
            self._rows = rows
        some, self._rows = self._rows[:BATCH_ROWS], self._rows[BATCH_ROWS:]
        keys = self._pairing.left_keys(some, self._given)
        return self._pairing.pairs(some, keys, self._found, self._given)

    def _gathered(self) -> Flow[Found]:
        held, found = Held("a join's right side"), Found()
        while True:
            rows = yield from self._right.next()
            if rows is None:
                return found
            held.add(rows)
            for row, key in zip(rows, self._right_keys(rows, self._given), strict=True):
                if None not in key:
                    found.setdefault(key, []).append(row)


class LookupJoin:
    """Right rows fetched by their primary key, many at once."""

    def __init__(self, execution: Execution, left: Operator, pairing: Pairing, prefix: bytes, decode: Scanned) -> None:
        self._execution = execution
        self._left = left
        self._pairing = pairing
        self._prefix = prefix
        self._decode = decode
        self._rows: Rows = []
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The pairs of some left rows."""
        if not self._rows:
            rows = yield from self._left.next()
            if rows is None:
                self.over = True
                return None
            self._rows = rows
        given = self._execution.given
        some, self._rows = self._rows[:LOOKUP_KEYS], self._rows[LOOKUP_KEYS:]
        keys = self._pairing.left_keys(some, given)
        asked = {key: self._prefix + encode_tuple(key) for key in dict.fromkeys(keys) if None not in key}
        asked = {key: stored for key, stored in asked.items() if len(stored) + stored.count(0) <= KEY_BYTES_MAX}
        values = yield from self._execution.transaction.get_many(asked.values())
        found: Found = {}
        for key, stored, value in zip(asked, asked.values(), values, strict=True):
            if value is not None:
                found[key] = self._decode([(stored, value)], given)
        return self._pairing.pairs(some, keys, found, given)


def join_maker(node: plan.Join, left: Maker, right: Maker) -> Maker:
    """A join, in the way that the planner chose."""
    pairing = Pairing(node)
    if node.lookup:
        scan: plan.Scan = node.right
        decode, prefix = scanned(scan.table.layout, scan.fields, scan.condition), scan.table.prefix
        return lambda execution: LookupJoin(execution, left(execution), pairing, prefix, decode)
    keys = tuples(node.right_keys, node.right.fields)
    return lambda execution: HashJoin(execution, left(execution), right(execution), pairing, keys)
