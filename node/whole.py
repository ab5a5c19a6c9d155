"""Is an environment's file whole, and the one that lay in this directory at the last start? Asked before it is opened.

Owns that question: LMDB trusts its pages, and a file that was cut off or overwritten kills the process that maps it
(traps 22, 27). Also owns the id that an environment carries inside and beside it, so that one that is gone, was
emptied, or came from elsewhere is not taken for a new one. Reads only, but for the id. Does not own what is stored:
records and rows have checksums of their own (node/journal_rows.py, node/layout.py). Read next: node/pages.py.
"""

import os
from pathlib import Path
from typing import Any

from node.directory import sync_folder, write_whole
from node.errors import RECOVER, DiskError
from node.pages import Torn, check_pages

ID_BYTES = 16
ID_KEY = b"\x00"  # stands before every other key


def id_path(path: Path) -> Path:
    """The file beside the environment in `path` that holds its id."""
    return path.with_name(path.name + ".id")


def expect_whole(path: Path, leaves: bool) -> bytes:
    """The id of the environment that lay in `path` at the last start; empty if there was none.

    `leaves`: look at every page in use, not only at those that lead to others. Raises `DiskError`.
    """
    file = path / "data.mdb"
    known = _known(path)
    try:
        size = file.stat().st_size if file.exists() else 0
        if size:
            check_pages(file, leaves)
        elif known:
            raise DiskError(f"{file} {'is empty' if file.exists() else 'is missing'}, and was not before; {RECOVER}")
    except Torn as torn:
        raise DiskError(f"{file} is torn or foreign: {torn}; {RECOVER}") from torn
    except OSError as error:
        raise DiskError(f"{file} cannot be read: {error}") from error
    return known


def bind(path: Path, known: bytes, environment: Any, database: Any = None) -> None:
    """Make sure that the opened environment has the id `known`; one that was never known gets an id, durably."""
    with environment.begin(db=database) as transaction:
        found = transaction.get(ID_KEY)
    if known and found != known:
        raise DiskError(f"{path} does not belong here: another environment was put in its place; {RECOVER}")
    if known:
        return
    if found is None:
        found = os.urandom(ID_BYTES)
        with environment.begin(write=True, db=database) as transaction:
            transaction.put(ID_KEY, found)
    sync_folder(path)  # the file's own name must be durable before anything says that it was there
    try:
        write_whole(path.parent, id_path(path).name, found)
    except OSError as error:
        raise DiskError(f"{id_path(path)} cannot be written: {error}") from error


def _known(path: Path) -> bytes:
    try:
        found = id_path(path).read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise DiskError(f"{id_path(path)} cannot be read: {error}") from error
    if len(found) != ID_BYTES:
        raise DiskError(f"{id_path(path)} is torn or foreign: it has {len(found)} bytes; {RECOVER}")
    return found
