"""Runs put together: one row for each peer and operation, and the ratio of two peers.

Owns the fields: medians over runs, and under `runs` each run's own; latencies in microseconds; CPU microseconds per
request of each server with its children, and in all. Two rows are of the same thing if `identity` says so.
Read next: bench/report.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Row = dict[str, Any]
SMALL = 0.1  # of a ratio: below, a hundredth is too coarse
COMPARED = ("per_second", "p50_us", "p99_us", "cpu_us_per_request_all")  # of each run, and between peers


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run. `latencies` are ascending, in microseconds; `cpu` is per request, for each server.

    `generator_share` is how much of one core the load generator itself used, and `others` how many cores were busy with
    neither it nor the servers; 0 if not known.
    """

    requests: int
    seconds: float
    latencies: Sequence[float]
    cpu: Sequence[float]
    generator_share: float = 0.0
    others: float = 0.0
    by_operation: Mapping[str, Sequence[float]] = field(default_factory=dict)  # the latencies, apart

    @property
    def servers(self) -> float:
        """How many cores the servers used."""
        return self.cpu_all * self.per_second / 1e6

    @property
    def per_second(self) -> float:
        """Throughput."""
        return self.requests / self.seconds

    @property
    def cpu_all(self) -> float:
        """CPU microseconds per request of all servers."""
        return sum(self.cpu)

    def percentile(self, part: float) -> float:
        """The latency below which this part (0 to 1) of the requests stayed."""
        return percentile(self.latencies, part)


def percentile(ascending: Sequence[float], part: float) -> float:
    """The value below which this part (0 to 1) of the values lies."""
    return ascending[min(len(ascending) - 1, int(len(ascending) * part))]


def summary(peer: str, operation: str, shape: Mapping[str, Any], runs: Sequence[Run], **more: Any) -> Row:
    """The fields of several runs of one operation. `shape` is what was asked for, `more` what else was seen."""
    single: dict[str, list[float]] = {
        "per_second": [round(run.per_second) for run in runs],
        "p50_us": [round(run.percentile(0.50)) for run in runs],
        "p99_us": [round(run.percentile(0.99)) for run in runs],
        "cpu_us_per_request_all": [round(run.cpu_all, 1) for run in runs],
    }
    row: Row = {
        "peer": peer,
        "operation": operation,
        "shape": dict(shape),
        "per_second": round(median(single["per_second"])),
        "per_second_min": min(single["per_second"]),
        "per_second_max": max(single["per_second"]),
        "p50_us": round(median(single["p50_us"])),
        "p99_us": round(median(single["p99_us"])),
        "cpu_us_per_request": [round(median(each), 1) for each in zip(*(run.cpu for run in runs), strict=True)],
        "cpu_us_per_request_all": round(median(single["cpu_us_per_request_all"]), 1),
    }
    if any(run.generator_share for run in runs):
        row["generator_cpu_share"] = round(median(run.generator_share for run in runs), 2)
        row["cores_of_others"] = round(median(run.others for run in runs), 2)
    apart = _by_operation(runs)
    return row | ({"by_operation": apart} if apart else {}) | more | {"runs": single}


def _by_operation(runs: Sequence[Run]) -> Row:
    """Count and latencies of each operation of a mix, over all runs."""
    found = {}
    for name in sorted({name for run in runs for name in run.by_operation}):
        ascending = sorted(each for run in runs for each in run.by_operation.get(name, ()))
        median_us, late_us = (round(percentile(ascending, part)) for part in (0.50, 0.99))
        found[name] = {"count": len(ascending), "p50_us": median_us, "p99_us": late_us}
    return found


def ratios(ours: Row, theirs: Row) -> Row:
    """Ours over theirs: throughput above 1 is faster; CPU and latency below 1 are cheaper.

    Runs that were taken in turns are divided pair by pair, so that the machine's moods meet both; the row has their
    medians, and of the throughput the least and the largest.
    """
    pairs = {
        name: [
            round(mine / other, 3)
            for mine, other in zip(ours["runs"][name], theirs["runs"][name], strict=True)
            if other
        ]
        for name in COMPARED
        if name in ours["runs"] and name in theirs["runs"]
    }
    pairs = {name: values for name, values in pairs.items() if values}
    row = {"ratio": f"{ours['peer']}/{theirs['peer']}", "operation": ours["operation"], "shape": ours["shape"]}
    row |= {name: _short(median(values)) for name, values in pairs.items()}
    row |= {"per_second_min": min(pairs["per_second"]), "per_second_max": max(pairs["per_second"])}
    return row | {"runs": pairs}


def _short(ratio: float) -> float:
    """Two digits that matter, or two behind the point."""
    return round(ratio, 2 if ratio >= SMALL else 3)


def identity(row: Row) -> str:
    """What a row is of, in one line: the peer or ratio, the operation, and the shape."""
    shape = " ".join(f"{name}={value}" for name, value in row.get("shape", {}).items())
    return " ".join(part for part in (row.get("peer") or row.get("ratio", ""), row.get("operation", ""), shape) if part)
