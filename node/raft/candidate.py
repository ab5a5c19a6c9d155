"""Elections: pre-vote, vote, and the campaign that a leader asks for (paper 5.2, 5.4.1; thesis 9.6, 3.10).

Owns VoteRequest, VoteReply and TimeoutNow. Does not own who may not vote because of a promise
(node/raft/leases.py, asked at the gate in node/raft/gate.py). Read next: node/raft/leader.py.
"""

from typing import TYPE_CHECKING

from node.raft.follower import on_silence
from node.raft.leader import take_office
from node.raft.leases import bound, only_voter, pace, supported
from node.raft.membership import is_voter, members
from node.raft.messages import Campaign, Role, TimeoutNow, VoteReply, VoteRequest
from node.raft.quorum import outcome
from node.raft.sleep import ask

if TYPE_CHECKING:
    from node.raft.core import Raft


def on_deadline(raft: "Raft") -> None:
    """Nobody has been heard for long: campaign, or ask the leader to whom a promise binds (Z4)."""
    if not on_silence(raft):
        return
    if bound(raft, raft.replica):
        ask(raft)
    elif raft.settings.support and not supported(raft):
        _wait(raft, unanswered=True)  # a campaign could not be won: no quorum is in reach (Z5)
    else:
        stand(raft)


def on_campaign(raft: "Raft", _: Campaign) -> None:
    """The host wants an election here and now; only if nobody leads and nothing forbids it."""
    if raft.leader == 0 and not raft.asleep:
        raft.deadline = raft.now
        on_deadline(raft)


def stand(raft: "Raft") -> None:
    """Begin an election: the only voter elects itself, others ask first whether they could win (thesis 9.6)."""
    if only_voter(raft) or not raft.settings.pre_vote:
        campaign(raft)
        return
    unanswered = raft.role is Role.CANDIDATE
    raft.role, raft.pre, raft.leader = Role.CANDIDATE, True, 0
    raft.votes = {raft.replica: True}
    _wait(raft, unanswered)
    request = VoteRequest(raft.term + 1, raft.log.last, pre=True)
    for member in members(raft.configuration):
        if member.replica != raft.replica and is_voter(raft.configuration, member.replica):
            raft.send(member.replica, request)


def _wait(raft: "Raft", unanswered: bool) -> None:
    """A new election timer; after a question that too few have answered it is twice as long, up to a bound.

    They are out of reach, or so busy that answers take longer than the timer: then asking as often as before, in each
    of many groups, is what keeps them busy.
    """
    before = raft.patience
    raft.wait_anew()
    if unanswered and raft.settings.support:
        raft.patience = max(raft.patience, min(2 * before, raft.settings.election_seconds_max))
        raft.deadline = raft.now + max(raft.patience, pace(raft))


def campaign(raft: "Raft", forced: bool = False) -> None:
    """Stand for election in the next term (paper 5.2). The requests promise the own vote, so they wait for the disk."""
    raft.set_term(raft.term + 1, vote=raft.replica)
    raft.role, raft.pre, raft.follow, raft.asleep = Role.CANDIDATE, False, None, False
    raft.votes = {raft.replica: True}
    raft.wait_anew()
    request = VoteRequest(raft.term, raft.log.last, forced=forced)
    for member in members(raft.configuration):
        if member.replica != raft.replica and is_voter(raft.configuration, member.replica):
            raft.promise(member.replica, request)
    _count(raft)


def on_vote_request(raft: "Raft", source: int, message: VoteRequest) -> None:
    """Vote for whoever's log is at least as complete (paper 5.4.1), once a term, and not against a known leader."""
    last = raft.log.last
    complete = (message.last.term, message.last.index) >= (last.term, last.index)
    if message.pre:
        granted = complete and message.term > raft.term
        raft.send(source, VoteReply(message.term if granted else raft.term, granted, pre=True))
        return
    if not complete or raft.vote not in (0, source) or raft.leader not in (0, source):
        raft.send(source, VoteReply(raft.term, False))
        return
    raft.become_follower()
    raft.vote, raft.follow = source, None
    raft.changed = True  # also for a repeated vote: the first may not be durable yet (traps 1)
    raft.promise(source, VoteReply(raft.term, True))


def on_vote_reply(raft: "Raft", source: int, message: VoteReply) -> None:
    """Count one voter's answer, if it is to the question now asked."""
    asked = raft.term + 1 if raft.pre and message.granted else raft.term
    if raft.votes is None or message.pre != raft.pre or message.term != asked:
        return
    raft.votes[source] = message.granted
    _count(raft)


def _count(raft: "Raft") -> None:
    assert raft.votes is not None, "only candidates count votes"
    won = outcome(raft.configuration, raft.votes)
    if won is None:
        return
    if not won:
        raft.role, raft.votes = Role.FOLLOWER, None  # the timer goes on
    elif not raft.pre:
        take_office(raft)
    elif not bound(raft, raft.replica):
        campaign(raft)


def on_timeout_now(raft: "Raft", source: int, message: TimeoutNow) -> None:
    """The leader hands its place over (P5): campaign at once, past every promise, once."""
    if raft.leadership is None and raft.may_campaign and raft.leader in (0, source):
        campaign(raft, forced=True)
