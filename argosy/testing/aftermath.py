"""What must hold once the faults are over: writes succeed soon, everything can be settled, nothing waits for ever.

Owns these last demands on a cluster. Does not own what clients saw (workloads.py). Read next: argosy/testing/queues.py.
"""

from collections.abc import Callable, Iterable
from typing import Any

from argosy.testing.cluster import NodeStation
from argosy.testing.linear import Violation
from argosy.testing.queues import waiting
from node.flow import Flow, Gather, Sleep
from node.raft.messages import Role
from ranges.keys import INTENT_KIND, RECORD_KIND, USER
from ranges.machine import RangeMachine
from ranges.placement.messages import ListRanges, RangesAre
from ranges.router import Router
from txn.collection import Collection
from txn.database import Database
from txn.errors import Aborted, OutcomeUnknown, Unavailable
from txn.settling import Settling
from txn.transaction import Transaction

RECOVERY_SECONDS = 30.0  # from the last fault to a write in every range
COLLECTION_SECONDS = 60.0
QUIET_SECONDS = 12.0  # after which no request, alarm or try of anybody's is left
REST_SECONDS = 30.0
LOOK_SECONDS = 0.05
PAUSE_SECONDS = 0.2
RANGES_MAX = 1_000


def write_everywhere(router: Router, database: Database) -> Flow[bool]:
    """A write to each range that is known now: of its first key, which gets the value that it has."""
    ranges = None
    while not isinstance(ranges, RangesAre) or not ranges.ranges:
        ranges = yield from router.control(ListRanges(USER, RANGES_MAX), RECOVERY_SECONDS)
    starts = [max(each.descriptor.start, USER) for each in ranges.ranges]
    yield Gather(tuple(_write(database.within(start[:1]), start[1:] or b"\x00") for start in starts))
    return True


def _write(database: Database, key: bytes) -> Flow[None]:
    def again(transaction: Transaction) -> Flow[None]:
        value = yield from transaction.get(key)
        if value is None:
            transaction.delete(key)
        else:
            transaction.put(key, value)

    while True:
        try:
            yield from database.run(again)
        except (Aborted, OutcomeUnknown, Unavailable):
            yield Sleep(PAUSE_SECONDS)
        else:
            return


def collect_everything(router: Router) -> Flow[bool]:
    """Settle every intent, and collect all that no snapshot from now on needs."""
    while True:
        tick = yield from router.ticks()
        if tick is not None and (yield from Collection(router, Settling(router)).collect(tick)):
            return True
        yield Sleep(PAUSE_SECONDS)


def check_quiet(nodes: Iterable[NodeStation], run: Callable[[float], object]) -> None:
    """Every queue of who runs must be seen empty within `REST_SECONDS`: `run` lets time pass. Else there is a leak."""
    nodes = [node for node in nodes if node.up]

    def busy() -> dict[tuple[str, str], int]:
        return {(node.name, name): count for node in nodes for name, count in waiting(node).items()}

    left, looks = busy(), round(REST_SECONDS / LOOK_SECONDS)
    while left and looks:
        run(LOOK_SECONDS)
        looks, now = looks - 1, busy()
        left = {each: count for each, count in left.items() if each in now}
    if left:
        what = ", ".join(f"{name} of {node} {count}" for (node, name), count in left.items())
        raise Violation(f"although nothing is going on, so much is held: {what}")


def check_collected(nodes: Iterable[NodeStation]) -> None:
    """After a collection: no leader's rows hold an intent, a verdict, a bar or a superseded version."""
    for node in nodes:
        for group in node.host.replicas.groups.values() if node.up else ():
            if isinstance(group.machine, RangeMachine) and group.raft.role == Role.LEADER:
                _check_rows(node, group.number, list(node.state.scan(*group.machine.span())))


def _check_rows(node: NodeStation, group: int, rows: list[tuple[bytes, bytes, bytes]]) -> None:
    before: Any = None
    for head, tail, _ in rows:
        what = {INTENT_KIND: "an intent", RECORD_KIND: "a verdict or a bar"}.get(tail[0], "")
        if what or head == before:
            raise Violation(f"{what or 'a superseded version'} of {head!r} is left in group {group} at {node}")
        before = head
