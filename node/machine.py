"""What a group replicates, as floor 1 sees it: two small protocols through which behaviour travels upward.

Owns `Machine`, `View` and the values that pass between a machine and its group.
Does not own any meaning: floor 1 keeps an ordered map of bytes, its rows addressed by a head (the key,
never a prefix of another head) and a tail (what sorts within the key). Read next: node/group.py.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from node.flow import Flow
from node.raft.messages import Configuration


class View(Protocol):
    """The applied rows of one node, in order of (head, tail)."""

    def get(self, head: bytes, tail: bytes) -> bytes | None:
        """The value of one row, or None."""
        ...

    def rows(self, head: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """(tail, value) of every row of this head whose tail is at or after `start`, tails ascending."""
        ...

    def first(self, head: bytes) -> tuple[bytes, bytes] | None:
        """The first of these rows, or None: most who look at a key want no more."""
        ...

    def scan(self, first: bytes, last: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes, bytes]]:
        """(head, tail, value) with first <= head < last; heads descend if `reverse`, tails always ascend."""
        ...

    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        """Write one row. Only from inside `Machine.apply`."""
        ...

    def delete(self, head: bytes, tail: bytes) -> None:
        """Remove one row, if it is there. Only from inside `Machine.apply`."""
        ...


@dataclass(slots=True)
class Request:
    """One copy of a client's or a node's message, from its arrival to its reply.

    `tick` is the timestamp fetched for it after it arrived (0: none yet); `since` is when it arrived, in
    seconds of the node's clock. With `shares` it stands for these, whose changes share one log entry.
    """

    link: int
    copy: int
    group: int
    span: int
    body: bytes
    message: Any
    since: float
    tick: int = 0
    shares: "Sequence[Request]" = ()


class Joint(Protocol):
    """The message of an entry that several requests share."""

    def outcomes(self, applied: "Applied", shares: Sequence[Request]) -> "Iterable[Applied]":
        """For each of them, what applying the entry gave; asked only where they wait."""
        ...


@dataclass(slots=True)
class Proposal:
    """Admitted: the leader's stamp, which stands before the command's bytes in the log entry.

    With `joins`, neighbours that have the same may share an entry (node/joining.py): called with all of them, as
    (proposal, request), it returns the entry's body and the message in it.
    """

    stamp: bytes
    joins: Callable[[Sequence[Any]], tuple[bytes, Joint]] | None = None


@dataclass(slots=True)
class Wait:
    """Not now: begin again at the first rule when `token` is woken (L4), or when `flow`, run behind, has ended.

    At most one flow runs for a token; whoever meets the same token later waits for the same one.
    """

    token: Hashable
    flow: Flow[Any] | None = None
    seconds: float = 10.0


@dataclass(slots=True)
class Answer:
    """The reply to a request, an expected outcome: a registered message."""

    reply: Any


@dataclass(frozen=True, slots=True)
class Permit:
    """What a query asked leave for is granted: whoever asked may act when it has applied all that is handed out here.

    The group answers with that index (`Permitted`).
    """


@dataclass(frozen=True, slots=True)
class StartGroup:
    """Effect of apply: this node begins a replica of a new group at its first index (a split's right side).

    `configuration` is the encoded Raft configuration, `mark` the machine's durable part.
    """

    group: int
    replica: int
    configuration: bytes
    mark: bytes


@dataclass(frozen=True, slots=True)
class StopGroup:
    """Effect of apply: this machine has taken over the span of another group, whose replica on this node ends.

    No row goes. The replica must have stopped for this `merge`, and with it hold all that its group ever applied.
    """

    group: int
    merge: int


@dataclass(slots=True)
class Applied:
    """What applying one entry gave: the same reply and effects on every replica.

    `wakes` are tokens; `wait`, if any, delays the reply on the leader until the token is woken. Of an entry that
    requests share, `waits` has the waits of some, by their places.
    """

    reply: Any
    wakes: Sequence[Hashable] = ()
    effects: Sequence[StartGroup | StopGroup] = ()
    wait: Wait | None = None
    waits: Mapping[int, Wait] | None = None


class Nearby(Protocol):
    """The message of a query that a replica may answer which does not lead (node/following.py); its sort is "nearby".

    Where the replica leads it is a query like any other.
    """

    def answer(self, machine: "Machine", request: Request, granted: Any) -> Any:
        """The reply from what is applied here; None where the leader must be asked first.

        `granted` is the question that the leader has permitted, once its index is applied: then there is a reply.
        """
        ...

    def ask(self, machine: "Machine", requests: Sequence[Request]) -> Any:
        """One question to the leader, for all of these; its machine's answer is `Permit`, if it is granted."""
        ...


class Machine(Protocol):
    """What a group replicates.

    1. `apply` is serial and deterministic: no clock, no chance, no identity of the node.
    2. `admit` and `read` are called only while this replica leads, has applied an entry of its own term (L1)
       and, for `read`, holds its lease or has finished a leadership round begun after the request came.
    3. Leader memory lives from `lead` to `follow` and nowhere else.
    4. `configuration` is the applied one; the group sets it.
    """

    configuration: Configuration
    frozen: int  # the merge for which it has stopped, 0 while it serves

    @property
    def fixed(self) -> bool:
        """The members may not change now, since a merge counts on them."""
        ...

    def replaces(self, other: "Machine") -> bool:
        """The other, whose span overlaps, has been merged into this one for ever: a replica of it may go."""
        ...

    def mark(self) -> bytes:
        """The machine's small durable part (descriptor, closed, safe); stored with the applied index."""
        ...

    def span(self) -> tuple[bytes, bytes]:
        """The heads that this machine owns: first <= head < last. What a snapshot holds, besides the mark."""
        ...

    def span_of(self, mark: bytes) -> tuple[bytes, bytes]:
        """The span that a mark of such a machine names; changes nothing."""
        ...

    def restore(self, mark: bytes) -> None:
        """Begin again from a mark and the rows that the view now holds (a snapshot, or the start of a node)."""
        ...

    def admit(self, request: Request, now: float) -> Proposal | Answer | Wait:
        """On the leader, before it is proposed: stamp it, refuse it, or let it wait (L4: one step)."""
        ...

    def apply(self, body: bytes, request: Request | None) -> Applied:
        """Apply stamp + command. `request` is the leader's own, if it is still known, to spare the decoding."""
        ...

    def read(self, request: Request, now: float) -> Answer | Wait | Permit:
        """Answer a query, or let it wait, or give leave."""
        ...

    def lead(self, term: int) -> None:
        """This replica leads and has applied an entry of its own term: leader memory begins, empty."""
        ...

    def follow(self) -> None:
        """Leadership is over: leader memory is gone, nothing proposed is answered any more."""
        ...

    def duties(self, now: float) -> Sequence[Flow[Any]]:
        """Flows that the leader wants run behind (L2's tick, a window to extend); each is handed out once."""
        ...
