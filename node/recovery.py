"""The directory of a stopped node, as a recovery reads it, and the one change that a recovery makes in it.

Owns the order of the steps by which a directory is changed, and that they may be cut short anywhere. Does not own what
is changed: that is decided from the directories of all surviving nodes (ranges/placement/recovery.py).

1. A copy of what stood there is kept in `recovered-….json`, then `recovering` says that the rest is under way: from
   now on no node starts here, until all is done.
2. Logs are amended by one record of the journal, so by all of them or none. Rows and marks are not touched: all that a
   recovery changes is in entries at the ends of logs, which are applied as any entry is.
3. The identity names the new cluster.
4. `recovering` goes. After a kill at any moment the same plan goes on where it was, and done twice it changes nothing.

Read next: ranges/placement/recovery.py.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.codec import message
from node.directory import Directory, StoredIdentity, open_stopped
from node.errors import DirectoryError, DiskError
from node.journal import Journal
from node.ports import GroupRecord, Record, Recovered, Synced
from node.raft.messages import Entry, Position
from node.state import State


@message(36)
@dataclass(frozen=True, slots=True)
class Amendment:
    """What becomes of one group's log: `hard`, and `entries` (term, kind, body) from index `first` on.

    `last` (index, term) and `term` are those of the log as it was looked at. With a `base` (index, term) the log
    begins anew after it; (0, 0) for none.
    """

    group: int
    last: tuple[int, int]
    term: int
    hard: tuple[int, int, int]
    base: tuple[int, int]
    first: int
    entries: tuple[tuple[int, int, bytes], ...]

    @property
    def end(self) -> tuple[int, int]:
        """(index, term) of the last entry, once it is done."""
        return self.first + len(self.entries) - 1, self.entries[-1][0]


@message(37)
@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """All that a recovery changes in the directory of `node`, as it was looked at in its `life`.

    `cluster` becomes `successor`, and `routes` are where group 0 is then.
    """

    node: int
    life: int
    cluster: bytes
    successor: bytes
    routes: tuple[tuple[int, str], ...]
    amendments: tuple[Amendment, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What lies in the directory of a stopped node: logs, (applied index, mark) by group, and the applied rows.

    What is put into `view` is forgotten when the directory is closed.
    """

    identity: StoredIdentity
    logs: dict[int, Recovered]
    marks: dict[int, tuple[int, bytes]]
    view: State


@contextmanager
def examined(path: str | Path) -> Iterator[Stopped]:
    """Look at the directory of a stopped node. Raises `DirectoryError` (it runs, or is none) and `DiskError`."""
    directory = open_stopped(path)
    try:
        if directory.recovering() is not None:
            raise DirectoryError(
                f"recover was cut short in {path}: run `argosy recover apply` again, with the same plan"
            )
        identity = _identity(directory)
        logs = _logs(directory)
        state = State(directory.state_path, lambda _: None)
        try:
            yield Stopped(identity, logs, state.marks(), state)
        finally:
            state.close(flush=False)
    finally:
        directory.close()


def change(path: str | Path, order: DirectoryChange, before: Callable[[dict[int, Recovered]], bytes]) -> bool:
    """Carry the change out, or go on with it where it was cut short; False if it was done before.

    `before` makes, of the logs as they were, what is kept for people. Raises `DirectoryError` where the directory is
    not as it was looked at; then nothing is changed.
    """
    directory = open_stopped(path)
    try:
        identity = _identity(directory)
        if identity.node != order.node:
            raise DirectoryError(f"{path} is that of node {identity.node}, not of node {order.node}")
        begun = directory.recovering()
        if begun not in (None, order.successor):
            raise DirectoryError(f"in {path} another plan was begun and cut short: apply that one to its end")
        if identity.cluster == order.cluster:
            _amend(directory, order, before, fresh=begun is None)
            directory.enter_cluster(order.successor, order.routes)
        elif identity.cluster != order.successor:
            raise DirectoryError(f"{path} belongs to cluster {identity.cluster.hex()}, not to {order.cluster.hex()}")
        elif begun is None:
            return False
        directory.end_recovery()
        return True
    finally:
        directory.close()


def _amend(
    directory: Directory, order: DirectoryChange, before: Callable[[dict[int, Recovered]], bytes], fresh: bool
) -> None:
    told: list[object] = []
    journal = Journal(directory.journal_path, told.append)
    try:
        logs = journal.recover()
        if fresh or not _is_done(logs, order.amendments):
            _expect_unchanged(directory, logs, order)
            directory.begin_recovery(order.successor, order.successor.hex()[:8], before(logs))
            if order.amendments:
                journal.submit(Record(1, [_record(each) for each in order.amendments]))
        else:
            told.append(Synced(0))
    finally:
        journal.close()
    if order.amendments and not any(isinstance(each, Synced) for each in told):
        raise DiskError(f"the logs in {directory.path} were not changed: {journal.space.refused or told}")


def _record(each: Amendment) -> GroupRecord:
    entries = [Entry(*entry) for entry in each.entries]
    return GroupRecord(each.group, each.hard, each.first, entries, None if each.base == (0, 0) else each.base)


def _is_done(logs: dict[int, Recovered], amendments: Sequence[Amendment]) -> bool:
    """One record holds them all."""
    return all(last_of(logs.get(each.group, Recovered())) == each.end for each in amendments)


def _expect_unchanged(directory: Directory, logs: dict[int, Recovered], order: DirectoryChange) -> None:
    identity = _identity(directory)
    changed = identity.life != order.life
    for each in order.amendments:
        log = logs.get(each.group, Recovered())
        changed |= last_of(log) != each.last or log.hard[0] != each.term
    if changed:
        raise DirectoryError(
            f"{directory.path} has changed since the plan was made (was its node started?): "
            "stop all nodes and make a new plan"
        )


def last_of(log: Recovered) -> Position:
    """The position of a log's last entry, or its base."""
    index, term = log.base
    return Position(index + len(log.entries), log.entries[-1].term if log.entries else term)


def _identity(directory: Directory) -> StoredIdentity:
    assert directory.identity is not None, "an opened directory of a stopped node has an identity"
    return directory.identity


def _logs(directory: Directory) -> dict[int, Recovered]:
    journal = Journal(directory.journal_path, lambda _: None)
    try:
        return journal.recover()
    finally:
        journal.close()
