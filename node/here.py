"""What a node answers its own flows at once, inside of the flow: without a copy, a frame, or a cycle of the group.

Owns the one door to such answers. They are those of `Group.take` for a leader with a lease; whatever would have to
wait, and every command, goes the ordinary way (`Host`). Does not own what a query means. Read next: node/flow.py.
"""

from typing import TYPE_CHECKING, Any

from node.flow import HERE, Send
from node.machine import Answer, Request

if TYPE_CHECKING:
    from node.host import Host

FLOWS_LINK = -2  # the link of requests that this node's own flows send to itself


class Here:
    """Answers from memory.

    1. The look at the lease, the tick that the query wants (asked for now, so after the query: O3, C2a) and the
       answer are one step (L3, L4): where any of them would have to wait there is no answer.
    2. Flows never run inside of a group's cycle, so a machine is never read in the middle of an apply.
    """

    def __init__(self, host: "Host") -> None:
        self._host = host

    def answer(self, wish: Send) -> Any:
        """The reply to a query for a group that this node leads under a lease; None if it must be asked otherwise."""
        host, message = self._host, wish.message
        if wish.node not in (HERE, host.identity.node) or getattr(message, "sort", None) != "query":
            return None
        group = host.replicas.groups.get(wish.group)
        if group is None or group.raft.term != group.leading or group.machine is None:
            return None
        if not group.raft.lease_until > host.now:
            return None
        tick = host.flows.at_once(host.assembly.ticks(1)) if message.wants_tick else 0
        if tick is None:
            return None
        outcome = group.machine.read(
            Request(FLOWS_LINK, 0, wish.group, wish.span, b"", message, host.now, tick), host.now
        )
        for flow in group.machine.duties(host.now):  # a group that is only asked does not cycle
            host.start(flow)
        return outcome.reply if type(outcome) is Answer else None
