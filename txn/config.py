"""Every constant of floor 3, with its unit in its name; relations between them are asserted here.

Owns numbers only. Limits of single keys and values stand in ranges/config.py. Read next: txn/commands.py.
"""

from node.config import REQUEST_SECONDS

TRANSACTION_KEYS_MAX = 100_000
TRANSACTION_BYTES_MAX = 64 << 20
SPANS_MAX = 4_096  # spans that one message may check

DEADLINE_SECONDS = 10.0  # of an operation, where the user names none
GRACE_SECONDS = 0.05  # C6: how long an attempt that holds intents waits for an older one
PATIENCE_SECONDS = 3.0  # X3: how long a settler lets an owner be at work; longer than a failover
PATIENCE_SECONDS_MAX = 30.0  # what a message may ask for

RETENTION_SECONDS = 3_600.0  # F5: how far back a snapshot may lie
COLLECT_EVERY_SECONDS = 600.0
COLLECT_ROWS = 2_000  # rows that one Collect may remove
INTENTS_VISITS_MAX = 4_096  # keys that one Intents looks at

assert GRACE_SECONDS < PATIENCE_SECONDS, "C6's grace is much shorter than X3's patience"
assert PATIENCE_SECONDS < DEADLINE_SECONDS, "a waiter outlasts the owner that it waits for"
assert DEADLINE_SECONDS <= REQUEST_SECONDS, "a node keeps a request as long as its caller waits"
