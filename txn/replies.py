"""What the commit protocol's commands and queries answer: expected outcomes, values.

Owns the replies and what each says of the copy that it answers, and of others (F1, F3); class tags 144 to 175.
A reply that "changed nothing" is definite for its copy alone. Does not own the refusals of every range
(ranges/messages.py) or of every host (node/messages.py). Read next: txn/commands.py.
"""

from dataclasses import dataclass

from node.codec import message
from ranges.messages import Intent


@message(144)
@dataclass(frozen=True, slots=True)
class Committed:
    """The attempt is committed, and stands at `commit`."""

    commit: int


@message(145)
@dataclass(frozen=True, slots=True)
class IsAborted:
    """A bar or a verdict says that this attempt never happens, whichever copy comes."""


@message(146)
@dataclass(frozen=True, slots=True)
class Locked:
    """Somebody's intent stands in the way. Changed nothing (F1): send again, or give way (C6)."""

    intent: Intent


@message(147)
@dataclass(frozen=True, slots=True)
class Conflict:
    """`key` changed after the attempt read it. Changed nothing, and will be the answer for ever (F1)."""

    key: bytes


@message(148)
@dataclass(frozen=True, slots=True)
class Pushed:
    """The timestamp is taken, or its sub-steps are used up. Changed nothing: send again with a fresh A (F1)."""


@message(149)
@dataclass(frozen=True, slots=True)
class Above:
    """C2 cannot do it: part of V is elsewhere and C lies above S. Changed nothing; says nothing of other copies."""


@message(150)
@dataclass(frozen=True, slots=True)
class TooOld:
    """F4: the attempt lies at or below `closed` or the safe point. `tick` is what was taken for a one-shot put."""

    tick: int


@message(151)
@dataclass(frozen=True, slots=True)
class Prewritten:
    """Every key has its intent, or its version by this id: the C_k, in the order of the message's writes."""

    commits: tuple[int, ...]


@message(152)
@dataclass(frozen=True, slots=True)
class Barred:
    """The attempt may never write this key."""


@message(153)
@dataclass(frozen=True, slots=True)
class BarRefused:
    """The attempt has written this key: its version stands at `commit`, or (0) its intent stands."""

    commit: int


@message(154)
@dataclass(frozen=True, slots=True)
class VerdictIs:
    """The attempt's verdict, which is final: its C, or 0 for aborted."""

    commit: int


@message(155)
@dataclass(frozen=True, slots=True)
class NoIntent:
    """An explicit commit was not accepted: the primary's intent does not stand (C5)."""


@message(156)
@dataclass(frozen=True, slots=True)
class Collected:
    """So many rows went; go on at `next`, or (None) this range is done."""

    next: bytes | None
    removed: int


# -- of queries ----------------------------------------------------------------------------------------------------


@message(157)
@dataclass(frozen=True, slots=True)
class Values:
    """What the keys held at `at`, in the order of the read; None where there was nothing."""

    at: int
    values: tuple[bytes | None, ...]


@message(158)
@dataclass(frozen=True, slots=True)
class Rows:
    """What a scan found at `at`, in its order. `more`: the covered part is [start, more), reverse [more, end)."""

    at: int
    rows: tuple[tuple[bytes, bytes], ...]
    more: bytes | None


@message(159)
@dataclass(frozen=True, slots=True)
class BelowSafe:
    """The time lies below the safe point, where versions may be gone (F5, R4)."""

    safe: int


@message(160)
@dataclass(frozen=True, slots=True)
class FateIs:
    """The verdict (C, 0 for aborted, None for none yet), and the primary's intent if it stands."""

    commit: int | None
    intent: Intent | None


@message(161)
@dataclass(frozen=True, slots=True)
class AttemptIs:
    """The attempt's mark on a key: C_k of its intent, C of its version, or 0 for neither."""

    commit: int
    intent: bool


@message(162)
@dataclass(frozen=True, slots=True)
class IntentsAre:
    """Intents in key order; go on at `more`, or (None) the range is done."""

    intents: tuple[Intent, ...]
    more: bytes | None
