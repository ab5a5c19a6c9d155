"""Names to addresses, in a thread of its own: the system's look-up may take seconds, and a loop must not wait.

Owns the thread and its queue. Does not own the look-up itself (node/sockets.py). `Links(…, resolve=Resolver())`.
"""

import queue
import threading
from collections.abc import Callable

from node.sockets import Place, look_up

NAMES_WAITING_MAX = 1_000


class Resolver:
    """Looks names up, one after the other; the thread starts with the first name."""

    def __init__(self) -> None:
        self._wanted: queue.Queue[tuple[str, Callable[[list[Place] | str], None]] | None] = queue.Queue(
            NAMES_WAITING_MAX
        )
        self._thread: threading.Thread | None = None

    def __call__(self, address: str, done: Callable[[list[Place] | str], None]) -> None:
        """Have an address looked up; `done` is called from the thread with its places, or why there are none."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="argosy names", daemon=True)
            self._thread.start()
        try:
            self._wanted.put_nowait((address, done))
        except queue.Full:
            done(f"cannot resolve {address!r}: {NAMES_WAITING_MAX} names are waiting")

    def close(self) -> None:
        """End the thread after the look-up under way; what waits is not answered."""
        thread, self._thread = self._thread, None
        if thread is not None:
            while not self._wanted.empty():
                self._wanted.get_nowait()
            self._wanted.put(None)
            thread.join()

    def _run(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            address, done = wanted
            done(look_up(address))
