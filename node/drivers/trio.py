"""The trio driver: one task that takes an engine's turns, for nodes and for the async form.

Owns when the loop waits and when other tasks get their time. Does not own the turn (node/drivers/engine.py).
No task per request and none per link: the task waits for one descriptor, behind which all sockets stand.
"""

import trio

from node.drivers.engine import Engine
from node.ports import Frame

TURNS_MAX = 32  # in a row, before other tasks get their time
HOT_SECONDS = 0.004  # that a loop with nobody beside it waits by itself, before it lets trio wait


class TrioDriver:
    """Runs an engine inside trio.

    1. All calls come from the thread that trio runs in.
    2. `alone`: no other task needs its time soon. The loop then waits for sockets itself while there is traffic, which
       spares a wait of trio's for every turn; an idle node still waits in trio.
    """

    def __init__(self, engine: Engine, alone: bool = False) -> None:
        self.engine = engine
        self._hot_seconds = HOT_SECONDS if alone else 0.0
        self._wait_until = 0.0

    async def run(self) -> None:
        """Take turns until the node stops; returns why in `engine.stopped`. Cancelling it stops the turns."""
        engine = self.engine
        descriptor = engine.links.fileno()
        turns = 0
        while engine.stopped is None:
            if engine.turn(self._hot_seconds):
                turns += 1
                if turns < TURNS_MAX:
                    continue
            turns = 0
            seconds = engine.wake_at - engine.clock.now()
            if engine.stopped is not None:
                return
            if seconds <= 0.0:
                await trio.lowlevel.checkpoint()
                continue
            self._wait_until = engine.wake_at
            with trio.move_on_after(seconds):
                await trio.lowlevel.wait_readable(descriptor)
            self._wait_until = 0.0

    def inject(self, frame: Frame) -> None:
        """Hand over a frame of a caller inside this process; the task's next turn takes all that have come."""
        self.engine.notify(frame)

    def step(self) -> None:
        """Take turns now, inside the calling task, until nothing is left to do without waiting."""
        engine = self.engine
        while engine.stopped is None and engine.quick_turn():
            pass
        if engine.stopped is not None or engine.wake_at < self._wait_until:
            engine.links.wake()


async def run(engine: Engine) -> None:
    """Take turns until the node stops. `engine.stopped` says why."""
    await TrioDriver(engine).run()
