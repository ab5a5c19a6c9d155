"""Leases by support between nodes, as far as they live in one group (rules P1 to P7 of node/support.py).

Owns who is bound by a promise, whom a replica follows, and how long a leader's lease runs.
Does not own the exchange of support between nodes (node/support.py) or sleep (node/raft/sleep.py).
Read next: node/raft/sleep.py.
"""

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from node.raft.membership import node_of
from node.raft.messages import Lapsed, Member, Promised
from node.raft.quorum import agreed, reached_by_majority

if TYPE_CHECKING:
    from node.raft.core import Raft
    from node.raft.progress import Standing

NEVER = -inf  # one object: each core keeps it


class Follow(NamedTuple):
    """The leader from whom a replica last took an Append, heartbeat or snapshot, and in which term (P3)."""

    replica: int
    node: int
    term: int


class Support:
    """What one node has been promised and promises, by node. All cores of a node may share one table.

    1. `promised` holds a node exactly while this node's promise to it runs.
    2. A stretch number never returns, also not in another life of its giver.
    """

    __slots__ = ("awake", "crowd", "granted", "promised", "version")

    def __init__(self) -> None:
        self.granted: dict[int, tuple[int, float]] = {}  # node -> (stretch, until)
        self.promised: dict[int, int] = {}  # node -> stretch
        self.version = 0  # rises with each grant, so that leases are computed once per grant
        self.awake = 0  # how many groups of this node do not sleep
        self.crowd = 0  # how many groups of this node the lapse that is being told concerns (Z5)

    def grant(self, node: int, stretch: int, until: float) -> None:
        """A node has promised support until then; within a stretch an end never moves back (traps 6)."""
        old = self.granted.get(node)
        if old is not None and (old[0] > stretch or (old[0] == stretch and old[1] >= until)):
            return
        self.granted[node] = (stretch, until)
        self.version += 1

    def runs(self, node: int, now: float) -> bool:
        """Whether a node's last promise to this one still runs."""
        grant = self.granted.get(node)
        return grant is not None and grant[1] > now


def on_promised(raft: "Raft", event: Promised) -> None:
    """This node's promise to another runs (again); acknowledgements carry the stretch."""
    raft.support.promised[event.node] = event.stretch


def on_lapsed(raft: "Raft", event: Lapsed) -> None:
    """The promise has ended: follow nobody on that node until it is heard again (P2); its groups campaign (Z5)."""
    raft.support.promised.pop(event.node, None)
    if raft.follow is not None and raft.follow.node == event.node:
        unfollow(raft)


def follow(raft: "Raft", source: int) -> None:
    """The leader of this term has been heard. After its stop for this term it is never followed again (Z1)."""
    if raft.term > raft.stopped:
        raft.follow = Follow(source, node_of(raft.configuration, source), raft.term)


def unfollow(raft: "Raft") -> None:
    """Nobody is followed any more: wake, and campaign in turn (Z5)."""
    assert raft.follow is not None, "somebody was followed"
    gone = raft.follow.replica
    if raft.leader == gone:
        raft.leader = 0
    raft.follow = None
    raft.asleep = False
    if raft.leadership is None:
        raft.deadline = raft.now + turn(raft, gone, raft.support.crowd)


def pace(raft: "Raft") -> float:
    """Seconds between two tries of one group to find a leader, if all groups that are awake here try at that pace.

    Only when, never who may vote: on a node that is too busy to be heard in time, ever more tries keep it so.
    """
    if not raft.settings.spread_seconds:
        return 0.0  # group 0: all others wait for it
    return raft.support.awake / raft.settings.campaigns_per_second_max


def turn(raft: "Raft", gone: int = 0, crowd: int = 0) -> float:
    """Seconds until this replica's turn to campaign: by its rank among the voters without the one that is gone (Z5).

    Each rank has a part of the spread to itself. If a `crowd` of groups wakes together, a part is so long that this
    node does not begin more campaigns in a second than it has time for beside its promises: else these would lapse
    too, and wake still more groups. That is a matter of when, never of who may vote.
    """
    settings = raft.settings
    voters = [each.replica for each in raft.configuration.voters if each.replica != gone]
    spread = settings.spread_seconds
    if spread:
        spread = max(spread, crowd * len(voters) / settings.campaigns_per_second_max)
    if raft.replica not in voters:
        return spread
    return spread * (voters.index(raft.replica) + raft.chance()) / len(voters)


def bound(raft: "Raft", candidate: int) -> bool:
    """Whether a promise forbids this replica to vote for, or to campaign as, `candidate` (P1, P3); 0 is anybody.

    A leader with a quorum's support is bound to itself. A vote for the promised node is allowed.
    """
    if not raft.settings.support:
        return False
    if raft.leadership is not None:
        return candidate != raft.replica and supported(raft)
    held = raft.follow
    if held is None or held.node not in raft.support.promised:
        return False
    return candidate != held.replica and node_of(raft.configuration, candidate) != held.node


def stretch(raft: "Raft") -> int:
    """The number that an acknowledgement to this term's leader carries; 0 if no promise to its node runs (P2)."""
    held = raft.follow
    if held is None or held.term != raft.term:
        return 0
    return raft.support.promised.get(held.node, 0)


def supported(raft: "Raft") -> bool:
    """Whether a quorum of nodes supports this one: it is in reach (Z5, Z6)."""
    return agreed(raft.configuration, _running(raft))


def _running(raft: "Raft") -> Callable[[Member], bool]:
    granted, now, replica = raft.support.granted, raft.now, raft.replica

    def runs(member: Member) -> bool:
        return member[0] == replica or (member[1] in granted and granted[member[1]][1] > now)

    return runs


def lease_until(raft: "Raft") -> float:
    """Until when a quorum's promises, each tied to an acknowledgement of this term, are known to run (P4)."""
    lead = raft.leadership
    if lead is None or raft.commit < lead.first or lead.given_up:
        return -inf
    if lead.lease_version != raft.support.version:
        lead.lease_version = raft.support.version
        if raft.settings.support or lead.alone():
            ends = [[_end(raft, each) for each in half] for half in lead.halves]
            lead.lease = min(reached_by_majority(half) for half in ends)
        else:
            lead.lease = -inf
    return lead.lease


def _end(raft: "Raft", standing: "Standing") -> float:
    """Until when one voter counts: the leader's own node without an end (P4), others by matching numbers (P2)."""
    assert raft.leadership is not None, "only leaders have leases"
    if standing is raft.leadership.own:
        return inf
    grant = raft.support.granted.get(standing.member.node)
    return grant[1] if grant is not None and grant[0] == standing.stretch else -inf


def acknowledged(raft: "Raft", standing: "Standing", number: int) -> None:
    """A follower has acknowledged in this stretch; a late one does not take back a newer one."""
    if number > standing.stretch:
        standing.stretch = number
        assert raft.leadership is not None, "only leaders count acknowledgements"
        raft.leadership.lease_version = -1


def only_voter(raft: "Raft") -> bool:
    """Whether nobody but this replica votes."""
    configuration = raft.configuration
    return [each.replica for each in configuration.voters + configuration.outgoing] == [raft.replica]


def quiet_until(raft: "Raft", now: float) -> float:
    """When a restarted replica may vote and campaign again: one promise long, unless it is its own only voter (P6)."""
    if not raft.settings.support or only_voter(raft) or raft.term == 0:
        return NEVER
    return now + raft.settings.support_seconds
