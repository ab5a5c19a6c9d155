"""Reads nearby in the simulated world: replicas that do not lead do answer, and an idle range costs nobody anything."""

from collections import Counter

import pytest

from argosy.testing.simulation import ClientStation, Simulation
from txn.database import Database
from txn.nearby import Nearby, Permission
from txn.replies import Rows, Values

QUIET_SECONDS = 5.0


@pytest.fixture
def counts(monkeypatch):
    """How replicas that do not lead came to answer, and how often a leader was asked."""
    found = Counter()
    answer, read = Nearby.answer, Permission.read

    def counted(self, machine, request, granted):
        reply = answer(self, machine, request, granted)
        if isinstance(reply, Values | Rows):
            found["by leave" if granted is not None else "quiet"] += 1
        return reply

    def asked(self, *rest):
        found["asked"] += 1
        return read(self, *rest)

    monkeypatch.setattr(Nearby, "answer", counted)
    monkeypatch.setattr(Permission, "read", asked)
    return found


def test_most_reads_are_answered_without_the_leader(counts):
    for seed in range(4):
        Simulation(seed, "followers", seconds=20.0).run()
    assert counts["by leave"] > 20
    assert counts["quiet"] > 20


class Idle(Simulation):
    """Three nodes and a reader on one that does not lead; nothing goes wrong."""

    def __init__(self) -> None:
        super().__init__(4, "bank", nodes=3, clients=1)
        self.form()
        self.wait(self.workload.prepare(self.operator.database))
        while any(len(node.host.replicas.groups) < 2 for node in self.cluster.nodes):
            self.world.run(0.5)
        self.world.run(QUIET_SECONDS)
        follower = next(node for node in self.cluster.nodes if not node.host.replicas.groups[1].leading)
        self.reader = ClientStation(self.world, "reader", [follower.address])
        self.near = Database(self.reader.client.router, nearest=True)

    def wait(self, flow):
        return self._wait("an answer", 30.0, flow)

    def read(self, flow):
        found = []
        self.reader.run(flow, found.append)
        assert self.world.run(30.0, lambda: bool(found))
        return found[0]

    def asleep(self):
        return all(node.host.replicas.groups[1].raft.asleep for node in self.cluster.nodes)


def test_a_sleeping_range_is_read_nearby_and_sleeps_on(counts):
    idle = Idle()
    idle.read(idle.near.get(b"account-00"))  # it learns where the range is
    idle.world.run(QUIET_SECONDS)
    assert idle.asleep()
    counts.clear()
    assert idle.read(idle.near.get(b"account-01")) == b"100"
    snapshot = idle.read(idle.near.snapshot(staleness=2.0))
    assert len(idle.read(snapshot.scan())) == len(idle.workload.keys)
    assert dict(counts) == {"by leave": 2, "asked": 2}
    for key in idle.workload.keys:
        assert idle.read(snapshot.get(key)) == b"100"
    again = idle.read(idle.near.snapshot(staleness=2.0))
    assert len(idle.read(again.scan(reverse=True))) == len(idle.workload.keys)
    assert counts["asked"] == 2 and counts["quiet"] == len(idle.workload.keys) + 1
    assert idle.asleep()


def test_a_read_right_after_a_write_is_answered_when_its_index_has_come(counts):
    idle = Idle()
    for number in range(5):
        idle.read(idle.near.get(b"account-00"))
        idle.wait(idle.operator.database.put(b"account-00", b"%d" % number))
        counts.clear()
        assert idle.read(idle.near.get(b"account-00")) == b"%d" % number
        assert dict(counts) == {"by leave": 1, "asked": 1}
