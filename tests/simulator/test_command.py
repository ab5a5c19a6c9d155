"""What a person gets of the simulator's command line, above all when a promise is broken."""

import re

import pytest
from click.testing import CliRunner

from argosy.testing.faults import schedule
from argosy.testing.linear import Violation
from argosy.testing.nemesis import ACTS
from argosy.testing.simulation import Simulation
from tests.simulator.__main__ import main
from tests.simulator.runs import Run, attempt

SEED, SECONDS = 8, 6.0


def ask(*words):
    result = CliRunner().invoke(main, ["--seed", str(SEED), "--seconds", str(SECONDS), *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """The second fault of the schedule breaks a promise, if the fourth has not been left out."""
    monkeypatch.setattr("tests.simulator.failures.gettempdir", lambda: str(tmp_path))
    first, second = (schedule(SEED, SECONDS)[place] for place in (1, 3))
    struck = []

    def strike(self, fault):
        struck.append((self, fault))
        if fault == second and (self, first) in struck:
            raise Violation(f"{self._cluster.world.now} s and b'bytes' vary")

    monkeypatch.setattr("argosy.testing.nemesis.Nemesis._strike", strike)
    return tmp_path


def test_a_run_that_keeps_its_promises_prints_its_totals():
    result = ask("--faults", "none")
    assert (result.exit_code, result.output.count("\n")) == (0, 1)
    assert re.match(rf"{SEED} nodes=\d .*faults=0 .*committed=\d+", result.output)


def test_a_failure_names_what_to_paste_and_the_faults_that_it_takes(broken):
    result = ask("--lines", "7")
    assert result.exit_code == 1
    line = f"python -m tests.simulator --seed {SEED} --workload bank --seconds 6"
    assert f"    {line} --trace\n" in result.output
    assert f"    {line} --faults 1,3 --trace\n" in result.output
    assert "It takes 2 faults" in result.output
    assert "FAILED at" in result.output and "vary" in result.output
    assert "NOT THE SAME" not in result.output
    trace = (broken / f"argosy-bank-{SEED}.trace").read_text()
    said = result.output.partition("The last 7 lines")[2].splitlines()[1:8]
    assert "\n".join(said) in trace
    assert re.search(r"^ +\d\.\d{4} n\d → n\d Append g\d+ \d+→\d+ t\d+ base=\d+@\d+ \[", trace, re.MULTILINE)
    assert re.search(r"^n\d g0 replica \d [a-z ]+ t\d+ v\d+", trace, re.MULTILINE), "the replicas as it ended"


def test_a_failure_is_not_made_smaller_on_demand(broken):
    assert "It takes" not in ask("--no-shrink").output


def test_failures_of_one_kind_differ_only_in_what_varies(broken):
    one, other = (attempt(Simulation(SEED, "bank", seconds, faults=(1, 3))) for seconds in (SECONDS, 2 * SECONDS))
    assert one is not None
    assert other is not None
    assert one.kind == other.kind
    assert one.kind.startswith("Violation in tests/simulator/")
    assert one.kind.endswith(":strike: # s and # vary")


@pytest.mark.parametrize(
    "run",
    [
        *(Run(5, "lists", 7.5, 4, faults) for faults in (None, (), (1, 12))),
        Run(5, files=True),
        Run(5, wild_clocks=True),
    ],
)
def test_a_line_says_all_that_tells_a_run_apart(run):
    words = run.line().split()[3:]
    context = main.make_context("it", words)
    found = context.params
    names = ("seed", "workload", "seconds", "nodes", "faults", "files", "wild_clocks")
    again = Run(*(found[name] for name in names))
    assert again == run


@pytest.mark.parametrize("words", ["--faults 1,x", "--workload other", "--seconds 0", "--nodes 99"])
def test_wrong_usage_is_refused(words):
    assert ask(*words.split()).exit_code == 2


def test_every_fault_of_a_schedule_can_be_left_out():
    run = Run(SEED, seconds=SECONDS)
    assert run.places() == tuple(range(len(schedule(SEED, SECONDS))))
    assert run.with_faults((1, 3)).places() == (1, 3)
    assert all(fault.name in ACTS or fault.name in run.simulation().cluster.orders for fault in schedule(SEED, SECONDS))
