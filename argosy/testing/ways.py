"""What the ways between simulated stations are like: how long a frame takes, how large it is.

Owns `Ways` (one per run) and `Slow` (a way that is slow for a while). Does not own order, loss or partitions.
Read next: argosy/testing/network.py.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

ROW_BYTES = 40  # of a frame's row, beside its byte strings: about


class Ways(NamedTuple):
    """How long a frame takes from one station to another, in seconds.

    `least` is drawn once for each pair of stations; each frame takes up to `spread` times that more. Some share has
    a hiccup, which holds up all behind it: any length up to the longest is as likely (`power` 1), or nearly all are
    short and few are very long (a larger power).
    """

    name: str
    least: tuple[float, float]
    spread: float
    hiccup_share: float
    hiccup_seconds: float
    power: float

    def seconds(self, least: float, chance: Random) -> float:
        """For one frame."""
        draw = chance.random
        seconds = least * (1 + self.spread * draw())
        return seconds + self.hiccup_seconds * draw() ** self.power if draw() < self.hiccup_share else seconds


NEAR = Ways("near", (0.0003, 0.0003), 4.0, 0.002, 0.08, 1.0)
FAR = Ways("far", (0.002, 0.03), 0.3, 0.004, 0.15, 1.0)
UNEVEN = Ways("uneven", (0.0003, 0.002), 4.0, 0.03, 1.5, 5.0)


def draw_ways(seed: int) -> Ways:
    """Those of a seed's run: as in one room most of the time."""
    return Random(f"ways of {seed}").choices((NEAR, FAR, UNEVEN), (4, 1, 1))[0]


@dataclass(slots=True)
class Slow:
    """A way that is slow: everything takes `factor` times as long, and at most so many bytes a second get through."""

    factor: float = 1.0
    bytes_per_second: float = 0.0  # 0: any number
    free_at: float = 0.0  # when what was sent before is through

    def seconds(self, now: float, latency: float, payload: Any) -> float:
        """How long a frame that is sent now takes."""
        latency *= self.factor
        if not self.bytes_per_second:
            return latency
        self.free_at = max(now, self.free_at) + frame_bytes(payload) / self.bytes_per_second
        return self.free_at - now + latency


def frame_bytes(payload: Any) -> int:
    """About how many bytes a frame's payload has on the wire."""
    if isinstance(payload, bytes):
        return ROW_BYTES + len(payload)
    if isinstance(payload, tuple | list):
        return sum(frame_bytes(each) for each in payload if not isinstance(each, int)) or ROW_BYTES
    return ROW_BYTES
