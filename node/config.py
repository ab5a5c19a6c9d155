"""Every constant of floor 1, with its unit in its name; relations between them are asserted here.

Owns numbers only. Later floors keep theirs in ranges/config.py and txn/config.py. Read next: node/host.py.
"""

from dataclasses import dataclass

FRAME_BYTES_MAX = 8 << 20  # one frame, header apart; an entry of 4 MiB fits with room
ENTRY_BYTES_MAX = 4 << 20
ENTRIES_PER_APPEND_MAX = 1024
APPEND_BYTES_MAX = 1 << 20  # a single larger entry travels alone
IN_FLIGHT_APPENDS_MAX = 64  # per follower
INBOX_REQUESTS_MAX = 20_000  # per node; beyond it: Busy
PARKED_REQUESTS_MAX = 10_000  # per group; beyond it: Busy
OUTBOX_BYTES_MAX = 32 << 20  # per link; beyond it the link is dropped
OVERLAY_BYTES_MAX = 512 << 20
OVERLAY_ROWS_MAX = 1_000_000
SNAPSHOT_CHUNK_BYTES = 1 << 20
LOG_KEPT_ENTRIES = 20_000  # per group, of what the state holds already, for followers that lag
LOG_KEPT_BYTES = 16 << 20  # likewise; whoever lags by more gets a snapshot
LINK_HANDSHAKE_SECONDS = 5.0
LINKS_HALF_OPEN_MAX = 256
REQUEST_SECONDS = 10.0
GATHER_SECONDS = 0.01  # for which commands wait for those before them; far replicas take longer
COMPANY_SHARE = 0.5  # of the time that those before took: for so long commands then wait for their senders' next ones
SPACE_BYTES_MIN = 64 << 20  # free on a node's disk; with less, and less than an eighth of it, no commands are taken
SPACE_LOOK_SECONDS = 1.0
SPACE_RETRY_SECONDS = 1.0  # after a write that a full disk refused
DUMP_RETRY_SECONDS = 5.0  # after a dump for which there was no room
INCOMING_SECONDS = 20.0  # from one chunk of a snapshot to the next; then what has come is forgotten
RELIEF_SECONDS = 30.0  # between two tries to hand a group to a node that may have room


@dataclass(frozen=True, slots=True)
class Settings:
    """What one node may be told differently; seconds unless the name says otherwise."""

    heartbeat_seconds: float = 0.1
    election_seconds_min: float = 0.6  # then + up to the same again, by chance
    support_seconds: float = 0.7  # D of leases.md
    support_every_seconds: float = 0.2
    clock_rate_error: float = 0.001  # rho of leases.md
    leases: bool = True
    apply_later_bytes: int = 2048  # applying more takes a millisecond: what a step persists leaves before that


assert ENTRY_BYTES_MAX < FRAME_BYTES_MAX
assert APPEND_BYTES_MAX < FRAME_BYTES_MAX
