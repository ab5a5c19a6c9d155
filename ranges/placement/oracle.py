"""The oracle's window: which ticks this leader may still hand out.

Owns the arithmetic of rule O1. Does not own the ceiling's way through group 0's log (catalog.py) nor the lease
that O2 asks for (the host reads only under one). Read next: ranges/placement/catalog.py.
"""

from ranges.keys import SUBSTEP_BITS
from ranges.placement.config import WINDOW_TICKS


class Window:
    """The ticks [next, ceiling) of one leadership.

    1. `ceiling` is applied through the log before a tick below it is handed out.
    2. `next` begins at the ceiling that the log held when this leader began: above every older leader's window (O1).
    """

    __slots__ = ("ceiling", "next")

    def __init__(self, ceiling: int) -> None:
        self.next = ceiling
        self.ceiling = ceiling

    def take(self, count: int) -> int | None:
        """The first of `count` consecutive ticks, as a timestamp, or None if the window holds fewer."""
        first = self.next
        if first + count > self.ceiling:
            return None
        self.next = first + count
        return first << SUBSTEP_BITS

    def raise_ceiling(self, ceiling: int) -> None:
        """The log holds this ceiling now; a lower one than before changes nothing."""
        self.ceiling = max(self.ceiling, ceiling)

    @property
    def is_low(self) -> bool:
        """Less than half a window is left: time to extend it, well before it is used up."""
        return self.ceiling - self.next < WINDOW_TICKS // 2

    @property
    def wanted_ceiling(self) -> int:
        """The ceiling to propose, so that a whole window lies ahead."""
        return max(self.next + WINDOW_TICKS, self.ceiling)
