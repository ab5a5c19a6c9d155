"""What becomes of a node's row: who may pass from which state to which.

Owns the rules by which commands change a row, the same on every replica of group 0. Does not own whether an order
is a good one (plans.py). Read next: ranges/placement/leaving.py.
"""

from dataclasses import replace

from node.messages import Refused
from ranges.placement.messages import PutNode, SetNodeState
from ranges.placement.rows import NodeRow


def living(known: NodeRow | None, message: PutNode) -> NodeRow | Refused:
    """The row of a node that lives this life, at this address. A drain ends where the node starts again."""
    if known is None or known.state == "removed" or message.life < known.life:
        return Refused(f"node {message.node} is not of this cluster, or was removed, or lives a newer life")
    is_drained = known.state == "draining" and 0 < known.life < message.life
    state = "up" if is_drained else known.state
    return replace(known, life=message.life, address=message.address, state=state)


def changed(known: NodeRow | None, message: SetNodeState, holds: bool) -> NodeRow | Refused:
    """The row in another state. Removed is only who leaves and holds no replica."""
    if known is None:
        return Refused(f"there is no node {message.node}")
    if known.state == "removed":
        return Refused(f"node {message.node} was removed, which is for ever: join it as a new one")
    if message.state == "removed" and (known.state != "leaving" or holds):
        return Refused(f"node {message.node} is {known.state} and {'holds' if holds else 'may get'} replicas")
    return replace(known, state=message.state)
