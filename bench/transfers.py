"""`bench transfers`: money between two ranges that are led from two nodes, each transfer one transaction.

Owns the load: clients share one connection in one trio loop, each with one transfer at a time; the sum is checked
at the end. The client is Python too, and its share of a core is printed. Read next: txn/transaction.py.
"""

import random
import time
from contextlib import suppress
from typing import Any

import trio

import argosy
from argosy import AsyncDatabase, AsyncTransaction
from bench import report
from bench.cluster import BenchFailed, Cluster, wait_for
from bench.kv import RULES
from bench.processes import cpu_seconds
from ranges.keys import USER
from ranges.placement.messages import ListRanges, MoveLeader, RangeStatus

NODES = 3
ACCOUNTS = 10_000  # in each range
BALANCE = 1_000
BORDER = b"right/"


def account(side: str, number: int) -> bytes:
    """A key: `left/…` stands before the border, `right/…` behind it."""
    return f"{side}/{number:08}".encode()


def part_leaders(cluster: Cluster) -> list[int]:
    """Let the two ranges be led from two nodes; their places."""

    def apart() -> list[int]:
        left, right = _two(cluster)
        if left.leader and left.leader == right.leader:
            target = next(each.node for each in right.descriptor.replicas if each.node != left.leader)
            with suppress(BenchFailed):  # the range may have been changed a moment ago
                cluster.order(MoveLeader(right.descriptor.group, target))
            return []
        return [left.leader, right.leader] if left.leader and right.leader else []

    return [cluster.place_of(node) for node in wait_for("two ranges led from two nodes", apart)]


def _two(cluster: Cluster) -> tuple[RangeStatus, RangeStatus]:
    found = cluster.order(ListRanges(USER, 2)).ranges
    return found[0], found[1]


async def move(transaction: AsyncTransaction, source: bytes, target: bytes, amount: int) -> None:
    """One transfer."""
    giver, taker = (int(each or 0) for each in await transaction.get_many([source, target]))
    transaction.put(source, b"%d" % (giver - amount))
    transaction.put(target, b"%d" % (taker + amount))


async def client(db: AsyncDatabase, seed: int, stop: float, latencies: list[float]) -> None:
    """Transfer until the time is up."""
    chance = random.Random(seed)
    while time.monotonic() < stop:
        began = time.perf_counter()
        source, target = account("left", chance.randrange(ACCOUNTS)), account("right", chance.randrange(ACCOUNTS))
        await db.run(move, source, target, 1)
        latencies.append((time.perf_counter() - began) * 1e6)


async def measure(cluster: Cluster, clients: int, seconds: float) -> report.Run:
    """Fill the accounts, run the clients, check the sum."""
    async with argosy.connect(cluster.address()) as db:
        names = [account(side, number) for side in ("left", "right") for number in range(ACCOUNTS)]
        await db.batch((name, b"%d" % BALANCE) for name in names)
        latencies: list[float] = []
        before = [cpu_seconds(process.pid) for process in cluster.processes]
        own, began = time.process_time(), time.monotonic()
        async with trio.open_nursery() as nursery:
            for seed in range(clients):
                nursery.start_soon(client, db, seed, began + seconds, latencies)
        took = time.monotonic() - began
        share = (time.process_time() - own) / took
        after = [cpu_seconds(process.pid) for process in cluster.processes]
        total = sum([int(value) async for _, value in db.scan(b"left/", b"right0")])
    assert total == 2 * ACCOUNTS * BALANCE, f"the accounts hold {total}, not {2 * ACCOUNTS * BALANCE}"
    used = [(end - start) * 1e6 / len(latencies) for start, end in zip(before, after, strict=True)]
    return report.Run(len(latencies), took, sorted(latencies), used, share)


def run(clients: int, seconds: float) -> list[dict[str, Any]]:
    """The JSON line."""
    with Cluster() as cluster:
        cluster.start(NODES, RULES)
        cluster.split_at([BORDER])
        cluster.wait_healthy(NODES)
        places = part_leaders(cluster)
        measured = trio.run(measure, cluster, clients, seconds)
    row = report.summary("argosy", "transfer", clients, 1, [measured], places[0] - 1)
    return [row | {"leaders": [place - 1 for place in places]}]
