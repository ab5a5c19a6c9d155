"""A node of this process: its directory, disk, links and host, ready to be stepped by a driver.

Owns the order of a start: the directory's lock, the port, who the node is (a new cluster, a join, or as it was),
journal and state, the host. Does not own the loop (node/drivers/) nor callers (argosy/embedded.py,
argosy/cli/start.py). Read next: argosy/assembly.py.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import node.wire  # noqa: F401  (registers the Raft core's messages with the codec)
from argosy import remote
from argosy.assembly import FIRST_NODE, assemble, beginning
from node import tls
from node.address import parse
from node.clock import Clock
from node.config import Settings
from node.directory import CLUSTER_BYTES, Directory, StoredIdentity, open_directory
from node.drivers.engine import Engine
from node.drivers.resolver import Resolver
from node.errors import DirectoryError, NodeError
from node.host import Host
from node.journal import Journal
from node.link import Links
from node.messages import Refused
from node.ports import Hello, Identity
from node.state import State
from ranges.placement.config import TOKEN_BYTES
from ranges.placement.messages import Join, Joined
from txn.config import USUALLY_KEPT, Retention

NOBODY = "127.0.0.1:0"  # the address of an embedded node, which listens to nobody


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node lives and how it is reached. `listen` None: not at all, callers are in the process itself."""

    data: str | PathLike[str]
    listen: str | None = None
    advertise: str | None = None
    join: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    tls_dir: str | PathLike[str] | None = None
    insecure: bool = False
    retention: Retention = USUALLY_KEPT


class LocalNode:
    """An open node. `engine` is stepped by one driver; `close` when the driver has ended.

    `fresh`: its directory was empty before. `address` is where it is reached.

    1. Everything that was opened is closed again, also when the start fails half way.
    """

    def __init__(
        self, place: Place, settings: Settings, note: Callable[..., None] = lambda event, **facts: None
    ) -> None:
        self._closers: list[Callable[[], None]] = []
        try:
            self._open(place, settings, note)
        except BaseException:
            self.close()
            raise

    def _open(self, place: Place, settings: Settings, note: Callable[..., None]) -> None:
        for address in (place.listen, place.advertise):
            if address is not None:
                parse(address)
        contexts = None if place.tls_dir is None else tls.load(Path(place.tls_dir))
        clock = Clock()
        resolver = Resolver()
        self._closers.append(resolver.close)
        links = Links(self._hello, contexts, resolver, note)
        self.engine = Engine(links, clock)
        self._closers.append(self.engine.close)
        listening = NOBODY if place.listen is None else links.listen(place.listen, place.insecure)
        self.address = place.advertise or listening
        directory = open_directory(Path(place.data))
        self._closers.append(directory.close)
        state = State(directory.state_path, self.engine.notify)
        self.fresh = directory.identity is None
        self._closers.append(lambda: state.close(flush=self.engine.stopped is None))  # a crash ends as a power cut
        stored = self._identity(directory, state, place)
        journal = Journal(directory.journal_path, self.engine.notify)
        self._closers.append(journal.close)
        self.identity = Identity(stored.cluster, stored.node, stored.life, stored.address)

        def learned(routes: tuple[tuple[int, str], ...]) -> None:
            assert directory.identity is not None, "a running node has an identity"
            directory.write_identity(replace(directory.identity, routes=routes))

        chance = random.Random(os.urandom(16)).random
        control = stored.routes or ((stored.node, stored.address),)
        self.host: Host = assemble(
            self.identity, journal, state, chance, settings, clock.now(), control, learned, place.retention
        )
        self.engine.attach(self.host, journal, state)

    def _hello(self) -> Hello:
        return self.host.hello()

    def _identity(self, directory: Directory, state: State, place: Place) -> StoredIdentity:
        """Who this node is: as it was, or new in its cluster or in a cluster of its own."""
        stored = directory.identity
        if stored is not None and place.listen is None and any(node != stored.node for node, _ in stored.routes):
            raise DirectoryError(f"{directory.path} belongs to a node among others: say where it is to listen")
        if stored is None and place.join is None:
            cluster = os.urandom(CLUSTER_BYTES)
            start = beginning(cluster, self.address)
            state.bootstrap(start.rows, start.marks)
            stored = StoredIdentity(cluster, FIRST_NODE, 1, b"", self.address, ((FIRST_NODE, self.address),))
        elif stored is None or not stored.cluster:
            stored = self._join(directory, place)
        elif stored.address != self.address:
            stored = replace(stored, address=self.address)
        if stored != directory.identity:
            directory.write_identity(stored)
        return stored

    def _join(self, directory: Directory, place: Place) -> StoredIdentity:
        """Ask a node of the cluster for an id; the token, durable beforehand, makes it the same one if asked again."""
        stored = directory.identity
        if place.join is None:
            raise DirectoryError(f"{directory.path} has begun to join a cluster and not finished: give --join again")
        if stored is None:
            stored = StoredIdentity(b"", 0, 1, os.urandom(TOKEN_BYTES), self.address)
            directory.write_identity(stored)
        with remote.control(place.join, place.tls_dir, "node") as control:
            reply: Any = control(Join(stored.token, self.address, place.labels))
        if isinstance(reply, Refused):
            raise NodeError(f"the cluster at {place.join} does not take this node: {reply.why}")
        assert isinstance(reply, Joined), f"{reply} is no answer to Join"
        return replace(stored, cluster=reply.cluster, node=reply.node, address=self.address, routes=reply.routes)

    def close(self) -> None:
        """Close all of it, the last opened first."""
        while self._closers:
            self._closers.pop()()
