"""Runs a workload's steps against a cluster, from connections of this process in one trio loop, and takes the times.

Owns `connected`, a connection that runs flows, and two kinds of loops. In a closed one (`measure`) each client has one
step under way, and begins the next when it has ended; in an open one (`paced`) steps begin at a steady pace, whatever
becomes of those before. The client is Python too, and its share of a core is part of the result.
Does not own the steps (bench/workloads), nor the cluster. Read next: bench/figures.py.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

from argosy import remote
from argosy.parking import beside
from argosy.testing.workloads import Workload
from bench.cluster import BenchFailed, Cluster
from bench.figures import Run
from bench.processes import busy_seconds, cpu_seconds
from bench.report import Tell
from node.flow import Flow
from txn.database import Database

WARM_SECONDS = 0.5  # of each run, before the clock starts: routes are learned
TOLD_EVERY_SECONDS = 1.0
FINISH_SECONDS_MAX = 60.0

Work = Callable[[Database], Flow[Any]]
Act = Callable[[Work], Awaitable[Any]]


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Act]:
    """A connection: what runs flows on it."""
    connection = remote.Connection(address, None)
    calls = remote.TrioRunner(connection)
    try:
        async with beside(calls.send, calls.receive):
            await calls.meet()
            yield lambda work: calls.run(work(connection.core))
    finally:
        connection.close()


def prepare(cluster: Cluster, workload: Workload) -> None:
    """What the workload's steps start from."""
    trio.run(_alone, cluster.address(), workload.prepare)


def finish(cluster: Cluster, workload: Workload) -> None:
    """The workload's last look."""
    trio.run(_alone, cluster.address(), workload.finish)


async def _alone(address: str, work: Work) -> None:
    async with connected(address) as act:
        with trio.fail_after(FINISH_SECONDS_MAX):
            await act(work)


@dataclass(slots=True)
class Taken:
    """Latencies of one run in microseconds, by operation; they count from when `open` holds."""

    doing: Mapping[int, str]
    latencies: dict[str, list[float]] = field(default_factory=dict)
    done: int = 0
    open: bool = False
    over: bool = False

    def take(self, client: int, seconds: float) -> None:
        """One more is done."""
        self.done += 1
        self.latencies.setdefault(self.doing.get(client, ""), []).append(seconds * 1e6)


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do at once, and for how long. `doing` tells what each client does just now, of a mix."""

    connections: int
    inflight: int
    seconds: float
    doing: Mapping[int, str] = field(default_factory=dict)


def measure(cluster: Cluster, workload: Workload, load: Load, tell: Tell) -> Run:
    """One run. Raises BenchFailed if a step failed, which it does not where nothing is broken."""
    return trio.run(_measure, cluster, workload, load, tell)


async def _measure(cluster: Cluster, workload: Workload, load: Load, tell: Tell) -> Run:
    taken = Taken(load.doing)
    async with AsyncExitStack() as stack:
        acts = [await stack.enter_async_context(connected(cluster.address())) for _ in range(load.connections)]
        async with trio.open_nursery() as nursery:
            for number in range(load.connections * load.inflight):
                nursery.start_soon(_client, acts[number % load.connections], workload, number + 1, taken)
            await trio.sleep(WARM_SECONDS)
            before, busy = _cpu(cluster), busy_seconds()
            own, began = time.process_time(), time.perf_counter()
            taken.open = True
            while (gone := time.perf_counter() - began) < load.seconds or not taken.done:
                tell(f"{workload.name}: {gone:.1f} s of {load.seconds:g}, {taken.done:,} done")
                await trio.sleep(min(TOLD_EVERY_SECONDS, max(0.01, load.seconds - gone)))
            taken.over = True
        took = time.perf_counter() - began
        share = (time.process_time() - own) / took
        after, busy = _cpu(cluster), busy_seconds() - busy
    _require_success(workload)
    used = [(end - start) * 1e6 / taken.done for start, end in zip(before, after, strict=True)]
    everything = sorted(each for latencies in taken.latencies.values() for each in latencies)
    others = max(0.0, (busy - sum(after) + sum(before)) / took - share)
    return Run(taken.done, took, everything, used, share, others, taken.latencies if load.doing else {})


async def _client(act: Act, workload: Workload, number: int, taken: Taken) -> None:
    step = partial(workload.step, number)
    while not taken.over:
        began = time.perf_counter()
        await act(step)
        if taken.open:
            taken.take(number, time.perf_counter() - began)


Sample = tuple[float, float]  # when a request was due, and for how long it took from then, in seconds
IN_FLIGHT_MAX = 20_000


def paced(
    cluster: Cluster, workload: Workload, connections: int, per_second: float, story: Callable[[], None]
) -> list[Sample]:
    """Steps at a steady pace, however long they take, while the story runs in a thread of its own.

    Nobody waits for an answer before asking again, so a pause is seen by all who ask in it. Times are of
    `time.perf_counter`.
    """
    return trio.run(_paced, cluster, workload, connections, per_second, story)


async def _paced(
    cluster: Cluster, workload: Workload, connections: int, per_second: float, story: Callable[[], None]
) -> list[Sample]:
    samples: list[Sample] = []
    sent = 0

    async def one(act: Act, client: int, due: float) -> None:
        await act(partial(workload.step, client))
        samples.append((due, time.perf_counter() - due))

    async def keep_asking(acts: Sequence[Act], requests: trio.Nursery) -> None:
        nonlocal sent
        began = time.perf_counter()
        while True:
            while (due := began + sent / per_second) <= time.perf_counter():
                if sent - len(samples) > IN_FLIGHT_MAX:
                    raise BenchFailed(f"{IN_FLIGHT_MAX} requests wait for their answers: the pace is too high")
                requests.start_soon(one, acts[sent % len(acts)], sent, due)
                sent += 1
            await trio.sleep(max(0.0, due - time.perf_counter()))

    async with AsyncExitStack() as stack:
        acts = [await stack.enter_async_context(connected(cluster.address())) for _ in range(connections)]
        async with trio.open_nursery() as requests, trio.open_nursery() as asking:
            asking.start_soon(keep_asking, acts, requests)
            await trio.to_thread.run_sync(story, abandon_on_cancel=True)
            asking.cancel_scope.cancel()
    return sorted(samples)


def _cpu(cluster: Cluster) -> Sequence[float]:
    return [cpu_seconds(process.pid) for process in cluster.processes]


def _require_success(workload: Workload) -> None:
    failed = {name: count for name, count in workload.outcomes.items() if name != "committed"}
    if failed:
        raise BenchFailed(f"{workload.name}: some steps failed, and nothing was broken: {failed}")
