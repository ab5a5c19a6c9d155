"""A node's folder on disk: who it belongs to, that nobody else has it open, and its identity.

Owns the folder's lock, modes and the identity file. Does not own what lies in `journal` and `state`
(node/journal.py, node/state.py). The identity is written aside, synced, renamed, and the folder synced (traps 38),
so a kill at any moment leaves the old one or the new one. Read next: argosy/assembly.py.
"""

import fcntl
import os
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

from node.codec import decode_plain, encode_plain
from node.errors import RECOVER, DirectoryError, Malformed
from node.space import FULL

FORMAT_VERSION = 1
IDENTITY_BYTES_MAX = 1 << 20
CLUSTER_BYTES = 16
_MAGIC = b"argosy identity\n"
_RECOVERING = "recovering"
_RECOVERED = "recovered-"  # what stood here before a recovery, for people
_NAMES = frozenset({"lock", "identity", "journal", "state", "journal.id", "state.id", _RECOVERING})

_opened: "weakref.WeakSet[Directory]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class StoredIdentity:
    """Whose folder this is.

    `cluster` is 16 bytes (empty: not yet joined), `node` the node's id (0: not yet given), `life` counts the
    openings and is durable before it is used, `token` makes a join repeatable, `routes` are the last known
    (node, address) of group 0's members.
    """

    cluster: bytes
    node: int
    life: int
    token: bytes
    address: str
    routes: tuple[tuple[int, str], ...] = ()
    version: int = FORMAT_VERSION


class Directory:
    """An open folder of one node; `close` it to let another process have it.

    `identity` is None as long as none was written: the folder is fresh.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.identity: StoredIdentity | None = None
        self._lock = lock
        _opened.add(self)

    @property
    def journal_path(self) -> Path:
        """Where the journal lies."""
        return self.path / "journal"

    @property
    def state_path(self) -> Path:
        """Where the state lies."""
        return self.path / "state"

    def write_identity(self, identity: StoredIdentity) -> None:
        """Make it durable, then `self.identity`. Raises `DirectoryError` rather than give the folder to another."""
        assert self._lock >= 0, "the directory is open"
        old = self.identity
        assert len(identity.cluster) in (0, CLUSTER_BYTES), "a cluster id has 16 bytes"
        if old is not None:
            if old.cluster:
                self.expect_cluster(identity.cluster)
            if old.node and old.node != identity.node:
                raise DirectoryError(f"{self.path} belongs to node {old.node}, not to node {identity.node}")
            assert identity.life >= old.life, "lives never go backwards"
        try:
            write_whole(self.path, "identity", _pack(identity))
        except OSError as error:
            if old is None or replace(old, routes=identity.routes) != identity:
                advice = "; make room there and start again" if error.errno in FULL else ""
                raise DirectoryError(f"the identity in {self.path} cannot be written: {error}{advice}") from error
            # Routes help the next start to find the others; the old ones do too, so a full disk is no reason to stop.
        self.identity = identity

    def expect_cluster(self, cluster: bytes) -> None:
        """Raises `DirectoryError` if the folder belongs to another cluster than this."""
        if self.identity is not None and self.identity.cluster not in (b"", cluster):
            raise DirectoryError(
                f"{self.path} belongs to cluster {self.identity.cluster.hex()}, not to {cluster.hex() or 'a new one'}: "
                "use another directory, or remove this one if its node is not needed any more"
            )

    # -- recovery of a lost majority (node/recovery.py) ------------------------------------------------------------

    def recovering(self) -> bytes | None:
        """The plan whose steps were begun here and not finished, None if there is none."""
        try:
            return (self.path / _RECOVERING).read_bytes()
        except FileNotFoundError:
            return None

    def begin_recovery(self, plan: bytes, name: str, before: bytes) -> None:
        """Keep what stood here `before` for people; from then on the folder does not start until `end_recovery`."""
        write_whole(self.path, f"{_RECOVERED}{name}.json", before)
        write_whole(self.path, _RECOVERING, plan)

    def enter_cluster(self, cluster: bytes, routes: tuple[tuple[int, str], ...]) -> None:
        """The node belongs to another cluster from now on, as the same node: nobody of the old one talks to it."""
        assert self.identity is not None and self.recovering() is not None, "only within a recovery"
        identity = replace(self.identity, cluster=cluster, routes=routes)
        write_whole(self.path, "identity", _pack(identity))
        self.identity = identity

    def end_recovery(self) -> None:
        """All steps are done: the folder may start."""
        (self.path / _RECOVERING).unlink()
        sync_folder(self.path)

    def close(self) -> None:
        """Let another process open it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        _opened.discard(self)


def open_directory(path: str | Path) -> Directory:
    """Open a node's folder, made if missing, for this process alone; an identity found there begins its next life.

    Raises `DirectoryError`: in use, not a node's folder, of a newer version, or its identity is torn.
    """
    place = Path(path)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted(name for name in os.listdir(place) if not _is_ours(name))
        if found:
            raise DirectoryError(f"{place} is not a node's directory: it holds {found[0]!r}; use an empty one")
        os.chmod(place, 0o700)
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DirectoryError(f"{place} cannot be opened as a node's directory: {error}") from error
    try:
        _take(place, lock)
        directory = Directory(place, lock)
        if directory.recovering() is not None:
            raise DirectoryError(
                f"recover was cut short in {place}: run `argosy recover apply --data {place}` again, with the same plan"
            )
        identity = _read_identity(place)
        if identity is not None:
            directory.write_identity(replace(identity, life=identity.life + 1))
    except BaseException:
        os.close(lock)
        raise
    return directory


def open_stopped(path: str | Path) -> Directory:
    """Open the folder of a node that does not run, as it lies: nothing is made in it, and no life begins.

    Raises `DirectoryError`: in use, not the folder of a node that has joined a cluster, or its identity is torn.
    """
    place = Path(path)
    try:
        lock = os.open(place / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise DirectoryError(f"{place} is not a node's directory: {error}") from error
    try:
        _take(place, lock)
        directory = Directory(place, lock)
        directory.identity = _read_identity(place)
        if directory.identity is None or not directory.identity.cluster:
            raise DirectoryError(f"{place} holds no node that has joined a cluster")
    except BaseException:
        os.close(lock)
        raise
    return directory


def _is_ours(name: str) -> bool:
    plain = name.removesuffix(".new")
    return plain in _NAMES or (plain.startswith(_RECOVERED) and plain.endswith(".json"))


def _take(place: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        raise DirectoryError(f"{place} is in use by process {owner or 'unknown'}: one process at a time") from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except OSError:
        pass  # the disk is full; the lock holds without the name of its owner


def _pack(identity: StoredIdentity) -> bytes:
    body = encode_plain(
        (
            identity.version, identity.cluster, identity.node, identity.life, identity.token, identity.address,
            identity.routes,
        )
    )  # fmt: skip
    return _MAGIC + crc32(body).to_bytes(4, "big") + body


def _read_identity(place: Path) -> StoredIdentity | None:
    try:
        with open(place / "identity", "rb") as file:
            packed = file.read(IDENTITY_BYTES_MAX)
    except FileNotFoundError:
        if (place / "journal.id").exists():  # the journal is made after the identity
            raise DirectoryError(f"{place / 'identity'} is missing, and was not before; {RECOVER}") from None
        return None
    except OSError as error:
        raise DirectoryError(f"the identity in {place} cannot be read: {error}") from error
    start = len(_MAGIC) + 4
    body = packed[start:]
    if packed[: len(_MAGIC)] != _MAGIC:
        raise DirectoryError(f"{place / 'identity'} is foreign: no node wrote it")
    if crc32(body) != int.from_bytes(packed[len(_MAGIC) : start], "big"):
        raise DirectoryError(f"{place / 'identity'} is torn: its checksum is wrong; {RECOVER}")
    return _unpack(place, body)


def _unpack(place: Path, body: bytes) -> StoredIdentity:
    try:
        version, *fields = decode_plain(body)
        if version != FORMAT_VERSION:
            raise DirectoryError(
                f"{place} has format version {version}; this version of Argosy knows {FORMAT_VERSION}: use a newer one"
            )
        cluster, node, life, token, address, routes = fields
    except (Malformed, ValueError, TypeError) as error:
        raise DirectoryError(f"{place / 'identity'} is foreign: {error}") from error
    return StoredIdentity(cluster, node, life, token, address, routes, version)


def write_whole(folder: Path, name: str, content: bytes) -> None:
    """The file has this content, or its old one, whenever we are killed (traps 38)."""
    aside = folder / f"{name}.new"
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        written = os.write(file, content)
        if written != len(content):
            raise OSError(f"only {written} of {len(content)} bytes could be written")
        os.fsync(file)
    finally:
        os.close(file)
    os.replace(aside, folder / name)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Names in this folder that came or went are durable."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _let_go() -> None:
    # The lock belongs to the parent; held by a forked child, it would outlive it (traps 26).
    for directory in list(_opened):
        directory.close()


os.register_at_fork(after_in_child=_let_go)
