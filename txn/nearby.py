"""Reads that any replica may answer: what it asks of its leader, and what it then answers; class tags 163 and 164.

Owns `Nearby`, around a `Read` or `Scan`, and `Permission`, the question. Does not own who waits for what, nor the
argument for the index (node/following.py), nor who is asked first (txn/nearest.py). Read next: node/following.py.

A read at T of some keys needs R1 and R2 at the leader for these keys. A read of the past, of which many follow at the
same T, makes the whole range *quiet* at T instead: the leader's low-water mark rises to T, which costs nobody anything
where T is old, and every write that it has let in at or below T is applied before it permits. From the index that it
names on the replica answers all reads at or below T by itself: it needs no leader for them, and there may be none.
What was quiet stays so, whoever leads later (L2), but it is said of one span: after a split or merge it is asked anew.

R3 is the leader's: where an intent stands in the way the replica says "not yet", and the reader goes to the leader. R4
is the replica's own: its `safe` rises no earlier than its versions go.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from node.codec import message
from node.machine import Answer, Machine, Permit, Request, Wait
from node.messages import Refused
from ranges.machine import RangeMachine
from ranges.messages import NotYet
from txn.queries import Query, Read, Scan
from txn.replies import BelowSafe
from txn.valid import are_keys, are_spans, is_number, require

KEYS_ASKED_MAX = 16  # a read of more keys asks for the span from its first to its last: few bytes, and one floor


@message(163)
@dataclass(frozen=True, slots=True)
class Nearby(Query):
    """A query whose time is settled as for the leader's (0: the tick that its node takes), to any replica.

    `past`: others of the same time will follow, so the range is made quiet.
    -> what the query is answered; NotYet, NotLeader or StaleSpan where the leader has to be asked.
    """

    sort: ClassVar[str] = "nearby"
    query: Read | Scan
    past: bool

    def __post_init__(self) -> None:
        require(self.query.at > 0 or not self.past, "the past is a stated time")

    @property
    def wants_tick(self) -> bool:  # type: ignore[override]
        """Does its node take the time?"""
        return self.query.wants_tick

    def within(self, start: bytes, end: bytes) -> bool:
        """As the query says."""
        return self.query.within(start, end)

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """At the leader it is the query itself."""
        return self.query.read(machine, request, now)

    def answer(self, machine: Machine, request: Request, granted: "Permission | None") -> Any:
        """M1 and M3, then R4 at a replica that may; None where it has to ask first."""
        if not isinstance(machine, RangeMachine):
            return Refused("only ranges are read nearby")
        query, span = self.query, request.span
        if span != machine.span_version or machine.frozen or not query.within(machine.start, machine.end):
            return machine.refusal(span)
        at = query.at or request.tick
        if at < machine.safe:
            return BelowSafe(machine.safe)
        if granted is not None:
            machine.make_quiet(granted.quiet)
        elif at > machine.quiet_until:
            return None
        reply = query.from_rows(machine, at)
        return NotYet() if reply is None else reply

    def ask(self, machine: RangeMachine, requests: Sequence[Request]) -> "Permission":
        """One question for all of them; where two ask for the same, the larger time counts for both."""
        keys: dict[bytes, int] = {}
        spans: dict[tuple[bytes, bytes], int] = {}
        quiet = 0
        for request in requests:
            query, at = request.message.query, request.message.query.at or request.tick
            if request.message.past:
                quiet = max(quiet, at)
            elif type(query) is Scan:
                span = query.part(machine)
                spans[span] = max(at, spans.get(span, 0))
            elif len(query.keys) > KEYS_ASKED_MAX:
                span = (min(query.keys), max(query.keys) + b"\x00")
                spans[span] = max(at, spans.get(span, 0))
            else:
                keys.update((key, max(at, keys.get(key, 0))) for key in query.keys)
        return Permission(tuple(keys.items()), tuple((*span, at) for span, at in spans.items()), quiet)


@message(164)
@dataclass(frozen=True, slots=True)
class Permission(Query):
    """A replica asks: R1 and R2 for these keys and spans, each at its own time, and for the whole range at `quiet`.

    -> Permitted
    """

    keys: tuple[tuple[bytes, int], ...]
    spans: tuple[tuple[bytes, bytes, int], ...]
    quiet: int

    def __post_init__(self) -> None:
        require(are_keys([key for key, _ in self.keys]), "a permission's keys are wrong")
        require(are_spans([(start, end) for start, end, _ in self.spans]), "a permission's spans are wrong")
        times = [self.quiet, *(at for _, at in self.keys), *(at for _, _, at in self.spans)]
        require(all(map(is_number, times)), "a permission's times are timestamps")

    def within(self, start: bytes, end: bytes) -> bool:
        """Is all that it asks for here?"""
        return all(start <= key < end for key, _ in self.keys) and all(
            start <= first < last <= end for first, last, _ in self.spans
        )

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait | Permit:
        """R2 before R1: no writer that comes while it waits is one more to wait for."""
        memory = machine.leading
        memory.raise_low(self.quiet)
        for key, at in self.keys:
            memory.raise_key(key, at)
        for first, last, at in self.spans:
            memory.raise_span(first, last, at)
        for first, last, at in (*self.spans, (machine.start, machine.end, self.quiet)):
            blocked = memory.blocked_in(first, last, at)
            if blocked is not None:
                return machine.wait_applied(blocked)
        for key, at in self.keys:
            if memory.blocked(key, at):
                return machine.wait_applied(key)
        return Permit()
