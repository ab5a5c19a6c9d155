"""`bench scale`: throughput and what it costs against the size of the cluster.

Owns the runs: for each size a cluster with some ranges for each node, three replicas each (one, where there is one
node), leaders spread, and as many clients for each node as in any other size. All nodes and the load share this
machine's cores, so throughput itself cannot grow with the nodes. What can be seen is whether a request costs more where
there are more nodes: so the axis that counts is requests for each CPU second of the nodes. Each row says what else used
the cores, and what set the limit. Read next: bench/kv.py.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench import kv
from bench.cluster import Cluster
from bench.figures import Row, Run, summary
from bench.report import Tell

FULL_SHARE = 0.9  # of the cores in use: then they are what limits
OTHERS_SHARE = 0.2  # of the cores, used by somebody else
LIMITS = {
    "cores": "the cores of this machine are full with the nodes and the load",
    "others": "the cores are full, and programs that do not belong to the bench took more than a fifth of them",
    "waiting": "the cores are not full: requests wait for the disk and for rounds between nodes",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What to measure. `connections` and `ranges` are for each node."""

    sizes: tuple[int, ...] = (1, 3, 5, 7, 9)
    connections: int = 16
    inflight: int = 16
    ranges: int = 2
    operation: str = "put"
    seconds: float = 3.0
    runs: int = 3
    seed: int = 1

    def of(self, nodes: int) -> kv.Shape:
        """The shape of one size."""
        width, ranges = nodes * self.connections, nodes * self.ranges
        return kv.Shape(nodes, width, self.inflight, ranges, self.operation, self.seconds, self.runs, self.seed)


def run(shape: Shape, tell: Tell) -> Iterator[Row]:
    """A row for each size, then the ratio of the largest to the one of three nodes."""
    rows = []
    for nodes in shape.sizes:
        rows.append(_one_size(shape, nodes, tell))
        yield rows[-1]
    base = next((row for row in rows if row["shape"]["nodes"] == 3), rows[0])
    if rows[-1] is not base:
        yield ratio(rows[-1], base)


def ratio(large: Row, small: Row) -> Row:
    """Requests for each CPU second, the larger cluster's over the smaller one's; the ends of its spread too."""
    sizes = large["shape"]["nodes"], small["shape"]["nodes"]
    more, less = large["runs"]["per_cpu_second"], small["runs"]["per_cpu_second"]
    return {
        "ratio": f"{sizes[0]}/{sizes[1]} nodes",
        "operation": large["operation"],
        "shape": {name: value for name, value in large["shape"].items() if name != "nodes"},
        "per_cpu_second": round(median(more) / median(less), 2),
        "per_cpu_second_min": round(min(more) / max(less), 2),
        "per_cpu_second_max": round(max(more) / min(less), 2),
    }


def _one_size(shape: Shape, nodes: int, tell: Tell) -> Row:
    sized = shape.of(nodes)
    tell(f"scale: {nodes} nodes start, {sized.ranges} ranges")
    with Cluster() as cluster:
        kv.start(cluster, sized)
        leaders = Counter(cluster.leaders())
        with kv.Generator(cluster, sized) as generator:
            generator.run(kv.WARM_SECONDS)
            runs = []
            for number in range(shape.runs):
                tell(f"scale: {nodes} nodes, run {number + 1} of {shape.runs}")
                runs.append(kv.measure(cluster, generator, shape.seconds))
    return _row(shape, nodes, runs, sorted(leaders.values(), reverse=True))


def _row(shape: Shape, nodes: int, runs: list[Run], leaders: list[int]) -> Row:
    cores = len(os.sched_getaffinity(0))
    per_cpu_second = [round(1e6 / each.cpu_all) for each in runs]
    used, load = median(each.servers for each in runs), median(each.generator_share for each in runs)
    others = median(each.others for each in runs)
    form = {"nodes": nodes, "connections_per_node": shape.connections, "inflight": shape.inflight}
    form |= {"ranges_per_node": shape.ranges}
    more: dict[str, Any] = {
        "per_cpu_second": round(median(per_cpu_second)),
        "cores_of_nodes": round(used, 2),
        "cores_of_load": round(load, 2),
        "cores_of_others": round(others, 2),
        "cores": cores,
        "leaders_per_node": leaders,
        "limit": limit(used, load, others, cores),
    }
    row = summary("argosy", f"scale-{shape.operation}", form, runs, **more)
    row["runs"]["per_cpu_second"] = per_cpu_second
    return row


def limit(nodes: float, load: float, others: float, cores: int) -> str:
    """What sets the limit of a closed loop: a word for each of the cases that `LIMITS` explains."""
    if nodes + load + others < FULL_SHARE * cores:
        return "waiting"
    return "others" if others > OTHERS_SHARE * cores else "cores"
