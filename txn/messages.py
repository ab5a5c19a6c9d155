"""What a caller says to the coordinator of its commit over several ranges; class tags 176 to 183.

Owns `Commit` and `Part`, services of every node: the node that leads the primary's range is asked (C3). A commit is
handed out once; a `Part` may be sent again. Does not own the commands that a coordinator sends (txn/commands.py).
Read next: txn/coordinator.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from node.codec import message
from txn.config import DEADLINE_SECONDS, TRANSACTION_BYTES_MAX
from txn.valid import are_keys, are_spans, is_id, is_number, is_value, require

PART_BYTES_MAX = 2 << 20  # keys and values of one part; a frame and an entry hold it with room
PARTS_MAX = 1 + 4 * TRANSACTION_BYTES_MAX // PART_BYTES_MAX


def _require_load(reads: object, spans: object, writes: tuple[tuple[bytes, bytes | None], ...]) -> None:
    require(are_keys(reads) and are_spans(spans), "a commit's reads or spans are wrong")
    require(all(type(each) is tuple and len(each) == 2 for each in writes), "a commit's writes are pairs")
    keys = tuple(key for key, _ in writes)
    require(are_keys(keys, ascending=True), "a commit's keys are beyond the limits, or not in order")
    require(all(is_value(value) for _, value in writes), "a commit's value is beyond its limit")


@message(176)
@dataclass(frozen=True, slots=True)
class Commit:
    """Service: carry this attempt through C3 to C5, and answer as soon as its fate is certain.

    The reads, spans and writes of `parts` earlier messages come before those given here; all writes together are in
    key order. The coordinator gives up after `seconds`, by F3.
    -> Committed, IsAborted, Conflict, OutcomeIsUnknown; Refused or Busy, when nothing was begun.
    """

    id: bytes
    S: int
    age: int
    seconds: float
    parts: int
    reads: tuple[bytes, ...]
    spans: tuple[tuple[bytes, bytes], ...]
    writes: tuple[tuple[bytes, bytes | None], ...]
    sort: ClassVar[str] = "service"

    def __post_init__(self) -> None:
        require(is_id(self.id) and is_number(self.S) and is_number(self.age), "a commit's id or times are wrong")
        require(type(self.seconds) in (int, float) and 0 < self.seconds <= DEADLINE_SECONDS, "a commit has a deadline")
        require(is_number(self.parts) and self.parts <= PARTS_MAX, f"a commit has at most {PARTS_MAX} parts")
        _require_load(self.reads, self.spans, self.writes)
        require(bool(self.writes), "a commit writes something")


@message(177)
@dataclass(frozen=True, slots=True)
class Part:
    """Service: keep this for the commit of `id`, of which it is the part `number`, counted from 0.

    -> Done, or Busy where too much is kept already.
    """

    id: bytes
    number: int
    reads: tuple[bytes, ...]
    spans: tuple[tuple[bytes, bytes], ...]
    writes: tuple[tuple[bytes, bytes | None], ...]
    sort: ClassVar[str] = "service"

    def __post_init__(self) -> None:
        require(is_id(self.id) and is_number(self.number) and self.number < PARTS_MAX, "a part's id or number is wrong")
        _require_load(self.reads, self.spans, self.writes)


@message(178)
@dataclass(frozen=True, slots=True)
class OutcomeIsUnknown:
    """The coordinator could not learn the fate in time; whoever asks later may."""
