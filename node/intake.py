"""What becomes of a request when it reaches a node: a service's flow, an order to a group, a tick, or its group.

Owns the way from a whole, decoded request to its group. Does not own frames (node/inbox.py) nor what a group does
with it (node/group.py). Read next: node/group.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from node.config import INBOX_REQUESTS_MAX, REQUEST_SECONDS
from node.flow import Flow
from node.following import Following
from node.group import Group
from node.machine import Request
from node.messages import (
    AskDurable,
    AskProgress,
    Busy,
    ChangeMembers,
    DurableIs,
    NoGroup,
    NotLeader,
    ProgressIs,
    Refused,
    TransferLeader,
)
from node.raft.messages import Change

if TYPE_CHECKING:
    from node.host import Host


class Intake:
    """The requests of one node that have not reached their group yet.

    1. `_ticking` is emptied once in each round of a step: one question for all that came before it (O3, C2a).
    2. While the journal syncs, or there is company to wait for (node/joining.py), commands gather in `_held`, by group:
       the next record, entry, Append and tick then serve all of them. Who comes while others are held joins them.
       Nothing of them has been looked at before, so nothing can be out of date (L4).
    """

    def __init__(
        self,
        host: "Host",
        services: Mapping[type, Callable[[Request], Flow[Any]]],
        ticks: Callable[[int], Flow[int | None]],
    ) -> None:
        self._host = host
        self._services = services
        self._ticks = ticks
        self._ticking: list[tuple[Group, Request]] = []
        self._held: dict[int, list[Request]] = {}
        self._held_count = 0
        self._answered = False  # the journal has answered since the last release
        self.following = Following(host)

    @property
    def wake_at(self) -> float:
        """When `release` is due even if nothing happens."""
        if not self._held or self._host.syncing:
            return float("inf")
        groups = self._host.replicas.groups
        companies = [groups[number].company if number in groups else None for number in self._held]
        return min([self._host.now if each is None else each.until for each in companies])

    def answered(self) -> None:
        """The journal has answered: the next record is for what is held, even if another one is under way."""
        self._answered = True

    def release(self) -> bool:
        """Begin what has waited for long enough; whether there was any."""
        answered, self._answered = self._answered, False
        if not self._held or (self._host.syncing and not answered):
            return False
        ready = [number for number in self._held if not self._gathers(number)]
        oldest = self._host.now - REQUEST_SECONDS
        for number in ready:
            for request in self._let_go(number):
                if request.since >= oldest:  # a journal may wait for room for long
                    self._begin(request, "command")
        return bool(ready)

    def refuse_held(self, why: str) -> None:
        """The journal does not answer: who waits for it is told why."""
        for number in list(self._held):
            for request in self._let_go(number):
                self._host.reply(request, Busy(why))

    def _gathers(self, number: int) -> bool:
        host = self._host
        group = host.replicas.groups.get(number)
        company = None if group is None else group.company
        if group is None or company is None:
            return False
        return company.is_awaited(len(self._held.get(number, ())), bool(group.waiting), host.now, host.steps)

    def _let_go(self, number: int) -> list[Request]:
        held = self._held.pop(number)
        self._held_count -= len(held)
        return held

    def take(self, request: Request) -> None:
        """Send a request on its way."""
        sort = getattr(request.message, "sort", None)
        if sort == "service":
            self._serve(request)
        elif sort == "command" and (self._host.syncing or request.group in self._held or self._gathers(request.group)):
            if self._held_count < INBOX_REQUESTS_MAX:
                self._held.setdefault(request.group, []).append(request)
                self._held_count += 1
            else:
                self._host.reply(request, Busy())
        else:
            self._begin(request, sort)

    def _begin(self, request: Request, sort: str | None) -> None:
        host, message = self._host, request.message
        group = host.replicas.groups.get(request.group)
        if group is None:
            host.reply(request, self._elsewhere(request))
            return
        host.touch(group)
        if sort is None:
            self._order(group, request)
        elif message.wants_tick and not request.tick and (sort == "nearby" or not group.follows):
            self._ticking.append((group, request))
        elif sort == "nearby":
            self.following.take(group, request)
        else:
            group.take(request)

    def _elsewhere(self, request: Request) -> NoGroup | NotLeader:
        """Any node may be asked for group 0 and knows its members; of other groups it knows nothing."""
        control = self._host.assembly.routes.control_nodes() if request.group == 0 else ()
        if not control:
            return NoGroup(request.group)
        return self._host.redirect(0, control[request.copy % len(control)][0])

    def _serve(self, request: Request) -> None:
        host, service = self._host, self._services.get(type(request.message))
        if service is None:
            name = type(request.message).__name__
            host.reply(request, Refused(f"node {host.identity.node} does not offer {name}"))
            return

        def served(reply: Any, error: BaseException | None) -> None:
            if error is not None:
                raise error
            host.reply(request, reply)

        host.start(service(request), served)

    def _order(self, group: Group, request: Request) -> None:
        """The host's own messages to a group; anything else is not a request."""
        host = self._host
        match request.message:
            case ChangeMembers(voters, learners, before):
                why = _why_not(group, voters, before)
                if why:
                    host.reply(request, Refused(f"group {group.number}: {why}"))
                else:
                    group.change(request, Change(voters, learners))
            case TransferLeader(node):
                group.transfer(request, node)
            case AskProgress():
                host.reply(request, _progress(group))
            case AskDurable():
                host.reply(request, self._durable(group))
            case _:
                host.reply(request, Refused(f"{type(request.message).__name__} is not a request"))

    def _durable(self, group: Group) -> DurableIs:
        """What is not durable yet is sent to the disk now, so that whoever asks again need not wait for long."""
        is_whole = group.flushed >= group.raft.applied
        if not is_whole:
            self._host.state.flush()
        frozen = group.machine.frozen if is_whole and group.machine is not None and not group.restoring else 0
        return DurableIs(group.replica, group.flushed, frozen)

    def ask_ticks(self) -> None:
        """Fetch one tick for each that wants one; on silence their senders send again."""
        if not self._ticking:
            return
        host = self._host
        rows, self._ticking = self._ticking, []

        def got(first: int | None, error: BaseException | None) -> None:
            if error is not None:
                raise error
            if first is None:
                return
            last = None
            for place, (group, request) in enumerate(rows):
                request.tick = first + (place << 16)
                if group is not last:
                    if not host.replicas.holds(group):
                        continue
                    host.touch(group)
                    last = group
                if request.message.sort == "nearby":
                    self.following.take(group, request)
                else:
                    group.take(request)

        host.start(self._ticks(len(rows)), got)


def _progress(group: Group) -> Any:
    if not group.leading:
        return group.not_leader()
    rows = tuple((group.node_of(each.replica), each.match) for each in group.raft.status().progress)
    return ProgressIs(group.raft.last.index, rows)


def _why_not(group: Group, voters: Sequence[int], before: Sequence[int]) -> str:
    """An order that was decided by what had been changes nothing, and members stay while a merge counts on them.

    Who is to vote has learned here before (thesis 4.2.1). The driver sees to that, but another driver may have taken
    its learner away since it looked. A voter that is not there yet may never come: its node takes it for a stranger
    while a former replica of the group lives there, and that one goes only if the group has a leader.
    """
    if not group.leading:
        return ""
    if group.machine is not None and group.machine.fixed:
        return "it is being merged: its members stay as they are"
    there = {each.node for each in group.raft.configuration.voters}
    if there != set(before):
        return f"its voters are on nodes {sorted(there)} by now, not on {sorted(before)}"
    there |= {group.node_of(each.replica) for each in group.raft.status().progress if each.match}
    strangers = [node for node in voters if node not in there]
    return f"node {strangers[0]} has not learned yet: it comes as a learner first" if strangers else ""
