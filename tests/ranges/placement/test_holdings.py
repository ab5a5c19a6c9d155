from dataclasses import dataclass
from typing import Any

from node.flow import Flow
from node.ports import Identity
from node.raft.messages import Configuration, Member
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.placement.holdings import HostHoldings
from ranges.placement.reporter import Stamp
from tests.ranges.fakes import FakeView

TWO = Configuration(3, 7, (Member(1, 1), Member(4, 2)))


@dataclass(eq=False)
class FakeGroup:
    machine: Any
    replica: int = 1
    leading: int = 0
    configuration: Configuration = TWO


class FakeReplicas:
    def __init__(self) -> None:
        self.groups: dict[int, FakeGroup] = {}
        self.dropped: list[tuple[int, int]] = []

    def drop(self, group: int, replica: int) -> None:
        self.dropped.append((group, replica))


class FakeHost:
    def __init__(self) -> None:
        self.identity = Identity(b"c" * 16, 1, 2, "host1:1")
        self.replicas = FakeReplicas()
        self.stirred: dict[int, None] = {}

    def take_stirred(self) -> dict[int, None]:
        stirred, self.stirred = self.stirred, {}
        return stirred


def machine() -> RangeMachine:
    def settle(_: Any) -> Flow[None]:
        raise AssertionError("nothing to settle")

    def tick() -> Flow[int | None]:
        return None
        yield

    made = RangeMachine(3, FakeView(), first_mark(b"\x01", b"\xff"), settle, tick)
    made.configuration = TWO
    return made


def holdings() -> tuple[FakeHost, HostHoldings]:
    host = FakeHost()
    return host, HostHoldings(host, lambda addresses, routes: None)  # type: ignore[arg-type]


def test_only_groups_that_moved_are_named_again() -> None:
    host, each = holdings()
    host.stirred = {3: None, 4: None}
    assert sorted(each.changed()) == [3, 4]
    assert sorted(each.changed()) == []
    host.stirred = {4: None}
    assert sorted(each.changed()) == [4]


def test_a_range_is_described_by_its_machine_and_its_members() -> None:
    host, each = holdings()
    host.replicas.groups = {3: FakeGroup(machine(), leading=8)}
    held = each.held(3)
    assert held is not None
    assert held.descriptor is not None
    assert (held.group, held.replica, held.term, held.next_replica, held.asked) == (3, 1, 8, 7, 0)
    assert (held.descriptor.configuration_version, [each.node for each in held.descriptor.replicas]) == (3, [1, 2])
    assert held.beside is None
    assert each.who() == (1, 2, "host1:1")


def test_a_stamp_is_another_one_when_a_report_would_be() -> None:
    host, each = holdings()
    assert each.stamp(3) is None
    host.replicas.groups = {3: FakeGroup(machine(), leading=8), 0: FakeGroup(None, replica=2, leading=4)}
    assert each.stamp(3) == Stamp(1, 8, (1, 3), 0, 0)
    assert each.stamp(0) == Stamp(2, 0, (0, 0), 0, 0), "group 0 is not reported as led"
    host.replicas.groups[3].machine.split(b"m", 9, TWO)
    assert each.stamp(3) == Stamp(1, 8, (2, 3), 0, 0)


def test_the_right_side_of_a_split_stands_beside() -> None:
    host, each = holdings()
    split = machine()
    split.split(b"m", 9, TWO)
    host.replicas.groups = {3: FakeGroup(split)}
    held = each.held(3)
    assert held is not None
    assert held.beside is not None
    assert (held.beside.group, held.beside.start, held.beside.end) == (9, b"m", b"\xff")


def test_what_is_no_range_is_only_held() -> None:
    host, each = holdings()
    host.replicas.groups = {0: FakeGroup(None, replica=2, leading=4)}
    held = each.held(0)
    assert held is not None
    assert (held.group, held.replica, held.term, held.descriptor) == (0, 2, 0, None)
    assert each.held(8) is None


def test_a_drop_reaches_the_host() -> None:
    host, each = holdings()
    each.drop(3, 1)
    assert host.replicas.dropped == [(3, 1)]


def test_a_frozen_replica_stays_while_its_heir_is_here_to_absorb_it() -> None:
    """The heir may be behind, and is to find it when it applies the merge (M3); when it is gone nobody will."""
    host, each = holdings()
    frozen = machine()
    frozen.freeze(5, 8)
    host.replicas.groups = {3: FakeGroup(frozen), 8: FakeGroup(None)}
    each.drop(3, 1)
    assert not host.replicas.dropped
    behind = machine()
    host.replicas.groups[8] = FakeGroup(behind)
    each.drop(3, 1)
    assert not host.replicas.dropped
    behind.thaw(5)
    each.drop(3, 1)
    assert host.replicas.dropped == [(3, 1)], "a snapshot has brought the heir past the merge, and past a later split"
    del host.replicas.groups[8]
    each.drop(3, 1)
    assert host.replicas.dropped == [(3, 1)] * 2
