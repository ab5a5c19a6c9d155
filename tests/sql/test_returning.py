"""RETURNING: what was written or removed, given when the changes are handed over."""

import pytest

from sql_lite_frontend import limits
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.operators import BATCH_ROWS
from sql_lite_frontend.types import Type
from tests.sql.engines import failed


@pytest.fixture
def table(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER UNIQUE, b TEXT DEFAULT 'd', n INTEGER)")
    run("INSERT INTO t VALUES (1, 10, 'x', 1), (2, 20, 'y', 2), (3, NULL, NULL, 3)")
    return run


def result_of(table, text, parameters=()):
    return table._run(table.session.execute(text, parameters))


def test_an_insert_gives_whole_rows_with_their_defaults(table):
    assert table("INSERT INTO t (n, k) VALUES (8, 4), (9, 5) RETURNING *") == [(4, None, "d", 8), (5, None, "d", 9)]
    assert table("INSERT INTO t SELECT k + 10, n, n || '!', NULL FROM t WHERE k < 3 RETURNING t.b || k AS c, n") == [
        ("1!11", None),
        ("2!12", None),
    ]


def test_an_update_gives_rows_as_they_are_then(table):
    text = "UPDATE t SET k = k + 10, n = n * 2 WHERE n > 1 RETURNING k, a, n, n > 5 AS large"
    assert table(text) == [(12, 20, 4, False), (13, None, 6, True)]
    assert table("UPDATE t AS u SET n = 0 WHERE k = 1 RETURNING u.*, u.k") == [(1, 10, "x", 0, 1)]


def test_a_delete_gives_rows_as_they_were(table):
    assert table("DELETE FROM t WHERE k > 1 RETURNING b, n + k") == [("y", 4), (None, 6)]
    assert table("SELECT k FROM t") == [(1,)]
    assert table("DELETE FROM t RETURNING *") == [(1, 10, "x", 1)]
    assert table("DELETE FROM t RETURNING *") == []
    table.entries("t")


def test_a_conflict_gives_what_was_written_in_the_order_of_the_rows(table):
    text = "INSERT INTO t (k, n) VALUES (5, 5), (2, 6), (4, 4) ON CONFLICT (k) DO"
    assert table(f"{text} UPDATE SET n = excluded.n WHERE t.b = 'y' RETURNING k, n, b") == [
        (5, 5, "d"),
        (2, 6, "y"),
        (4, 4, "d"),
    ]
    assert table(f"{text} UPDATE SET n = 0 WHERE t.b = 'y' RETURNING k, n") == [(2, 0)]
    assert table(f"{text} NOTHING RETURNING k") == []


def test_a_result_has_columns_kinds_and_a_count(table):
    result = result_of(table, "UPDATE t SET n = n + ? RETURNING k, b AS name, n + 1, length(b)", (1,))
    assert result.columns == ("k", "name", "column3", "length")
    assert [(kind.type, kind.nullable) for kind in result.kinds] == [
        (Type.INTEGER, False),
        (Type.TEXT, True),
        (Type.INTEGER, True),
        (Type.INTEGER, True),
    ]
    assert result.count == 3
    assert table._run(result.next()) == [(1, "x", 3, 1), (2, "y", 4, 1), (3, None, 5, None)]
    assert result.over
    none = result_of(table, "DELETE FROM t WHERE k > 9 RETURNING k")
    assert (none.columns, none.count) == (("k",), 0)


def test_parameters_and_subqueries_stand_in_it(table):
    text = "UPDATE t SET n = ? WHERE k = ? RETURNING n + ?, (SELECT sum(n) FROM t), k IN (SELECT 1)"
    assert table(text, (7, 1, 100)) == [(107, 6, True)]
    assert table("DELETE FROM t WHERE k = 1 RETURNING (SELECT count(*) FROM t)") == [(3,)]
    error = failed(table, "DELETE FROM t RETURNING k, (SELECT count(*) FROM t AS u WHERE u.k < t.k)")
    assert error.state == "0A000" and "RETURNING" in error.message


def test_what_fails_in_it_undoes_the_statement(table):
    before = table("SELECT * FROM t")
    for text in ("UPDATE t SET n = 0", "DELETE FROM t", "INSERT INTO t VALUES (7, 7, 'q', 0)"):
        assert failed(table, f"{text} RETURNING 1 / (n - n)").state == "22012"
        assert table("SELECT * FROM t") == before
    assert failed(table, "UPDATE t SET a = 5 RETURNING a").state == "23505"
    assert failed(table, "INSERT INTO t VALUES (1, 7, 'q', 0) RETURNING k").state == "23505"


def test_rows_are_given_when_the_changes_are_handed_over(table):
    table("BEGIN")
    result = result_of(table, "DELETE FROM t WHERE k = 1 RETURNING k")
    assert table("SELECT k FROM t") == [(2,), (3,)]
    assert table._run(result.next()) == [(1,)]
    table("ROLLBACK")
    assert table("SELECT count(*) FROM t") == [(3,)]


def test_many_rows_of_parameters_give_none(table):
    with pytest.raises(SqlError) as caught:
        table.many("INSERT INTO t (k) VALUES (?) RETURNING a, k", [(7,)])
    assert caught.value.state == "0A000" and "RETURNING" in caught.value.message
    assert caught.value.position == (1, 40)
    assert table("SELECT count(*) FROM t") == [(3,)]


def test_what_it_holds_is_bounded(table, monkeypatch):
    count = BATCH_ROWS + 10
    listed = ", ".join(f"({k})" for k in range(10, 10 + count))
    assert len(table(f"INSERT INTO t (k) VALUES {listed} RETURNING k")) == count
    monkeypatch.setattr("sql_lite_frontend.operators.HELD_BYTES_MAX", 1 << 16)
    assert limits.HELD_BYTES_MAX > 1 << 16
    assert failed(table, "DELETE FROM t WHERE k >= 10 RETURNING *").state == "53200"
    assert table("SELECT count(*) FROM t") == [(count + 3,)]


@pytest.mark.parametrize(
    ("text", "state", "place"),
    [
        ("RETURNING nope", "42703", (1, 25)),
        ("RETURNING u.*", "42P01", (1, 25)),
        ("RETURNING u.k", "42P01", (1, 25)),
        ("RETURNING count(*)", "42803", (1, 25)),
        ("RETURNING k + b", "42804", (1, 25)),
    ],
)
def test_errors_have_a_place(table, text, state, place):
    error = failed(table, f"DELETE FROM t {text}")
    assert (error.state, error.position) == (state, place)


def test_explain_shows_it(table):
    assert table.plan("DELETE FROM t WHERE k = 1 RETURNING k, n + 1") == [
        "delete t returning t.k, (t.n + 1)",
        "  project t.k, t.a, t.n",
        "    get t [k = 1] columns k, a, n",
    ]
    text = "INSERT INTO t (k) VALUES (1) ON CONFLICT DO NOTHING RETURNING k"
    assert table.plan(text)[0] == "insert t on conflict (k), (a) do nothing returning t.k"
