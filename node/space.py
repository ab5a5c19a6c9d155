"""Room on a node's disk: how much is left, and whether a write that was refused for want of it may be tried again.

Owns the watch (`Space`), the only look at free bytes, and the judgement of a refused commit (`Guard`). Does not own
what a node does without room: it takes no commands (node/group.py), gives leadership away (node/relief.py), and its
journal and writer wait (node/journal.py, node/writer.py).

Why a refused commit may be tried again. LMDB first writes a transaction's pages, into places that the last durable
tree does not use; then it syncs; then it writes the page that makes them count. What fails before the sync has
changed nothing that counts, and was taken back as a whole. That it failed before: a write-back error is told once to
every open descriptor of the file (fsync(2), Linux 4.13), so if ours, opened beforehand, hears of none, all that was
ever synced stands. If it hears of one, or cannot be asked, the first error is final (traps 23).
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.clock import Clock, ClockPort
from node.config import SPACE_BYTES_MIN, SPACE_LOOK_SECONDS

SPACE_PART_MIN = 8  # of a small disk, one part in so many is kept free
PROBE_BYTES = 1 << 20
FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

Measure = Callable[[], tuple[int, int]]  # (bytes free, bytes in all)


class Space:
    """The room that one node has.

    1. The disk is asked at most once every SPACE_LOOK_SECONDS, and only when somebody wants to know.
    2. `refused` is what a write was told last; while it is not empty, there is no room, whatever the disk says.
    """

    def __init__(self, path: Path, clock: ClockPort | None = None, measure: Measure | None = None) -> None:
        self._path = path
        self._clock = clock or Clock()
        self._measure = measure or (lambda: _measure(path))
        self._look_at = float("-inf")
        self._found = ""
        self.node = 0
        self.refused = ""

    def now(self) -> float:
        """Seconds of the clock that retries are counted by."""
        return self._clock.now()

    def short(self) -> str:
        """Why no commands can be taken, and what to do; empty while there is room."""
        now = self._clock.now()
        if now >= self._look_at:
            self._look_at = now + SPACE_LOOK_SECONDS
            self._found = self._look()
        what = self.refused or self._found
        return f"node {self.node} takes no writes: {what}" if what else ""

    def _look(self) -> str:
        try:
            free, total = self._measure()
        except OSError:
            return ""  # who cannot say how much is left does not say that it is full; writes will tell
        least = min(SPACE_BYTES_MIN, total // SPACE_PART_MIN)
        if free >= least:
            return ""
        return (
            f"the disk of {self._path} is almost full ({_mib(free)} MiB left, at least {_mib(least)} MiB are needed); "
            "make room there and it goes on by itself"
        )


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.1f}"


def _measure(path: Path) -> tuple[int, int]:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def space_of(part: object) -> Space | None:
    """The room under a journal or a state; None where there is no disk."""
    return getattr(part, "space", None)


def refusal(state: object, group: int, message: object) -> str:
    """Why a leader does not take a command; empty where there is no disk, or room enough.

    Group 0 is small, and everybody waits for what it does. A message that `ends` something lets others go on, readers
    too, and brings next to nothing.
    """
    space = space_of(state)
    return "" if space is None or not group or getattr(message, "ends", False) else space.short()


class Guard:
    """Watches one environment's file from before the first write to it."""

    def __init__(self, file: Path) -> None:
        """Raises `OSError`."""
        self._file = os.open(file, os.O_RDWR | os.O_CLOEXEC)

    def harmless(self, error: Exception) -> bool:
        """Whether a failed transaction met a full disk and changed nothing: then it may be tried again."""
        code = getattr(error, "code", None) or getattr(error, "errno", None)
        # LMDB takes a write that came to an end half way, as the first one on a full disk does, for EIO.
        full = code in FULL or (code == errno.EIO and self._cannot_grow())
        return full and self._stands()

    def _cannot_grow(self) -> bool:
        try:
            os.posix_fallocate(self._file, os.fstat(self._file).st_size, PROBE_BYTES)
        except OSError as error:
            return error.errno in FULL
        return False

    def _stands(self) -> bool:
        if sys.platform != "linux":
            return False
        try:
            os.fdatasync(self._file)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def refused(what: str, path: str | Path, error: Any) -> str:
    """What people are told of a write that waits for room."""
    return f"the disk of the {what} {path} is full ({error}); make room there and it goes on by itself"
