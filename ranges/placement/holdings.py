"""The reporter's view of a real host.

Owns the reading of a host's groups for reports, and hands on what the answers say. Does not own the groups.
Read next: ranges/placement/reporter.py, node/host.py.
"""

from collections.abc import Callable, Iterable

from node.host import Host
from ranges.machine import RangeMachine
from ranges.messages import StaleSpan
from ranges.placement.reporter import Held, Stamp

Learn = Callable[[tuple[tuple[int, str], ...], tuple[tuple[int, str], ...]], None]


class HostHoldings:
    """`ranges.placement.reporter.Holdings` over a `Host`; `learn` takes addresses and group 0's routes."""

    def __init__(self, host: Host, learn: Learn) -> None:
        self._host = host
        self.learn = learn

    def who(self) -> tuple[int, int, str]:
        """(node id, life, address)."""
        identity = self._host.identity
        return identity.node, identity.life, identity.address

    def now(self) -> float:
        """Seconds of the host's clock."""
        return self._host.now

    def short(self) -> str:
        """Why the node takes no writes; empty if it does."""
        return self._host.replicas.short()

    def changed(self) -> Iterable[int]:
        """Groups that were stepped, have come or gone since the last call (all at first); who sleeps costs nothing."""
        return self._host.take_stirred()

    def stamp(self, group: int) -> Stamp | None:
        """The replica of a group in numbers, None if there is none (any more)."""
        found = self._host.replicas.groups.get(group)
        if found is None:
            return None
        machine = found.machine
        if type(machine) is not RangeMachine:
            return Stamp(found.replica, 0, (0, 0), 0, 0)
        epoch = machine.span_version, machine.configuration.version
        return Stamp(found.replica, found.leading, epoch, machine.size, machine.asked)

    def held(self, group: int) -> Held | None:
        """The replica of a group, None if there is none (any more)."""
        found = self._host.replicas.groups.get(group)
        if found is None:
            return None
        machine = found.machine
        if type(machine) is not RangeMachine:
            return Held(group, found.replica, 0, None, 0, None, 0, 0)
        refusal = machine.refusal(0)  # names the right side of the last split beside the range itself
        beside = refusal.descriptors[1] if type(refusal) is StaleSpan and len(refusal.descriptors) > 1 else None
        return Held(
            group,
            found.replica,
            found.leading,
            machine.descriptor,
            machine.configuration.next_replica,
            beside,
            machine.size,
            machine.asked,
        )

    def drop(self, group: int, replica: int) -> None:
        """Destroy a replica that the catalog confirms as removed; not one that its heir here may still absorb (M3)."""
        if not self._is_awaited(group):
            self._host.replicas.drop(group, replica)

    def leave(self) -> None:
        """The node was removed from the cluster, which is for ever: end it."""
        self._host.left = True
        self._host.stopped = (
            f"node {self._host.identity.node} was removed from its cluster, which is for ever: all that it held lies "
            "on other nodes. Its directory may be deleted; to come back, start on an empty one with --join"
        )

    def _is_awaited(self, group: int) -> bool:
        """The heir's replica may still come to the entry by which it absorbs this one, and must find it."""
        groups = self._host.replicas.groups
        machine = groups[group].machine if group in groups else None
        if not isinstance(machine, RangeMachine) or not machine.frozen or machine.heir not in groups:
            return False
        heir = groups[machine.heir].machine
        return not isinstance(heir, RangeMachine) or heir.ended < machine.frozen
