"""What a decision costs: counted in lines of Python that run, not in time."""

import random
import sys
from collections.abc import Callable

import pytest

from ranges.placement.config import COLD_SECONDS
from ranges.placement.messages import Rules
from ranges.placement.policy import decide
from tests.ranges.placement.toy import Toy


def lines_of(act: Callable[[], object]) -> int:
    """How many lines of Python run: what work is, without a clock."""
    count = 0

    def line(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return line

    before = sys.gettrace()
    sys.settrace(line)  # type: ignore[arg-type]
    try:
        act()
    finally:
        sys.settrace(before)
    return count


def settled(ranges: int, size: int) -> Toy:
    """24 nodes, half of them two to a host; ranges in as many placements as there can be, each of whose neighbours
    is cold; nothing to do."""
    toy = Toy(24, Rules(merge_bytes=16 << 20), tuple(f"h{node // 2}" for node in range(12)) + ("",) * 12)
    chance = random.Random(7)
    for group in range(1, ranges + 1):
        voters = chance.sample(range(12), 3)
        toy.range(group, *(1 + (2 * each if each < 6 else 6 + each) for each in voters), size=size)
        toy.picture.adjoin(group, group - 1)
    toy.next_group = ranges + 1
    while moves := decide(toy.picture):
        for move in moves:
            toy.carry_out(move)
    return toy


@pytest.mark.parametrize("size", [1 << 20, 12 << 20])
def test_a_quiet_decision_costs_the_same_for_few_ranges_and_placements_as_for_many(size: int) -> None:
    """Neither those that will be cold are looked at, nor those that are cold and too large together."""

    def cost(ranges: int) -> int:
        toy = settled(ranges, size)
        toy.picture.see(toy.picture.nodes, COLD_SECONDS - 1 if size < 8 << 20 else 1e9)

        def quiet() -> None:
            toy.picture.see(dict(toy.picture.nodes), toy.picture.now)
            assert decide(toy.picture) == ()

        quiet()
        return lines_of(quiet)

    few, many = cost(60), cost(400)
    assert many < few * 1.6, (
        "not with the number of ranges; pairs of nodes that share one are more, but they have an end"
    )


def test_a_quiet_decision_costs_no_more_for_many_ranges_while_a_node_drains() -> None:
    def cost(ranges: int) -> int:
        toy = settled(ranges, 12 << 20)
        toy.state(1, "draining")
        assert toy.leaders()[1]
        while moves := decide(toy.picture):
            for move in moves:
                toy.carry_out(move)
        assert not toy.leaders()[1] and toy.replicas()[1]
        return lines_of(lambda: decide(toy.picture))

    assert cost(400) < cost(60) * 1.6


def test_what_a_decision_costs_follows_what_changed() -> None:
    """After a report about one range of 400, no other is looked at."""
    toy = settled(400, 12 << 20)
    decide(toy.picture)
    quiet = lines_of(lambda: decide(toy.picture))
    facts = toy.picture.facts(7)
    toy.picture.report(7, facts._replace(size=13 << 20))
    assert lines_of(lambda: decide(toy.picture)) <= quiet + 50


def test_a_decision_looks_at_placements_not_at_ranges() -> None:
    """Many ranges in a few placements cost no more than few."""

    def cost(ranges: int) -> int:
        toy = Toy(6)
        for leader in range(1, 7):
            voters = (1, 2, 3) if leader <= 3 else (4, 5, 6)
            toy.ranges(ranges, *voters, leader=leader)
        return lines_of(lambda: decide(toy.picture))

    assert cost(1000) <= cost(10) + 20
