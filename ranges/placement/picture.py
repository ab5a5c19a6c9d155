"""What the policy looks at: nodes, and every range's place, size and leader, gathered by like placement.

Owns the counting, kept up to date range by range, so that a decision costs as much as there are different
placements, not as there are ranges. Does not own where the facts come from (catalog.py) nor what follows from
them (policy.py). Read next: ranges/placement/policy.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from ranges.placement.messages import Rules

CONTROL_GROUP = 0
SHARED_MAX = 4096  # different places and cells that are remembered as such
T = TypeVar("T")
_Place = tuple[tuple[int, ...], tuple[int, ...]]  # nodes of voters, of learners


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as the policy sees it; `silent` in seconds since its last report."""

    node: int
    host: str
    state: str
    silent: float


class Cell(NamedTuple):
    """How a range is placed: the nodes of its voters and learners, ascending, and of its leader (0: unknown)."""

    voters: tuple[int, ...]
    learners: tuple[int, ...] = ()
    leader: int = 0


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
    2. `large` are the groups that the rules want split and that no order holds, `small` those that may merge. `cold`
       are the small ones that have been left alone for long, as of the last look.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.nodes: dict[int, NodeView] = {}
        self.cells: dict[Cell, set[int]] = {}
        self.large: set[int] = set()
        self.small: set[int] = set()
        self.cold: set[int] = set()
        self.lefts: dict[int, int] = {}  # the left neighbour of each group that has one
        self.goals: dict[int, Cell] = {}
        self.active = 0
        self._places: dict[int, _Place] = {}
        self._shared: dict[Any, Any] = {}  # places and cells: there are few, and each is held once
        self._facts: dict[int, Facts] = {}
        self._cell_of: dict[int, Cell] = {}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def members(self) -> int:
        """How many nodes the cluster has, dead and draining ones too."""
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

    # -- what is true ----------------------------------------------------------------------------------------------

    def place(self, group: int, voters: Sequence[int], learners: Sequence[int] = ()) -> None:
        """The group's members are on these nodes."""
        self._places[group] = self._share((tuple(sorted(voters)), tuple(sorted(learners))))
        self._refresh(group)

    def adjoin(self, group: int, left: int) -> None:
        """The group's left neighbour is this one now; 0 if it has none."""
        if left:
            self.lefts[group] = left
        else:
            self.lefts.pop(group, None)

    def forget(self, group: int) -> None:
        """The group is no more."""
        self._places.pop(group, None)
        self.lefts.pop(group, None)
        self._facts.pop(group, None)
        self._refresh(group)

    def report(self, group: int, facts: Facts) -> None:
        """The group's leader says so; one of an older term is not believed any more."""
        if facts.term >= self.facts(group).term:
            self._facts[group] = self._share(facts)
            self._refresh(group)

    def follow_rules(self, rules: Rules) -> None:
        """The rules are others now."""
        self.rules = rules
        for group in list(self._facts):
            self._refresh(group)

    def forget_leader_memory(self) -> None:
        """Leadership of group 0 is over: reports and orders were this leader's own."""
        touched = [*self._facts, *self.goals]
        self._facts.clear()
        self.goals.clear()
        self.active = 0
        for group in touched:
            self._refresh(group)

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
            assert members, "empty cells are dropped"
            for group in members:
                assert group not in seen, "a group is in one cell"
                seen[group] = cell
        for group in self._places:
            assert seen.pop(group) == self.goals.get(group, self.cell(group)), "a group is where it counts"
        assert not seen, "only known groups are in cells"

    def _refresh(self, group: int) -> None:
        before = self._cell_of.pop(group, None)
        if before is not None:
            members = self.cells[before]
            members.discard(group)
            if not members:
                del self.cells[before]
        self.large.discard(group)
        self.small.discard(group)
        truth = self.cell(group)
        if truth is None:
            return
        cell = self.goals.get(group, truth)
        cell = self._cell_of[group] = self._share(cell)
        self.cells.setdefault(cell, set()).add(group)
        if group != CONTROL_GROUP and group not in self.goals and self._is_large(self.facts(group)):
            self.large.add(group)
        if group != CONTROL_GROUP and group not in self.goals and self._is_small(self.facts(group)):
            self.small.add(group)

    def merge_bytes(self) -> int:
        """Neighbours merge that hold less together: never so much that they would soon be split again."""
        rules = self.rules
        return min(rules.merge_bytes, rules.split_bytes // 2) if rules.split_bytes else rules.merge_bytes

    def _is_small(self, facts: Facts) -> bool:
        return facts.term > 0 and facts.size < self.merge_bytes() and not facts.load

    def _share(self, one: T) -> T:
        """The same value, in the object that others have of it too."""
        if len(self._shared) >= SHARED_MAX:
            self._shared.clear()
        return self._shared.setdefault(one, one)  # type: ignore[no-any-return]

    def _is_large(self, facts: Facts) -> bool:
        rules = self.rules
        return 0 < rules.split_bytes < facts.size or 0 < rules.split_load < facts.load
