"""How much waits where in a node: every container of every part of a host, by name.

Owns the walk over a node's parts, the bounds that hold at any time, and what may be left once nothing is going on.
A container that somebody adds to a part is counted without being named here, and must be empty in quiet unless it is
in `KEPT`. Read next: argosy/testing/aftermath.py.
"""

import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

from argosy.testing.linear import Violation
from node.config import INBOX_REQUESTS_MAX, LOG_KEPT_ENTRIES, OVERLAY_ROWS_MAX, PARKED_REQUESTS_MAX
from node.outbox import WAITING_REQUESTS_MAX
from ranges.config import FLOOR_KEYS_MAX

CONTAINERS = (list, dict, deque, set)
QUIET_MAX = 64  # in a container that may hold something: a cluster of a simulation has few nodes, groups and keys

NODE_BOUNDS = {
    "Host._inbox": INBOX_REQUESTS_MAX,
    "Intake._held": INBOX_REQUESTS_MAX,
    "Intake._ticking": 0,
    "Outbox._waiting": 10 * WAITING_REQUESTS_MAX,
    **dict.fromkeys(("Outbox._raft", "Outbox._replies", "Outbox._requests", "Outbox._support"), 0),
    **dict.fromkeys(("Outbox._snapshots", "Outbox._dials"), 0),
    "WatchedState._open": OVERLAY_ROWS_MAX,
}
"""Between two steps of a node."""

GROUP_BOUNDS = {
    "Group.parked": PARKED_REQUESTS_MAX,
    "Group.proposals": 0,
    "Group.reading": 0,
    "LeaderMemory._recent": FLOOR_KEYS_MAX,
    "LeaderMemory._older": FLOOR_KEYS_MAX + 1,
    "Log.entries": 2 * LOG_KEPT_ENTRIES,
}
"""The same for each group of a node."""

KEPT = {
    **dict.fromkeys(("Catalog.nodes", "Group.nodes", "Replicas.groups", "Replicas.gone"), "what there is"),
    **dict.fromkeys(
        ("Outbox.link_of", "Outbox.node_of", "Outbox._dialled", "Support._partners"), "links and those at their ends"
    ),
    **dict.fromkeys(("Liveness._known", "Liveness._placed", "Host._stirred"), "groups, until they change"),
    **dict.fromkeys(
        ("LeaderMemory._drops", "LeaderMemory._heard", "LeaderMemory._holding", "LeaderMemory._stirred"),
        "what nodes reported",
    ),
    **dict.fromkeys(("LeaderMemory._recent", "LeaderMemory._older", "Log.entries"), "bounded, above"),
    "Flows._timers": "what runs behind on every node",
    "Timers._alarms": "those of tokens that were woken meanwhile, for some seconds: placement never quite rests",
    "Intake._services": "a table",
    "WatchedState._rows": "the rows",
    **dict.fromkeys(("WatchedState._at", "WatchedJournal._cuts"), "a number for each group"),
    **dict.fromkeys(("RealState._at", "RealJournal._cuts", "RealJournal._cut_to"), "a number for each group"),
    **dict.fromkeys(("RealJournal._hard", "RealJournal._lasts", "RealJournal._terms"), "what was written"),
    "RealState._rows": "the rows",
    "RealJournal._asked": "cuts since the last record, until the next one",
    **dict.fromkeys(("WatchedJournal._hard", "WatchedJournal._lasts", "WatchedJournal._terms"), "what was written"),
}
"""What may hold something in quiet, and why."""

GROWS = (
    "WatchedState._rows",
    "WatchedJournal._terms",
    "RealState._rows",
    "RealJournal._terms",
    "Log.entries",
    "LeaderMemory._recent",
    "LeaderMemory._older",
)  # with what is read and written, up to their bounds above


def sizes(node: Any) -> dict[str, int]:
    """Class.attribute -> how much it holds, in all parts together; a dict of lists counts what is in them."""
    found: dict[str, int] = {}
    for part in _parts(node):
        for name, value in _attributes(part):
            if isinstance(value, CONTAINERS):
                key = f"{type(part).__name__}.{name}"
                found[key] = found.get(key, 0) + _count(value)
    return found


def check_bounds(node: Any) -> None:
    """Raise `Violation` if more waits somewhere than what the configuration states."""
    held, groups = sizes(node), len(node.host.replicas.groups)
    bounds = [*NODE_BOUNDS.items(), *((name, each * groups) for name, each in GROUP_BOUNDS.items())]
    for name, bound in [*bounds, ("Flows._timers", node.host.flows._timers_max)]:
        if held.get(name, 0) > bound:
            raise Violation(f"{name} of {node} holds {held[name]}, and {bound} is the most it should")


def waiting(node: Any) -> dict[str, int]:
    """What holds more than it should if nothing is going on."""
    bounds = dict.fromkeys(KEPT, QUIET_MAX) | dict.fromkeys(GROWS, sys.maxsize)
    return {name: count for name, count in sizes(node).items() if count > bounds.get(name, 0)}


def _parts(node: Any) -> Iterator[Any]:
    host = node.host
    yield from (host, host.outbox, host.intake, host.flows, host.liveness, host.replicas, host.snapshots, host.timers)
    yield from (node.journal, node.state, host._records, host.liveness._support)
    for group in host.replicas.groups.values():
        machine = group.machine
        yield from (group, group.raft, group.raft.log, group.raft.leadership, machine, getattr(machine, "memory", None))


def _attributes(part: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(part, "__dict__", {}).items()
    for each in type(part).__mro__:
        for name in getattr(each, "__slots__", ()):
            try:
                yield name, object.__getattribute__(part, name)
            except AttributeError:  # a container that is made when it is first looked at
                continue


def _count(value: Any) -> int:
    if isinstance(value, dict) and value and isinstance(next(iter(value.values())), list):
        return sum(map(len, value.values()))
    return len(value)
