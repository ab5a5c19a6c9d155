"""Merges in the simulated world, one at a time: in peace, and with a node that dies or is cut off at any step."""

from typing import Any

import pytest

from argosy.testing.simulation import Simulation
from argosy.testing.ways import NEAR
from node import replicas
from node.codec import decode
from node.messages import Done, DurableIs, Refused
from node.ports import Frame, Kind
from ranges.keys import USER
from ranges.placement.merges import MergeRange
from ranges.placement.messages import ListRanges, SplitRange

PATIENCE_SECONDS = 120.0


class Joined(Simulation):
    """Three nodes with a range split in two; nothing goes wrong but what a test does."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, "bank", nodes=3)
        self.world.network.ways = NEAR
        self.form()
        self.ask_until_done(lambda: SplitRange(USER + b"m"))
        self.until(lambda: len(self.groups()) == 2)

    def ask(self, message: Any) -> Any:
        return self._wait(str(message), PATIENCE_SECONDS, self.operator.client.router.control(message, 20.0))

    def ask_until_done(self, message: Any) -> None:
        def done() -> bool:
            return isinstance(self.ask(message()), Done)

        self.until(done)

    def until(self, fact: Any) -> None:
        end = self.world.now + PATIENCE_SECONDS
        while not fact():
            assert self.world.now < end, "it does not come"
            self.world.run(0.5)

    def ranges(self) -> list[bytes]:
        return [each.descriptor.start for each in self.ask(ListRanges(USER, 9)).ranges]

    def groups(self) -> set[int]:
        """What lies on all nodes alike, if they agree."""
        held = [set(node.host.replicas.groups) - {0} for node in self.cluster.nodes if node.up]
        return held[0] if all(each == held[0] for each in held) else set()

    def rested(self) -> "Joined":
        """Every group has three voters, and is left alone."""
        self.until(lambda: all(len(each.descriptor.replicas) == 3 for each in self.ask(ListRanges(USER, 9)).ranges))
        self.world.run(15.0)
        return self


def test_a_merge_joins_two_ranges_on_every_node():
    world = Joined(1).rested()
    assert world.ask(MergeRange(USER + b"m")) == Done()
    assert len(world.ranges()) == 1
    world.world.run(1.0)
    assert world.groups() == {1}
    assert "no range begins" in world.ask(MergeRange(USER + b"m")).why
    world.cluster.compare()


def test_a_node_that_is_away_ends_a_merge_before_it_freezes_anything():
    world = Joined(2).rested()
    world.cluster.nodes[2].crash()
    reply = world.ask(MergeRange(USER + b"m"))
    assert type(reply) is Refused
    assert not any(frozen(world))
    world.cluster.nodes[2].restart()
    world.ask_until_done(lambda: MergeRange(USER + b"m"))
    assert len(world.ranges()) == 1


def frozen(world: Joined) -> list[int]:
    return [
        group.machine.frozen
        for node in world.cluster.nodes
        if node.up
        for group in node.host.replicas.groups.values()
        if group.machine is not None and group.machine.frozen
    ]


@pytest.mark.parametrize("node", [0, 1, 2])
@pytest.mark.parametrize("milliseconds", [5, 15, 30, 60, 120, 240])
def test_whichever_node_dies_at_whichever_step_the_merge_is_ended_and_can_be_done(node, milliseconds):
    """Nodes lead both sides, or group 0; their freeze or their longer span may be durable or not."""
    world = Joined(10 + milliseconds).rested()
    victim = world.cluster.nodes[node]
    world.operator.run(world.operator.client.router.control(MergeRange(USER + b"m"), 20.0))
    world.world.run(milliseconds / 1000)
    victim.crash(silent=milliseconds % 2 == 1)
    world.world.run(2.0)
    victim.restart()
    world.until(lambda: not frozen(world))
    if len(world.ranges()) == 2:
        world.ask_until_done(lambda: MergeRange(USER + b"m"))
    world.until(lambda: world.groups() == {1})
    world.cluster.compare()


@pytest.mark.parametrize("kept", [1_000, 0])
def test_a_left_replica_that_is_behind_finds_its_right_side_or_gets_the_rows_of_both(kept, monkeypatch):
    """It is cut off once it has said that it holds the freeze, and crashes; the others merge and go on meanwhile."""
    monkeypatch.setattr(replicas, "LOG_KEPT_ENTRIES", kept)  # what is kept for followers decides: a log, or a snapshot
    world = Joined(3).rested()
    behind = bystander(world)
    network = world.world.network
    said: list[DurableIs] = []

    def watch(source: Any, target: Any, frame: Frame) -> None:
        if source is behind and frame.kind == Kind.REPLIES:
            replies = [decode(body) for _, body in frame.payload]
            said.extend(each for each in replies if type(each) is DurableIs)
            if any(each.frozen for each in said) and not said[-1].frozen:  # the freeze, and then the left's rows
                network.block([(name, behind.name) for name in world.cluster.names() if name != behind.name])

    network.watch = watch
    assert world.ask(MergeRange(USER + b"m")) == Done()
    world.world.run(1.0)
    assert 2 in behind.host.replicas.groups, "its right side waits for it"
    behind.crash()
    behind.restart()
    for number in range(40):
        world._wait("a put", PATIENCE_SECONDS, world.operator.database.put(b"z%02d" % number, b"value"))
    world.world.run(1.0)
    assert 2 in behind.host.replicas.groups
    network.watch = None
    network.heal()
    world.until(lambda: world.groups() == {1})
    world.cluster.compare()


def bystander(world: Joined) -> Any:
    """A node that leads neither group 0 nor the left side."""
    leads = {node: {number for number, group in node.host.replicas.groups.items() if group.leading}
             for node in world.cluster.nodes}  # fmt: skip
    return next(each for each in world.cluster.nodes if not leads[each] & {0, 1})
