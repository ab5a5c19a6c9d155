"""A client of a cluster, sans-IO: flows on one side, frames on the other.

Owns links by node, what waits for a dial, and the frame of requests that each step sends on each link. The same
`step(now, events) -> Effects` as a host's, so that a driver of sockets, a thread or the simulator can run it.
Does not own sockets or clocks (argosy/remote.py) nor what the flows do (txn/database.py). Read next: txn/database.py.
"""

from collections.abc import Callable, Sequence
from typing import Any

from node.codec import encode
from node.errors import Malformed
from node.flow import HERE, Done, Flow, Flows, Send
from node.inbox import read_replies
from node.messages import NotLeader
from node.ports import LOCAL_LINK, Effects, Frame, Hello, Kind, LinkDown, LinkUp, Role
from ranges.directory import CONTROL_GROUP, Directory
from ranges.keys import SUBSTEP_BITS
from ranges.placement.config import TICKS_PER_REQUEST_MAX
from ranges.placement.messages import Ticks, TicksAre
from ranges.router import Router

DIAL_AGAIN_SECONDS = 0.2
DIAL_SECONDS = 5.0  # a dial that has not come to an end by then is made again
WAITING_REQUESTS_MAX = 10_000  # for one node that is being dialled
SEED = 0  # as the node of a dial: whoever lives at a seed's address
SHARED_MAX = 1_000  # messages with ticks for several that are not answered; what comes for an older one is dropped

Row = tuple[int, int, int, bytes]
Asker = tuple[int, int]  # a flow's copy, and how many ticks it wants


class Client:
    """Flows, a router, and links.

    1. A copy leaves at most once. One that never left is answered with `NotLeader`, which is definite; one that left
       on a link that is gone is silence.
    2. All ticks that are asked for in one step of one node are one message, which leaves in that step (O3).
    3. It stays with the cluster that it met first: what it knows of ticks and routes is of no other.
    4. `local`, if not 0, is the node in this very process: what is sent to it goes over `LOCAL_LINK`, always there.
    """

    def __init__(
        self,
        seeds: Sequence[str],
        chance: Callable[[], float],
        cluster: bytes = b"",
        local: int = 0,
        directory: Directory | None = None,
    ) -> None:
        self.cluster = cluster
        self.flows = Flows(self._send)
        self.directory = directory or Directory()
        self.router = Router(self.directory, chance, lambda: self.flows.now)
        self.router.near = self._near
        self._seeds = tuple(seeds)
        self._seed = 0
        self._link_of: dict[int, int] = {}
        self._node_of: dict[int, int] = {}
        self._outgoing: dict[int, list[Row]] = {}
        self._waiting: dict[int, list[Row]] = {}
        self._dial_from: dict[int, float] = {}
        self._unsent: list[tuple[int, int]] = []
        self._fresh: list[tuple[Flow[Any], Done | None]] = []
        self._ticking: dict[int, list[Asker]] = {}
        self._shared: dict[int, list[Asker]] = {}
        if local:
            self._link_of[local] = self._link_of[HERE] = LOCAL_LINK
            self._node_of[LOCAL_LINK] = local

    # -- the caller's side -------------------------------------------------------------------------------------------

    def start(self, flow: Flow[Any], done: Done | None = None) -> None:
        """Run a flow from the next step on; `done(result, error)` is called within a step."""
        self._fresh.append((flow, done))

    @property
    def wake_at(self) -> float:
        """When `step` must be called next even if nothing happens, in seconds of the caller's clock."""
        if self._fresh or self._unsent:
            return self.flows.now
        dials = [self._dial_from.get(node, 0.0) for node in self._waiting]
        return min(self.flows.wake_at, *dials) if dials else self.flows.wake_at

    def hello(self) -> Hello:
        """What a client says first on a link."""
        return Hello(Role.CLIENT, self.cluster, 0, 0, "", self.directory.control_nodes())

    def connected(self) -> bool:
        """Is there a link to any node?"""
        return bool(self._node_of)

    def _near(self, nodes: Sequence[int]) -> int:
        """The node that was reached first, if it is one of these, or else one of them that there is a link to."""
        first = self._node_of.get(self._link_of.get(HERE, -1), 0)
        return first if first in nodes else next((node for node in nodes if node in self._link_of), 0)

    # -- the driver's side -------------------------------------------------------------------------------------------

    def step(self, now: float, events: Sequence[Any]) -> Effects:
        """Take what happened; return what to do. Never blocks."""
        effects, flows = Effects(), self.flows
        flows.now = now
        for event in events:
            kind = type(event)
            if kind is Frame:
                self._on_frame(event, effects)
            elif kind is LinkUp:
                self._on_link_up(event, effects)
            else:
                assert kind is LinkDown, f"a client was told {event!r}, which is none of its events"
                self._on_link_down(event)
        if flows.wake_at <= now:
            flows.step(now)
        while self._fresh or self._unsent or self._ticking:
            fresh, self._fresh = self._fresh, []
            for flow, done in fresh:
                flows.start(flow, done)
            unsent, self._unsent = self._unsent, []
            for copy, group in unsent:
                self._replied(copy, NotLeader(group, 0))
            if self._ticking:
                self._ask_ticks()
        if self._outgoing:
            for link, rows in self._outgoing.items():
                effects.sends.append((link, Kind.REQUESTS, tuple(rows)))
            self._outgoing = {}
        if self._waiting:
            self._dial(now, effects)
        return effects

    def _on_frame(self, frame: Frame, effects: Effects) -> None:
        link, kind, payload = frame
        try:
            if kind != Kind.REPLIES:
                raise Malformed(f"a client was sent a frame of kind {kind}")
            replies = read_replies(payload)
        except Malformed:
            effects.hangups.append(link)
            return
        for copy, reply in replies:
            self._replied(copy, reply)

    def _replied(self, copy: int, reply: Any) -> None:
        askers = self._shared.pop(copy, None)
        if askers is None:
            self.flows.replied(copy, reply)
            return
        place = 0
        for each, count in askers:
            mine = TicksAre(reply.first + (place << SUBSTEP_BITS)) if type(reply) is TicksAre else reply
            self.flows.replied(each, mine)
            place += count

    def _on_link_up(self, event: LinkUp, effects: Effects) -> None:
        hello, link = event.hello, event.link
        self.cluster = self.cluster or hello.cluster
        if hello.cluster != self.cluster:
            effects.hangups.append(link)
            return
        self.directory.learn_addresses(((hello.node, hello.address),))
        self.directory.learn_control(hello.routes)
        self._link_of[hello.node] = link
        self._node_of[link] = hello.node
        self._link_of.setdefault(HERE, link)
        self._dial_from.pop(hello.node, None)
        self._dial_from.pop(SEED, None)
        for node in (hello.node, SEED):
            rows = self._waiting.pop(node, None)
            if rows:
                self._outgoing.setdefault(link, []).extend(rows)

    def _on_link_down(self, event: LinkDown) -> None:
        node = self._node_of.pop(event.link, event.node)
        if event.link == -1:
            self._dial_from[node] = self.flows.now + DIAL_AGAIN_SECONDS
            self._unsent += [(row[0], row[1]) for row in self._waiting.pop(node, ())]
            return
        for row in self._outgoing.pop(event.link, ()):
            self._unsent.append((row[0], row[1]))
        for known in (node, HERE):
            if self._link_of.get(known) == event.link:
                del self._link_of[known]
                self.flows.lost(known)
        if self._node_of:
            self._link_of.setdefault(HERE, next(iter(self._node_of)))

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send(self, copy: int, wish: Send) -> None:
        if type(wish.message) is Ticks:
            self._ticking.setdefault(wish.node, []).append((copy, wish.message.count))
        else:
            self._send_row(wish.node, (copy, wish.group, wish.span, encode(wish.message)))

    def _ask_ticks(self) -> None:
        asking, self._ticking = self._ticking, {}
        for node, askers in asking.items():
            some: list[Asker] = []
            wanted = 0
            for asker in askers:
                if wanted + asker[1] > TICKS_PER_REQUEST_MAX:
                    self._send_ticks(node, some, wanted)
                    some, wanted = [], 0
                some.append(asker)
                wanted += asker[1]
            self._send_ticks(node, some, wanted)

    def _send_ticks(self, node: int, askers: list[Asker], wanted: int) -> None:
        """One message for all of them; the copy of the first one stands for it."""
        copy = askers[0][0]
        if len(askers) > 1:
            self._shared[copy] = askers
            if len(self._shared) > SHARED_MAX:
                del self._shared[next(iter(self._shared))]
        self._send_row(node, (copy, CONTROL_GROUP, 0, encode(Ticks(wanted))))

    def _send_row(self, node: int, row: Row) -> None:
        link = self._link_of.get(node)
        if link is not None:
            rows = self._outgoing.get(link)
            if rows is None:
                self._outgoing[link] = [row]
            else:
                rows.append(row)
            return
        waiting = self._waiting.setdefault(node, [])
        if len(waiting) < WAITING_REQUESTS_MAX:
            waiting.append(row)
        else:
            self._unsent.append((row[0], row[1]))

    def _dial(self, now: float, effects: Effects) -> None:
        """Have nodes dialled for which something waits; what cannot be sent anywhere is told so."""
        for node in list(self._waiting):
            if now < self._dial_from.get(node, 0.0):
                continue
            if node == SEED:
                address = self._seeds[self._seed % len(self._seeds)] if self._seeds else None
                self._seed += 1
            else:
                address = self.directory.address(node)
            if address is None:
                self._unsent += [(row[0], row[1]) for row in self._waiting.pop(node)]
                continue
            self._dial_from[node] = now + DIAL_SECONDS
            effects.dials.append((node, address))
