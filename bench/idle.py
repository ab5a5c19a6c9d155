"""`bench idle`: what many ranges cost while nobody asks for anything.

Owns the measurement: split to so many ranges, wait until they sleep, watch CPU and memory of each node, then
wake one range and time its first answer. Read next: bench/cluster.py.
"""

import time
from typing import Any

import argosy
from bench.cluster import Cluster
from bench.kv import RULES, borders
from bench.processes import cpu_seconds, resident_bytes

NODES = 3
SETTLE_SECONDS = 5.0
SPLIT_SECONDS_MAX = 300.0


def run(ranges: int, seconds: float) -> list[dict[str, Any]]:
    """The JSON line."""
    with Cluster() as cluster:
        cluster.start(NODES, RULES)
        empty = [resident_bytes(process.pid) for process in cluster.processes]
        began = time.monotonic()
        cluster.split_at(borders(ranges), SPLIT_SECONDS_MAX)
        split_seconds = time.monotonic() - began
        cluster.wait_healthy(NODES, 60.0)
        time.sleep(SETTLE_SECONDS)
        full = [resident_bytes(process.pid) for process in cluster.processes]
        before = [cpu_seconds(process.pid) for process in cluster.processes]
        time.sleep(seconds)
        after = [cpu_seconds(process.pid) for process in cluster.processes]
        with argosy.connect(cluster.address()) as db:
            db.get(b"0")
            began = time.monotonic()
            db.put(b"5", b"awake")
            wake = time.monotonic() - began
    shares = [(end - start) / seconds for start, end in zip(before, after, strict=True)]
    return [
        {
            "peer": "argosy",
            "operation": "idle",
            "ranges": ranges,
            "splits_per_second": round(ranges / split_seconds),
            "cpu_share_per_node": [round(each, 4) for each in shares],
            "bytes_per_range": [round((new - old) / ranges) for new, old in zip(full, empty, strict=True)],
            "first_write_ms": round(wake * 1e3, 1),
        }
    ]
