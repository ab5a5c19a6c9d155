"""Ctrl-C ends a statement and not the shell; a commit under way comes to its end."""

import io
import signal

import pytest

import argosy
from sql_lite_frontend.session import Engine
from sql_lite_frontend.shell.scanning import Statement
from sql_lite_frontend.shell.screen import Screen
from sql_lite_frontend.shell.shell import Shell


class Runner:
    """Runs flows, and presses Ctrl-C at their first wait as often as is wanted."""

    def __init__(self, runner):
        self._runner = runner
        self.presses = 0

    def run(self, flow):
        return self._runner.run(self._pressed(flow))

    def _pressed(self, flow):
        try:
            wish = next(flow)
            while True:
                for _ in range(self.presses):
                    signal.raise_signal(signal.SIGINT)
                self.presses = 0
                wish = flow.send((yield wish))
        except StopIteration as end:
            return end.value


@pytest.fixture
def shell(tmp_path):
    with argosy.open(tmp_path / "one") as database:
        screen = Screen(io.StringIO(), io.StringIO(), person=False)
        runner = Runner(database.runner)
        made = Shell(Engine(database.router), runner, screen)
        made.runner = runner
        assert attempt(made, "CREATE TABLE t (k INTEGER PRIMARY KEY)")
        yield made


def attempt(shell, text):
    return shell.attempt(Statement(text, 1))


def test_a_statement_that_waits_is_given_up_and_nothing_of_it_has_happened(shell):
    before = signal.getsignal(signal.SIGINT)
    real = shell.session.execute

    def pressed(text):
        signal.raise_signal(signal.SIGINT)
        return real(text)

    shell.session.execute = pressed
    assert not attempt(shell, "INSERT INTO t VALUES (1)")
    assert "57014" in shell.screen.err.getvalue()
    shell.session.execute = real
    assert signal.getsignal(signal.SIGINT) is before
    assert attempt(shell, "SELECT count(*) FROM t")
    assert shell.screen.out.getvalue() == "0\n"


def test_a_commit_under_way_is_not_given_up_at_the_first_ctrl_c(shell):
    assert attempt(shell, "BEGIN") and attempt(shell, "INSERT INTO t VALUES (1)")
    shell.runner.presses = 1
    assert attempt(shell, "COMMIT")
    assert shell.cancelling.asked == 1, "it was pressed"
    assert attempt(shell, "SELECT count(*) FROM t")
    assert shell.screen.out.getvalue() == "1\n"


def test_the_second_ctrl_c_gives_a_commit_up_and_its_outcome_is_not_known(shell):
    assert attempt(shell, "BEGIN") and attempt(shell, "INSERT INTO t VALUES (1)")
    shell.runner.presses = 2
    assert not attempt(shell, "COMMIT")
    assert "40003" in shell.screen.err.getvalue()


def test_what_is_left_of_a_statement_of_several_transactions_is_told(shell):
    run = shell.engine.database.run

    def pressed(body):
        result = yield from run(body)
        signal.raise_signal(signal.SIGINT)
        return result

    shell.engine.database.run = pressed
    assert not attempt(shell, "DROP TABLE t")
    told = shell.screen.err.getvalue()
    assert "57014" in told and "its rows go at the next DROP" in told
    shell.engine.database.run = run
    assert not attempt(shell, "SELECT k FROM t")
    assert "42P01" in shell.screen.err.getvalue()
