"""What the policy looks at: nodes, and every range's place, size and leader, gathered by what may be done with it.

Owns the counting, kept up to date range by range, so that a decision costs as much as there is to do, not as there
are ranges. The placements are gathered in cells.py, pairs that may merge in neighbours.py. Does not own where the
facts come from (catalog.py) nor what follows from them (policy.py). Read next: ranges/placement/policy.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from sortedcontainers import SortedSet

from ranges.placement.cells import CONTROL_GROUP, Cell, Cells
from ranges.placement.config import COLD_SECONDS
from ranges.placement.messages import Rules
from ranges.placement.neighbours import Neighbours

SHARED_MAX = 4096  # different places and cells that are remembered as such
T = TypeVar("T")
_Place = tuple[tuple[int, ...], tuple[int, ...]]  # nodes of voters, of learners


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as the policy sees it; `silent` in seconds since its last report, `short` why it takes no writes."""

    node: int
    host: str
    state: str
    silent: float
    short: str = ""


class Facts(NamedTuple):
    """What a range's leader last said: the term and node it leads in, bytes, requests a second."""

    term: int
    leader: int
    size: int
    load: int


_UNKNOWN = Facts(0, 0, 0, 0)


class Picture:
    """Every range's cell.

    1. Each known group is in exactly one cell: the goal of the order that is under way for it, else the truth.
    2. `large` are the groups that hold more than the rules want, `busy` those that are asked for more, and `small`
       those that may merge; none that an order holds, nor group 0. A large one is not busy.
    3. A pair of neighbours waits to merge exactly while both are small, and so together.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.nodes: dict[int, NodeView] = {}
        self.now = 0.0
        self._index = Cells()
        self.neighbours = Neighbours()
        self.large: SortedSet[int] = SortedSet()
        self.busy: SortedSet[int] = SortedSet()
        self.small: set[int] = set()
        self.goals: dict[int, Cell] = {}
        self.active = 0
        self._places: dict[int, _Place] = {}
        self._shared: dict[Any, Any] = {}  # places and cells: there are few, and each is held once
        self._facts: dict[int, Facts] = {}
        self._since: dict[int, float] = {}  # when something last happened to the range
        self._cell_of: dict[int, Cell] = {}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def cells(self) -> Mapping[Cell, set[int]]:
        """The groups of each placement."""
        return self._index.groups

    @property
    def index(self) -> Cells:
        """The placements, by what is asked of them."""
        self._index.settle()
        return self._index

    @property
    def members(self) -> int:
        """How many nodes the cluster has, dead, draining and leaving ones too."""
        return sum(view.state != "removed" for view in self.nodes.values())

    def facts(self, group: int) -> Facts:
        """What the group's leader last said; zeros if it never did."""
        return self._facts.get(group, _UNKNOWN)

    def cell(self, group: int) -> Cell | None:
        """How the group is placed in truth, or None if it is not known."""
        place = self._places.get(group)
        if place is None:
            return None
        leader = self.facts(group).leader
        return Cell(*place, leader if leader in place[0] else 0)

    def cold(self) -> Iterator[int]:
        """The right sides of small neighbours that have both been left alone for long, the longest first."""
        return self.neighbours.alone_since(self.now - COLD_SECONDS)

    # -- what is true ----------------------------------------------------------------------------------------------

    def see(self, nodes: dict[int, NodeView], now: float) -> None:
        """The nodes are like this now."""
        self.nodes = nodes
        self.now = now
        self._index.see_hosts({node: view.host for node, view in nodes.items() if view.host})

    def place(self, group: int, voters: Sequence[int], learners: Sequence[int] = ()) -> None:
        """The group's members are on these nodes."""
        self._places[group] = self._share((tuple(sorted(voters)), tuple(sorted(learners))))
        self._refresh(group)

    def adjoin(self, group: int, left: int) -> None:
        """The group's left neighbour is this one now; 0 if it has none."""
        self.neighbours.adjoin(group, left)
        self._pair(group)

    def forget(self, group: int) -> None:
        """The group is no more."""
        self._places.pop(group, None)
        self._facts.pop(group, None)
        self._since.pop(group, None)
        self._refresh(group)
        self.adjoin(group, 0)

    def report(self, group: int, facts: Facts, since: float = 0.0) -> None:
        """The group's leader says so, one of an older term is not believed any more; alone since then."""
        if facts.term >= self.facts(group).term:
            self._facts[group] = self._share(facts)
            self._since[group] = since
            self._refresh(group)

    def follow_rules(self, rules: Rules) -> None:
        """The rules are others now."""
        self.rules = rules
        for group in list(self._facts):
            self._refresh(group)

    def forget_leader_memory(self) -> None:
        """Leadership of group 0 is over: reports and orders were this leader's own."""
        touched = [*self._facts, *self.goals]
        for told in (self._facts, self._since, self.goals, self.large, self.busy, self.small):
            told.clear()
        self.neighbours.stop_waiting()
        self.active = 0
        for group in touched:
            self._put(group, self.cell(group))

    def as_if(self, nodes: dict[int, NodeView]) -> "Picture":
        """Another picture: the nodes are these, and each order under way has been carried out.

        It knows no neighbours: nothing is to be split or merged in it.
        """
        made = Picture(self.rules)
        made._index, made._cell_of = self._index.copy(), self._cell_of.copy()
        made._places, made._facts, made._since = self._places.copy(), self._facts.copy(), self._since.copy()
        for group in self.goals.keys() & self._places.keys():
            goal = self.goals[group]
            made._facts[group] = self.facts(group)._replace(leader=goal.leader)
            made.place(group, goal.voters, goal.learners)
        made.see(nodes, self.now)
        return made

    # -- what is under way -----------------------------------------------------------------------------------------

    def begin(self, group: int, goal: Cell | None) -> None:
        """An order is under way: count the group as if it were done, and let nobody else touch it."""
        assert group not in self.goals, f"two orders for group {group} at once (traps 15)"
        self.goals[group] = goal or self.cell(group) or Cell(())
        self.active += 1
        self._refresh(group)

    def rest(self, group: int, done: bool) -> None:
        """The order has ended; the group is left alone until `release`, so that reports of it have come."""
        assert group in self.goals, f"no order is under way for group {group}"
        self.active -= 1
        if not done:
            self.goals[group] = self.cell(group) or Cell(())
            self._refresh(group)

    def release(self, group: int) -> None:
        """The truth counts again, and other orders may come."""
        self.goals.pop(group, None)
        self._refresh(group)

    def halve(self, group: int) -> None:
        """The group's range was split, which the catalog knows: about half of what was said of it counts, at once."""
        facts = self._facts.get(group)
        if facts is not None:
            self._facts[group] = facts._replace(size=facts.size // 2, load=facts.load // 2)
        self.release(group)

    def check(self) -> None:
        """Assert the invariants."""
        seen: dict[int, Cell] = {}
        for cell, members in self.cells.items():
            for group in members:
                assert group not in seen, "a group is in one cell"
                seen[group] = cell
        for group in self._places:
            assert seen.pop(group) == self.goals.get(group, self.cell(group)), "a group is where it counts"
        assert not seen, "only known groups are in cells"
        self._index.check()
        self.neighbours.check()

    def merge_bytes(self) -> int:
        """Neighbours merge that hold less together: never so much that they would soon be split again."""
        rules = self.rules
        return min(rules.merge_bytes, rules.split_bytes // 2) if rules.split_bytes else rules.merge_bytes

    def _refresh(self, group: int) -> None:
        truth = self.cell(group)
        self._put(group, None if truth is None else self.goals.get(group, truth))
        facts, rules = self.facts(group), self.rules
        free = truth is not None and group not in self.goals and group != CONTROL_GROUP
        large = free and 0 < rules.split_bytes < facts.size
        busy = free and not large and 0 < rules.split_load < facts.load
        small = free and facts.term > 0 and facts.size < self.merge_bytes() and not facts.load
        for groups, belongs in ((self.large, large), (self.busy, busy), (self.small, small)):
            if belongs:
                groups.add(group)
            elif group in groups:
                groups.remove(group)
        self._pair(group)
        self._pair(self.neighbours.rights.get(group, 0))

    def _put(self, group: int, cell: Cell | None) -> None:
        before = self._cell_of.get(group)
        if before == cell:
            return
        if before is not None:
            self._index.discard(group, self._cell_of.pop(group))
        if cell is not None:
            self._cell_of[group] = cell = self._share(cell)
            self._index.add(group, cell)

    def _pair(self, right: int) -> None:
        """Whether this group and its left neighbour wait to merge, and since when."""
        left = self.neighbours.lefts.get(right, 0)
        both = left in self.small and right in self.small
        if both and self.facts(left).size + self.facts(right).size < self.merge_bytes():
            self.neighbours.wait(right, max(self._since[left], self._since[right]))
        else:
            self.neighbours.wait(right, None)

    def _share(self, one: T) -> T:
        """The same value, in the object that others have of it too."""
        if len(self._shared) >= SHARED_MAX:
            self._shared.clear()
        return self._shared.setdefault(one, one)  # type: ignore[no-any-return]
