"""What one step of a host sends: gathered per link, so that a step sends one frame of each kind to each link.

Owns the links by node, requests that wait for a dial, and which nodes are being dialled. Does not own sockets,
nor what is said. A Raft message for a node without a link is dropped (Raft sends again); a request waits for the
dial and is lost with it. Read next: node/host.py.
"""

from collections.abc import Callable
from typing import Any

from node.ports import Effects, Kind

DIAL_AGAIN_SECONDS = 0.2
WAITING_REQUESTS_MAX = 10_000  # per node that is being dialled


class Outbox:
    """Frames on their way out of one step, and the links that they go by.

    1. A request is sent once or not at all, on one link, and its copy is told lost with that link.
    2. `_waiting` holds exactly the nodes to which a dial is under way.
    """

    def __init__(self, address: Callable[[int], str | None]) -> None:
        self._address = address
        self.link_of: dict[int, int] = {}
        self.node_of: dict[int, int] = {}
        self._raft: dict[int, list[tuple[int, int, int, bytes]]] = {}
        self._replies: dict[int, list[tuple[int, bytes]]] = {}
        self._requests: dict[int, list[tuple[int, int, int, bytes]]] = {}
        self._support: dict[int, list[bytes]] = {}
        self._frames: tuple[tuple[int, dict[int, list[Any]]], ...] = (
            (Kind.SUPPORT, self._support), (Kind.RAFT, self._raft),
            (Kind.REQUESTS, self._requests), (Kind.REPLIES, self._replies),
        )  # fmt: skip
        self._snapshots: list[tuple[int, Any]] = []
        self._waiting: dict[int, list[tuple[int, int, int, bytes]]] = {}
        self._dials: list[tuple[int, str]] = []
        self._dialled: dict[int, float] = {}

    def up(self, node: int, link: int) -> None:
        """A link to a node stands; what waited for it goes."""
        self.link_of[node] = link
        self.node_of[link] = node
        self._dialled.pop(node, None)
        waiting = self._waiting.pop(node, None)
        if waiting:
            self._requests.setdefault(link, []).extend(waiting)

    def down(self, link: int, node: int) -> int:
        """A link is gone, or a dial failed (link -1); the node that it led to, 0 if it was a client's."""
        if link >= 0:
            node = self.node_of.pop(link, 0)
            if self.link_of.get(node) == link:
                del self.link_of[node]
            for rows in (self._raft, self._replies, self._requests, self._support):
                rows.pop(link, None)
        self._waiting.pop(node, None)
        return node

    def raft(self, node: int, row: tuple[int, int, int, bytes], now: float) -> None:
        """A Raft message (group, source, target, body)."""
        link = self.link_of.get(node)
        if link is None:
            self.dial(node, now)
        else:
            rows = self._raft.get(link)
            if rows is None:
                self._raft[link] = [row]
            else:
                rows.append(row)

    def reply(self, link: int, copy: int, body: bytes) -> None:
        """A reply to a client or a node."""
        rows = self._replies.get(link)
        if rows is None:
            self._replies[link] = [(copy, body)]
        else:
            rows.append((copy, body))

    def request(self, node: int, row: tuple[int, int, int, bytes], now: float) -> bool:
        """A request (copy, group, span, body) to another node; False if it cannot even wait for a dial."""
        link = self.link_of.get(node)
        if link is not None:
            self._requests.setdefault(link, []).append(row)
            return True
        self.dial(node, now)
        waiting = self._waiting.get(node)  # none just after a dial has failed: there is nothing to wait for
        if waiting is None or len(waiting) >= WAITING_REQUESTS_MAX:
            return False
        waiting.append(row)
        return True

    def support(self, node: int, body: bytes, now: float) -> None:
        """A message between two nodes' supports."""
        link = self.link_of.get(node)
        if link is None:
            self.dial(node, now)
        else:
            self._support.setdefault(link, []).append(body)

    def snapshot(self, node: int, payload: Any) -> bool:
        """One chunk of a snapshot; False without a link."""
        link = self.link_of.get(node)
        if link is not None:
            self._snapshots.append((link, payload))
        return link is not None

    def dial(self, node: int, now: float) -> None:
        """Have a node dialled, if its address is known, and not too often."""
        address = self._address(node)
        if address is not None and now - self._dialled.get(node, float("-inf")) >= DIAL_AGAIN_SECONDS:
            self._dialled[node] = now
            self._dials.append((node, address))
            self._waiting.setdefault(node, [])

    def empty_into(self, effects: Effects) -> None:
        """Everything gathered becomes frames. Snapshot chunks go before the Raft message that offers them."""
        sends = effects.sends
        if self._snapshots:
            for link, payload in self._snapshots:
                sends.append((link, Kind.SNAPSHOT, payload))
            self._snapshots = []
        for kind, rows in self._frames:
            if rows:
                for link, gathered in rows.items():
                    sends.append((link, kind, tuple(gathered)))
                rows.clear()
        effects.dials, self._dials = self._dials, []
