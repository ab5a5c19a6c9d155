"""What goes wrong with a simulated node: crashes at every point, pauses, clocks, lost disks, deaths; and who joins.

Owns what each of these faults does, and for how long. Does not own when they come (faults.py) nor how a node comes
back (cluster.py, members.py). Read next: argosy/testing/cluster.py.
"""

from argosy.testing.disk_faults import SLOW_FACTOR
from argosy.testing.strike import Strike

DOWN_SECONDS = (0.05, 4.0)
PAUSED_SECONDS = (0.05, 2.0)
FROZEN_SECONDS = (0.5, 10.0)  # longer than any lease
POWER_SECONDS = (0.1, 0.8)  # of slow disks, before it goes out
AMBUSH_SECONDS = (0.0, 0.008)  # from an intent to the crash: in the middle of a commit over several ranges
MERGE_SECONDS = (0.0, 0.8)  # from the order of a merge to the crash: at any of its steps
NODES_MAX = 8  # that live at once


def crash(strike: Strike) -> str:
    """One node, with or without its links' notice."""
    node = strike.running()
    if node is None:
        return ""
    silent = strike.chance.random() < 0.5
    node.crash(silent)
    down = strike.after(DOWN_SECONDS, node.restart)
    return f"{node} {'loses power' if silent else 'is killed'} for {down:.2f} s"


def crash_within(strike: Strike) -> str:
    """A node dies while it carries out a step: some of the frames have left, the record may have."""
    node = strike.running()
    if node is None:
        return ""
    node.cut_short = strike.chance.randrange
    return f"{node} ends within its next step that sends something"


def ambush(strike: Strike) -> str:
    """Crash a node soon after the next intent has been put: maybe its coordinator, maybe before the verdict."""

    def spring() -> None:
        strike.after(AMBUSH_SECONDS, lambda: strike.cluster.note(f"ambush: {crash(strike)}"))

    strike.cluster.safety.on_intent = spring
    return "a node will crash soon after the next intent"


def cut_merge(strike: Strike) -> str:
    """Crash a node while a merge is under way."""
    strike.cluster.orders["merge"](strike.chance)
    seconds = strike.after(MERGE_SECONDS, lambda: strike.cluster.note(f"cut merge: {crash(strike)}"))
    return f"ordered, and a node will crash in {seconds:.2f} s"


def crash_everybody(strike: Strike) -> str:
    """All at once; they come back one by one."""
    up = [each for each in strike.cluster.nodes if each.up]
    for node in up:
        node.crash(silent=False)
        strike.after(DOWN_SECONDS, node.restart)
    return f"{' '.join(map(str, up))} are killed" if up else ""


def power_cut(strike: Strike) -> str:
    """All disks are slow for a moment, then everybody loses power: what was told too early is missed."""
    for node in strike.cluster.nodes:
        node.disk_factor = strike.chance.uniform(*SLOW_FACTOR)

    def cut() -> None:
        for node in strike.cluster.nodes:
            node.disk_factor = 1.0
            if node.up:
                node.crash(silent=True)
                strike.after(DOWN_SECONDS, node.restart)

    return f"all disks are slow, and all nodes lose power in {strike.after(POWER_SECONDS, cut):.2f} s"


def pause(strike: Strike) -> str:
    """A node does nothing for a moment."""
    return _pause(strike, PAUSED_SECONDS)


def freeze(strike: Strike) -> str:
    """A node does nothing for so long that its promises, and those to it, are over."""
    return _pause(strike, FROZEN_SECONDS)


def _pause(strike: Strike, span: tuple[float, float]) -> str:
    node = strike.running()
    if node is None:
        return ""
    seconds = strike.chance.uniform(*span)
    node.pause(seconds)
    return f"{node} stands still for {seconds:.2f} s"


def drift(strike: Strike) -> str:
    """Two nodes' clocks run as differently as they may, from now on."""
    error = strike.cluster.world.rate_error
    nodes = strike.chance.sample(strike.cluster.living(), 2)
    for node, rate in zip(nodes, (1 - error, 1 + error), strict=True):
        node.run_clock(rate)
    return f"the clock of {nodes[0]} runs at {1 - error:g}, that of {nodes[1]} at {1 + error:g}"


def lose_disk(strike: Strike) -> str:
    """A node's disk is gone, and the node with it; people give it up and begin a new one."""
    node = strike.victim(left_min=2)
    if node is None:
        return ""
    node.lose()
    return f"{node} has lost its disk"


def death(strike: Strike) -> str:
    """A node never comes back, and nobody says so: the policy has to find out."""
    node = strike.victim(left_min=3)
    if node is None:
        return ""
    node.crash(silent=True)
    node.dead = True
    return f"{node} is dead"


def join(strike: Strike) -> str:
    """A new node comes."""
    if len(strike.cluster.living()) >= NODES_MAX:
        return ""
    strike.cluster.enlarge()
    return "one more node"


FAULTS = {
    "crash": (5, crash),
    "crash within": (4, crash_within),
    "ambush": (4, ambush),
    "cut merge": (2, cut_merge),
    "crash everybody": (1, crash_everybody),
    "power cut": (2, power_cut),
    "pause": (3, pause),
    "freeze": (1, freeze),
    "drift": (2, drift),
    "lose disk": (1, lose_disk),
    "death": (1, death),
    "join": (1, join),
}
