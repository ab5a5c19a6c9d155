"""Settling somebody's intent (X1 to X5), and learning what became of an attempt.

Owns `Settling`: flows that any node or client may run, many at once, again and again (X5). The waiter's own clock
counts the owner's patience; no two clocks are compared. Does not own an attempt that is being carried out
(txn/coordinator.py) nor the commands (txn/endings.py). Read next: txn/coordinator.py.

    X1 ask the primary's range for the verdict ── there ──▶ it is final: settle
       none, intent stands ─▶ X2 ask every key of W ── all there, implicit ──▶ write committed(max C_k)
                                 │ one missing              │ all there, explicit
                                 ▼                          ▼
                              X3 patience; bar the key   X3 patience; write aborted
       none, no intent ────▶ X4 the same, the primary being the missing key
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.flow import Flow, Gather, Sleep
from node.messages import Done
from ranges.config import ID_BYTES
from ranges.messages import Intent
from ranges.router import MOVED, TRY_SECONDS, Router
from txn.config import GRACE_SECONDS, PATIENCE_SECONDS, PATIENCE_SECONDS_MAX
from txn.endings import Bar, Settle, Verdict
from txn.queries import Attempt, Fate
from txn.replies import AttemptIs, Barred, BarRefused, FateIs, TooOld, VerdictIs

DECIDE_SECONDS = 15.0  # for learning one attempt's fate; who waits longer begins again at the first rule
ASK_SECONDS = 5.0  # for one message of a settler; longer than an election
REST_SECONDS = 0.1  # after a try that settled nothing
LOOKS_AT_ONCE = 64  # keys of W asked at the same time
SETTLE_BYTES_MAX = 1 << 20  # of keys in one Settle


@dataclass(frozen=True, slots=True)
class Decided:
    """An attempt whose fate is certain: C, or 0 for aborted. `keys` are W."""

    keys: tuple[bytes, ...]
    id: bytes
    S: int
    commit: int


Row = tuple[bytes, Decided]  # a key that is to be settled, and by which attempt


@dataclass(frozen=True, slots=True)
class _Seen:
    """X2: the least key of W that has neither intent nor version (None: all have), and the largest C_k."""

    missing: bytes | None
    commit: int


def _key_of(row: Row) -> bytes:
    return row[0]


def _size_of(row: Row) -> int:
    return len(row[0]) + ID_BYTES


class Settling:
    """Settles through a router; keeps nothing between two attempts. `patience` is X3's: time, not safety."""

    def __init__(self, router: Router, patience: float = PATIENCE_SECONDS) -> None:
        self._router = router
        self._patience = patience

    def settle(self, intent: Intent) -> Flow[None]:
        """Turn the intent into a version, or remove it; ends without having done so where nobody answers."""
        commit = yield from self.decide(intent.primary, intent.id, intent.S, self._patience)
        if commit is not None:
            decided = Decided((intent.key,), intent.id, intent.S, commit)
            if not (yield from self.settle_all([decided])):
                return
        yield Sleep(REST_SECONDS)  # who waits for this would begin at once again, and again

    def decide(
        self,
        primary: bytes,
        name: bytes,
        start: int,
        patience: float = PATIENCE_SECONDS,
        seconds: float = DECIDE_SECONDS,
    ) -> Flow[int | None]:
        """The final verdict of the attempt that began at `start`: its C, or 0 for aborted; written here if need be.

        None: somebody did not answer in about `seconds`, or the verdict was collected (F5). Nothing but a verdict is
        ever believed.
        """
        router, first_met = self._router, self._router.now()
        wait = min(GRACE_SECONDS, patience)  # an owner at work mostly needs no help
        while (left := first_met + seconds - router.now()) > 0:
            question = Fate(primary, name, start, wait)
            fate = yield from self._ask(primary, question, left, TRY_SECONDS + wait)
            if type(fate) is not FateIs:
                return None
            if fate.commit is not None:
                return fate.commit
            seen = _Seen(primary, 0) if fate.intent is None else (yield from self._look(fate.intent))
            if seen is None:
                return None
            implicit = fate.intent is not None and (fate.intent.inside or seen.commit == start)
            if seen.missing is None and implicit:  # X2
                return (yield from self._write(primary, name, start, seen.commit))
            wait = min(PATIENCE_SECONDS_MAX, max(0.0, first_met + patience - router.now()))
            if wait > 0:
                continue
            if seen.missing is None:  # X3, explicit: only its owner could have committed it
                return (yield from self._write(primary, name, start, 0))
            bar = Bar(seen.missing, name, start, seen.missing == primary)  # X3; X4 where it is the primary
            barred = yield from self._ask(seen.missing, bar)
            if type(barred) is Barred:
                return (yield from self._write(primary, name, start, 0))
            if type(barred) is not BarRefused:
                return None
            # It has come meanwhile: look again.
        return None

    def settle_all(self, attempts: Sequence[Decided]) -> Flow[list[Decided]]:
        """Settle the keys of attempts, one message a range for all of them; those of which somebody did not answer.

        The primary is the least key, so it goes last, after all others of its attempt are done (X4).
        """
        others = [(key, each) for each in attempts for key in each.keys[1:]]
        failed = set((yield from self._settle_rows(others)) if others else ())
        primaries = [(each.keys[0], each) for each in attempts if each.id not in failed]
        failed.update((yield from self._settle_rows(primaries)))
        return [each for each in attempts if each.id in failed]

    def _settle_rows(self, rows: list[Row]) -> Flow[list[bytes]]:
        """The ids of attempts of which not all of these rows are settled."""
        rows.sort(key=_key_of)
        groups = yield from self._router.group(rows, _key_of, _size_of, SETTLE_BYTES_MAX)
        failed: list[bytes] = []
        for place in range(0, len(groups), LOOKS_AT_ONCE):
            some = groups[place : place + LOOKS_AT_ONCE]
            for each in (yield Gather(tuple(self._settle_some(each) for each in some))):
                failed += each
        return failed

    def _settle_some(self, rows: Sequence[Row]) -> Flow[list[bytes]]:
        """One message; after a split, or where the safe point refuses one of them, a message for each row."""
        keys, commits = tuple([key for key, _ in rows]), tuple([each.commit for _, each in rows])
        starts = [each.S for _, each in rows]
        message = Settle(keys, b"".join([each.id for _, each in rows]), commits, min(starts))
        alone = len(rows) == 1
        call = yield from self._router.call(rows[0][0], message, ASK_SECONDS, follow=alone)
        if type(call.reply) is Done:
            return []
        if call.reply is MOVED or (type(call.reply) is TooOld and max(starts) > min(starts)):
            failed = yield Gather(tuple(self._settle_some((row,)) for row in rows))
            return [name for each in failed for name in each]
        return [each.id for _, each in rows]

    def _look(self, intent: Intent) -> Flow[_Seen | None]:
        """X2's look at every key of W."""
        commit, keys = intent.commit, [key for key in intent.keys if key != intent.primary]
        for place in range(0, len(keys), LOOKS_AT_ONCE):
            some = keys[place : place + LOOKS_AT_ONCE]
            replies = yield Gather(tuple(self._ask(key, Attempt(key, intent.id, intent.S)) for key in some))
            for key, reply in zip(some, replies, strict=True):
                if type(reply) is not AttemptIs:
                    return None
                if not reply.commit:
                    return _Seen(key, 0)
                commit = max(commit, reply.commit)
        return _Seen(None, commit)

    def _write(self, primary: bytes, name: bytes, start: int, commit: int) -> Flow[int | None]:
        """Write a verdict through the log, and believe only what then stands."""
        reply = yield from self._ask(primary, Verdict(primary, name, start, commit, False))
        return reply.commit if type(reply) is VerdictIs else None

    def _ask(
        self, key: bytes, message: Any, seconds: float = ASK_SECONDS, try_seconds: float = TRY_SECONDS
    ) -> Flow[Any]:
        call = yield from self._router.call(key, message, seconds, try_seconds=try_seconds)
        return call.reply
