"""What people are told: nodes, ranges, and whether all is well.

Owns the reading of a picture for people. Decides nothing. Read next: ranges/placement/policy.py.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from itertools import chain, islice

from ranges.placement.cells import CONTROL_GROUP, Cell
from ranges.placement.config import TARGET_SILENT_SECONDS
from ranges.placement.draft import is_dead, wanted_voters
from ranges.placement.leaving import LeftIs
from ranges.placement.messages import (
    ListRanges,
    Lookup,
    NodesAre,
    NodeStatus,
    RangesAre,
    RangeStatus,
    RoutesAre,
    StatusIs,
)
from ranges.placement.picture import NodeView, Picture
from ranges.placement.routes import Routes
from ranges.placement.rows import NodeRow


def nodes_are(picture: Picture, rows: Mapping[int, NodeRow]) -> NodesAre:
    """Every node, with what it holds and leads."""
    replicas: Counter[int] = Counter()
    leaders: Counter[int] = Counter()
    for cell, members in picture.cells.items():
        for node in cell.voters + cell.learners:
            replicas[node] += len(members)
        leaders[cell.leader] += len(members)
    return NodesAre(
        tuple(
            NodeStatus(
                node,
                row.address,
                row.labels,
                row.life,
                row.state,
                int(picture.nodes[node].silent * 1000),
                is_dead(picture.nodes[node], picture),
                replicas[node],
                leaders[node],
                picture.nodes[node].short,
            )
            for node, row in sorted(rows.items())
        )
    )


def ranges_are(picture: Picture, routes: Routes, asked: ListRanges) -> RangesAre:
    """Ranges in key order from a key on."""
    found: list[RangeStatus] = []
    for placed in routes.from_key(asked.key):
        descriptor = placed.descriptor
        if len(found) == asked.count:
            return RangesAre(tuple(found), descriptor.start)
        facts = picture.facts(descriptor.group)
        found.append(RangeStatus(descriptor, facts.leader, facts.size, facts.load))
    return RangesAre(tuple(found), None)


def left_on(picture: Picture, row: NodeRow | NodeView) -> LeftIs:
    """What is on a node in truth: an order that is under way has moved nothing yet."""
    replicas = size = leaders = leaderless = 0
    settled = [picture.cells[cell] - picture.goals.keys() for cell in picture.index.on.get(row.node, ())]
    for group in chain(*settled, picture.goals):
        truth = picture.cell(group)
        if truth is None or row.node not in truth.nodes:
            continue
        replicas += 1
        size += picture.facts(group).size
        leaders += truth.leader == row.node
        leaderless += truth.leader == 0
    return LeftIs(row.state, replicas, size, leaders, leaderless)


def alive_nodes(picture: Picture) -> set[int]:
    """Who can be counted on: not who has been silent for some seconds."""
    views = [view for view in picture.nodes.values() if view.state != "removed" and not is_dead(view, picture)]
    return {view.node for view in views if view.silent <= TARGET_SILENT_SECONDS}


def tolerance(cells: Iterable[Cell], alive: Set[int]) -> int:
    """How many of those alive may die, whichever they are, before a group stops; less than 0 if one has."""
    return min((sum(node in alive for node in cell.voters) - len(cell.voters) // 2 - 1 for cell in cells), default=0)


def cluster_status(picture: Picture) -> StatusIs:
    """Counts over all placements; `failures` is that of the weakest range.

    Who has been silent for some seconds cannot be counted on: people hear of it long before the policy replaces it.
    """
    alive = alive_nodes(picture)
    short = stopped = leaderless = 0
    leaving = [picture.nodes[node] for node in sorted(picture.nodes) if picture.nodes[node].state == "leaving"]
    for cell, members in picture.cells.items():
        live = sum(node in alive for node in cell.voters)
        spare = live - len(cell.voters) // 2 - 1
        wanted = wanted_voters(picture.rules.replicas, picture.members, len(cell.voters))
        short += len(members) if live < wanted else 0
        stopped += len(members) if spare < 0 else 0
        leaderless += _leaderless(cell, members, alive)
    dead = tuple(sorted(node for node, view in picture.nodes.items() if view.state != "removed" and node not in alive))
    full = tuple(view.short for _, view in sorted(picture.nodes.items()) if view.short and view.node in alive)
    return StatusIs(
        healthy=not (dead or full or short or stopped or leaderless),
        failures=max(0, tolerance(picture.cells, alive)),
        nodes=len(alive) + len(dead),
        ranges=len(picture) - 1,
        dead=dead,
        draining=tuple(sorted(node for node, view in picture.nodes.items() if view.state == "draining")),
        leaving=tuple((view.node, left_on(picture, view).replicas) for view in leaving),
        full=full,
        short=short,
        stopped=stopped,
        leaderless=leaderless,
        moving=picture.active,
        rules=picture.rules,
    )


def _leaderless(cell: Cell, members: set[int], alive: set[int]) -> int:
    """Ranges whose leader is dead or unknown; group 0 leads, else nobody would ask."""
    return 0 if cell.leader in alive else len(members - {CONTROL_GROUP})


def routes_are(
    picture: Picture,
    routes: Routes,
    rows: Mapping[int, NodeRow],
    message: Lookup,
    control: tuple[tuple[int, str], ...],
) -> RoutesAre:
    """The ranges from a key on, with who leads them and where their nodes are."""
    found = tuple(placed.descriptor for placed in islice(routes.from_key(message.key), message.count))
    nodes = sorted({replica.node for descriptor in found for replica in descriptor.replicas})
    addresses = tuple((node, rows[node].address) for node in nodes if node in rows)
    leaders = tuple(picture.facts(each.group).leader for each in found)
    return RoutesAre(found, addresses, leaders, control)


def condition(node: NodeStatus) -> str:
    """A node's state for people: dead or without room, too."""
    if node.dead and node.state != "removed":
        return "dead" if node.state == "up" else f"{node.state}, dead"
    return f"{node.state}, full" if node.short and not node.dead else node.state
