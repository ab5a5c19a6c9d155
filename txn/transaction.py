"""One attempt of a transaction: reads from one snapshot, writes kept until the commit.

Owns what was read (V), what is to be written (W), their limits, and reads that see the attempt's own writes.
Keys are the caller's, in one space. Everything that may wait is a flow. Does not own the way of a commit
(txn/committing.py) nor trying again (txn/database.py). Read next: txn/committing.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from sortedcontainers import SortedDict

from node.flow import Flow, Gather, Send
from ranges.config import KEY_BYTES_MAX, READ_KEYS_MAX, VALUE_BYTES_MAX
from ranges.directory import just_below
from ranges.router import MOVED, TRY_SECONDS, Call, Router
from txn.committing import Committing, Load, join_spans
from txn.config import DEADLINE_SECONDS, TRANSACTION_BYTES_MAX, TRANSACTION_KEYS_MAX
from txn.errors import TOO_OLD, Aborted, BadInput, BadType, Unavailable
from txn.queries import Read, Scan
from txn.replies import BelowSafe, Rows, Values

Row = tuple[bytes, bytes]
NOTHING: Mapping[bytes, bytes | None] = {}  # of those that have written nothing yet: most only read


class Calling(Protocol):
    """How a query reaches somebody who answers it: as `Router.call` does, which asks the leader."""

    def __call__(self, key: bytes, message: Any, seconds: float, *, follow: bool = True) -> Flow[Call]:
        """What came of its copies."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a scan, in its order. `more`: go on from there (as `start`, or as `end` of a reverse scan)."""

    rows: list[Row]
    more: bytes | None


@dataclass(frozen=True, slots=True)
class Savepoint:
    """The writes of an attempt at some time, and their size."""

    writes: dict[bytes, bytes | None]
    bytes: int


class Space:
    """A space of keys: between a caller's key and the range key."""

    __slots__ = ("end", "prefix")

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        self.end = bytes((prefix[0] + 1,))

    def key(self, key: bytes) -> bytes:
        """The range key. Raises BadInput."""
        if type(key) is not bytes:
            raise BadType(f"a key is bytes, not {type(key).__name__}")
        if len(key) + key.count(0) > KEY_BYTES_MAX:
            raise BadInput(f"a key has at most {KEY_BYTES_MAX} bytes, zero bytes counted twice; this has {len(key)}")
        return self.prefix + key

    def bound(self, key: bytes | None) -> bytes:
        """The range key of a span's start or end; None: the end of the space."""
        if key is None:
            return self.end
        return self.key(key[:-1]) + b"\x00" if key[-1:] == b"\x00" else self.key(key)


def check_value(value: bytes) -> None:
    """Raises BadInput."""
    if type(value) is not bytes:
        raise BadType(f"a value is bytes, not {type(value).__name__}")
    if len(value) > VALUE_BYTES_MAX:
        raise BadInput(f"a value has at most {VALUE_BYTES_MAX} bytes; this has {len(value)}")


class Transaction:
    """An attempt.

    1. All of its reads are at `S`, which is 0 until the first of them (or the commit of a blind one) has fetched it.
    2. `age` is the S of its first attempt, and is handed on to the next one.
    3. V holds keys whether present or absent, and of scans only what was covered. Own writes are not in V.
    4. `timestamp` is where it stands: S, and C once it has committed.
    5. With `at` it reads as of that time, and neither writes nor remembers what it read.
    6. `ahead` holds values at S that were asked for along with others and not wanted yet; own writes stand over them.
    """

    def __init__(
        self,
        router: Router,
        committing: Committing,
        space: Space,
        seconds: float = DEADLINE_SECONDS,
        age: int = 0,
        at: int = 0,
        call: Calling | None = None,
    ) -> None:
        self.S = at
        self.age = age or at
        self.timestamp = at
        self.over = False
        self._call = call or router.call
        self._asks_leaders = call is None
        self._reads_only = at > 0
        self._router = router
        self._committing = committing
        self._space = space
        self._seconds = seconds
        self._writes: Any = NOTHING
        self._bytes = 0
        self._reads: dict[bytes, None] = {}
        self._ahead: dict[bytes, bytes | None] = {}
        self._spans: list[tuple[bytes, bytes]] = []

    # -- writes ------------------------------------------------------------------------------------------------------

    def put(self, key: bytes, value: bytes) -> None:
        """Write it at the commit. Raises BadInput, which names the limit."""
        check_value(value)
        self._write(self._space.key(key), value)

    def delete(self, key: bytes) -> None:
        """Remove it at the commit, whether it is there or not."""
        self._write(self._space.key(key), None)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write all these values and remove the keys that have none, at the commit. Raises BadInput for all or none."""
        key_of, writes = self._space.key, self._written()
        own = {key_of(key): value for key, value in changes.items()}
        size = 0
        for value in own.values():
            if value is not None:
                check_value(value)
                size += len(value)
        before = [key for key in own if key in writes] if writes else []
        size += sum(map(len, own)) - sum(len(key) + len(writes[key] or b"") for key in before)
        self._grow(len(own) - len(before), size)
        writes.update(own)

    def rollback(self) -> None:
        """Forget everything; nothing was ever sent."""
        self.over = True

    def savepoint(self) -> Savepoint:
        """What is to be written so far."""
        return Savepoint(dict(self._writes), self._bytes)

    def go_back(self, before: Savepoint) -> None:
        """Write what was to be written then, and nothing else. What was read since stays read."""
        self._writes, self._bytes = SortedDict(before.writes), before.bytes

    def _write(self, key: bytes, value: bytes | None) -> None:
        writes = self._written()
        if key in writes:
            self._grow(0, len(value or b"") - len(writes[key] or b""))
        else:
            self._grow(1, len(key) + len(value or b""))
        writes[key] = value

    def _written(self) -> Any:
        """What is to be written, to be added to."""
        if self._writes is NOTHING:
            self._writes = SortedDict()
        return self._writes

    def _grow(self, keys: int, size: int) -> None:
        """So many more keys and bytes are to be written. Raises BadInput."""
        self._require_open()
        if self._reads_only:
            raise BadInput("a snapshot is for reading only: write in a transaction, or by put and delete")
        if len(self._writes) + keys > TRANSACTION_KEYS_MAX:
            raise BadInput(f"a transaction writes at most {TRANSACTION_KEYS_MAX} keys")
        if self._bytes + size > TRANSACTION_BYTES_MAX:
            raise BadInput(f"a transaction writes at most {TRANSACTION_BYTES_MAX} bytes")
        self._bytes += size

    def _require_open(self) -> None:
        if self.over:
            raise BadInput("this transaction is over: begin another one")

    # -- reads -------------------------------------------------------------------------------------------------------

    def get(self, key: bytes, ahead: bytes | None = None) -> Flow[bytes | None]:
        """The value, or None. Raises Aborted (the snapshot is gone) or Unavailable.

        `ahead` is a key that is likely to be wanted next: if it lies in the same range, its value comes along.
        """
        self._require_open()
        own = self._space.key(key)
        if own in self._writes:
            value: bytes | None = self._writes[own]
            return value
        if own in self._ahead:
            return self._ahead.pop(own)
        router = self._router
        found = router.directory.find(own) if self._asks_leaders else None
        node = None if found is None else router.directory.leaders.get(found.group)
        if found is not None and node is not None:  # one Send, no further layer: most gets need no more
            at, keys = self.S, [own]
            if ahead is not None and found.start <= (other := self._space.key(ahead)) < found.end:
                keys.append(other)
            reply = yield Send(node, found.group, found.span_version, Read(tuple(keys), at), TRY_SECONDS)
            if type(reply) is Values and self._stands(reply.at):
                return self._take(keys, reply.values)
            if at and type(reply) is BelowSafe:
                raise Aborted(TOO_OLD)
            router.note(found, node, reply)
        values = yield from self._read((own,))
        return values[0]

    def _take(self, keys: list[bytes], values: tuple[bytes | None, ...]) -> bytes | None:
        """The first value; the others have come ahead. The keys enter V."""
        for key, value in zip(keys[1:], values[1:], strict=True):
            self._ahead[key] = value
        if not self._reads_only:
            self._reads.update(dict.fromkeys(keys))
        return values[0]

    def get_many(self, keys: Iterable[bytes]) -> Flow[list[bytes | None]]:
        """The values, in the order of the keys; ranges are asked in parallel."""
        self._require_open()
        asked = [self._space.key(key) for key in keys]
        wanted = sorted({key for key in asked if key not in self._writes})
        router, found = self._router, dict(self._writes)
        groups = yield from router.group(wanted, _itself, _one, READ_KEYS_MAX)
        if len(groups) > 1:
            yield from self.begin()
        values = yield Gather(tuple(self._read(group) for group in groups))
        for group, some in zip(groups, values, strict=True):
            found.update(zip(group, some, strict=True))
        return [found[key] for key in asked]

    def scan(
        self, start: bytes = b"", end: bytes | None = None, limit: int | None = None, reverse: bool = False
    ) -> Flow[list[Row]]:
        """The rows with start <= key < end (None: to the last), at most `limit`, in key order or in reverse."""
        rows: list[Row] = []
        while limit is None or len(rows) < limit:
            page = yield from self.page(start, end, None if limit is None else limit - len(rows), reverse)
            rows += page.rows
            if page.more is None:
                break
            if reverse:
                end = page.more
            else:
                start = page.more
        return rows

    def page(
        self, start: bytes = b"", end: bytes | None = None, limit: int | None = None, reverse: bool = False
    ) -> Flow[Page]:
        """The next rows of a scan, as many as one message brings; maybe none although there are more."""
        self._require_open()
        if limit is not None and limit < 1:
            raise BadInput(f"a scan's limit is at least 1, not {limit}")
        first, last = self._space.bound(start), self._space.bound(end)
        if first >= last:
            return Page([], None)
        key, start, stop = (just_below(last) if reverse else first), first, last
        reply = yield from self._ask(key, lambda at: Scan(start, stop, at, limit or 0, 0, reverse))
        more = reply.more
        if more is not None:
            first, last = (more, last) if reverse else (first, more)
        rows = self._merge(reply.rows, first, last, reverse)
        if limit is not None and len(rows) > limit:
            del rows[limit:]
            more = rows[-1][0] + (b"" if reverse else b"\x00")
            first, last = (more, last) if reverse else (first, more)
        if not self._reads_only:
            self._spans.append((first, last))
        if len(self._spans) > 64:
            self._spans = list(join_spans(self._spans))
        return Page([(key[1:], value) for key, value in rows], None if more is None else more[1:])

    def _merge(self, rows: Sequence[Row], first: bytes, last: bytes, reverse: bool) -> list[Row]:
        """What is there, and what this attempt has written over it."""
        own = self._writes
        if not own:
            return list(rows)
        keys = list(own.irange(first, last, (True, False)))
        if not keys:
            return list(rows)
        merged = dict(rows)
        merged.update((key, own[key]) for key in keys)
        return [(key, merged[key]) for key in sorted(merged, reverse=reverse) if merged[key] is not None]

    def begin(self) -> Flow[None]:
        """Fetch S, if the first read has not done so."""
        if not self.S:
            tick = yield from self._router.ticks(1, self._seconds)
            if tick is None:
                raise Unavailable("nobody gave a timestamp in time")
            self._stands(tick)

    def _stands(self, at: int) -> bool:
        """Was this read at S? The first read decides which that is."""
        if not self.S:
            self.S = self.timestamp = at
            self.age = self.age or at
        self._router.hear(at)
        return at == self.S

    def _read(self, keys: tuple[bytes, ...]) -> Flow[tuple[bytes | None, ...]]:
        """Keys of one range, as far as is known; they enter V."""
        reply = yield from self._ask(keys[0], lambda at: Read(keys, at), follow=len(keys) == 1)
        if reply is not None:
            if not self._reads_only:
                self._reads.update(dict.fromkeys(keys))
            return cast(tuple[bytes | None, ...], reply.values)
        yield from self.begin()
        groups = yield from self._router.group(keys, _itself, _one, READ_KEYS_MAX)
        values = yield Gather(tuple(self._read(group) for group in groups))
        return tuple(value for some in values for value in some)

    def _ask(self, key: bytes, question: Callable[[int], Any], follow: bool = True) -> Flow[Any]:
        """One query at S; the first of all is asked at a tick that its node takes, which becomes S.

        None: not `follow`, and the keys may lie in several ranges now.
        """
        router = self._router
        until = router.now() + self._seconds
        while True:
            at = self.S
            call = yield from self._call(key, question(at), until - router.now(), follow=follow)
            reply = call.reply
            if reply is MOVED:
                return None
            if type(reply) is BelowSafe:
                if at:
                    raise Aborted(TOO_OLD)
            elif not isinstance(reply, Values | Rows):
                raise Unavailable("no leader of the range answered a read in time")
            else:
                if self._stands(reply.at):
                    return reply

    # -- the end -----------------------------------------------------------------------------------------------------

    def commit(self) -> Flow[int]:
        """C, or S of a transaction that wrote nothing (C0). Raises Aborted, OutcomeUnknown or Unavailable."""
        self._require_open()
        self.over = True
        if not self._writes:
            return self.S
        yield from self.begin()
        reads, spans = self._reads, self._spans
        if len(reads) > TRANSACTION_KEYS_MAX:
            spans = spans + [(key, key + b"\x00") for key in reads]
            reads = {}
        joined = join_spans(spans)
        load = Load(self.S, self.age, tuple(sorted(reads)), joined, tuple(self._writes.items()))
        self.timestamp = yield from self._committing.commit(load, self._seconds)
        return self.timestamp


def _itself(key: bytes) -> bytes:
    return key


def _one(_: bytes) -> int:
    return 1
