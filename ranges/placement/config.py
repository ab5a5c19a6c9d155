"""Every constant of the placement driver, with its unit in its name; relations between them are asserted here.

Owns numbers only. What people may change is in `Rules` (ranges/placement/messages.py). Read next:
ranges/placement/policy.py.
"""

from ranges.config import LOAD_WATCH_SECONDS

# Messages
TICKS_PER_REQUEST_MAX = 65_536
RANGES_PER_LOOKUP_MAX = 1_000
RANGES_PER_REPORT_MAX = 500  # some 100 bytes each; taking them in holds the loop for less than 50 ms
ADDRESS_CHARACTERS_MAX = 256
REASON_CHARACTERS_MAX = 512
LABELS_MAX = 16
TOKEN_BYTES = 16

# Oracle
WINDOW_TICKS = 1 << 20  # a leader's window; a change of leader wastes at most two of 2**28 such
WINDOW_TICKS_MAX = 1 << 24  # one command extends the ceiling by no more
EXTEND_SECONDS = 2.0  # the leader's own command, before it is tried again

# Reports
REPORT_SECONDS = 0.5
REPORT_WAIT_SECONDS = 2.0  # for an answer, before the same changes are told again
TOLD_SHARE = 0.125  # a size or load is told again when it has moved by this share
TOLD_LOAD_LEAST = 20  # requests a second; a load is told when it moves by more, and counts as none up to it
LOAD_SECONDS = 5.0  # a load is a mean over about so long, the later seconds counting for more
PAUSE_SECONDS = 2.0  # a leader that was not stepped for so long cannot tell who was silent

# Policy
DECIDE_SECONDS = 1.0
ORDERS_AT_ONCE = 8  # ranges being changed at the same time
TARGET_SILENT_SECONDS = 3.0  # nothing moves to a node that was silent for so long
PARTNERS_WANTED = 8  # other nodes that share a group with a node (copysets); a wish, not a bound
PAIRS_COMPARED_MAX = 32  # pairs of nodes compared before a decision gives up on spreading replicas
LEADERS_MOVED_AT_ONCE = 32
REPLICA_GAP_PERCENT = 5  # two nodes' replicas differ by more than this, of the mean, before any moves
LEADER_GAP_PERCENT = 10
COLD_SECONDS = 600.0  # a range that was not split, written to or met for so long may merge
MERGES_AT_ONCE = 1
DIVISIONS_AT_ONCE = 2  # splits by load: each watches its range for some seconds first

# Plans
PLAN_MOVES_AT_ONCE = 100  # of a plan in one go; some 50 µs each, so the loop is held for about 5 ms
PLAN_PAUSE_SECONDS = 0.002  # then others have their turn
STUCK_SHOWN_MAX = 20

# Driver
ORDER_SECONDS = 10.0  # for one order to a group's leader
CATCH_UP_SECONDS = 120.0
CATCH_UP_ENTRIES = 64  # a learner this near to the end becomes a voter
LEARNER_SILENT_SECONDS = 5.0  # a learner's node that is silent for longer will not catch up
ASK_SECONDS = 0.25
ORDER_TRIES = 8  # with ASK_SECONDS between them
FREEZE_SECONDS = 4.0  # a range is frozen for no longer before its merge is given up
FREEZE_ASK_SECONDS = 0.1
DURABLE_SECONDS = 1.0  # for a node to say what it holds
WATCH_TRIES = 40  # with ASK_SECONDS between them: where a range's load is to be split
SPLIT_KEY_TRIES = 1_000  # steps of a range's walk to its middle
REST_SECONDS = 3.0  # a range is left alone after an order, so that reports of it have come
REST_AFTER_FAILURE_SECONDS = 10.0

assert WATCH_TRIES * ASK_SECONDS > 2 * LOAD_WATCH_SECONDS, "a change of leader while a range is watched costs no try"
assert WINDOW_TICKS > 4 * TICKS_PER_REQUEST_MAX, "a window serves several requests before it must be extended"
assert WINDOW_TICKS < WINDOW_TICKS_MAX, "a leader may always extend by a whole window"
assert PAUSE_SECONDS > 2 * REPORT_SECONDS, "a node's own reports step it more often than that"
assert COLD_SECONDS > 10 * REST_AFTER_FAILURE_SECONDS, "a fresh split is not merged back at once"
assert FREEZE_SECONDS > 10 * FREEZE_ASK_SECONDS, "a freeze has time to become durable"
assert REST_SECONDS > REPORT_SECONDS + REPORT_WAIT_SECONDS, "an order's effects are reported while its range rests"
