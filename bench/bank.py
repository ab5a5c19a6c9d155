"""`bench bank`: money between ranges that are led from several nodes, alone or beside etcd's transactions in turns.

Owns the run. A transfer reads two keys in two ranges and writes both; etcd's transaction compares the value of one key
and puts the same key, which is less. Our clients share `connections`, h2load has one for each client.
Read next: bench/workloads/transfers.py.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from bench import peers, runner
from bench.cluster import RULES, BenchFailed, Cluster, wait_for
from bench.figures import Row, Run, ratios, summary
from bench.report import Tell
from bench.workloads.transfers import Transfers, borders
from ranges.keys import USER
from ranges.placement.messages import MoveLeader


@dataclass(frozen=True, slots=True)
class Shape:
    """What to measure. `accounts` are in each range."""

    nodes: int = 3
    clients: int = 64
    connections: int = 1
    ranges: int = 2
    accounts: int = 10_000
    seconds: float = 5.0
    runs: int = 3
    seed: int = 1

    def told(self) -> dict[str, int]:
        """As a row has it: what makes two rows comparable."""
        shape = asdict(self)
        for name in ("seconds", "runs", "seed"):
            del shape[name]
        return shape


def run(shape: Shape, peer: str | None, tell: Tell) -> list[Row]:
    """All rows of one measurement."""
    if peer != "etcd":
        tell(f"{shape.nodes} nodes start")
        ours, leaders = _measure(shape, tell, lambda: None)
        return [summary("argosy", "transfer", shape.told(), ours, leaders=leaders)]
    peers.require_etcd()
    theirs: list[Run] = []
    tell(f"{shape.nodes} nodes and {peers.MEMBERS} members of etcd start")
    with peers.Etcd() as etcd:
        etcd.warm("txn", shape.clients, 1)

        def turn() -> None:
            tell("bank: etcd compares and puts")
            theirs.append(etcd.run_for("txn", shape.clients, 1, shape.seconds))

        ours, leaders = _measure(shape, tell, turn)
    first = summary("argosy", "transfer", shape.told(), ours, leaders=leaders)
    widths = {"clients": shape.clients, "connections": shape.clients}
    second = summary("etcd", "compare-and-put", widths, theirs, leader=etcd.leader)
    return [first, second, ratios(first, second)]


def _measure(shape: Shape, tell: Tell, between: Callable[[], None]) -> tuple[list[Run], list[int]]:
    """The runs, after each of which `between` is called; and the places of the ranges' leaders, from 0."""
    workload = Transfers(random.Random(shape.seed), time.perf_counter, shape.ranges, shape.accounts)
    runs = []
    with Cluster() as cluster:
        cluster.start(shape.nodes, RULES)
        cluster.split_at(borders(shape.ranges))
        cluster.wait_healthy(shape.nodes)
        leaders = part_leaders(cluster, min(shape.nodes, shape.ranges))
        runner.prepare(cluster, workload)
        load = runner.Load(shape.connections, shape.clients // shape.connections, shape.seconds)
        for _ in range(shape.runs):
            runs.append(runner.measure(cluster, workload, load, tell))
            between()
        tell("bank: the accounts are added up, now and in the past")
        runner.finish(cluster, workload)
    workload.check()
    return runs, leaders


def part_leaders(cluster: Cluster, wanted: int) -> list[int]:
    """Let the ranges be led from so many nodes; the places of their leaders, from 0."""

    def apart() -> list[int]:
        leaders = cluster.leaders()
        if not all(leaders):
            return []
        if len(set(leaders)) >= wanted:
            return leaders
        crowded, _ = Counter(leaders).most_common(1)[0]
        found = next(each for each in cluster.ranges() if each.leader == crowded and each.descriptor.end > USER)
        target = next(each.node for each in found.descriptor.replicas if each.node not in leaders)
        with suppress(BenchFailed):  # the range may have been changed a moment ago
            cluster.order(MoveLeader(found.descriptor.group, target))
        return []

    return [cluster.place_of(node) - 1 for node in wait_for(f"ranges led from {wanted} nodes", apart)]
