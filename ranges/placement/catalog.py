"""The catalog: group 0's machine, a `node.machine.Machine` over plain rows.

Owns what commands of the control plane change and how its queries are answered. The rows are in rows.py, the map of
ranges in routes.py, nodes' states in nodes.py, merges in merges.py, what only a leader knows in memory.py, what the
policy looks at in picture.py, what nodes report in reports.py.
A report is a query: liveness and load cost no log entry. What it tells anew waits until a command has taken it.
Does not own what is decided (policy.py) nor how it is carried out (driver.py). Read next: ranges/placement/driver.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from node.codec import decode
from node.flow import HERE, Flow, Send, Sleep
from node.machine import Answer, Applied, Machine, Proposal, Request, View, Wait
from node.messages import Done, Refused
from node.raft.membership import NOBODY, members
from node.raft.messages import Configuration
from ranges.placement.cells import CONTROL_GROUP
from ranges.placement.config import ASK_SECONDS, EXTEND_SECONDS, WINDOW_TICKS_MAX
from ranges.placement.leaving import AskLeft, NodeRemoved
from ranges.placement.memory import LeaderMemory
from ranges.placement.merges import BeginMerge, EndMerge, Merges
from ranges.placement.messages import (
    Allocated,
    AllocateGroup,
    ClusterStatus,
    ExtendWindow,
    Join,
    Joined,
    ListNodes,
    ListRanges,
    Lookup,
    PutDescriptors,
    PutNode,
    Report,
    ReportTaken,
    SetNodeState,
    SetRules,
    Ticks,
    TicksAre,
)
from ranges.placement.moments import MomentAgo, MomentIs
from ranges.placement.nodes import changed, living
from ranges.placement.picture import Facts, Picture
from ranges.placement.recovered import Recovered, take_recovered
from ranges.placement.reports import news_of, propose, take_report
from ranges.placement.routes import Placed, Routes
from ranges.placement.rows import CATALOG_FIRST, CATALOG_LAST, NodeRow, Rows
from ranges.placement.status import cluster_status, left_on, nodes_are, ranges_are, routes_are

WINDOW = ("window",)  # the token of ticks that wait for the window to be extended
Drive = Callable[["Catalog", int], Flow[None]]  # (catalog, term): runs while this replica leads in the term


class Catalog:
    """Nodes, ranges, ids, rules and the ceiling of ticks.

    1. What `nodes`, `routes`, `merges`, `ids` and `rules` hold is what the rows hold.
    2. `memory` is there exactly while this replica leads; no reply of `apply` depends on it.
    3. `picture` knows every range that `routes` knows, and group 0.
    """

    frozen = 0
    fixed = False

    def __init__(self, view: View, mark: bytes = b"", drive: Drive | None = None, node: int = 0) -> None:
        self._rows = Rows(view)
        self._drive = drive
        self._node = node
        self._configuration: Configuration = NOBODY
        self.memory: LeaderMemory | None = None
        self.now = 0.0
        self.restore(mark)

    # -- Machine ---------------------------------------------------------------------------------------------------

    def mark(self) -> bytes:
        """Empty: all that is durable is in rows."""
        return b""

    def span(self) -> tuple[bytes, bytes]:
        """The heads of group 0, which stand before every range's."""
        return CATALOG_FIRST, CATALOG_LAST

    def span_of(self, mark: bytes) -> tuple[bytes, bytes]:
        """The same, whatever the mark."""
        return self.span()

    def replaces(self, other: Machine) -> bool:
        """Nothing is merged into group 0."""
        return False

    def restore(self, mark: bytes) -> None:
        """Read everything again."""
        self.nodes: dict[int, NodeRow] = {row.node: row for row in self._rows.nodes()}
        self.ids = self._rows.ids()
        self.rules = self._rows.rules()
        self.routes = Routes()
        self.merges = Merges(self._rows)
        self.picture = Picture(self.rules)
        for placed in self._rows.ranges():
            self.routes.load(placed)
            self._place(placed)
            self._adjoin(placed)
        self._place_control()

    @property
    def configuration(self) -> Configuration:
        """Group 0's members: its descriptor (design 9.4). The host sets it at start and where a change is applied."""
        return self._configuration

    @configuration.setter
    def configuration(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._place_control()
        if self.memory is not None:
            self.memory.check_holdings(CONTROL_GROUP, self.is_removed)

    def admit(self, request: Request, now: float) -> Proposal | Answer | Wait:
        """Every command that is well-formed goes into the log; what it finds there decides."""
        self.now = now
        if type(request.message) not in _COMMANDS or type(request.message) is Recovered:
            return Answer(Refused(f"group 0 knows no command {type(request.message).__name__}"))
        return Proposal(b"")

    def apply(self, body: bytes, request: Request | None) -> Applied:
        """Act on one command."""
        message = request.message if request is not None else decode(body)
        return _COMMANDS[type(message)](self, message)

    def read(self, request: Request, now: float) -> Answer | Wait:
        """Answer one query."""
        self.now = now
        query = _QUERIES.get(type(request.message))
        if query is None:
            return Answer(Refused(f"group 0 knows no query {type(request.message).__name__}"))
        return query(self, request.message)

    def lead(self, term: int) -> None:
        """Memory begins: the window above the ceiling of all others (O1)."""
        self.memory = LeaderMemory(term, self._rows.ceiling())
        self.picture.report(CONTROL_GROUP, Facts(term, self._node, 0, 0))

    def follow(self) -> None:
        """Leadership is over."""
        self.memory = None
        self.picture.forget_leader_memory()

    def duties(self, now: float) -> Sequence[Flow[Any]]:
        """The driver, once; and the window's extension whenever it runs low."""
        memory = self.memory
        if memory is None:
            return ()
        self.now = now
        memory.step(now)
        flows: list[Flow[Any]] = []
        if memory.window.is_low and not memory.extending:
            memory.extending = True
            flows.append(self._extend(memory))
        if self._drive is not None and not memory.driven:
            memory.driven = True
            flows.append(self._drive(self, memory.term))
        return flows

    # -- for the driver --------------------------------------------------------------------------------------------

    def leads(self, term: int) -> bool:
        """Whether this replica still leads in that term."""
        return self.memory is not None and self.memory.term == term

    def look(self) -> Picture:
        """The picture, with the nodes as they are now."""
        assert self.memory is not None, "only the leader knows who is alive"
        nodes = {row.node: self.memory.view(row, self.now) for row in self.nodes.values()}
        self.picture.see(nodes, self.now)
        return self.picture

    def is_removed(self, group: int, node: int, replica: int) -> bool:
        """The catalog knows for certain that this replica is no member of the group any more.

        A replica id that the known descriptor had not handed out yet may be a newer member: not removed.
        """
        if group == CONTROL_GROUP:
            now = {(member.node, member.replica) for member in members(self._configuration)}
            return replica < self._configuration.next_replica and (node, replica) not in now
        if (placed := self.routes.of_group(group)) is None:
            return group in self.merges.merged
        now = {(each.node, each.replica) for each in placed.descriptor.replicas}
        return replica < placed.next_replica and (node, replica) not in now

    # -- commands --------------------------------------------------------------------------------------------------

    def _join(self, message: Join) -> Applied:
        node = self._rows.node_of_token(message.token)
        if node is None:
            node = self.ids.node
            self.ids = replace(self.ids, node=node + 1)
            self._rows.put_ids(self.ids)
            self._rows.put_token(message.token, node)
        known = self.nodes.get(node, NodeRow(node, 0, "up", message.address, message.labels))
        self._put_node(replace(known, address=message.address, labels=message.labels))
        return Applied(Joined(self._rows.cluster(), node, self._control_routes()))

    def _set_node(self, message: PutNode) -> Applied:
        return self._take_node(living(self.nodes.get(message.node), message))

    def _set_node_state(self, message: SetNodeState) -> Applied:
        holds = message.node in {each.node for each in members(self._configuration)} or self.routes.lead_to(
            message.node
        )
        return self._take_node(changed(self.nodes.get(message.node), message, holds))

    def _take_node(self, row: NodeRow | Refused) -> Applied:
        if isinstance(row, Refused):
            return Applied(row)
        self._put_node(row)
        return Applied(Done())

    def _set_rules(self, message: SetRules) -> Applied:
        self.rules = message.rules
        self._rows.put_rules(message.rules)
        self.picture.follow_rules(message.rules)
        return Applied(Done())

    def _allocate_group(self, _: AllocateGroup) -> Applied:
        group = self.ids.group
        self.ids = replace(self.ids, group=group + 1)
        self._rows.put_ids(self.ids)
        return Applied(Allocated(group))

    def _begin_merge(self, message: BeginMerge) -> Applied:
        self.ids, reply = self.merges.begin(message, self.routes, self.ids)
        return Applied(reply)

    def _end_merge(self, message: EndMerge) -> Applied:
        reply, merge = self.merges.end(message)
        if merge is not None and self.memory is not None:
            self.memory.check_holdings(merge.right, self.is_removed)
        return Applied(reply)

    def _extend_window(self, message: ExtendWindow) -> Applied:
        ceiling = self._rows.ceiling()
        if message.ceiling > ceiling + WINDOW_TICKS_MAX:
            return Applied(Refused(f"one command extends the ceiling by {WINDOW_TICKS_MAX} ticks at most"))
        if message.ceiling > ceiling:
            self._rows.put_ceiling(message.ceiling)
            if self.memory is not None:
                self.memory.window.raise_ceiling(message.ceiling)
        return Applied(Done(), wakes=(WINDOW,))

    def _take_recovered(self, message: Recovered) -> Applied:
        self.ids = take_recovered(message, self._rows, self.merges)
        for node in sorted(self.nodes.keys() & set(message.lost)):
            self._put_node(replace(self.nodes[node], state="removed"))
        return Applied(Done())

    def _put_descriptors(self, message: PutDescriptors) -> Applied:
        rows = sorted(
            (Placed(*pair) for pair in zip(message.descriptors, message.next_replicas, strict=True)),
            key=lambda placed: (placed.descriptor.span_version, placed.descriptor.start),
        )
        for placed in rows:
            self._take(placed)
        return Applied(Done())

    def _take(self, placed: Placed) -> None:
        taken = self.routes.take(placed)
        if taken is None:
            return
        for each in taken.removed:
            self._rows.delete_range(each)
            self.picture.forget(each.descriptor.group) if each.descriptor.group != placed.descriptor.group else None
        for each in taken.written:
            self._rows.put_range(each)
            self._place(each)
            self._adjoin(each)
        if self.memory is not None:
            for group in sorted({each.descriptor.group for each in (*taken.removed, *taken.written)}):
                self.memory.check_holdings(group, self.is_removed)

    def _put_node(self, row: NodeRow) -> None:
        self.nodes[row.node] = row
        self._rows.put_node(row)
        if self.memory is not None:
            self.memory.take_node(row)

    def _place(self, placed: Placed) -> None:
        replicas = placed.descriptor.replicas
        voters = [each.node for each in replicas if each.voter]
        self.picture.place(placed.descriptor.group, voters, [each.node for each in replicas if not each.voter])

    def _adjoin(self, placed: Placed) -> None:
        """Tell the picture who this range's neighbours are now."""
        for right in (placed, next(self.routes.from_key(placed.descriptor.end), None)):
            left = None if right is None else self.routes.left_of(right)
            if right is not None:
                self.picture.adjoin(right.descriptor.group, 0 if left is None else left.descriptor.group)

    def _place_control(self) -> None:
        configuration = self._configuration
        voters = sorted({member.node for member in configuration.voters + configuration.outgoing})
        self.picture.place(CONTROL_GROUP, voters, [member.node for member in configuration.learners])

    # -- queries ---------------------------------------------------------------------------------------------------

    def _ticks(self, message: Ticks) -> Answer | Wait:
        """O1, O2: in one step with the host's check of the lease. An empty window is being extended by a duty."""
        memory = self.memory
        assert memory is not None, "only a leader is asked"
        if self.now >= memory.moments.due:
            memory.moments.note(self.now, memory.window.next)
        first = memory.window.take(message.count)
        return Wait(WINDOW) if first is None else Answer(TicksAre(first))

    def _moment_ago(self, message: MomentAgo) -> Answer:
        assert self.memory is not None, "only a leader is asked"
        return Answer(MomentIs(self.memory.moments.ago(self.now, message.seconds, self.memory.window.next)))

    def _lookup(self, message: Lookup) -> Answer:
        return Answer(routes_are(self.picture, self.routes, self.nodes, message, self._control_routes()))

    def _list_nodes(self, _: ListNodes) -> Answer:
        return Answer(nodes_are(self.look(), self.nodes))

    def _list_ranges(self, message: ListRanges) -> Answer:
        return Answer(ranges_are(self.picture, self.routes, message))

    def _cluster_status(self, _: ClusterStatus) -> Answer:
        return Answer(cluster_status(self.look()))

    def _ask_left(self, message: AskLeft) -> Answer:
        row = self.nodes.get(message.node)
        return Answer(Refused(f"there is no node {message.node}") if row is None else left_on(self.picture, row))

    def _report(self, report: Report) -> Answer | Wait:
        memory = self.memory
        assert memory is not None, "only a leader is asked"
        known = self.nodes.get(report.node)
        if known is None or report.life < known.life:
            return Answer(Refused(f"node {report.node} is not of this cluster, or lives a newer life"))
        if known.state == "removed":
            return Answer(NodeRemoved())
        memory.hear(report.node, self.now, report.short)
        if (known.life, known.address) != (report.life, report.address):
            note = PutNode(report.node, report.life, report.address)
            return Wait(("life", report.node), propose(note))
        if report.generation == memory.term:
            changes = news_of(self.routes, report)
            if changes.descriptors:
                return Wait(("report", report.node), propose(changes))
            take_report(report, self.routes, self.picture, memory, self.now)
            memory.take_holdings(report, self.is_removed)
        is_current = report.generation == memory.term and report.seen == memory.seen
        addresses = () if is_current else tuple((row.node, row.address) for row in self.nodes.values())
        drops = memory.drops(report.node)
        return Answer(ReportTaken(memory.term, memory.seen, tuple(sorted(addresses)), self._control_routes(), drops))

    def _control_routes(self) -> tuple[tuple[int, str], ...]:
        nodes = sorted({member.node for member in self._configuration.voters})
        return tuple((node, self.nodes[node].address) for node in nodes if node in self.nodes)

    # -- flows -----------------------------------------------------------------------------------------------------

    def _extend(self, memory: LeaderMemory) -> Flow[None]:
        """Propose higher ceilings until the window is not low any more, while this leadership lasts."""
        while self.memory is memory and memory.window.is_low:
            reply = yield Send(HERE, CONTROL_GROUP, 0, ExtendWindow(memory.window.wanted_ceiling), EXTEND_SECONDS)
            if type(reply) is not Done:
                yield Sleep(ASK_SECONDS)
        memory.extending = False


_COMMANDS: dict[type, Callable[[Catalog, Any], Applied]] = {
    Join: Catalog._join,
    PutNode: Catalog._set_node,
    SetNodeState: Catalog._set_node_state,
    SetRules: Catalog._set_rules,
    AllocateGroup: Catalog._allocate_group,
    BeginMerge: Catalog._begin_merge,
    EndMerge: Catalog._end_merge,
    ExtendWindow: Catalog._extend_window,
    PutDescriptors: Catalog._put_descriptors,
    Recovered: Catalog._take_recovered,
}

_QUERIES: dict[type, Callable[[Catalog, Any], Answer | Wait]] = {
    Ticks: Catalog._ticks,
    MomentAgo: Catalog._moment_ago,
    Lookup: Catalog._lookup,
    Report: Catalog._report,
    ListNodes: Catalog._list_nodes,
    ListRanges: Catalog._list_ranges,
    ClusterStatus: Catalog._cluster_status,
    AskLeft: Catalog._ask_left,
}
