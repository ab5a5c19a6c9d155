"""`bench kv --ycsb`: YCSB's mixes on a cluster of local nodes, every read verified.

Owns the run and its row. Read next: bench/workloads/ycsb.py.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bench import runner
from bench.cluster import Cluster
from bench.figures import Row, summary
from bench.keys import borders
from bench.report import Tell
from bench.workloads.choosers import CHOOSERS
from bench.workloads.ycsb import MIXES, Records, Ycsb


@dataclass(frozen=True, slots=True)
class Shape:
    """What to measure. `keys` empty: as the mix has it."""

    mixes: tuple[str, ...]
    nodes: int = 3
    connections: int = 8
    inflight: int = 8
    ranges: int = 4
    keys: str = ""
    records: int = 10_000
    value_bytes: int = 1_000
    seconds: float = 5.0
    runs: int = 3
    seed: int = 1

    def told(self, mix: str) -> dict[str, Any]:
        """As a row has it: what makes two rows comparable."""
        shape = asdict(self)
        for name in ("mixes", "seconds", "runs", "seed"):
            del shape[name]
        return shape | {"keys": self.keys or MIXES[mix].keys}


def run(shape: Shape, tell: Tell) -> Iterator[Row]:
    """A row for each mix, one after the other on one cluster and over the same records. Raises `Violation`."""
    records = Records(shape.records, shape.value_bytes)
    with Cluster() as cluster:
        tell(f"{shape.nodes} nodes start, {shape.ranges} ranges")
        cluster.start_settled(shape.nodes, borders(shape.ranges))
        for mix in shape.mixes:
            yield _measure(cluster, shape, mix, records, tell)


def _measure(cluster: Cluster, shape: Shape, name: str, records: Records, tell: Tell) -> Row:
    mix, chance = MIXES[name], random.Random(shape.seed)
    choose = CHOOSERS[shape.keys or mix.keys](chance)
    workload = Ycsb(chance, time.perf_counter, mix, records, choose)
    tell(f"YCSB {name}: the records are loaded")
    runner.prepare(cluster, workload)
    load = runner.Load(shape.connections, shape.inflight, shape.seconds, workload.doing)
    runs = [runner.measure(cluster, workload, load, tell) for _ in range(shape.runs)]
    tell(f"YCSB {name}: all records are read back")
    runner.finish(cluster, workload)
    workload.check()
    return summary("argosy", f"ycsb-{name}", shape.told(name), runs, mix=mix.what)
