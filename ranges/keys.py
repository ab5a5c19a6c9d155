"""Keys, tails and timestamps: how floor 2 writes them down.

Owns the spaces, the order-keeping escape that turns a range key into a head, the tails of a key's rows,
and the arithmetic of ticks and sub-steps. Does not own what the rows hold (ranges/mvcc.py).
How keys look to a person stands here, too. A range key is one space byte and the user's key. Read next: ranges/mvcc.py.
"""

from struct import Struct

from node.terminal import harmless
from ranges.config import KEY_BYTES_MAX

SYSTEM = b"\x01"
USER = b"\x10"
SQL = b"\x20"
COORDINATION = b"\x30"
SPACES = {SYSTEM[0]: "system", USER[0]: "", SQL[0]: "sql", COORDINATION[0]: "coordination"}  # for people
FIRST_KEY = b"\x01"  # the ranges together cover [FIRST_KEY, LAST_KEY)
LAST_KEY = b"\xff"

END_MARK = b"\x00\x01"
ESCAPED_ZERO = b"\x00\xff"

# A tail is a kind, and what sorts within it. The order is the order of one walk: what stands in a write's
# way comes first, then the versions, newest first.
INTENT_KIND = 1
RECORD_KIND = 2
VERSION_KIND = 3
INTENT_TAIL = b"\x01"
VERDICT_TAIL = b"\x02\x01"  # + id
BAR_TAIL = b"\x02\x02"  # + id
VERSION_TAIL = b"\x03"  # + the timestamp, inverted

SUBSTEP_BITS = 16
TICK = 1 << SUBSTEP_BITS  # from one tick to the next
SUBSTEP_LAST = TICK - 1
TIMESTAMP_MAX = (1 << 64) - 1

_version = Struct(">BQ")


def head(key: bytes) -> bytes:
    """The head of a range key's rows: keeps the order of keys, and none is a prefix of another."""
    return key.replace(b"\x00", ESCAPED_ZERO) + END_MARK


def unhead(escaped: bytes) -> bytes:
    """The range key of a head."""
    assert escaped.endswith(END_MARK), f"{escaped!r} is not a head: the end mark is missing"
    return escaped[:-2].replace(ESCAPED_ZERO, b"\x00")


def after_head(escaped: bytes) -> bytes:
    """The least bytes above every row of this head, and at or below every later head."""
    return escaped[:-1] + b"\x02"


def is_key(key: bytes) -> bool:
    """Is this a range key within the limit of `KEY_BYTES_MAX` (escaped, without its space byte)?"""
    return 0 < len(key) <= KEY_BYTES_MAX + 1 and len(key) + key.count(0) <= KEY_BYTES_MAX + 1


def is_bound(bound: bytes) -> bool:
    """Is this a start or an end of a span: a range key, or what comes right after one?"""
    return is_key(bound) or (bound[-1:] == b"\x00" and is_key(bound[:-1]))


def version_tail(commit: int) -> bytes:
    """The tail of the version at `commit`; newer ones sort first."""
    return _version.pack(VERSION_KIND, TIMESTAMP_MAX - commit)


def version_commit(tail: bytes) -> int:
    """The timestamp in a version's tail."""
    return TIMESTAMP_MAX - int.from_bytes(tail[1:], "big")


def above(timestamp: int) -> int:
    """One sub-step above, which is below every tick handed out later; 0 where the sub-steps are used up."""
    return 0 if timestamp & SUBSTEP_LAST == SUBSTEP_LAST else timestamp + 1


def key_text(key: bytes) -> str:
    """A user key as text if it is UTF-8, else as 0x…"""
    try:
        return harmless(key.decode("utf-8"))
    except UnicodeDecodeError:
        return f"0x{key.hex()}"


def range_key_text(key: bytes) -> str:
    """A range key (space byte and user key): user keys as they are, other spaces by name."""
    space = SPACES.get(key[0], f"0x{key[0]:02x}") if key else ""
    rest = key_text(key[1:])
    return f"{space}:{rest}" if space else rest or "·"
