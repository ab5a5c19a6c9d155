"""One replica of one group on this node: a Raft core, a machine, and the requests that wait for them.

Owns the way of a request from admission to its reply, and the order persist, send, apply. Does not own frames,
links or the disk: they are reached through `Holder`, which is the host. Read next: node/holder.py, node/machine.py.
"""

from collections.abc import Hashable, Sequence
from itertools import chain
from math import inf
from typing import Any, ClassVar

from node.config import PARKED_REQUESTS_MAX, REQUEST_SECONDS
from node.holder import Holder
from node.joining import Admitted, Company, entries, outcomes
from node.lazily import Lazily
from node.machine import Answer, Applied, Machine, Permit, Proposal, Request, StartGroup, Wait
from node.mark import encode_mark
from node.messages import Busy, Done, NotLeader, Permitted, Refused
from node.ports import GroupRecord
from node.raft.core import Raft
from node.raft.membership import decode_configuration, members, node_of
from node.raft.messages import (
    AppliedTo,
    Change,
    Configuration,
    Entry,
    Kind,
    Propose,
    ReadRound,
    Ready,
    Role,
    Transfer,
    Wake,
)
from node.space import refusal

SERVES = ("serves",)  # the token of requests that came before L1 was fulfilled


class Group(Lazily):
    """A replica and its requests.

    1. `waiting` holds the leader's proposed requests by index; it is empty while this replica does not lead, so an
       entry that a later leader put at the same index never answers an older request (F3).
    2. A request is in exactly one of: `proposals`, `waiting`, `reading`, `rounds`, `parked`, or answered.
    3. `machine` is None while the replica is uninitialised: it waits for its first snapshot.
    """

    __slots__ = (
        "alarms", "backlog", "behind", "company", "configuration", "crowd", "flushed", "leading", "machine",
        "machine_mark", "marked", "node", "nodes", "number", "ordered", "parked", "proposals", "raft", "reading",
        "replica", "restoring", "round", "rounds", "scheduled", "sequence", "waiting",
    )  # fmt: skip
    containers: ClassVar[dict[str, Any]] = {
        "nodes": dict, "waiting": dict, "backlog": list, "proposals": list, "reading": list, "rounds": dict,
        "parked": dict, "alarms": dict, "behind": set, "ordered": dict,
    }  # fmt: skip
    nodes: dict[int, int]  # replica -> node, of senders that the configuration does not name
    waiting: dict[int, Request]
    backlog: list[tuple[int, Sequence[Entry]]]  # committed entries that are not applied yet
    proposals: list[Admitted]
    reading: list[Request]
    rounds: dict[int, list[Request]]
    parked: dict[Hashable, list[tuple[Request, Any]]]
    alarms: dict[Hashable, float]  # when the next one of each token that is parked on rings
    behind: set[Hashable]
    ordered: dict[int, list[Request]]  # changes under way, by the version of their configuration

    def __init__(self, node: Holder, number: int, replica: int, raft: Raft, machine: Machine | None) -> None:
        self.node = node
        self.number = number
        self.replica = replica
        self.raft = raft
        self.machine = machine
        self.marked: Configuration | None = None  # this and `machine_mark` are what the durable mark says, or should
        self.machine_mark = b""
        self.configuration = raft.configuration_at(raft.applied)  # as of what is applied, whatever the log goes on to
        self.leading = 0  # the term in which `machine.lead` was called, 0 if it does not lead
        self.flushed = raft.applied
        self.sequence = 0  # the last record that holds something of this group
        self.scheduled = inf
        self.round, self.restoring = 0, False
        self.crowd = 0  # how many are parked
        self.company: Company | None = None
        if machine is not None:
            machine.configuration = self.configuration

    # -- requests --------------------------------------------------------------------------------------------------

    def node_of(self, replica: int) -> int:
        """The node on which a replica lives; 0 if nobody knows."""
        follow = self.raft.follow  # a leader that is leaving is named there only
        followed = follow.node if follow is not None and follow.replica == replica else 0
        return node_of(self.raft.configuration, replica) or self.nodes.get(replica, 0) or followed

    @property
    def follows(self) -> bool:
        """Whether requests are sent elsewhere."""
        return self.raft.role != Role.LEADER or self.machine is None

    def not_leader(self) -> NotLeader:
        """The reply of a replica that does not lead, with whom it follows."""
        leader = self.raft.leader
        node = self.node_of(leader) if leader and leader != self.replica else 0
        return self.node.redirect(self.number, node)

    def take(self, request: Request) -> None:
        """Begin, or begin again (L4), at the first rule."""
        node, raft = self.node, self.raft
        if self.follows:
            if raft.asleep or not raft.leader:
                raft.step(Wake())  # Z4: it may be that nobody leads any more
            node.reply(request, self.not_leader())
        elif not self.leading:
            self.park(request, Wait(SERVES))
        elif request.message.sort == "command":
            self._take_command(request)
        elif raft.lease_until > node.now:
            self._read(request)
        else:
            self.reading.append(request)

    def _take_command(self, request: Request) -> None:
        node, machine = self.node, self.machine
        assert machine is not None, "a leader has a machine"
        full = refusal(node.state, self.number, request.message)
        if full or not self.raft.accepts_proposals or node.state.load() >= 1.0:
            node.reply(request, Busy(full))
            return
        outcome = machine.admit(request, node.now)
        if type(outcome) is Proposal:
            self.proposals.append((outcome, request))
        elif type(outcome) is Answer:
            node.reply(request, outcome.reply)
        else:
            assert type(outcome) is Wait, "admit answers, proposes or waits"
            self.park(request, outcome)

    def _read(self, request: Request) -> None:
        machine = self.machine
        assert machine is not None, "a leader has a machine"
        outcome = machine.read(request, self.node.now)
        if type(outcome) is Answer:
            self.node.reply(request, outcome.reply)
        elif type(outcome) is Permit:  # no less than what is applied, also in the middle of an apply
            self.node.reply(request, Permitted(self.raft.handed))
        else:
            assert type(outcome) is Wait, "read answers, waits or permits"
            self.park(request, outcome)

    def park(self, request: Request, wait: Wait, reply: Any = None) -> None:
        """Let a request wait for a token; with a `reply`, only the reply waits. Busy where too many wait already."""
        token = wait.token
        if reply is None and self.crowd >= PARKED_REQUESTS_MAX:
            self.node.reply(request, Busy())
            return
        self.crowd += 1
        self.parked.setdefault(token, []).append((request, reply))
        until = self.node.now + wait.seconds
        if until < self.alarms.get(token, inf):  # one for all: each wakes all of them
            self.alarms[token] = until
            self.node.alarm(self, token, wait.seconds)
        if wait.flow is not None and token not in self.behind:
            self.behind.add(token)
            self.node.start(wait.flow, lambda _, __: self._ended(token))

    def _ended(self, token: Hashable) -> None:
        self.behind.discard(token)
        self.wake(token)

    def ring(self, token: Hashable) -> None:
        """An alarm: who waits for this token has waited for long enough, if none has rung since it was set."""
        if self.alarms.get(token, inf) <= self.node.now:
            self.wake(token)

    def wake(self, token: Hashable) -> None:
        """Who waits for this token begins again; who is older than its deadline is dropped."""
        rows = self.parked.pop(token, None)
        if rows is None:
            return
        del self.alarms[token]
        self.crowd -= len(rows)
        oldest = self.node.now - REQUEST_SECONDS
        for request, reply in rows:
            if reply is not None:
                self.node.reply(request, reply)
            elif request.since >= oldest:
                self.take(request)
        self.node.touch(self)

    def stop(self) -> None:
        """This replica goes: what waits here is sent elsewhere."""
        self._follow()

    # -- orders ----------------------------------------------------------------------------------------------------

    def change(self, request: Request, change: Change) -> None:
        """Order a change of members; Done when it is applied, Refused if the core does not take it.

        It is proposed, so if leadership is lost before, there is no answer (F3).
        """
        if self.raft.role != Role.LEADER or not self.leading:
            self.node.reply(request, self.not_leader())
            return
        why = self.raft.order(change)
        if why is None:
            self.ordered.setdefault(self.raft.configuration.version, []).append(request)
            self.node.touch(self)
        else:
            self.node.reply(request, Refused(f"group {self.number}: {why}"))

    def transfer(self, request: Request, node: int) -> None:
        """Order a transfer of leadership to the voter on a node."""
        target = next((each.replica for each in self.raft.configuration.voters if each.node == node), 0)
        if self.raft.role != Role.LEADER:
            self.node.reply(request, self.not_leader())
        elif not target:
            self.node.reply(request, Refused(f"node {node} has no voter of group {self.number}"))
        else:
            if self.proposals:  # what was admitted is proposed first: nothing admitted is left behind
                self._propose()
            why = self.raft.order(Transfer(target)) if target != self.replica else None
            self.node.reply(request, Done() if why is None else Refused(f"group {self.number}: {why}"))
            self.node.touch(self)

    # -- the cycle -------------------------------------------------------------------------------------------------

    def cycle(self) -> None:
        """All that the core wants done, until it wants nothing more."""
        ready = self._wanted()
        while ready is not None and self._carry_out(ready):
            ready = self._wanted()
        if self.leading and self.machine is not None:
            for flow in self.machine.duties(self.node.now):
                self.node.start(flow)
        if self.raft.asleep:
            self.company = None
            self.drop_empty()

    def _wanted(self) -> Ready | None:
        self._roles()
        if self.proposals:
            self._propose()
        if self.reading:
            self._ask_round()
        return self.raft.ready()

    def _propose(self) -> None:
        rows, self.proposals = self.proposals, []
        if not self.raft.accepts_proposals:
            for _, request in rows:  # never proposed: definite
                self.node.reply(request, self.not_leader())
            return
        self.company = Company(self.node.now)
        made, first = entries(rows), self.raft.last.index + 1
        self.raft.step(Propose([body for body, _ in made]))
        for index, (_, request) in enumerate(made, first):
            self.waiting[index] = request
        assert first + len(made) == self.raft.last.index + 1, "the core appended all or nothing"

    def _ask_round(self) -> None:
        rows, self.reading = self.reading, []
        if not self.leading:
            for request in rows:
                self.node.reply(request, self.not_leader())
            return
        self.round += 1
        self.rounds[self.round] = rows
        self.raft.step(ReadRound(self.round))

    def _roles(self) -> None:
        """Tell the machine when its leadership begins and ends (L1: not before an own entry is applied)."""
        raft = self.raft
        leads = raft.role == Role.LEADER
        if self.leading and (not leads or raft.term != self.leading):
            self._follow()
        elif not leads and self.parked and SERVES in self.parked:
            self.wake(SERVES)
        if leads and not self.leading and raft.serves and self.machine is not None:
            self.leading = raft.term
            self.machine.lead(raft.term)
            self.wake(SERVES)

    def _follow(self) -> None:
        """Leadership is over. What was proposed is not answered (F3); the rest never was proposed."""
        if self.leading:
            assert self.machine is not None, "who led has a machine"
            self.leading = 0
            self.machine.follow()
        self.company = None
        self.waiting.clear()
        self.ordered.clear()
        rounds, parked, self.rounds, self.parked, self.crowd = self.rounds, self.parked, {}, {}, 0
        self.alarms.clear()
        unproposed = [request for _, request in self.proposals] + self.reading + list(chain(*rounds.values()))
        self.proposals, self.reading = [], []
        for request, reply in chain(*parked.values()):
            if reply is None:
                unproposed.append(request)
            else:
                self.node.reply(request, reply)
        for request in unproposed:
            self.node.reply(request, self.not_leader())

    def _carry_out(self, ready: Ready) -> bool:
        """Do it; whether it can have given the core more to do: to write and to send cannot, it hears of that later."""
        node = self.node
        self._roles()
        if ready.hard is not None:  # with every change of the log there is one
            change = GroupRecord(self.number, ready.hard, ready.first, ready.entries, ready.base)
            node.persist(self, change, ready.promises)
        elif ready.promises:
            node.promise(self, ready.promises)
        for target, message in ready.messages:
            node.send_raft(self, target, message)
        if ready.committed:
            self.backlog.append((ready.commit_first, ready.committed))
            if sum([len(entry.body) for entry in ready.committed]) < node.settings.apply_later_bytes:
                self.apply()
            else:
                node.apply_soon(self)
        if not (ready.rounds or ready.dropped or ready.snapshots or ready.restore is not None):
            return bool(ready.committed or self.proposals or self.reading)
        self.apply()  # each of these looks at the rows
        for token, index in ready.rounds:
            assert index <= self.raft.applied, "a round is handed out when its index is applied"
            for request in self.rounds.pop(token, ()):
                self._read(request)
        for request in chain(*(self.rounds.pop(token, ()) for token in ready.dropped)):
            node.reply(request, self.not_leader())
        for follower in ready.snapshots:
            node.send_snapshot(self, follower)
        if ready.restore is not None:
            node.take_snapshot(self, ready)
        return True

    # -- applying ----------------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Apply what is committed and was handed out."""
        backlog, self.backlog = self.backlog, []
        for first, committed in backlog:
            self._apply(first, committed)

    def _apply(self, first: int, entries: Sequence[Entry]) -> None:
        machine, waiting = self.machine, self.waiting
        assert machine is not None, "a replica applies only after its first snapshot"
        index, configured = first, False
        for entry in entries:
            if entry.kind == Kind.COMMAND:
                request = waiting.pop(index, None) if waiting else None
                applied = machine.apply(entry.body, request)
                if applied.effects:
                    self.node.state.seal(self.number, index - 1, None)
                    for effect in applied.effects:
                        if isinstance(effect, StartGroup):
                            self.node.start_group(self, effect)
                        else:
                            self._seal(index)  # the longer span is durable no later than the other's tombstone
                            self.node.stop_group(self, effect)
                if request is not None:
                    for each, outcome in outcomes(request, applied):
                        self._answer(each, outcome)
                    if self.company is not None:
                        self.company.answered(request, self.node.now, self.node.steps)
                for token in applied.wakes:
                    self.wake(token)
            elif entry.kind == Kind.CONFIGURATION:
                self.configuration = machine.configuration = decode_configuration(entry.body)
                configured = True
            index += 1
        self._seal(index - 1)
        self.raft.step(AppliedTo(index - 1))
        if configured:
            self._configured()
            if all(each.replica != self.replica for each in members(self.configuration)):
                self.node.removed(self)

    def _configured(self) -> None:
        """A configuration is applied: done is what ordered it or an earlier one, but not by its joint half."""
        if not self.configuration.outgoing:
            for version in [each for each in self.ordered if each <= self.configuration.version]:
                for request in self.ordered.pop(version):
                    self.node.reply(request, Done())

    def _answer(self, request: Request, applied: Applied) -> None:
        if applied.wait is not None:
            self.park(request, applied.wait, applied.reply)
        else:
            self.node.reply(request, applied.reply)

    def _seal(self, index: int) -> None:
        """One atomic batch: rows, applied index, and the mark if it has changed (traps 4)."""
        assert self.machine is not None, "a replica applies only after its first snapshot"
        configuration, machine = self.configuration, self.machine.mark()
        changed = machine is not self.machine_mark or configuration is not self.marked
        mark = encode_mark(self.replica, configuration, machine) if changed else None
        self.marked, self.machine_mark = configuration, machine
        self.node.state.seal(self.number, index, mark)
