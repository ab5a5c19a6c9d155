"""One run of one seed: a cluster that forms itself, clients at work, a nemesis, calm, and the checks.

Owns `Simulation` and its totals. Everything is drawn from the seed: how many nodes, when they join, what goes wrong.
Does not own what any part of it does (cluster.py, nemesis.py, workloads/). Read next: argosy/testing/world.py.
"""

from collections.abc import Callable, Container
from random import Random
from typing import Any

from argosy.assembly import assemble, beginning
from argosy.testing.aftermath import (
    COLLECTION_SECONDS,
    QUIET_SECONDS,
    RECOVERY_SECONDS,
    check_collected,
    check_quiet,
    collect_everything,
    write_everywhere,
)
from argosy.testing.cluster import Cluster, NodeStation
from argosy.testing.faults import Fault, schedule
from argosy.testing.linear import Violation
from argosy.testing.members import Members, draw_rules
from argosy.testing.nemesis import Nemesis
from argosy.testing.promises import Promises
from argosy.testing.queues import check_bounds
from argosy.testing.ways import draw_ways
from argosy.testing.workloads import WORKLOADS, Workload
from argosy.testing.world import CLOCK_RATE_ERROR_WILD, Station, World
from node import wire  # noqa: F401  (registers what Raft says with the codec)
from node.config import Settings
from node.flow import Flow, Sleep
from node.host import Host
from node.messages import Done
from node.ports import Hello, Identity
from ranges.keys import USER
from ranges.placement.leaving import OrderNode
from ranges.placement.merges import MergeRange
from ranges.placement.messages import ListRanges, MoveLeader, MoveReplica, RangesAre, SplitRange
from txn.client import Client
from txn.collection import Collection
from txn.database import Database
from txn.settling import Settling

CLUSTER = b"simulated world."
THINK_SECONDS = (0.15, 0.15, 0.03)  # between two operations of one client, on average; short in some runs
DEADLINE_SECONDS = (1.0, 3.0, 10.0)  # of a client's operations: short ones end more often in an unknown outcome
NEAREST_SHARE = 0.3  # of the clients, who read from the nearest replica
APPLY_LATER_BYTES = (0, 2048)
ELECTION_SECONDS = (0.25, 0.6)  # the least election timeout: a short one has promises put to the test
FORM_SECONDS = 60.0  # until all nodes are members, at most
CALM_SECONDS = 90.0  # until everybody has been answered and the last look has been taken, at most
ORDER_SECONDS = 5.0
FIRST_SPLITS_MAX = 3
MERGE_TRIES = 10  # a merge needs every node of both sides, and a moment in which nothing else is done with them
PATIENCE_SECONDS = 1.0
LOOK_SECONDS = 5.0  # between two looks at how much waits in the nodes

MakeWorkload = Callable[[Random, Callable[[], float]], Workload]


class ClientStation(Station):
    """A client of the cluster: flows over links of the world."""

    def __init__(self, world: World, name: str, seeds: list[str]) -> None:
        super().__init__(world, name)
        self.client = Client(seeds, Random(world.chance.random()).random, CLUSTER)
        nearest = Random(f"{name} of {world.seed}").random() < NEAREST_SHARE
        self.database = Database(self.client.router, seconds=world.chance.choice(DEADLINE_SECONDS), nearest=nearest)
        self.start(self.client)

    def hello(self) -> Hello:
        """The client knows."""
        return self.client.hello()

    def run(self, flow: Flow[Any], done: Callable[[Any], None] = lambda result: None) -> None:
        """Run a flow from the next step on; an exception that it raises ends the simulation."""

        def ended(result: Any, error: BaseException | None) -> None:
            if error is not None:
                raise error
            done(result)

        self.client.start(flow, ended)
        self.ask()


class Simulation:
    """One seed's run, to be asked for its totals afterwards.

    1. `run` raises `Violation`, or what a part of the cluster raised; a second run of the seed does the same again.
    """

    def __init__(
        self,
        seed: int,
        workload: str | MakeWorkload = "bank",
        seconds: float = 30.0,
        nodes: int = 0,
        clients: int = 4,
        faults: Container[int] | None = None,
        ranges: int = 0,
        wild_clocks: bool = False,
        files: bool = False,
    ) -> None:
        """`faults`: the places in the seed's schedule that are kept, or all. `nodes` and `ranges`: so many at the
        beginning; 0: drawn from the seed. `wild_clocks`: their rates differ by more than nodes are told, so only Raft's
        own safety is checked, not what clients saw, nor leases. `files`: nodes keep real ones (files.py)."""
        self.world = World(seed)
        self._wild_clocks = wild_clocks
        told = 2 * self.world.rate_error
        if wild_clocks:
            self.world.rate_error = CLOCK_RATE_ERROR_WILD
        chance = self.world.chance
        self.seconds = seconds
        self.cluster = Cluster(self.world, self._build)
        self.promises = Promises(self.cluster, leases=not wild_clocks)
        self.cluster.watchers.append(self.promises.stepped)
        self.cluster.orders = self._orders()
        self.settings = _settings(chance, told, seed)
        for _ in range(nodes or chance.choice((3, 3, 4, 5))):
            self.cluster.add()
        self.world.network.ways, self.world.network.encode = draw_ways(seed), chance.random() < 0.1
        make = WORKLOADS[workload] if isinstance(workload, str) else workload
        self.workload: Workload = make(Random(chance.random()), lambda: self.world.now)
        seeds = [node.address for node in self.cluster.nodes]
        self.operator = ClientStation(self.world, "operator", seeds)
        self.members = Members(self.cluster, self.operator.run, self.operator.client.router)
        self.clients = [ClientStation(self.world, f"c{number}", seeds) for number in range(1, clients + 1)]
        self.cluster.guests = [station.name for station in (self.operator, *self.clients)]
        kept = [fault for fault in schedule(seed, seconds) if faults is None or fault.place in faults]
        self.nemesis = Nemesis(self.cluster, self._with_files(kept) if files else kept)
        self.orders: dict[str, int] = {}
        self.recovery_seconds = 0.0  # from the last fault until every range had taken a write
        self._ranges, self.think_seconds = ranges, Random(f"think of {seed}").choice(THINK_SECONDS)
        self._working = 0

    # -- the run ---------------------------------------------------------------------------------------------------

    def run(self) -> "Simulation":
        """From the first node to the last check."""
        try:
            self._run()
        finally:
            if self.cluster.files is not None:
                self.cluster.files.close()
        return self

    def _run(self) -> None:
        self.form()
        self._look()
        self._split()
        self.nemesis.begin()
        self._wait("the first rows", FORM_SECONDS, self.workload.prepare(self.operator.database))
        end = self.world.now + self.seconds
        for number, station in enumerate(self.clients):
            self._working += 1
            station.run(self._work(number, station.database, end), self._stopped)
        self.world.run(self.seconds)
        self.nemesis.end()
        healed, router = self.world.now, self.operator.client.router
        self.operator.run(self.members.take_back())
        self._wait("a write to every range", RECOVERY_SECONDS, write_everywhere(router, self.operator.database))
        self.recovery_seconds = self.world.now - healed
        if not self.world.run(CALM_SECONDS, lambda: not self._working):
            raise Violation(f"{self._working} clients are still waiting {CALM_SECONDS} s after the last fault")
        self._wait("the last look", CALM_SECONDS, self.workload.finish(self.operator.database))
        self.cluster.compare()
        if not self._wild_clocks:
            self.workload.check()
        self._wait("a collection of everything", COLLECTION_SECONDS, collect_everything(router))
        self.world.run(QUIET_SECONDS)
        check_quiet(self.cluster.nodes, self.world.run)
        check_collected(self.cluster.nodes)
        self.cluster.compare()

    def _look(self) -> None:
        """Nothing grows beyond its bounds."""
        for node in self.cluster.nodes:
            if node.up:
                check_bounds(node)
        self.world.after(LOOK_SECONDS, self._look)

    def totals(self) -> dict[str, int]:
        """What happened, in numbers; equal for two runs of one seed."""
        safety = self.cluster.safety
        return {
            "nodes": len(self.cluster.nodes),
            "milliseconds": int(self.world.now * 1000),
            "recovery": int(self.recovery_seconds * 1000),
            "steps": sum(node.steps for node in self.cluster.nodes),
            "frames": self.world.network.frames,
            "faults": sum(self.nemesis.counts.values()),
            "elections": len(safety.leaders),
            "starts": sum(node.starts for node in self.cluster.nodes),
            "comparisons": safety.compared,
            "intents": safety.intents,
            "settled": safety.settled,
            "barred": safety.barred,
            **(self.cluster.files.totals() if self.cluster.files is not None else {}),
            **dict(sorted(self.orders.items())),
            **dict(sorted(self.workload.outcomes.items())),
        }

    def _work(self, number: int, database: Database, end: float) -> Flow[None]:
        chance = self.world.chance
        while self.world.now < end:
            yield from self.workload.step(number, database)
            yield Sleep(chance.expovariate(1 / self.think_seconds))

    def _stopped(self, _: Any) -> None:
        self._working -= 1

    def _wait(self, what: str, seconds: float, flow: Flow[Any]) -> Any:
        """Run a flow of the operator's to its end."""
        results: list[Any] = []
        self.operator.run(flow, results.append)
        if not self.world.run(seconds, lambda: bool(results)):
            raise Violation(f"{what} did not come within {seconds} s")
        return results[0]

    # -- nodes -----------------------------------------------------------------------------------------------------

    def form(self) -> None:
        """The first node begins the cluster, the others join it."""
        first, *others = self.cluster.nodes
        start = beginning(CLUSTER, first.address, draw_rules(self.world.seed))
        for head, tail, value in start.rows:
            first.disk.put(head, tail, value)
        first.disk.marks.update(start.marks)
        first.restart()
        for node in others:
            self._wait(f"{node} as a member", FORM_SECONDS, self.members.join(node))

    def _split(self) -> None:
        """The first ranges: as many as are wanted, or as come of some orders."""
        if not self._ranges:
            for _ in range(self.world.chance.randint(0, FIRST_SPLITS_MAX)):
                self._order_split(self.world.chance)
        for number in range(1, self._ranges):
            key = self.workload.keys[number * len(self.workload.keys) // self._ranges]
            self._wait("a split", FORM_SECONDS, self._until_done(SplitRange(self.workload.space + key)))

    def _until_done(self, message: Any) -> Flow[bool]:
        while not isinstance((yield from self.operator.client.router.control(message, ORDER_SECONDS)), Done):
            yield Sleep(0.2)
        return True

    def _build(self, node: NodeStation) -> Host:
        first = self.cluster.nodes[0]
        host = assemble(
            Identity(CLUSTER, node.node, node.life, node.address),
            node.journal,
            node.state,
            Random(self.world.chance.random()).random,
            self.settings,
            node.clock,
            node.kept or ((first.node, first.address),),
            node.keep,
        )
        self.promises.watch(node, host)
        return host

    def _with_files(self, faults: list[Fault]) -> list[Fault]:
        """Give the nodes real files; the faults that these can take."""
        from argosy.testing.files import LEFT_OUT, Files

        self.cluster.files = Files(self.world.seed)
        return [fault for fault in faults if fault.name not in LEFT_OUT]

    # -- orders of an operator -------------------------------------------------------------------------------------

    def _orders(self) -> dict[str, Callable[[Random], None]]:
        return {
            "split": self._order_split,
            "merge": self._order_merge,
            "move leader": self._order_leader,
            "move replica": self._order_replica,
            "collect": self._order_collection,
            "drain": lambda chance: self._order(lambda ranges: self.members.send("drain", chance)),
            "decommission": lambda chance: self._order(lambda ranges: self.members.send("decommission", chance)),
        }

    def _order_split(self, chance: Random) -> None:
        key = self.workload.space + chance.choice(self.workload.keys)
        self._order(lambda ranges: SplitRange(key))

    def _order_merge(self, chance: Random) -> None:
        def order(ranges: RangesAre) -> Any:
            later = [each for each in ranges.ranges if each.descriptor.start > USER]
            return MergeRange(chance.choice(later).descriptor.start) if later else None

        self._order(order, MERGE_TRIES)

    def _order_leader(self, chance: Random) -> None:
        def order(ranges: RangesAre) -> Any:
            one = chance.choice(ranges.ranges).descriptor
            return MoveLeader(one.group, chance.choice(one.replicas).node)

        self._order(order)

    def _order_replica(self, chance: Random) -> None:
        def order(ranges: RangesAre) -> Any:
            one = chance.choice(ranges.ranges).descriptor
            present = [replica.node for replica in one.replicas]
            absent = [node.node for node in self.cluster.nodes if node.node not in present]
            target = chance.choice(absent or present)
            return MoveReplica(one.group, chance.choice(present), target)

        self._order(order)

    def _order_collection(self, chance: Random) -> None:
        router = self.operator.client.router

        def flow() -> Flow[None]:
            tick = yield from router.ticks(1)
            if tick is not None:
                yield Sleep(chance.uniform(0.5, 3.0))
                done = yield from Collection(router, Settling(router)).collect(tick)
                self._count("Collection", done)

        self.operator.run(flow())

    def _order(self, order: Callable[[RangesAre], Any], tries: int = 1) -> None:
        router = self.operator.client.router

        def flow() -> Flow[None]:
            for _ in range(tries):
                ranges = yield from router.control(ListRanges(USER, 100), ORDER_SECONDS)
                if isinstance(ranges, RangesAre) and any(each.descriptor.replicas for each in ranges.ranges):
                    message = order(ranges)
                    if message is None:
                        return
                    reply = yield from router.control(message, ORDER_SECONDS)
                    self.cluster.note(f"operator: {message} -> {reply}")
                    name = message.order if isinstance(message, OrderNode) else type(message).__name__
                    self._count(name, isinstance(reply, Done))
                    if isinstance(reply, Done):
                        return
                yield Sleep(PATIENCE_SECONDS)

        self.operator.run(flow())

    def _count(self, name: str, done: bool) -> None:
        name = name if done else f"{name} refused"
        self.orders[name] = self.orders.get(name, 0) + 1


def _settings(chance: Random, clock_rate_error: float, seed: int) -> Settings:
    return Settings(
        election_seconds_min=chance.choice(ELECTION_SECONDS),
        clock_rate_error=clock_rate_error,
        apply_later_bytes=APPLY_LATER_BYTES[seed % 2],
    )
