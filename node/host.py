"""The host of a node: every group, one step at a time. Sans-IO.

Owns the order of a step: take events, let the touched groups cycle, gather one record for the journal and one frame
of each kind per link. Does not own sockets, disks, clocks or what machines mean.
Read next: node/group.py, node/replicas.py, node/drivers/engine.py.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import node.wire  # noqa: F401  (registers what Raft says with the codec)
from node.codec import encode
from node.config import INBOX_REQUESTS_MAX, Settings
from node.errors import Malformed
from node.flow import HERE, Done, Flow, Flows, Send
from node.group import Group
from node.here import FLOWS_LINK, Here
from node.inbox import read_chunk, read_raft, read_replies, read_requests, read_support
from node.intake import Intake
from node.liveness import Liveness
from node.machine import Request, StartGroup, StopGroup
from node.messages import Busy, NotLeader
from node.outbox import Outbox
from node.ports import (
    Assembly,
    Dumped,
    Effects,
    Failed,
    Flushed,
    Frame,
    GroupRecord,
    Hello,
    Identity,
    JournalPort,
    Kind,
    LinkDown,
    LinkUp,
    Restored,
    Role,
    StatePort,
    Synced,
)
from node.raft.messages import AskLeader, Message, Ready, Received, Stopped, Tick
from node.records import Records
from node.replicas import Replicas
from node.snapshots import Snapshots
from node.timers import Timers

STEP_ROUNDS_MAX = 10_000
Move = tuple[Callable[..., None], Any, Any]


class Host:
    """All groups of one node.

    1. A step never blocks and never loses an event.
    2. What is to be made durable leaves a step before anything is applied: entries that are committed wait for the
       next step (`_behind`), which comes at once, if this one has a record for the journal.
    """

    def __init__(
        self,
        identity: Identity,
        journal: JournalPort,
        state: StatePort,
        assembly: Assembly,
        chance: Callable[[], float],
        settings: Settings,
        now: float,
    ) -> None:
        self.identity = identity
        self.state = state
        self.assembly = assembly
        self.settings = settings
        self.now, self.steps = now, 0
        self.stopped: str | None = None
        self.left = False  # stopped because the node is of the cluster no more: nothing has failed
        self.outbox = Outbox(assembly.routes.address)
        self._encoded: tuple[Message | None, bytes] = (None, b"")  # the last Raft message sent, and its bytes
        self.flows = Flows(self._send_wish, Here(self).answer)
        self.flows.now = now
        self.liveness = Liveness(self, now)
        self.replicas = Replicas(self, journal, state, chance)
        self.snapshots = Snapshots(self, self.replicas, state)
        self._inbox: list[Request] = []
        self._moves: list[Move] = []  # of flows: they never run inside of a group's cycle
        self._due = False  # a flow has sent something since the last step
        self.intake = Intake(self, assembly.services, assembly.ticks)
        self._touched: dict[Group, None] = {}
        self.cycled: list[Group] = []  # in the last step
        self._stirred: dict[int, None] = {}
        self._records = Records(self)
        self._behind: dict[Group, None] = {}  # groups with entries to apply
        self.timers = Timers(self.replicas.groups.get)
        self._tick = Tick(now)
        self.replicas.recover()

    @property
    def wake_at(self) -> float:
        """When `step` must be called next even if nothing happens, in seconds of the node's clock."""
        if self._due or self._moves or self._behind:
            return self.now
        return min(self.timers.wake_at, self.flows.wake_at, self.liveness.wake_at, self.intake.wake_at)

    @property
    def syncing(self) -> bool:
        """Whether the journal has a record that it has not answered for."""
        return self._records.syncing

    def hello(self) -> Hello:
        """What this node says first on a link."""
        who = self.identity
        return Hello(Role.NODE, who.cluster, who.node, who.life, who.address, self.assembly.routes.control_nodes())

    def begin(self, now: float, flow: Flow[Any], done: Done) -> None:
        """Run a flow of a caller in this process as far as it goes without a wait; the next step takes what it sent."""
        self.now = self.flows.now = now
        self.flows.start(flow, done)

    # -- the step --------------------------------------------------------------------------------------------------

    def step(self, now: float, events: Sequence[Any]) -> Effects:
        """Take what happened; return what to do."""
        effects = Effects()
        if self.stopped is not None:
            effects.stop = self.stopped
            return effects
        self.now = self.flows.now = now
        self.steps += 1
        self._tick, self._due, self.cycled = Tick(now), False, []
        if self._behind:
            self._catch_up()
        for event in events:
            _HANDLERS[type(event)](self, event, effects)
        self._clock()
        if self.settings.leases:
            self.liveness.tick()
        self._settle_down()
        while self._behind and not self._records.gathered:
            self._catch_up()
            self._settle_down()
        if self.intake.release():
            self._settle_down()
        effects.record = self._records.take()
        self.outbox.empty_into(effects)
        effects.stop = self.stopped
        return effects

    def _settle_down(self) -> None:
        """Cycle until nothing is left to do in this step: local requests and woken groups come round again."""
        for _ in range(STEP_ROUNDS_MAX):
            if self._moves:
                moves, self._moves = self._moves, []
                for move, what, outcome in moves:
                    move(what, outcome)
            if self._inbox:
                inbox, self._inbox = self._inbox, []
                for request in inbox:
                    self.intake.take(request)
            self.intake.ask_ticks()
            if self._touched:
                touched, self._touched = self._touched, {}
                self.cycled += touched
                groups = self.replicas.groups
                for group in touched:
                    if groups.get(group.number) is group:
                        group.cycle()
                        if groups.get(group.number) is group:  # its own cycle may have removed it
                            self._cycled(group)
            elif not self._inbox and not self._moves:
                return
        raise AssertionError("a step does not come to rest: a flow or a group wakes itself without waiting")

    def _catch_up(self) -> None:
        """Apply what is committed."""
        behind, self._behind = self._behind, {}
        for group in behind:
            if self.replicas.holds(group):
                self.touch(group)
                group.apply()

    def _clock(self) -> None:
        """Timers of groups, flows and parked requests that are due."""
        for group in self.timers.due(self.now):
            self.touch(group)
        self.timers.ring(self.now)
        self.flows.step(self.now)

    def _cycled(self, group: Group) -> None:
        """A group has cycled: what it waits for, and who waits for it, may be another."""
        if self.settings.leases:
            self.liveness.cycled(group)
        if self.intake.following.awaited:
            self.intake.following.cycled(group)
        self.timers.cycled(group)

    def touch(self, group: Group) -> None:
        """Let the group know the time, once a step, and cycle before the step ends."""
        if group not in self._touched:
            self._touched[group] = None
            self._stirred[group.number] = None
            group.raft.step(self._tick)

    def stir(self, number: int) -> None:
        """A group has gone."""
        self._stirred[number] = None

    def take_stirred(self) -> dict[int, None]:
        """Groups that were stepped, have come or have gone since the last call."""
        stirred, self._stirred = self._stirred, {}
        return stirred

    def alarm(self, group: Group, token: Hashable, seconds: float) -> None:
        """Wake the token after so many seconds."""
        self.timers.alarm(self.now + seconds, group, token)

    # -- events ----------------------------------------------------------------------------------------------------

    def _on_frame(self, frame: Frame, effects: Effects) -> None:
        """Nothing acts before the whole frame is known to be well-formed."""
        link, kind, payload = frame
        try:
            if kind == Kind.REQUESTS:
                requests = read_requests(link, payload, self.now)
            elif link not in self.outbox.node_of:
                raise Malformed(f"frame kind {kind} comes from no node")
            elif kind == Kind.RAFT:
                rows = read_raft(payload)
            elif kind == Kind.REPLIES:
                replies = read_replies(payload)
            elif kind == Kind.SUPPORT:
                supports = read_support(payload)
            elif kind == Kind.SNAPSHOT:
                chunk = read_chunk(payload)
            else:
                raise Malformed(f"frame kind {kind} is not expected on a link that stands")
        except Malformed:
            effects.hangups.append(link)
            return
        if kind == Kind.REQUESTS:
            self._on_requests(requests)
        elif kind == Kind.RAFT:
            self._on_raft(self.outbox.node_of[link], rows)
        elif kind == Kind.REPLIES:
            for copy, reply in replies:
                self.flows.replied(copy, reply)
        elif kind == Kind.SUPPORT:
            self.liveness.take(self.outbox.node_of[link], supports)
        else:
            self.snapshots.take_chunk(chunk)

    def _on_requests(self, requests: list[Request]) -> None:
        if len(requests) + len(self._inbox) > INBOX_REQUESTS_MAX:
            for request in requests:
                self.reply(request, Busy())
        else:
            for request in requests:
                self.intake.take(request)

    def _on_raft(self, node: int, rows: list[tuple[int, int, int, Message]]) -> None:
        for number, source, target, message in rows:
            group = self.replicas.receiver(number, target)
            if group is None:
                if type(message) is AskLeader and self.replicas.has_left(number, target):
                    self._answer_for_gone(node, (number, target, source), message.term)
            else:
                self.touch(group)
                if not group.node_of(source):  # before it knows its members, or a leader that is leaving
                    group.nodes[source] = node
                group.raft.step(Received(source, message))

    def _answer_for_gone(self, node: int, way: tuple[int, int, int], term: int) -> None:
        """A replica that has left leads in no term of the past: else who is bound to it would wait for ever (Z4)."""
        self.outbox.raft(node, (*way, encode(Stopped(term))), self.now)

    def _on_link_up(self, event: LinkUp, _: Effects) -> None:
        if event.hello.role == Role.NODE:
            self.outbox.up(event.hello.node, event.link)
            self.assembly.routes.learn_control(event.hello.routes)

    def _on_link_down(self, event: LinkDown, _: Effects) -> None:
        node = self.outbox.down(event.link, event.node)
        if node:
            self.flows.lost(node)

    def _on_synced(self, event: Synced, _: Effects) -> None:
        self._records.synced(event.sequence)
        self.replicas.synced(event.sequence)
        self.intake.answered()

    def _on_flushed(self, event: Flushed, _: Effects) -> None:
        for number, index in event.marks:
            self.replicas.flushed(number, index)

    def _on_dumped(self, event: Dumped, _: Effects) -> None:
        self.snapshots.dumped(event)

    def _on_restored(self, event: Restored, _: Effects) -> None:
        self.snapshots.restored(event.group)

    def _on_failed(self, event: Failed, _: Effects) -> None:
        self.stopped = f"node {self.identity.node} stops: {event.what}"

    # -- what groups and flows need (node.group.Node) ---------------------------------------------------------------

    def reply(self, request: Request, reply: Any) -> None:
        """Answer one request."""
        if request.link == FLOWS_LINK:
            self._moves.append((self.flows.replied, request.copy, reply))
        else:
            self.outbox.reply(request.link, request.copy, encode(reply))

    def redirect(self, group: int, node: int) -> NotLeader:
        """The reply that names who may lead a group, with the address where that is known."""
        address = self.assembly.routes.address(node) if node else None
        return NotLeader(group, node, address or "")

    def start(self, flow: Flow[Any], done: Done | None = None) -> None:
        """Run a flow behind: from this step on, or from the next one if none is under way."""
        self._moves.append((self.flows.start, flow, done))

    def _send_wish(self, copy: int, wish: Send) -> None:
        self._due, node = True, wish.node
        if node in (HERE, self.identity.node):
            command = getattr(wish.message, "sort", None) == "command"
            body = encode(wish.message) if command else b""
            self._inbox.append(Request(FLOWS_LINK, copy, wish.group, wish.span, body, wish.message, self.now))
        else:
            self.outbox.request(node, (copy, wish.group, wish.span, encode(wish.message)), self.now)

    def send_raft(self, group: Group, target: int, message: Message) -> None:
        """Send a Raft message to a replica when this step ends."""
        node = group.node_of(target)
        if node:
            if message is not self._encoded[0]:  # followers that are equally far get the same Append
                self._encoded = (message, encode(message))
            self.outbox.raft(node, (group.number, group.replica, target, self._encoded[1]), self.now)

    def persist(self, group: Group, change: GroupRecord, promises: Sequence[tuple[int, Message]]) -> None:
        """Put a change into this step's record; the promises leave when it is durable."""
        self._records.persist(group, change, promises)

    def promise(self, group: Group, promises: Sequence[tuple[int, Message]]) -> None:
        """Send these when all that this group has asked to persist is durable."""
        self._records.promise(group, promises)

    def apply_soon(self, group: Group) -> None:
        """The group has entries to apply: it is called back when what this step persists is on its way."""
        self._behind[group] = None

    def start_group(self, parent: Group, effect: StartGroup) -> None:
        """A split made a right side."""
        self.replicas.split_off(parent, effect)

    def stop_group(self, parent: Group, effect: StopGroup) -> None:
        """A merge ended a right side."""
        self.replicas.absorb(parent, effect)

    def send_snapshot(self, group: Group, follower: int) -> None:
        """A follower needs a snapshot."""
        self.snapshots.begin(group, follower)

    def take_snapshot(self, group: Group, ready: Ready) -> None:
        """A leader offers the snapshot whose rows have come."""
        self.snapshots.take_offer(group, ready)

    def forget(self, number: int) -> int:
        """A group's rows are gone, durably: its log counts for nothing. The number of the record that says so."""
        return self._records.forget(number)

    def removed(self, group: Group) -> None:
        """The applied configuration does not name this replica any more."""
        self.replicas.drop(group.number, group.replica)


_HANDLERS: dict[type, Callable[[Host, Any, Effects], None]] = {
    Frame: Host._on_frame,
    LinkUp: Host._on_link_up,
    LinkDown: Host._on_link_down,
    Synced: Host._on_synced,
    Flushed: Host._on_flushed,
    Dumped: Host._on_dumped,
    Restored: Host._on_restored,
    Failed: Host._on_failed,
}
