"""The driver: carries the policy's moves out, where group 0 leads, for as long as it does.

Owns the steps of each move: learners first, voters when these have caught up, leadership before its replica goes;
ids before a split; both sides on the same nodes before a merge. One order for a range at a time (traps 15). After
every wait it asks whether it still leads. A merge that an older leader left behind is settled before all else.
Left out: another move cut short so is not resumed; the next policy finds the learner and decides anew.
Does not own what is decided (policy.py). Read next: ranges/placement/merger.py, ranges/placement/reporter.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from node.flow import HERE, Behind, Flow, Send, Sleep
from node.machine import Request
from node.messages import AskProgress, ChangeMembers, Done, NotLeader, ProgressIs, Refused, TransferLeader
from ranges.admin import FindLoadKey, FindSplitKey, Split, SplitDone, SplitKeyIs
from ranges.descriptor import Descriptor
from ranges.directory import Directory
from ranges.placement.catalog import Catalog
from ranges.placement.cells import CONTROL_GROUP, Cell
from ranges.placement.config import (
    ASK_SECONDS,
    CATCH_UP_ENTRIES,
    CATCH_UP_SECONDS,
    DECIDE_SECONDS,
    LEARNER_SILENT_SECONDS,
    ORDER_SECONDS,
    ORDER_TRIES,
    REST_AFTER_FAILURE_SECONDS,
    REST_SECONDS,
    SPLIT_KEY_TRIES,
    WATCH_TRIES,
)
from ranges.placement.departures import Departures
from ranges.placement.leaving import OrderNode, PlanNode
from ranges.placement.merger import Merger
from ranges.placement.merges import MergeRange
from ranges.placement.messages import (
    Allocated,
    AllocateGroup,
    MoveLeader,
    MoveReplica,
    PutDescriptors,
    SplitRange,
)
from ranges.placement.moves import ChangeReplicas, MergeRanges, Move, SplitBusy, SplitLarge, groups_of
from ranges.placement.orders import checked
from ranges.placement.policy import decide
from ranges.placement.routes import least_next_replica
from ranges.placement.rows import Merge


class Caller(Protocol):
    """What the driver needs of a router (ranges/router.py)."""

    directory: Directory

    def call_group(self, descriptor: Descriptor, message: Any, seconds: float) -> Flow[Any]:
        """Send to the group's leader; its reply, or None if nobody answered in time."""
        ...


@dataclass(frozen=True, slots=True)
class Leadership:
    """A catalog that leads, and its term."""

    catalog: Catalog
    term: int

    @property
    def lasts(self) -> bool:
        """Whether it still leads in that term. To be asked after every wait."""
        return self.catalog.leads(self.term)


class Driver:
    """One for each node; `run` is what a `Catalog` is given, `services` what the node offers to people.

    1. A group has at most one order under way: `Picture.goals`.
    2. Nothing is sent for a leadership that has ended.
    """

    def __init__(self, router: Caller) -> None:
        self._router = router
        self._merger = Merger(router)
        self._departures = Departures()
        self._leadership: Leadership | None = None

    @property
    def leadership(self) -> Leadership | None:
        """The leadership of group 0 on this node, if there is one now."""
        return self._leadership if self._leadership is not None and self._leadership.lasts else None

    def run(self, catalog: Catalog, term: int) -> Flow[None]:
        """Decide again and again while this leadership lasts."""
        self._leadership = leadership = Leadership(catalog, term)
        while leadership.lasts:
            for merge in list(catalog.merges.under_way.values()):
                if not {merge.left, merge.right} & catalog.picture.goals.keys():
                    yield Behind(self._settle(leadership, merge))
            for move in decide(catalog.look()):
                yield Behind(self.carry_out(leadership, move))
            yield from self._departures.finish(leadership)
            yield Sleep(DECIDE_SECONDS)

    @property
    def services(self) -> dict[type, Callable[[Request], Flow[Any]]]:
        """Orders of people, carried out where group 0 leads; other nodes say where that may be."""
        return dict.fromkeys((SplitRange, MergeRange, MoveReplica, MoveLeader, PlanNode, OrderNode), self._serve)

    def _serve(self, request: Request) -> Flow[Any]:
        leadership = self.leadership
        if leadership is None:
            return NotLeader(CONTROL_GROUP, self._router.directory.leaders.get(CONTROL_GROUP, 0))
        if isinstance(request.message, PlanNode | OrderNode):
            return (yield from self._departures.serve(leadership, request.message))
        move = checked(leadership.catalog, request.message)
        if move is None:
            return Done()
        if isinstance(move, Refused):
            return move
        for group in groups_of(move):
            if group in leadership.catalog.picture.goals:
                return Refused(f"group {group} is being changed, or was a moment ago: try again in some seconds")
        if (yield from self.carry_out(leadership, move)):
            return Done()
        return Refused(f"group {move.group}: not known to be done; list the ranges to see what is")

    def carry_out(self, leadership: Leadership, move: Move) -> Flow[bool]:
        """Carry one move out; whether it is known to be done. The range is left alone for a while after it.

        After a split at a given key it is not: thousands of splits may be ordered, each of what the last one left.
        """
        goals = {move.group: _goal(leadership, move)}
        if isinstance(move, MergeRanges):
            goals[move.left] = leadership.catalog.picture.cell(move.left)
        rests = not (isinstance(move, SplitLarge) and move.at is not None)
        return (yield from self._hold(leadership, goals, self._act(leadership, move), rests))

    def _settle(self, leadership: Leadership, merge: Merge) -> Flow[bool]:
        """End a merge that an older leadership began: nothing else is done with either side meanwhile."""
        goals = {group: leadership.catalog.picture.cell(group) for group in (merge.left, merge.right)}
        return (yield from self._hold(leadership, goals, self._merger.settle(leadership, merge)))

    def _hold(
        self, leadership: Leadership, goals: dict[int, Cell | None], act: Flow[bool], rests: bool = True
    ) -> Flow[bool]:
        """Act on these groups while nobody else does."""
        picture = leadership.catalog.picture
        for group, goal in goals.items():
            picture.begin(group, goal)
        done = yield from act
        for group in goals if leadership.lasts else ():
            picture.rest(group, done)
            if done and not rests:
                picture.halve(group)  # the catalog holds both sides by now: nothing depends on what is reported next
            else:
                yield Behind(_release(leadership, group, REST_SECONDS if done else REST_AFTER_FAILURE_SECONDS))
        return done

    def _act(self, leadership: Leadership, move: Move) -> Flow[bool]:
        match move:
            case ChangeReplicas(group, voters):
                return (yield from self._change(leadership, group, voters))
            case MoveLeader(group, node):
                return (yield from self._transfer(leadership, group, node))
            case SplitLarge(group, at):
                return (yield from self._split(leadership, group, at))
            case SplitBusy(group):
                return (yield from self._divide(leadership, group))
            case MergeRanges(group, left):
                return (yield from self._merge(leadership, group, left))

    # -- replicas --------------------------------------------------------------------------------------------------

    def _change(self, leadership: Leadership, group: int, voters: tuple[int, ...]) -> Flow[bool]:
        cell = leadership.catalog.picture.cell(group)
        if cell is None:
            return False
        added = tuple(node for node in voters if node not in cell.voters)
        if added and not (yield from self._learn(leadership, group, cell, added)):
            return False
        before = yield from self._make_way(leadership, group, cell, voters)
        return bool(before) and (yield from self._members(leadership, group, before, voters, ()))

    def _learn(self, leadership: Leadership, group: int, cell: Cell, added: tuple[int, ...]) -> Flow[bool]:
        """New members learn first, so that they never count before they can follow (thesis 4.2.1).

        Where reports say meanwhile that others vote, the order was made for what had been: nobody is taken back.
        """
        if added != cell.learners and not (
            yield from self._members(leadership, group, cell.voters, cell.voters, added)
        ):
            return False
        for _ in range(int(CATCH_UP_SECONDS / ASK_SECONDS)):
            progress = yield from self._tell(leadership, group, AskProgress())
            if not leadership.lasts or not _votes(leadership, group, cell.voters):
                return False
            if type(progress) is ProgressIs and _has_caught_up(progress, added):
                return True
            nodes = leadership.catalog.look().nodes
            if any(node not in nodes or nodes[node].silent > LEARNER_SILENT_SECONDS for node in added):
                break
            yield Sleep(ASK_SECONDS)
        if _votes(leadership, group, cell.voters):
            yield from self._members(leadership, group, cell.voters, cell.voters, ())
        return False

    def _make_way(
        self, leadership: Leadership, group: int, cell: Cell, voters: tuple[int, ...]
    ) -> Flow[tuple[int, ...]]:
        """A leader whose replica goes hands leadership on first, to one that stays.

        Returns who votes then; nobody where it does not come about.
        """
        progress = yield from self._tell(leadership, group, AskProgress())
        if type(progress) is not ProgressIs or not leadership.lasts:
            return ()
        leader = _leader(progress, (*cell.voters, *voters))
        if leader == 0 or leader in voters:
            return cell.voters
        nodes = leadership.catalog.look().nodes
        before, staying = cell.voters, [node for node in voters if node in cell.voters and node in nodes]
        if not staying:
            # Nobody stays who votes today: all of them vote for a moment.
            before = tuple(sorted({*cell.voters, *voters}))
            if not (yield from self._members(leadership, group, cell.voters, before, ())):
                return ()
            staying = list(voters)
        heir = min(staying, key=lambda node: (nodes[node].state != "up", nodes[node].silent, node))
        return before if (yield from self._transfer(leadership, group, heir)) else ()

    def _members(
        self,
        leadership: Leadership,
        group: int,
        before: tuple[int, ...],
        voters: tuple[int, ...],
        learners: tuple[int, ...],
    ) -> Flow[bool]:
        """Order these members until the order is taken, or reports say that they are there (an answer was lost).

        A core refuses while another change, or an election, is under way.
        """
        for _ in range(ORDER_TRIES):
            reply = yield from self._tell(leadership, group, ChangeMembers(voters, learners, before))
            if type(reply) is Done or (leadership.lasts and _is_placed(leadership, group, voters, learners)):
                return True
            yield Sleep(ASK_SECONDS)
        return False

    # -- leaders ---------------------------------------------------------------------------------------------------

    def _transfer(self, leadership: Leadership, group: int, node: int) -> Flow[bool]:
        """Ask for the transfer, and look until it has come about."""
        cell = leadership.catalog.picture.cell(group)
        if cell is None or type((yield from self._tell(leadership, group, TransferLeader(node)))) is not Done:
            return False
        for _ in range(ORDER_TRIES):
            yield Sleep(ASK_SECONDS)
            progress = yield from self._tell(leadership, group, AskProgress())
            if type(progress) is ProgressIs and _leader(progress, (*cell.voters, node)) == node:
                return True
        return False

    # -- splits and merges -----------------------------------------------------------------------------------------

    def _merge(self, leadership: Leadership, group: int, left: int) -> Flow[bool]:
        """The right moves to the left's nodes first."""
        cell, goal = (leadership.catalog.picture.cell(each) for each in (group, left))
        if cell is None or goal is None or goal.learners:
            return False
        if (cell.voters, cell.learners) != (goal.voters, ()):
            if not (yield from self._change(leadership, group, goal.voters)):
                return False
            if not (yield from self._told(leadership, group, goal.voters)):
                return False
        return (yield from self._merger.merge(leadership, group, left))

    def _told(self, leadership: Leadership, group: int, voters: tuple[int, ...]) -> Flow[bool]:
        """Wait until the catalog has heard where the group lies."""
        for _ in range(ORDER_TRIES * 2):
            if leadership.lasts and _is_placed(leadership, group, voters, ()):
                return True
            yield Sleep(ASK_SECONDS)
        return False

    def _split(self, leadership: Leadership, group: int, at: bytes | None) -> Flow[bool]:
        """Ids first (design 9.5), then the order, then both sides into the catalog at once."""
        key = at if at is not None else (yield from self._split_key(leadership, group))
        if key is None or not leadership.lasts:
            return False
        allocated = yield Send(HERE, CONTROL_GROUP, 0, AllocateGroup(), ORDER_SECONDS)
        if type(allocated) is not Allocated:
            return False
        reply = yield from self._tell(leadership, group, Split(key, allocated.group))
        if type(reply) is not SplitDone:
            return False  # if it was done all the same, the left side's leader reports both
        sides = (reply.left, reply.right)
        put = PutDescriptors(sides, tuple(least_next_replica(side) for side in sides))
        return type((yield Send(HERE, CONTROL_GROUP, 0, put, ORDER_SECONDS))) is Done

    def _divide(self, leadership: Leadership, group: int) -> Flow[bool]:
        """Let the range be watched until it is known where half of its requests lie, then split it there."""
        for _ in range(WATCH_TRIES):
            reply = yield from self._tell(leadership, group, FindLoadKey())
            if type(reply) is not SplitKeyIs:
                return False
            if reply.key is not None:
                return (yield from self._split(leadership, group, reply.key))
            yield Sleep(ASK_SECONDS)
        return False

    def _split_key(self, leadership: Leadership, group: int) -> Flow[bytes | None]:
        for _ in range(SPLIT_KEY_TRIES):
            reply = yield from self._tell(leadership, group, FindSplitKey())
            if type(reply) is not SplitKeyIs:
                return None
            if reply.key is not None:
                return reply.key
        return None

    # -- sending ---------------------------------------------------------------------------------------------------

    def _tell(self, leadership: Leadership, group: int, message: Any) -> Flow[Any]:
        """Send to the group's leader; None if nobody answered or nobody should be asked any more."""
        if not leadership.lasts:
            return None
        if group == CONTROL_GROUP:
            return (yield Send(HERE, CONTROL_GROUP, 0, message, ORDER_SECONDS))
        placed = leadership.catalog.routes.of_group(group)
        if placed is None:
            return None
        return (yield from self._router.call_group(placed.descriptor, message, ORDER_SECONDS))


def _goal(leadership: Leadership, move: Move) -> Cell | None:
    """How the range will be placed when the move is done."""
    cell = leadership.catalog.picture.cell(move.group)
    if cell is None:
        return None
    match move:
        case ChangeReplicas(_, voters):
            return Cell(voters, (), cell.leader if cell.leader in voters else 0)
        case MoveLeader(_, node):
            return cell._replace(leader=node)
        case SplitLarge() | SplitBusy():
            return cell
        case MergeRanges(_, left):
            return leadership.catalog.picture.cell(left)


def _release(leadership: Leadership, group: int, seconds: float) -> Flow[None]:
    yield Sleep(seconds)
    if leadership.lasts:
        leadership.catalog.picture.release(group)


def _votes(leadership: Leadership, group: int, voters: tuple[int, ...]) -> bool:
    cell = leadership.catalog.picture.cell(group)
    return cell is not None and cell.voters == voters


def _is_placed(leadership: Leadership, group: int, voters: tuple[int, ...], learners: tuple[int, ...]) -> bool:
    cell = leadership.catalog.picture.cell(group)
    return cell is not None and (cell.voters, cell.learners) == (voters, learners)


def _has_caught_up(progress: ProgressIs, added: tuple[int, ...]) -> bool:
    match = dict(progress.match)
    return all(match.get(node, 0) > 0 and match[node] + CATCH_UP_ENTRIES >= progress.last for node in added)


def _leader(progress: ProgressIs, members: tuple[int, ...]) -> int:
    """The member that answered: progress is of all others. 0 if it cannot be told."""
    others = {node for node, _ in progress.match}
    return next((node for node in members if node not in others), 0)
