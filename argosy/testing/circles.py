"""Transactions that must come before each other: the graph of them, its circles, and what a circle is called.

Owns the names: Adya's (G0, G1c, G-single, G2-item, and G2 where a scan missed a row), with -process or -realtime
where only the order of a client's own transactions, or real time, closes the circle. Does not own how edges follow
from what was read (argosy/testing/serial.py). Read next: argosy/testing/workloads/__init__.py.

    ww   the source wrote a version, the target the next one
    wr   the target read what the source wrote
    rw   the source read a version, the target wrote the next one
"""

from collections import deque
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from argosy.testing.history import INFINITY, Operation
from argosy.testing.linear import Violation

EDGES_TRIED_MAX = 500  # of one kind, when a circle through one of them is looked for


class Kind(Enum):
    """Why one comes before the other."""

    WW = "ww"
    WR = "wr"
    RW = "rw"
    PROCESS = "process"
    REALTIME = "realtime"


class Edge(NamedTuple):
    """`source` comes before `target`, both numbers of operations. For `WW` `item` and then `later` were written."""

    source: int
    target: int
    kind: Kind
    key: bytes = b""
    item: int = 0
    later: int = 0
    scanned: bool = False  # the source did not find the key in a scan

    def why(self) -> str:
        """In words."""
        source, target, key = f"T{self.source}", f"T{self.target}", self.key.decode(errors="replace")
        match self.kind:
            case Kind.WW:
                return f"{source} appended {self.item} to {key}, {target} then {self.later}"
            case Kind.WR:
                return f"{source} appended {self.item} to {key}, {target} read it"
            case Kind.RW:
                how = "scanned past" if self.scanned else "read"
                return f"{source} {how} {key} without {self.item}, which {target} appended"
            case Kind.PROCESS:
                return f"the same client ended {source}, then began {target}"
            case Kind.REALTIME:
                return f"{source} ended before {target} began"


SEARCHES = (  # through an edge of this kind, and else along these: G0, G1c, G-single, G2
    (Kind.WW, frozenset((Kind.WW,))),
    (Kind.WR, frozenset((Kind.WW, Kind.WR))),
    (Kind.RW, frozenset((Kind.WW, Kind.WR))),
    (Kind.RW, frozenset((Kind.WW, Kind.WR, Kind.RW))),
)
LEVELS = (  # the first that has a circle names it: what fewer orders forbid is the graver anomaly
    ("", frozenset[Kind]()),
    ("-process", frozenset((Kind.PROCESS,))),
    ("-realtime", frozenset((Kind.PROCESS, Kind.REALTIME))),
)


class Graph:
    """Operations in order of their begin, and who of them comes before whom."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._after: list[list[Edge]] = [[] for _ in operations]
        self._component: list[int] = []

    def add(
        self, source: int, target: int, kind: Kind, key: bytes, item: int, later: int = 0, scanned: bool = False
    ) -> None:
        """One more edge; nobody comes before himself."""
        if source != target:
            self._after[source].append(Edge(source, target, kind, key, item, later, scanned))

    def check(self) -> None:
        """Raise `Violation` with a short circle and its name, if there is any. Adds the edges of clients and time."""
        self._add_clients()
        self._add_real_time()
        self._component = _components([[edge.target for edge in edges] for edges in self._after])
        edges = [edge for edges in self._after for edge in edges if self._inside(edge)]
        if edges:
            name, circle = self._find(edges)
            raise Violation(self._report(name, circle))

    def _inside(self, edge: Edge) -> bool:
        """Does it lie on a circle?"""
        return self._component[edge.source] == self._component[edge.target]

    def _add_clients(self) -> None:
        last: dict[int, int] = {}
        for at, operation in enumerate(self._operations):
            before = last.get(operation.client)
            if before is not None:
                self._after[before].append(Edge(before, at, Kind.PROCESS))
            if operation.until < INFINITY:
                last[operation.client] = at

    def _add_real_time(self) -> None:
        """Whoever ended before another began, without those that follow from the others: a sweep over the intervals.

        `frontier` are those that have ended, and not before the begin of one that has ended since.
        """
        moments = [(each.begin, 0, at) for at, each in enumerate(self._operations)]
        moments += [(each.end, 1, at) for at, each in enumerate(self._operations) if each.until < INFINITY]
        frontier: list[int] = []
        for _, ends, at in sorted(moments):
            if ends:
                begin = self._operations[at].begin
                frontier = [each for each in frontier if self._operations[each].end >= begin]
                frontier.append(at)
            else:
                for before in frontier:
                    self._after[before].append(Edge(before, at, Kind.REALTIME))

    # -- names -----------------------------------------------------------------------------------------------------

    def _find(self, edges: Sequence[Edge]) -> tuple[str, list[Edge]]:
        """The gravest anomaly that these make, and a short circle that shows it."""
        for suffix, order in LEVELS:
            if Kind.REALTIME in order:
                found = self._against_real_time(edges)
                if found is not None:
                    return found
            for kind, allowed in SEARCHES:
                circle = self._circle([each for each in edges if each.kind is kind], allowed | order)
                if circle:
                    return _named(circle, suffix), circle
        raise AssertionError("a client did two things at once: its own time goes in a circle")

    def _against_real_time(self, edges: Iterable[Edge]) -> tuple[str, list[Edge]] | None:
        """The commonest case, which needs no search: two of them, in an order that real time forbids."""
        operations = self._operations
        for kind in (Kind.WW, Kind.WR, Kind.RW):
            for edge in edges:
                if edge.kind is kind and operations[edge.target].until < operations[edge.source].begin:
                    circle = [edge, Edge(edge.target, edge.source, Kind.REALTIME)]
                    return _named(circle, "-realtime"), circle
        return None

    def _circle(self, edges: Sequence[Edge], usable: frozenset[Kind]) -> list[Edge]:
        """The shortest circle that goes through one of the edges, and else through usable ones only."""
        best: list[Edge] = []
        for edge in edges[:EDGES_TRIED_MAX]:
            way = self._way(edge.target, edge.source, usable, len(best) - 1 if best else len(self._operations))
            if way is not None:
                best = [edge, *way]
                if len(best) == 2:
                    break
        return _without_detours(best)

    def _way(self, source: int, target: int, usable: frozenset[Kind], most: int) -> list[Edge] | None:
        """The shortest way, of fewer than `most` edges; breadth first."""
        came: dict[int, Edge | None] = {source: None}
        depth = {source: 0}
        queue = deque([source])
        while queue and target not in came:
            node = queue.popleft()
            for edge in self._after[node] if depth[node] + 1 < most else ():
                if edge.kind in usable and edge.target not in came and self._inside(edge):
                    came[edge.target], depth[edge.target] = edge, depth[node] + 1
                    queue.append(edge.target)
        if target not in came:
            return None
        way: list[Edge] = []
        last = came[target]
        while last is not None:
            way.append(last)
            last = came[last.source]
        return way[::-1]

    def _report(self, name: str, circle: Sequence[Edge]) -> str:
        lines = [f"{name}: no order explains these {len(circle)} transactions"]
        lines += [f"  T{edge.source} = {self._operations[edge.source]}" for edge in circle]
        lines += [f"  T{edge.source} → T{edge.target} {edge.kind.value}: {edge.why()}" for edge in circle]
        return "\n".join(lines)


TIME = (Kind.PROCESS, Kind.REALTIME)


def _without_detours(circle: Sequence[Edge]) -> list[Edge]:
    """Time is transitive: of its edges in a row one remains. The first edge is not time's."""
    short: list[Edge] = []
    for edge in circle:
        if short and short[-1].kind in TIME and edge.kind in TIME:
            kind = Kind.PROCESS if short[-1].kind is edge.kind is Kind.PROCESS else Kind.REALTIME
            short[-1] = Edge(short[-1].source, edge.target, kind)
        else:
            short.append(edge)
    return short


def _named(circle: Sequence[Edge], suffix: str) -> str:
    """Adya's name, and the common one where there is one."""
    gaps = [edge for edge in circle if edge.kind is Kind.RW]
    if not gaps:
        return ("G1c" if any(edge.kind is Kind.WR for edge in circle) else "G0") + suffix
    if len(gaps) == 1:
        return f"G-single{suffix} ({_common_single(circle)})"
    name = ("G2" if any(edge.scanned for edge in gaps) else "G2-item") + suffix
    pairs = zip(circle, [*circle[1:], circle[0]], strict=True)
    together = any(left.kind is right.kind is Kind.RW for left, right in pairs)
    return f"{name} ({'write skew' if together else 'long fork'})"


def _common_single(circle: Sequence[Edge]) -> str:
    if any(edge.kind in TIME for edge in circle):
        return "stale read"
    same_key = len({edge.key for edge in circle}) == 1
    return "lost update" if same_key and all(edge.kind is not Kind.WR for edge in circle) else "read skew"


def _components(after: Sequence[Sequence[int]]) -> list[int]:
    """For each node a number that all nodes of its strongly connected component share (Tarjan 1972, not recursive)."""
    number = [0] * len(after)  # in order of discovery, from 1
    low = [0] * len(after)
    component = [-1] * len(after)
    unfinished: list[int] = []
    count = 0
    for root in range(len(after)):
        ways = [] if number[root] else [(root, iter(after[root]))]
        while ways:
            node, targets = ways[-1]
            if not number[node]:
                count += 1
                number[node] = low[node] = count
                unfinished.append(node)
            for target in targets:
                if not number[target]:
                    ways.append((target, iter(after[target])))
                    break
                if component[target] < 0:
                    low[node] = min(low[node], low[target])
            else:
                ways.pop()
                if ways:
                    low[ways[-1][0]] = min(low[ways[-1][0]], low[node])
                while low[node] == number[node] and component[node] < 0:
                    component[unfinished.pop()] = node
    return component
