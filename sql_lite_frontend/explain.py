"""EXPLAIN: a plan as lines of text, sources below what uses them, further to the right.

Owns the words for nodes and spans, and through which ranges of the cluster a span goes now. What an operator did, if
it was carried out, is told by sql_lite_frontend/analysis.py. Read next: sql_lite_frontend/planner.py.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from node.flow import Flow
from sql_lite_frontend import plan
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.limits import RANGES_NAMED, SPANS_LOCATED
from sql_lite_frontend.sources import Span
from txn.database import Database

Note = Callable[[Any], str]  # what is to be told of a node behind its line


def explained(prepared: plan.Prepared, note: Note) -> list[str]:
    """The lines."""
    lines = list(_lines(prepared.root, 0, note))
    for each in prepared.answers:
        lines += [f"{each.name}: {each.form}, once", *_lines(each.query, 1, note)]
    return lines


def _lines(node: Any, depth: int, note: Note) -> Iterator[str]:
    told = note(node)
    yield "  " * depth + _line(node) + (f"  ({told})" if told else "")
    for each in plan.sources(node):
        yield from _lines(each, depth + 1, note)


def located(prepared: plan.Prepared, database: Database, given: Sequence[Any]) -> Flow[dict[int, str]]:
    """The ranges of each scan, by the node's identity; not of a span that rows or answers decide."""
    found: dict[int, str] = {}
    looked_up: set[int] = set()
    waiting: list[Any] = [prepared.root, *(each.query for each in prepared.answers)]
    while waiting:
        node = waiting.pop()
        waiting += plan.sources(node)
        if isinstance(node, plan.Join) and node.lookup:
            looked_up.add(id(node.right))
        if isinstance(node, plan.Scan):
            try:
                ends = Span(node).ends(given)
            except (IndexError, SqlError):  # a parameter that an answer or an outer row will be; or one that is wrong
                continue
            some = "some of " if id(node) in looked_up else ""
            found[id(node)] = some + (yield from _ranges(ends, database))
    return found


def _ranges(ends: list[tuple[bytes, bytes]], database: Database) -> Flow[str]:
    groups: dict[int, None] = {}
    for start, end in ends[:SPANS_LOCATED]:
        groups.update(dict.fromkeys((yield from database.ranges_of(start, end))))
    more = "or more " if len(ends) > SPANS_LOCATED else ""
    if not groups:
        return "no range"
    if len(groups) == 1 and not more:
        return f"range {next(iter(groups))}"
    named = ", ".join(map(str, list(groups)[:RANGES_NAMED])) + (", …" if len(groups) > RANGES_NAMED else "")
    return f"{len(groups)} {more}ranges: {named}"


def _line(node: Any) -> str:
    match node:
        case plan.Scan():
            return _scan(node)
        case plan.Listed():
            return f"rows: {len(node.rows)}"
        case plan.Filter():
            return f"filter {node.condition}"
        case plan.Join():
            return _join(node)
        case plan.Group():
            keys = f" by {_list(node.keys)}" if node.keys else ""
            return f"group{keys}: {_list(map(_aggregate, node.aggregates))}"
        case plan.Project():
            return f"project {_list(node.expressions)}"
        case plan.Sort():
            few = "" if node.few is None else f", keep {node.few}"
            return "sort by " + ", ".join(_key(key) for key in node.keys) + few
        case plan.Limit():
            offset = "" if node.offset is None else f" after {node.offset}"
            return f"limit {'all' if node.limit is None else node.limit}{offset}"
        case plan.Apply():
            return f"{node.answer}: {node.form}, for each {_list(node.arguments) or 'value from further outside'}"
        case plan.Combine():
            return f"{node.way}{' all' if node.all else ''}"
        case plan.Insert():
            return f"insert {node.table.name}{_conflict(node)}{_returning(node)}"
        case plan.Update() | plan.Delete():
            return f"{type(node).__name__.lower()} {node.table.name}{_returning(node)}"
    return type(node).__name__.lower()


def _conflict(node: plan.Insert) -> str:
    conflict, table = node.conflict, node.table
    if conflict is None:
        return ""
    keys = (table.names(table.key if each is None else each.columns) for each in conflict.targets)
    said = f" on conflict {', '.join(f'({each})' for each in keys)} do "
    renewal = conflict.renewal
    if renewal is None:
        return f"{said}nothing"
    new = renewal.row[len(renewal.old) :]
    sets = ", ".join(f"{table.columns[place].name} = {new[place]}" for place in renewal.places)
    where = "" if renewal.condition is None else f" where {renewal.condition}"
    return f"{said}update {sets}{where}"


def _returning(node: plan.Insert | plan.Update | plan.Delete) -> str:
    return "" if node.returning is None else f" returning {_list(node.returning.expressions)}"


def _list(parts: Any) -> str:
    return ", ".join(map(str, parts))


def _key(key: plan.Key) -> str:
    return f"{key.field}{' descending' if key.descending else ''}{'' if key.nulls_first else ', NULL last'}"


def _aggregate(aggregate: plan.Aggregate) -> str:
    inner = "*" if aggregate.argument is None else str(aggregate.argument)
    separator = "" if aggregate.separator is None else f", {aggregate.separator!r}"
    return f"{aggregate.name}({'distinct ' if aggregate.distinct else ''}{inner}{separator})"


def _scan(scan: plan.Scan) -> str:
    names = [scan.table.columns[place].name for place in scan.key]
    said = [_equal(name, values) for name, values in zip(names, scan.span.equal, strict=False)]
    following = names[len(scan.span.equal)] if len(scan.span.equal) < len(names) else ""
    for end, sign in ((scan.span.low, ">"), (scan.span.high, "<")):
        if end is not None:
            said.append(f"{following} {sign}{'=' if end.included else ''} {end.value}")
    name = scan.table.name if scan.alias == scan.table.name else f"{scan.table.name} as {scan.alias}"
    way = "get" if scan.point else "scan"
    if scan.index is not None:
        name += f" by index {scan.index.name}{' alone' if scan.covered else ''}"
    parts = [f"{way} {name}", f"[{' and '.join(said)}]" if said else "[all]"]
    if scan.reverse:
        parts.append("backwards")
    if scan.few is not None:
        parts.append(f"few: {scan.few}")
    parts.append(f"columns {_list(each.name for each in scan.fields) or 'none'}")
    if scan.condition is not None:
        parts.append(f"where {scan.condition}")
    return " ".join(parts)


def _equal(name: str, values: Any) -> str:
    return f"{name} = {values[0]}" if len(values) == 1 else f"{name} in ({_list(values)})"


def _join(join: plan.Join) -> str:
    way = "lookup" if join.lookup else "hash" if join.left_keys else "nested"
    keys = [f"{left} = {right}" for left, right in zip(join.left_keys, join.right_keys, strict=True)]
    said = f" on {' and '.join(keys)}" if keys else ""
    rest = "" if join.condition is None else f" where {join.condition}"
    return f"{way} {'left ' if join.outer else ''}join{said}{rest}"
