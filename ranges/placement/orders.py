"""Orders of people, checked: split here, merge there, move that replica, lead from there.

Owns the checks of an order against the catalog. Does not own the steps (driver.py). Read next:
ranges/placement/driver.py.
"""

from node.messages import Refused
from ranges.keys import is_key
from ranges.placement.catalog import Catalog
from ranges.placement.merges import MergeRange
from ranges.placement.messages import MoveLeader, MoveReplica, SplitRange
from ranges.placement.moves import ChangeReplicas, MergeRanges, Move, SplitLarge

Order = SplitRange | MergeRange | MoveReplica | MoveLeader


def checked(catalog: Catalog, order: Order) -> Move | Refused | None:
    """The move that an order asks for, None if nothing is left to do, or why it cannot be."""
    match order:
        case SplitRange(key):
            return _checked_split(catalog, key)
        case MergeRange(key):
            return _checked_merge(catalog, key)
        case MoveReplica(group, source, target):
            return _checked_replica(catalog, group, source, target)
        case MoveLeader(group, node):
            return _checked_leader(catalog, group, node)


def _checked_split(catalog: Catalog, key: bytes) -> Move | Refused | None:
    found = next(catalog.routes.from_key(key), None)
    if not is_key(key) or found is None or not found.descriptor.start <= key:
        return Refused(f"{key!r} is not a key that a range holds")
    if found.descriptor.start == key:
        return None
    return SplitLarge(found.descriptor.group, key)


def _checked_merge(catalog: Catalog, key: bytes) -> Move | Refused:
    found = next(catalog.routes.from_key(key), None) if is_key(key) else None
    if found is None or found.descriptor.start != key:
        return Refused(f"no range begins at {key!r}")
    left = catalog.routes.left_of(found)
    if left is None:
        return Refused(f"the range that begins at {key!r} is the first one: nothing lies to its left")
    return MergeRanges(found.descriptor.group, left.descriptor.group)


def _checked_replica(catalog: Catalog, group: int, source: int, target: int) -> Move | Refused | None:
    cell = catalog.picture.cell(group)
    if cell is None:
        return Refused(f"there is no group {group}")
    row = catalog.nodes.get(target)
    if row is None or row.state != "up":
        return Refused(f"node {target} takes no replicas: it is unknown, draining, leaving or removed")
    if source not in cell.voters:
        return None if target in cell.voters else Refused(f"group {group} has no voter on node {source}")
    if target in cell.voters:
        return Refused(f"group {group} has a voter on node {target} already")
    return ChangeReplicas(group, tuple(sorted({*cell.voters, target} - {source})))


def _checked_leader(catalog: Catalog, group: int, node: int) -> Move | Refused | None:
    cell = catalog.picture.cell(group)
    if cell is None or node not in cell.voters:
        return Refused(f"group {group} has no voter on node {node}")
    if catalog.nodes[node].state == "draining":
        return Refused(f"node {node} is draining: it leads nothing")
    return None if cell.leader == node else MoveLeader(group, node)
