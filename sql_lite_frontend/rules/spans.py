"""Spans: what a scan's condition says of a key becomes the part of the table, or of an index, that is read.

Owns choose_spans, and the order in which the primary key and the indexes are preferred. An index that is building is
none. Read next: sql_lite_frontend/rules/joins.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.bound import Constant, Expression, Field, Operation, join_and, parts_of_and
from sql_lite_frontend.limits import SPANS_MAX
from sql_lite_frontend.rows import FIXED
from sql_lite_frontend.rules.orders import Wanted, sorted_by, wanted_of
from sql_lite_frontend.rules.walking import below
from sql_lite_frontend.schema import Index, Table
from sql_lite_frontend.types import NUMBERS, Type

TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Above:
    """What stands above a scan: the wanted order, whether only some rows are wanted, and what is made of them."""

    order: Wanted = ()
    limited: bool = False
    needed: tuple[Expression, ...] | None = None


def choose_spans(root: Any) -> Any:
    """A scan reads by the primary key or by an index, and only what its condition says of the key.

    The first of these counts in which two ways differ: the whole primary key is given; a whole unique index is;
    more leading columns are given; more ends of the next column are; rows come in the wanted order; no row has to be
    fetched behind an entry; the primary key, then the older index. Where nothing is said of its columns, an index is
    taken only for an order, and if few rows are wanted or none has to be fetched.
    """
    return _choose(root, Above(), None)


def readable(table: Table) -> tuple[Index | None, ...]:
    """The primary key, and the indexes that may be read."""
    return (None, *(each for each in table.indexes if not each.building))


def _choose(node: Any, above: Above, sort: plan.Sort | None) -> Any:
    match node:
        case plan.Scan():
            return _best(node, above)
        case plan.Limit():
            inner = Above(limited=node.limit is not None)
            return below(node, lambda each: _choose(each, inner, None))
        case plan.Sort():
            return below(node, lambda each: _choose(each, above, node))
        case plan.Project():
            order = () if sort is None else wanted_of(sort, node)
            under = Above(order, above.limited, node.expressions)
            return below(node, lambda each: _choose(each, under, None))
    return below(node, lambda each: _choose(each, Above(), None))


def _best(scan: plan.Scan, above: Above) -> plan.Scan:
    ways = [(_rank(made, above), made) for made in (_by(scan, index) for index in readable(scan.table))]
    first, *others = ways
    usable = [way for way in others if not way[1].span.whole or _is_for_order(way[1], above)]
    return max([first, *usable], key=lambda way: way[0])[1]


def _is_for_order(scan: plan.Scan, above: Above) -> bool:
    return _in_order(scan, above) and (above.limited or _covers(scan, above))


def _rank(scan: plan.Scan, above: Above) -> tuple[Any, ...]:
    plain, span = scan.index is None, scan.span
    ends = (span.low is not None) + (span.high is not None)
    whole = scan.point
    return (
        whole and plain, whole, len(span.equal), ends, _in_order(scan, above), plain or _covers(scan, above), plain,
    )  # fmt: skip


def _in_order(scan: plan.Scan, above: Above) -> bool:
    return bool(above.order) and sorted_by(scan, above.order) is not None


def _covers(scan: plan.Scan, above: Above) -> bool:
    if above.needed is None or scan.index is None:
        return False
    return all(each.place in scan.index.entry for each in bound.fields(*above.needed, scan.said))


def _by(scan: plan.Scan, index: Index | None) -> plan.Scan:
    """The scan by the primary key or by an index."""
    rest = list(parts_of_and(scan.condition))
    equal: list[tuple[Expression, ...]] = []
    ends: dict[str, plan.Bound] = {}
    for place in plan.key_places(scan.table, index):
        field = scan.fields[place]
        found = _values(rest, field, SPANS_MAX // prod(map(len, equal)))
        if found is not None:
            equal.append(found[0])
            _take(rest, found[1], field)
            continue
        for name, value, part in _ends(rest, field):
            side = "low" if name[0] == ">" else "high"
            if side not in ends:
                ends[side] = plan.Bound(value, name.endswith("="))
                _take(rest, part, field)
        break
    span = plan.Span(tuple(equal), **ends)
    return replace(scan, span=span, index=index, condition=join_and(tuple(rest)), said=scan.condition)


def _take(rest: list[Expression], part: Expression, field: Field) -> None:
    """The span stands for this part; but where a key may be too long to be exact, the part is looked at again."""
    if field.type in FIXED:
        rest.remove(part)


def _values(parts: Iterable[Expression], field: Field, most: int) -> tuple[tuple[Expression, ...], Expression] | None:
    """The values that a field may have, and the part that says so: the part with the fewest, if it has not too many."""
    found = [(values, part) for part in parts if (values := _listed(part, field))]
    best = min(found, key=lambda each: len(each[0]), default=None)
    return None if best is None or len(best[0]) > most else best


def _listed(part: Expression, field: Field) -> tuple[Expression, ...]:
    """The values of `field = value`, of `field IN (…)`, or of such parts with OR between them; none if it is other."""
    if not isinstance(part, Operation):
        return ()
    if part.name == "or":
        some = [_listed(each, field) for each in part.arguments]
        return tuple(value for values in some for value in values) if all(some) else ()
    if part.name == "in" and part.arguments[0] is field:
        values = part.arguments[1:]
        return values if all(isinstance(each, Constant) and each.type is field.type for each in values) else ()
    return tuple(value for name, value, _ in _ends((part,), field) if name == "=")


def _ends(parts: Iterable[Expression], field: Field) -> list[tuple[str, Expression, Expression]]:
    """What is said of a field: comparison, value, and the part that says it. The value has the field's type."""
    found: list[tuple[str, Expression, Expression]] = []
    for part in parts:
        if not isinstance(part, Operation) or part.name not in TURNED:
            continue
        left, right = part.arguments
        name = part.name
        if left is not field:
            left, right, name = right, left, TURNED[name]
        if left is field and right.type is field.type and not bound.fields(right):
            found.append((name, right, part))
    return found


assert set(NUMBERS) - set(FIXED) == {Type.NUMERIC}, "a REAL and an INTEGER have keys of limited length"
