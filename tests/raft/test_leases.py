"""Leases under support between nodes (rules P1 to P7, Z1 to Z7), in random schedules; seeded.

Each scenario that random search finds rarely has a golden script beside this file.
"""

import pytest

from node.raft import messages as m
from node.raft.messages import Role
from node.raft.settings import RaftSettings
from tests.raft.support_cluster import LENGTH, SupportCluster
from tests.raft.test_safety import Schedule

STEPS = 1_200
SETTINGS = RaftSettings(support=True, support_seconds=LENGTH)


class LeaseSchedule(Schedule):
    """The same faults, over a cluster whose nodes support each other, with quiet times in which groups fall asleep."""

    cluster: SupportCluster

    def build(self, seed: int) -> SupportCluster:
        cluster = SupportCluster(3, SETTINGS, self.chance.random)
        cluster.settle_all(40)
        return cluster

    def run(self, steps: int) -> None:
        self.acts = (*self.acts, (self.rest, 1), (self.wake, 1))
        super().run(steps)

    def rest(self) -> None:
        for _ in range(self.chance.randrange(20)):
            self.cluster.tick(0.05)
            for _ in range(20):
                self.deliver()

    def wake(self) -> None:
        self.cluster.step(self.pick(), m.Wake())

    def calm(self) -> None:
        self.cluster.heal()
        self.cluster.settle_all(100)
        self.destroy_removed()
        super().calm()


@pytest.mark.parametrize("seed", range(18))
def test_nobody_is_elected_while_a_lease_runs(seed: int) -> None:
    schedule = LeaseSchedule(seed)
    schedule.run(STEPS)
    assert schedule.cluster.leases, "a lease was held at some time"


def test_an_idle_group_sleeps_and_a_dead_leader_wakes_it() -> None:
    cluster = LeaseSchedule(1).cluster
    cluster.settle_all(40)
    assert all(node.raft.asleep for node in cluster.nodes.values()), "idle: everyone sleeps"
    leader = next(node.raft for node in cluster.nodes.values() if node.raft.role is Role.LEADER)
    assert leader.lease_until > cluster.clock(leader.replica), "and the leader still has its lease"
    cluster.isolate(leader.replica)
    cluster.settle_all(40)
    newer = [node.raft for node in cluster.nodes.values() if node.raft.serves]
    assert [each.replica for each in newer] != [leader.replica], "somebody else leads"
    assert leader.role is not Role.LEADER, "and the old leader has stopped (Z6)"
