"""Support between nodes, as a host applies it: which groups share which node, who sleeps, what a lapse wakes.

Owns the books between `Support` (pairs of nodes) and the cores (groups). Does not own the rules: P1 to P7 and Z3
stand in node/support.py, the rest in node/raft/. Nothing here runs for a group that sleeps. Read next: node/host.py.
"""

from collections import deque
from typing import TYPE_CHECKING

from node.codec import encode
from node.group import Group
from node.raft.leases import Support as Table
from node.raft.membership import members
from node.raft.messages import Configuration, Lapsed, Role, Supported, Wake
from node.support import Doubtful, Support, SupportInput, SupportMessage, Unsupported

if TYPE_CHECKING:
    from node.host import Host

CONTROL_GROUP = 0
GROUPS_TOLD_MAX = 256  # in one step; some 5 ms


class Liveness:
    """The support of one node.

    1. `_known` holds the configuration of each group here, and `_placed` the groups by the nodes that it names: as
       many rows as groups, not as members.
    2. Each group hears of lapses and grants in their order, group 0 at once, the others so many in a step: what
       concerns ten thousand groups never keeps the loop from its promises. A new stretch begins only when all have
       heard of the lapse before it (P2); until then the table holds no promise, so nothing is bound or counted.
    """

    def __init__(self, host: "Host", now: float) -> None:
        identity = host.identity
        self._host = host
        self.table = Table()
        self._support = Support(identity.node, identity.life, host.settings, self.table, now, identity.life > 1)
        self._known: dict[int, Configuration] = {}
        self._placed: dict[tuple[int, ...], dict[int, None]] = {}
        self._telling: deque[tuple[SupportInput, list[int], int]] = deque()

    @property
    def wake_at(self) -> float:
        """When `tick` is due, in seconds of the node's clock."""
        return self._host.now if self._telling else self._support.wake_at

    def take(self, source: int, messages: list[SupportMessage]) -> None:
        """What another node's support says."""
        for message in messages:
            self._support.take(source, message, self._host.now)

    def tick(self) -> None:
        """After a step's messages: ask, notice lapses, and tell the groups that they concern."""
        host = self._host
        if host.now >= self._support.wake_at:
            self._support.tick(host.now)
        if self._support.has_more:
            ready = self._support.ready()
            for each in ready.inputs:
                self._tell(each)
            for node, message in ready.messages:
                host.outbox.support(node, encode(message), host.now)
        if self._telling:
            self._tell_on()

    def _tell(self, event: SupportInput) -> None:
        """Have the groups that an event concerns told of it; group 0 is told now."""
        known = event.groups if type(event) is Doubtful else self._sharing(event.node)
        numbers = sorted(known, reverse=True)
        crowd = self._crowd(numbers, event.node) if type(event) is Lapsed else 0
        if numbers and numbers[-1] == CONTROL_GROUP:
            self._step(numbers.pop(), event, crowd)
        if numbers:
            self._telling.append((event, numbers, crowd))
            if type(event) is Lapsed:
                self._support.hold(event.node, True)

    def _crowd(self, numbers: list[int], node: int) -> int:
        """How many of these groups follow a leader on that node, and will campaign when they hear of the lapse (Z5)."""
        groups = self._host.replicas.groups
        follows = (groups[number].raft.follow for number in numbers if number in groups)
        return sum(follow is not None and follow.node == node for follow in follows)

    def _tell_on(self) -> None:
        """Tell the next groups."""
        left = GROUPS_TOLD_MAX
        while self._telling and left:
            event, numbers, crowd = self._telling[0]
            while numbers and left:
                self._step(numbers.pop(), event, crowd)
                left -= 1
            if not numbers:
                self._telling.popleft()
                if type(event) is Lapsed:
                    self._support.hold(event.node, any(_lapses(each, event.node) for each, _, _ in self._telling))

    def _step(self, number: int, event: SupportInput, crowd: int) -> None:
        group = self._host.replicas.groups.get(number)
        if group is None:
            return
        if type(event) is Unsupported:
            if group.raft.asleep and group.raft.role == Role.LEADER:
                self._host.touch(group)  # Z6: it counts its support at each tick
            return
        self._host.touch(group)
        if type(event) is Doubtful:
            group.raft.step(Wake())
        else:
            assert isinstance(event, Supported | Lapsed), "the list of inputs is closed"
            self.table.crowd = crowd
            group.raft.step(event)
            self.table.crowd = 0

    # -- books -----------------------------------------------------------------------------------------------------

    def cycled(self, group: Group) -> None:
        """A group has cycled: its members may have changed, it may have gone to sleep or woken."""
        raft, number = group.raft, group.number
        if self._known.get(number) is not raft.configuration:
            self._configured(number, raft.configuration)
        sleepers = self._support.sleepers
        if not raft.asleep:
            sleepers.wakes(number)
        elif raft.role == Role.LEADER:
            others = [each.node for each in members(raft.configuration) if each.replica != group.replica]
            sleepers.leads(number, raft.term, others)
        else:
            sleepers.follows(number, raft.term, group.node_of(raft.leader))
        self.table.awake = len(self._known) - len(sleepers)

    def gone(self, number: int) -> None:
        """A group left this node."""
        self._support.sleepers.wakes(number)
        self._configured(number, None)

    def _sharing(self, node: int) -> list[int]:
        """The groups that have a member on this node."""
        return [number for nodes, groups in self._placed.items() if node in nodes for number in groups]

    def _configured(self, number: int, configuration: Configuration | None) -> None:
        before = self._known.pop(number, None)
        places = set(self._placed)
        if before is not None:
            nodes = _nodes(before)
            del self._placed[nodes][number]
            if not self._placed[nodes]:
                del self._placed[nodes]
        if configuration is not None:
            self._known[number] = configuration
            self._placed.setdefault(_nodes(configuration), {})[number] = None
        if self._placed.keys() != places:
            self._support.share({node for nodes in self._placed for node in nodes})


def _nodes(configuration: Configuration) -> tuple[int, ...]:
    return tuple(sorted({member.node for member in members(configuration)}))


def _lapses(event: SupportInput, node: int) -> bool:
    return type(event) is Lapsed and event.node == node
