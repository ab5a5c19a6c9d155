"""Every constant of the Raft core, with its unit in its name.

Owns numbers only; the host fills them from node/config.py. Read next: node/raft/core.py.
"""

from dataclasses import dataclass

ROUNDING = 1e-6  # of a heartbeat


@dataclass(frozen=True, slots=True)
class RaftSettings:
    """What one core may be told differently. `support` turns on the rules of node/raft/leases.py; off: plain Raft."""

    heartbeat_seconds: float = 0.1
    election_seconds_min: float = 0.6  # then + up to the same again, by chance
    election_seconds_max: float = 4.0  # a timer that was doubled because nobody answers grows up to this
    entries_per_append_max: int = 1024
    append_bytes_max: int = 1 << 20  # a single larger entry travels alone
    in_flight_appends_max: int = 64  # per follower
    pre_vote: bool = True
    check_quorum: bool = True
    support: bool = False
    support_seconds: float = 0.7  # D: how long a restarted replica stays quiet (P6)
    unsupported_seconds_max: float = 0.5  # Z6: a leader without a quorum's support steps down after this
    newcomer_waits: bool = True  # a replica that knows nothing hears nobody at first: a split may make it whole
    idle_seconds: float = 0.4  # Z1: nothing to do for so long, then sleep
    ask_seconds: float = 0.3  # Z4: between two questions to a silent leader
    spread_seconds: float = 0.3  # Z5: elections after a lapse are spread over this; 0 for group 0
    campaigns_per_second_max: int = 1000  # Z5: of one node; an election costs each node of a group some 0.5 ms
    transfer_seconds: float = 1.0  # P5: a transfer takes at most this
    disk_stall_seconds: float = 2.0  # a leader whose journal stands still for so long steps down (traps 11)

    def __post_init__(self) -> None:
        assert 0 < 2 * self.heartbeat_seconds < self.election_seconds_min, "two heartbeats fit into an election timeout"
        assert self.entries_per_append_max > 0, "an append holds at least one entry"
        assert self.append_bytes_max > 0, "an append holds at least one byte"
        assert self.in_flight_appends_max > 0, "at least one append is in flight"
        assert self.campaigns_per_second_max > 0, "at least one campaign begins in a second"

    def next_beat(self, now: float) -> float:
        """When the next heartbeat is due: on a grid of the clock, so that those of all groups of a node leave together.

        It is no later than `heartbeat_seconds` from now; who has just come to a point of the grid goes on to the next.
        """
        return (now / self.heartbeat_seconds + ROUNDING) // 1 * self.heartbeat_seconds + self.heartbeat_seconds

    @property
    def silent_beats_max(self) -> int:
        """Heartbeats that a voter may leave unanswered before check-quorum counts it out."""
        return max(2, round(self.election_seconds_min / self.heartbeat_seconds))

    @property
    def stalled_beats_max(self) -> int:
        """Heartbeats for which the leader's own journal may stand still."""
        return max(2, round(self.disk_stall_seconds / self.heartbeat_seconds))
