"""Every constant of floor 3, with its unit in its name; relations between them are asserted here.

Owns numbers, and `Retention`, the one thing that may be set differently. Limits of single keys and values stand in
ranges/config.py. Read next: txn/commands.py.
"""

from dataclasses import dataclass

from node.config import REQUEST_SECONDS

TRANSACTION_KEYS_MAX = 100_000
TRANSACTION_BYTES_MAX = 64 << 20
SPANS_MAX = 4_096  # spans that one message may check

DEADLINE_SECONDS = 10.0  # of an operation, where the user names none
GRACE_SECONDS = 0.05  # C6: how long an attempt that holds intents waits for an older one
PATIENCE_SECONDS = 3.0  # X3: how long a settler lets an owner be at work; longer than a failover
PATIENCE_SECONDS_MAX = 30.0  # what a message may ask for

RETENTION_SECONDS = 3_600.0
COLLECT_EVERY_SECONDS = 600.0  # at most; a sixth of a retention that is short
COLLECT_ROWS = 2_000  # rows that one Collect may remove
INTENTS_VISITS_MAX = 4_096  # keys that one Intents looks at


@dataclass(frozen=True, slots=True)
class Retention:
    """F5: for so long a snapshot can surely be read; and so often is collected what no such snapshot needs.

    The node that leads group 0 collects, so all nodes are told the same.
    """

    seconds: float = RETENTION_SECONDS
    every_seconds: float = COLLECT_EVERY_SECONDS

    def __post_init__(self) -> None:
        if not 0 < self.every_seconds < self.seconds:
            raise ValueError(f"{self.seconds} seconds cannot be kept and collected every {self.every_seconds} seconds")


USUALLY_KEPT = Retention()


def keep(seconds: float) -> Retention:
    """A retention of so many seconds, collected as often as becomes it. Raises ValueError."""
    return Retention(seconds, min(COLLECT_EVERY_SECONDS, seconds / 6))


assert GRACE_SECONDS < PATIENCE_SECONDS, "C6's grace is much shorter than X3's patience"
assert PATIENCE_SECONDS < DEADLINE_SECONDS, "a waiter outlasts the owner that it waits for"
assert DEADLINE_SECONDS <= REQUEST_SECONDS, "a node keeps a request as long as its caller waits"
