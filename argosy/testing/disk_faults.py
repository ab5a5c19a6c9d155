"""What goes wrong with a simulated node's disk: slow, stalled, full, broken, rotten.

Owns what each of these faults does, and for how long. Does not own when they come (faults.py) nor what a disk is
(disk.py). Read next: argosy/testing/disk.py.
"""

from argosy.testing.disk import ROOM_BYTES
from argosy.testing.strike import Strike
from node.config import SPACE_BYTES_MIN

SLOW_SECONDS = (0.5, 4.0)
SLOW_FACTOR = (5.0, 60.0)
STALL_SECONDS = (1.0, 8.0)
FULL_SECONDS = (0.5, 6.0)
ROTTEN_SECONDS = (0.0, 4.0)  # from a bit that changed to the read that finds it


def slow_disk(strike: Strike) -> str:
    """All that a node writes takes longer."""
    node = strike.chance.choice(strike.cluster.living())
    node.disk_factor = factor = strike.chance.uniform(*SLOW_FACTOR)

    def stop() -> None:
        node.disk_factor = 1.0

    return f"{node}, {factor:.0f} times as slow for {strike.after(SLOW_SECONDS, stop):.2f} s"


def stall_disk(strike: Strike) -> str:
    """The next sync of a journal takes seconds."""
    node = strike.chance.choice(strike.cluster.living())
    node.stall_seconds = strike.chance.uniform(*STALL_SECONDS)
    return f"the next sync of {node} takes {node.stall_seconds:.2f} s"


def full_disk(strike: Strike) -> str:
    """Nothing is left for writes, or so little that the node takes no more commands."""
    node = strike.chance.choice(strike.cluster.living())
    node.disk.room = strike.chance.choice((0, SPACE_BYTES_MIN - 1))

    def stop() -> None:
        node.disk.room = ROOM_BYTES

    return f"{node} has {node.disk.room:,} bytes left for {strike.after(FULL_SECONDS, stop):.2f} s"


def broken_disk(strike: Strike) -> str:
    """The next write of a journal fails: the node stops, and comes back."""
    node = strike.chance.choice(strike.cluster.living())
    node.disk.broken = strike.chance.choice(("write", "sync"))
    return f"{node} fails at its next {node.disk.broken}"


def rotten_disk(strike: Strike) -> str:
    """A bit of what is stored changes. Whoever reads it next finds it: the node ends, does not start again, is lost."""
    node = strike.victim(left_min=2)
    if node is None:
        return ""
    hit = node.rot(strike.chance.randrange)
    node.doomed = bool(hit)
    if not node.up:  # its files are real
        node.restart()
    if not hit:
        return ""

    def find() -> None:
        if node.up:
            node.crash()
            node.restart()

    strike.after(ROTTEN_SECONDS, find)
    return f"{node} has a changed bit in {hit}"


FAULTS = {
    "slow disk": (2, slow_disk),
    "stall disk": (2, stall_disk),
    "full disk": (2, full_disk),
    "broken disk": (2, broken_disk),
    "rotten disk": (1, rotten_disk),
}
