"""The machine of a range: gates, stamps and leader memory around commands that know their own meaning.

Owns the epoch gate (M1), the opening of a new leader (L2), the entry's stamp, `closed` and `safe`. Commands and
queries are open sets (`RangeCommand`, `RangeQuery`), most of them on floor 3. A split is a command whose apply calls
`split`: the end moves, rows stay, the right side's mark comes back; a merge is two, which call `freeze` on the right
and `absorb` on the left. The group sets `configuration`. Read next: ranges/merging.py, txn/commands.py.
"""

from collections.abc import Callable, Hashable, Sequence
from struct import Struct, unpack_from
from typing import Any

from node.codec import decode
from node.flow import Flow, Sleep
from node.machine import Answer, Applied, Machine, Permit, Proposal, Request, View, Wait
from node.raft.messages import Configuration
from ranges.asked import RangeCommand, RangeQuery, WhileFrozen
from ranges.config import MARKED_SIZE_STEP_BYTES, PENDING_WAIT_SECONDS, SETTLE_WAIT_SECONDS, TICK_RETRY_SECONDS
from ranges.descriptor import Descriptor, replicas_of
from ranges.floors import LeaderMemory
from ranges.keys import head
from ranges.marks import pack_mark, span_of_mark, unpack_mark
from ranges.messages import Intent, NotYet, StaleSpan
from ranges.mvcc import KeyRows
from ranges.sampler import Keyed, LoadSampler, Sampler

_stamp = Struct(">QQII")  # C, tick, the message's span version, number of further timestamps
NOBODY = Configuration(0, 0, ())


def stamp(span_version: int, commit: int = 0, tick: int = 0, further: int = 0) -> bytes:
    """What stands before the command of every entry; so many further timestamps follow it."""
    return _stamp.pack(commit, tick, span_version, further)


class RangeMachine:
    """One range: `node.machine.Machine` over versioned rows.

    1. `start < end`; `span_version` rises with every change of either.
    2. `safe <= closed`, and neither falls (F5).
    3. `memory` is there exactly while this replica leads; rows and replies never depend on it.
    4. An entry's stamp carries the span version of the message, not the leader's (M1).
    5. `frozen` is the merge for which the range has stopped (0: it serves), to be taken over by the group `heir`;
       `ended` the last merge that is over here for ever, `absorbed` the last that came about on this, the left side.
       Ids of merges rise, and a range is in one at a time.
    6. `quiet` is (span version, T): of the range as it was under that version, all writes at or below T are applied
       here, and none will ever come; whatever leads (txn/nearby.py).
    """

    __slots__ = (
        "_duties", "_load", "_mark", "_marked_size", "_right", "_sampler", "_settle", "_tick", "absorbed", "asked",
        "closed", "configuration", "end", "ended", "frozen", "group", "heir", "memory", "quiet", "rows", "safe",
        "span_version",
        "start",
    )  # fmt: skip

    def __init__(
        self,
        group: int,
        view: View,
        mark: bytes,
        settle: Callable[[Intent], Flow[None]],
        tick: Callable[[], Flow[int | None]],
    ) -> None:
        self.group = group
        self.rows = KeyRows(view)
        self.memory: LeaderMemory | None = None
        self.configuration = NOBODY
        self._settle = settle
        self._tick = tick
        self._duties: Sequence[Flow[Any]] = ()
        self._load: LoadSampler | None = None
        self.asked = 0  # requests that came to this replica while it led
        self.restore(mark)

    # -- the durable part --------------------------------------------------------------------------------------------

    def restore(self, mark: bytes) -> None:
        """Begin again from a mark, over the rows that the view now holds."""
        (self.span_version, self.closed, self.safe, self.rows.size), merges = unpack_mark(mark)
        self.frozen, self.heir, self.ended, self.absorbed = merges
        self.start, self.end = span_of_mark(mark)
        self._mark: bytes | None = None
        self._marked_size = self.rows.size
        self._sampler: Sampler | None = None
        self._right: Descriptor | None = None
        self.quiet = (0, 0)

    def mark(self) -> bytes:
        """Span, span version, closed, safe and about the size: the same object while nothing of it has moved."""
        if self._mark is None or abs(self.rows.size - self._marked_size) >= MARKED_SIZE_STEP_BYTES:
            self._marked_size = self.rows.size
            bounds = self.span_version, self.closed, self.safe, self.rows.size
            merges = self.frozen, self.heir, self.ended, self.absorbed
            self._mark = pack_mark(bounds, merges, self.start, self.end)
        return self._mark

    def span(self) -> tuple[bytes, bytes]:
        """The heads of this range: first <= head < last."""
        return head(self.start), head(self.end)

    def span_of(self, mark: bytes) -> tuple[bytes, bytes]:
        """The heads that a mark names."""
        start, end = span_of_mark(mark)
        return head(start), head(end)

    @property
    def size(self) -> int:
        """About how many bytes the rows hold; exact but for splits, which count each side as half."""
        return self.rows.size

    @property
    def descriptor(self) -> Descriptor:
        """The range as replies name it; its replicas are those of `configuration`, which the group sets."""
        version, replicas = self.configuration.version, replicas_of(self.configuration)
        return Descriptor(self.group, self.start, self.end, self.span_version, version, replicas)

    def sample_split_key(self) -> bytes | None:
        """A key near the middle of the bytes, once enough calls of bounded work have walked the range; else None."""
        if self._sampler is None:
            self._sampler = Sampler(self.rows.view, self.start, self.end)
        return self._sampler.step(self.rows.size)

    def sample_load_key(self, now: float) -> tuple[bool, bytes | None]:
        """Watch the requests for a while: (done, a key near their middle if there is a useful one)."""
        watched = self._load = self._load or LoadSampler(now)
        if not watched.is_done(now):
            return False, None
        self._load = None
        return True, watched.middle(self.start, self.end)

    def _count(self, message: Any) -> None:
        self.asked += 1
        if self._load is not None and isinstance(message, Keyed):
            self._load.take(message.reach())

    @property
    def leading(self) -> LeaderMemory:
        """The leader's memory, where a rule needs it."""
        assert self.memory is not None, f"group {self.group} has no leader memory: it does not lead"
        return self.memory

    # -- leadership ----------------------------------------------------------------------------------------------------

    def lead(self, term: int) -> None:
        """L1 is done: memory begins, reads are served; writes wait for L2's tick."""
        memory = LeaderMemory()
        self.memory = memory
        self._duties = [self._open(memory)]

    def follow(self) -> None:
        """Leadership is over, and its memory with it."""
        self.memory = None
        self._load = None
        self._duties = ()

    def duties(self, now: float) -> Sequence[Flow[Any]]:
        """L2's tick, once for each leadership."""
        duties, self._duties = self._duties, ()
        return duties

    def _open(self, memory: LeaderMemory) -> Flow[None]:
        """L2: a tick asked for after this leadership began becomes the low-water mark; then writes are let in."""
        while self.memory is memory and not memory.open:
            tick = yield from self._tick()
            if tick is None:
                yield Sleep(TICK_RETRY_SECONDS)
            else:
                memory.raise_low(tick)
                memory.open = True

    # -- the two doors of the leader -----------------------------------------------------------------------------------

    def admit(self, request: Request, now: float) -> Proposal | Answer | Wait:
        """M1, M3 and L2, then the command's own rules."""
        command: RangeCommand = request.message
        if request.span != self.span_version or not command.within(self.start, self.end):
            return Answer(self.refusal(request.span))
        if self.frozen and not isinstance(command, WhileFrozen):
            return Answer(NotYet())
        memory = self.memory
        assert memory is not None, f"group {self.group} was asked to admit a write: it does not lead"
        if not memory.open:
            return Wait(("open", self.group), self._open(memory))
        self._count(command)
        return command.admit(self, request, now)

    def read(self, request: Request, now: float) -> Answer | Wait | Permit:
        """M1 and M3, then the query's own rules."""
        query: RangeQuery = request.message
        if request.span != self.span_version or not query.within(self.start, self.end):
            return Answer(self.refusal(request.span))
        if self.frozen:
            return Answer(NotYet())
        self._count(query)
        return query.read(self, request, now)

    def refusal(self, span_version: int) -> StaleSpan | NotYet:
        """M1: what to answer to a message routed by that span version."""
        if span_version > self.span_version or (self.frozen and span_version == self.span_version):
            return NotYet()
        return StaleSpan((self.descriptor,) if self._right is None else (self.descriptor, self._right))

    def propose(self, request: Request, commit: int = 0, commits: Sequence[int] = ()) -> Proposal:
        """An admitted command."""
        first = stamp(request.span, commit, request.tick, len(commits))
        return Proposal(first + Struct(f">{len(commits)}Q").pack(*commits) if commits else first)

    def wait_settled(self, intent: Intent, seconds: float = SETTLE_WAIT_SECONDS) -> Wait:
        """Wait until somebody's intent is settled, which a flow behind sees to."""
        return self._wait(("intent", intent.key, intent.id), self._settle(intent), seconds)

    def wait_decided(self, name: bytes, seconds: float) -> Wait:
        """Wait until the attempt has a verdict."""
        return Wait(("verdict", name), None, seconds)

    def wait_applied(self, key: bytes) -> Wait:
        """R1: wait until a write of the key that is under way has been applied."""
        return self._wait(("key", key), None, PENDING_WAIT_SECONDS)

    def _wait(self, token: tuple[Any, ...], flow: Flow[Any] | None, seconds: float) -> Wait:
        self.leading.parked.add(token)
        return Wait(token, flow, seconds)

    # -- the state -----------------------------------------------------------------------------------------------------

    def apply(self, body: bytes, request: Request | None) -> Applied:
        """M1 and M3 again, then the command; what it had registered in leader memory is released in any case."""
        commit, tick, span_version, count = _stamp.unpack_from(body)
        commits = unpack_from(f">{count}Q", body, _stamp.size) if count else ()
        command: RangeCommand = request.message if request is not None else decode(body[_stamp.size + 8 * count :])
        takes = not self.frozen or isinstance(command, WhileFrozen)
        if takes and span_version == self.span_version and command.within(self.start, self.end):
            applied = command.apply(self, commit, tick, commits)
        else:
            applied = Applied(self.refusal(span_version))
        memory = self.memory
        if memory is not None:
            woken = command.release(memory, commit, commits)
            if woken:
                tokens = [("key", key) for key in woken]
                applied.wakes = (*applied.wakes, *tokens)
        return applied

    def make_quiet(self, until: int) -> None:
        """The leader let in no write at or below `until` any more, and all that it had let in is applied here."""
        self.quiet = (self.span_version, max(until, self.quiet_until))

    @property
    def quiet_until(self) -> int:
        """Up to when this replica may answer by itself; 0 where the span has changed since."""
        span_version, until = self.quiet
        return until if span_version == self.span_version else 0

    def settled(self, key: bytes, name: bytes) -> Sequence[Hashable]:
        """Inside apply: what to wake since the attempt's intent on the key is settled: it may be the primary's."""
        token = ("intent", key, name)
        decided = self.decided(name)
        return (token, *decided) if self.memory is not None and self.memory.wake(token) else decided

    def decided(self, name: bytes) -> Sequence[Hashable]:
        """Inside apply: what to wake since the attempt has a verdict."""
        return () if self.memory is None else (("verdict", name),)

    def raise_closed(self, until: int) -> None:
        """F5's first step: from now on no attempt with S at or below `until` writes here."""
        self.closed = max(self.closed, until)
        self._mark = None

    def raise_safe(self, until: int) -> None:
        """F5's third step: nothing at all is taken from attempts with S at or below `until`."""
        self.safe = max(self.safe, until)
        self._mark = None
        self.raise_closed(until)

    def split(self, at: bytes, group: int, configuration: Configuration) -> tuple[bytes, Sequence[Hashable]]:
        """Inside apply: keep [start, at) and give [at, end) to `group`: (the right side's mark, tokens to wake).

        No row moves. `closed` and `safe` go with both sides. What was proposed for the right and is not yet
        applied meets M1 and is released then; who waits for a settlement is woken, to meet M1 too.
        `configuration` is the right side's first, for what later refusals name beside the left.
        """
        assert self.start < at < self.end, f"{at!r} does not lie inside [{self.start!r}, {self.end!r})"
        self.span_version += 1
        right = self.rows.size // 2
        mark = pack_mark((self.span_version, self.closed, self.safe, right), (0, 0, 0, 0), at, self.end)
        version, replicas = configuration.version, replicas_of(configuration)
        self._right = Descriptor(group, at, self.end, self.span_version, version, replicas)
        self.end = at
        self._mark = None
        self.rows.size -= right
        self._sampler = self._load = None
        return mark, self._wake_sleepers()

    # -- merges (M3) -----------------------------------------------------------------------------------------------

    @property
    def fixed(self) -> bool:
        """The members stay: the range is frozen, or an entry of a merge, which counts on them, is under way."""
        return self.frozen > 0 or (self.memory is not None and self.memory.merging > 0)

    def replaces(self, other: Machine) -> bool:
        """The other has been merged into this range, at once or by and by: it began where this range now goes on.

        A range never moves its start, so a key that one begins at is somebody else's only once the range is no more;
        and of two owners of a key the one with the larger span version came later.
        """
        return (
            isinstance(other, RangeMachine)
            and self.start < other.start < self.end
            and self.span_version > other.span_version
        )

    def freeze(self, merge: int, heir: int) -> Sequence[Hashable]:
        """Inside apply: from now on nothing is read or written here. What was routed before it meets M1."""
        assert not self.frozen, f"group {self.group} is frozen for merge {self.frozen} already"
        self.frozen, self.heir = merge, heir
        self.span_version += 1
        self._mark = None
        return self._wake_sleepers()

    def thaw(self, merge: int) -> None:
        """Inside apply: the merge is over for ever, on whichever side this is; a frozen range serves again."""
        self.ended = max(self.ended, merge)
        if self.frozen == merge:
            self.frozen = self.heir = 0
        self._mark = None

    def absorb(self, merge: int, right: Descriptor, bounds: tuple[int, int, int], tick: int) -> Sequence[Hashable]:
        """Inside apply: take over the span of a frozen range; `bounds` are its closed, safe and size. No row moves.

        `tick` was asked for after the right's leader had applied the freeze: larger than whatever was read there.
        """
        assert self.end == right.start, f"group {right.group} begins at {right.start!r}, not at {self.end!r}"
        assert merge > self.ended, f"merge {merge} is over here"
        self.end = right.end
        self.span_version = max(self.span_version, right.span_version) + 1
        self.ended = self.absorbed = merge
        closed, safe, size = bounds
        self.raise_closed(closed)
        self.raise_safe(safe)
        self.rows.size += size
        self._sampler = self._load = None
        self._right = None
        if self.memory is not None:
            self.memory.raise_low(tick)
        return self._wake_sleepers()

    def renew(self, span_version: int, end: bytes, ended: int) -> None:
        """Inside apply: begin again after a recovery (ranges/renewal.py), in no merge, ending at `end`."""
        assert span_version > self.span_version, "a span version rises"
        assert self.start < end <= self.end, "a recovery makes no range longer"
        self.span_version, self.end = span_version, end
        self.frozen = self.heir = 0
        self.ended = max(self.ended, ended)
        self._mark = None
        self._sampler = None
        self._right = None

    def _wake_sleepers(self) -> Sequence[Hashable]:
        """Who is parked, to meet M1; those parked on pending writes are woken as these are released."""
        if self.memory is None:
            return ()
        gone = sorted(token for token in self.memory.parked if token[0] == "intent")
        self.memory.parked.difference_update(gone)
        self.memory.drop_empty()
        return gone
