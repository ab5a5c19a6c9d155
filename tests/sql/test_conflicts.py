"""ON CONFLICT: rows that are left out, or that change the row in their way."""

import pytest

from sql_lite_frontend import pending
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.operators import BATCH_ROWS
from tests.sql.engines import failed


@pytest.fixture
def table(run):
    run(
        "CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER UNIQUE, b TEXT DEFAULT 'd', "
        "n INTEGER DEFAULT 0 CHECK (n < 9))"
    )
    run("CREATE UNIQUE INDEX both ON t (b, n)")
    run("INSERT INTO t VALUES (1, 10, 'x', 1), (2, 20, 'y', 2), (3, NULL, 'z', 3)")
    return run


def rows(table):
    table.entries("t")
    return table("SELECT * FROM t ORDER BY k")


OLD = [(1, 10, "x", 1), (2, 20, "y", 2), (3, None, "z", 3)]


@pytest.mark.parametrize(
    ("text", "count", "new"),
    [
        ("VALUES (1, 99, 'q', 0), (4, 40, 'q', 0) ON CONFLICT DO NOTHING", 1, [(4, 40, "q", 0)]),
        ("VALUES (4, 10, 'q', 0), (5, 50, 'y', 2), (6, 60, 'q', 1) ON CONFLICT DO NOTHING", 1, [(6, 60, "q", 1)]),
        ("VALUES (1, 99, 'q', 0), (4, 40, 'q', 0) ON CONFLICT (k) DO NOTHING", 1, [(4, 40, "q", 0)]),
        ("VALUES (4, 10, 'q', 0), (4, 40, 'r', 0) ON CONFLICT (a) DO NOTHING", 1, [(4, 40, "r", 0)]),
        ("VALUES (4, 40, 'y', 2), (5, 50, 'y', 3) ON CONFLICT (n, b) DO NOTHING", 1, [(5, 50, "y", 3)]),
        (
            "VALUES (4, NULL, NULL, 2), (5, NULL, NULL, 2) ON CONFLICT DO NOTHING",
            2,
            [(4, None, None, 2), (5, None, None, 2)],
        ),
        # The statement's own rows are in the way, too.
        (
            "VALUES (4, 40, 'q', 0), (4, 41, 'r', 0), (5, 40, 's', 0), (6, 60, 'q', 0) ON CONFLICT DO NOTHING",
            1,
            [(4, 40, "q", 0)],
        ),
        ("SELECT k + 1, a, b, n FROM t ON CONFLICT (k) DO NOTHING", None, None),
        ("SELECT k + 1, a + 1, b, n + 1 FROM t ON CONFLICT (k) DO NOTHING", 1, [(4, None, "z", 4)]),
    ],
)
def test_rows_in_conflict_are_left_out(table, text, count, new):
    if count is None:
        assert failed(table, f"INSERT INTO t {text}").state == "23505"
        assert rows(table) == OLD
        return
    assert table(f"INSERT INTO t {text}") == count
    assert rows(table) == OLD + new


def test_a_conflict_with_another_key_than_the_one_that_is_named_is_an_error(table):
    for text in (
        "(4, 10, 'q', 0) ON CONFLICT (k) DO NOTHING",
        "(1, 40, 'q', 0) ON CONFLICT (a) DO UPDATE SET n = 0",
        "(3, NULL, 'q', 0) ON CONFLICT (a) DO NOTHING",
    ):
        assert failed(table, f"INSERT INTO t VALUES {text}").state == "23505"
        assert rows(table) == OLD


def upsert(table, values, rest, parameters=()):
    return table(f"INSERT INTO t VALUES {values} ON CONFLICT {rest}", parameters)


def test_a_row_in_the_way_is_updated(table):
    assert (
        upsert(table, "(1, 99, 'q', 4), (4, 40, 'q', 0)", "(k) DO UPDATE SET n = t.n + excluded.n, b = excluded.b") == 2
    )
    assert rows(table) == [(1, 10, "q", 5), OLD[1], OLD[2], (4, 40, "q", 0)]


def test_a_row_is_found_by_a_unique_index_and_may_change_its_keys(table):
    assert (
        upsert(table, "(8, 20, 'q', 4), (9, 90, 'q', 4)", "(a) DO UPDATE SET k = excluded.k, a = a + 1, b = 'r'") == 2
    )
    assert rows(table) == [OLD[0], OLD[2], (8, 21, "r", 2), (9, 90, "q", 4)]
    assert upsert(table, "(7, 70, 'z', 3)", "(b, n) DO UPDATE SET a = excluded.k") == 1
    assert rows(table)[1] == (3, 7, "z", 3)


def test_where_says_which_rows_change(table):
    text = "(k) DO UPDATE SET n = excluded.n WHERE t.n < excluded.n AND excluded.b <> 'no'"
    assert upsert(table, "(1, 0, 'q', 1), (2, 0, 'q', 7), (3, 0, 'no', 7)", text) == 1
    assert rows(table) == [OLD[0], (2, 20, "y", 7), OLD[2]]


def test_a_row_that_stays_as_it_is_may_be_met_again(table):
    assert upsert(table, "(1, 0, 'q', 0), (1, 0, 'q', 5)", "(k) DO UPDATE SET n = excluded.n WHERE excluded.n > n") == 1
    assert rows(table)[0] == (1, 10, "x", 5)


@pytest.mark.parametrize(
    ("values", "rest"),
    [
        ("(1, 0, 'q', 1), (1, 0, 'q', 2)", "(k) DO UPDATE SET n = excluded.n"),
        ("(7, 0, 'q', 1), (7, 1, 'q', 2)", "(k) DO UPDATE SET n = excluded.n"),
        ("(7, 0, 'q', 1), (7, 1, 'q', 2)", "(k) DO UPDATE SET n = excluded.n WHERE FALSE"),
        ("(7, 10, 'q', 1), (8, 10, 'q', 2)", "(a) DO UPDATE SET n = excluded.n"),
        ("(7, 10, 'q', 1), (8, 10, 'q', 2)", "(a) DO UPDATE SET k = excluded.k"),
        ("(7, 77, 'q', 1), (8, 77, 'r', 2)", "(a) DO UPDATE SET k = excluded.k"),
    ],
)
def test_no_row_is_written_twice(table, values, rest):
    assert upsert_fails(table, values, rest) == "21000"


def upsert_fails(table, values, rest, parameters=()):
    before = rows(table)
    error = failed(table, f"INSERT INTO t VALUES {values} ON CONFLICT {rest}", parameters)
    assert rows(table) == before
    return error.state


def test_a_key_that_a_row_has_left_is_free(table):
    assert upsert(table, "(1, 0, 'q', 1), (1, 1, 'r', 1)", "(k) DO UPDATE SET k = 5") == 2
    assert rows(table) == [(1, 1, "r", 1), *OLD[1:], (5, 10, "x", 1)]
    assert upsert(table, "(7, 20, 'q', 1), (8, 20, 's', 1)", "(a) DO UPDATE SET a = NULL") == 2
    assert (2, None, "y", 2) in rows(table) and (8, 20, "s", 1) in rows(table)


def test_what_is_written_is_held_to_all_that_holds(table):
    for change, state in (("n = 9", "23514"), ("k = NULL", "23502"), ("a = 20", "23505"), ("k = 2", "23505")):
        assert upsert_fails(table, "(1, 0, 'q', 0)", f"(k) DO UPDATE SET {change}") == state
    assert upsert_fails(table, "(1, 0, 'q', 9)", "DO NOTHING") == "23514"
    assert upsert_fails(table, "(1, 0, 'q', 9)", "(k) DO UPDATE SET n = 0") == "23514"
    assert upsert_fails(table, "(NULL, 0, 'q', 0)", "DO NOTHING") == "23502"
    assert upsert_fails(table, "(1, 0, 'q', 0), (2, 0, 'q', 0)", "(k) DO UPDATE SET k = 7") == "23505"
    assert upsert_fails(table, "(1, 0, 'q', 0), (2, 0, 'q', 0)", "(k) DO UPDATE SET b = 'x', n = 1") == "23505"


def test_what_was_looked_for_is_not_asked_for_again(table, monkeypatch):
    asked = []
    plain = pending.values_of
    monkeypatch.setattr(pending, "values_of", lambda of, keys: asked.append(len(keys)) or plain(of, keys))
    assert upsert(table, "(4, 40, 'q', 0)", "DO NOTHING") == 1
    assert upsert(table, "(5, 50, 'q', 1)", "(k) DO NOTHING") == 1
    assert asked == [0, 2]


def test_keys_may_be_exchanged(table):
    assert upsert(table, "(1, 0, 'q', 0), (2, 0, 'q', 0)", "(k) DO UPDATE SET a = 30 - a") == 2
    assert rows(table)[:2] == [(1, 20, "x", 1), (2, 10, "y", 2)]


def test_defaults_and_names(table):
    table("INSERT INTO t (k) VALUES (4)")
    assert (
        table(
            "INSERT INTO t AS u (k, n) VALUES (4, 5) ON CONFLICT (k) DO UPDATE SET n = u.n + excluded.n, b = excluded.b"
        )
        == 1
    )
    assert rows(table)[3] == (4, None, "d", 5)
    table("CREATE TABLE one (k INTEGER PRIMARY KEY DEFAULT 7, n INTEGER DEFAULT 1)")
    text = "INSERT INTO one DEFAULT VALUES"
    assert table(text) == 1
    assert table(f"{text} ON CONFLICT DO NOTHING") == 0
    assert table(f"{text} ON CONFLICT (k) DO UPDATE SET n = one.n + excluded.n") == 1
    assert table("SELECT * FROM one") == [(7, 2)]


def test_subqueries_and_parameters_stand_in_all_of_it(table):
    text = (
        "(k) DO UPDATE SET n = (SELECT min(n) FROM t) + ?, b = ? WHERE t.n < (SELECT max(k) FROM t) AND excluded.a = ?"
    )
    assert upsert(table, "(?, 5, 'q', 0), (2, 6, 'q', 0)", text, (1, 3, "new", 5)) == 1
    assert rows(table)[0] == (1, 10, "new", 4)
    error = failed(
        table,
        "INSERT INTO t (k) VALUES (1) ON CONFLICT (k) DO UPDATE SET n = (SELECT max(x.n) FROM t AS x "
        "WHERE x.k = excluded.k)",
    )
    assert error.state == "0A000" and "ON CONFLICT" in error.message


def test_statements_of_one_transaction_meet_each_others_rows(table):
    table("BEGIN")
    table("DELETE FROM t WHERE k = 1")
    assert upsert(table, "(1, 10, 'new', 0)", "DO NOTHING") == 1
    assert upsert(table, "(5, 10, 'q', 0)", "(a) DO UPDATE SET n = 8") == 1
    table("COMMIT")
    assert rows(table)[0] == (1, 10, "new", 8)


def test_many_rows_of_parameters(table):
    text = "INSERT INTO t (k, n) VALUES (?, ?) ON CONFLICT"
    assert table.many(f"{text} DO NOTHING", [(1, 5), (4, 5), (4, 6), (5, 5)]) == 1
    assert rows(table)[3:] == [(4, None, "d", 5)]
    assert table.many(f"{text} (k) DO UPDATE SET n = t.n + excluded.n", [(4, 1), (4, 1), (6, 1)]) == 3
    assert [row[3] for row in rows(table)[3:]] == [7, 1]
    with pytest.raises(SqlError, match="23514"):
        table.many(f"{text} (k) DO UPDATE SET n = t.n + excluded.n", [(6, 1), (7, 1), (4, 2)])
    assert [row[3] for row in rows(table)[3:]] == [7, 1]


def test_conflicts_over_several_batches(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER UNIQUE, n INTEGER)")
    count = BATCH_ROWS + 300
    run.many("INSERT INTO t VALUES (?, ?, 0)", [(k, -k) for k in range(0, count, 2)])
    listed = ", ".join(f"({k}, {-k}, 1)" for k in range(count))
    assert run(f"INSERT INTO t VALUES {listed} ON CONFLICT (a) DO UPDATE SET n = excluded.n + 1") == count
    assert run("SELECT n, count(*) FROM t GROUP BY n ORDER BY n") == [(1, count // 2), (2, count // 2)]
    twice = f"{listed}, (0, 5, 7)"
    assert failed(run, f"INSERT INTO t VALUES {twice} ON CONFLICT (k) DO UPDATE SET n = 0").state == "21000"
    assert run(f"INSERT INTO t VALUES {twice} ON CONFLICT DO NOTHING") == 0
    assert set(run.entries("t").values()) == {count}


def test_an_index_that_is_being_built_is_no_target(table, monkeypatch):
    monkeypatch.setattr("sql_lite_frontend.indexes.FILLED_AT_ONCE", 1)
    monkeypatch.setattr("sql_lite_frontend.session.fill", lambda *_: iter(()))
    table("CREATE UNIQUE INDEX slow ON t (n)")
    assert failed(table, "INSERT INTO t (k) VALUES (1) ON CONFLICT (n) DO NOTHING").state == "42P10"
    assert upsert(table, "(5, 50, 'q', 1)", "DO NOTHING") == 0


@pytest.mark.parametrize(
    ("text", "state", "place"),
    [
        ("VALUES (1) ON CONFLICT (n) DO NOTHING", "42P10", (1, 43)),
        ("VALUES (1) ON CONFLICT (k, a) DO NOTHING", "42P10", (1, 43)),
        ("VALUES (1) ON CONFLICT (nope) DO NOTHING", "42703", (1, 43)),
        ("VALUES (1) ON CONFLICT DO UPDATE SET n = 1", "42601", (1, 56)),
        ("VALUES (1) ON CONFLICT (k) DO UPDATE SET nope = 1", "42703", (1, 60)),
        ("VALUES (1) ON CONFLICT (k) DO UPDATE SET n = 1, n = 2", "42701", (1, 67)),
        ("VALUES (1) ON CONFLICT (k) DO UPDATE SET n = excluded.nope", "42703", (1, 64)),
        ("VALUES (1) ON CONFLICT (k) DO UPDATE SET n = 'x'", "42804", (1, 60)),
        ("VALUES (1) ON CONFLICT (k) DO UPDATE SET n = 1 WHERE n", "42804", (1, 72)),
        ("VALUES (1) ON CONFLICT (k) DO UPDATE SET n = max(n)", "42803", (1, 64)),
        ("DEFAULT VALUES", "42601", (1, 16)),
    ],
)
def test_errors_have_a_place(table, text, state, place):
    error = failed(table, f"INSERT INTO t (k) {text}")
    assert (error.state, error.position) == (state, place), error


def test_a_wrong_target_is_told_what_there_is(table):
    assert (
        failed(table, "INSERT INTO t (k) VALUES (1) ON CONFLICT (n) DO NOTHING").hint == "there are: (k), (a), (b, n)"
    )


def test_explain_shows_it(table):
    assert (
        table.plan("INSERT INTO t (k) VALUES (1) ON CONFLICT DO NOTHING")[0]
        == "insert t on conflict (k), (a), (b, n) do nothing"
    )
    (line, *_) = table.plan(
        "INSERT INTO t (k) VALUES (1) ON CONFLICT (a) DO UPDATE SET n = excluded.n + 1, b = t.b WHERE t.n > 3"
    )
    assert line == "insert t on conflict (a) do update n = (excluded.n + 1), b = t.b where (t.n > 3)"
