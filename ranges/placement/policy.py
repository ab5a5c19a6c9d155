"""The policy: from a picture of the cluster to the few moves that make it better. Pure.

Owns what is wanted: enough replicas, none on dead or leaving nodes, none that share a host, small ranges, replicas
and leaders spread evenly, few partners for each node (copysets). Does not own how a move is carried out (driver.py).
Each move lowers one of these measures and raises none that stands before it in RULES, so moves come to an end.
Read next: ranges/placement/picture.py.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice, product

from ranges.placement.cells import CONTROL_GROUP, Cell
from ranges.placement.config import (
    DIVISIONS_AT_ONCE,
    LEADER_GAP_PERCENT,
    LEADERS_MOVED_AT_ONCE,
    MERGES_AT_ONCE,
    ORDERS_AT_ONCE,
    PAIRS_COMPARED_MAX,
    REPLICA_GAP_PERCENT,
)
from ranges.placement.draft import Draft, is_dead
from ranges.placement.moves import Move
from ranges.placement.picture import Picture


def decide(picture: Picture) -> tuple[Move, ...]:
    """The moves to begin now, the most urgent first; none when all is well. Does not change the picture."""
    draft = Draft(picture)
    moves: list[Move] = []
    room = ORDERS_AT_ONCE - picture.active
    for rule, most in RULES:
        moves += islice(rule(draft), max(0, min(most, room - len(moves))))
    moves += islice(chain(hand_on(draft), spread_leaders(draft)), LEADERS_MOVED_AT_ONCE)
    return tuple(moves)


# -- rules ---------------------------------------------------------------------------------------------------------


def repair(draft: Draft) -> Iterator[Move]:
    """Enough voters, none on nodes that are dead or leaving, no learner left over from a move that was cut short."""
    control = draft.free_control()
    if control is not None and (goal := _repaired(draft, control)) is not None:
        yield draft.place(CONTROL_GROUP, control, goal)
    for _, cell in sorted([(_spare(draft, cell), cell) for cell in draft.unsound()]):
        while (group := draft.free(cell)) is not None and (goal := _repaired(draft, cell)) is not None:
            yield draft.place(group, cell, goal)


def split(draft: Draft) -> Iterator[Move]:
    """Ranges stay small enough to move."""
    for group in draft.picture.large:
        if draft.may_split(group):
            yield draft.split(group)


def divide(draft: Draft) -> Iterator[Move]:
    """No range is asked for more than the rules want of one."""
    for group in draft.picture.busy:
        if draft.may_split(group):
            yield draft.split(group, busy=True)


def merge(draft: Draft) -> Iterator[Move]:
    """Small, cold neighbours become one range, while who holds anything is there to stay and nothing is broken.

    A merge needs every replica of both, and it is never urgent.
    """
    picture = draft.picture
    if draft.unsound() or not draft.index.on.keys() <= set(draft.targets):
        return
    for group in picture.cold():
        left, cell = picture.neighbours.lefts[group], picture.cell(group)
        if cell is not None and not {left, group} & draft.taken:
            yield draft.merge(group, left, cell)


def part(draft: Draft) -> Iterator[Move]:
    """Replicas that share a host part, if there is a host without one."""
    control = draft.free_control()
    if control is not None and (goal := _parted(draft, control)) is not None:
        yield draft.place(CONTROL_GROUP, control, goal)
    for cell in draft.crowded():
        while (group := draft.free(cell)) is not None:
            goal = _parted(draft, cell)
            if goal is None:
                break
            yield draft.place(group, cell, goal)


def spread(draft: Draft) -> Iterator[Move]:
    """Replicas move from the fullest node to the emptiest, while they differ by more than the gap."""
    while (move := _spread_one(draft)) is not None:
        yield move


def hand_on(draft: Draft) -> Iterator[Move]:
    """A node that drains leads nothing, where another voter may: who leads least. Group 0, which orders this, last."""
    led, pairs = draft.index.led, product(draft.draining, draft.targets)
    for cell in sorted({cell for pair in pairs for cell in led.get(pair, ())}):
        while (heir := _heir(draft, cell)) and (group := draft.free(cell)) is not None:
            yield draft.lead(group, cell, heir)
    control = draft.free_control()
    if control is not None and (heir := _heir(draft, control)):
        yield draft.lead(CONTROL_GROUP, control, heir)


def spread_leaders(draft: Draft) -> Iterator[Move]:
    """Leaders move to the voter that leads least, while both differ by more than the gap."""
    counts = draft.leaders
    gap = _gap(counts, draft.targets, LEADER_GAP_PERCENT)
    moved = True
    while moved:
        moved = False
        for leader, node in _leader_choices(draft, gap):
            for cell in sorted(draft.index.led[leader, node]):
                if counts[leader] - counts[node] <= gap:
                    break
                if draft.can_change(cell) and (group := draft.free(cell)) is not None:
                    moved = True
                    yield draft.lead(group, cell, node)


# In this order, because: lost replicas are what one more death turns into lost keys; a large range is slow to move,
# so it is split before it moves; a busy one is watched for some seconds before it is known where to split it, if at
# all, so these never take all of the room; hosts are about safety, evenness only about speed. Leaders, who go where
# replicas are, come last and cost nothing, so they have a room of their own. Merges wait until all else is well.
RULES: tuple[tuple[Callable[[Draft], Iterator[Move]], int], ...] = (
    (repair, ORDERS_AT_ONCE),
    (split, ORDERS_AT_ONCE),
    (divide, DIVISIONS_AT_ONCE),
    (part, ORDERS_AT_ONCE),
    (spread, ORDERS_AT_ONCE // 2),
    (merge, MERGES_AT_ONCE),
)


def _heir(draft: Draft, cell: Cell) -> int:
    """Who is to lead in place of a node that drains; 0 if the leader stays."""
    heirs = [node for node in cell.voters if node in draft.targets] if cell.leader in draft.draining else []
    return min(heirs, key=lambda node: (draft.leaders[node], node), default=0)


def _spare(draft: Draft, cell: Cell) -> int:
    """How many more live voters the group may lose."""
    live = sum(not draft.is_leaving(node) for node in cell.voters)
    return live - len(cell.voters) // 2 - 1


def _repaired(draft: Draft, cell: Cell) -> tuple[int, ...] | None:
    """Better voters for an unsound group, if there are any and a change can be agreed on."""
    if draft.is_sound(cell) or not draft.has_majority(cell.voters):
        return None
    goal = _goal(draft, cell)
    if (goal == cell.voters and not cell.learners) or not draft.has_majority(goal):
        return None
    return goal


def _goal(draft: Draft, cell: Cell) -> tuple[int, ...]:
    """The best voters for such a group, given where it is."""
    keep = [node for node in cell.voters if not draft.is_leaving(node)]
    while len(keep) > draft.wanted(cell):
        keep.remove(_superfluous(draft, tuple(keep), cell.leader))
    while len(keep) < draft.wanted(cell):
        node = draft.best_target(tuple(keep), cell.learners)
        if node is None:
            break
        keep.append(node)
    # Where there is nowhere to go, replicas stay where they are: first with who is heard, since no change is agreed
    # on without a majority of them; then on a node that leaves before one that is removed or dead.
    rest = [node for node in cell.voters if draft.is_leaving(node)]
    for node in sorted(rest, key=lambda node: (not draft.is_heard(node), _is_lost(draft, node), node)):
        if len(keep) < draft.wanted(cell):
            keep.append(node)
    if len(keep) % 2 == 0 and keep[-1] not in cell.voters:  # never two voters for long (design 9.3)
        keep.pop()
    return tuple(sorted(keep)) if keep else cell.voters


def _is_lost(draft: Draft, node: int) -> bool:
    view = draft.picture.nodes.get(node)
    return view is None or view.state == "removed" or is_dead(view, draft.picture)


def _superfluous(draft: Draft, keep: tuple[int, ...], leader: int) -> int:
    """Which voter goes first: one that crowds a host, one that is silent, not the leader, the fullest."""

    def rank(node: int) -> tuple[bool, bool, bool, int, int]:
        rest = tuple(each for each in keep if each != node)
        crowds = draft.crowding(rest) < draft.crowding(keep)
        return crowds, not draft.is_heard(node), node != leader, draft.replicas[node], node

    return max(keep, key=rank)


def _parted(draft: Draft, cell: Cell) -> tuple[int, ...] | None:
    crowds = draft.crowding(cell.voters)
    if not crowds or not draft.can_change(cell):
        return None
    source = _superfluous(draft, cell.voters, cell.leader)
    rest = tuple(node for node in cell.voters if node != source)
    target = draft.best_target(rest)
    if target is None or draft.crowding((*rest, target)) >= crowds:
        return None
    return (*rest, target)


def _gap(counts: Counter[int], nodes: list[int], percent: int) -> int:
    """By how much two nodes may differ: hysteresis, so that small changes move nothing."""
    return max(1, sum(counts[node] for node in nodes) * percent // (100 * max(1, len(nodes))))


def _spread_one(draft: Draft) -> Move | None:
    counts, nodes = draft.replicas, draft.targets
    gap = _gap(counts, nodes, REPLICA_GAP_PERCENT)
    fullest_first = sorted(nodes, key=lambda node: (-counts[node], node))
    compared = 0
    for source in fullest_first:
        for target in reversed(fullest_first):
            if counts[source] - counts[target] <= gap:
                break
            compared += 1
            if compared > PAIRS_COMPARED_MAX:
                return None
            if (move := _spread_between(draft, source, target)) is not None:
                return move
    return None


def _spread_between(draft: Draft, source: int, target: int) -> Move | None:
    """Move the range that minds least: (strangers, not the leader's own replica)."""
    best: tuple[tuple[int, int, bool, Cell], int, tuple[int, ...]] | None = None
    for cell in draft.cells_on(source):
        if target in cell.voters or len(cell.voters) != draft.picture.rules.replicas:
            continue
        rest = tuple(node for node in cell.voters if node != source)
        if draft.crowding((*rest, target)) > draft.crowding(cell.voters):
            continue
        rank = (*draft.strangers(target, rest), cell.leader == source, cell)
        if best is not None and rank >= best[0]:
            continue
        group = draft.free(cell)
        if group is not None:
            best = (rank, group, (*rest, target))
    return None if best is None else draft.place(best[1], best[0][-1], best[2])


def _leader_choices(draft: Draft, gap: int) -> list[tuple[int, int]]:
    """(leader, another voter that leads so much less) where they share groups; the widest gap first."""
    counts = draft.leaders
    least = min([counts[node] for node in draft.targets], default=0)
    leaders = [node for node in draft.targets if counts[node] - least > gap]
    choices = [
        (counts[node] - counts[leader], leader, node)
        for leader in leaders
        for node in draft.targets
        if counts[leader] - counts[node] > gap and (leader, node) in draft.index.led
    ]
    return [(leader, node) for _, leader, node in sorted(choices)]
