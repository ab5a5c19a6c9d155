"""Runs put together: one JSON line for each peer and operation, and the ratio of two peers.

Owns the fields: medians over runs; latencies in microseconds; CPU microseconds per request of each server with
its children, and in all. Read next: bench/kv.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run. `latencies` are ascending, in microseconds; `cpu` is per request, for each server.

    `generator_share` is the part of one core that the load generator itself used, 0 if not known.
    """

    requests: int
    seconds: float
    latencies: Sequence[float]
    cpu: Sequence[float]
    generator_share: float = 0.0

    @property
    def per_second(self) -> float:
        """Throughput."""
        return self.requests / self.seconds

    def percentile(self, part: float) -> float:
        """The latency below which this part (0 to 1) of the requests stayed."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * part))]


def summary(
    peer: str, operation: str, connections: int, inflight: int, runs: Sequence[Run], leader: int
) -> dict[str, Any]:
    """The JSON fields of several runs of one operation."""
    cpu = [round(median(column), 1) for column in zip(*(run.cpu for run in runs), strict=True)]
    row: dict[str, Any] = {
        "peer": peer,
        "operation": operation,
        "connections": connections,
        "inflight": inflight,
        "per_second": round(median(run.per_second for run in runs)),
        "per_second_min": round(min(run.per_second for run in runs)),
        "per_second_max": round(max(run.per_second for run in runs)),
        "p50_us": round(median(run.percentile(0.50) for run in runs)),
        "p99_us": round(median(run.percentile(0.99) for run in runs)),
        "cpu_us_per_request": cpu,
        "cpu_us_per_request_all": round(median(sum(run.cpu) for run in runs), 1),
        "leader": leader,
    }
    if any(run.generator_share for run in runs):
        row["generator_cpu_share"] = round(median(run.generator_share for run in runs), 2)
    return row


def ratios(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Ours over theirs: throughput above 1 is faster; CPU and latency below 1 are cheaper."""
    names = ("per_second", "p50_us", "p99_us", "cpu_us_per_request_all")
    return {
        "ratio": f"{ours['peer']}/{theirs['peer']}",
        "operation": ours["operation"],
        **{name: round(ours[name] / theirs[name], 2) for name in names},
    }
