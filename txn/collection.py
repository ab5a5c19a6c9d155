"""Collecting what nobody needs any more (F5): verdicts and bars, superseded versions, deletions.

Owns the three steps over the whole key space, and how far back to go. One collector runs, beside group 0's leader;
two at once would do no harm, since `closed` and `safe` never fall. Does not own what a range lets go (txn/closing.py).
Read next: txn/closing.py.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from node.flow import Flow, Gather, Sleep
from node.messages import Done
from ranges.keys import FIRST_KEY, LAST_KEY
from ranges.router import Router
from txn.closing import Close, Collect, RaiseSafe
from txn.config import COLLECT_ROWS, USUALLY_KEPT, Retention
from txn.queries import Intents
from txn.replies import Collected, IntentsAre
from txn.settling import ASK_SECONDS, Settling

INTENTS_AT_ONCE = 64  # intents asked for and settled at the same time
SETTLE_ROUNDS_MAX = 8  # looks at one place whose intents do not go
VISIT_TRIES = 16  # of one range that keeps changing


class Collection:
    """F5.

    1. A step begins only when the one before it has been done for every key.
    2. The timestamp collected up to is a tick that this collector took itself, by its own clock long enough ago.
    """

    def __init__(self, router: Router, settling: Settling, retention: Retention = USUALLY_KEPT) -> None:
        self._router = router
        self._settling = settling
        self._retention = retention

    def run(self, here: Callable[[], bool]) -> Flow[None]:
        """Collect for ever, while `here()` says that this node is the one to do it; forget the past while it is not."""
        samples: deque[tuple[float, int]] = deque()
        while True:
            yield Sleep(self._retention.every_seconds)
            if not here():
                samples.clear()
                continue
            tick = yield from self._router.ticks()
            if tick is not None:
                samples.append((self._router.now(), tick))
            until = 0
            while samples and samples[0][0] + self._retention.seconds <= self._router.now():
                until = samples.popleft()[1]
            if until:
                yield from self.collect(until)

    def collect(self, until: int) -> Flow[bool]:
        """The three steps for everything at or below `until`. False: a step could not be finished everywhere."""
        for step in (self._close, self._settle, self._raise_safe, self._remove):
            key = FIRST_KEY
            while key < LAST_KEY:
                end = yield from self._visit(key, step, until)
                if end is None:
                    return False
                key = end
        return True

    def _visit(self, key: bytes, step: Callable[[bytes, int], Flow[bool]], until: int) -> Flow[bytes | None]:
        """Do a step for the whole range that holds `key`; its end, or None."""
        router = self._router
        for _ in range(VISIT_TRIES):
            found = router.directory.find(key)
            if found is None:
                found = yield from router.locate(key, ASK_SECONDS)
            if found is None or not (yield from step(key, until)):
                continue
            still = router.directory.find(key)
            if still is not None and still.span_version == found.span_version:
                return found.end  # every message of the step was for this span
        return None

    def _ask(self, key: bytes, message: Any) -> Flow[Any]:
        """A reply that holds for the whole span that is known now; MOVED where it is another."""
        call = yield from self._router.call(key, message, ASK_SECONDS, follow=False)
        return call.reply

    def _close(self, key: bytes, until: int) -> Flow[bool]:
        reply = yield from self._ask(key, Close(until))
        return type(reply) is Done

    def _raise_safe(self, key: bytes, until: int) -> Flow[bool]:
        reply = yield from self._ask(key, RaiseSafe(until))
        return type(reply) is Done

    def _settle(self, key: bytes, until: int) -> Flow[bool]:
        """Every intent with S at or below `until` in this range; seen to be gone before the next place is looked at."""
        place, rounds = key, 0
        while rounds < SETTLE_ROUNDS_MAX:
            reply = yield from self._ask(key, Intents(place, INTENTS_AT_ONCE, until))
            if type(reply) is not IntentsAre:
                return False
            if reply.intents:
                yield Gather(tuple(self._settling.settle(each) for each in reply.intents))
                rounds = rounds + 1 if reply.intents[0].key == place else 0
                place = reply.intents[0].key
            elif reply.more is None:
                return True
            else:
                place, rounds = reply.more, 0
                yield Sleep(0.0)  # where the range is led here, each page is answered at once: one is enough for a step
        return False

    def _remove(self, key: bytes, until: int) -> Flow[bool]:
        start: bytes | None = b""
        while start is not None:
            reply = yield from self._ask(key, Collect(start, COLLECT_ROWS))
            if type(reply) is not Collected:
                return False
            start = reply.next
        return True
