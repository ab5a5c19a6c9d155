"""A decision on its way: the picture's counts, with the moves decided so far counted as done.

Owns what is asked of nodes and placements: who is dead or leaving, who may take replicas, how full each is, who
shares a host or a group with whom. Does not own what is better than what (policy.py). Read next:
ranges/placement/policy.py.
"""

from ranges.placement.cells import CONTROL_GROUP, Cell
from ranges.placement.config import PARTNERS_WANTED, TARGET_SILENT_SECONDS
from ranges.placement.messages import MoveLeader
from ranges.placement.moves import ChangeReplicas, MergeRanges, SplitBusy, SplitLarge
from ranges.placement.picture import NodeView, Picture


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
        views = [picture.nodes[node] for node in sorted(picture.nodes)]
        self._nodes = picture.members
        self._queues: dict[Cell, list[int]] = {}
        self._sound: dict[int, list[Cell]] = {}
        self._unsound: set[Cell] | None = None
        self._heard = {view.node for view in views if view.silent < TARGET_SILENT_SECONDS}
        living = [view for view in views if not is_dead(view, picture)]
        self._staying = {view.node for view in living if view.state in ("up", "draining")}
        self.draining = [view.node for view in views if view.state == "draining"]
        fit = [view for view in living if view.state == "up" and not view.short]
        self.targets = [view.node for view in fit if view.node in self._heard]
        self.index = picture.index
        self._counts = self.index.counts.copy()
        self.replicas, self.leaders = self._counts.replicas, self._counts.leaders

    # -- questions -------------------------------------------------------------------------------------------------

    def is_leaving(self, node: int) -> bool:
        """Replicas are not to stay on this node: it is dead, leaving, removed or unknown."""
        return node not in self._staying

    def is_heard(self, node: int) -> bool:
        """The node has been heard lately, whatever its state."""
        return node in self._heard

    def has_majority(self, voters: tuple[int, ...]) -> bool:
        """Enough of them have been heard lately to agree on anything."""
        return sum([node in self._heard for node in voters]) > len(voters) // 2

    def crowding(self, nodes: tuple[int, ...]) -> int:
        """How many of these nodes stand on a host that another of them stands on already."""
        return len(nodes) - len({self.index.host(node) for node in nodes})

    def strangers(self, node: int, others: tuple[int, ...]) -> tuple[int, int]:
        """How many new partners a node makes: (those beyond what is wanted, for either side; all) (copysets)."""
        fresh = [each for each in others if each != node and not self._counts.pairs[_pair(node, each)]]
        partners = self._counts.partners
        beyond = min(len(fresh), max(0, partners[node] + len(fresh) - PARTNERS_WANTED))
        return beyond + sum(partners[each] >= PARTNERS_WANTED for each in fresh), len(fresh)

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

    def unsound(self) -> set[Cell]:
        """Cells of which something is to be repaired."""
        if self._unsound is not None:
            return self._unsound
        index = self.index
        found = self._unsound = set()
        for node, cells in index.on.items():
            if node not in self._staying:
                found |= cells
        for (voters, learners), cells in index.shapes.items():
            if learners or voters != wanted_voters(self.picture.rules.replicas, self._nodes, voters):
                found |= cells
        return found

    def crowded(self) -> list[Cell]:
        """Cells of which replicas share a host although another host has room."""
        index = self.index
        hosts = {index.host(node) for node in self.targets}
        return sorted([cell for taken, cells in index.crowded.items() if hosts - taken for cell in cells])

    def can_change(self, cell: Cell) -> bool:
        """Sound, and all of its voters are heard: while one is missing no other is moved for the sake of evenness.

        For from its first step on a move needs the newcomer, too.
        """
        return self.is_sound(cell) and all(map(self.is_heard, cell.voters))

    def cells_on(self, node: int) -> list[Cell]:
        """Cells that can be changed and have a voter on this node, as the picture had them."""
        found = self._sound.get(node)
        if found is None:
            found = self._sound[node] = sorted(filter(self.can_change, self.index.on.get(node, ())))
        return found

    def may_split(self, group: int) -> bool:
        """Nothing else is done with the group, and its members stay (traps 15)."""
        cell = self.picture.cell(group)
        return cell is not None and not cell.learners and group not in self.taken

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

    def split(self, group: int, busy: bool = False) -> SplitLarge | SplitBusy:
        """Decide that the group's range is split."""
        self.taken.add(group)
        return SplitBusy(group) if busy else SplitLarge(group)

    def merge(self, group: int, left: int, cell: Cell) -> MergeRanges:
        """Decide that the group's range joins its left neighbour."""
        self.taken.add(left)
        self._take(group, cell, Cell(()))
        return MergeRanges(group, left)

    def _take(self, group: int, cell: Cell, goal: Cell) -> None:
        self.taken.add(group)
        if group != CONTROL_GROUP:
            self._counts.add(cell, -1)
            self._counts.add(goal, 1)


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)
