"""What a host asks of a leader: to append, to change the members, to hand over, to confirm its leadership.

Owns the conditions under which each is taken. Does not own what follows from it. Read next: node/raft/watch.py.
"""

from itertools import repeat
from typing import TYPE_CHECKING, Any

from node.raft.leader import configure, confirm, hand_over
from node.raft.membership import changed
from node.raft.messages import Change, Entry, Kind, Propose, ReadRound, Transfer
from node.raft.progress import Leadership
from node.raft.sending import beat
from node.raft.sleep import rouse

if TYPE_CHECKING:
    from node.raft.core import Raft

_new: Any = tuple.__new__  # makes an Entry in half the time that its own constructor takes


def on_propose(raft: "Raft", event: Propose) -> None:
    """Append commands to the leader's log; they leave, all together, with the next `ready()`."""
    lead = raft.leadership
    assert lead is not None and not lead.target, "only a leader that accepts proposals is proposed to"
    assert event.kind == Kind.COMMAND, "other kinds of entries are made by the core"
    raft.log.entries.extend(map(_new, repeat(Entry), zip(repeat(raft.term), repeat(int(Kind.COMMAND)), event.bodies)))
    lead.pump = True
    rouse(raft, lead)


def on_change(raft: "Raft", event: Change) -> None:
    """Change the members, one change at a time, after an entry of the own term is committed (thesis 4.1, erratum)."""
    lead = raft.leadership
    if lead is None:
        raft.refuse("this replica does not lead")
    elif lead.target:
        raft.refuse("leadership is being handed over")
    elif raft.commit < lead.first:
        raft.refuse("no entry of the leader's own term is committed yet")
    elif raft.since > raft.commit:
        raft.refuse("an earlier change is not committed yet")
    else:
        wanted = changed(raft.configuration, event.voters, event.learners)
        if isinstance(wanted, str):
            raft.refuse(wanted)
        else:
            configure(raft, lead, wanted)
            rouse(raft, lead)


def on_transfer(raft: "Raft", event: Transfer) -> None:
    """Hand leadership to a voter: proposals wait, it catches up, and it is told (thesis 3.10, P5)."""
    lead = raft.leadership
    target = lead.standing(event.target) if lead is not None else None
    if lead is None:
        raft.refuse("this replica does not lead")
    elif lead.target:
        raft.refuse("leadership is being handed over")
    elif target is None or not target.voter:
        raft.refuse(f"replica {event.target} is no other voter")
    else:
        rouse(raft, lead)
        lead.target, lead.told = event.target, False
        lead.target_until = raft.now + raft.settings.transfer_seconds
        hand_over(raft, lead)


def on_read_round(raft: "Raft", event: ReadRound) -> None:
    """A token waits for a round that begins after it; who does not lead drops it at once."""
    lead = raft.leadership
    if lead is None:
        raft.output().dropped.append(event.token)
    else:
        lead.reads.waiting += (event.token,)


def begin_round(raft: "Raft", lead: Leadership) -> None:
    """Start a round for all tokens that wait, if an own entry is committed (thesis 6.4) and none is under way."""
    if lead.reads.begun or raft.commit < lead.first:
        return
    rouse(raft, lead)
    lead.reads.begin(raft.commit)
    confirm(lead)
    if lead.reads.begun:
        beat(raft, lead, voters_only=True)
