"""What only the leader of group 0 knows: who is alive, what nodes hold, the window of ticks.

Owns liveness and the confirmation of removed replicas. Emptied at every change of leader; nodes tell everything
anew when they meet a leader of another generation. Does not own the durable catalog (catalog.py) nor placements
(picture.py). Read next: ranges/placement/catalog.py.
"""

from collections.abc import Callable

from node.messages import DropReplica
from ranges.placement.config import PAUSE_SECONDS
from ranges.placement.messages import RangeReport, Report
from ranges.placement.moments import Moments
from ranges.placement.oracle import Window
from ranges.placement.picture import NodeView
from ranges.placement.rows import NodeRow

IsRemoved = Callable[[int, int, int], bool]  # (group, node, replica): the catalog says that it is no member any more


class LeaderMemory:
    """From one `lead` to the next `follow`.

    1. Every node counts as heard when this leadership began, and when this node itself comes back from a pause: a
       new leader, or one that slept, declares nobody dead at once.
    2. `drops` are confirmed against the catalog, never guessed: a replica id that the catalog's descriptor could not
       know yet is left alone.
    """

    def __init__(self, term: int, ceiling: int) -> None:
        self.term = term
        self.window = Window(ceiling)
        self.moments = Moments()
        self.extending = False
        self.driven = False
        self.seen = 1  # the version of the address list
        self._since = float("-inf")
        self._stepped = float("-inf")
        self._heard: dict[int, float] = {}
        self.short: dict[int, str] = {}  # why a node takes no writes
        self._holding: dict[int, dict[int, int]] = {}
        self._drops: dict[int, dict[int, int]] = {}
        self._stirred: dict[int, tuple[float, int, int]] = {}  # group -> when it was last, its span version, its size

    def stir(self, report: RangeReport, now: float) -> float:
        """A range's leader says something: since when nothing has happened to the range, as this leadership knows.

        Something has if the range is new here, is asked for anything, was written to, or has another span.
        """
        known = (report.descriptor.span_version, report.size)
        before = self._stirred.get(report.descriptor.group)
        if before is None or report.load or known != before[1:]:
            before = self._stirred[report.descriptor.group] = (now, *known)
        return before[0]

    def hear(self, node: int, now: float, short: str) -> None:
        """The node has sent something, and why it takes no writes, if it does not."""
        self._heard[node] = now
        if short:
            self.short[node] = short
        else:
            self.short.pop(node, None)

    def take_node(self, row: NodeRow) -> None:
        """The list of nodes has changed. What one said that is removed for ever is of no use any more."""
        self.seen += 1
        if row.state == "removed":
            for said in (self._heard, self.short, self._holding, self._drops):
                said.pop(row.node, None)

    def step(self, now: float) -> None:
        """This node runs: its own reports alone see to it that it says so every half second."""
        if now - self._stepped > PAUSE_SECONDS:
            self._since = now
        self._stepped = now

    def view(self, row: NodeRow, now: float) -> NodeView:
        """A node as it is now."""
        return NodeView(
            row.node, row.label("host"), row.state, self.silent(row.node, now), self.short.get(row.node, "")
        )

    def silent(self, node: int, now: float) -> float:
        """For how many seconds the node has been silent."""
        return max(0.0, now - max(self._since, self._heard.get(node, self._since)))

    def take_holdings(self, report: Report, is_removed: IsRemoved) -> None:
        """A node says what it holds; what the catalog does not name any more is to be dropped."""
        if report.whole:
            self._holding.pop(report.node, None)
            self._drops.pop(report.node, None)
        holding = self._holding.setdefault(report.node, {})
        drops = self._drops.setdefault(report.node, {})
        for group in report.gone:
            holding.pop(group, None)
            drops.pop(group, None)
        for group, replica in report.holding:
            holding[group] = replica
            drops.pop(group, None)
            if is_removed(group, report.node, replica):
                drops[group] = replica

    def check_holdings(self, group: int, is_removed: IsRemoved) -> None:
        """The group is known to have other members: whoever holds a replica of it may hold one that is none any more.

        Also a node that the catalog never knew as a member: it may have been one between two reports.
        """
        for node, holding in self._holding.items():
            replica = holding.get(group)
            if replica is not None and is_removed(group, node, replica):
                self._drops.setdefault(node, {})[group] = replica

    def drops(self, node: int) -> tuple[DropReplica, ...]:
        """What the node is to destroy; told until it says that it is gone."""
        return tuple(DropReplica(group, replica) for group, replica in sorted(self._drops.get(node, {}).items()))
