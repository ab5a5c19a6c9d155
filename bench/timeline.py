"""Latency over time: samples put into buckets by when they were due, and what became of each event's span.

Owns the arithmetic. Read next: bench/events.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.figures import percentile
from bench.runner import Sample

BUCKET_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done to the cluster, and the seconds from when it was ordered until it was complete."""

    name: str
    begin: float
    end: float


def buckets(samples: Sequence[Sample], origin: float) -> list[dict[str, Any]]:
    """For each tenth of a second with a request due in it: count, p50, p99 and max, in microseconds."""
    found: dict[int, list[float]] = {}
    for due, took in samples:
        found.setdefault(int((due - origin) / BUCKET_SECONDS), []).append(took * 1e6)
    return [{"at": round(place * BUCKET_SECONDS, 1), **spread(found[place])} for place in sorted(found)]


def spread(latencies: Sequence[float]) -> dict[str, int]:
    """Count, p50, p99 and max."""
    ascending = sorted(latencies)
    if not ascending:
        return {"count": 0, "p50_us": 0, "p99_us": 0, "max_us": 0}
    middle, late = percentile(ascending, 0.50), percentile(ascending, 0.99)
    return {"count": len(ascending), "p50_us": round(middle), "p99_us": round(late), "max_us": round(ascending[-1])}


def spans(samples: Sequence[Sample], events: Sequence[Event]) -> list[tuple[Event, dict[str, int]]]:
    """Each event and the latencies of what was due from its beginning to that of the next one."""
    ends = [each.begin for each in events[1:]] + [float("inf")]
    return [
        (each, spread([took * 1e6 for due, took in samples if each.begin <= due < end]))
        for each, end in zip(events, ends, strict=True)
    ]
