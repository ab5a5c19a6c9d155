"""What a scan makes of stored pairs: rows out of rows, or out of an index's entries and the rows that they stand for.

Of an index, entries suffice where they hold every column that is needed. Else the parts of the condition that an entry
can answer are asked there, and only rows that pass are fetched. Owns which of it is so, and the functions for it.
Read next: sql_lite_frontend/scans.py.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.bound import Expression, Field, join_and, parts_of_and
from sql_lite_frontend.entries import entry_layout
from sql_lite_frontend.keys import encode_tuple
from sql_lite_frontend.scans import Scanned, scanned


class Reading:
    """The functions of one scan. `first` is for what stands in its span; `then`, if it is there, for fetched rows.

    With `then`, `first` gives primary keys.
    """

    def __init__(self, scan: plan.Scan) -> None:
        self.prefix = scan.prefix
        self._rows = scan.table.prefix
        self.then: Scanned | None = None
        if scan.index is None:
            self.first = scanned(scan.table.layout, scan.fields, scan.condition)
            return
        places = {place: at for at, place in enumerate(scan.index.entry)}
        stored = entry_layout(scan.table, scan.index)
        if scan.covered:
            self.first = _of_entries(stored, places, scan.fields, scan.condition)
            return
        key = [Field("", scan.table.columns[place].type, False, place=place) for place in scan.table.key]
        parts = parts_of_and(scan.condition)
        here = [part for part in parts if all(each.place in places for each in bound.fields(part))]
        rest = [part for part in parts if part not in here]
        self.first = _of_entries(stored, places, key, join_and(tuple(here)))
        self.then = scanned(scan.table.layout, scan.fields, join_and(tuple(rest)))

    def row_key(self, values: Sequence[Any]) -> bytes:
        """Where the row with this primary key stands."""
        return self._rows + encode_tuple(values)


def _of_entries(stored: Any, places: dict[int, int], fields: Sequence[Field], condition: Expression | None) -> Scanned:
    """The function of entries, whose columns stand in other places than a row's."""
    moved = {
        each: replace(each, place=places[each.place]) for each in dict.fromkeys((*fields, *bound.fields(condition)))
    }

    def move(part: Expression) -> Expression | None:
        return moved.get(part) if isinstance(part, Field) else None

    made = None if condition is None else bound.exchange(condition, move)
    return scanned(stored, [moved[each] for each in fields], made)
