"""What becomes of each range: a thread that asks group 0 twice a second and takes down what changed.

Owns the chronicle. Does not own how it looks (bench/demo/telling.py). Read next: bench/demo/__main__.py.
"""

import threading
import time

from bench.cluster import BenchFailed, Cluster
from node.errors import NodeError
from ranges.placement.messages import RangeStatus
from txn.errors import Unavailable

EVERY_SECONDS = 0.5


class Watcher:
    """`stories` maps a range's group to (seconds since the start, what happened), in order."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._began = time.monotonic()
        self._known: dict[int, RangeStatus] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.stories: dict[int, list[tuple[float, str]]] = {}

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and end."""
        self._stop.set()
        self._thread.join()
        self._look()

    def _work(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            found = self._cluster.ranges()
        except (NodeError, Unavailable, BenchFailed):
            return  # group 0 has no leader just now: what changed meanwhile shows at the next look
        seconds = time.monotonic() - self._began
        for each in found:
            group = each.descriptor.group
            story = self.stories.setdefault(group, [])
            story += [(seconds, text) for text in changes(self._known.get(group), each)]
            self._known[group] = each


def changes(old: RangeStatus | None, new: RangeStatus) -> list[str]:
    """What has happened to a range between two looks, in words."""
    holders = " ".join(str(each.node) for each in new.descriptor.replicas)
    if old is None:
        return [f"begins on nodes {holders}"]
    told = []
    if (old.descriptor.start, old.descriptor.end) != (new.descriptor.start, new.descriptor.end):
        told.append("splits")
    before = {each.node for each in old.descriptor.replicas if each.voter}
    after = {each.node for each in new.descriptor.replicas if each.voter}
    gained, left = sorted(after - before), sorted(before - after)
    if gained:
        told.append(f"gains node {', '.join(map(str, gained))}")
    if left:
        told.append(f"leaves node {', '.join(map(str, left))}")
    if new.leader not in (old.leader, 0):
        told.append(f"led from {new.leader}")
    return told
