"""The schedule of faults: data, drawn from the seed, each with a chance of its own."""

from collections import Counter
from itertools import pairwise

import pytest

from argosy.testing.faults import WEIGHTS, climate, schedule
from argosy.testing.nemesis import ACTS
from argosy.testing.simulation import Simulation


def test_a_seed_has_one_schedule_and_a_shorter_run_has_its_first_part() -> None:
    long, short = schedule(7, 30.0), schedule(7, 10.0)
    assert long == schedule(7, 30.0)
    assert long[: len(short)] == short
    assert [fault.place for fault in long] == list(range(len(long)))
    assert all(before.at < after.at < 30.0 for before, after in pairwise(long))


def test_another_seed_has_another_schedule() -> None:
    assert schedule(7, 30.0) != schedule(8, 30.0)


def test_every_fault_is_an_act_or_an_order() -> None:
    orders = Simulation(1, clients=0).cluster.orders
    names = [name for faults in WEIGHTS.values() for name in faults]
    assert sorted(names) == sorted([*ACTS, *orders])


def test_climates_differ_and_what_is_emphasised_is_frequent() -> None:
    kinds = Counter(climate(seed)[0] for seed in range(300))
    assert set(WEIGHTS) | {"even"} < set(kinds)
    seed = next(seed for seed in range(300) if climate(seed)[0] == "disks")
    names = Counter(fault.name for fault in schedule(seed, 1000.0))
    disks = sum(names[name] for name in WEIGHTS["disks"])
    assert disks > 1.5 * sum(names[name] for name in WEIGHTS["network"])


def test_what_is_left_out_changes_nothing_about_how_the_others_are_drawn() -> None:
    whole, part = Simulation(3, seconds=20.0), Simulation(3, seconds=20.0, faults={1, 4})
    assert part.nemesis.faults == [whole.nemesis.faults[1], whole.nemesis.faults[4]]
    assert Simulation(3, faults=()).nemesis.faults == []


@pytest.mark.parametrize("name", sorted(ACTS))
def test_promises_hold_under_one_fault_again_and_again(name: str) -> None:
    simulation = Simulation(5, "lists", seconds=6.0, nodes=4)
    simulation.nemesis.faults = schedule(5, 6.0, {name: 1})
    simulation.run()
    assert simulation.nemesis.counts[name]


@pytest.mark.parametrize("seed", range(3))
def test_raft_is_safe_whatever_clocks_say(seed: int) -> None:
    simulation = Simulation(seed, "registers", seconds=10.0, wild_clocks=True)
    simulation.nemesis.faults = schedule(seed, 10.0, {"drift": 1, "crash": 1, "isolate": 1})
    simulation.run()
    rates = [node._rate for node in simulation.cluster.nodes]
    assert max(rates) - min(rates) > 10 * simulation.settings.clock_rate_error
    assert len(simulation.cluster.safety.leaders) > 2


def test_what_is_struck_is_noted_and_counted() -> None:
    simulation = Simulation(3, seconds=8.0)
    lines: list[str] = []
    simulation.cluster.note = lines.append
    simulation.run()
    struck = [line for line in lines if line.startswith("fault ") and not line.endswith("finds nobody")]
    assert len(struck) == sum(simulation.nemesis.counts.values()) == simulation.totals()["faults"] > 0
