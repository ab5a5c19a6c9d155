"""The soak: what it counts, what it misses, and that it ends when it is told to."""

import pytest

from argosy.testing.coverage import Point, counting
from argosy.testing.points import POINTS
from argosy.testing.simulation import Simulation
from argosy.testing.trace import trace
from argosy.testing.workloads import WORKLOADS
from node.raft import candidate, core, leader
from node.raft import messages as m
from node.raft.log import Log
from tests.simulator.runs import Run
from tests.simulator.soak import (
    FILES_EVERY,
    LONG_EVERY,
    LONG_FACTOR,
    WILD_EVERY,
    Outcome,
    Soak,
    Worker,
    carry_out,
    figures,
    gaps,
    runs,
)
from txn.settling import Settling

SECONDS = 3.0


def test_every_point_is_a_place_in_the_code_with_a_name_of_its_own():
    with counting(POINTS):
        pass
    assert len({point.name for point in POINTS}) == len(POINTS)
    with pytest.raises(KeyError), counting([Point("nowhere", "node.raft.log:Log.nothing")]):
        pass


def test_counters_are_put_around_functions_wherever_they_are_found_and_taken_away():
    before = leader.take_office, candidate.take_office, core.INPUTS[m.Lapsed], Log.compact, Settling.settle
    with counting(POINTS):
        during = leader.take_office, candidate.take_office, core.INPUTS[m.Lapsed], Log.compact, Settling.settle
        assert during[0] is during[1]
        assert all(one is not other for one, other in zip(before, during, strict=True))
    after = leader.take_office, candidate.take_office, core.INPUTS[m.Lapsed], Log.compact, Settling.settle
    assert before == after


def said(points):
    lines = []
    with counting(points) as counts:
        simulation = Simulation(3, "lists", SECONDS)
        trace(simulation, lines.append)
        simulation.run()
    return lines, counts, simulation


def test_counting_changes_nothing_and_counts_what_happens():
    plain, _, _ = said(())
    counted, counts, simulation = said(POINTS)
    assert plain == counted
    assert counts["raft: an election is won"] == simulation.totals()["elections"]
    assert counts["node: a snapshot is installed"] > 0
    assert counts["txn: one range, one entry (C2)"] > 0


def test_an_outcome_adds_up_and_knows_its_gaps():
    found = Outcome()
    for seed in (1, 2):
        found.add(carry_out(Run(seed, "bank", SECONDS)))
    assert found.runs == 2
    assert found.simulated > 2 * SECONDS
    assert found.totals["committed"] > 0
    points = [Point("raft: an election is won", "x:y"), Point("never", "x:y"), Point("rare", "x:y", must=False)]
    assert gaps(tuple(points), found) == ["never"]


def test_runs_go_through_all_workloads_and_some_are_long():
    some = [run for run, _ in zip(runs(7, SECONDS), range(3 * LONG_EVERY), strict=False)]
    assert [run.seed for run in some] == list(range(7, 7 + len(some)))
    assert {run.workload for run in some} >= {"bank", "lists", "registers"}
    assert [run.seed for run in some if run.seconds > SECONDS] == [7 + LONG_EVERY * count - 1 for count in (1, 2, 3)]
    assert max(run.seconds for run in some) == SECONDS * LONG_FACTOR
    assert [run.seed - 7 for run in some if run.files] == [FILES_EVERY - 1]
    assert sum(run.wild_clocks for run in some) == len(some) // WILD_EVERY


def test_every_workload_has_its_turn_at_every_kind_of_run():
    some = [run for run, _ in zip(runs(7, SECONDS), range(FILES_EVERY * len(WORKLOADS)), strict=False)]
    for kind in (lambda run: run.seconds > SECONDS, lambda run: run.files, lambda run: run.wild_clocks):
        assert {run.workload for run in some if kind(run)} == set(WORKLOADS)


def test_a_soak_goes_on_until_it_is_interrupted_and_keeps_its_figures():
    soak = Soak(1, 1.0, 2, print)

    def tell(line):
        if soak.found.runs >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        soak.go_on(float("inf"), False, tell)
    soak.end()
    assert not soak.failures
    shown = "\n".join(figures(soak))
    assert "raft: an election is won" in shown
    assert "to 1)" in shown


def test_a_failure_is_said_and_ends_a_soak_that_stops_at_one():
    heard = []
    soak = Soak(1, 1.0, 1, heard.append)
    (worker,) = soak._workers
    worker.give(Run(5, "no such workload"))
    worker.run = Run(5, "bank")
    soak.go_on(float("inf"), True, lambda _: None)
    soak.end()
    assert [each.run for each in soak.failures] == [Run(5, "bank")]
    assert "--seed 5 --workload bank" in heard[0]
    assert "FAILED" in "\n".join(figures(soak))


def test_a_process_that_dies_is_a_failure_of_its_run():
    worker = Worker()
    worker.give(Run(5, "bank", 600.0))
    worker.process.kill()
    found = worker.take()
    worker.end()
    assert found.run == Run(5, "bank", 600.0)
    assert "without a word" in found.failure.kind
