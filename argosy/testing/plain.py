"""A simulated cluster for plain, synchronous programs: whoever calls lets time pass until the answer is there.

Owns `SimulatedCluster`. Does not own its commands (commands.py) nor its form for trio (virtual.py).
Read next: argosy/testing/virtual.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from argosy.blocking import Database
from argosy.testing.commands import Commands, positive
from argosy.testing.formed import Formed, split_at
from argosy.text import Given, as_bytes


class SimulatedCluster(Commands):
    """A cluster whose `database` is the one that `with argosy.connect(...)` gives. For one thread.

    1. Time passes within a call of the database, within `run_for` and `split`, and nowhere else.
    """

    def __init__(self, formed: Formed) -> None:
        super().__init__(formed)
        self.database = Database(formed.core, formed)

    def run_for(self, seconds: float) -> None:
        """Let so many simulated seconds pass."""
        self._formed.advance(positive(seconds, "a time to run for"))

    def split(self, key: Given) -> None:
        """Split the range that holds a key at it, once what else changes there is done. Raises `Unavailable`."""
        self._formed.run(split_at(self._formed.core.router, as_bytes(key)))


@contextmanager
def open_plain(nodes: int, seed: int) -> Iterator[SimulatedCluster]:
    """The plain form. Raises `Violation` at the end of the block, unless that raises by itself."""
    formed = Formed(nodes, seed)
    try:
        yield SimulatedCluster(formed)
        formed.leave()
    finally:
        formed.close()
