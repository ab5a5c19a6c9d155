"""A whole cluster inside one process, under a virtual clock: one seed, one history.

For programs that use Argosy, a cluster that fails on command (tests/argosy/test_booking.py is a whole example):

    with argosy.testing.cluster(nodes=3, seed=7) as c:            # `async with` gives the form for trio
        c.database[b"k"] = b"v"
        c.partition({1}, {2, 3})
        c.crash(c.leader(b"k"))
        c.run_for(5.0)                                            # simulated seconds; they take no time
        assert c.database[b"k"] == b"v"

    argosy.testing.run(main, nodes=3, seed=7)                     # `await main(c)`; trio.sleep is simulated too

and for Argosy itself, faults and load that are drawn from the seed:

    Simulation(seed=8271, workload="bank", seconds=30).run()      # raises Violation if a promise is broken

The hosts, machines and clients are the real ones: all that decides is sans-IO and runs here unchanged. Only what
lies outside is simulated, each by one file:

    clock and steps   world.py       a heap of plans; each node's clock has its own start and rate
    links             network.py     order; cuts, silence, partitions; Raft frames that are lost, doubled, out of order
                      ways.py        latency and bandwidth
    disks             disk.py        a journal whose syncs take time; a crash loses what was not synced, or does not
                      rows.py        applied rows over durable ones, which advance by whole batches
                      files.py       on demand the real journal and state, beside these and equal to them
    faults            faults.py      a schedule drawn from the seed up front; also an operator's splits and moves
                      nemesis.py     carries them out; all is undone at the end, but the dead stay dead
                      *_faults.py    what each one does
                      members.py     nodes that join, and those that are given up
    load              workloads/     bank, counters, cycle, followers, lists, registers, sets, sql
    a user's program  commands.py    what may be done to a cluster; plain.py and virtual.py are its two forms

What must hold is checked while it runs (safety.py: Raft's safety, equal replicas; promises.py: what is said, and
leases; queues.py: bounds) and afterwards, from what clients saw (linear.py: single keys are linearizable; serial.py:
transactions are strictly serializable, and what is not is called by its name; snapshots.py, growing.py: what a bank, a
ring, a set and a counter may never show; books.py, entries.py: what tables and their indexes must hold) and from what
is left (aftermath.py: writes succeed soon, nothing is left unsettled, nothing waits for ever).

A person drives it by `python -m tests.simulator` (one seed, its trace, the faults that a failure takes: trace.py,
shrink.py) and by `make soak` (fresh seeds, and what they reach: coverage.py, points.py).

1. The same seed gives the same history, in another process and under another PYTHONHASHSEED: traces are equal.
2. Nothing here is slept for or measured: time is a number on a heap.
3. After the last fault every range takes a write and every client gets an answer, within simulated time.

A journal's commit is whole or not there, as LMDB's is: a record is never torn within. A changed bit is found by its
checksum at the next start, or by a dump; the node is then lost with its disk, and people begin another one.

Left out: clients that die (their transactions live at a coordinator's node, which does crash).
Read next: argosy/testing/simulation.py.
"""

import importlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from argosy.opening import Opening
from argosy.testing.linear import Violation
from argosy.testing.plain import SimulatedCluster, open_plain

if TYPE_CHECKING:
    from argosy.testing.virtual import AsyncSimulatedCluster

__all__ = ["AsyncSimulatedCluster", "SimulatedCluster", "Violation", "cluster", "run"]

T = TypeVar("T")


def cluster(nodes: int = 3, seed: int = 0) -> "Opening[SimulatedCluster, AsyncSimulatedCluster]":
    """A simulated cluster, all of it in this process: enter it with `with` or, under trio, with `async with`.

    The same seed and the same program give the same history. Its time passes only while calls wait for it: within
    `run_for`, and until the answer is there. Under an ordinary `trio.run`, `trio.sleep` and time-outs still take real
    time, in which the cluster stands still; `run` makes them simulated.
    Raises `Violation` at the end of the block (unless that raises by itself) if the database broke a promise.
    """

    def asynchronous() -> "AbstractAsyncContextManager[AsyncSimulatedCluster]":
        from argosy.testing.formed import Formed
        from argosy.testing.virtual import open_trio

        return open_trio(Formed(nodes, seed))

    return Opening(lambda: open_plain(nodes, seed), asynchronous)


def run(main: "Callable[[AsyncSimulatedCluster], Awaitable[T]]", *, nodes: int = 3, seed: int = 0) -> T:
    """`trio.run` of `main(cluster)`, all of it in simulated time: returns what `main` returned.

    `trio.sleep`, `trio.move_on_after` and which task comes first belong to the history that the seed replays. What
    waits for the real world (threads, sockets) does not: simulated time goes on meanwhile.
    """
    from argosy.testing.virtual import run_virtual

    return run_virtual(main, nodes, seed)


def __getattr__(name: str) -> Any:
    """The form for trio is imported when it is first named: trio takes a while."""
    if name == "AsyncSimulatedCluster":
        return importlib.import_module("argosy.testing.virtual").AsyncSimulatedCluster
    raise AttributeError(f"module 'argosy.testing' has no attribute {name!r}")
