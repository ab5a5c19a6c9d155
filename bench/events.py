"""`bench events`: latency over time while a range splits, a replica moves, a leader is killed, and a node joins.

Owns the story and its rows. Reads and writes go on at a steady pace all the while, each verified as YCSB's are.
Read next: bench/timeline.py.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from argosy.testing.history import Outcome
from argosy.testing.workloads.workload import Told
from bench import runner, timeline
from bench.cluster import BenchFailed, Cluster, wait_for
from bench.figures import Row
from bench.keys import NUMBERS, borders, key_of
from bench.report import Tell
from bench.timeline import Event
from bench.workloads.choosers import uniform
from bench.workloads.ycsb import MIXES, Records, Ycsb
from node.flow import Flow
from ranges.placement.messages import ClusterStatus, MoveReplica, RangeStatus, Rules

NODES = 4  # of which three hold each range, so that a replica can move
RECORDS = 2_000
VALUE_BYTES = 100
CONNECTIONS = 4
RULES = Rules(replicas=3, split_bytes=1 << 40, dead_milliseconds=3_000)
EVENT_SECONDS_MAX = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """What to measure: so many requests a second, and so many seconds of calm after each event."""

    per_second: float = 300.0
    ranges: int = 4
    calm: float = 3.0
    seed: int = 1


class Steady(Ycsb):
    """Half reads, half updates, of all records alike. `failed` has when a request ended badly, and how."""

    def __init__(self, chance: random.Random) -> None:
        records = Records(RECORDS, VALUE_BYTES)
        super().__init__(chance, time.perf_counter, MIXES["A"], records, uniform(chance))
        self.failed: list[tuple[float, str]] = []

    def attempt(self, client: int, flow: Flow[T]) -> Generator[Any, Any, tuple[Told, T | None]]:
        """As always, and take down what failed."""
        told, result = yield from super().attempt(client, flow)
        if told[2] is not Outcome.OK:
            self.failed.append((told[1], told[2].value))
        return told, result


class Story:
    """What is done to the cluster, one event after the other, each followed by some calm."""

    def __init__(self, cluster: Cluster, shape: Shape, tell: Tell) -> None:
        self._cluster, self._shape, self._tell = cluster, shape, tell
        self.events: list[Event] = []

    def run(self) -> None:
        """All of it."""
        chapters: tuple[tuple[str, Callable[[], object]], ...] = (
            ("calm", lambda: None),
            ("split", self._split),
            ("move", self._move),
            ("kill", self._kill),
            ("join", self._join),
        )
        for name, act in chapters:
            self._tell(f"events: {name}")
            began = time.perf_counter()
            act()
            self.events.append(Event(name, began, time.perf_counter()))
            time.sleep(self._shape.calm)

    def _first(self) -> RangeStatus:
        """The range with the smallest user keys."""
        return next(each for each in self._cluster.ranges() if each.descriptor.end > key_of(0))

    def _split(self) -> None:
        self._cluster.split_at([key_of(NUMBERS // self._shape.ranges // 2)], EVENT_SECONDS_MAX)

    def _move(self) -> None:
        """A replica of the first range, not its leader, to the node that has none."""
        descriptor = self._first().descriptor
        leader = wait_for("a known leader", lambda: self._first().leader)
        holders = {each.node for each in descriptor.replicas}
        source = max(holders - {leader})
        target = next(each.node for each in self._cluster.nodes() if each.node not in holders)

        def moved() -> bool:
            holding = {each.node for each in self._first().descriptor.replicas if each.voter}
            if target not in holding:
                with suppress(BenchFailed):  # the range may have been changed a moment ago
                    self._cluster.order(MoveReplica(descriptor.group, source, target))
            return target in holding and source not in holding

        wait_for("a replica that has moved", moved, EVENT_SECONDS_MAX)

    def _kill(self) -> None:
        """The node that leads most ranges of the load, which is complete when others lead all of them."""
        cluster = self._cluster
        leader, _ = Counter(filter(None, cluster.leaders())).most_common(1)[0]
        cluster.kill(cluster.place_of(leader))
        wait_for("other leaders", lambda: leader not in (found := cluster.leaders()) and all(found), EVENT_SECONDS_MAX)

    def _join(self) -> None:
        """A node comes instead; complete when each range has three living replicas."""
        self._cluster.add_node()

        def whole() -> bool:
            status = self._cluster.order(ClusterStatus())
            dead = set(status.dead)
            held = (each.node for found in self._cluster.ranges() for each in found.descriptor.replicas)
            return not status.short and not status.moving and dead.isdisjoint(held)

        wait_for("three living replicas of each range", whole, EVENT_SECONDS_MAX)


def run(shape: Shape, tell: Tell) -> list[Row]:
    """A row for each event, and one with the whole timeline. Raises `Violation`."""
    workload = Steady(random.Random(shape.seed))
    with Cluster() as cluster:
        tell(f"events: {NODES} nodes start, {shape.ranges} ranges")
        cluster.start_settled(NODES, borders(shape.ranges), RULES)
        runner.prepare(cluster, workload)
        story = Story(cluster, shape, tell)
        samples = runner.paced(cluster, workload, CONNECTIONS, shape.per_second, story.run)
        tell("events: all records are read back")
        runner.finish(cluster, workload)
    workload.check()
    return _rows(shape, samples, story.events, workload.failed)


def _rows(
    shape: Shape, samples: list[runner.Sample], events: list[Event], failed: list[tuple[float, str]]
) -> list[Row]:
    form = {"nodes": NODES, "ranges": shape.ranges, "requests_per_second": shape.per_second}
    origin = events[0].begin
    rows: list[Row] = []
    for event, spread in timeline.spans(samples, events):
        figures: Row = {"seconds": round(event.end - event.begin, 2), **spread}
        single = {name: [figures[name]] for name in ("seconds", "p50_us", "p99_us", "max_us")}
        rows.append({"peer": "argosy", "operation": f"event-{event.name}", "shape": form, **figures, "runs": single})
    marks = [
        {"name": each.name, "begin": round(each.begin - origin, 2), "end": round(each.end - origin, 2)}
        for each in events
    ]
    whole: Row = {"peer": "argosy", "operation": "events", "shape": form, "count": len(samples)}
    whole |= {"failed": [{"at": round(at - origin, 2), "outcome": outcome} for at, outcome in failed]}
    return [*rows, whole | {"events": marks, "timeline": timeline.buckets(samples, origin)}]
