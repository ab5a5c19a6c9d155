"""What a message meets before its own function: first the promise gate (P3), then the term gate (paper 5.1), once.

Owns who may be heard at all. Does not own what a message does. Read next: node/raft/follower.py.
"""

from math import inf
from typing import TYPE_CHECKING

from node.raft.leader import leave_office
from node.raft.leases import bound
from node.raft.messages import (
    Append,
    AskLeader,
    GoToSleep,
    Heartbeat,
    HeartbeatReply,
    Message,
    Role,
    SnapshotOffer,
    Stopped,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from node.raft.sleep import greet

if TYPE_CHECKING:
    from node.raft.core import Raft

_FROM_LEADERS = (Append, Heartbeat, SnapshotOffer, GoToSleep)
_OF_ANOTHER_TERM = (AskLeader, Stopped)  # they name the term that they are about, and change none


def passes(raft: "Raft", source: int, message: Message) -> bool:
    """Whether the message is to be acted on; afterwards its term is the replica's, pre-votes apart."""
    kind = type(message)
    if kind in _FROM_LEADERS and _expects_its_split(raft):
        return False
    if kind is VoteRequest or kind is VoteReply or kind is TimeoutNow:
        if not _election_passes(raft, source, message):
            return False
        if kind is not TimeoutNow and message.pre and (kind is VoteRequest or message.granted):  # type: ignore[union-attr]
            return True  # a term that nobody has yet
    elif kind in _OF_ANOTHER_TERM:
        return True
    if message.term > raft.term:
        _rise(raft, message.term, kind in _FROM_LEADERS)
    elif message.term < raft.term:
        _answer_old(raft, source, message)
        return False
    return True


def _election_passes(raft: "Raft", source: int, message: Message) -> bool:
    """The promise gate: while bound, votes for others do not exist, nor does the term of a rejection (P3, P6)."""
    if type(message) is VoteReply:
        return message.granted or not bound(raft, 0)
    if raft.now < raft.quiet_until:
        return False
    if type(message) is not VoteRequest or message.forced:
        return True
    if bound(raft, source):
        lead = raft.leadership
        standing = lead.standing(source) if lead is not None else None
        if lead is not None and standing is not None:
            greet(raft, lead, standing)  # it has not heard who leads
        return False
    if not _faithful(raft, source):
        return True
    if message.pre:  # its term must be heard (traps 8)
        raft.send(source, VoteReply(raft.term, False, pre=True))
    return False


def _expects_its_split(raft: "Raft") -> bool:
    """A replica that was named to its node before it knows anything is, as a rule, the right side of a split that is
    about to be applied here, which makes it whole. If it answered at once it would be sent a snapshot: so it hears
    no leader until its first timer has run out."""
    knows_nothing = not raft.configuration.voters and not raft.leader
    return knows_nothing and raft.settings.newcomer_waits and raft.now < raft.deadline < inf


def _faithful(raft: "Raft", source: int) -> bool:
    """Without node support: a leader heard within the shortest election timeout is not given up (thesis 4.2.3)."""
    settings = raft.settings
    if settings.support or not settings.check_quorum or raft.leader in (0, source):
        return False
    return raft.role is Role.LEADER or raft.now < raft.deadline - raft.patience + settings.election_seconds_min


def _rise(raft: "Raft", term: int, led: bool) -> None:
    """A newer term: whatever this replica was, it is a follower now. A follower's timer goes on."""
    lead = raft.leadership
    if lead is not None:
        leave_office(raft, successor=led or lead.told)
    asleep, role = raft.asleep, raft.role
    raft.set_term(term)
    if asleep or role is not Role.FOLLOWER:
        raft.become_follower()


def _answer_old(raft: "Raft", source: int, message: Message) -> None:
    """Let the sender of an older term know the newer one; whatever else it says is dropped."""
    if type(message) is VoteRequest:
        raft.send(source, VoteReply(raft.term, False, message.pre))
    elif type(message) in _FROM_LEADERS:
        raft.send(source, HeartbeatReply(raft.term, 0))
