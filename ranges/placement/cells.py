"""Groups gathered by like placement, and placements by what is asked of them.

Owns the cells, the counts over them and their indexes, kept up to date group by group: a decision then looks at
what is wrong, never at all that is well. Does not own which cell a group is in (picture.py) nor what is wrong
(draft.py, policy.py). Read next: ranges/placement/draft.py.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple, TypeVar

CONTROL_GROUP = 0
K = TypeVar("K")
V = TypeVar("V")


class Cell(NamedTuple):
    """How a range is placed: the nodes of its voters and learners, ascending, and of its leader (0: unknown)."""

    voters: tuple[int, ...]
    learners: tuple[int, ...] = ()
    leader: int = 0

    @property
    def nodes(self) -> tuple[int, ...]:
        """Of voters and learners."""
        return self.voters + self.learners


class Counts:
    """By node: replicas, leaders, partners (others that share a group with it); by pair of nodes: shared groups.

    Group 0 counts for nobody: where it is says nothing of how full a node is.
    """

    __slots__ = ("leaders", "pairs", "partners", "replicas")

    def __init__(self) -> None:
        self.replicas: Counter[int] = Counter()
        self.leaders: Counter[int] = Counter()
        self.partners: Counter[int] = Counter()
        self.pairs: Counter[tuple[int, int]] = Counter()

    def copy(self) -> "Counts":
        """The same numbers, to go on from."""
        made = Counts()
        for name in Counts.__slots__:
            setattr(made, name, getattr(self, name).copy())
        return made

    def add(self, cell: Cell, groups: int) -> None:
        """So many more groups are placed like this."""
        replicas, pairs, partners = self.replicas, self.pairs, self.partners
        nodes = cell.nodes
        for node in nodes:
            replicas[node] += groups
        for pair in combinations(sorted(nodes), 2):
            before = pairs[pair]
            pairs[pair] = before + groups
            fresh = (before + groups > 0) - (before > 0)
            if fresh:
                for node in pair:
                    partners[node] += fresh
        if cell.leader:
            self.leaders[cell.leader] += groups


class Cells:
    """Every group's cell.

    1. `groups` has no empty set.
    2. After `settle` the indexes hold exactly its cells: `on` by node, `led` by (leader, another voter), `shapes` by
       the numbers of voters and learners; `crowded`, by the hosts of the voters, only those of which two voters share
       one; and `counts` are over all groups but group 0. Until then `_changed` are the cells that may be others, and
       by how many groups: who does not decide keeps no index.
    """

    def __init__(self) -> None:
        self.groups: dict[Cell, set[int]] = {}
        self.on: dict[int, set[Cell]] = {}
        self.led: dict[tuple[int, int], set[Cell]] = {}
        self.shapes: dict[tuple[int, int], set[Cell]] = {}
        self.crowded: dict[frozenset[str], set[Cell]] = {}
        self.counts = Counts()
        self._changed: dict[Cell, int] = {}
        self._hosts: Mapping[int, str] = {}

    def copy(self) -> "Cells":
        """The same, to go on from: as much work as there are placements."""
        self.settle()
        made = Cells()
        made.groups = _copied(self.groups)
        made.on, made.led, made.shapes = _copied(self.on), _copied(self.led), _copied(self.shapes)
        made.crowded = _copied(self.crowded)
        made.counts = self.counts.copy()
        made._hosts = self._hosts
        return made

    def host(self, node: int) -> str:
        """What a node shares its fate with: its `host` label; nodes without one share with nobody."""
        return self._hosts.get(node) or f"node {node}"

    def see_hosts(self, hosts: Mapping[int, str]) -> None:
        """The labels of nodes, as they are now."""
        if hosts != self._hosts:
            self.settle()
            self._hosts = hosts
            self.crowded.clear()
            for cell in self.groups:
                self._crowd(cell)

    def add(self, group: int, cell: Cell) -> None:
        """The group is placed like this."""
        self.groups.setdefault(cell, set()).add(group)
        self._changed[cell] = self._changed.get(cell, 0) + (group != CONTROL_GROUP)

    def discard(self, group: int, cell: Cell) -> None:
        """The group is placed like this no more."""
        members = self.groups[cell]
        members.discard(group)
        if not members:
            del self.groups[cell]
        self._changed[cell] = self._changed.get(cell, 0) - (group != CONTROL_GROUP)

    def settle(self) -> None:
        """Bring counts and indexes up to date."""
        changed, self._changed = self._changed, {}
        for cell, groups in changed.items():
            if groups:
                self.counts.add(cell, groups)
            known = cell in self.shapes.get(_shape(cell), ())
            if cell in self.groups:
                if not known:
                    self._enter(cell)
            elif known:
                self._leave(cell)

    def _enter(self, cell: Cell) -> None:
        for node in cell.nodes:
            self.on.setdefault(node, set()).add(cell)
        for pair in _led(cell):
            self.led.setdefault(pair, set()).add(cell)
        self.shapes.setdefault(_shape(cell), set()).add(cell)
        self._crowd(cell)

    def _leave(self, cell: Cell) -> None:
        for node in cell.nodes:
            _take_out(self.on, node, cell)
        for pair in _led(cell):
            _take_out(self.led, pair, cell)
        _take_out(self.shapes, _shape(cell), cell)
        hosts = self._shared_hosts(cell)
        if hosts is not None:
            _take_out(self.crowded, hosts, cell)

    def check(self) -> None:
        """Assert the invariants."""
        self.settle()
        again = Cells()
        again._hosts = self._hosts
        for cell, members in self.groups.items():
            assert members, "empty cells are dropped"
            for group in members:
                again.add(group, cell)
        again.settle()
        for name in ("on", "led", "shapes", "crowded"):
            assert getattr(self, name) == getattr(again, name), f"the index {name} holds exactly the cells"
        for name in Counts.__slots__:
            assert getattr(self.counts, name) == getattr(again.counts, name), f"{name} are counted right"

    def _crowd(self, cell: Cell) -> None:
        hosts = self._shared_hosts(cell)
        if hosts is not None:
            self.crowded.setdefault(hosts, set()).add(cell)

    def _shared_hosts(self, cell: Cell) -> frozenset[str] | None:
        """The hosts of the voters, if two of them share one."""
        if not self._hosts:
            return None
        hosts = frozenset([self.host(node) for node in cell.voters])
        return hosts if len(hosts) < len(cell.voters) else None


def _shape(cell: Cell) -> tuple[int, int]:
    return len(cell.voters), len(cell.learners)


def _led(cell: Cell) -> list[tuple[int, int]]:
    return [(cell.leader, node) for node in cell.voters if node != cell.leader] if cell.leader else []


def _copied(index: dict[K, set[V]]) -> dict[K, set[V]]:
    return {key: members.copy() for key, members in index.items()}


def _take_out(index: dict[K, set[Cell]], key: K, cell: Cell) -> None:
    cells = index[key]
    cells.discard(cell)
    if not cells:
        del index[key]
