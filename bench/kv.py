"""`bench kv`: one-shot puts or gets to a cluster of local nodes, alone or beside etcd in turns.

Owns one measured run: routes, the generator's process, CPU of the nodes before and after.
Does not own the load itself (bench/generator.py) nor the fields (bench/figures.py). Read next: bench/generator.py.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

from bench import peers
from bench.cluster import BenchFailed, Cluster, wait_for
from bench.figures import Row, Run, ratios, summary
from bench.keys import KEY_DIGITS, NUMBERS, borders
from bench.processes import busy_seconds, cpu_seconds
from bench.report import Tell
from bench.wire import Route
from ranges.keys import LAST_KEY, USER
from ranges.placement.messages import Lookup, RoutesAre, Ticks

KEYS_PER_RANGE = 10_000
WARM_SECONDS = 1.0


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
    seed: int = 1

    def told(self) -> dict[str, int]:
        """As a row has it: what makes two rows comparable."""
        names = ("nodes", "connections", "inflight", "ranges")
        return {name: getattr(self, name) for name in names}


class Generator:
    """The load generator's process."""

    def __init__(self, cluster: Cluster, shape: Shape) -> None:
        self._order = {
            "operation": shape.operation,
            "connections": shape.connections,
            "inflight": shape.inflight,
            "keys": KEYS_PER_RANGE,
            "seed": shape.seed,
            "born": cluster.order(Ticks(1)).first,
            "routes": [asdict(each) for each in routes(cluster, shape.ranges)],
        }
        command = [sys.executable, "-m", "bench.generator"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Generator":
        try:
            self._say(json.dumps(self._order))
        except BaseException:  # Ctrl-C too: nothing is left behind
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
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
    if len(digits) == KEY_DIGITS and key[:1] == USER and digits.isdigit():
        return int(digits)
    return 0 if key <= USER + b"0" * KEY_DIGITS else NUMBERS


def measure(cluster: Cluster, generator: Generator, seconds: float) -> Run:
    """One run."""
    before, busy = [cpu_seconds(process.pid) for process in cluster.processes], busy_seconds()
    row = generator.run(seconds)
    after, busy = [cpu_seconds(process.pid) for process in cluster.processes], busy_seconds() - busy
    used = [(end - start) * 1e6 / row["requests"] for start, end in zip(before, after, strict=True)]
    others = max(0.0, (busy - sum(after) + sum(before)) / row["seconds"] - row["generator_share"])
    return Run(row["requests"], row["seconds"], row["latencies"], used, row["generator_share"], others)


def start(cluster: Cluster, shape: Shape) -> int:
    """Bring the cluster into the shape that is to be measured; the place of the first range's leader, from 0."""
    cluster.start_settled(shape.nodes, borders(shape.ranges))
    return cluster.addresses.index(routes(cluster, shape.ranges)[0].address)


def alone(shape: Shape, tell: Tell) -> list[Row]:
    """Argosy by itself."""
    with Cluster() as cluster:
        tell(f"{shape.nodes} nodes start, {shape.ranges} ranges")
        leader = start(cluster, shape)
        with Generator(cluster, shape) as generator:
            generator.run(WARM_SECONDS)
            runs = []
            for number in range(shape.runs):
                tell(f"kv: {shape.operation}, run {number + 1} of {shape.runs}")
                runs.append(measure(cluster, generator, shape.seconds))
    return [summary("argosy", shape.operation, shape.told(), runs, leader=leader)]


def beside_etcd(shape: Shape, tell: Tell) -> list[Row]:
    """Argosy and etcd in turns, A B A B, so that the machine's moods meet both; and the ratios.

    Both run all the time; the one that is not asked is idle.
    """
    peers.require_etcd()
    ours, theirs = [], []
    width, depth = shape.connections, shape.inflight
    tell(f"{shape.nodes} nodes and {peers.MEMBERS} members of etcd start")
    with Cluster() as cluster, peers.Etcd() as etcd:
        leader = start(cluster, shape)
        with Generator(cluster, shape) as generator:
            generator.run(WARM_SECONDS)
            etcd.warm(shape.operation, width, depth)
            for number in range(shape.runs):
                tell(f"kv: {shape.operation}, run {number + 1} of {shape.runs}: argosy")
                ours.append(measure(cluster, generator, shape.seconds))
                tell(f"kv: {shape.operation}, run {number + 1} of {shape.runs}: etcd")
                theirs.append(etcd.run_for(shape.operation, width, depth, shape.seconds))
    first = summary("argosy", shape.operation, shape.told(), ours, leader=leader)
    second = summary("etcd", shape.operation, shape.told(), theirs, leader=etcd.leader)
    return [first, second, ratios(first, second)]


def run(shape: Shape, peer: str | None, tell: Tell) -> list[Row]:
    """All rows of one measurement."""
    return beside_etcd(shape, tell) if peer == "etcd" else alone(shape, tell)


assert USER + b"9" * KEY_DIGITS < LAST_KEY, "the load's keys lie within the key space"
