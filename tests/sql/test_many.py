"""One statement for many rows of parameters: one transaction, all or nothing, each row as if it came alone."""

import datetime as dt
from decimal import Decimal

import pytest

from sql_lite_frontend import many
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.schema import Schema


@pytest.fixture
def table(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, n REAL DEFAULT 0.5)")
    return run


def failed(run, text, rows) -> str:
    with pytest.raises(SqlError) as caught:
        run.many(text, rows)
    return caught.value.state


def test_every_row_of_parameters_becomes_a_row(table):
    assert table.many("INSERT INTO t (k, v) VALUES (?, ?)", ((k, f"v{k}") for k in range(3_000))) == 3_000
    assert table("SELECT count(*), min(v), max(n) FROM t") == [(3_000, "v0", 0.5)]
    assert table.many("INSERT INTO t VALUES (?, 'a', 1), (-?, 'b', 2)", [(5_000, 5_000), (5_001, 5_001)]) == 4
    assert table("SELECT k, v FROM t WHERE k < 0") == [(-5_001, "b"), (-5_000, "b")]


def test_names_may_stand_for_places(table):
    assert table.many("INSERT INTO t VALUES (:k, :v, :k)", [{"k": 1, "v": "a"}, {"v": "b", "k": 2}]) == 2
    assert table("SELECT * FROM t") == [(1, "a", 1.0), (2, "b", 2.0)]
    assert failed(table, "INSERT INTO t VALUES (:k, :v, :k)", [{"k": 3}]) == "22023"


def test_a_column_may_hold_null_and_several_types(table):
    rows = [(1, None, 1), (2, "b", None), (3, None, 2.5), (4, "d", Decimal("0.5")), (5, None, None), (6, "f", 7)]
    assert table.many("INSERT INTO t VALUES (?, ?, ?)", rows) == 6
    told = [(1, None, 1.0), (2, "b", None), (3, None, 2.5), (4, "d", 0.5), (5, None, None), (6, "f", 7.0)]
    assert table("SELECT * FROM t") == told
    assert table.many("UPDATE t SET v = ? WHERE n = ?", [("one", 1), (None, 7.0), ("none", None)]) == 2
    assert table("SELECT k, v FROM t WHERE k IN (1, 6)") == [(1, "one"), (6, None)]


def test_values_of_every_type_come_back(run):
    run("CREATE TABLE a (k INTEGER PRIMARY KEY, b BLOB, t BOOLEAN, d DATE, s TIMESTAMP, x NUMERIC(9, 2))")
    rows = [
        (1, b"\x00\xff", True, dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 1, 2, 3, 4), Decimal("1.25")),
        (2, b"", False, dt.date(1, 1, 1), dt.datetime(9999, 12, 31), Decimal("-9.50")),
        (3, None, None, None, None, None),
    ]
    assert run.many("INSERT INTO a VALUES (?, ?, ?, ?, ?, ?)", rows) == 3
    assert run("SELECT * FROM a") == rows


def test_updates_and_deletes_meet_what_earlier_rows_did(table):
    table("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)")
    assert table.many("UPDATE t SET n = n + ? WHERE k = ?", [(1, 1), (1, 1), (5, 2), (5, 3)]) == 3
    assert table("SELECT k, n FROM t") == [(1, 3.0), (2, 7.0)]
    assert table.many("DELETE FROM t WHERE k = ?", [(1,), (1,)]) == 1
    assert table.many("INSERT INTO t (k) SELECT k + ? FROM t", [(1,), (2,)]) == 1 + 2
    assert table("SELECT k FROM t") == [(2,), (3,), (4,), (5,)]


@pytest.mark.parametrize("open_already", [False, True])
def test_all_is_done_or_nothing(table, open_already):
    table("INSERT INTO t VALUES (1, 'a', 1)")
    if open_already:
        table("BEGIN")
        table("INSERT INTO t VALUES (2, 'b', 0)")
    assert failed(table, "INSERT INTO t (k) VALUES (?)", [(7,), (8,), (1,)]) == "23505"
    assert failed(table, "INSERT INTO t (k) VALUES (?)", [(7,), (7,)]) == "23505"
    assert failed(table, "INSERT INTO t (k) VALUES (?)", [(7,), (None,)]) == "23502"
    assert failed(table, "UPDATE t SET n = 1 / ? WHERE k = ?", [(1, 1), (0, 1)]) == "22012"
    assert failed(table, "UPDATE t SET k = ? WHERE k = ?", [(9, 1), (None, 9)]) == "23502"
    if open_already:
        table("COMMIT")
    assert table("SELECT k, n FROM t") == [(1, 1.0), (2, 0.0)][: 1 + open_already]


def test_a_statement_at_the_limit_of_its_transaction_hands_nothing_on(table, monkeypatch):
    monkeypatch.setattr("txn.transaction.TRANSACTION_KEYS_MAX", 5)
    table("BEGIN")
    table("INSERT INTO t (k) VALUES (1), (2)")
    assert failed(table, "INSERT INTO t (k) VALUES (?)", [(k,) for k in range(3, 9)]) == "54000"
    with pytest.raises(SqlError, match="54000"):
        table("INSERT INTO t (k) VALUES (3), (4), (5), (6)")
    table("COMMIT")
    assert table("SELECT k FROM t") == [(1,), (2,)]


def test_values_that_are_none_of_sql_are_told(table):
    text = "INSERT INTO t VALUES (?, ?, ?)"
    for bad in (1 << 63, -(1 << 63) - 1, [1], 1j):
        assert failed(table, text, [(1, "a", 1.0), (bad, "b", 1.0)]) in ("22003", "22023")
    assert failed(table, text, [(1, "a", 1.0), (2, "\ud800", 1.0)]) == "22023"
    assert failed(table, text, [(1, "a", 1.0), (2, "b", float("nan"))]) == "22003"
    assert failed(table, text, [(1, "a", 1.0), (2, "b")]) == "22023"
    assert failed(table, text, [(1, "a", 1.0), (2, 7, 1.0)]) == "42804"
    assert table("SELECT * FROM t") == []
    assert table.many(text, [(1, "ä", -1.5)]) == 1


def test_only_writes_take_many_rows_and_no_rows_are_nothing(table):
    assert failed(table, "SELECT ?", [(1,)]) == "0A000"
    assert table.many("INSERT INTO t (k) VALUES (?)", []) == 0


def test_the_rows_of_parameters_have_a_limit(table, monkeypatch):
    monkeypatch.setattr(many, "TRANSACTION_KEYS_MAX", 10)

    def endless():
        while True:
            yield (1,)

    assert failed(table, "DELETE FROM t WHERE k = ?", endless()) == "54000"


def test_a_plan_is_made_once_for_all_rows(table, monkeypatch):
    made = []
    keep = Schema.keep
    monkeypatch.setattr(Schema, "keep", lambda self, name, plan: made.append(name) or keep(self, name, plan))
    text = "INSERT INTO t VALUES (?, ?, ?)"
    table.many(text, [(k, None if k % 3 else "v", k % 5 or None) for k in range(100)])
    table.many(text, [(k, None if k % 3 else "v", k % 5 or None) for k in range(100, 200)])
    assert [name for name, _ in made] == [text]


def test_times_with_a_zone_are_none_of_sqls(table):
    table("CREATE TABLE u (k INTEGER PRIMARY KEY, at TIMESTAMP, day DATE)")
    moment = dt.datetime(2024, 2, 29, 12)
    assert (
        failed(table, "INSERT INTO u VALUES (?, ?, NULL)", [(1, moment), (2, moment.replace(tzinfo=dt.UTC))]) == "22023"
    )
    assert table.many("INSERT INTO u VALUES (?, ?, ?)", [(1, moment, moment.date()), (2, None, None)]) == 2
    assert table("SELECT at, day FROM u ORDER BY k") == [(moment, moment.date()), (None, None)]
