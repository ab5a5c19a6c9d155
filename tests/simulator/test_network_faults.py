"""Each fault of the network does what it says, and what it must not touch stays in order."""

from random import Random
from typing import Any

import pytest

from argosy.testing import network_faults
from argosy.testing.network import ASTRAY, TWICE
from argosy.testing.strike import Strike
from argosy.testing.ways import FAR, NEAR, UNEVEN, Slow, draw_ways, frame_bytes
from node.ports import Kind
from tests.simulator.formed import Formed
from tests.simulator.test_world import Speaker, pair, say


@pytest.fixture
def formed() -> Formed:
    return Formed(nodes=4)


def say_both(speaker: Speaker, kind: Kind, count: int) -> None:
    """So many frames of a kind, and a request after each."""
    link, frames = speaker.link(), range(count)
    speaker.do(sends=[each for n in frames for each in ((link, kind, n), (link, Kind.REQUESTS, f"request {n}"))])


def test_raft_frames_come_twice_and_requests_do_not() -> None:
    world, first, second = pair()
    world.network.shares[TWICE] = 1.0
    say_both(first, Kind.RAFT, 20)
    world.run(5)
    assert sorted(frame for frame in second.frames() if isinstance(frame, int)) == sorted([*range(20), *range(20)])
    assert [frame for frame in second.frames() if isinstance(frame, str)] == [f"request {each}" for each in range(20)]


def test_raft_frames_come_out_of_order_and_requests_do_not() -> None:
    world, first, second = pair()
    world.network.shares[ASTRAY] = 0.5
    say_both(first, Kind.SUPPORT, 40)
    world.run(5)
    loose = [frame for frame in second.frames() if isinstance(frame, int)]
    assert loose != sorted(loose)
    assert sorted(loose) == list(range(40))
    assert [frame for frame in second.frames() if isinstance(frame, str)] == [f"request {each}" for each in range(40)]
    assert world.network.strays[ASTRAY] > 5


def test_what_was_under_way_on_a_link_ends_with_it() -> None:
    world, first, second = pair()
    world.network.shares[ASTRAY] = 1.0
    say(first, *range(20), kind=Kind.RAFT)
    world.run(0.1)
    early = len(second.frames())
    first.do(dials=[(2, "n2")])
    world.run(5)
    assert len(second.frames()) == early < 20
    assert (first.downs(), second.downs()) == (1, 1), "a newer link took the older one's place"


def test_a_slow_way_takes_longer_and_only_this_way() -> None:
    world, first, second = pair()
    world.network.slow["n1", "n2"] = Slow(factor=1000.0)
    say(first, "there")
    say(second, "back")
    world.run(0.1)
    assert (second.frames(), first.frames()) == ([], ["back"])
    world.run(2)
    assert second.frames() == ["there"]


def test_a_narrow_way_lets_so_many_bytes_through() -> None:
    world, first, second = pair()
    world.network.slow["n1", "n2"] = Slow(bytes_per_second=1000.0)
    say(first, *[((number, bytes(960)),) for number in range(10)])
    world.run(4.5)
    assert len(second.frames()) == 4
    world.run(6)
    assert len(second.frames()) == 10


def test_a_frame_is_as_large_as_what_it_holds() -> None:
    assert 1000 <= frame_bytes(((1, 2, 3, bytes(1000)),)) < 1100
    assert 1000 <= frame_bytes((bytes(500), bytes(500))) < 1100
    assert frame_bytes(()) > 0


def test_ways_differ_by_seed_and_in_what_they_are_like() -> None:
    assert {draw_ways(seed) for seed in range(60)} == {NEAR, FAR, UNEVEN}
    chance = Random(1)
    seconds = {ways: sorted(ways.seconds(ways.least[1], chance) for _ in range(3000)) for ways in (NEAR, FAR, UNEVEN)}
    assert max(seconds[NEAR]) < 0.1
    assert seconds[FAR][0] >= FAR.least[1]
    assert seconds[UNEVEN][1500] < 0.02 < 0.2 < seconds[UNEVEN][-1]


def blocked(formed: Formed) -> set[tuple[str, str]]:
    return set(formed.world.network.blocked)


def test_two_that_are_parted_reach_all_others(formed: Formed) -> None:
    said = [formed.strike(network_faults.part_two, seed) for seed in range(8)]
    assert any("→" in each for each in said)
    assert any("↔" in each for each in said)
    for cut in list(formed.world.network._cuts.values()):
        assert len({name for way in cut for name in way}) == 2
    formed.put(b"second", b"row")
    formed.world.run(6.0)
    assert not blocked(formed), "it ends by itself"


def test_a_bridge_is_the_only_way_between_two_halves(formed: Formed) -> None:
    said = formed.strike(network_faults.bridge)
    middle = said.split("only at ")[1].split()[0]
    ways = blocked(formed)
    assert all((other, one) in ways for one, other in ways)
    assert {name for way in ways for name in way} == {"n1", "n2", "n3", "n4"} - {middle}
    formed.put(b"second", b"row")


def test_isolation_is_both_ways_and_one_way_is_not(formed: Formed) -> None:
    formed.strike(network_faults.isolate)
    assert all((other, one) in blocked(formed) for one, other in blocked(formed))
    formed.world.network.heal()
    formed.strike(network_faults.block_one_way)
    assert blocked(formed)
    assert not any((other, one) in blocked(formed) for one, other in blocked(formed))


def test_a_cut_that_ends_leaves_other_cuts_as_they_are() -> None:
    world, first, second = pair()
    network = world.network
    one, other = network.block([("n1", "n2")]), network.block([("n1", "n2"), ("n2", "n1")])
    say(first, "there")
    network.open(other)
    world.run(0.1)
    assert second.frames() == []
    network.open(one)
    world.run(0.1)
    assert second.frames() == ["there"]
    network.open(one)
    assert not network.blocked


@pytest.mark.parametrize("name", ["lose frames", "double frames", "disorder frames", "slow way", "narrow way"])
def test_what_makes_ways_worse_ends_by_itself(name: str) -> None:
    world, first, _ = pair()
    network = world.network

    class Both:
        def __init__(self) -> None:
            self.world = world

        def living(self) -> list[Speaker]:
            return [first]

        def names(self) -> list[str]:
            return ["n1", "n2"]

    cluster: Any = Both()
    assert network_faults.FAULTS[name][1](Strike(cluster, Random(3), lambda: False))
    assert network.shares or network.slow
    world.run(network_faults.SLOW_SECONDS[1])
    assert not network.shares
    assert not network.slow


def test_calm_makes_all_ways_good(formed: Formed) -> None:
    for _, act in network_faults.FAULTS.values():
        formed.strike(act)
    formed.cluster.calm()
    network = formed.world.network
    assert not (network.blocked or network.shares or network.slow)
