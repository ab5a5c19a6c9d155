"""Who belongs to a simulated cluster: how an operator takes nodes in, sends them away, and gives up dead ones.

Owns the joining of nodes, one at a time, whom an operator drains or decommissions and takes back, and what is ordered
about a node whose disk is gone. Does not own when that happens (node_faults.py, faults.py) nor what the cluster makes
of it (ranges/placement/). Read next: argosy/testing/simulation.py.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from argosy.testing.cluster import Cluster, NodeStation
from node.flow import Flow, Sleep
from node.messages import Done, Refused
from ranges.placement.config import TOKEN_BYTES
from ranges.placement.leaving import AskLeft, LeftIs, OrderNode
from ranges.placement.messages import Join, Joined, Rules
from ranges.router import Router

ASK_SECONDS = 5.0
AGAIN_SECONDS = 0.2
PATIENCE_SECONDS = 1.0  # until what was impossible is ordered again
BACK_SHARE = 0.4  # of the orders, where somebody was sent
BACK = {"drain": "undrain", "decommission": "recommission"}
DEAD_MILLISECONDS = (4_000, 15_000, 300_000)  # of silence, until a run's policy takes a node for dead


def draw_rules(seed: int) -> Rules:
    """What a seed's policy aims at."""
    return Rules(dead_milliseconds=Random(f"rules of {seed}").choice(DEAD_MILLISECONDS))


class Members:
    """An operator's hand.

    1. Nodes join one after another, so a node's number in the world is the id that the cluster hands out.
    """

    def __init__(self, cluster: Cluster, run: Callable[[Flow[Any]], None], router: Router) -> None:
        self._cluster = cluster
        self._run = run
        self._router = router
        self._wanted = 0  # nodes that are to join
        self._joining = False
        self._sent: dict[str, set[int]] = {order: set() for order in BACK}
        cluster.give_up, cluster.enlarge = self.give_up, self.enlarge

    def join(self, node: NodeStation) -> Flow[None]:
        """Take a node in, and start it."""
        token = (b"%d" % node.node).ljust(TOKEN_BYTES, b"\0")
        reply = yield from self._insist(Join(token, node.address))
        assert isinstance(reply, Joined), f"{reply} is no answer to a join"
        assert reply.node == node.node, "ids are handed out in the order of joining"
        node.kept = reply.routes
        node.restart()

    def enlarge(self) -> None:
        """One more node joins, when those before it have."""
        self._wanted += 1
        if not self._joining:
            self._joining = True
            self._run(self._join_all())

    def give_up(self, node: NodeStation) -> None:
        """This node never comes back: its replicas are to live elsewhere, and another node comes in its place."""
        self._run(self._remove(node))
        self.enlarge()

    def send(self, order: str, chance: Random) -> OrderNode:
        """What to order next: that some node drains or is decommissioned, or that one that was sent so comes back."""
        living, sent = [node.node for node in self._cluster.living()], self._sent[order]
        back = sorted(sent.intersection(living))
        if back and chance.random() < BACK_SHARE:
            node = chance.choice(back)
            sent.remove(node)
            return OrderNode(node, BACK[order])
        node = chance.choice(living)
        sent.add(node)
        return OrderNode(node, order)

    def take_back(self) -> Flow[None]:
        """No living node drains or leaves any more, unless it has been removed already."""
        backs = {"draining": "undrain", "leaving": "recommission"}
        for node in self._cluster.living():
            left = yield from self._insist(AskLeft(node.node))
            if isinstance(left, LeftIs) and left.state in backs:
                yield from self._insist(OrderNode(node.node, backs[left.state]))

    def _join_all(self) -> Flow[None]:
        while self._wanted:
            self._wanted -= 1
            node = self._cluster.add()
            yield from self.join(node)
            self._cluster.note(f"{node} has joined")
        self._joining = False

    def _remove(self, node: NodeStation) -> Flow[None]:
        """What is impossible now is ordered again: another node is to take its place first."""
        while True:
            left = yield from self._insist(AskLeft(node.node))
            if not isinstance(left, LeftIs) or left.state in ("leaving", "removed"):
                self._cluster.note(f"{node} is given up: {left}")
                return
            yield from self._insist(OrderNode(node.node, "decommission"))
            yield Sleep(PATIENCE_SECONDS)

    def _insist(self, message: Join | AskLeft | OrderNode) -> Flow[Any]:
        """Ask until somebody answers; each of these may be asked again."""
        while True:
            reply = yield from self._router.control(message, ASK_SECONDS)
            if isinstance(reply, Joined | LeftIs | Done | Refused):
                return reply
            yield Sleep(AGAIN_SECONDS)
