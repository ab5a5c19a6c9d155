"""`open` and `connect`: one object that is entered with `with` or with `async with`.

Owns the choice of form and of where the data is. Does not own a node (argosy/embedded.py) nor a connection
(argosy/remote.py), which are imported when they are needed. Read next: argosy/blocking.py.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from argosy.asynchronous import AsyncDatabase
    from argosy.blocking import Database


Reads = Literal["leader", "nearest"]
Plain = TypeVar("Plain")
Trio = TypeVar("Trio")


class Opening(Generic[Plain, Trio]):
    """What is not open yet: enter it with `with` (as `Plain`) or, under trio, with `async with` (as `Trio`).

    1. It is entered at most once, in one of the two forms.
    """

    def __init__(
        self,
        blocking: Callable[[], AbstractContextManager[Plain]],
        asynchronous: Callable[[], AbstractAsyncContextManager[Trio]],
    ) -> None:
        self._blocking = blocking
        self._asynchronous = asynchronous
        self._entered: AbstractContextManager[Plain] | AbstractAsyncContextManager[Trio] | None = None

    def _enter_once(self) -> None:
        if self._entered is not None:
            raise RuntimeError("this was entered before: call again what made it, and enter that")

    def __enter__(self) -> Plain:
        self._enter_once()
        self._entered = manager = self._blocking()
        return manager.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert isinstance(self._entered, AbstractContextManager), "left in another form than it was entered"
        return self._entered.__exit__(kind, error, trace)

    async def __aenter__(self) -> Trio:
        self._enter_once()
        self._entered = manager = self._asynchronous()
        return await manager.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert isinstance(self._entered, AbstractAsyncContextManager), "left in another form than it was entered"
        return await self._entered.__aexit__(kind, error, trace)


def open(
    path: str | PathLike[str],
    *,
    listen: str | None = None,
    advertise: str | None = None,
    join: str | None = None,
    tls_dir: str | PathLike[str] | None = None,
    insecure: bool = False,
    retention_seconds: float = 3_600.0,
    reads: Reads = "leader",
) -> "Opening[Database, AsyncDatabase]":
    """The database in a directory, run by one node inside this process; made if it is absent.

    Without `listen` (`host:port`) nobody else reaches the node. With it, other nodes and clients do; `join`
    (`host:port` of any node) makes it part of a cluster. A transaction or scan that takes longer than
    `retention_seconds` may be aborted: what it reads is kept no longer. `reads` is that of `connect`: here the nearest
    replica is this node's. The others are those of `argosy start`.
    Raises, when entered, `DirectoryError` if the directory is in use or belongs to something else.
    """
    from argosy.embedded import open_blocking, open_trio
    from argosy.local import Place
    from txn.config import keep

    place = Place(path, listen, advertise, join, (), tls_dir, insecure, keep(retention_seconds))
    nearest = is_nearest(reads)
    return Opening(lambda: open_blocking(place, nearest), lambda: open_trio(place, nearest))


def connect(
    addresses: str, *, tls_dir: str | PathLike[str] | None = None, reads: Reads = "leader"
) -> "Opening[Database, AsyncDatabase]":
    """A client of a cluster: `host:port` of any of its nodes, several separated by commas.

    `tls_dir` holds the cluster's CA, and this client's certificate and key. `reads="nearest"` has what is read, also
    in transactions, answered by a replica on the node that was reached first, as far as it holds one, and not by the
    leader, which it asks in between: just as fresh, later, and easier for the leader. Raises, when entered,
    `AddressError` if no node answers.
    """
    from argosy.remote import connect_blocking, connect_trio

    nearest = is_nearest(reads)
    return Opening(
        lambda: connect_blocking(addresses, tls_dir, nearest), lambda: connect_trio(addresses, tls_dir, nearest)
    )


def is_nearest(reads: str) -> bool:
    """Is it the nearest replica that answers? Raises ValueError for what says neither."""
    if reads not in get_args(Reads):
        raise ValueError(f"reads are answered by the 'leader' or by the 'nearest' replica, not by {reads!r}")
    return reads == "nearest"
