"""Real files under simulated time: each node of a world has a folder with its journal and its state, as in real life.

Owns `Files`: the folders, who has them open, and bits that change in them. The host's disk is then node/journal.py and
node/state.py with its writer process; the simulated disk goes on beside them, as what they must agree with. Does not
own that comparison (real_journal.py, real_state.py).

Left out: power cuts of the file system (a node that loses power is only killed), full and broken disks. Those are
simulated without files, and tested with real ones for themselves (tests/node/).
Read next: argosy/testing/real_state.py.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import lmdb

from argosy.testing.disk import Delay
from argosy.testing.real_journal import RealJournal
from argosy.testing.real_state import Counts, RealState
from node.layout import MAP_BYTES

if TYPE_CHECKING:
    from argosy.testing.cluster import NodeStation

LEFT_OUT = ("full disk", "broken disk")  # faults that a simulated disk alone has
MEMORY = Path("/dev/shm")  # where there is one, a sync takes no time; real power is not cut here


class Files:
    """The folders of all nodes of one world; `close` removes them."""

    def __init__(self, seed: int) -> None:
        self._folder = TemporaryDirectory(prefix="argosy-", dir=MEMORY if MEMORY.is_dir() else None)
        self._chance = Random(f"writers of {seed}")
        self._cuts: dict[int, dict[int, int]] = {}
        self._open: dict[int, list[RealState | RealJournal]] = {}
        self.counts = Counts()

    def open(self, node: "NodeStation", sync: Delay, flush: Delay) -> tuple[RealJournal, RealState]:
        """A node's journal and state as they lie there. Raises `DiskError` if they are torn."""
        folder = self._path(node)
        folder.mkdir(exist_ok=True)
        watched = node.node, node.cluster.safety, node.disk, node.later
        parts = self._open[node.node] = []
        state = RealState(*watched, flush, folder / "state", self._chance, self.counts)
        parts.append(state)
        cuts = self._cuts.setdefault(node.node, {})
        journal = RealJournal(*watched, sync, folder / "journal", cuts)
        parts.append(journal)
        return journal, state

    def leave(self, node: "NodeStation") -> None:
        """A node does not run; what it has open is closed, if it has not closed it by itself."""
        for part in self._open.pop(node.node, ()):
            part.leave()

    def rot(self, node: "NodeStation", pick: Callable[[int], int]) -> str:
        """Flip a bit in a stored record or row of a node that does not run; what was hit, empty if there is nothing."""
        name = ("journal", "state")[pick(2)]
        path = self._path(node) / name
        stored = sorted(_stored(path, None if name == "journal" else b"rows"))
        if not stored:
            return ""
        key, value = stored[pick(len(stored))]
        changed = bytearray(value)
        changed[pick(len(value))] ^= 1 << pick(8)
        file = path / "data.mdb"
        held = file.read_bytes()
        with file.open("r+b") as opened:
            place = held.find(value)
            while place >= 0:  # older copies of it count for nothing, wherever they are
                os.pwrite(opened.fileno(), changed, place)
                place = held.find(value, place + len(value))
        return f"the {name}, at {key.hex()}"

    def totals(self) -> dict[str, int]:
        """What was done with files."""
        return asdict(self.counts)

    def close(self) -> None:
        """End all writers, and remove everything."""
        for parts in self._open.values():
            for part in parts:
                part.leave()
        self._open.clear()
        self._folder.cleanup()

    def _path(self, node: "NodeStation") -> Path:
        return Path(self._folder.name) / node.name


def _stored(path: Path, name: bytes | None) -> Iterator[tuple[bytes, bytes]]:
    """What an environment holds under each key; a journal's id apart."""
    with lmdb.open(str(path), map_size=MAP_BYTES, max_dbs=2, readonly=True, lock=False) as environment:
        database = environment.open_db(name, create=False) if name else None
        with environment.begin(db=database) as transaction:
            yield from ((key, value) for key, value in transaction.cursor() if len(key) > 1)
