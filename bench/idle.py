"""`bench idle`: what many ranges cost while nobody asks for anything, and whether they all still answer.

Owns the measurement: split to so many ranges, wait until they sleep, watch CPU and memory of each node, then wake one
range, then a hundred, with a write each that is read back. Read next: bench/cluster.py.
"""

import time

import argosy
from bench.cluster import RULES, BenchFailed, Cluster
from bench.figures import Row
from bench.keys import borders
from bench.processes import anonymous_bytes, cpu_seconds, resident_bytes
from bench.report import Tell

NODES = 3
SETTLE_SECONDS = 5.0
HEALTHY_SECONDS_MAX = 120.0
SPLIT_SECONDS_MAX = 900.0
RANGES_WOKEN = 100


def run(ranges: int, seconds: float, tell: Tell) -> list[Row]:
    """The JSON line."""
    with Cluster() as cluster:
        tell(f"{NODES} nodes start")
        cluster.start(NODES, RULES)
        time.sleep(SETTLE_SECONDS)
        empty = _memory(cluster)
        keys = borders(ranges)
        began = time.monotonic()
        cluster.split_at(keys, SPLIT_SECONDS_MAX, lambda done: tell(f"idle: {done:,} of {len(keys):,} splits"))
        split_seconds = time.monotonic() - began
        cluster.wait_healthy(NODES, HEALTHY_SECONDS_MAX)
        time.sleep(SETTLE_SECONDS)
        full = _memory(cluster)
        tell(f"idle: nothing happens for {seconds:g} s")
        before = [cpu_seconds(process.pid) for process in cluster.processes]
        time.sleep(seconds)
        after = [cpu_seconds(process.pid) for process in cluster.processes]
        with argosy.connect(cluster.address()) as db:
            first, woken = _wake(db, keys)
    growth = [
        [round((new - old) / ranges) for new, old in zip(*pair, strict=True)] for pair in zip(full, empty, strict=True)
    ]
    return [
        {
            "peer": "argosy",
            "operation": "idle",
            "shape": {"nodes": NODES, "ranges": ranges},
            "split_seconds": round(split_seconds, 1),
            "splits_per_second": round(len(keys) / split_seconds),
            "cpu_share_per_node": [round((end - start) / seconds, 4) for start, end in zip(before, after, strict=True)],
            "bytes_per_range": growth[0],
            "anonymous_bytes_per_range": growth[1],
            "first_write_ms": round(first * 1e3, 1),
            "ranges_woken": min(RANGES_WOKEN, len(keys)),
            "woken_seconds": round(woken, 2),
        }
    ]


def _memory(cluster: Cluster) -> tuple[list[int], list[int]]:
    """What each node's process holds: in all, and of its own, without pages of its files."""
    processes = [process.pid for process in cluster.processes]
    return [resident_bytes(each) for each in processes], [anonymous_bytes(each) for each in processes]


def _wake(db: argosy.Database, keys: list[bytes]) -> tuple[float, float]:
    """Seconds of the first write of all, and of one write and one read in each of so many ranges after it.

    Raises BenchFailed if a read does not give what was written.
    """
    step = max(1, len(keys) // RANGES_WOKEN)
    chosen = keys[step // 2 :: step][:RANGES_WOKEN]
    db.get(keys[0])
    began = time.monotonic()
    db.put(keys[-1], b"awake")
    first = time.monotonic() - began
    began = time.monotonic()
    for key in chosen:
        db.put(key, b"awake " + key)
    for key in chosen:
        if db.get(key) != b"awake " + key:
            raise BenchFailed(f"{key!r} was written in a range that slept, and reads as {db.get(key)!r}")
    return first, time.monotonic() - began
