"""Support between nodes: who promises whom not to vote against its leaders, and for how long. Sans-IO.

Liveness is kept for each pair of nodes, never for each group: whatever the number of groups, a pair that shares some
exchanges a few messages a second, idle groups none, and every leader still knows until when it may answer alone.

    asker (leads groups)                          giver (its replicas follow them)
      Ask(stamp, heard, sleeping groups' sum)  →    promise: D from the arrival, on the giver's clock
      lease: stamp + D·(1-ρ)/(1+ρ)             ←  Grant(the same stamp, number of the stretch)

D is `Settings.support_seconds`, ρ `clock_rate_error`, the bound of how much clocks differ in rate; readings of two
clocks are never compared. A node's *life* is the durable count of its starts. A replica *follows* the leader that it
last took an Append, heartbeat or snapshot from, in that leader's term. [core] marks what node/raft/ does.

P1. A grant promises: until D has passed since the ask arrived here, no replica of ours that follows a leader on the
    asker's node (in this life of it) votes or pre-votes for another node, or campaigns.
P2. Promises that follow each other without a gap are one stretch, and stretches are numbered. A gap, or a new life of
    either side, begins a new one, and our replicas follow nobody there until they hear the leader again. A grant
    names its stretch, and so does an acknowledgement sent while the promise runs; a leader counts a voter whose
    acknowledgement of its term and whose node's latest grant name the same one. [core: acknowledgements, counting]
    A promise is kept until it is declared lapsed, never before D has passed: until then every replica here acts as
    bound, whatever the clock says. So an ask that comes late, but before that, leaves no gap in what was kept, and
    goes on with the stretch: a node that stood still for a moment costs its partners' groups nothing.
P3. What is followed outlives the term: only a newer leader's Append, its own stop (Z2), the end of the promise or a
    vote under TimeoutNow ends it. Requests that the promise forbids are dropped before the term gate, and terms in
    rejections are not heeded; a vote for the promised node is allowed. [core]
P4. A lease runs while a quorum of voters (each half of a joint configuration) is counted by P2, each from the moment
    its ask was stamped, before any queue, shortened by ρ; our own node counts for ever. [core: the quorum]
P5. Who hands leadership over gives its lease up first; TimeoutNow alone may then be voted for, in the term after the
    one it names, once. A hand-over not done in a second ends in an election of our own. [core]
P6. A restarted node gives no support, no vote and does not campaign for one D: it may have promised before. [core:
    votes, campaigns, and the exception of a replica that is its own only voter]
P7. An ask must show that its sender has heard us lately; else a leader that hears nobody would be kept for ever.
    Who asks us and cannot have heard us, since we share no group and never ask it, is asked back.

Z1. An idle leader whose members have caught up puts its group to sleep; a follower sleeps only with nothing missing,
    and follows nobody again in a term for which a stop was heard. [core]
Z2. A leader that stops without a successor says so, finally for that term. [core]
Z3. An ask carries a sum over the (group, term) that sleep under its sender with us. If ours differs we ask for the
    list, and only a list that answers our question counts; what sleeps here and is not on it asks its leader (Z4).
Z4. A bound follower that is awake and hears nothing asks "do you lead in this term?"; no is final. A request wakes a
    sleeping follower. [core]
Z5. When our promise to a node ends, what it led wakes and campaigns, spread in time, if a quorum is in reach: the
    more groups, the wider, so that elections never cost more than the loop can do beside its promises. [core]
Z6. A leader, asleep too, that lacks a quorum's support for half a second steps down: `Unsupported` lets it count. A
    sleeping one sleeps on meanwhile: heartbeats of all groups at once would be the next reason to lack support. [core]
Z7. A returned node is greeted by the leaders that it lacks an acknowledgement to, and nobody else [core]. After a
    pause of its own a node takes in what has come before it acts on promises that ended meanwhile.

Left out: promises on disk, which would spare P6's wait; a change of D while nodes run (an ask for more than our own D
is not granted).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.codec import message
from node.config import Settings
from node.raft.leases import Support as Table
from node.raft.messages import Lapsed, Supported
from node.sleepers import Sleepers

HEARD_PROMISES = 1.5  # P7: "lately" is so many promises ago
MOMENT_SECONDS = 0.01  # Z7: from the tick that shows a pause to the next one
LIFE_SHIFT = 32  # stretches of one life; a number never comes again in another one


@message(40)
@dataclass(frozen=True, slots=True)
class Ask:
    """Support us for `seconds`. `stamp` is our clock's; `heard` the newest stamp of yours that reached us, in your
    life `heard_life` (0: none yet); `asleep` sums what sleeps under us with you."""

    life: int
    stamp: float
    seconds: float
    heard: float
    heard_life: int
    asleep: int


@message(41)
@dataclass(frozen=True, slots=True)
class Grant:
    """You are promised support, in answer to the ask of your life and stamp, in this stretch."""

    asker_life: int
    stamp: float
    stretch: int


@message(42)
@dataclass(frozen=True, slots=True)
class AskSleepers:
    """Which of the groups that you lead with us sleep? `question` comes back with the answer."""

    question: int


@message(43)
@dataclass(frozen=True, slots=True)
class SleepersAre:
    """(group, term) of all that sleep under us with you."""

    question: int
    groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A node's promise to us has run out: sleeping groups that we lead with it wake and count again (Z6)."""

    node: int


@dataclass(frozen=True, slots=True)
class Doubtful:
    """These groups sleep here, and their leader's node does not list them: let them ask it (Z3, Z4)."""

    node: int
    groups: tuple[int, ...]


SupportMessage = Ask | Grant | AskSleepers | SleepersAre
SupportInput = Supported | Lapsed | Unsupported | Doubtful


@dataclass(slots=True)
class SupportReady:
    """What is to be done: `messages` are (node, message); `inputs` are for the groups that share that node, now."""

    messages: list[tuple[int, SupportMessage]] = field(default_factory=list)
    inputs: list[SupportInput] = field(default_factory=list)


@dataclass(slots=True)
class _Partner:
    """Another node, as far as support goes."""

    life: int = 0  # of the asks that we heed
    heard: float = 0.0  # the newest stamp in them
    promised_until: float = float("-inf")
    promised: bool = False  # the promise has not been declared lapsed
    lapsed_at: float = float("-inf")
    held: bool = False  # groups are still being told of the lapse: no new stretch
    stretch: int = 0
    asked: float = float("-inf")  # our newest stamp to it
    granted_until: float = float("-inf")
    granted: bool = False
    granted_stretch: int = 0
    question: int = 0  # the one under way
    compared: tuple[int, int] = (0, 0)  # the sums (theirs, ours) that it is about
    explained: tuple[int, int] = (0, 0)  # sums that differ, but a list gave no reason for doubt


class Support:
    """All promises of one node, given and got.

    1. `table.promised` holds a node from the start of a stretch until its `Lapsed` is among the inputs.
    2. No new stretch begins in the step in which the old one lapsed, nor while `hold` holds it: groups hear of the
       lapse first, all of them.
    """

    def __init__(
        self, node: int, life: int, settings: Settings, table: Table, now: float, restarted: bool = True
    ) -> None:
        """`table` is the one that the cores read; `restarted`: an earlier life may have promised something (P6)."""
        assert 0 < life < 1 << (64 - LIFE_SHIFT), "a life is a small count that begins at 1"
        self.node = node
        self.life = life
        self.sleepers = Sleepers()
        self.quiet_until = now + settings.support_seconds if restarted else now
        self._table = table
        self._seconds = settings.support_seconds
        self._every = settings.support_every_seconds
        error = settings.clock_rate_error
        self._lease_seconds = self._seconds * (1 - error) / (1 + error)
        self._partners: dict[int, _Partner] = {}
        self._asked: tuple[int, ...] = ()
        self._ask_at = now
        self._ticked = now
        self.wake_at = float("inf")  # when `tick` is due; infinity if nobody is asked and no promise runs
        self._stretches = 0
        self._questions = 0
        self._ready = SupportReady()

    def share(self, nodes: Iterable[int]) -> None:
        """The nodes with which this one shares groups: those are asked."""
        self._asked = tuple(sorted(set(nodes) - {self.node}))
        if self._asked:
            self.wake_at = min(self.wake_at, self._ask_at)

    @property
    def has_more(self) -> bool:
        """Whether there is something to be done."""
        return bool(self._ready.messages or self._ready.inputs)

    def hold(self, node: int, held: bool) -> None:
        """Begin no new stretch with this node while not all groups have been told of the lapse (P2)."""
        self._partner(node).held = held

    def ready(self) -> SupportReady:
        """What is to be done since the last call; taken once."""
        ready, self._ready = self._ready, SupportReady()
        return ready

    def tick(self, now: float) -> None:
        """Time is now: ask who is to be asked, and act on promises that have ended. After the step's messages (Z7)."""
        paused = now - self._ticked > self._seconds / 2 and bool(self._partners)
        self._ticked = now
        if now >= self._ask_at:
            self._ask_at = now + self._every
            for node in self._asked:
                self._ask(node, now)
        if paused:  # what came meanwhile may not all be taken in yet
            self.wake_at = now + MOMENT_SECONDS
            return
        self.wake_at = self._ask_at if self._asked else float("inf")
        for node, partner in self._partners.items():
            if partner.promised and partner.promised_until <= now:
                self._lapse(node, partner, now)
            if partner.granted and partner.granted_until <= now:
                partner.granted = False
                self._ready.inputs.append(Unsupported(node))
            for runs, until in ((partner.promised, partner.promised_until), (partner.granted, partner.granted_until)):
                if runs:
                    self.wake_at = min(self.wake_at, until)

    def take(self, source: int, message: SupportMessage, now: float) -> None:
        """A message of another node's support has come."""
        match message:
            case Ask():
                self.on_ask(source, message, now)
            case Grant():
                self.on_grant(source, message, now)
            case AskSleepers():
                self._send(source, SleepersAre(message.question, self.sleepers.led(source)))
            case SleepersAre():
                self.on_sleepers(source, message)

    # -- giving ----------------------------------------------------------------------------------------------------

    def on_ask(self, source: int, ask: Ask, now: float) -> None:
        """P1: promise, unless P6 or P7 forbid it."""
        partner = self._partner(source)
        if ask.life < partner.life:
            return  # late, from a former life
        if ask.life > partner.life:
            if partner.promised:
                self._lapse(source, partner, now)
            partner.life, partner.heard = ask.life, ask.stamp
        partner.heard = max(partner.heard, ask.stamp)
        self._compare(source, partner, ask.asleep)
        heard = self._heard_lately(ask, now)
        if not heard and now - partner.asked > self._seconds / 2:
            self._ask(source, now)
        if now < self.quiet_until or not ask.seconds <= self._seconds or not heard:
            return
        if not partner.promised:
            if partner.lapsed_at >= now or partner.held:
                return
            self._stretches += 1
            partner.stretch = (self.life << LIFE_SHIFT) + self._stretches
            partner.promised = True
            self._table.promised[source] = partner.stretch
        partner.promised_until = now + self._seconds
        self.wake_at = min(self.wake_at, partner.promised_until)
        self._send(source, Grant(ask.life, ask.stamp, partner.stretch))

    def _heard_lately(self, ask: Ask, now: float) -> bool:
        """P7; the stamp that comes back is of our own clock, so it can be compared."""
        return ask.heard_life == self.life and 0.0 <= now - ask.heard <= HEARD_PROMISES * self._seconds

    def _lapse(self, node: int, partner: _Partner, now: float) -> None:
        """P2: the stretch is over."""
        partner.promised = False
        partner.lapsed_at = now
        self._table.promised.pop(node, None)
        self._ready.inputs.append(Lapsed(node))

    # -- asking ----------------------------------------------------------------------------------------------------

    def _ask(self, node: int, now: float) -> None:
        """P4: the stamp is taken here, before the message meets any queue."""
        partner = self._partner(node)
        partner.asked = now
        asleep = self.sleepers.led_sum(node)
        self._send(node, Ask(self.life, now, self._seconds, partner.heard, partner.life, asleep))

    def on_grant(self, source: int, grant: Grant, now: float) -> None:
        """P4: count from the stamp. The groups hear of it only if the stretch is new or an earlier one had run out."""
        partner = self._partner(source)
        until = grant.stamp + self._lease_seconds
        if grant.asker_life != self.life or not grant.stamp <= partner.asked or until <= now:
            return
        if grant.stretch < partner.granted_stretch:
            return  # late, from an earlier stretch
        fresh = not partner.granted or partner.granted_until <= now or grant.stretch != partner.granted_stretch
        partner.granted_until = until if fresh else max(until, partner.granted_until)
        partner.granted, partner.granted_stretch = True, grant.stretch
        self.wake_at = min(self.wake_at, until)
        self._table.grant(source, grant.stretch, until)
        if fresh:
            self._ready.inputs.append(Supported(source, grant.stretch, until))

    # -- sleep -----------------------------------------------------------------------------------------------------

    def _compare(self, source: int, partner: _Partner, asleep: int) -> None:
        """Z3: if the sums differ and nobody knows why, have the list sent."""
        sums = (asleep, self.sleepers.followed_sum(source))
        if sums[0] == sums[1] or sums == partner.explained:
            return
        partner.compared = sums
        self._questions += 1
        partner.question = self._questions
        self._send(source, AskSleepers(partner.question))

    def on_sleepers(self, source: int, answer: SleepersAre) -> None:
        """Z3: a list counts only as the answer to the question under way."""
        partner = self._partner(source)
        if answer.question != partner.question or not answer.question:
            return
        partner.question = 0
        groups = self.sleepers.doubtful(source, answer.groups)
        if not groups:
            partner.explained = partner.compared
        else:
            self._ready.inputs.append(Doubtful(source, groups))

    def _partner(self, node: int) -> _Partner:
        partner = self._partners.get(node)
        if partner is None:
            partner = self._partners[node] = _Partner()
        return partner

    def _send(self, node: int, message: SupportMessage) -> None:
        self._ready.messages.append((node, message))
