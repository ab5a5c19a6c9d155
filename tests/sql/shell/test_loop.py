"""A person at the prompt: what is typed, and what the terminal shows."""

import io

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

import argosy
from sql_lite_frontend.session import Engine
from sql_lite_frontend.shell import loop, progress
from sql_lite_frontend.shell.completion import Words
from sql_lite_frontend.shell.screen import Screen
from sql_lite_frontend.shell.shell import Shell


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PAGER", "")
    with argosy.open(tmp_path / "one") as database:
        engine = Engine(database.router)
        yield Shell(engine, database.runner, Screen(io.StringIO(), io.StringIO(), person=True))


def typed(shell, text):
    """What stands on the screen after this was typed, output and errors."""
    with create_pipe_input() as keys:
        keys.send_text(text)
        loop.run(shell, "welcome", input=keys, output=DummyOutput())
    return shell.screen.out.getvalue(), shell.screen.err.getvalue()


def test_statements_of_several_lines_and_commands(shell):
    out, err = typed(
        shell,
        "CREATE TABLE t (k INTEGER PRIMARY KEY,\rv TEXT);\r"
        "CREATE INDEX i ON t (v);\rINSERT INTO t VALUES (1, 'a;b');\r\\di\r\\d t\r\\nodes\rSELECT v FROM t;\r\\q\r",
    )
    assert err == ""
    lines = out.splitlines()
    assert lines[:4] == ["welcome", "CREATE TABLE", "CREATE INDEX", "INSERT: 1 row"]
    assert "t\ti\tv\tfalse\tready" in lines
    assert "v\tTEXT\tyes\t\t" in lines
    assert any(line.startswith("1\t127.0.0.1:0\tup\t") for line in lines)
    assert lines[-1] == "a;b"


def test_a_table_is_described_with_what_its_rows_are_held_to(shell):
    out, _ = typed(shell, "CREATE TABLE t (k INTEGER PRIMARY KEY CONSTRAINT some CHECK (k > 1));\r\\d t\r\\q\r")
    assert out.splitlines()[-2:] == ["k\tINTEGER\t\t\tprimary 1", "some\t(k > 1)"]


def test_an_error_is_told_and_the_shell_goes_on(shell):
    out, err = typed(shell, "SELECT nope;\r\\nope\r\\d nope\rSELECT 1 AS one;\r\x04")
    assert "ERROR 42703" in err and "LINE 1: SELECT nope" in err
    assert "there is no command \\nope" in err and "there is no table nope" in err
    assert out.splitlines()[-1] == "1"


def test_ctrl_c_gives_up_what_is_typed_and_an_open_transaction_is_rolled_back(shell):
    out, err = typed(shell, "SELECT 'never\r\x03CREATE TABLE t (k INTEGER PRIMARY KEY);\rBEGIN;\rDELETE FROM t;\r\x04")
    assert "never" not in out
    assert "rolled back" in err


def test_the_history_is_kept_for_this_user_only(shell, tmp_path):
    typed(shell, "SELECT 41 + 1;\r\x04")
    path = tmp_path / "state/argosy/sql-history"
    assert "SELECT 41 + 1" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_history_that_cannot_be_kept_is_told(shell, tmp_path):
    (tmp_path / "state").write_text("a file")
    out, err = typed(shell, "SELECT 42;\r\x04")
    assert "is not kept" in err
    assert "42" in out


def test_a_bar_shows_how_far_an_index_is(shell, monkeypatch):
    monkeypatch.setattr("sql_lite_frontend.indexes.FILLED_AT_ONCE", 2)
    monkeypatch.setattr(shell.screen.err, "isatty", lambda: True, raising=False)
    shown = []
    monkeypatch.setattr(progress.Bar, "at", lambda self, done, what: shown.append(what))
    _, err = typed(
        shell, "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);\rINSERT INTO t VALUES (1, 'a'), (2, 'b');\r\x04"
    )
    assert "CREATE" not in err, "a statement that is soon over has no bar"
    _, err = typed(shell, "INSERT INTO t VALUES (3, 'c'), (4, 'd'), (5, 'e');\rCREATE INDEX i ON t (v);\r\x04")
    assert shown == ["4 rows", "5 rows"] and "CREATE INDEX" in err


def offered(shell, text):
    words = Words(shell.catalog)
    return [each.text for each in words.get_completions(Document(text), CompleteEvent())]


def test_words_are_completed(shell):
    typed(shell, "CREATE TABLE fruit (name TEXT PRIMARY KEY, price REAL);\r\x04")
    shell.catalog.refresh()
    assert offered(shell, "SELECT * FROM fr")[0] == "fruit"
    assert offered(shell, "SELECT fruit.") == ["name", "price"]
    assert offered(shell, "SELECT 1 FROM x, fruit AS f WHERE F.") == ["name", "price"]
    assert offered(shell, "SELECT 1 FROM fruit f WHERE g.") == []
    assert offered(shell, "SEL") == ["SELECT"] and offered(shell, "sel") == ["select"]
    assert offered(shell, "SELECT * FROM fruit WHERE pri")[0] == "price"
    assert offered(shell, "\\d fr") == ["fruit"] and offered(shell, ".mode cs") == ["csv"]
    assert "\\dt" in offered(shell, "\\d") and offered(shell, "SELECT ") == []


def test_files_tables_and_what_may_follow_them_are_completed(shell, tmp_path):
    typed(shell, "CREATE TABLE fruit (name TEXT PRIMARY KEY, price REAL);\r\x04")
    shell.catalog.refresh()
    (tmp_path / "fruit.csv").write_text("name\n")
    for command in ("\\i", ".import", ".export", ".export OVERWRITE"):
        assert offered(shell, f"{command} {tmp_path}/fru") == ["it.csv"]
    assert offered(shell, f".import {tmp_path}/fruit.csv fr") == ["fruit", "FROM LINE "]
    assert offered(shell, f".import {tmp_path}/fruit.csv fruit PRI") == ["PRIMARY KEY ("]
    assert offered(shell, f".export {tmp_path}/fruit.csv SELECT pri")[0] == "price"
    assert ".import" in offered(shell, ".") and ".export" in offered(shell, ".ex")


def test_a_history_on_a_full_disk_ends_nothing(shell, monkeypatch):
    def full(self, string):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop.FileHistory, "store_string", full)
    out, err = typed(shell, "SELECT 42;\r\x04")
    assert out.splitlines()[-1] == "42" and err == ""
