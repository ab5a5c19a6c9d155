"""A cluster of the simulated world that has formed and spread, for tests that do one thing to it."""

from collections.abc import Callable
from random import Random
from typing import Any

from argosy.testing.cluster import NodeStation
from argosy.testing.simulation import Simulation
from argosy.testing.strike import Strike
from argosy.testing.ways import NEAR
from node.flow import Flow
from ranges.keys import USER
from txn.errors import OutcomeUnknown, Unavailable

RANGE = 1


class Formed(Simulation):
    """A cluster without a nemesis, for one caller."""

    def __init__(self, seed: int = 1, nodes: int = 3) -> None:
        super().__init__(seed, nodes=nodes, clients=0)
        self.notes: list[str] = []
        self.cluster.note = self.notes.append
        self.world.network.ways = NEAR
        self.operator.database.seconds = 10.0
        self.form()
        self.put(b"first", b"row")
        assert self.world.run(60.0, self.spread), "every node becomes a voter of every group"
        self.do(self.operator.client.router.locate(USER + b"first", 5.0))  # and the client hears of it

    def do(self, flow: Flow[Any], seconds: float = 60.0) -> Any:
        return self._wait("the answer", seconds, flow)

    def put(self, key: bytes, value: bytes) -> None:
        self.do(self.operator.database.put(key, value))

    def get(self, key: bytes) -> Any:
        return self.do(self.operator.database.get(key))

    def spread(self) -> bool:
        """Both groups have three voters, on nodes that live, and each of them knows."""
        for number in (0, RANGE):
            running = [(node.node, node.host.replicas.groups.get(number)) for node in self.cluster.nodes if node.up]
            held = {node: group for node, group in running if group is not None and group.machine is not None}
            voters = [{member.node for member in group.configuration.voters} for group in held.values()]
            if len(held) != 3 or any(each != set(held) for each in voters):
                return False
        return True

    def strike(self, fault: Callable[[Strike], str], seed: int = 1) -> str:
        """Carry a fault out now; what it says."""
        return fault(Strike(self.cluster, Random(seed), lambda: False))

    def leader(self) -> NodeStation:
        """The node that leads the range."""
        return next(
            node
            for node in self.cluster.nodes
            if node.up and (group := node.host.replicas.groups.get(RANGE)) is not None and group.leading
        )

    def fails_to_put(self, key: bytes) -> Exception:
        failures: list[Exception] = []

        def attempt() -> Flow[None]:
            try:
                yield from self.operator.database.put(key, b"never")
            except (Unavailable, OutcomeUnknown) as error:
                failures.append(error)

        self.do(attempt())
        assert failures, "the write was taken"
        return failures[0]
