"""`bench policy`: placement decisions of a large cluster in which a node dies; no node runs, time is counted in rounds.

Owns a picture of many nodes and ranges, and what moves do to it: each is under way for some rounds, then its range
rests, as with the driver. Does not own what is decided (ranges/placement/policy.py). Read next:
ranges/placement/picture.py.
"""

import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.cluster import BenchFailed
from ranges.placement.cells import CONTROL_GROUP, Cell
from ranges.placement.config import DECIDE_SECONDS, REST_SECONDS
from ranges.placement.messages import MoveLeader, Rules
from ranges.placement.moves import ChangeReplicas, Move
from ranges.placement.picture import Facts, NodeView, Picture
from ranges.placement.policy import decide

REPLICAS = 3
PERMUTATIONS = 4  # each gives a node two partners: as many as the policy wants in all
RANGE_BYTES = 12 << 20  # two of them are too large to merge
HOSTS_SHARED = 2  # of the labelled half of the nodes, so many share a host
CHANGE_ROUNDS = 4  # a learner comes, catches up, and votes
REST_ROUNDS = int(REST_SECONDS / DECIDE_SECONDS)
QUIET_ROUNDS = 100
ROUNDS_MAX = 100_000
SILENT_SECONDS = 1e6
TOLD_EVERY_SECONDS = 2.0
SEED = 1


class Model:
    """Nodes, ranges, and orders that are under way; `step` is one round."""

    def __init__(self, nodes: int, ranges: int, mixed: bool) -> None:
        self.picture = Picture(Rules(replicas=REPLICAS))
        self.now = 1e4
        self.views = {node: NodeView(node, _host(node, nodes), "up", 0.0) for node in range(1, nodes + 1)}
        self.seconds: list[float] = []
        self.moves = 0
        self._due: defaultdict[int, list[tuple[Move, bool]]] = defaultdict(list)
        self._terms: Counter[int] = Counter()
        self._chance = random.Random(SEED)
        self._look()
        places = self._mixed() if mixed else self._gathered()
        self.picture.place(CONTROL_GROUP, next(places))
        for group in range(1, ranges + 1):
            voters = next(places)
            self.picture.place(group, voters)
            self._lead(group, self._chance.choice(voters))
            self.picture.adjoin(group, group - 1)

    def kill(self, node: int) -> None:
        """The node falls silent for longer than the grace; others lead its ranges."""
        self.views[node] = NodeView(node, self.views[node].host, "up", SILENT_SECONDS)
        for group in range(len(self.picture)):
            cell = self.picture.cell(group)
            if cell is not None and cell.leader == node:
                self._lead(group, self._chance.choice([each for each in cell.voters if each != node]))

    def step(self) -> int:
        """Decide, and let every order go on by a round; how many were decided, under way or at rest."""
        self._look()
        began = time.process_time()  # a decision only computes: what else this machine does is no part of it
        moves = decide(self.picture)
        self.seconds.append(time.process_time() - began)
        self.moves += len(moves)
        rounds = len(self.seconds)
        for move in moves:
            self.picture.begin(move.group, self._goal(move))
            self._due[rounds + (CHANGE_ROUNDS if isinstance(move, ChangeReplicas) else 1)].append((move, False))
        due = self._due.pop(rounds, [])
        for move, rested in due:
            if rested:
                self.picture.release(move.group)
            else:
                self._carry_out(move)
                self._due[rounds + REST_ROUNDS].append((move, True))
        return len(moves) + len(due) + len(self._due)

    def check(self, dead: int) -> None:
        """Raises BenchFailed unless each group is whole, off the dead node, on hosts of its own."""
        self.picture.check()
        for cell in self.picture.cells:
            hosts = {self.views[node].host or str(node) for node in cell.voters}
            if len(cell.voters) != REPLICAS or len(hosts) != REPLICAS or dead in cell.voters or cell.learners:
                raise BenchFailed(f"a range ends on {cell}, which is not what is wanted")

    def counts(self) -> tuple[Counter[int], Counter[int], int]:
        """Replicas and leaders by node, and the largest number of partners that a node has."""
        replicas: Counter[int] = Counter()
        leaders: Counter[int] = Counter()
        partners: defaultdict[int, set[int]] = defaultdict(set)
        for cell, members in self.picture.cells.items():
            leaders[cell.leader] += len(members)
            for node in cell.voters:
                replicas[node] += len(members)
                partners[node].update(cell.voters)
        return replicas, leaders, max(len(each) - 1 for each in partners.values())

    def _look(self) -> None:
        self.now += DECIDE_SECONDS
        self.picture.see(self.views, self.now)

    def _gathered(self) -> Iterator[tuple[int, ...]]:
        """Few partners for each node, as the policy wants it (copysets)."""
        found: list[tuple[int, ...]] = []
        while len(found) < PERMUTATIONS * (len(self.views) // REPLICAS):
            left = self._chance.sample(sorted(self.views), len(self.views))
            triples = [tuple(left[first : first + REPLICAS]) for first in range(0, len(left), REPLICAS)]
            whole = [each for each in triples if len(each) == REPLICAS]
            found += whole if all(map(self._apart, whole)) else []
        while True:
            yield from found

    def _mixed(self) -> Iterator[tuple[int, ...]]:
        """Any nodes with any others: nearly as many different placements as ranges."""
        nodes = sorted(self.views)
        while True:
            voters = tuple(self._chance.sample(nodes, REPLICAS))
            if self._apart(voters):
                yield voters

    def _apart(self, voters: tuple[int, ...]) -> bool:
        return len({self.views[node].host or str(node) for node in voters}) == len(voters)

    def _lead(self, group: int, node: int) -> None:
        self._terms[group] += 1
        self.picture.report(group, Facts(self._terms[group], node, RANGE_BYTES, 0))

    def _goal(self, move: Move) -> Cell | None:
        cell = self.picture.cell(move.group)
        if cell is None or not isinstance(move, ChangeReplicas | MoveLeader):
            raise BenchFailed(f"{move} is decided, of which there is no need")
        if isinstance(move, MoveLeader):
            return cell._replace(leader=move.node)
        return Cell(move.voters, (), cell.leader if cell.leader in move.voters else 0)

    def _carry_out(self, move: Move) -> None:
        cell = self.picture.cell(move.group)
        if isinstance(move, ChangeReplicas) and cell is not None:
            self.picture.place(move.group, move.voters)
            if cell.leader not in move.voters:
                self._lead(move.group, next(node for node in move.voters if node in cell.voters))
        elif isinstance(move, MoveLeader):
            self._lead(move.group, move.node)
        self.picture.rest(move.group, done=True)


def run(nodes: int, ranges: int, mixed: bool) -> list[dict[str, Any]]:
    """A JSON line for the cluster before the death, one for what follows it."""
    model = Model(nodes, ranges, mixed)
    rows = [_settled(model, "spread", 0)]
    dead = nodes // 2
    model.kill(dead)
    rows.append(_settled(model, "death", dead))
    return [{"peer": "argosy", "nodes": nodes, "ranges": ranges, **row} for row in rows]


def _settled(model: Model, operation: str, dead: int) -> dict[str, Any]:
    """Rounds until nothing is to be done, then as many again to see that it stays so."""
    model.seconds, model.moves = [], 0
    told = time.monotonic()
    while model.step():
        if len(model.seconds) >= ROUNDS_MAX:
            raise BenchFailed(f"moves have not come to an end after {ROUNDS_MAX} rounds")
        if time.monotonic() - told >= TOLD_EVERY_SECONDS:
            told = time.monotonic()
            print(f"{operation}: {len(model.seconds)} rounds, {model.moves} moves", file=sys.stderr, flush=True)
    busy, moves = model.seconds, model.moves
    model.seconds = []
    for _ in range(QUIET_ROUNDS):
        if model.step():
            raise BenchFailed("something moves although all was done")
    model.check(dead)
    replicas, leaders, partners = model.counts()
    living = [node for node in sorted(model.views) if node != dead]
    return {
        "operation": operation,
        "placements": len(model.picture.cells),
        "rounds": len(busy),
        "moves": moves,
        "slowest_round_ms": round(max(busy) * 1e3, 2),
        "median_round_ms": round(median(busy) * 1e3, 2),
        "quiet_round_ms": round(median(model.seconds) * 1e3, 3),
        "replicas_per_node": [min(replicas[node] for node in living), max(replicas[node] for node in living)],
        "leaders_per_node": [min(leaders[node] for node in living), max(leaders[node] for node in living)],
        "partners_max": partners,
    }


def _host(node: int, nodes: int) -> str:
    """Half of the nodes share hosts, the others have no label."""
    return f"host {node // HOSTS_SHARED}" if node <= nodes // 2 else ""
