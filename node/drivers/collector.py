"""When Python's garbage collector may stop the loop, and for how long it did (traps 29).

Owns the thresholds of a node's process. Not for a process that belongs to somebody else: an embedded node leaves
the collector as it is.
"""

import gc
from dataclasses import dataclass

from node.clock import ClockPort

YOUNG_OBJECTS = 50_000  # allocations more than releases before a young collection
MIDDLE_ROUNDS = 50
OLD_ROUNDS = 100


@dataclass(slots=True)
class Pauses:
    """Collections since the start: how many, and the longest, in seconds."""

    count: int = 0
    longest_seconds: float = 0.0


class Collector:
    """Freezes what a started node holds, so that a full collection does not walk it, and counts the pauses."""

    def __init__(self, clock: ClockPort) -> None:
        self.pauses = Pauses()
        self._clock = clock
        self._since = 0.0
        self._before: tuple[int, int, int] | None = None

    def settle(self) -> None:
        """After the start: what is there now stays for good."""
        assert self._before is None, "settled twice"
        self._before = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS, MIDDLE_ROUNDS, OLD_ROUNDS)
        gc.callbacks.append(self._on_collection)

    def release(self) -> None:
        """Put everything back as it was."""
        if self._before is not None:
            gc.callbacks.remove(self._on_collection)
            gc.set_threshold(*self._before)
            gc.unfreeze()
            self._before = None

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        now = self._clock.now()
        if phase == "start":
            self._since = now
            return
        self.pauses.count += 1
        self.pauses.longest_seconds = max(self.pauses.longest_seconds, now - self._since)
