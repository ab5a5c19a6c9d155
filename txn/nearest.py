"""Asking the nearest replica first, and the leader where that one does not answer.

Owns the choice, and the memory of where it was in vain. Its `call` stands in for the router's. Does not own what
"near" means (Router.near: txn/client.py, argosy/embedded.py) nor what a replica may answer (txn/nearby.py).
Read next: txn/nearby.py.
"""

from typing import Any

from node.flow import Flow, Send
from node.messages import Busy, NoGroup, NotLeader
from ranges.descriptor import Descriptor
from ranges.messages import StaleSpan
from ranges.router import TRY_SECONDS, Call, Router
from txn.nearby import Nearby
from txn.replies import BelowSafe, Rows, Values

AVOID_SECONDS = 2.0  # a range's replicas that did not answer are passed over for so long

VAIN = (type(None), NotLeader, NoGroup, Busy)  # as replies: it would be so again


class Nearest:
    """Queries to the nearest replica.

    1. A query is read-only, so a copy that was not answered means nothing: the leader is asked then.
    2. `_avoided` holds groups of the directory, with the time until which only their leader is asked.
    """

    def __init__(self, router: Router, past: bool) -> None:
        self._router = router
        self._past = past
        self._avoided: dict[int, float] = {}

    def call(self, key: bytes, message: Any, seconds: float, *, follow: bool = True) -> Flow[Call]:
        """Like `Router.call`."""
        router = self._router
        found = router.directory.find(key)
        node = 0 if found is None else self._choose(found)
        if found is not None and node:
            began, nearby = router.now(), Nearby(message, self._past)
            reply = yield Send(node, found.group, found.span_version, nearby, min(TRY_SECONDS, seconds))
            if isinstance(reply, Values | Rows | BelowSafe):
                return Call(reply, 0, found.span_version)
            if isinstance(reply, VAIN):
                self._avoided[found.group] = router.now() + AVOID_SECONDS
            elif type(reply) is StaleSpan:
                router.directory.learn(reply.descriptors)
            seconds -= router.now() - began
        return (yield from router.call(key, message, seconds, follow=follow))

    def _choose(self, descriptor: Descriptor) -> int:
        """The nearest node, if it holds a replica that does not lead: 0 if the leader is to be asked at once."""
        router, group = self._router, descriptor.group
        if self._avoided.get(group, 0.0) > router.now():
            return 0
        node = router.near([each.node for each in descriptor.replicas])
        return 0 if node == router.directory.leaders.get(group) else node
