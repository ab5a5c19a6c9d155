"""A decision on its way: the picture's counts, with the moves decided so far counted as done.

Owns what is asked of nodes and placements: who is dead or leaving, who may take replicas, how full each is, who
shares a host or a group with whom. Does not own what is better than what (policy.py). Read next:
ranges/placement/policy.py.
"""

from collections import Counter
from itertools import combinations

from ranges.placement.config import PARTNERS_WANTED, TARGET_SILENT_SECONDS
from ranges.placement.messages import MoveLeader
from ranges.placement.moves import ChangeReplicas, MergeRanges, SplitLarge
from ranges.placement.picture import CONTROL_GROUP, Cell, NodeView, Picture


def is_dead(view: NodeView, picture: Picture) -> bool:
    """Silent for longer than a dead node's grace."""
    return view.silent * 1000 >= picture.rules.dead_milliseconds


def wanted_voters(replicas: int, nodes: int, voters: int) -> int:
    """How many voters a group that has `voters` is to have: an odd number, as the rules ask and the nodes can hold.

    So groups have one voter until three nodes are there (design 9.3). The loss of nodes makes a range short of
    live voters, it never makes it smaller: only the rules do.
    """
    return min(replicas, max(1, nodes - 1 + nodes % 2, voters - 1 + voters % 2))


class Draft:
    """A decision on its way: the picture's counts, with the moves decided so far counted as done."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.taken: set[int] = set()
        self._nodes = picture.members
        self._queues: dict[Cell, list[int]] = {}
        self._sound: dict[int, list[Cell]] | None = None
        self.targets = [view.node for view in _by_id(picture) if self._is_target(view)]
        self._staying = {view.node for view in _by_id(picture) if view.state == "up" and not is_dead(view, picture)}
        self.replicas: Counter[int] = Counter()
        self.leaders: Counter[int] = Counter()
        self.pairs: Counter[tuple[int, int]] = Counter()
        self.partners: Counter[int] = Counter()
        for cell, members in picture.cells.items():
            self._count(cell, len(members))
        self._forget_control()

    # -- questions -------------------------------------------------------------------------------------------------

    def is_leaving(self, node: int) -> bool:
        """Replicas are not to stay on this node: it is dead, draining, removed or unknown."""
        return node not in self._staying

    def is_heard(self, node: int) -> bool:
        """The node has been heard lately, whatever its state."""
        view = self.picture.nodes.get(node)
        return view is not None and view.silent < TARGET_SILENT_SECONDS

    def has_majority(self, voters: tuple[int, ...]) -> bool:
        """Enough of them have been heard lately to agree on anything."""
        return sum(self.is_heard(node) for node in voters) > len(voters) // 2

    def host(self, node: int) -> str:
        """What a node shares its fate with: its `host` label; nodes without one share with nobody."""
        view = self.picture.nodes.get(node)
        return (view.host if view else "") or f"node {node}"

    def crowding(self, nodes: tuple[int, ...]) -> int:
        """How many of these nodes stand on a host that another of them stands on already."""
        return len(nodes) - len({self.host(node) for node in nodes})

    def strangers(self, node: int, others: tuple[int, ...]) -> tuple[int, int]:
        """How many new partners a node makes: (those beyond what is wanted, for either side; all) (copysets)."""
        fresh = [each for each in others if each != node and not self.pairs[_pair(node, each)]]
        beyond = min(len(fresh), max(0, self.partners[node] + len(fresh) - PARTNERS_WANTED))
        return beyond + sum(self.partners[each] >= PARTNERS_WANTED for each in fresh), len(fresh)

    def best_target(self, keep: tuple[int, ...], learners: tuple[int, ...] = ()) -> int | None:
        """Where the next replica beside `keep` goes best: (crowding, learners first, strangers, fullness, id)."""
        free = [node for node in self.targets if node not in keep]

        def rank(node: int) -> tuple[int, bool, int, int, int]:
            beyond, _ = self.strangers(node, keep)
            return self.crowding((*keep, node)), node not in learners, beyond, self.replicas[node], node

        return min(free, key=rank, default=None)

    def wanted(self, cell: Cell) -> int:
        """How many voters such a group is to have."""
        return wanted_voters(self.picture.rules.replicas, self._nodes, len(cell.voters))

    def is_sound(self, cell: Cell) -> bool:
        """Enough voters, none of them leaving, no learner: nothing to repair."""
        enough = len(cell.voters) == self.wanted(cell) and not cell.learners
        return enough and all(node in self._staying for node in cell.voters)

    def free(self, cell: Cell) -> int | None:
        """The smallest range of the cell that nothing else is done with."""
        queue = self._queues.get(cell)
        if queue is None:
            members = self.picture.cells.get(cell, set())
            queue = sorted(members - self.picture.goals.keys() - {CONTROL_GROUP}, reverse=True)
            self._queues[cell] = queue
        while queue and queue[-1] in self.taken:
            queue.pop()
        return queue[-1] if queue else None

    def free_control(self) -> Cell | None:
        """Group 0's cell, if nothing else is done with it."""
        busy = CONTROL_GROUP in self.picture.goals or CONTROL_GROUP in self.taken
        return None if busy else self.picture.cell(CONTROL_GROUP)

    def cells_on(self, node: int) -> list[Cell]:
        """Sound cells that can agree on a change and have a voter on this node, as the picture had them."""
        if self._sound is None:
            self._sound = {}
            for cell in sorted(self.picture.cells):
                if self.is_sound(cell) and self.has_majority(cell.voters):
                    for voter in cell.voters:
                        self._sound.setdefault(voter, []).append(cell)
        return self._sound.get(node, [])

    # -- moves -----------------------------------------------------------------------------------------------------

    def place(self, group: int, cell: Cell, voters: tuple[int, ...]) -> ChangeReplicas:
        """Decide that the group moves to these voters."""
        voters = tuple(sorted(voters))
        self._take(group, cell, Cell(voters, (), cell.leader if cell.leader in voters else 0))
        return ChangeReplicas(group, voters)

    def lead(self, group: int, cell: Cell, node: int) -> MoveLeader:
        """Decide that the group is led from this node."""
        self._take(group, cell, cell._replace(leader=node))
        return MoveLeader(group, node)

    def split(self, group: int) -> SplitLarge:
        """Decide that the group's range is split."""
        self.taken.add(group)
        return SplitLarge(group)

    def merge(self, group: int, left: int, cell: Cell) -> MergeRanges:
        """Decide that the group's range joins its left neighbour."""
        self.taken.add(left)
        self._take(group, cell, Cell(()))
        return MergeRanges(group, left)

    def _take(self, group: int, cell: Cell, goal: Cell) -> None:
        self.taken.add(group)
        if group != CONTROL_GROUP:
            self._count(cell, -1)
            self._count(goal, 1)

    def _count(self, cell: Cell, groups: int) -> None:
        nodes = cell.voters + cell.learners
        for node in nodes:
            self.replicas[node] += groups
        for pair in combinations(sorted(nodes), 2):
            known = self.pairs[pair] > 0
            self.pairs[pair] += groups
            for node in pair:
                self.partners[node] += (self.pairs[pair] > 0) - known
        if cell.leader:
            self.leaders[cell.leader] += groups

    def _forget_control(self) -> None:
        """Group 0 counts for nobody: where it is says nothing of how full a node is."""
        cell = self.picture.goals.get(CONTROL_GROUP) or self.picture.cell(CONTROL_GROUP)
        if cell is not None:
            self._count(cell, -1)

    def _is_target(self, view: NodeView) -> bool:
        return view.state == "up" and view.silent < TARGET_SILENT_SECONDS and not is_dead(view, self.picture)


def _by_id(picture: Picture) -> list[NodeView]:
    return [picture.nodes[node] for node in sorted(picture.nodes)]


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)
