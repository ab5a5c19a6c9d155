"""Putting a node together: which machine a group replicates, which services the node offers, what runs behind.

Owns the wiring of the floors, and nothing that decides: embedded nodes, `argosy start` and the simulator all build
their host here. Does not own the directory on disk, links or drivers. Read next: node/host.py, argosy/embedded.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ranges.renewal  # noqa: F401  (registers what a recovery puts at the end of a range's log)
from node.config import Settings
from node.host import Host
from node.machine import Machine
from node.ports import Assembly, Identity, JournalPort, StatePort
from node.raft.messages import Configuration, Member
from node.replicas import first_mark
from ranges.directory import CONTROL_GROUP, Directory
from ranges.keys import FIRST_KEY, LAST_KEY
from ranges.machine import RangeMachine
from ranges.marks import first_mark as first_range_mark
from ranges.placement.catalog import Catalog
from ranges.placement.driver import Driver
from ranges.placement.holdings import HostHoldings
from ranges.placement.messages import Rules
from ranges.placement.reporter import Reporter
from ranges.placement.rows import Row, bootstrap_rows
from ranges.router import Router
from txn.collection import Collection
from txn.config import USUALLY_KEPT, Retention
from txn.coordinator import Coordinator
from txn.settling import Settling

FIRST_NODE = 1
FIRST_RANGE = 1


@dataclass(frozen=True, slots=True)
class Beginning:
    """What stands on the disk of a fresh cluster's first node: rows, and each group's (applied index, mark)."""

    rows: tuple[Row, ...]
    marks: dict[int, tuple[int, bytes]]


def beginning(cluster: bytes, address: str, rules: Rules | None = None) -> Beginning:
    """Group 0 with the catalog, group 1 over all keys, each with one voter on node 1 (design: bootstrap)."""
    alone = Configuration(1, 2, (Member(1, FIRST_NODE),))
    marks = {
        CONTROL_GROUP: (1, first_mark(alone, b"")),
        FIRST_RANGE: (1, first_mark(alone, first_range_mark(FIRST_KEY, LAST_KEY))),
    }
    return Beginning(tuple(bootstrap_rows(cluster, address, rules=rules)), marks)


def assemble(
    identity: Identity,
    journal: JournalPort,
    state: StatePort,
    chance: Callable[[], float],
    settings: Settings,
    now: float,
    control: Sequence[tuple[int, str]],
    learned: Callable[[tuple[tuple[int, str], ...]], None] = lambda _: None,
    retention: Retention = USUALLY_KEPT,
) -> Host:
    """A host over these ports, with everything that runs on a node.

    `control` are the last known (node, address) of group 0's members; `learned` is told when they change, so that
    the disk may keep them. `retention` counts while this node leads group 0.
    """
    directory = Directory()
    directory.learn_addresses([(identity.node, identity.address)])
    directory.learn_control(control)
    router = Router(directory, chance, lambda: host.now)
    settling = Settling(router)
    driver = Driver(router)
    settle, ticks = settling.settle, router.ticks  # bound once: each range keeps them

    def machine(number: int, mark: bytes, view: StatePort) -> Machine:
        if number == CONTROL_GROUP:
            catalog = Catalog(view, mark, driver.run, identity.node)
            # Its members may all have begun anew, before any of them was told where the others are.
            unknown = [row for row in catalog.nodes.values() if directory.address(row.node) is None]
            directory.learn_addresses((row.node, row.address) for row in unknown)
            return catalog
        return RangeMachine(number, view, mark, settle, ticks)

    services = {**Coordinator(router, settling).services(), **driver.services}
    host = Host(identity, journal, state, Assembly(machine, services, ticks, directory), chance, settings, now)

    def learn(addresses: tuple[tuple[int, str], ...], routes: tuple[tuple[int, str], ...]) -> None:
        directory.learn_addresses(addresses)
        if routes and routes != directory.control_nodes():
            directory.learn_control(routes)
            learned(routes)

    host.start(Reporter(HostHoldings(host, learn), router.control).run())

    def leads_control() -> bool:
        control = host.replicas.groups.get(CONTROL_GROUP)
        return control is not None and control.leading > 0

    host.start(Collection(router, settling, retention).run(leads_control))
    return host
