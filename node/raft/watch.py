"""What a leader checks of itself, at each heartbeat and at each tick while it sleeps.

Owns check-quorum, the stalled disk, the transfer that does not end, the loss of support.
Does not own what is sent (node/raft/sending.py). Read next: node/raft/sleep.py.
"""

from math import inf
from typing import TYPE_CHECKING

from node.raft.candidate import campaign
from node.raft.leader import leave_office
from node.raft.leases import lease_until, supported
from node.raft.progress import Leadership
from node.raft.quorum import reached_by_majority
from node.raft.sending import beat
from node.raft.sleep import rest

if TYPE_CHECKING:
    from node.raft.core import Raft


def on_leader_tick(raft: "Raft", lead: Leadership) -> None:
    """Go on leading, or stop; then the heartbeat that is due, or sleep."""
    if raft.settings.support and _unsupported(raft, lead):
        leave_office(raft)
    elif raft.now < raft.deadline:
        return
    elif raft.asleep:
        raft.deadline = inf  # its support was in doubt, and is there
    elif _transfer_failed(raft, lead):
        leave_office(raft, successor=True)
        campaign(raft)  # in a term of its own choosing it may have a lease again (P5)
    elif not lead.others:
        raft.deadline = inf
    elif _unheard(raft, lead) or _stalled(raft, lead):
        leave_office(raft)
    elif not rest(raft, lead):
        _beat(raft, lead)


def _beat(raft: "Raft", lead: Leadership) -> None:
    for standing in lead.others:
        standing.silent += 1
    beat(raft, lead)
    lead.beat_at = raft.deadline = raft.settings.next_beat(raft.now)


def _unheard(raft: "Raft", lead: Leadership) -> bool:
    """Check-quorum, in beats and not in seconds: a pause of this node is not the silence of others."""
    settings = raft.settings
    if settings.support or not settings.check_quorum:
        return False
    limit = -settings.silent_beats_max
    return any(reached_by_majority([-each.silent for each in half]) <= limit for half in lead.halves)


def _stalled(raft: "Raft", lead: Leadership) -> bool:
    """Whether the own journal stands still while others could lead (traps 11)."""
    log = raft.log
    moving = log.stable == log.last_index or log.stable > lead.marked
    lead.stalled = 0 if moving else lead.stalled + 1
    lead.marked = log.stable
    return lead.stalled > raft.settings.stalled_beats_max and not lead.alone()


def _transfer_failed(raft: "Raft", lead: Leadership) -> bool:
    """A transfer's time is up: True if the lease was given up for it, else go on as before (P5)."""
    if not lead.target or raft.now < lead.target_until:
        return False
    lead.target, told = 0, lead.told
    return told and raft.settings.support and raft.may_campaign


def _unsupported(raft: "Raft", lead: Leadership) -> bool:
    """Z6: a leader, asleep too, that lacks a quorum's support for long enough must stop. Who has a lease has it.

    Who sleeps sleeps on until then: a grant is all that it waits for, and that is asked for by the node.
    """
    if lease_until(raft) > raft.now or supported(raft):
        lead.lacking_since = None
        return False
    if lead.lacking_since is None:
        lead.lacking_since = raft.now
    until = lead.lacking_since + raft.settings.unsupported_seconds_max
    if raft.asleep:
        raft.deadline = until
    return raft.now >= until
