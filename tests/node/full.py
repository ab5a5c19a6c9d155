"""A disk that takes no more, for one process: no file may grow beyond a size (RLIMIT_FSIZE), until it is lifted."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def limit_files(process: int, size: int) -> None:
    """From now on the process (0: this one) cannot write beyond this size of any file; -1: as far as it may."""
    _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (hard if size < 0 else size, hard))


@contextmanager
def no_room(size: int, process: int = 0) -> Iterator[None]:
    limit_files(process, size)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            limit_files(process, -1)
