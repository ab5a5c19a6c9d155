"""Workloads that know how to check themselves: `prepare`, many `step`s at once, `finish`, `check`.

All of them are flows over txn/database.py, so that the simulator and the bench run the same ones. One file each:

    bank        transfers between accounts; every snapshot, a past one too, holds the same sum
    counters    counted up in retried transactions, alone or two together; nothing is lost or counted twice
    cycle       pointers of a ring are turned by reads that depend on each other; every snapshot shows one ring
    followers   lists, read from the nearest replica, and snapshots of the past; strictly serializable
    lists       reads, scans and appends over several lists; strictly serializable
    registers   single keys by every kind of operation; linearizable
    sets        elements as keys of their own, which appear in the middle of scans; none is lost
    sql         transfers between rows of a table, their log and its archive, while indexes are built and dropped

Owns the table of them. What a legal history is, is owned by the checkers that they feed (argosy/testing/history.py).
Does not own who runs them, nor for how long.
Read next: argosy/testing/workloads/workload.py.
"""

from collections.abc import Callable
from random import Random

from argosy.testing.workloads.bank import Bank
from argosy.testing.workloads.counters import Counters
from argosy.testing.workloads.cycle import Cycle
from argosy.testing.workloads.followers import Followers
from argosy.testing.workloads.lists import Lists
from argosy.testing.workloads.registers import Registers
from argosy.testing.workloads.sets import Sets
from argosy.testing.workloads.workload import Workload

__all__ = ["WORKLOADS", "Workload"]


def _sql(chance: Random, clock: Callable[[], float]) -> Workload:
    """Imported when it is wanted: it needs a parser that users of simulated clusters may lack."""
    from argosy.testing.workloads.sql import Sql

    return Sql(chance, clock)


WORKLOADS: dict[str, Callable[[Random, Callable[[], float]], Workload]] = {
    **{each.name: each for each in (Bank, Counters, Cycle, Followers, Lists, Registers, Sets)},
    "sql": _sql,
}
