"""`bench kv`: one-shot puts or gets to a cluster of local nodes, alone or beside etcd in turns.

Owns one measured run: routes, the generator's process, CPU of the nodes before and after.
Does not own the load itself (bench/generator.py) nor the fields (bench/report.py). Read next: bench/generator.py.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench import peers, report
from bench.cluster import BenchFailed, Cluster, wait_for
from bench.processes import cpu_seconds
from bench.wire import KEY_BYTES, Route
from ranges.keys import LAST_KEY, USER
from ranges.placement.messages import Lookup, RoutesAre, Rules, Ticks

NUMBERS = 10**KEY_BYTES  # keys are decimal numbers of KEY_BYTES digits
KEYS_PER_RANGE = 10_000
WARM_SECONDS = 1.0
STABLE_SECONDS = 5.0  # longer than a range rests between two moves
SETTLE_SECONDS_MAX = 90.0
RULES = Rules(replicas=3, split_bytes=1 << 40)  # the load's ranges are those asked for, and stay so


@dataclass(frozen=True, slots=True)
class Shape:
    """What to measure."""

    nodes: int
    connections: int
    inflight: int
    ranges: int
    operation: str
    seconds: float
    runs: int


class Generator:
    """The load generator's process."""

    def __init__(self, cluster: Cluster, shape: Shape) -> None:
        order = {
            "operation": shape.operation,
            "connections": shape.connections,
            "inflight": shape.inflight,
            "keys": KEYS_PER_RANGE,
            "seed": 1,
            "born": cluster.order(Ticks(1)).first,
            "routes": [asdict(each) for each in routes(cluster, shape.ranges)],
        }
        command = [sys.executable, "-m", "bench.generator"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._say(json.dumps(order))

    def __enter__(self) -> "Generator":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def run(self, seconds: float) -> dict[str, Any]:
        """Keep the load up for so long. Raises BenchFailed if a reply was wrong, or refused."""
        row = self._say(str(seconds))
        if row["refused"]:
            raise BenchFailed(f"{row['refused']} of {row['requests']} requests were refused: a leader moved in the run")
        return row

    def _say(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BenchFailed("the load generator ended: see its message above")
        found: dict[str, Any] = json.loads(answer)
        return found


def borders(ranges: int) -> list[bytes]:
    """The user keys at which the load's ranges begin, the first one apart."""
    return [b"%016d" % (NUMBERS * place // ranges) for place in range(1, ranges)]


def routes(cluster: Cluster, ranges: int) -> list[Route]:
    """Where each part of the keys is led from, when every range has a known leader."""

    def known() -> list[Route]:
        found: RoutesAre = cluster.order(Lookup(USER, ranges))
        addresses = dict(found.addresses)
        if len(found.descriptors) != ranges or not addresses.keys() >= set(found.leaders):
            return []
        return [
            Route(addresses[leader], each.group, each.span_version, _number(each.start), _number(each.end))
            for each, leader in zip(found.descriptors, found.leaders, strict=True)
        ]

    return wait_for(f"{ranges} ranges with known leaders", known)


def _number(key: bytes) -> int:
    """The load's number at a range's border."""
    digits = key[1:]
    if len(digits) == KEY_BYTES and key[:1] == USER and digits.isdigit():
        return int(digits)
    return 0 if key <= USER + b"0" * KEY_BYTES else NUMBERS


def measure(cluster: Cluster, generator: Generator, seconds: float) -> report.Run:
    """One run."""
    before = [cpu_seconds(process.pid) for process in cluster.processes]
    row = generator.run(seconds)
    after = [cpu_seconds(process.pid) for process in cluster.processes]
    used = [(end - start) * 1e6 / row["requests"] for start, end in zip(before, after, strict=True)]
    return report.Run(row["requests"], row["seconds"], row["latencies"], used, row["generator_share"])


def start(cluster: Cluster, shape: Shape) -> None:
    """Bring the cluster into the shape that is to be measured, and wait until leaders move no more."""
    cluster.start(shape.nodes, RULES)
    cluster.split_at(borders(shape.ranges))

    def settled() -> bool:
        before = routes(cluster, shape.ranges)
        time.sleep(STABLE_SECONDS if shape.ranges > 1 else 0.0)
        return before == routes(cluster, shape.ranges)

    wait_for("leaders that stay where they are", settled, SETTLE_SECONDS_MAX)
    cluster.wait_healthy(shape.nodes)


def alone(shape: Shape) -> list[dict[str, Any]]:
    """Argosy by itself."""
    with Cluster() as cluster:
        start(cluster, shape)
        leader = cluster.addresses.index(routes(cluster, shape.ranges)[0].address)
        with Generator(cluster, shape) as generator:
            generator.run(WARM_SECONDS)
            runs = [measure(cluster, generator, shape.seconds) for _ in range(shape.runs)]
    return [report.summary("argosy", shape.operation, shape.connections, shape.inflight, runs, leader)]


def beside_etcd(shape: Shape) -> list[dict[str, Any]]:
    """Argosy and etcd in turns, A B A B, so that the machine's moods meet both; and the ratios.

    Both run all the time; the one that is not asked is idle.
    """
    missing = peers.missing_tools()
    if missing:
        raise BenchFailed(f"not installed: {', '.join(missing)} (Debian: etcd-server, nghttp2-client)")
    ours, theirs = [], []
    with Cluster() as cluster, peers.Etcd() as etcd:
        start(cluster, shape)
        leader = cluster.addresses.index(routes(cluster, shape.ranges)[0].address)
        with Generator(cluster, shape) as generator:
            requests = max(peers.REQUESTS_MIN, generator.run(WARM_SECONDS)["requests"] // 2)
            etcd.run(shape.operation, shape.connections, shape.inflight, requests)
            for _ in range(shape.runs):
                ours.append(measure(cluster, generator, shape.seconds))
                requests = max(peers.REQUESTS_MIN, int(ours[-1].per_second * shape.seconds / 2))
                theirs.append(etcd.run(shape.operation, shape.connections, shape.inflight, requests))
    form = (shape.operation, shape.connections, shape.inflight)
    first = report.summary("argosy", *form, ours, leader)
    second = report.summary("etcd", *form, theirs, etcd.leader)
    return [first, second, report.ratios(first, second)]


def run(shape: Shape, peer: str | None) -> list[dict[str, Any]]:
    """All JSON lines of one measurement."""
    return beside_etcd(shape) if peer == "etcd" else alone(shape)


assert USER + b"9" * KEY_BYTES < LAST_KEY, "the load's keys lie within the key space"
