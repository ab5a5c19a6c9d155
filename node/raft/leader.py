"""What a leader does with replies, and how its commit index rises.

Owns taking and leaving office, counting (paper 5.3, 5.4.2), the followers' answers. Does not own what it sends
(node/raft/sending.py), orders (node/raft/orders.py), or its own checks (node/raft/watch.py). Read next: sending.py.
"""

from math import inf
from typing import TYPE_CHECKING

from node.raft.leases import acknowledged
from node.raft.membership import encode_configuration, is_voter, left, node_of
from node.raft.messages import (
    AppendReject,
    AppendReply,
    Configuration,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Kind,
    Member,
    Role,
    SnapshotOffer,
    SnapshotSent,
    Stopped,
    TimeoutNow,
)
from node.raft.progress import Leadership, Sending
from node.raft.quorum import reached_by_majority
from node.raft.sending import resume

if TYPE_CHECKING:
    from node.raft.core import Raft


def take_office(raft: "Raft") -> None:
    """The election is won: an entry of the own term at once (thesis 6.4), probes to everyone."""
    assert raft.role is Role.CANDIDATE and not raft.pre, "only candidates win elections"
    first = raft.log.last_index + 1
    lead = Leadership(Member(raft.replica, node_of(raft.configuration, raft.replica)), first, raft.now)
    raft.role, raft.leader, raft.votes, raft.follow = Role.LEADER, raft.replica, None, None
    raft.leadership = lead
    lead.configure(raft.configuration, first)
    lead.own.match = raft.log.stable
    raft.log.entries.append(Entry(raft.term, int(Kind.NOOP), b""))
    lead.beat_at = raft.settings.next_beat(raft.now)
    raft.deadline = lead.beat_at if lead.others else inf


def leave_office(raft: "Raft", successor: bool = False) -> None:
    """Leadership is over. Reads that wait are dropped; without a successor everyone is told (Z2)."""
    lead = raft.leadership
    assert lead is not None, "only leaders leave office"
    raft.output().dropped += lead.reads.tokens()
    if not successor:
        for standing in lead.others:
            raft.send(standing.member.replica, Stopped(raft.term))
    raft.leadership, raft.leader = None, 0
    raft.become_follower()


def persisted(raft: "Raft", lead: Leadership) -> None:
    """The own journal has moved: the leader counts itself as far as its log is durable (traps 3)."""
    stable = raft.log.stable
    if stable > lead.own.match:
        if lead.own.match < lead.first <= stable:
            lead.pump = True
        lead.own.match = stable
        advance(raft, lead)


def advance(raft: "Raft", lead: Leadership) -> None:
    """Commit what a majority of each half holds durably, if it is of the own term (paper 5.4.2, figure 8)."""
    index = min([reached_by_majority([each.match for each in half]) for half in lead.halves])
    if index <= raft.commit or index < lead.first:
        return
    raft.commit = index
    if raft.configuration.outgoing and raft.since <= index:
        configure(raft, lead, left(raft.configuration))


def configure(raft: "Raft", lead: Leadership, configuration: Configuration) -> None:
    """Append a configuration entry; it is in use at once (paper section 6)."""
    raft.log.entries.append(Entry(raft.term, int(Kind.CONFIGURATION), encode_configuration(configuration)))
    raft.adopt(raft.log.last_index, configuration)
    lead.active_at = raft.now
    if lead.others:
        raft.deadline = min(raft.deadline, raft.settings.next_beat(raft.now))


def applied(raft: "Raft", lead: Leadership) -> None:
    """A leader that the applied configuration leaves out tells what it may, and goes (paper section 6)."""
    if raft.since <= raft.applied and not is_voter(raft.configuration, raft.replica):
        for standing in lead.others:
            commit = min(raft.applied, standing.match)
            raft.send(standing.member.replica, Heartbeat(raft.term, commit, lead.reads.number))
        leave_office(raft)


def on_append_reply(raft: "Raft", source: int, message: AppendReply) -> None:
    """A follower durably holds the log up to here."""
    lead = raft.leadership
    standing = lead.standing(source) if lead is not None else None
    if lead is None or standing is None:
        return
    standing.silent = 0
    if message.stretch > standing.stretch:
        acknowledged(raft, standing, message.stretch)
    assert message.matched <= raft.log.last_index, "nobody holds more of the leader's log than the leader"
    if standing.sending is Sending.SNAPSHOT and message.matched < raft.log.offset:
        return  # an older answer: the snapshot is still needed
    rising = message.matched > standing.match
    standing.matched(message.matched)
    if rising and message.matched > raft.commit and standing.voter:
        advance(raft, lead)
    if standing.next <= raft.log.last_index:
        lead.pump = True
    elif lead.target == source:
        hand_over(raft, lead)


def on_append_reject(raft: "Raft", source: int, message: AppendReject) -> None:
    """The logs do not meet there: probe where they may still agree, never at or below what is known to match."""
    lead = raft.leadership
    standing = lead.standing(source) if lead is not None else None
    if lead is None or standing is None:
        return
    standing.silent = 0
    if message.stretch > standing.stretch:
        acknowledged(raft, standing, message.stretch)
    streaming = standing.sending is Sending.STREAM
    stale = message.refused <= standing.match or (not streaming and message.refused != standing.next - 1)
    if stale or standing.sending is Sending.SNAPSHOT:
        return
    hint = message.hint
    following = raft.log.agree(hint.index, hint.term).index + 1 if hint.index >= raft.log.offset else hint.index
    standing.probe(min(message.refused, following))
    resume(raft, lead, standing)


def on_heartbeat_reply(raft: "Raft", source: int, message: HeartbeatReply) -> None:
    """A follower is there: it confirms a round, and shows whether an Append was lost."""
    lead = raft.leadership
    standing = lead.standing(source) if lead is not None else None
    if lead is None or standing is None:
        return
    standing.silent = 0
    if message.stretch > standing.stretch:
        acknowledged(raft, standing, message.stretch)
    if message.round > standing.round:
        standing.round = message.round
        confirm(lead)
    if standing.sending is Sending.PROBE:
        standing.paused = False
        if standing.next <= raft.log.last_index or standing.match < standing.next - 1:
            resume(raft, lead, standing)
    elif standing.in_flight and standing.marked == standing.match:
        # Nothing has moved since its last heartbeat: it refuses an empty Append if one before it was lost.
        resume(raft, lead, standing, empty=standing.next > raft.log.offset)
    standing.marked = standing.match


def confirm(lead: Leadership) -> None:
    """A round is done when a majority of each half has answered it, or one after it (thesis 6.4)."""
    reads = lead.reads
    if reads.begun:
        lead.own.round = reads.number
        if all(reached_by_majority([each.round for each in half]) >= reads.number for half in lead.halves):
            reads.confirm()


def on_snapshot_sent(raft: "Raft", event: SnapshotSent) -> None:
    """The rows are under way, or failed. Either way the next heartbeat's answer lets the log be tried again."""
    lead = raft.leadership
    standing = lead.standing(event.follower) if lead is not None else None
    if standing is None or standing.sending is not Sending.SNAPSHOT:
        return
    standing.probe(0 if event.base is None else event.base.index + 1)
    standing.paused = True
    if event.base is not None:
        configuration = raft.configuration_at(event.base.index)
        raft.send(event.follower, SnapshotOffer(raft.term, event.base, configuration))


def hand_over(raft: "Raft", lead: Leadership) -> None:
    """The target holds everything: the lease is given up first, then it is told to campaign (P5)."""
    standing = lead.standing(lead.target)
    assert standing is not None, "leadership is handed to a member"
    if standing.match == raft.log.last_index and not lead.told:
        lead.given_up = lead.told = True
        raft.send(lead.target, TimeoutNow(raft.term))
