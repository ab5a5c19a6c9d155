"""CHECK constraints: every row that is written is held to them, also after the node was opened again."""

import datetime as dt

import pytest

import argosy
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.schema import decode_table, encode_table
from sql_lite_frontend.session import Engine
from tests.sql.engines import Plain, failed


def described(run, name):
    def look(transaction):
        schema = yield from run.engine.schemas.now(transaction)
        return (yield from schema.table(transaction, name))

    return run._run(run.engine.database.run(look))


@pytest.fixture
def table(run):
    run(
        "CREATE TABLE t (k INTEGER PRIMARY KEY CHECK (k > 0), low REAL, high REAL CONSTRAINT small CHECK (high < 100), "
        "CONSTRAINT ordered CHECK (low <= high /* both */), s TEXT CHECK (s LIKE 'a%' -- at the start\n))"
    )
    run("INSERT INTO t VALUES (1, 1, 2, 'a'), (2, NULL, NULL, NULL)")
    return run


@pytest.mark.parametrize(
    ("text", "name", "key"),
    [
        ("INSERT INTO t VALUES (3, 1, 2, 'a'), (-4, 1, 2, 'a')", "t_k_check", "(k) = (-4)"),
        ("INSERT INTO t VALUES (3, 1, 100, 'a')", "small", "(k) = (3)"),
        ("INSERT INTO t (k, low, high) SELECT k + 5, high, low FROM t", "ordered", "(k) = (6)"),
        ("UPDATE t SET low = 3 WHERE k = 1", "ordered", "(k) = (1)"),
        ("UPDATE t SET k = -k, s = 'ab'", "t_k_check", "(k) = (-1)"),
        ("UPDATE t SET s = 'b' || s", "t_s_check", "(k) = (1)"),
    ],
)
def test_a_row_that_breaks_one_is_refused_with_its_name_and_key(table, text, name, key):
    before = table("SELECT * FROM t")
    error = failed(table, text)
    assert error.state == "23514"
    assert f"table t breaks CHECK {name}: {key}" in error.message
    assert table("SELECT * FROM t") == before


def test_many_rows_of_parameters_are_looked_at_too(table):
    rows = [(k, 1.0, 2.0, "a") for k in range(5, -1, -1)]
    with pytest.raises(SqlError, match="t_k_check"):
        table.many("INSERT INTO t VALUES (?, ?, ?, ?)", rows[:-2] + rows[-1:])
    with pytest.raises(SqlError, match="ordered"):
        table.many("UPDATE t SET low = ? WHERE k = ?", [(0.5, 1), (9.0, 1)])
    assert table("SELECT low FROM t") == [(1.0,), (None,)]


def test_null_breaks_none(table):
    table("UPDATE t SET low = NULL, s = NULL")
    table("UPDATE t SET high = 99, low = 98 WHERE k = 2")
    assert table("SELECT low, high FROM t") == [(None, 2.0), (98.0, 99.0)]


def test_an_update_looks_only_at_what_it_changes(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b INTEGER, CHECK (10 / a > 0), CHECK (b < 5))")
    run("INSERT INTO t VALUES (1, 2, 3)")
    assert [name for name, _ in plan_of(run, "UPDATE t SET b = 4")] == ["t_b_check"]
    assert plan_of(run, "UPDATE t SET k = 4") == []
    assert failed(run, "UPDATE t SET a = 0").state == "22012"
    assert failed(run, "UPDATE t SET b = 4 + a").state == "23514"


def plan_of(run, text):
    run(text)
    (found,) = [each for name, each in run.engine.schemas.latest.plans.items() if name[0] == text]
    guard = found.prepared.root.guard
    return [] if guard is None else [(each.name, condition) for each, condition in guard.conditions]


def test_names_are_made_as_in_postgresql(run):
    run(
        "CREATE TABLE t (a INTEGER PRIMARY KEY CHECK (a > b) CHECK (a > 0) CHECK (a < 9), b INTEGER, "
        "CONSTRAINT t_b_check UNIQUE (b), CHECK (b > 0), CHECK (a + b > 0), CHECK (TRUE))"
    )
    names = [each.name for each in described(run, "t").checks]
    assert names == ["t_check", "t_a_check", "t_a_check1", "t_b_check1", "t_check1", "t_check2"]
    long = "ä" * 31
    run(f"CREATE TABLE {long} (k INTEGER PRIMARY KEY CHECK (k > 0))")
    assert len(described(run, long).checks[0].name.encode()) <= 64


def test_every_type_and_quoted_names_can_stand_in_one(run):
    run(
        "CREATE TABLE t (k INTEGER PRIMARY KEY, "
        """ "A b" TEXT CHECK ("A b" <> 'it''s' AND length("A b") BETWEEN 1 AND 3), """
        "d DATE CHECK (d >= '2024-01-01'), n NUMERIC(9, 2) CHECK (t.n IN (1.10, 2.20)), f BOOLEAN CHECK (f))"
    )
    run("INSERT INTO t VALUES (1, 'it', '2024-02-29', 1.10, TRUE)")
    for column, value in (("A b", "it's"), ("A b", ""), ("d", dt.date(2023, 12, 31)), ("n", 1.5), ("f", False)):
        assert failed(run, f'UPDATE t SET "{column}" = ?', (value,)).state == "23514", column


def test_they_are_there_when_the_node_is_opened_again(tmp_path):
    with argosy.open(tmp_path / "node") as database:
        run = Plain(Engine(database.router), database.runner.run)
        run("CREATE TABLE t (k INTEGER PRIMARY KEY, CONSTRAINT few CHECK (k <\n 9))")
    with argosy.open(tmp_path / "node") as database:
        run = Plain(Engine(database.router), database.runner.run)
        assert "few" in failed(run, "INSERT INTO t VALUES (9)").message
        run("INSERT INTO t VALUES (8)")
        (check,) = described(run, "t").checks
        assert check.text == "(k <\n 9)"


def test_a_descriptor_comes_back_as_it_was(table):
    found = described(table, "t")
    assert decode_table(encode_table(found)) == found
    assert [each.text for each in found.checks][-1] == "(s LIKE 'a%' -- at the start\n)"
