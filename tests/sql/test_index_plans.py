"""Which key a scan reads by, whether rows are fetched behind entries, and which order needs no sort."""

import pytest


@pytest.fixture
def table(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL, u INTEGER UNIQUE)")
    run("CREATE INDEX by_a ON t (a)")
    run("CREATE INDEX by_ab ON t (a, b)")
    run("CREATE INDEX by_c ON t (c)")
    run("CREATE TABLE w (x INTEGER, y INTEGER, z TEXT, PRIMARY KEY (x, y))")
    run("CREATE INDEX by_z ON w (z)")
    rows = [(k, k % 5 if k % 7 else None, f"b{k % 3}", None if k % 4 == 0 else k / 2, k * 2) for k in range(40)]
    run.many("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
    run.many("INSERT INTO w VALUES (?, ?, ?)", [(k % 6, k, f"b{k % 4}") for k in range(30)])
    return run


def read(run, text):
    """The line of the scan, without what is behind its columns' names."""
    return run.plan(text)[-1].strip().split(" columns ")[0]


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("k = 1 AND u = 2 AND a = 3", "get t [k = 1]"),
        ("k IN (1, 3) AND u = 2", "get t [k in (1, 3)]"),
        ("k > 1 AND u = 2", "get t by index t_u_key [u = 2]"),
        ("u IN (2, 4) AND a = 1", "get t by index t_u_key [u in (2, 4)]"),
        ("k > 1 AND a = 3", "scan t by index by_a [a = 3 and k > 1]"),
        ("a = 3 AND b = 'b1'", "scan t by index by_ab [a = 3 and b = 'b1']"),
        ("a = 3 AND b > 'b'", "scan t by index by_ab [a = 3 and b > 'b']"),
        ("a IN (1, 2) AND b = 'b1'", "scan t by index by_ab [a in (1, 2) and b = 'b1']"),
        ("a = 1 OR a = 4", "scan t by index by_a [a in (1, 4)]"),
        ("c < 5.0", "scan t by index by_c [c < 5.0]"),
        ("c >= 2.0 AND c < 5.0 AND k > 3", "scan t by index by_c [c >= 2.0 and c < 5.0]"),
        ("k > 3 AND c > 1.0", "scan t [k > 3]"),
        ("a = 1 OR b = 'b1'", "scan t [all]"),
        ("u > 4 AND u <= 20", "scan t by index t_u_key [u > 4 and u <= 20]"),
        ("u = NULL", "scan t [all]"),
    ],
)
def test_the_key_is_chosen_in_a_stated_order(table, where, line):
    text = f"SELECT * FROM t WHERE {where}"
    assert read(table, text) == line
    table("CREATE TABLE plain (k INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL, u INTEGER)")
    table("INSERT INTO plain SELECT * FROM t")
    assert sorted(table(text)) == sorted(table(f"SELECT * FROM plain WHERE {where}"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("SELECT k, a FROM t WHERE a = 3", "scan t by index by_a alone [a = 3]"),
        ("SELECT b FROM t WHERE a = 3", "scan t by index by_ab alone [a = 3]"),
        ("SELECT u, k FROM t WHERE u = 4", "get t by index t_u_key alone [u = 4]"),
        ("SELECT k FROM t WHERE a = 3 AND c > 1.0", "scan t by index by_a [a = 3]"),
        ("SELECT a FROM t ORDER BY a", "scan t by index by_a alone [all]"),
        ("SELECT * FROM t ORDER BY c DESC LIMIT 4", "scan t by index by_c [all] backwards few: 4"),
        ("SELECT * FROM t WHERE a = 2 ORDER BY b LIMIT 3", "scan t by index by_ab [a = 2] few: 3"),
        (
            "SELECT * FROM t WHERE a IN (1, 2) ORDER BY a DESC, b DESC, k DESC",
            "scan t by index by_ab [a in (1, 2)] backwards",
        ),
        ("SELECT * FROM t WHERE k IN (30, 2, 7) ORDER BY k DESC", "get t [k in (30, 2, 7)] backwards"),
        ("SELECT * FROM t WHERE u IN (30, 2, 7) ORDER BY u", "get t by index t_u_key [u in (30, 2, 7)]"),
    ],
)
def test_entries_suffice_and_orders_come_for_nothing(table, text, line):
    assert read(table, text) == line
    assert not any(each.strip().startswith("sort") for each in table.plan(text))
    table("CREATE TABLE plain (k INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL, u INTEGER)")
    table("INSERT INTO plain SELECT * FROM t")
    found, wanted = table(text), table(text.replace("FROM t", "FROM plain"))
    assert found == wanted if "ORDER" in text else sorted(found) == sorted(wanted)


def test_sorts_that_an_index_does_not_do_are_left(table):
    for text in (
        "SELECT * FROM t ORDER BY a",  # all rows would have to be fetched one by one
        "SELECT a FROM t ORDER BY a NULLS LAST",
        "SELECT a, b FROM t ORDER BY a, b DESC",
    ):
        assert any(each.strip().startswith("sort") for each in table.plan(text)), text
    assert table("SELECT a FROM t ORDER BY a NULLS LAST LIMIT 1") == [(0,)]


def test_joins_look_rows_up_by_an_index(table):
    unique = "SELECT t.k, w.y FROM w JOIN t ON t.u = w.y WHERE w.x = 2"
    assert table.plan(unique)[1].strip() == "lookup join on w.y = t.u"
    several = "SELECT w.y, t.k FROM t JOIN w ON w.z = t.b AND w.y > t.k AND w.x = t.a WHERE t.a = 1"
    assert table.plan(several)[1].strip() == "lookup join on t.b = w.z and t.a = w.x where (w.y > t.k)"
    beside = "SELECT w.y, t.k FROM t JOIN w ON w.z = t.b AND w.y = t.u WHERE t.a IN (1, 2)"
    assert table.plan(beside)[1].strip() == "lookup join on t.b = w.z where (t.u = w.y)"
    by_name = "SELECT w.y, t.k FROM t LEFT JOIN w ON w.z = t.b AND w.y < 9 WHERE t.a = 1"
    assert table.plan(by_name)[1].strip() == "lookup left join on t.b = w.z"
    found = [sorted(table(text)) for text in (unique, several, beside, by_name)]
    for name in ("by_z", "by_a", "by_ab", "t_u_key"):
        table(f"DROP INDEX {name}")
    assert [sorted(table(text)) for text in (unique, several, beside, by_name)] == found
    assert all(found)


def test_writes_find_their_rows_by_an_index(table):
    assert read(table, "UPDATE t SET c = 0 WHERE a = 3") == "scan t by index by_a [a = 3]"
    assert read(table, "DELETE FROM w WHERE z = 'b1'") == "scan w by index by_z alone [z = 'b1']"
    count = table("SELECT count(*) FROM t WHERE a = 3")[0][0]
    assert table("UPDATE t SET a = a + 1 WHERE a = 3") == count
    assert table("DELETE FROM w WHERE z = 'b1'") == 8
    table.entries("t")
    table.entries("w")


def test_an_index_that_is_building_is_not_read(table, monkeypatch):
    monkeypatch.setattr("sql_lite_frontend.indexes.FILLED_AT_ONCE", 7)

    def stop(done, total):
        raise KeyError

    table.session.progress = stop
    with pytest.raises(KeyError):
        table("CREATE INDEX by_b ON t (b)")
    assert read(table, "SELECT * FROM t WHERE b = 'b1'") == "scan t [all]"
    assert len(table("SELECT * FROM t WHERE b = 'b1'")) == 13


def test_parameters_may_be_null_or_the_same(table):
    assert table("SELECT k FROM t WHERE k IN (?, ?, ?)", (3, None, 3)) == [(3,)]
    assert table("SELECT k FROM t WHERE a = ? AND c < ?", (None, 5.0)) == []
    assert table("SELECT count(*) FROM t WHERE c < ?", (None,)) == [(0,)]
    assert table("SELECT count(*) FROM t WHERE c < ?", (5.0,)) == [(7,)]
