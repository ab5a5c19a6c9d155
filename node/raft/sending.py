"""What a leader sends: Appends under limits, heartbeats, snapshots' beginnings.

Owns the flow of entries to followers (thesis 10.2.1). Does not own what replies mean (node/raft/leader.py).
Read next: node/raft/watch.py.
"""

from typing import TYPE_CHECKING

from node.raft.messages import Append, Heartbeat, Message, Position
from node.raft.progress import Leadership, Sending, Standing

if TYPE_CHECKING:
    from node.raft.core import Raft


def pump(raft: "Raft", lead: Leadership) -> None:
    """Send every follower what it may be sent now. Nothing leaves before the term is durable here."""
    lead.pump = False
    if raft.log.stable >= lead.first or not lead.alone():
        for standing in lead.others:
            feed(raft, lead, standing)
        lead.cut = None


def resume(raft: "Raft", lead: Leadership, standing: Standing, empty: bool = False) -> None:
    """Go on with one follower at once; `empty` sends an Append without entries, which it refuses if it lacks some."""
    if empty:
        append(raft, lead, standing, empty)
    else:
        feed(raft, lead, standing)
    lead.cut = None


def feed(raft: "Raft", lead: Leadership, standing: Standing) -> None:
    """Send one follower its next entries: a pipeline, or one probe, or the wish for a snapshot."""
    last, offset = raft.log.last_index, raft.log.offset
    if standing.sending is Sending.STREAM:
        flying_max = raft.settings.in_flight_appends_max
        while offset < standing.next <= last and len(standing.in_flight) < flying_max:
            standing.next += append(raft, lead, standing)
            standing.in_flight += (standing.next - 1,)
    if standing.sending is Sending.SNAPSHOT or standing.paused:
        return
    if standing.next <= offset:
        standing.probe(0)
        standing.sending = Sending.SNAPSHOT
        raft.output().snapshots.append(standing.member.replica)
    elif standing.sending is Sending.PROBE:
        append(raft, lead, standing)
        standing.paused = True


def append(raft: "Raft", lead: Leadership, standing: Standing, empty: bool = False) -> int:
    """One Append from `next` on; returns how many entries it carries.

    The commit index that it names is one that was applied here (M2). Followers that are equally far get the very
    same message, so that it is encoded once.
    """
    message = lead.cut
    if message is None or empty or message.base.index != standing.next - 1:
        message = lead.cut = _append_from(raft, standing.next, empty)
    raft.send(standing.member.replica, message)
    return len(message.entries)


def _append_from(raft: "Raft", first: int, empty: bool) -> Append:
    log, settings = raft.log, raft.settings
    term = log.term(first - 1)
    assert term is not None, "what is before the first entry sent is held"
    entries = [] if empty else log.cut(first, settings.entries_per_append_max, settings.append_bytes_max)
    return Append(raft.term, Position(first - 1, term), entries, min(raft.commit, raft.applied))


def beat(raft: "Raft", lead: Leadership, voters_only: bool = False) -> None:
    """A heartbeat to everyone; none before the term is durable here."""
    if raft.log.stable < lead.first and lead.alone():
        return
    told = min(raft.commit, raft.applied)
    message: Message = Heartbeat(raft.term, told, lead.reads.number)
    for standing in lead.others:
        if voters_only and not standing.voter:
            continue
        if standing.match >= told:
            raft.send(standing.member.replica, message)
        else:
            raft.send(standing.member.replica, Heartbeat(raft.term, standing.match, lead.reads.number))
