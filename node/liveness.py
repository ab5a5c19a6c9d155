"""Support between nodes, as a host applies it: which groups share which node, who sleeps, what a lapse wakes.

Owns the books between `Support` (pairs of nodes) and the cores (groups). Does not own the rules: P1 to P7 and Z3
stand in node/support.py, the rest in node/raft/. Nothing here runs for a group that sleeps. Read next: node/host.py.
"""

from typing import TYPE_CHECKING

from node.codec import encode
from node.group import Group
from node.raft.leases import Support as Table
from node.raft.membership import members
from node.raft.messages import Configuration, Input, Lapsed, Role, Supported, Wake
from node.support import Doubtful, Support, SupportInput, SupportMessage, Unsupported

if TYPE_CHECKING:
    from node.host import Host


class Liveness:
    """The support of one node.

    1. `_groups[node]` holds exactly the groups here whose configuration names that node.
    2. A group's lapse is stepped before any message of the step that comes after it (Z7: after those before).
    """

    def __init__(self, host: "Host", now: float) -> None:
        identity = host.identity
        self._host = host
        self.table = Table()
        self._support = Support(identity.node, identity.life, host.settings, self.table, now, identity.life > 1)
        self._groups: dict[int, dict[int, None]] = {}
        self._known: dict[int, Configuration] = {}
        self._asleep: dict[int, None] = {}

    @property
    def wake_at(self) -> float:
        """When `tick` is due, in seconds of the node's clock."""
        return self._support.wake_at

    def take(self, source: int, messages: list[SupportMessage]) -> None:
        """What another node's support says."""
        for message in messages:
            self._support.take(source, message, self._host.now)

    def tick(self) -> None:
        """After a step's messages: ask, notice lapses, and tell the groups that they concern."""
        host = self._host
        if host.now >= self._support.wake_at:
            self._support.tick(host.now)
        ready = self._support.ready()
        for each in ready.inputs:
            self._tell(each)
        for node, message in ready.messages:
            host.outbox.support(node, encode(message), host.now)

    def _tell(self, event: SupportInput) -> None:
        if type(event) is Doubtful:
            self._step(event.groups, Wake())
        elif type(event) is Unsupported:
            for number in list(self._groups.get(event.node, ())):
                group = self._host.replicas.groups.get(number)
                if group is not None and group.raft.asleep and group.raft.role == Role.LEADER:
                    self._host.touch(group)  # Z6: it counts its support at each tick
        else:
            assert isinstance(event, Supported | Lapsed), "the list of inputs is closed"
            self._step(list(self._groups.get(event.node, ())), event)

    def _step(self, numbers: list[int] | tuple[int, ...], event: Input) -> None:
        for number in numbers:
            group = self._host.replicas.groups.get(number)
            if group is not None:
                self._host.touch(group)
                group.raft.step(event)

    # -- books -----------------------------------------------------------------------------------------------------

    def cycled(self, group: Group) -> None:
        """A group has cycled: its members may have changed, it may have gone to sleep or woken."""
        raft, number = group.raft, group.number
        if self._known.get(number) is not raft.configuration:
            self._configured(number, raft.configuration)
        if raft.asleep:
            self._asleep[number] = None
            if raft.role == Role.LEADER:
                others = [each.node for each in members(raft.configuration) if each.replica != group.replica]
                self._support.sleepers.leads(number, raft.term, others)
            else:
                self._support.sleepers.follows(number, raft.term, group.node_of(raft.leader))
        elif number in self._asleep:
            del self._asleep[number]
            self._support.sleepers.wakes(number)

    def gone(self, number: int) -> None:
        """A group left this node."""
        if number in self._asleep:
            del self._asleep[number]
            self._support.sleepers.wakes(number)
        self._configured(number, None)

    def _configured(self, number: int, configuration: Configuration | None) -> None:
        before = self._known.pop(number, None)
        for member in () if before is None else members(before):
            self._groups[member.node].pop(number, None)
            if not self._groups[member.node]:
                del self._groups[member.node]
        if configuration is not None:
            self._known[number] = configuration
            for member in members(configuration):
                self._groups.setdefault(member.node, {})[number] = None
        self._support.share(self._groups)
