"""`bench check`: a workload that checks itself, on real nodes, one of which may be killed in the middle.

Owns the run: clients with a connection each in one trio loop, the kill and the restart, the last look, the verdict.
The workloads are those of the simulator (argosy/testing/workloads); their clock is this process's, so that real time
is one for all clients. Read next: argosy/testing/workloads/__init__.py.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from argosy.testing.workloads import WORKLOADS, Workload
from bench.cluster import Cluster
from bench.runner import connected, finish, prepare

SPLITS = 3  # of the workload's keys, spread over them
KILL_AFTER = 1 / 3  # of the run
RESTART_AFTER = 2 / 3


@dataclass(frozen=True, slots=True)
class Shape:
    """What to run. It ends after `seconds`, or after `operations` if they are not 0."""

    workload: str
    nodes: int = 3
    clients: int = 8
    seconds: float = 10.0
    operations: int = 0
    kill: bool = False
    seed: int = 0


class Progress:
    """How much of the run is over, from 0 to 1, and what is to be done when."""

    def __init__(self, shape: Shape, plans: list[tuple[float, Callable[[], None]]]) -> None:
        self._shape = shape
        self._plans = plans
        self._began = time.monotonic()
        self.steps = 0

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def goes_on(self) -> bool:
        """Is there one more step to take? Before it, what is due is done."""
        shape = self._shape
        part = self.steps / shape.operations if shape.operations else self.seconds / shape.seconds
        while self._plans and part >= self._plans[0][0]:
            self._plans.pop(0)[1]()
        self.steps += part < 1.0
        return part < 1.0


def run(shape: Shape) -> dict[str, Any]:
    """One row of figures. Raises `Violation` if a promise was broken."""
    workload = WORKLOADS[shape.workload](random.Random(shape.seed), time.monotonic)
    with Cluster() as cluster:
        cluster.start(shape.nodes)
        step = max(1, len(workload.keys) // (SPLITS + 1))
        cluster.split_at(workload.keys[step::step][:SPLITS], space=workload.space)
        cluster.wait_healthy(shape.nodes)
        prepare(cluster, workload)
        steps, seconds = trio.run(_load, cluster, workload, shape)
        cluster.wait_healthy(shape.nodes)
        finish(cluster, workload)
    began = time.process_time()
    workload.check()
    return {
        "workload": shape.workload,
        "nodes": shape.nodes,
        "clients": shape.clients,
        "killed": int(shape.kill),
        "operations": steps,
        "per_second": round(steps / seconds),
        **dict(sorted(workload.outcomes.items())),
        "check_ms": round((time.process_time() - began) * 1000),
        "verdict": "ok",
    }


async def _load(cluster: Cluster, workload: Workload, shape: Shape) -> tuple[int, float]:
    """All clients at once; how many steps they took, and in what time."""
    progress = Progress(shape, _kill_and_restart(cluster) if shape.kill else [])
    async with trio.open_nursery() as nursery:
        for number in range(1, shape.clients + 1):
            nursery.start_soon(_client, cluster.address(), workload, number, progress)
    return progress.steps, progress.seconds


def _kill_and_restart(cluster: Cluster) -> list[tuple[float, Callable[[], None]]]:
    """SIGKILL the node that leads the most, and start it again on its directory."""
    leaders = [found.leader for found in cluster.ranges()]
    place = cluster.place_of(max(leaders, key=leaders.count))
    return [(KILL_AFTER, lambda: cluster.kill(place)), (RESTART_AFTER, lambda: cluster.restart(place))]


async def _client(address: str, workload: Workload, number: int, progress: Progress) -> None:
    async with connected(address) as act:
        while progress.goes_on():
            await act(partial(workload.step, number))
