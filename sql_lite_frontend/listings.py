"""SHOW: what there is, as rows: tables, the nodes of the cluster, its ranges.

Owns the columns, and how keys look to a person. Nodes and ranges are as group 0 last heard of them.
Read next: sql_lite_frontend/schema.py.
"""

from typing import Any

from node.flow import Flow
from node.messages import Refused
from ranges.descriptor import holders
from ranges.keys import FIRST_KEY, LAST_KEY, SQL, range_key_text
from ranges.placement.messages import ListNodes, ListRanges, NodeStatus, RangeStatus
from ranges.placement.status import condition
from ranges.router import Router
from sql_lite_frontend import tree
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import index_prefix, past, table_prefix
from sql_lite_frontend.schema import Schema, Table, all_tables
from sql_lite_frontend.types import Kind, Type
from txn.errors import Unavailable
from txn.transaction import Transaction

ASK_SECONDS = 10.0  # for one answer of group 0
RANGES_AT_ONCE = 256

TEXT, NUMBER = Kind(Type.TEXT, False), Kind(Type.INTEGER, False)
COLUMNS: dict[str, dict[str, Kind]] = {
    "tables": {"table": TEXT},
    "nodes": {
        "node": NUMBER,
        "address": TEXT,
        "state": TEXT,
        "silent_ms": NUMBER,
        "replicas": NUMBER,
        "leads": NUMBER,
        "labels": TEXT,
    },
    "ranges": {
        "range": NUMBER,
        "starts": TEXT,
        "ends": TEXT,
        "replicas": TEXT,
        "leader": Kind(Type.INTEGER),
        "bytes": NUMBER,
        "load": NUMBER,
    },
}
Rows = list[tuple[Any, ...]]
Names = list[tuple[bytes, str]]  # of tables and indexes, by what their keys begin with


def shown(statement: tree.Show, router: Router, schema: Schema, transaction: Transaction) -> Flow[Rows]:
    """The rows of SHOW. Raises 42P01 for a table that is not there, Unavailable where group 0 does not answer."""
    if statement.what == "nodes":
        found = yield from _ask(router, ListNodes())
        return [_node(each) for each in found.nodes]
    tables = yield from all_tables(transaction)
    if statement.what == "tables":
        return [(each.name,) for each in tables]
    start, end = FIRST_KEY, LAST_KEY
    if statement.table is not None:
        table = yield from schema.table(transaction, statement.table.name)
        if table is None:
            raise SqlError("42P01", f"there is no table {statement.table.name}", statement.table.at)
        start, end = SQL + table_prefix(table.id), SQL + past(table_prefix(table.id))
    ranges = yield from _ranges(router, start, end)
    names = [pair for table in tables for pair in _names(table)]
    return [_range(each, names) for each in ranges]


def _ask(router: Router, message: Any) -> Flow[Any]:
    reply = yield from router.control(message, ASK_SECONDS)
    if reply is None or isinstance(reply, Refused):
        raise Unavailable("group 0 does not answer: is a majority of its nodes running?")
    return reply


def _ranges(router: Router, start: bytes, end: bytes) -> Flow[list[RangeStatus]]:
    found: list[RangeStatus] = []
    key: bytes | None = start
    while key is not None and key < end:
        page = yield from _ask(router, ListRanges(key, RANGES_AT_ONCE))
        found += [each for each in page.ranges if each.descriptor.start < end]
        key = page.more
    return found


def _node(node: NodeStatus) -> tuple[Any, ...]:
    labels = " ".join(f"{name}={value}" for name, value in node.labels)
    return node.node, node.address, condition(node), node.silent_milliseconds, node.replicas, node.leaders, labels


def _range(found: RangeStatus, names: Names) -> tuple[Any, ...]:
    descriptor = found.descriptor
    start, end = (_key_text(each, names) for each in (descriptor.start, descriptor.end))
    return descriptor.group, start, end, holders(descriptor), found.leader or None, found.size, found.load


def _names(table: Table) -> Names:
    pairs = [(SQL + table.prefix, table.name)]
    pairs += [(SQL + index_prefix(table.id, each.number), f"{table.name}.{each.name}") for each in table.indexes]
    return [*pairs, (SQL + table_prefix(table.id), table.name)]


def _key_text(key: bytes, names: Names) -> str:
    """A range key: behind the name of a table or an index the rest of it; else as `argosy ranges` has it."""
    for prefix, name in names:
        if key.startswith(prefix):
            rest = key[len(prefix) :]
            return f"{name}/0x{rest.hex()}" if rest else name
    return range_key_text(key)
