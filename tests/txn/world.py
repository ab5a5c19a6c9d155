"""A cluster in memory for tests of what coordinates: real range machines, clients, coordinators and settlers.

One seed decides everything: delay and loss of every message, changes of leader, crashes, splits. A range is one applied
state and a log of what is proposed; a change of leader keeps a prefix of that log (Raft is taken as given), and the new
leader serves when it has applied it (L1). Time is virtual. Read next: tests/txn/history.py.
"""

import heapq
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from node.codec import decode, encode
from node.flow import Flow
from node.joining import entries, outcomes
from node.machine import Answer, Proposal, Request, StartGroup, Wait
from node.messages import NoGroup, NotLeader
from node.raft.messages import Configuration, Member
from ranges.descriptor import Descriptor
from ranges.directory import Directory
from ranges.keys import FIRST_KEY, LAST_KEY, TICK, VERSION_KIND
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.placement.messages import Lookup, RoutesAre, Ticks, TicksAre
from tests.ranges.fakes import FakeView
from tests.txn.actors import NODES, Node, Person
from tests.txn.strikes import Strikes
from txn.config import PATIENCE_SECONDS


@dataclass
class Faults:
    """Rates of what goes wrong, from 0 to 1; a calm world by default."""

    lost: float = 0.0
    late: float = 0.0
    elections: float = 0.0  # a second, of all ranges together
    crashes: float = 0.0  # a second, of all nodes together
    splits: float = 0.0  # a second
    collections: float = 0.0  # a second
    slow: float = 0.002  # mean seconds of a message's way


@dataclass
class Group:
    """One range: its machine, and what is proposed and not yet applied."""

    number: int
    machine: RangeMachine
    leader: int
    term: int = 1
    serves: bool = False
    lead_from: float = 0.0
    log: list[tuple[bytes, Request | None, int]] = field(default_factory=list)
    parked: dict[Hashable, list[tuple[Request, Any, int]]] = field(default_factory=dict)
    behind: set[Hashable] = field(default_factory=set)


class Rows(FakeView):
    """`ever` keeps every version that was written, also when it has been collected."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: dict[tuple[bytes, bytes], bytes] = {}

    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        super().put(head, tail, value)
        if tail[0] == VERSION_KIND:
            assert self.ever.setdefault((head, tail), value) == value, "two versions at one timestamp"


class World(Strikes):
    """Nodes, ranges, people, and what happens to them."""

    def __init__(
        self,
        seed: int,
        splits: tuple[bytes, ...] = (),
        faults: Faults | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.rng = random.Random(seed)
        self.faults = faults or Faults()
        self.patience = patience
        self.now, self.links, self.ticks, self.sequence = 0.0, 0, 9, 0
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.view = Rows()
        self.configuration = Configuration(1, 4, tuple(Member(node, node) for node in NODES))
        self.groups: dict[int, Group] = {}
        self.catalog: list[Descriptor] = []
        self.nodes = {number: Node(self, number) for number in NODES}
        self.people: list[Person] = []
        self.answers: dict[int, Callable[[Any], None]] = {}
        edges = (FIRST_KEY, *splits, LAST_KEY)
        for number, (start, end) in enumerate(pairwise(edges), 1):
            self.begin_group(number, first_mark(start, end))
            self.lead(self.groups[number], self.rng.choice(NODES))
        self.newest_group = len(self.groups)
        self.catalog = [group.machine.descriptor for group in self.groups.values()]
        self.plan_faults()

    # -- time --------------------------------------------------------------------------------------------------------

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.sequence += 1
        heapq.heappush(self.events, (self.now + seconds, self.sequence, act))

    def carry(self, act: Callable[[], None]) -> None:
        """One message on its way: it comes once or never, maybe late."""
        faults, rng = self.faults, self.rng
        if rng.random() < faults.lost:
            return
        late = rng.random() < faults.late
        self.after(rng.expovariate(1 / faults.slow) if not late else rng.uniform(0.1, 8.0), act)

    def step(self) -> bool:
        """The next thing that happens; False if nothing ever will."""
        actors = [*self.nodes.values(), *self.people]
        wakes = [self.wake_at(each) for each in actors]
        first = self.events[0][0] if self.events else float("inf")
        due = min(first, *wakes)
        if due == float("inf"):
            return False
        self.now = max(self.now, due)
        for each, wake in zip(actors, wakes, strict=True):
            if wake <= self.now:
                self.let(each)
        if first <= self.now:
            heapq.heappop(self.events)[2]()
        for person in self.people:
            if person.events:
                person.step()
        return True

    def wake_at(self, actor: Any) -> float:
        if isinstance(actor, Node):
            return actor.flows.wake_at
        return float("inf") if actor.dead else actor.client.wake_at

    def let(self, actor: Any) -> None:
        if isinstance(actor, Node):
            actor.flows.step(self.now)
        else:
            actor.step()

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until and self.step():
            pass

    def person(self) -> Person:
        self.people.append(Person(self, len(self.people) + 1))
        return self.people[-1]

    def wait(self, flow: Flow[Any], person: Person | None = None) -> Any:
        """Run the world until a flow of this person has ended; its result, or its error raised."""
        ended: list[tuple[Any, BaseException | None]] = []
        (person or self.person()).client.start(flow, lambda result, error: ended.append((result, error)))
        while not ended:
            assert self.step(), "nothing happens any more, and the flow has not ended"
        result, error = ended[0]
        if error is not None:
            raise error
        return result

    # -- what nodes are asked ------------------------------------------------------------------------------------------

    def directory(self) -> Directory:
        directory = Directory()
        directory.learn_control((node, f"n{node}") for node in NODES)
        return directory

    def arrive(self, node: int, request: Request, answered: Callable[[Any], None]) -> None:
        """A request has come to a node; its reply travels back by the same kind of way."""
        life = self.nodes[node].flows

        def answer(reply: Any) -> None:
            if self.nodes[node].flows is life:
                self.carry(lambda: answered(decode(encode(reply))))

        request.since = self.now
        request.link = self.sequence = self.sequence + 1
        self.answers[request.link] = answer
        self.take(node, request)

    def reply(self, request: Request, reply: Any) -> None:
        self.answers.pop(request.link)(reply)

    def take(self, node: int, request: Request) -> None:
        message, here = request.message, self.nodes[node]
        here.flows.now = self.now
        if message.sort == "service":
            here.flows.start(
                here.services[type(message)](request), lambda reply, error: self.served(request, reply, error)
            )
        elif request.group == 0:
            self.control(node, request)
        elif message.wants_tick and not request.tick:
            self.after(self.rng.expovariate(1 / self.faults.slow), lambda: self.take_at_tick(node, request))
        else:
            self.handle(node, request)

    def served(self, request: Request, reply: Any, error: BaseException | None) -> None:
        if error is not None:
            raise error
        self.reply(request, reply)

    def take_at_tick(self, node: int, request: Request) -> None:
        request.tick = self.tick()
        self.after(self.rng.expovariate(1 / self.faults.slow), lambda: self.handle(node, request))

    def tick(self, count: int = 1) -> int:
        self.ticks += count
        return (self.ticks - count + 1) * TICK

    def control(self, node: int, request: Request) -> None:
        if node != 1:
            self.reply(request, NotLeader(0, 1))
        elif type(request.message) is Ticks:
            self.reply(request, TicksAre(self.tick(request.message.count)))
        else:
            assert type(request.message) is Lookup
            key = request.message.key
            rows = tuple(each for each in self.catalog if each.end > key)[: request.message.count]
            self.reply(request, RoutesAre(rows, tuple((each, f"n{each}") for each in NODES)))

    def handle(self, node: int, request: Request) -> None:
        """What a node's group does with a request, from admission to its reply (node/group.py in life)."""
        group = self.groups.get(request.group)
        if group is None:
            self.reply(request, NoGroup(request.group))
            return
        if group.leader != node or not group.serves:
            hint = group.leader if group.leader != node and self.rng.random() < 0.8 else 0
            self.reply(request, NotLeader(request.group, hint))
            return
        machine = group.machine
        outcome = (machine.admit if request.message.sort == "command" else machine.read)(request, self.now)
        if type(outcome) is Proposal:
            self.propose(group, outcome, request)
        elif type(outcome) is Answer:
            self.reply(request, outcome.reply)
        else:
            self.park(group, request, outcome, None)

    def park(self, group: Group, request: Request, wait: Wait, reply: Any) -> None:
        """Until the token is woken; then it begins again, or is answered with the reply that it already has."""
        token, term = wait.token, group.term
        row = (request, reply, term)
        group.parked.setdefault(token, []).append(row)
        flows = self.nodes[group.leader].flows
        if wait.flow is not None and token not in group.behind:
            group.behind.add(token)

            def ended(_: Any, error: BaseException | None) -> None:
                if error is not None:
                    raise error
                group.behind.discard(token)
                self.wake(group, token)

            flows.now = self.now
            flows.start(wait.flow, ended)
        # Never less than a clock can tell: what is left of a wait may be too small to move it.
        self.after(max(wait.seconds, 1e-3), lambda: self.wake(group, token, row))

    def wake(self, group: Group, token: Hashable, only: Any = None) -> None:
        rows = group.parked.get(token, [])
        woken = [row for row in rows if only is None or row is only]
        group.parked[token] = [row for row in rows if not (only is None or row is only)]
        for request, reply, term in woken:
            if term != group.term:
                continue
            if reply is not None:
                self.reply(request, reply)
            else:
                self.handle(group.leader, request)

    # -- ranges --------------------------------------------------------------------------------------------------------

    def begin_group(self, number: int, mark: bytes) -> Group:
        def settle(intent: Any) -> Flow[None]:
            return self.nodes[group.leader].settling.settle(intent)

        def ticks() -> Flow[int | None]:
            return self.nodes[group.leader].router.ticks()

        machine = RangeMachine(number, self.view, mark, settle, ticks)
        machine.configuration = self.configuration
        group = self.groups[number] = Group(number, machine, 0)
        return group

    def propose(self, group: Group, proposal: Proposal, request: Request) -> None:
        ((body, request),) = entries([(proposal, request)])
        group.log.append((body, request, group.term))
        self.after(self.rng.expovariate(1 / self.faults.slow), lambda: self.apply(group))

    def apply(self, group: Group) -> None:
        """The oldest entry is committed and applied."""
        if not group.log:
            return
        body, request, term = group.log.pop(0)
        ours = request if term == group.term else None
        applied = group.machine.apply(body, ours)
        for each, outcome in outcomes(ours, applied) if ours is not None else ():
            if outcome.wait is not None and group.serves:
                self.park(group, each, outcome.wait, outcome.reply)
            else:
                self.reply(each, outcome.reply)
        for effect in applied.effects:
            self.begin_right(effect, group.leader)
        if applied.effects:
            self.after(self.rng.uniform(0.0, 0.5), self.report)
        for token in applied.wakes:
            self.wake(group, token)
        self.maybe_serve(group)

    def begin_right(self, effect: StartGroup, leader: int) -> None:
        """A split's right side elects its leader a little later."""
        right = self.begin_group(effect.group, effect.mark)
        self.after(self.rng.uniform(0.0, 0.3), lambda: self.lead(right, leader))

    def report(self) -> None:
        """The catalog hears of splits a little later."""
        self.catalog = sorted((each.machine.descriptor for each in self.groups.values()), key=lambda each: each.start)

    def lead(self, group: Group, node: int) -> None:
        """A new leader: it keeps some prefix of what was proposed, and serves when that is applied."""
        group.machine.follow()
        del group.log[self.rng.randint(0, len(group.log)) :]
        group.leader, group.term, group.serves = node, group.term + 1, False
        group.parked, group.behind = {}, set()
        self.maybe_serve(group)

    def maybe_serve(self, group: Group) -> None:
        if group.serves or group.log:
            return
        group.serves = True
        group.machine.lead(group.term)
        flows = self.nodes[group.leader].flows
        flows.now = self.now
        for duty in group.machine.duties(self.now):
            flows.start(duty)

    def calm_down(self) -> None:
        """Nothing goes wrong any more."""
        self.faults = Faults()
        self.report()
