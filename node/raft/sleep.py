"""Sleep of idle groups (rules Z1 to Z7 of node/support.py), as far as it lives in one group.

Owns when a group goes to sleep, what wakes it, and the questions that keep both sides of one mind.
Does not own promises (node/raft/leases.py). Read next: node/raft/follower.py.
"""

from math import inf
from typing import TYPE_CHECKING

from node.raft.follower import hear, raise_commit
from node.raft.leases import bound, lease_until, pace, stretch, supported, turn, unfollow
from node.raft.messages import AskLeader, GoToSleep, Heartbeat, HeartbeatReply, Role, Stopped, Supported, Wake

if TYPE_CHECKING:
    from node.raft.core import Raft
    from node.raft.progress import Leadership, Standing


def rest(raft: "Raft", lead: "Leadership") -> bool:
    """Put the group to sleep if there is nothing to do and nobody lags (Z1); whether it sleeps now."""
    if not raft.settings.support or raft.now - lead.active_at < raft.settings.idle_seconds or not _settled(raft, lead):
        return False
    living = [each for each in lead.others if raft.support.runs(each.member.node, raft.now)]
    if lease_until(raft) <= raft.now or any(not _follows(raft, each) for each in living):
        return False
    for standing in living:
        raft.send(standing.member.replica, GoToSleep(raft.term, raft.commit))
    raft.asleep = True
    raft.deadline = inf
    return True


def _settled(raft: "Raft", lead: "Leadership") -> bool:
    """Whether all that was begun is done: everything applied, no joint configuration, no transfer, no read."""
    idle = raft.applied == raft.log.last_index and raft.applied >= lead.first
    return idle and not raft.configuration.outgoing and not lead.target and not lead.reads.tokens()


def _follows(raft: "Raft", standing: "Standing") -> bool:
    """Whether a follower holds everything and has acknowledged in the stretch of its node's promise."""
    grant = raft.support.granted.get(standing.member.node)
    return standing.match == raft.log.last_index and grant is not None and grant[0] == standing.stretch


def on_supported(raft: "Raft", event: Supported) -> None:
    """A grant has come. Who has not acknowledged in its stretch is to be heard again, and nobody else (P2, Z7)."""
    raft.support.grant(event.node, event.stretch, event.until)
    lead = raft.leadership
    if lead is not None:
        for standing in lead.others:
            if standing.member.node == event.node and standing.stretch != event.stretch:
                greet(raft, lead, standing)
    elif not raft.leader and not raft.asleep and raft.follow is None and supported(raft):
        raft.deadline = min(raft.deadline, raft.now + turn(raft, crowd=raft.support.awake))  # a quorum is in reach


def greet(raft: "Raft", lead: "Leadership", standing: "Standing") -> None:
    """Let one follower hear its leader: it sleeps on if the group sleeps and it lacks nothing."""
    target = standing.member.replica
    if raft.asleep and standing.match == raft.log.last_index:
        raft.send(target, GoToSleep(raft.term, raft.commit))
    elif raft.asleep:
        rouse(raft, lead)
    elif raft.log.stable >= lead.first:
        raft.send(target, Heartbeat(raft.term, min(raft.applied, raft.commit, standing.match), lead.reads.number))


def rouse(raft: "Raft", lead: "Leadership") -> None:
    """A leader has something to do: heartbeats go again, from now on."""
    lead.active_at = raft.now
    if raft.asleep:
        raft.asleep = False
        raft.deadline = lead.beat_at = raft.now


def on_wake(raft: "Raft", _: Wake) -> None:
    """A request has come (Z4): a leader goes on, a bound follower asks its leader, an unbound one campaigns in turn."""
    if raft.leadership is not None:
        rouse(raft, raft.leadership)
    elif raft.asleep or not raft.leader:
        raft.asleep = False
        if bound(raft, raft.replica):
            ask(raft)
        else:
            raft.deadline = min(raft.deadline, raft.now + turn(raft))


def ask(raft: "Raft") -> None:
    """Ask the silent leader to which a promise binds (Z4)."""
    assert raft.follow is not None, "a bound follower follows somebody"
    raft.send(raft.follow.replica, AskLeader(raft.follow.term))
    raft.deadline = raft.now + max(raft.settings.ask_seconds, pace(raft))


def on_ask_leader(raft: "Raft", source: int, message: AskLeader) -> None:
    """Do you lead in that term? Yes is a heartbeat (or the sleep that goes on); no is final for the term."""
    lead = raft.leadership
    if lead is not None and raft.term == message.term:
        standing = lead.standing(source)
        if standing is not None:
            greet(raft, lead, standing)
    elif raft.term >= message.term:
        raft.send(source, Stopped(message.term))


def on_stopped(raft: "Raft", source: int, message: Stopped) -> None:
    """A leader has stopped (Z2): final for its term, and it releases only who follows it at or below that term."""
    raft.stopped = max(raft.stopped, message.term)
    if raft.follow is not None and raft.follow.replica == source and raft.follow.term <= message.term:
        unfollow(raft)


def on_go_to_sleep(raft: "Raft", source: int, message: GoToSleep) -> None:
    """The leader sleeps. Sleep too if nothing is missing here, it is followed, and a lapse will wake us (Z1)."""
    hear(raft, source)
    number = stretch(raft)
    if raft.restoring is None and raft.log.last_index == message.commit:
        raise_commit(raft, message.commit)
        if number and raft.role is Role.FOLLOWER:
            raft.asleep = True
            raft.deadline = inf
    raft.send(source, HeartbeatReply(raft.term, 0, number))
