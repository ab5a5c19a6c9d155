"""Joins: pairs of rows by equal keys; the right side held in a hash table, or fetched by a key.

Owns both ways, for inner and left joins. Rows of the left side stay in their order. Read next:
sql_lite_frontend/groups.py.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from node.flow import Flow, Gather
from sql_lite_frontend import plan
from sql_lite_frontend.entries import too_long
from sql_lite_frontend.expressions import OnRows, Rows, keeps, tuples
from sql_lite_frontend.keys import encode_tuple, past
from sql_lite_frontend.limits import BATCH_ROWS, LOOKUP_KEYS, LOOKUP_SPANS
from sql_lite_frontend.operators import Execution, Held, Maker, Operator
from sql_lite_frontend.readings import Reading
from sql_lite_frontend.scans import Scanned

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
    """Right rows fetched as they are needed, by the primary key or an index, many at once."""

    def __init__(self, execution: Execution, left: Operator, pairing: Pairing, lookup: "Lookup") -> None:
        self._execution = execution
        self._left = left
        self._pairing = pairing
        self._lookup = lookup
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
        given, at_once = self._execution.given, self._lookup.at_once
        some, self._rows = self._rows[:at_once], self._rows[at_once:]
        keys = self._pairing.left_keys(some, given)
        found = yield from self._lookup.found(self._execution, [key for key in dict.fromkeys(keys) if None not in key])
        return self._pairing.pairs(some, keys, found, given)


class Lookup:
    """The rows of a table for each of some keys: whole keys name one row, others a span."""

    def __init__(self, scan: plan.Scan, columns: int) -> None:
        self._reading = Reading(scan)
        self._whole = plan.is_whole_key(scan.table, scan.index, columns)
        self.at_once = LOOKUP_KEYS if self._whole else LOOKUP_SPANS

    def found(self, execution: Execution, keys: Rows) -> Flow[Found]:
        """The rows by their keys."""
        asked = {key: self._reading.prefix + encode_tuple(key) for key in keys}
        asked = {key: stored for key, stored in asked.items() if not too_long(stored)}
        if self._whole:
            values = yield from execution.transaction.get_many(asked.values())
            parts = [[] if value is None else [(b"", value)] for value in values]
        else:
            yield from execution.transaction.begin()
            parts = yield Gather(tuple(execution.transaction.scan(each, past(each)) for each in asked.values()))
        given, found, held = execution.given, Found(), Held("a join's right side")
        for key, stored in zip(asked, parts, strict=True):
            if stored:
                found[key] = self._reading.first(stored, given)
                held.add(found[key])
        if self._reading.then is None:
            return found
        return (yield from self._rows(execution, found, self._reading.then))

    def _rows(self, execution: Execution, found: Found, decode: Scanned) -> Flow[Found]:
        """The rows of entries. A key that an entry names has a row, of the same snapshot."""
        wanted = [self._reading.row_key(each) for some in found.values() for each in some]
        values: list[bytes | None] = []
        for start in range(0, len(wanted), LOOKUP_KEYS):
            values += yield from execution.transaction.get_many(wanted[start : start + LOOKUP_KEYS])
        left = iter(values)
        made, held = Found(), Held("a join's right side")
        for key, some in found.items():
            stored = [(b"", value) for value in islice(left, len(some)) if value is not None]
            made[key] = decode(stored, execution.given)
            held.add(made[key])
        return made


def join_maker(node: plan.Join, left: Maker, right: Maker) -> Maker:
    """A join, in the way that the planner chose."""
    pairing = Pairing(node)
    if node.lookup:
        lookup = Lookup(node.right, len(node.right_keys))
        return lambda execution: LookupJoin(execution, left(execution), pairing, lookup)
    keys = tuples(node.right_keys, node.right.fields)
    return lambda execution: HashJoin(execution, left(execution), right(execution), pairing, keys)
