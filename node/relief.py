"""Handing groups on while the own disk has no room: their writes then go on elsewhere.

Owns when a leader is told to hand on, and to whom. Nobody knows whether there is room at the other end: so a group is
handed on once in RELIEF_SECONDS, and stays where it is if every disk is full. Does not own the room (node/space.py)
nor the transfer (node/raft/orders.py). Read next: node/space.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.config import RELIEF_SECONDS, SPACE_LOOK_SECONDS
from node.flow import Flow, Sleep
from node.raft.messages import Role, Transfer
from node.space import Space

if TYPE_CHECKING:
    from node.group import Group
    from node.host import Host

GROUPS_PER_LOOK_MAX = 100


def relieve(host: "Host", spaces: Sequence[Space]) -> Flow[None]:
    """Look after the room that a node has, for as long as it lives."""
    tried: dict[int, float] = {}
    while True:
        yield Sleep(SPACE_LOOK_SECONDS)
        why = next(filter(None, [space.short() for space in spaces]), "")
        if not why:
            tried.clear()
            continue
        if any(space.refused for space in spaces):  # the journal may wait: so does who waits for it
            host.intake.refuse_held(why)
        handed = 0
        for group in list(host.replicas.groups.values()):
            target = _successor(host, group)
            if target and host.now - tried.get(group.number, float("-inf")) >= RELIEF_SECONDS:
                tried[group.number] = host.now
                host.touch(group)
                group.raft.order(Transfer(target))
                handed += 1
                if handed == GROUPS_PER_LOOK_MAX:
                    break


def _successor(host: "Host", group: "Group") -> int:
    """The voter that is furthest, on a node with a link; 0 if there is none, or nothing to hand on."""
    if group.raft.role != Role.LEADER or not group.leading:
        return 0
    match = {each.replica: each.match for each in group.raft.status().progress}
    others = [each for each in group.raft.configuration.voters if each.replica != group.replica]
    linked = [each.replica for each in others if each.node in host.outbox.link_of]
    return max(linked, key=lambda replica: match.get(replica, 0), default=0)
