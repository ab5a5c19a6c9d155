"""`bench failover`: how long a range takes no writes when its leader is killed.

Owns the trial: writes go on at a steady pace; the leader gets SIGKILL; the time runs from there to the next
acknowledged write that was sent after. Read next: bench/cluster.py.
"""

import time
from statistics import median

import argosy
from bench.cluster import RULES, Cluster, wait_for
from bench.figures import Row
from bench.report import Tell
from ranges.keys import USER
from ranges.placement.messages import ListRanges

NODES = 3
QUIET_SECONDS = 1.0  # between trials, so that promises run and leases stand


def leader_of_keys(cluster: Cluster) -> int:
    """The place of the process that leads the range of the user keys."""

    def known() -> int:
        leader = cluster.order(ListRanges(USER, 1)).ranges[0].leader
        return cluster.place_of(leader) if leader else 0

    return wait_for("a known leader", known)


def trial(cluster: Cluster, db: argosy.Database, number: int) -> float:
    """Kill the leader once; the seconds without a write. The node is back afterwards."""
    place = leader_of_keys(cluster)
    db.put(b"before", b"%d" % number)
    cluster.kill(place)
    killed = time.monotonic()
    while True:
        try:
            db.put(b"after", b"%d" % number)
            break
        except (argosy.Unavailable, argosy.OutcomeUnknown):
            continue
    took = time.monotonic() - killed
    cluster.restart(place)
    cluster.wait_healthy(NODES)
    time.sleep(QUIET_SECONDS)
    return took


def run(trials: int, tell: Tell) -> list[Row]:
    """The JSON line."""
    with Cluster() as cluster:
        tell(f"{NODES} nodes start")
        cluster.start(NODES, RULES)
        with argosy.connect(cluster.address()) as db:
            took = []
            for number in range(trials):
                tell(f"failover: leader {number + 1} of {trials} is killed")
                took.append(trial(cluster, db, number))
    return [
        {
            "peer": "argosy",
            "operation": "failover",
            "shape": {"nodes": NODES},
            "trials": trials,
            "seconds_median": round(median(took), 2),
            "seconds_min": round(min(took), 2),
            "seconds_max": round(max(took), 2),
            "runs": {"seconds": [round(each, 3) for each in took]},
        }
    ]
