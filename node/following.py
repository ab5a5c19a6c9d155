"""Queries at a replica that does not lead: one question to the leader for all that wait, then the own rows.

Owns what waits here for the leader's leave, or for the index that it named. Does not own what a query means, nor
what the leader checks before it permits (txn/nearby.py: R1, R2). Read next: txn/nearby.py.

    client            this replica                          the leader
      | Nearby ---------> | tick, if it wants one              |
      |                   | one question for all of a step --> | under its lease, or after a round: R1 and R2
      |                   | <------------- Permitted(index) -- |
      |                   | has that index been applied here?
      | <------ answer -- | the gates (M1) again, and the rows

Why it is right. The leader permits in one step with its check of the lease (L3, L4): no later leader had begun, all
writes at or below T that it had admitted are applied, and it lets in no more of them (R1, R2); a later leader lets in
none either (L2). Older leaders' writes are applied before it serves (L1). So every write at or below T stands in the
log at or below the index that it names, and that is committed: a replica that has applied it holds all of them, and
from then on for ever. The index is that of all that the leader has handed out for application, which is no less than
what it has applied. The span version of the question is the query's; the leader looks at it (M1), and the replica
again when it answers, in one step with the reading of the rows: it is the replica of that very span, whole, and no
split, merge or move has come between. Where the rows are being replaced by a snapshot's nothing is read.

Real time holds, for T is a tick asked for after the query came (O3), or one that its client was told before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.flow import Behind, Flow, Send, Sleep
from node.group import Group
from node.machine import Request
from node.messages import Permitted
from node.raft.messages import AskLeader

if TYPE_CHECKING:
    from node.host import Host

ASKED_AT_ONCE = 256  # queries that one question stands for
LEAVE_SECONDS = 0.35  # for the leader's answer, and again for its index: then the client asks the leader itself


@dataclass(eq=False, slots=True)
class _Leave:
    """What the leader permitted, and who waits until its index is applied."""

    index: int
    question: Any
    requests: Sequence[Request]


class Following:
    """The queries of one node that wait for a leader elsewhere.

    1. A question leaves after every query that it stands for has come, and all of them name its span version.
    2. A query is in `_asking`, or in a question under way, or in one `_Leave`, or answered.
    3. `awaited` holds a group exactly while an index is waited for there.
    """

    def __init__(self, host: "Host") -> None:
        self._host = host
        self._asking: dict[Group, list[Request]] = {}
        self.awaited: dict[Group, list[_Leave]] = {}

    def take(self, group: Group, request: Request) -> None:
        """Answer it from the rows, or ask the leader; where this replica leads it is a query like any other."""
        if not group.follows or not group.raft.leader:
            group.take(request)
            return
        if not self._readable(group):
            self._refuse(group, (request,))
            return
        reply = request.message.answer(group.machine, request, None)
        if reply is not None:
            self._host.reply(request, reply)
        elif group in self._asking:
            self._asking[group].append(request)
        else:
            self._asking[group] = [request]
            self._host.start(self._ask_all(group))

    def _ask_all(self, group: Group) -> Flow[None]:
        """Runs when all that came in the same frames has been taken."""
        requests = self._asking.pop(group)
        for first in range(0, len(requests), ASKED_AT_ONCE):
            yield Behind(self._ask(group, requests[first : first + ASKED_AT_ONCE]))

    def _ask(self, group: Group, requests: Sequence[Request]) -> Flow[None]:
        span, node = requests[0].span, group.node_of(group.raft.leader)
        self._refuse(group, [each for each in requests if each.span != span])
        requests = [each for each in requests if each.span == span]
        if not node or not self._readable(group):
            self._refuse(group, requests)
            return
        question = requests[0].message.ask(group.machine, requests)
        reply = yield Send(node, group.number, span, question, LEAVE_SECONDS)
        if type(reply) is not Permitted:
            self._refuse(group, requests)
            return
        leave = _Leave(reply.index, question, requests)
        if self._use(group, leave):
            return
        self.awaited.setdefault(group, []).append(leave)
        if group.raft.leader:  # it answers with its commit index: else that comes with the next heartbeat
            self._host.send_raft(group, group.raft.leader, AskLeader(group.raft.term))
        yield Sleep(LEAVE_SECONDS)
        if leave.requests:
            self._forget(group, leave)
            self._refuse(group, leave.requests)

    def cycled(self, group: Group) -> None:
        """The group may have applied what somebody waits for."""
        for leave in self.awaited.get(group, [])[:]:
            if self._use(group, leave):
                self._forget(group, leave)

    def _use(self, group: Group, leave: _Leave) -> bool:
        """Answer what the leader has permitted, if its index has been applied here."""
        if group.raft.applied < leave.index or not self._readable(group):
            return False
        for request in leave.requests:
            self._host.reply(request, request.message.answer(group.machine, request, leave.question))
        leave.requests = ()
        return True

    def _forget(self, group: Group, leave: _Leave) -> None:
        left = [each for each in self.awaited[group] if each is not leave]
        if left:
            self.awaited[group] = left
        else:
            del self.awaited[group]

    def _readable(self, group: Group) -> bool:
        return self._host.replicas.holds(group) and not group.restoring and group.machine is not None

    def _refuse(self, group: Group, requests: Sequence[Request]) -> None:
        """The leader is to be asked."""
        for request in requests:
            self._host.reply(request, group.not_leader())
