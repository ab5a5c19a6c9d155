"""Everything that enters or leaves the Raft core: messages, inputs, and `Ready`.

Owns the protocol's vocabulary; decides nothing. One message is one frozen dataclass with its own fields, and
prints itself in one line. Every message carries its sender's term. Read next: node/raft/core.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from node.raft.line import Line


class Kind(IntEnum):
    """What an entry is: a machine's command, a new leader's first entry, or a configuration."""

    COMMAND = 0
    NOOP = 1
    CONFIGURATION = 2


class Entry(NamedTuple):
    """A log entry; its index is its place. `body` is made once and never changed on its way."""

    term: int
    kind: int
    body: bytes


class Position(NamedTuple):
    """A place in a log: index and the term of the entry there."""

    index: int  # type: ignore[assignment]  # the Raft word wins over tuple.index
    term: int

    def __str__(self) -> str:
        return f"{self.index}@{self.term}"


class Member(NamedTuple):
    """One replica of a group: its id (never used twice in the group) and the node it lives on."""

    replica: int
    node: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """The members of a group (Raft paper section 6). `outgoing` is empty unless the configuration is joint.

    `version` rises by one with each configuration entry; `next_replica` is the next free replica id.
    """

    version: int
    next_replica: int
    voters: tuple[Member, ...]
    outgoing: tuple[Member, ...] = ()
    learners: tuple[Member, ...] = ()

    def __str__(self) -> str:
        shown = [",".join(str(each.replica) for each in part) for part in (self.voters, self.outgoing, self.learners)]
        return f"v{self.version}({shown[0]}{shown[1] and '/' + shown[1]}{shown[2] and '+' + shown[2]})"


class HardState(NamedTuple):
    """What must be durable before any answer that depends on it (paper figure 2; traps 1)."""

    term: int
    vote: int
    commit: int


# -- messages between replicas -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VoteRequest(Line):
    """RequestVote (paper 5.2); `pre` asks without raising the term (thesis 9.6); `forced` follows TimeoutNow (P5)."""

    term: int
    last: Position
    pre: bool = False
    forced: bool = False


@dataclass(frozen=True, slots=True)
class VoteReply(Line):
    """The answer to a vote request; `term` is the asked term if granted."""

    term: int
    granted: bool
    pre: bool = False


@dataclass(frozen=True, slots=True)
class Append(Line):
    """AppendEntries (paper 5.3). `commit` is what the leader has committed *and applied itself* (M2)."""

    term: int
    base: Position
    entries: Sequence[Entry]
    commit: int

    def _field(self, name: str, value: Any) -> str:
        if name != "entries":
            return f"{name}={value}"
        first = self.base.index + 1
        return f"[{' '.join(f'{first + place}@{each.term}' for place, each in enumerate(value))}]"


@dataclass(frozen=True, slots=True)
class AppendReply(Line):
    """`matched`: durable and equal up to here. `stretch` by P2 (0: none)."""

    term: int
    matched: int
    stretch: int = 0


@dataclass(frozen=True, slots=True)
class AppendReject(Line):
    """The log does not hold `refused`; `hint` is where the logs may still agree (thesis 10.2.1's term skip)."""

    term: int
    refused: int
    hint: Position
    stretch: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat(Line):
    """An Append without entries; `round` numbers leadership rounds (ReadIndex, thesis 6.4)."""

    term: int
    commit: int
    round: int


@dataclass(frozen=True, slots=True)
class HeartbeatReply(Line):
    """Answers a round; `matched` as far as known to be equal, `stretch` by P2."""

    term: int
    round: int
    stretch: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotOffer(Line):
    """The last chunk of a snapshot at `base` has been sent: rows travel beside the core (InstallSnapshot, paper 7)."""

    term: int
    base: Position
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class TimeoutNow(Line):
    """Leadership transfer (thesis 3.10): campaign at once, for this term + 1, once (P5)."""

    term: int


@dataclass(frozen=True, slots=True)
class GoToSleep(Line):
    """Z1: nothing to do; sleep if your last index is `commit`."""

    term: int
    commit: int


@dataclass(frozen=True, slots=True)
class Stopped(Line):
    """Z2: I do not lead this group in this term any more; final."""

    term: int


@dataclass(frozen=True, slots=True)
class AskLeader(Line):
    """Z4: do you lead this group in this term? Answered by a Heartbeat or by Stopped."""

    term: int


Message = (
    VoteRequest | VoteReply | Append | AppendReply | AppendReject | Heartbeat | HeartbeatReply | SnapshotOffer
    | TimeoutNow | GoToSleep | Stopped | AskLeader
)  # fmt: skip


# -- other inputs ---------------------------------------------------------------------------------------------------
# Those of every step are not frozen: that would make each take three times as long.


@dataclass(slots=True)
class Tick:
    """Time is now (seconds of the node's clock)."""

    now: float


@dataclass(slots=True)
class Received:
    """A message from another replica of this group."""

    source: int
    message: Message


@dataclass(slots=True)
class Propose:
    """Append these to the leader's log. Only while `accepts_proposals`."""

    bodies: Sequence[bytes]
    kind: int = Kind.COMMAND


@dataclass(frozen=True, slots=True)
class Change:
    """Change the members: the wanted voters and learners as (node) sets; new ones get the next replica ids.

    One at a time, never before an entry of the own term is committed; more than one voter's difference goes through
    a joint configuration, which is left by itself. What is refused is told by `Ready.refused`.
    """

    voters: tuple[int, ...]
    learners: tuple[int, ...] = ()


@dataclass(slots=True)
class Persisted:
    """The own journal durably holds the log up to `index`, whose entry there had this term; and the hard state."""

    term: int
    index: int


@dataclass(slots=True)
class AppliedTo:
    """The machine has applied up to this index."""

    index: int


@dataclass(frozen=True, slots=True)
class ReadRound:
    """Ask for a leadership round that begins now, for reads of this token (ReadIndex)."""

    token: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand leadership to this replica (P5)."""

    target: int


@dataclass(frozen=True, slots=True)
class Supported:
    """This node promised us support until then (the ask's send time + D(1-r)/(1+r)), in this stretch (P2, P4)."""

    node: int
    stretch: int
    until: float


@dataclass(frozen=True, slots=True)
class Lapsed:
    """We no longer support this node's leaders (our promise ended): follow nobody there (P2), campaign when due."""

    node: int


@dataclass(frozen=True, slots=True)
class Promised:
    """We support this node since now, in this stretch of ours; acknowledgements to it carry the number (P1, P2)."""

    node: int
    stretch: int


@dataclass(frozen=True, slots=True)
class SnapshotSent:
    """The snapshot for this follower has been handed to the link up to `base` (or failed: base None)."""

    follower: int
    base: Position | None


@dataclass(frozen=True, slots=True)
class Restored:
    """The machine was replaced by the snapshot that was offered; durable. The log begins anew after `base`."""

    base: Position
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class NotRestored:
    """What was offered is not taken: rows are missing, or somebody else's span overlaps. It is offered again."""


@dataclass(slots=True)
class Compact:
    """Entries up to here may go: the state holds them durably."""

    index: int


@dataclass(frozen=True, slots=True)
class Wake:
    """A request has come for a sleeping group (Z4)."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Hold an election now, if no leader is known and no promise forbids it (a split's new group; a repair)."""


Input = (
    Tick | Received | Propose | Change | Persisted | AppliedTo | ReadRound | Transfer | Supported | Lapsed
    | Promised | SnapshotSent | Restored | NotRestored | Compact | Wake | Campaign
)  # fmt: skip


@dataclass(slots=True)
class Ready:
    """What the core wants done, in this order. Taken once by `Raft.ready()`.

    1. `hard` and the log change (`entries` replace everything from `first` on; `base` restarts the log) go into the
       journal.
    2. `messages` may leave at once (Appends do not wait for the own disk, thesis 10.2.1).
    3. `promises` leave only when 1 is durable (votes, acknowledgements).
    4. `committed` entries, beginning at `commit_first`, are to be applied, in order; they are durable here.
    5. `rounds` are read tokens whose leadership round is done, each with the index to have applied first;
       `dropped` are tokens that never will be.
    6. `snapshots` are followers that need one. `restore` is an offer of a snapshot taken by this follower.
    7. `refused` is why a Change or Transfer was not taken.
    """

    hard: HardState | None = None
    base: Position | None = None
    first: int = 0
    entries: Sequence[Entry] = ()
    messages: list[tuple[int, Message]] = field(default_factory=list)
    promises: list[tuple[int, Message]] = field(default_factory=list)
    commit_first: int = 0
    committed: Sequence[Entry] = ()
    rounds: list[tuple[int, int]] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    snapshots: list[int] = field(default_factory=list)
    restore: SnapshotOffer | None = None
    refused: str | None = None


class Role(IntEnum):
    """What a replica is at the moment."""

    FOLLOWER = 0
    CANDIDATE = 1
    LEADER = 2


@dataclass(frozen=True, slots=True)
class Progress:
    """A follower as its leader sees it (paper figure 2): match and next, and whether it is being probed."""

    replica: int
    match: int
    next: int
    state: str
    in_flight: int


@dataclass(frozen=True, slots=True)
class Status:
    """One immutable record of a replica, for inspection."""

    replica: int
    role: Role
    term: int
    vote: int
    leader: int
    commit: int
    applied: int
    base: Position
    entries: tuple[Entry, ...]
    configuration: Configuration
    progress: tuple[Progress, ...]
    asleep: bool
    lease_until: float
