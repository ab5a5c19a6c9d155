"""Every constant of floor 2's rows and leader memory, with its unit in its name.

Owns numbers only. Does not own floor 1's (node/config.py) nor floor 3's (txn/config.py).
Read next: ranges/keys.py.
"""

from node.config import ENTRY_BYTES_MAX

KEY_BYTES_MAX = 400  # a user key, escaped, without its space byte and end mark
KEY_BYTES_LMDB_MAX = 511
ROW_OVERHEAD_BYTES = 1 + 2 + 18  # space byte, end mark, longest tail (a verdict's or a bar's)
ID_BYTES = 16
VALUE_BYTES_MAX = 1 << 20

SCAN_ROWS_MAX = 4_096  # rows of one reply
SCAN_BYTES_MAX = 1 << 20  # keys and values of one reply; a single larger row travels alone
SCAN_VISITS_MAX = 8_192  # keys looked at for one reply, deleted ones too
READ_KEYS_MAX = 4_096  # keys of one message

FLOOR_KEYS_MAX = 65_536  # keys with a floor of their own, in each of two generations
FLOOR_SPANS_MAX = 2_048  # steps of the floor over spans

SETTLE_WAIT_SECONDS = 5.0  # how long a request waits for somebody's intent before it begins again
PENDING_WAIT_SECONDS = 5.0  # the same for a write that is proposed and not yet applied
TICK_RETRY_SECONDS = 0.1  # between two tries of a new leader to get L2's tick

MARKED_SIZE_STEP_BYTES = 32 << 10  # a size that moved by less is not worth another mark
SAMPLE_VISITS_MAX = 4_096  # rows that one call may look at to find where to split
SAMPLE_MARKS = 64  # places remembered on such a walk
LOAD_SAMPLES = 1_024  # requests remembered while a range is watched, from all of that time
LOAD_SAMPLES_LEAST = 128  # fewer say nothing of where the middle is
LOAD_WATCH_SECONDS = 3.0
LOAD_SHARE_PERCENT = 25  # of the requests must lie wholly on either side, else a split is of no use

assert KEY_BYTES_MAX + ROW_OVERHEAD_BYTES <= KEY_BYTES_LMDB_MAX, "a row's key must fit where rows are kept"
assert VALUE_BYTES_MAX * 2 < ENTRY_BYTES_MAX, "an entry holds the largest value with room for its key and stamp"
