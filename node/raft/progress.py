"""What only a leader knows: how far each follower is, and what the leadership itself waits for.

Owns `Standing` (one follower, paper figure 2) and `Leadership` (one term's). Both exist on leaders alone.
Does not own what is sent when (node/raft/leader.py). Read next: node/raft/reads.py.
"""

from bisect import bisect_right
from enum import Enum

from node.raft.membership import members
from node.raft.messages import Append, Configuration, Member, Progress
from node.raft.quorum import halves
from node.raft.reads import Reads


class Sending(Enum):
    """How a follower is sent entries."""

    PROBE = "probe"  # one Append at a time, until the logs are known to agree
    STREAM = "stream"  # pipelined, up to the limit of Appends in flight
    SNAPSHOT = "snapshot"  # its rows are on their way beside the core


class Standing:
    """One other member as the leader sees it, or the leader's own log.

    1. match < next, always, also after a wrong hint (traps 10).
    2. `in_flight` holds the last index of each Append that is not answered, rising; empty unless streaming.
    """

    __slots__ = (
        "in_flight", "marked", "match", "member", "next", "paused", "round", "sending", "silent", "stretch", "voter",
    )  # fmt: skip

    def __init__(self, member: Member, following: int) -> None:
        self.member = member
        self.voter = False
        self.match = 0
        self.next = following
        self.sending = Sending.PROBE
        self.paused = False  # probing: an Append is out, its answer or a heartbeat's is awaited
        self.in_flight: tuple[int, ...] = ()  # short; empty, as in each idle group, it costs nothing
        self.marked = -1  # match at the last heartbeat's reply, to see that the stream stands still
        self.round = 0  # the last leadership round that it answered
        self.silent = 0  # heartbeats sent since it was last heard
        self.stretch = 0  # of its last acknowledgement in this term (P2)

    def probe(self, following: int) -> None:
        """Go back to one Append at a time, from `following` on or what is known to match."""
        self.sending = Sending.PROBE
        self.next = max(self.match + 1, following)
        self.paused = False
        self.in_flight = ()

    def matched(self, index: int) -> None:
        """It durably holds the leader's log up to `index`: from now on it is streamed to."""
        self.match = max(self.match, index)
        flying = self.in_flight
        if flying and flying[0] <= index:
            self.in_flight = flying[bisect_right(flying, index) :]
        if self.sending is not Sending.STREAM:
            self.sending = Sending.STREAM
            self.paused = False
            self.next = self.match + 1
        elif self.next <= self.match:
            self.next = self.match + 1

    def progress(self) -> Progress:
        """What may be shown of it."""
        return Progress(self.member.replica, self.match, self.next, self.sending.value, len(self.in_flight))


class Leadership:
    """One replica's leadership in one term.

    1. `first` is the index of the first entry of the own term: below it nothing is committed by counting (figure 8).
    2. Until `first` is durable here nothing is sent, so a term that the own disk may forget is seen by nobody.
    """

    __slots__ = (
        "active_at", "beat_at", "cut", "first", "given_up", "halves", "lacking_since", "lease", "lease_version",
        "marked", "others", "own", "pump", "reads", "stalled", "target", "target_until", "told",
    )  # fmt: skip

    def __init__(self, member: Member, first: int, now: float) -> None:
        self.first = first
        self.own = Standing(member, first)
        self.others: tuple[Standing, ...] = ()
        self.halves: tuple[tuple[Standing, ...], ...] = ()
        self.reads = Reads()
        self.pump = True  # there may be something to append to somebody
        self.cut: Append | None = None  # the Append made last, for others that are equally far
        self.beat_at = now  # when the next heartbeat is due
        self.active_at = now  # when there was last something to do
        self.marked = 0  # `stable` at the last heartbeat
        self.stalled = 0  # heartbeats since the own journal last moved
        self.target = 0  # who leadership is being handed to
        self.target_until = 0.0
        self.told = False  # the target has been sent TimeoutNow
        self.given_up = False  # no lease again in this term (P5)
        self.lacking_since: float | None = None  # no quorum's support since (Z6)
        self.lease = 0.0
        self.lease_version = -1  # the version of the support table that `lease` was computed from

    def standing(self, replica: int) -> Standing | None:
        """That of another member; None of who is none."""
        for each in self.others:  # few, and a dict takes as much as all of them
            if each.member.replica == replica:
                return each
        return None

    def configure(self, configuration: Configuration, following: int) -> None:
        """Take a configuration in use: new members begin as probes, members that left are forgotten."""
        self.others = tuple(
            self.standing(each.replica) or Standing(each, following)
            for each in members(configuration)
            if each.replica != self.own.member.replica
        )
        everyone = {each.member.replica: each for each in (*self.others, self.own)}
        self.halves = tuple(tuple(everyone[each.replica] for each in half) for half in halves(configuration))
        voters = {id(each) for half in self.halves for each in half}
        for each in everyone.values():
            each.voter = id(each) in voters
        self.lease_version = -1
        self.pump = True

    def alone(self) -> bool:
        """Whether this leader is the only voter: its lease has no end, and it agrees with itself."""
        return self.halves == ((self.own,),)
