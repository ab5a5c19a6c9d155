"""What draining or decommissioning a node would do: the policy's own decisions, over a picture where it goes. Pure.

Owns the plan, in steps between which others may have their turn, and what makes an order impossible. Of a plan that
is possible, as long as nothing else changes: each replica of the node moves once, and no other does on its account;
where to is chosen when its turn comes, so `targets` is an estimate. Does not own the decisions themselves (policy.py)
nor how they are carried out (departures.py). Read next: ranges/placement/policy.py.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from node.messages import Refused
from ranges.placement.cells import CONTROL_GROUP, Cell
from ranges.placement.config import PLAN_MOVES_AT_ONCE, STUCK_SHOWN_MAX, TARGET_SILENT_SECONDS
from ranges.placement.draft import Draft, is_dead
from ranges.placement.leaving import GOALS, PlanIs
from ranges.placement.messages import MoveLeader
from ranges.placement.moves import ChangeReplicas, Move
from ranges.placement.picture import NodeView, Picture
from ranges.placement.policy import hand_on, repair
from ranges.placement.status import alive_nodes, tolerance

DONE = {"drain": "drained", "decommission": "decommissioned"}


@dataclass(slots=True)
class Tally:
    """What the moves of a plan come to. `goals` are the groups that move, and how each is placed afterwards."""

    goals: dict[int, Cell] = field(default_factory=dict)
    targets: Counter[int] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)


def refusal(state: str | None, node: int, order: str) -> Refused | None:
    """Why a node in that state (None: unknown) cannot be given the order, whatever lies on it."""
    match state, order:
        case None, _:
            return Refused(f"there is no node {node}: `argosy nodes` lists them")
        case "removed", _:
            return Refused(f"node {node} was removed, which is for ever")
        case "leaving", "drain" | "undrain":
            return Refused(f"node {node} is leaving: `argosy recommission {node}` keeps it")
        case "draining", "recommission":
            return Refused(f"node {node} is draining, not leaving: `argosy undrain {node}` ends that")
    return None


def plan(picture: Picture, node: int, order: str) -> Iterator[PlanIs | None]:
    """Nothing, again and again, and at last the plan for a node that the picture knows."""
    view = picture.nodes[node]
    made = picture.as_if({**picture.nodes, node: replace(view, state=GOALS[order])})
    failures = max(0, tolerance(picture.cells, alive_nodes(picture)))
    draft, tally = Draft(made), Tally()
    for count, move in enumerate(hand_on(draft) if order == "drain" else repair(draft), 1):
        _count(made, node, move, tally)
        if count % PLAN_MOVES_AT_ONCE == 0:
            yield None
    stuck = _stuck(draft, node, tally, order)
    names = sorted((group, why) for why, groups in stuck.items() for group in groups)
    cells = made.index.on.get(node, set())
    held = [made.cells[cell] for cell in cells]
    led = [len(made.cells[cell]) for cell in cells if node == cell.leader]
    yield PlanIs(
        node,
        order,
        view.state,
        is_dead(view, picture),
        int(view.silent * 1000),
        sum(map(len, held)),
        sum(led),
        tally.sizes.total(),
        sum(made.facts(group).term == 0 for members in held for group in members - {CONTROL_GROUP}),
        tuple((each, count, tally.sizes[each]) for each, count in sorted(tally.targets.items())),
        failures,
        max(0, tolerance(_cells_after(made, tally), alive_nodes(made) - {node})),
        len(names),
        tuple(names[:STUCK_SHOWN_MAX]),
        _why(draft, view, order, names),
    )


def _count(picture: Picture, node: int, move: Move, tally: Tally) -> None:
    cell = picture.cell(move.group)
    assert cell is not None, "what moves is known"
    match move:
        case MoveLeader(group, target) if cell.leader == node:
            tally.goals[group] = cell._replace(leader=target)
            tally.targets[target] += 1
        case ChangeReplicas(group, voters) if node in cell.nodes:
            tally.goals[group] = Cell(voters, (), cell.leader if cell.leader in voters else 0)
            facts = picture.facts(group)
            for target in set(voters) - set(cell.voters):
                tally.targets[target] += 1
                tally.sizes[target] += facts.size


def _cells_after(picture: Picture, tally: Tally) -> set[Cell]:
    moved = tally.goals.keys()
    return {cell for cell, members in picture.cells.items() if members - moved} | set(tally.goals.values())


# -- what is impossible ----------------------------------------------------------------------------------------------


def _stuck(draft: Draft, node: int, tally: Tally, order: str) -> dict[str, list[int]]:
    """The groups that hinder the order, by reason."""
    found: dict[str, list[int]] = {}
    for cell in draft.index.on.get(node, ()):
        members = draft.picture.cells[cell]
        left = members - tally.goals.keys()
        if order == "drain":
            why = _why_needed(draft, cell, node)
            hindered = set(members) if why else left if cell.leader == node else set()
            why = why or "none of the others that hold it may lead it"
        else:
            stayed = {group for group in members & tally.goals.keys() if node in tally.goals[group].voters}
            hindered = left | stayed
            why = _why_here(draft, cell)
        if hindered:
            found.setdefault(why, []).extend(hindered)
    return found


def _why_needed(draft: Draft, cell: Cell, node: int) -> str:
    """Why the group does not go on while the node is stopped, empty if it does."""
    rest = [each for each in cell.voters if each != node and draft.is_heard(each)]
    if node not in cell.voters or len(rest) > len(cell.voters) // 2:
        return ""
    if len(cell.voters) == 1:
        return "it has its only replica there, and stops with it: add nodes, or move it first"
    return "its other live replicas are no majority, so it stops with this one: start their nodes first"


def _why_here(draft: Draft, cell: Cell) -> str:
    """Why the group does not leave."""
    wanted, places = draft.wanted(cell), len(draft.targets)
    if not draft.has_majority(cell.voters):
        return "its live replicas are no majority, so nothing about it can change: start the others' nodes first"
    if places < wanted:
        return f"it is to have {wanted} replicas, and {places} nodes may hold them: add a node, or have fewer replicas"
    return "no other members can be agreed on now: try again when all its nodes are up"


def _why(draft: Draft, view: NodeView, order: str, stuck: list[tuple[int, str]]) -> str:
    """Why the order is impossible, and what to do; empty if it is not."""
    node, picture = view.node, draft.picture
    others = [each for each in picture.nodes.values() if each.node != node and each.state != "removed"]
    if not others:
        return f"node {node} is the only node: add another first"
    if order == "drain" and not draft.is_heard(node):
        return f"node {node} has not been heard of for {int(view.silent)} s: there is nothing that it could hand on"
    if not stuck:
        return ""
    group, why = stuck[0]
    name = "group 0" if group == CONTROL_GROUP else f"range {group}"
    which = name if len(stuck) == 1 else f"{len(stuck)} groups, the first is {name}"
    unable = ", ".join(f"node {each.node} is {text}" for each in others if (text := _unable(picture, each)))
    return f"node {node} cannot be {DONE[order]} ({which}): {why}{f' ({unable})' if unable else ''}"


def _unable(picture: Picture, view: NodeView) -> str:
    """Why a node takes nothing, empty if it does."""
    if is_dead(view, picture):
        return "dead"
    if view.state != "up":
        return view.state
    return "" if view.silent < TARGET_SILENT_SECONDS else "silent"
