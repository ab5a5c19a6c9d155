"""Random schedules of a small cluster: loss, copies, reordering, crashes, held disks, changes; seeded.

The checks are in tests/raft/cluster.py (paper figure 3); here only log matching is added, which needs two logs.
"""

import random

import pytest

from node.raft import messages as m
from node.raft.membership import members
from node.raft.messages import Role
from node.raft.settings import RaftSettings
from tests.raft.cluster import Cluster

STEPS = 1_500


class Schedule:
    """One seed's choices."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.cluster = self.build(seed)
        self.proposed = 0
        self.acts = (
            (self.deliver, 60), (self.tick, 14), (self.propose, 8), (self.disk, 4), (self.lose, 2), (self.copy, 2),
            (self.restart, 1), (self.cut, 1), (self.heal, 1), (self.change, 1), (self.compact, 1), (self.transfer, 1),
            (self.read, 1),
        )  # fmt: skip

    def build(self, seed: int) -> Cluster:
        settings = RaftSettings(
            pre_vote=seed % 3 != 0, check_quorum=seed % 4 != 0, in_flight_appends_max=3, entries_per_append_max=3
        )
        return Cluster(self.chance.choice((3, 3, 5)), 0, settings, self.chance.random)

    def run(self, steps: int) -> None:
        acts, weights = zip(*self.acts, strict=True)
        for act in self.chance.choices(acts, weights, k=steps):
            act()
        self.calm()

    def calm(self) -> None:
        """Faults end: somebody leads, and everything proposed reaches every member."""
        cluster = self.cluster
        cluster.heal()
        for node in cluster.nodes.values():
            node.held = False
            cluster.sync(node)
            cluster.settle(node)
        for _ in range(100):
            cluster.tick(0.1)
            cluster.deliver_all()
            self.destroy_removed()
        leader = next(n.raft for n in cluster.nodes.values() if n.raft.role is Role.LEADER and n.raft.serves)
        assert not leader.configuration.outgoing, "a joint configuration is left by itself"
        for each in cluster.nodes.values():
            if cluster_member(leader, each.replica):
                assert each.raft.applied == leader.log.last_index, "every member catches up"
                assert each.rows == cluster.nodes[leader.replica].rows, "and holds the same"
        log_matching(cluster)

    def destroy_removed(self) -> None:
        """Who the committed configuration does not name is destroyed, as the catalog would have it."""
        nodes = self.cluster.nodes
        newest = max(nodes.values(), key=lambda node: node.configuration.version).configuration
        for replica in sorted(set(nodes) - {each.replica for each in members(newest)}):
            del nodes[replica]
            self.cluster.cuts |= {(other, replica) for other in nodes}

    def pick(self) -> int:
        return self.chance.choice(sorted(self.cluster.nodes))

    def deliver(self) -> None:
        if self.cluster.queue:
            late = self.chance.random() < 0.1
            self.cluster.deliver(self.chance.randrange(len(self.cluster.queue)) if late else 0)

    def tick(self) -> None:
        self.cluster.tick(self.chance.choice((0.02, 0.05, 0.1, 0.3)), (self.pick(), self.pick()))

    def propose(self) -> None:
        for replica, node in sorted(self.cluster.nodes.items()):
            if node.raft.accepts_proposals:
                bodies = [b"%d" % (self.proposed + k) for k in range(self.chance.randrange(1, 6))]
                self.proposed += len(bodies)
                self.cluster.propose(replica, *bodies)

    def disk(self) -> None:
        node = self.cluster.nodes[self.pick()]
        node.held = not node.held and self.chance.random() < 0.5
        if not node.held:
            self.cluster.sync(node)
            self.cluster.settle(node)

    def lose(self) -> None:
        if self.cluster.queue:
            self.cluster.queue.pop(self.chance.randrange(len(self.cluster.queue)))

    def copy(self) -> None:
        if self.cluster.queue:
            self.cluster.queue.append(self.chance.choice(self.cluster.queue))

    def restart(self) -> None:
        self.cluster.restart(self.pick())

    def cut(self) -> None:
        if self.chance.random() < 0.3:
            self.cluster.isolate(self.pick())
        else:
            self.cluster.cuts.add((self.pick(), self.pick()))

    def heal(self) -> None:
        self.cluster.heal()

    def change(self) -> None:
        """Any set of voters and learners; a new node among them has the number of its replica."""
        for replica, node in sorted(self.cluster.nodes.items()):
            if node.raft.role is Role.LEADER and len(self.cluster.nodes) < 9:
                known = [each.node for each in node.raft.configuration.voters + node.raft.configuration.learners]
                nodes = self.chance.sample([*known, node.raft.configuration.next_replica], k=min(4, len(known) + 1))
                self.cluster.step(replica, m.Change(tuple(nodes[:3]), tuple(nodes[3:])))

    def compact(self) -> None:
        node = self.cluster.nodes[self.pick()]
        if node.raft.applied == node.disk.last() and not node.held and node.raft.applied > node.raft.log.offset:
            self.cluster.compact(node.replica, self.chance.randint(node.raft.log.offset + 1, node.raft.applied))

    def transfer(self) -> None:
        for replica, node in sorted(self.cluster.nodes.items()):
            if node.raft.role is Role.LEADER:
                self.cluster.step(replica, m.Transfer(self.pick()))

    def read(self) -> None:
        """A round's index covers everything that was committed anywhere before the round was asked for."""
        cluster = self.cluster
        token = len(cluster.asked)
        cluster.asked[token] = max(cluster.committed, default=0)
        cluster.step(self.pick(), m.ReadRound(token))


def cluster_member(leader: object, replica: int) -> bool:
    configuration = leader.configuration  # type: ignore[attr-defined]
    return any(each.replica == replica for each in configuration.voters + configuration.learners)


def log_matching(cluster: Cluster) -> None:
    """Two logs that agree at an index agree below it (paper 5.3)."""
    rafts = [node.raft for node in cluster.nodes.values()]
    for one in rafts:
        for other in rafts:
            final = min(one.log.last_index, other.log.last_index)
            first = max(one.log.offset, other.log.offset) + 1
            while final >= first and one.log.term(final) != other.log.term(final):
                final -= 1
            if final < first:
                continue  # nothing in common that both still hold
            assert one.log.slice(first, final) == other.log.slice(first, final), "log matching"


@pytest.mark.parametrize("seed", range(24))
def test_random_schedules_are_safe_and_end_well(seed: int) -> None:
    Schedule(seed).run(STEPS)
