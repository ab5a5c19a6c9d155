"""How a merge is driven through: freeze, see that all hold it, absorb; else forgo and thaw (rule M3).

Owns the order of the steps and what becomes of a merge whose driver is gone: `settle` ends it, one way or the other,
by what the left side's log says. Why the steps are right is said in ranges/merging.py. Does not own who lies where
before it (driver.py). Read next: ranges/merging.py.
"""

from typing import TYPE_CHECKING, Any

from node.flow import HERE, Flow, Send, Sleep
from node.messages import AskDurable, Done, DurableIs
from ranges.descriptor import Descriptor
from ranges.merging import Absorb, Absorbed, Forgo, Freeze, Frozen, Thaw
from ranges.messages import StaleSpan
from ranges.placement.config import DURABLE_SECONDS, FREEZE_ASK_SECONDS, FREEZE_SECONDS, ORDER_SECONDS, ORDER_TRIES
from ranges.placement.merges import BeginMerge, EndMerge, MergeBegun
from ranges.placement.messages import PutDescriptors
from ranges.placement.routes import least_next_replica
from ranges.placement.rows import Merge

if TYPE_CHECKING:
    from ranges.placement.driver import Caller, Leadership

WHOLE_TRIES = int(FREEZE_SECONDS / FREEZE_ASK_SECONDS)


class Merger:
    """The merges of one node's driver.

    1. `Absorb` is sent only after every replica of the frozen right has said that it holds the freeze durably, and
       every one of the left that it holds rows.
    2. `Thaw` is sent only after the left has forgone the merge in its log.
    3. What begins is ended: by `merge` itself, or by `settle` under a later leadership.
    """

    def __init__(self, router: "Caller") -> None:
        self._router = router

    def merge(self, leadership: "Leadership", group: int, left: int) -> Flow[bool]:
        """Let the group's range join its left neighbour on the same nodes; whether it is known to be done."""
        routes = leadership.catalog.routes
        for each in (left, group):  # a range is frozen only if all of its nodes are there
            placed = routes.of_group(each)
            if placed is None or not (yield from self._holds(leadership, placed.descriptor, 0, 1)):
                return False
        begun = yield from _control(leadership, BeginMerge(left, group))
        if type(begun) is not MergeBegun:
            return False
        merge = Merge(begun.merge, left, group)
        said = yield from self._try(leadership, merge)
        if type(said) is Absorbed:
            return (yield from self._finish(leadership, merge, said))
        return (yield from self.settle(leadership, merge))

    def _try(self, leadership: "Leadership", merge: Merge) -> Flow[Any]:
        """Absorbed, or anything else: then it is for `settle` to see what came of it."""
        frozen = yield from self._tell(leadership, merge.right, Freeze(merge.merge, merge.left))
        if type(frozen) is not Frozen:
            return None
        if not (yield from self._holds(leadership, frozen.right, merge.merge, WHOLE_TRIES)):
            return None
        placed = leadership.catalog.routes.of_group(merge.left)
        if placed is None or not (yield from self._holds(leadership, placed.descriptor, 0, 1)):
            return None
        version = placed.descriptor.configuration_version
        order = Absorb(merge.merge, frozen.right, frozen.closed, frozen.safe, frozen.size, version)
        return (yield from self._tell(leadership, merge.left, order))

    def _finish(self, leadership: "Leadership", merge: Merge, said: Absorbed) -> Flow[bool]:
        """It has come about: the catalog takes the longer range in, and knows that the right is no more."""
        known = leadership.catalog.routes.of_group(merge.left)
        next_replica = max(least_next_replica(said.left), 0 if known is None else known.next_replica)
        if type((yield from _control(leadership, PutDescriptors((said.left,), (next_replica,))))) is not Done:
            return False
        return type((yield from _control(leadership, EndMerge(merge.merge, True)))) is Done

    def settle(self, leadership: "Leadership", merge: Merge) -> Flow[bool]:
        """End the merge for ever, by what the left's log says; True if it has come about. Else the right thaws."""
        said = yield from self._tell(leadership, merge.left, Forgo(merge.merge))
        if type(said) is Absorbed:
            return (yield from self._finish(leadership, merge, said))
        if type(said) is Done and type((yield from self._tell(leadership, merge.right, Thaw(merge.merge)))) is Done:
            yield from _control(leadership, EndMerge(merge.merge, False))
        return False

    def _holds(self, leadership: "Leadership", descriptor: Descriptor, frozen: int, tries: int) -> Flow[bool]:
        """Does each of its replicas hold rows, and durably the freeze of this merge (0: of none)? All must answer."""
        for _ in range(tries):
            held = 0
            for each in descriptor.replicas:
                if not leadership.lasts:
                    return False
                said = yield Send(each.node, descriptor.group, 0, AskDurable(), DURABLE_SECONDS)
                if type(said) is not DurableIs:
                    return False
                held += (said.replica, said.index > 0) == (each.replica, True) and said.frozen == frozen
            if held == len(descriptor.replicas):
                return True
            yield Sleep(FREEZE_ASK_SECONDS)
        return False

    def _tell(self, leadership: "Leadership", group: int, message: Any) -> Flow[Any]:
        """Send to the group's leader, whatever its span has become; None if nobody answers any more."""
        placed = leadership.catalog.routes.of_group(group)
        descriptor = None if placed is None else placed.descriptor
        for _ in range(ORDER_TRIES):
            if descriptor is None or not leadership.lasts:
                return None
            reply = yield from self._router.call_group(descriptor, message, ORDER_SECONDS)
            if type(reply) is not StaleSpan:
                return reply
            descriptor = next((each for each in reply.descriptors if each.group == group), None)
        return None


def _control(leadership: "Leadership", message: Any) -> Flow[Any]:
    if not leadership.lasts:
        return None
    return (yield Send(HERE, 0, 0, message, ORDER_SECONDS))
