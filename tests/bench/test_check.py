"""What decides when a checked run ends, when a node is killed in it, and what a broken promise looks like."""

from click.testing import CliRunner

import bench.check
from argosy.testing.linear import Violation
from bench.__main__ import main
from bench.check import Progress, Shape


def test_a_run_by_operations_does_what_is_due_before_the_next_one():
    seen = []
    progress = Progress(
        Shape("bank", operations=6),
        [(1 / 3, lambda: seen.append(progress.steps)), (2 / 3, lambda: seen.append(progress.steps))],
    )
    assert [progress.goes_on() for _ in range(8)] == [True] * 6 + [False] * 2
    assert progress.steps == 6
    assert seen == [2, 4]


def test_what_is_planned_is_done_even_if_a_run_by_time_is_over():
    seen = []
    progress = Progress(Shape("bank", seconds=1e-9), [(0.5, lambda: seen.append("kill"))])
    while progress.goes_on():
        pass
    assert seen == ["kill"]


def test_a_broken_promise_ends_with_its_report_and_an_exit_code(monkeypatch):
    def broken(shape):
        raise Violation(f"G0: {shape.workload} by {shape.clients}")

    monkeypatch.setattr(bench.check, "run", broken)
    result = CliRunner().invoke(main, ["check", "--workload", "lists", "--clients", "5"])
    assert result.exit_code == 1
    assert result.output == "Error: G0: lists by 5\n"
