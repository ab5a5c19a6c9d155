"""What decides when a checked run ends, when a node is killed in it, and what a broken promise looks like."""

import json

import pytest
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


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 3


def test_json_begins_with_what_a_reader_must_know(monkeypatch):
    monkeypatch.setattr(bench.check, "run", lambda shape: {"peer": "argosy", "seen": shape.clients})
    result = CliRunner().invoke(main, ["check", "--clients", "5", "--seed", "9", "--json"])
    about, row = map(json.loads, result.stdout.splitlines())
    assert row == {"peer": "argosy", "seen": 5}
    assert about["about"]["parameters"]["seed"] == 9
    assert about["about"]["machine"]["cores"] >= 1
    assert {"python", "trio", "sqlite3"} <= about["about"]["versions"].keys()


def test_ctrl_c_ends_with_its_exit_code_wherever_it_strikes(monkeypatch):
    def interrupted(shape):
        raise BaseExceptionGroup("tasks", [KeyboardInterrupt()])

    monkeypatch.setattr(bench.check, "run", interrupted)
    assert CliRunner().invoke(main, ["check"]).exit_code == 130


def test_a_broken_promise_ends_with_its_report_and_an_exit_code(monkeypatch):
    def broken(shape):
        raise Violation(f"G0: {shape.workload} by {shape.clients}")

    monkeypatch.setattr(bench.check, "run", broken)
    result = CliRunner().invoke(main, ["check", "--workload", "lists", "--clients", "5"])
    assert result.exit_code == 1
    assert result.output == "Error: G0: lists by 5\n"
