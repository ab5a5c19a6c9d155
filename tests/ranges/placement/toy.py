"""A toy cluster for tests of the policy: a picture, and moves that succeed at once."""

from collections import Counter

from ranges.placement.cells import CONTROL_GROUP
from ranges.placement.messages import MoveLeader, Rules
from ranges.placement.moves import ChangeReplicas, MergeRanges, Move
from ranges.placement.picture import Facts, NodeView, Picture
from ranges.placement.policy import decide


class Toy:
    """Nodes and ranges; `step` decides once and carries every move out."""

    def __init__(self, nodes: int = 0, rules: Rules | None = None, hosts: tuple[str, ...] = ()) -> None:
        self.picture = Picture(rules or Rules())
        self.terms: Counter[int] = Counter()
        self.next_group = 1
        for node in range(1, nodes + 1):
            self.node(node, hosts[node - 1] if hosts else "")

    def node(self, node: int, host: str = "", state: str = "up", silent: float = 0.0, short: str = "") -> None:
        self.picture.see({**self.picture.nodes, node: NodeView(node, host, state, silent, short)}, self.picture.now)

    def state(self, node: int, state: str) -> None:
        self.node(node, self.picture.nodes[node].host, state, self.picture.nodes[node].silent)

    def dies(self, node: int) -> None:
        """Silent for longer than the grace; its leaders are elected elsewhere."""
        self.node(node, self.picture.nodes[node].host, self.picture.nodes[node].state, 1e6)
        for cell, groups in list(self.picture.cells.items()):
            live = [each for each in cell.voters if self.is_live(each)]
            if cell.leader == node and live:
                for group in list(groups):
                    self.leader(group, live[group % len(live)])

    def is_live(self, node: int) -> bool:
        return self.picture.nodes[node].silent < 3

    def ranges(self, count: int, *voters: int, leader: int = 0, size: int = 0) -> None:
        for _ in range(count):
            self.range(self.next_group, *voters, leader=leader, size=size)
            self.next_group += 1

    def range(self, group: int, *voters: int, leader: int = 0, size: int = 0, learners: tuple[int, ...] = ()) -> None:
        self.picture.place(group, voters, learners)
        self.leader(group, leader or voters[0], size)

    def leader(self, group: int, node: int, size: int | None = None) -> None:
        self.terms[group] += 1
        size = self.picture.facts(group).size if size is None else size
        self.picture.report(group, Facts(self.terms[group], node, size, 0))

    def step(self) -> tuple[Move, ...]:
        moves = decide(self.picture)
        assert len({move.group for move in moves}) == len(moves), "one move for a group at a time (traps 15)"
        for move in moves:
            self.carry_out(move)
        self.picture.check()
        return moves

    def carry_out(self, move: Move) -> None:
        cell = self.picture.cell(move.group)
        assert cell is not None
        if isinstance(move, ChangeReplicas):
            self.picture.place(move.group, move.voters)
            if cell.leader not in move.voters:
                live = [node for node in move.voters if self.is_live(node)]
                self.leader(move.group, live[0])
        elif isinstance(move, MoveLeader):
            assert move.node in cell.voters, "only a voter may lead"
            self.leader(move.group, move.node)
        elif isinstance(move, MergeRanges):
            size = self.picture.facts(move.group).size + self.picture.facts(move.left).size
            self.picture.forget(move.group)
            self.leader(move.left, self.picture.facts(move.left).leader, size)
        else:
            half = self.picture.facts(move.group).size // 2
            self.leader(move.group, cell.leader, half)
            self.range(self.next_group, *cell.voters, leader=cell.leader, size=half)
            self.next_group += 1

    def until_quiet(self, most: int = 1000) -> list[Move]:
        done: list[Move] = []
        for _ in range(most):
            moves = self.step()
            if not moves:
                return done
            done += moves
        raise AssertionError(f"still moving after {most} decisions: {moves}")

    def replicas(self) -> Counter[int]:
        counts: Counter[int] = Counter()
        for cell, groups in self.picture.cells.items():
            for node in cell.voters:
                counts[node] += len(groups - {CONTROL_GROUP})
        return counts

    def leaders(self) -> Counter[int]:
        counts: Counter[int] = Counter()
        for cell, groups in self.picture.cells.items():
            counts[cell.leader] += len(groups - {CONTROL_GROUP})
        return counts

    def partners(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for cell in self.picture.cells:
            for node in cell.voters:
                found.setdefault(node, set()).update(set(cell.voters) - {node})
        return found
