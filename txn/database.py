"""The database's operations as flows: one-shots, transactions, scans, loading; every face runs these same flows.

Owns the short way of a one-shot with a known route (one `Send`, no further layer), what its outcome may be told
as (C2a, F2 to F4), and trying a transaction again. Keys are the caller's, in one space of the key space.
Does not own who runs the flows (txn/client.py, node/host.py). Read next: txn/transaction.py.
"""

from collections.abc import Callable, Generator, Iterable
from copy import copy
from typing import TypeVar

from node.flow import Flow, Gather, Send, Sleep
from ranges.keys import USER
from ranges.router import LOOKUP_RANGES, TRY_SECONDS, Call, Router
from txn.committing import Committing, Names, out_of_time
from txn.config import DEADLINE_SECONDS
from txn.errors import Aborted, BadInput, Unavailable
from txn.moments import Moments
from txn.nearest import Nearest
from txn.puts import Put
from txn.queries import Read
from txn.replies import BelowSafe, Committed, IsAborted, TooOld, Values
from txn.transaction import Calling, Row, Space, Transaction, check_value

BACKOFF_SECONDS_MIN = 0.005
BACKOFF_SECONDS_MAX = 0.5
LOAD_BYTES = 256 << 10  # keys and values of one message of a load
LOAD_ROWS = 2_000  # rows of one message of a load
LOADS_AT_ONCE = 8

T = TypeVar("T")


def backoff(failures: int, chance: Callable[[], float]) -> float:
    """Seconds to wait after so many failures: longer each time, by chance."""
    return min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2.0 ** min(failures, 16)) * (0.5 + chance())


class Database:
    """Operations on one space of keys.

    1. Nothing that may have happened is ever sent again under another id.
    2. With `nearest` reads go to the nearest replica first, as linearizable as the leader's.
    """

    def __init__(
        self, router: Router, space: bytes = USER, seconds: float = DEADLINE_SECONDS, nearest: bool = False
    ) -> None:
        self.router = router
        self.space = Space(space)
        self.seconds = seconds
        self._names = Names(router.chance)
        self._committing = Committing(router, self._names)
        self._nearest = nearest
        self._call_near: Calling = Nearest(router, past=False).call
        self._call_past: Calling = Nearest(router, past=True).call
        self._call: Calling = self._call_near if nearest else router.call
        self._moments = Moments(router)

    def ranges_of(self, start: bytes, end: bytes) -> Flow[list[int]]:
        """The numbers of the ranges that hold [start, end), as group 0 knows them now. Raises Unavailable."""
        key, last, router = self.space.bound(start), self.space.bound(end), self.router
        found: list[int] = []
        while key < last:
            descriptor = yield from router.locate(key, self.seconds)
            if descriptor is None:
                raise Unavailable("nobody said in time which range holds a key")
            for _ in range(LOOKUP_RANGES):  # what came with the answer
                found.append(descriptor.group)
                key = descriptor.end
                descriptor = router.directory.find(key) if key < last else None
                if descriptor is None:
                    break
        return found

    def within(self, space: bytes) -> "Database":
        """The same, on another space of keys."""
        other = copy(self)
        other.space = Space(space)
        return other

    # -- one-shots ---------------------------------------------------------------------------------------------------

    def get(self, key: bytes) -> Flow[bytes | None]:
        """The value, or None. Raises Unavailable."""
        own = self.space.key(key)
        router = self.router
        directory = router.directory
        message = Read((own,), 0)
        found = None if self._nearest else directory.find(own)
        if found is not None:
            node = directory.leaders.get(found.group)
            if node is not None:
                reply = yield Send(node, found.group, found.span_version, message, TRY_SECONDS)
                if type(reply) is Values:
                    router.hear(reply.at)
                    return reply.values[0]
                router.note(found, node, reply)
        return (yield from self._get(own, message))

    def _get(self, own: bytes, message: Read) -> Flow[bytes | None]:
        """A one-shot get whose first copy was not answered, or was none."""
        router = self.router
        until = router.now() + self.seconds
        while True:
            call = yield from self._call(own, message, until - router.now())
            if type(call.reply) is Values:
                router.hear(call.reply.at)
                value: bytes | None = call.reply.values[0]
                return value
            if type(call.reply) is not BelowSafe:
                raise Unavailable("no leader of the range answered a read in time")

    def put(self, key: bytes, value: bytes) -> Flow[int]:
        """Write it; returns the commit timestamp. Raises Aborted, OutcomeUnknown or Unavailable."""
        check_value(value)
        return self._put(self.space.key(key), value)

    def delete(self, key: bytes) -> Flow[int]:
        """Remove it, whether it is there or not; like `put`."""
        return self._put(self.space.key(key), None)

    def _put(self, key: bytes, value: bytes | None) -> Flow[int]:
        router = self.router
        name, born = self._names.next(), router.told
        message = Put(name, born, key, value)
        found = router.directory.find(key)
        node = None if found is None else router.directory.leaders.get(found.group)
        call = Call()
        if found is not None and node is not None:
            reply = yield Send(node, found.group, found.span_version, message, TRY_SECONDS)
            if type(reply) is Committed:
                router.hear(reply.commit)
                return reply.commit
            router.note(found, node, reply)
            call.open, call.span = int(reply is None), found.span_version
        return (yield from self._put_again(message, call))

    def _put_again(self, message: Put, call: Call) -> Flow[int]:
        """C2a after a first copy that was not carried out, as far as is known, or none."""
        router, refused = self.router, False
        until = router.now() + self.seconds
        while True:
            call = yield from router.call(message.key, message, until - router.now(), call=call)
            match call.reply:
                case Committed(commit):
                    router.hear(commit)
                    return commit
                case IsAborted():
                    raise Aborted("the write was barred: try again")
                case TooOld(tick):
                    # F4. A new id may be made only when nothing of this one can happen any more.
                    stands = (
                        (yield from self._committing.bar(message.key, message.id, message.born)) if call.open else 0
                    )
                    if stands:
                        return stands
                    router.hear(tick)
                    message, call = Put(self._names.next(), router.told, message.key, message.value), Call()
                case None:
                    raise out_of_time(call, refused)
                case _:
                    refused = True  # Locked or Pushed: the same again (F1)

    # -- several keys ------------------------------------------------------------------------------------------------

    def begin(self, age: int = 0) -> Transaction:
        """A transaction; `age` is that of the attempt before it, if this one tries again."""
        call = self._call_near if self._nearest else None
        return Transaction(self.router, self._committing, self.space, self.seconds, age, call=call)

    def snapshot(self, at: int | None = None, staleness: float = 0.0) -> Flow[Transaction]:
        """What only reads, as of a time, wherever a replica is near (txn/nearest.py).

        `at` is where something stood; or the time is such that all is seen that was acknowledged more than `staleness`
        seconds ago (ranges/placement/moments.py). Raises BadInput, also for a time to come, or Unavailable.
        """
        if at is None:
            time = yield from self._moments.ago(staleness, self.seconds)
        elif staleness:
            raise BadInput("a snapshot is taken at a time, or with a staleness, not both")
        else:
            time = yield from self._moments.passed(at, self.seconds)
        call = self._call_near if at is None and not staleness else self._call_past
        return Transaction(self.router, self._committing, self.space, self.seconds, at=time, call=call)

    def get_many(self, keys: Iterable[bytes]) -> Flow[list[bytes | None]]:
        """The values, in the order of the keys, of one moment."""
        return self.begin().get_many(keys)

    def scan(
        self, start: bytes = b"", end: bytes | None = None, limit: int | None = None, reverse: bool = False
    ) -> Flow[list[Row]]:
        """The rows with start <= key < end (None: to the last), of one moment, at most `limit`."""
        return self.begin().scan(start, end, limit, reverse)

    def run(self, body: Callable[[Transaction], Flow[T]], seconds: float | None = None) -> Flow[T]:
        """Run a transaction's body and commit; only what was Aborted is tried again, with the age that it had."""
        router = self.router
        until = router.now() + (self.seconds if seconds is None else seconds)
        age = failures = 0
        while True:
            transaction = self.begin(age)
            try:
                result = yield from body(transaction)
                yield from transaction.commit()
                return result
            except Aborted:
                transaction.rollback()
                if router.now() >= until:
                    raise
            age, failures = transaction.age, failures + 1
            yield Sleep(backoff(failures, router.chance))

    def load(
        self, rows: Iterable[Row], progress: Callable[[int], None] | None = None, at_once: int = LOADS_AT_ONCE
    ) -> Flow[int]:
        """Write many rows, each message of them atomic, all together not; fastest when they ascend by key.

        `progress` is told how many rows stand. Returns their number. On OutcomeUnknown or Unavailable some rows
        may stand already; loading the same rows again is safe. Of a key that comes twice either row may stand.
        """
        loads = _cut(rows)
        stands = 0

        def work() -> Flow[None]:
            nonlocal stands
            try:
                for some in loads:
                    yield from self._load(some)
                    stands += len(some)
                    if progress is not None:
                        progress(stands)
            finally:
                loads.close()  # after a failure the others end with what they have begun

        yield Gather(tuple(work() for _ in range(at_once)))
        return stands

    def _load(self, rows: dict[bytes, bytes]) -> Flow[None]:
        """Blind transactions, one for each range."""
        keys = [self.space.key(key) for key in sorted(rows)]
        groups = yield from self.router.group(keys, _itself, len, LOAD_BYTES)
        for group in groups:

            def body(transaction: Transaction, keys: tuple[bytes, ...] = group) -> Flow[None]:
                for key in keys:
                    transaction.put(key[1:], rows[key[1:]])
                yield from ()

            yield from self.run(body)


def _cut(rows: Iterable[Row]) -> Generator[dict[bytes, bytes], None, None]:
    """Rows in portions of limited size."""
    some: dict[bytes, bytes] = {}
    size = 0
    for key, value in rows:
        check_value(value)
        if some and (len(some) >= LOAD_ROWS or size + len(key) + len(value) > LOAD_BYTES):
            yield some
            some, size = {}, 0
        some[key] = value
        size += len(key) + len(value)
    if some:
        yield some


def _itself(key: bytes) -> bytes:
    return key
