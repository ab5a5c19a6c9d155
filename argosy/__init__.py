"""Argosy: a distributed, transactional, ordered key-value database.

    import argosy

    with argosy.open("dir") as db:                      # one node, in this process; plain and synchronous
        db[b"fruit"] = b"apple"

    async with argosy.connect("10.0.0.1:4480") as db:   # a client of a cluster, under trio
        await db.put(b"fruit", b"pear")

`open` and `connect` give the same methods in both forms (`Database` and `AsyncDatabase`). Keys and values are
bytes; text is taken as UTF-8. Only three things can go wrong with an operation: `Aborted` (it certainly did not
happen), `OutcomeUnknown` (it may have happened), `Unavailable` (nobody could be asked in time; nothing was
written). What keeps a database from opening, or stops its node, is a `NodeError`. This package decides nothing: it
puts a node or a client together and hands their names on.
Read next: argosy/blocking.py.
"""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argosy.asynchronous import AsyncDatabase, AsyncTransaction
    from argosy.blocking import Database, Transaction

if not __debug__:
    raise ImportError("argosy does not run under python -O: its safety checks are assert statements (unset -O)")


def _refuse_strangers() -> None:
    """Our root packages have plain names: say so clearly where a foreign package stands in for one of them."""
    home = Path(__file__).resolve().parent.parent
    for name in ("node", "ranges", "txn", "sql_lite_frontend", "bench"):
        found = importlib.util.find_spec(name)
        places = [Path(each).resolve().parent for each in (found.submodule_search_locations or ())] if found else []
        if home not in places:
            where = (found.origin or str(list(found.submodule_search_locations or ()))) if found else "nowhere"
            raise ImportError(
                f"argosy needs its own package {name!r} from {home}, but finds {name!r} at {where}: "
                "rename or uninstall the other one, or change the order of sys.path"
            )


_refuse_strangers()

from argosy.opening import connect, open  # noqa: E402
from argosy.trying import transactional  # noqa: E402
from node.errors import AddressError, DirectoryError, NodeError  # noqa: E402
from txn.errors import Aborted, BadInput, OutcomeUnknown, Unavailable  # noqa: E402

__all__ = [
    "Aborted",
    "AddressError",
    "AsyncDatabase",
    "AsyncTransaction",
    "BadInput",
    "Database",
    "DirectoryError",
    "NodeError",
    "OutcomeUnknown",
    "Transaction",
    "Unavailable",
    "connect",
    "open",
    "transactional",
]

_LATE = {
    "Database": "argosy.blocking",
    "Transaction": "argosy.blocking",
    "AsyncDatabase": "argosy.asynchronous",
    "AsyncTransaction": "argosy.asynchronous",
}


def __getattr__(name: str) -> Any:
    """The two forms are imported when they are first named: trio takes a while."""
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module 'argosy' has no attribute {name!r}")
