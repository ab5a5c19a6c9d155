"""The Raft core of one replica: one door in (`step`), one value out (`ready`). Sans-IO.

Owns the replica's state and the changes of it that several roles share. Each role's answers to messages have a
file of their own; the chapter is node/raft/__init__.py. Read next: node/raft/gate.py, node/raft/follower.py.
"""

from collections.abc import Callable, Sequence
from typing import Any

from node.raft import candidate, follower, gate, leader, leases, orders, sending, sleep, watch
from node.raft import messages as m
from node.raft.leases import Follow, Support
from node.raft.log import Log
from node.raft.membership import decode_configuration, is_voter
from node.raft.messages import Configuration, Entry, HardState, Kind, Position, Ready, Role, Status
from node.raft.progress import Leadership
from node.raft.settings import RaftSettings


class Raft:
    """One replica of one group.

    1. base <= handed <= commit <= last and handed <= durable: what is handed out is committed and on the own disk.
    2. `leadership` exists exactly while the role is LEADER, `votes` exactly while it is CANDIDATE.
    3. `configuration` is in use since the entry at `since`, committed or not; `earlier` holds those before it that
       the log can still fall back to, as (index, configuration), rising.
    4. Time only comes by Tick, chance only by the argument; nothing is remembered outside this object and `support`.
    """

    __slots__ = (
        "applied", "asleep", "chance", "changed", "commit", "configuration", "deadline", "earlier", "follow", "handed",
        "leader", "leadership", "log", "now", "out", "patience", "pre", "quiet_until", "replica", "restoring", "role",
        "settings", "since", "stopped", "support", "term", "vote", "votes",
    )  # fmt: skip

    def __init__(
        self,
        replica: int,
        configuration: Configuration,
        hard: HardState,
        base: Position,
        entries: Sequence[Entry],
        applied: int,
        settings: RaftSettings,
        chance: Callable[[], float],
        now: float,
        support: Support | None = None,
    ) -> None:
        """Begin from what is durable. `configuration` is the one at `applied`; `chance` gives numbers in [0, 1).

        Cores of one node may share one `support` table.
        """
        assert base.index <= applied <= base.index + len(entries), "what is applied is held, or the base"
        self.replica = replica
        self.settings = settings
        self.chance = chance
        self.now = now
        self.term, self.vote, _ = hard
        self.log = Log(base, entries)
        self.commit = min(max(hard.commit, applied), self.log.last_index)
        self.applied = self.handed = applied
        self.configuration = configuration
        self.since = 0
        self.earlier: tuple[tuple[int, Configuration], ...] = ()
        self.role = Role.FOLLOWER
        self.leader = 0
        self.leadership: Leadership | None = None
        self.votes: dict[int, bool] | None = None
        self.follow: Follow | None = None
        self.stopped = 0  # the highest term whose leader has said that it stopped (Z2)
        self.support = Support() if support is None else support
        self.restoring: m.SnapshotOffer | None = None
        self.out: Ready | None = None
        self.changed = False  # term or vote differ from what the journal was given
        self.asleep = self.pre = False
        for place, entry in enumerate(entries):
            if entry[1] == Kind.CONFIGURATION:
                known = decode_configuration(entry[2])
                if known.version > self.configuration.version:
                    self.adopt(base.index + place + 1, known)
        self.quiet_until = leases.quiet_until(self, now)
        self.patience = self.deadline = 0.0
        self.wait_anew()
        if leases.only_voter(self):
            self.deadline = now  # nobody else could lead: no wait

    # -- in --------------------------------------------------------------------------------------------------------

    def step(self, event: m.Input) -> None:
        """Take one input; what comes of it is in the next `ready()`."""
        INPUTS[type(event)](self, event)

    def on_tick(self, event: m.Tick) -> None:
        """Time is a number that others bring."""
        self.now = event.now
        if self.leadership is not None:
            watch.on_leader_tick(self, self.leadership)
        elif self.now >= self.deadline:
            candidate.on_deadline(self)

    def on_received(self, event: m.Received) -> None:
        """Both gates, then the message's own function."""
        message = event.message
        if gate.passes(self, event.source, message):
            MESSAGES[type(message)](self, event.source, message)

    def on_persisted(self, event: m.Persisted) -> None:
        """The own disk has answered."""
        self.log.persisted(event.term, event.index)
        if self.leadership is not None:
            leader.persisted(self, self.leadership)

    def on_applied_to(self, event: m.AppliedTo) -> None:
        """The machine has come so far."""
        assert self.applied <= event.index <= self.handed, "only what was handed out is applied"
        self.applied = event.index
        lead = self.leadership
        if lead is not None and not lead.own.voter:
            leader.applied(self, lead)

    def on_compact(self, event: m.Compact) -> None:
        """Forget what the state holds durably; never more than is applied and durable here."""
        index = min(event.index, self.applied, self.log.stable)
        if index > self.log.offset:
            self.log.compact(index)
            if self.since <= index:
                self.earlier = ()
            while len(self.earlier) > 1 and self.earlier[1][0] <= index:
                self.earlier = self.earlier[1:]

    # -- out -------------------------------------------------------------------------------------------------------

    def ready(self) -> Ready | None:
        """All that is to be done now, handed out once; None if nothing is."""
        lead, log = self.leadership, self.log
        if lead is not None:
            self._work(lead)
        fresh = log.submitted < log.offset + len(log.entries)
        upto = min(self.commit, log.stable)
        committed = upto > self.handed and self.restoring is None
        out = self.out
        if out is None:
            if not (fresh or committed or self.changed):
                return None
            out = Ready()
        self.out = None
        if fresh:
            out.first, out.entries = log.take()
        if fresh or self.changed or out.base is not None:
            out.hard = HardState(self.term, self.vote, self.commit)
            self.changed = False
        if committed:
            out.commit_first = self.handed + 1
            out.committed = log.slice(out.commit_first, upto)
            self.handed = upto
        return out

    def _work(self, lead: Leadership) -> None:
        """What a leader gathers until it is asked: Appends and leadership rounds go out once for many inputs."""
        reads = lead.reads
        if reads.waiting:
            orders.begin_round(self, lead)
        if lead.pump:
            sending.pump(self, lead)
        if reads.done:
            rounds = reads.take(self.applied)
            if rounds:
                self.output().rounds += rounds

    def output(self) -> Ready:
        """The Ready that is being gathered."""
        if self.out is None:
            self.out = Ready()
        return self.out

    def send(self, target: int, message: m.Message) -> None:
        """A message that may leave at once."""
        out = self.out
        if out is None:
            out = self.out = Ready()
        out.messages.append((target, message))

    def promise(self, target: int, message: m.Message) -> None:
        """A message that leaves only when all that was given to the journal is durable."""
        out = self.out
        if out is None:
            out = self.out = Ready()
        out.promises.append((target, message))

    def order(self, event: m.Change | m.Transfer) -> str | None:
        """Step an order; why it was not taken, which no later Ready tells again."""
        self.step(event)
        out = self.out
        if out is None:
            return None
        why, out.refused = out.refused, None
        return why

    def refuse(self, why: str) -> None:
        """An order was not taken."""
        self.output().refused = why

    # -- what several roles share ----------------------------------------------------------------------------------

    def set_term(self, term: int, vote: int = 0) -> None:
        """A newer term: no vote in it but this one, no leader known."""
        assert term > self.term, "terms only rise"
        self.term, self.vote, self.leader = term, vote, 0
        self.changed = True

    def become_follower(self) -> None:
        """Follow in the present term, awake, with a new election timer.

        Who knows of no members yet waits once for its split (gate.py), however often it votes meanwhile.
        """
        assert self.leadership is None, "a leader leaves office first"
        self.role, self.votes, self.asleep = Role.FOLLOWER, None, False
        if self.configuration.voters:
            self.wait_anew()

    def wait_anew(self) -> None:
        """A new random election timer (paper 5.2)."""
        self.patience = self.settings.election_seconds_min * (1.0 + self.chance())
        self.deadline = self.now + self.patience

    def adopt(self, index: int, configuration: Configuration) -> None:
        """Use the configuration of the entry (or snapshot) at this index from now on (paper section 6)."""
        self.earlier += ((self.since, self.configuration),)
        self.begin_with(index, configuration)

    def begin_with(self, index: int, configuration: Configuration) -> None:
        """Like `adopt`, but what was in use till now is not fallen back to."""
        self.since, self.configuration = index, configuration
        if self.leadership is not None:
            self.leadership.configure(configuration, index)

    def forget_configurations(self, first: int) -> None:
        """Entries from `first` on were overwritten: their configurations never were."""
        while self.earlier and self.since >= first:
            self.since, self.configuration = self.earlier[-1]
            self.earlier = self.earlier[:-1]

    def configuration_at(self, index: int) -> Configuration:
        """The configuration as of an index that is held."""
        if self.since <= index or not self.earlier:
            return self.configuration
        return next((each for place, each in reversed(self.earlier) if place <= index), self.earlier[0][1])

    # -- what a host looks at --------------------------------------------------------------------------------------

    @property
    def last(self) -> Position:
        """The last entry that is held, durable or not."""
        return self.log.last

    @property
    def may_campaign(self) -> bool:
        """Whether this replica is a voter in the configuration in use, or in the one that it may still fall back to.

        Who is left out by an entry that is not known to be committed may be the only one that holds it, and be
        needed to finish the change (thesis 4.2.2).
        """
        for index, configuration in ((self.since, self.configuration), *reversed(self.earlier)):
            if is_voter(configuration, self.replica):
                return True
            if index <= self.commit:
                break
        return False

    @property
    def accepts_proposals(self) -> bool:
        """Whether this replica leads and hands its place to nobody."""
        lead = self.leadership
        return lead is not None and not lead.target

    @property
    def serves(self) -> bool:
        """Whether this leader has applied an entry of its own term (L1)."""
        lead = self.leadership
        return lead is not None and self.applied >= lead.first

    @property
    def lease_until(self) -> float:
        """Until when this leader may read without asking, in seconds of the node's clock; -inf without a lease (P4)."""
        return leases.lease_until(self)

    def status(self) -> Status:
        """Everything that may be shown of this replica."""
        lead = self.leadership
        progress = () if lead is None else tuple(each.progress() for each in lead.others)
        return Status(
            self.replica, self.role, self.term, self.vote, self.leader, self.commit, self.applied, self.log.base,
            tuple(self.log.entries), self.configuration, progress, self.asleep, self.lease_until,
        )  # fmt: skip


INPUTS: dict[type, Callable[[Raft, Any], None]] = {
    m.Tick: Raft.on_tick,
    m.Received: Raft.on_received,
    m.Propose: orders.on_propose,
    m.Change: orders.on_change,
    m.Persisted: Raft.on_persisted,
    m.AppliedTo: Raft.on_applied_to,
    m.ReadRound: orders.on_read_round,
    m.Transfer: orders.on_transfer,
    m.Supported: sleep.on_supported,
    m.Lapsed: leases.on_lapsed,
    m.Promised: leases.on_promised,
    m.SnapshotSent: leader.on_snapshot_sent,
    m.Restored: follower.on_restored,
    m.NotRestored: follower.on_not_restored,
    m.Compact: Raft.on_compact,
    m.Wake: sleep.on_wake,
    m.Campaign: candidate.on_campaign,
}

MESSAGES: dict[type, Callable[[Raft, int, Any], None]] = {
    m.VoteRequest: candidate.on_vote_request,
    m.VoteReply: candidate.on_vote_reply,
    m.Append: follower.on_append,
    m.AppendReply: leader.on_append_reply,
    m.AppendReject: leader.on_append_reject,
    m.Heartbeat: follower.on_heartbeat,
    m.HeartbeatReply: leader.on_heartbeat_reply,
    m.SnapshotOffer: follower.on_snapshot_offer,
    m.TimeoutNow: candidate.on_timeout_now,
    m.GoToSleep: sleep.on_go_to_sleep,
    m.Stopped: sleep.on_stopped,
    m.AskLeader: sleep.on_ask_leader,
}
