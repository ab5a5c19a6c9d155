"""What a replica does with its leader's messages, and with silence.

Owns Append, Heartbeat, SnapshotOffer and Restored, and the election timer of who does not lead.
Does not own votes (node/raft/candidate.py) or promises (node/raft/leases.py). Read next: node/raft/candidate.py.
"""

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

from node.raft.leases import follow, stretch
from node.raft.membership import decode_configuration
from node.raft.messages import (
    Append,
    AppendReject,
    AppendReply,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Kind,
    NotRestored,
    Restored,
    Role,
    SnapshotOffer,
)

if TYPE_CHECKING:
    from node.raft.core import Raft


def hear(raft: "Raft", source: int) -> None:
    """This term's leader has been heard: a candidate follows it (paper 5.2), the timer begins anew."""
    assert raft.leadership is None, "two leaders in one term"
    if raft.role is not Role.FOLLOWER:
        raft.role = Role.FOLLOWER
        raft.votes = None
    held = raft.follow
    if held is None or held.term != raft.term or not held.node:
        follow(raft, source)
    if raft.leader != source and raft.term > raft.stopped:
        raft.leader = source
    raft.asleep = False
    raft.deadline = raft.now + raft.patience


def on_append(raft: "Raft", source: int, message: Append) -> None:
    """AppendEntries (paper 5.3): refuse what does not fit on, keep what is equal, take what is new."""
    hear(raft, source)
    if raft.restoring is not None:
        return  # the log is about to be replaced; the leader asks again with its heartbeats
    log = raft.log
    base, entries = message.base, message.entries
    if base.index < log.offset:  # what is compacted here is committed, so it is equal
        entries = entries[log.offset - base.index :]
        base = log.base
    elif log.term(base.index) != base.term:
        hint = log.agree(base.index, base.term)
        raft.promise(source, AppendReject(raft.term, base.index, hint, stretch(raft)))
        return
    fresh = log.store(base.index, entries)
    if fresh:
        assert fresh > raft.commit, "a committed entry is never overwritten"
        raft.forget_configurations(fresh)
        learn(raft, fresh, entries[fresh - base.index - 1 :])
    matched = base.index + len(entries)
    raise_commit(raft, min(message.commit, matched))
    # What is neither new nor durable is acknowledged by the promise that was made when it was new.
    raft.promise(source, AppendReply(raft.term, matched if fresh else min(matched, log.stable), stretch(raft)))


def learn(raft: "Raft", first: int, entries: Sequence[Entry]) -> None:
    """Take configurations among new entries in use at once, committed or not (paper section 6)."""
    for place, entry in enumerate(entries):
        if entry[1] == Kind.CONFIGURATION:
            raft.adopt(first + place, decode_configuration(entry[2]))


def raise_commit(raft: "Raft", commit: int) -> None:
    """The commit index never goes backwards (traps 2)."""
    if commit > raft.commit:
        raft.commit = commit


def on_heartbeat(raft: "Raft", source: int, message: Heartbeat) -> None:
    """The leader is there; it names no more than what is known to be equal here."""
    hear(raft, source)
    raise_commit(raft, min(message.commit, raft.log.last_index))
    raft.send(source, HeartbeatReply(raft.term, message.round, stretch(raft)))


def on_snapshot_offer(raft: "Raft", source: int, message: SnapshotOffer) -> None:
    """InstallSnapshot (paper section 7). The host steps this only when it holds all the rows that belong to it."""
    hear(raft, source)
    base = message.base
    if raft.restoring is not None:
        return  # one at a time (traps 10)
    if base.index <= raft.commit or raft.log.term(base.index) == base.term:
        raise_commit(raft, base.index)
        raft.promise(source, AppendReply(raft.term, min(base.index, raft.log.stable), stretch(raft)))
        return
    raft.restoring = message
    raft.output().restore = message


def on_restored(raft: "Raft", event: Restored) -> None:
    """The machine is the snapshot's now: log and configuration begin anew there (traps 7)."""
    base = event.base
    assert base.index > raft.applied, "a snapshot leads forward"
    raft.restoring = None
    raft.log.restart(base)
    raft.commit = max(raft.commit, base.index)
    raft.applied = raft.handed = base.index
    raft.earlier = ()
    raft.begin_with(base.index, event.configuration)
    raft.output().base = base
    if raft.leader:
        raft.promise(raft.leader, AppendReply(raft.term, base.index, stretch(raft)))


def on_not_restored(raft: "Raft", _: NotRestored) -> None:
    """The log stays as it is; it refuses the next Append, so the leader offers a snapshot again."""
    raft.restoring = None


def on_silence(raft: "Raft") -> bool:
    """The election timer has run out: whether this replica may campaign at all; else it goes on waiting."""
    if raft.asleep or not raft.may_campaign:
        raft.deadline = inf
        return False
    if raft.now < raft.quiet_until:
        raft.deadline = raft.quiet_until + raft.patience - raft.settings.election_seconds_min
        return False
    return True
