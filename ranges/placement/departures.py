"""Draining and decommissioning, where group 0 leads: the plan, the order, and the end.

Owns that an order is given only if its plan is possible, one order at a time, and that who leaves is removed when
nothing is left there. What moves in between the policy decides from the node's state alone, so a new leader of group 0
goes on where the last one was. Does not own the plan (plans.py) nor the moves (driver.py). Read next:
ranges/placement/plans.py.
"""

from typing import TYPE_CHECKING, Any

from node.flow import HERE, Flow, Send, Sleep
from node.messages import Done, NotLeader, Refused
from ranges.placement.catalog import Catalog
from ranges.placement.cells import CONTROL_GROUP
from ranges.placement.config import ORDER_SECONDS, PLAN_PAUSE_SECONDS
from ranges.placement.leaving import GOALS, PLANNED, OrderNode, PlanIs, PlanNode
from ranges.placement.messages import SetNodeState
from ranges.placement.plans import plan, refusal
from ranges.placement.status import left_on

if TYPE_CHECKING:
    from ranges.placement.driver import Leadership


class Departures:
    """The nodes that are to go, as one node's driver sees to them.

    1. One order is looked at at a time: what its plan counted on still holds when it is written down.
    """

    def __init__(self) -> None:
        self._ordering = False

    def serve(self, leadership: "Leadership", message: PlanNode | OrderNode) -> Flow[Any]:
        """The plan; or Done, Refused or NotLeader."""
        if isinstance(message, PlanNode):
            return (yield from self._plan(leadership.catalog, message.node, message.order))
        if self._ordering:
            return Refused("another such order is being looked at: try again in some seconds")
        self._ordering = True
        try:
            return (yield from self._order(leadership, message))
        finally:
            self._ordering = False

    def finish(self, leadership: "Leadership") -> Flow[None]:
        """Remove each node that leaves and holds nothing, nor is to get anything by an order under way."""
        catalog = leadership.catalog
        for row in [row for row in catalog.nodes.values() if row.state == "leaving"]:
            picture = catalog.picture
            if row.node not in picture.index.on and not left_on(picture, row).replicas:
                yield Send(HERE, CONTROL_GROUP, 0, SetNodeState(row.node, "removed"), ORDER_SECONDS)

    def _order(self, leadership: "Leadership", message: OrderNode) -> Flow[Any]:
        row = leadership.catalog.nodes.get(message.node)
        refused = refusal(None if row is None else row.state, message.node, message.order)
        if row is None or refused is not None:
            return refused
        if row.state == GOALS[message.order]:
            return Done()
        if message.order in PLANNED:
            found = yield from self._plan(leadership.catalog, message.node, message.order)
            if not isinstance(found, PlanIs) or found.why:
                return Refused(found.why) if isinstance(found, PlanIs) else found
        reply = yield Send(HERE, CONTROL_GROUP, 0, SetNodeState(message.node, GOALS[message.order]), ORDER_SECONDS)
        return Refused("not known to be done: `argosy nodes` shows what is") if reply is None else reply

    def _plan(self, catalog: Catalog, node: int, order: str) -> Flow[PlanIs | Refused | NotLeader]:
        row = catalog.nodes.get(node)
        refused = refusal(None if row is None else row.state, node, order)
        if refused is not None:
            return refused
        for found in plan(catalog.look(), node, order):
            if found is not None:
                return found
            yield Sleep(PLAN_PAUSE_SECONDS)
        raise AssertionError("a plan ends with what it found")
