"""Indexes: their entries follow every write, and what is UNIQUE is there once, as it is after the statement."""

from decimal import Decimal

import pytest

from sql_lite_frontend import limits
from tests.sql.engines import failed


@pytest.fixture
def table(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER UNIQUE, b TEXT, n NUMERIC, UNIQUE (b, n))")
    run("CREATE INDEX by_b ON t (b, k)")
    run("INSERT INTO t VALUES (1, 10, 'x', 1.50), (2, 20, 'y', 2), (3, NULL, 'x', NULL), (4, NULL, 'x', NULL)")
    assert run.entries("t") == {"t_a_key": 4, "t_b_n_key": 4, "by_b": 4}
    return run


def test_every_write_keeps_every_index(table):
    table("UPDATE t SET a = a + 1, n = n * 2 WHERE b = 'x'")
    table.entries("t")
    table("UPDATE t SET k = k + 10")
    table.entries("t")
    table("UPDATE t SET b = NULL WHERE k = 11")
    table.entries("t")
    table("INSERT INTO t SELECT k + 100, a + 100, b, n + 100 FROM t")
    assert set(table.entries("t").values()) == {8}
    table("DELETE FROM t WHERE k > 100 OR b IS NULL")
    assert set(table.entries("t").values()) == {3}
    assert table.many("INSERT INTO t (k, a) VALUES (?, ?)", [(k, k) for k in range(50, 60)]) == 10
    assert table.many("UPDATE t SET a = ? WHERE k = ?", [(70, 50), (50, 51)]) == 2
    assert table.many("DELETE FROM t WHERE a = ?", [(70,), (50,), (52,)]) == 3
    assert set(table.entries("t").values()) == {10}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("INSERT INTO t VALUES (5, 10, 'z', 0)", "(a)"),
        ("INSERT INTO t VALUES (5, 50, 'x', 1.5)", "(b, n)"),
        ("INSERT INTO t VALUES (5, 50, 'z', 0), (6, 50, 'u', 0)", "(a)"),
        ("INSERT INTO t VALUES (5, 10, 'z', 0), (6, 60, 'u', 0)", "(a)"),
        ("UPDATE t SET a = 20 WHERE k = 1", "(a)"),
        ("UPDATE t SET a = 7", "(a)"),
        ("UPDATE t SET b = 'x', n = 1.5 WHERE k = 2", "(b, n)"),
        ("UPDATE t SET a = a + 10 WHERE k = 1", "(a)"),
        ("INSERT INTO t SELECT k + 10, a, b, 7 FROM t WHERE k = 1", "(a)"),
    ],
)
def test_a_second_row_with_the_same_values_is_refused(table, text, names):
    before = table("SELECT * FROM t")
    error = failed(table, text)
    assert error.state == "23505"
    assert names in error.message
    assert table("SELECT * FROM t") == before
    table.entries("t")


def test_values_may_be_exchanged_within_a_statement(table):
    table("UPDATE t SET a = 30 - a WHERE k < 3")
    assert table("SELECT k, a FROM t WHERE k < 3") == [(1, 20), (2, 10)]
    table("UPDATE t SET a = a + 10 WHERE k < 3")
    assert table("SELECT a FROM t WHERE k < 3") == [(30,), (20,)]
    table("UPDATE t SET k = 3 - k WHERE k < 3")
    assert table("SELECT k, a FROM t WHERE k < 3") == [(1, 20), (2, 30)]
    table.entries("t")


def test_a_value_that_went_may_come_in_one_transaction(table):
    table("BEGIN")
    table("DELETE FROM t WHERE k = 1")
    table("INSERT INTO t VALUES (9, 10, 'x', 1.5)")
    assert failed(table, "INSERT INTO t VALUES (8, 10, 'q', 1.5)").state == "23505"
    table("COMMIT")
    table.entries("t")


def test_nulls_are_different(table):
    table("INSERT INTO t VALUES (5, NULL, NULL, 1.5), (6, NULL, NULL, 1.5), (7, NULL, 'x', NULL)")
    assert table.entries("t")["t_b_n_key"] == 7


def test_of_two_that_insert_the_same_value_one_is_aborted(table):
    other = table.another()
    for session, key in ((table, 5), (other, 6)):
        session("BEGIN")
        session("INSERT INTO t (k, a) VALUES (?, 99)", (key,))
    table("COMMIT")
    assert failed(other, "COMMIT").state == "40001"
    assert failed(other, "INSERT INTO t (k, a) VALUES (6, 99)").state == "23505"


def test_an_entry_follows_how_a_value_looks(table):
    table("UPDATE t SET n = ? WHERE k = 1", (Decimal("1.5000"),))
    table("UPDATE t SET n = ? WHERE k = 2", (Decimal("2.0"),))
    table.entries("t")


def test_only_indexes_of_what_changes_are_written(table):
    table("BEGIN")
    table("UPDATE t SET n = 3 WHERE k = 2")
    written = len(table.session.transaction.savepoint().writes)
    table("COMMIT")
    assert written == 3  # the row; the entry of (b, n) as it was, and as it is
    table.entries("t")


def test_indexes_come_and_go_with_their_names(table):
    table("CREATE INDEX IF NOT EXISTS by_b ON t (a)")
    assert failed(table, "CREATE INDEX by_b ON t (a)").state == "42P07"
    assert failed(table, "CREATE TABLE u (k INTEGER PRIMARY KEY, CONSTRAINT by_b UNIQUE (k))").state == "42P07"
    table("CREATE TABLE u (k INTEGER PRIMARY KEY, a INTEGER UNIQUE, CONSTRAINT one UNIQUE (a), UNIQUE (a))")
    assert list(table.entries("u")) == ["u_a_key", "one", "u_a_key1"]
    table("DROP INDEX one")
    assert failed(table, "DROP INDEX one").state == "42704"
    table("DROP INDEX IF EXISTS one")
    table("CREATE INDEX one ON u (a, k)")
    table("INSERT INTO u VALUES (1, 1)")
    assert table.entries("u") == {"u_a_key": 1, "u_a_key1": 1, "one": 1}
    table("DROP TABLE u")
    table("CREATE TABLE u (k INTEGER PRIMARY KEY, CONSTRAINT one UNIQUE (k))")


def test_what_a_dropped_index_held_is_removed(table):
    database = table.engine.database

    def left():
        return len(table._run(database.scan(b"\x21")))

    assert left() == 16
    table("DROP INDEX t_a_key")
    assert left() == 12
    table("INSERT INTO t VALUES (5, 10, 'q', 1)")
    assert table.entries("t") == {"t_b_n_key": 5, "by_b": 5}
    table("DROP TABLE t")
    assert left() == 0


def test_an_index_of_a_dropped_name_begins_anew(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER)")
    run("BEGIN")
    run("CREATE INDEX i ON t (a)")
    run("DROP INDEX i")
    run("CREATE UNIQUE INDEX i ON t (a)")
    run("COMMIT")
    run("INSERT INTO t VALUES (1, 1)")
    assert failed(run, "INSERT INTO t VALUES (2, 1)").state == "23505"
    assert run.entries("t") == {"i": 1}


def test_keys_and_indexes_have_limits(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, a TEXT UNIQUE)")
    error = failed(run, "INSERT INTO t VALUES (1, ?)", ("x" * 500,))
    assert error.state == "54000"
    assert "t_a_key" in error.message
    for number in range(limits.INDEXES_MAX - 1):
        run(f"CREATE INDEX i{number} ON t (a)")
    assert failed(run, "CREATE INDEX more ON t (a)").state == "54000"


def test_long_names_make_names_that_can_be_written(run):
    name = "ä" * 31
    run(f"CREATE TABLE {name} (k INTEGER PRIMARY KEY, {name} TEXT UNIQUE, u TEXT UNIQUE)")
    for index in run.entries(name):
        run(f'DROP INDEX "{index}"')
    assert run.entries(name) == {}
