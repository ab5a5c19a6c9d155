"""Transactions over statements, the catalog's version, parameters, streaming and bounds of memory."""

import datetime as dt
from decimal import Decimal

import pytest

from sql_lite_frontend import operators, sources
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import NEXT_ID_KEY, VERSION_KEY
from sql_lite_frontend.session import Engine
from txn import transaction
from txn.errors import Aborted, OutcomeUnknown, Unavailable
from txn.queries import Read
from txn.transaction import Transaction


def failed(run, text, parameters=()) -> str:
    with pytest.raises(SqlError) as caught:
        run(text, parameters)
    return caught.value.state


@pytest.fixture
def table(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")
    return run


def test_a_transaction_is_seen_as_a_whole_or_not_at_all(table):
    other = table.another()
    table("BEGIN")
    table("INSERT INTO t VALUES (1, 'a')")
    table("INSERT INTO t VALUES (2, 'b')")
    assert other("SELECT count(*) FROM t") == [(0,)]
    assert table("SELECT count(*) FROM t") == [(2,)]
    table("COMMIT")
    assert other("SELECT count(*) FROM t") == [(2,)]
    table("BEGIN")
    table("DELETE FROM t")
    table("ROLLBACK")
    assert other("SELECT count(*) FROM t") == [(2,)]


def test_a_statement_that_fails_leaves_the_transaction_as_it_was(table):
    table("BEGIN")
    table("INSERT INTO t VALUES (1, 'a')")
    assert failed(table, "INSERT INTO t VALUES (2, 'b'), (1, 'c')") == "23505"
    assert failed(table, "SELECT nope FROM t") == "42703"
    table("COMMIT")
    assert table("SELECT * FROM t") == [(1, "a")]


def test_of_two_that_write_what_the_other_read_one_is_aborted(table):
    other = table.another()
    table("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    for session in (table, other):
        session("BEGIN")
        assert session("SELECT count(*) FROM t WHERE v <> 'off'") == [(2,)]
    table("UPDATE t SET v = 'off' WHERE k = 1")
    other("UPDATE t SET v = 'off' WHERE k = 2")
    table("COMMIT")
    assert failed(other, "COMMIT") == "40001"
    assert other.session.transaction is None
    assert table("SELECT k FROM t WHERE v = 'off'") == [(1,)]


def test_begin_and_its_partners_are_told_apart(run):
    assert failed(run, "COMMIT") == "25P01"
    run("BEGIN")
    assert failed(run, "BEGIN") == "25001"
    run("ROLLBACK")


def test_a_change_of_the_catalog_conflicts_with_a_statement_under_the_older_one(table):
    other = table.another()
    other("BEGIN")
    other("INSERT INTO t VALUES (1, 'lost')")
    table("DROP TABLE t")
    table("CREATE TABLE t (k TEXT PRIMARY KEY)")
    assert failed(other, "COMMIT") == "40001"
    assert table("SELECT * FROM t") == []


def test_a_catalog_that_was_taken_back_is_forgotten(run):
    run("BEGIN")
    run("CREATE TABLE t (k INTEGER PRIMARY KEY)")
    assert run("SELECT k FROM t") == []
    run("ROLLBACK")
    assert failed(run, "SELECT k FROM t") == "42P01"
    run("CREATE TABLE t (k TEXT PRIMARY KEY)")
    run("INSERT INTO t VALUES ('x')")
    assert run("SELECT k FROM t") == [("x",)]


@pytest.mark.parametrize("error", [Aborted, OutcomeUnknown, Unavailable])
def test_a_commit_stands_although_what_it_dropped_cannot_be_removed_now(table, monkeypatch, error):
    def fails(database, _):
        raise error("nobody answered")
        yield

    table("INSERT INTO t VALUES (1, 'a')")
    table("CREATE INDEX i ON t (v)")
    with monkeypatch.context() as broken:
        broken.setattr("sql_lite_frontend.session.remove_dropped", fails)
        table("BEGIN")
        table("DROP INDEX i")
        table("INSERT INTO t VALUES (2, 'b')")
        table("COMMIT")
        table("CREATE INDEX i ON t (v)")
        table("DROP INDEX i")
    assert table("SELECT count(*) FROM t") == [(2,)]
    table("DROP TABLE t")
    kept = [key for key, _ in table._run(table.engine.database.scan())]
    assert kept == [VERSION_KEY, NEXT_ID_KEY], "whoever drops next removes what was left"


@pytest.mark.parametrize("later", ["BEGIN; COMMIT", "INSERT INTO t VALUES (-1, 'z')"])
def test_what_a_statement_would_have_left_to_be_done_is_forgotten_when_it_fails(table, monkeypatch, later):
    def fails(body, seconds=None):
        yield from body(table.engine.database.begin())
        raise Aborted("others were faster")

    monkeypatch.setattr("sql_lite_frontend.indexes.FILLED_AT_ONCE", 2)
    table.many("INSERT INTO t VALUES (?, 'a')", [(k,) for k in range(5)])
    with monkeypatch.context() as broken:
        broken.setattr(table.engine.database, "run", fails)
        assert failed(table, "CREATE INDEX i ON t (v)") == "40001"
    for text in later.split("; "):
        table(text)
    assert table.entries("t") == {}


def test_rows_of_a_dropped_table_are_removed(table, monkeypatch):
    monkeypatch.setattr("sql_lite_frontend.ddl.REMOVED_AT_ONCE", 2)
    table("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')")
    database = table.engine.database

    def left():
        return table._run(database.scan(b"\x21"))

    assert len(left()) == 5
    starts, real = [], Transaction.scan

    def scan(self, start, *given):
        starts.append(start)
        return real(self, start, *given)

    monkeypatch.setattr(Transaction, "scan", scan)
    told = []
    table.session.progress = lambda done, total: told.append((done, total))
    table("DROP TABLE t")
    assert told == [(2, None), (4, None)]
    rows = [each for each in starts if each.startswith(b"\x21")]
    assert left() == []
    assert len(set(rows)) == len(rows) == 3, "what is deleted already is not walked over again"
    assert not [key for key, _ in table._run(database.scan()) if b"t" in key]


def test_parameters_by_place_and_by_name(table):
    table("INSERT INTO t VALUES (?, ?)", (1, "a"))
    table("INSERT INTO t VALUES (:k, :v)", {"k": 2, "v": None})
    assert table("SELECT v FROM t WHERE k = ?", (1,)) == [("a",)]
    assert table("SELECT k FROM t WHERE k = :n OR v = :n || ''", {"n": 2}) == [(2,)]
    assert table("SELECT k FROM t WHERE k = ?", (None,)) == []
    assert failed(table, "SELECT ?", ()) == "22023"
    assert failed(table, "SELECT :a", {"b": 1}) == "22023"
    assert failed(table, "SELECT ?", (object(),)) == "22023"
    assert failed(table, "SELECT ?", (1 << 63,)) == "22003"
    assert failed(table, "SELECT ?", (float("nan"),)) == "22003"
    assert failed(table, "SELECT ?, :a", (1,)) == "42601"


def test_a_plan_is_made_for_the_types_of_its_parameters(table):
    text = "SELECT ? + 1"
    assert table(text, (1,)) == [(2,)]
    assert table(text, (1.5,)) == [(2.5,)]
    assert table(text, (Decimal("1.5"),)) == [(Decimal("2.5"),)]
    assert failed(table, text, ("1",)) == "42804"
    assert table("SELECT ? < DATE '2020-01-02'", ("2020-01-01",)) == [(True,)]


def test_values_of_all_types_come_back(run):
    run(
        "CREATE TABLE t (k INTEGER PRIMARY KEY, r REAL, n NUMERIC(8, 2), s TEXT,"
        " b BLOB, o BOOLEAN, d DATE, m TIMESTAMP)"
    )
    row = (
        1,
        2.5,
        Decimal("3.10"),
        "ä\x00",
        b"\x00\xff",
        True,
        dt.date(1969, 1, 2),
        dt.datetime(2020, 1, 2, 3, 4, 5, 6),
    )
    run("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    run("INSERT INTO t (k) VALUES (2)")
    assert run("SELECT * FROM t") == [row, (2, *(None,) * 7)]


def test_rows_stream_from_one_snapshot(table):
    for start in range(0, 9_000, 1_500):
        table("INSERT INTO t VALUES " + ", ".join(["(?, 'x')"] * 1_500), tuple(range(start, start + 1_500)))
    result = table._run(table.session.execute("SELECT k FROM t"))
    first = table._run(result.next())
    assert 0 < len(first) < 9_000
    table.another()("DELETE FROM t WHERE k > 8000")
    rest = []
    while not result.over:
        rest += table._run(result.next()) or []
    assert len(first) + len(rest) == 9_000


def test_a_limit_reads_little(table, monkeypatch):
    table("INSERT INTO t VALUES " + ", ".join(["(?, 'x')"] * 1_500), tuple(range(1_500)))
    pages = []
    real = sources.Scan.next

    def noted(self):
        pages.append(self._page)
        return real(self)

    monkeypatch.setattr(sources.Scan, "next", noted)
    assert table("SELECT k FROM t WHERE k >= 10 ORDER BY k LIMIT 3") == [(10,), (11,), (12,)]
    assert table("SELECT k FROM t ORDER BY k DESC LIMIT 2 OFFSET 1") == [(1498,), (1497,)]
    assert pages == [3, 3]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT k FROM t ORDER BY v",
        "SELECT DISTINCT k FROM t",
        "SELECT k, count(*) FROM t GROUP BY k",
        "SELECT count(DISTINCT k) FROM t",
        "SELECT a.k FROM t a JOIN t b ON a.v = b.v AND a.k = b.k",
    ],
)
def test_what_is_held_has_a_limit(table, monkeypatch, text):
    table("INSERT INTO t VALUES " + ", ".join(["(?, 'x')"] * 1_000), tuple(range(1_000)))
    table(text)
    monkeypatch.setattr(operators, "HELD_BYTES_MAX", 50_000)
    assert failed(table, text) == "53200"
    assert len(table("SELECT k FROM t")) == 1_000
    assert len(table("SELECT k FROM t ORDER BY v LIMIT 5")) == 5


def test_plans_say_what_is_read(run):
    run("CREATE TABLE t (a INTEGER, b TEXT, c REAL, PRIMARY KEY (a, b))")
    run("CREATE TABLE u (k TEXT PRIMARY KEY, w INTEGER)")
    assert run.plan("SELECT c FROM t WHERE b = 'x' AND 1 + 1 = a")[-1] == (
        "  get t [a = 2 and b = 'x'] columns c where (t.b = 'x')"
    )
    assert run.plan("SELECT b FROM t WHERE a = 1 AND b > 'k' AND c < 2.0 ORDER BY b DESC LIMIT 4")[-1] == (
        "    scan t [a = 1 and b > 'k'] backwards few: 4 columns b where ((t.b > 'k') and (t.c < 2.0))"
    )
    assert run.plan("SELECT w FROM t JOIN u ON k = b WHERE a = 1")[1:] == [
        "  lookup join on t.b = u.k",
        "    scan t [a = 1] columns b",
        "    scan u [all] columns k, w",
    ]
    assert run.plan("SELECT w FROM t JOIN u ON k = b WHERE w > 3")[1:] == [
        "  hash join on t.b = u.k",
        "    scan t [all] columns b",
        "    scan u [all] columns k, w where (u.w > 3)",
    ]
    assert run.plan("SELECT b, count(*) FROM t GROUP BY b ORDER BY 2 LIMIT 3")[:2] == [
        "limit 3",
        "  sort by count, keep 3",
    ]


def noted_reads(monkeypatch):
    """The numbers of keys of all messages that read keys."""
    counts = []
    monkeypatch.setattr(transaction, "Read", lambda keys, at: counts.append(len(keys)) or Read(keys, at))
    return counts


@pytest.mark.parametrize(
    "text",
    ["SELECT v FROM t WHERE k = ?", "SELECT v || v FROM t WHERE k = ? ORDER BY v", "UPDATE t SET v = 'c' WHERE k = ?"],
)
def test_a_row_by_its_key_comes_along_with_the_catalogs_version(table, monkeypatch, text):
    table("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    first = table(text, (1,))
    counts = noted_reads(monkeypatch)
    assert table(text, (1,)) == first
    assert counts == [2]
    table("BEGIN")
    table(text, (2,))
    table(text, (-1,))
    table("COMMIT")
    assert counts == [2, 2, 2]


def test_only_a_single_whole_key_comes_along(run, monkeypatch):
    run("CREATE TABLE t (a INTEGER, b INTEGER, v TEXT, PRIMARY KEY (a, b))")
    run("INSERT INTO t VALUES (1, 1, 'a'), (1, 2, 'b')")
    counts = noted_reads(monkeypatch)
    for _ in range(2):
        assert run("SELECT v FROM t WHERE a = ?", (1,)) == [("a",), ("b",)]
        assert run("SELECT v FROM t WHERE a = ? AND b IN (1, 2)", (1,)) == [("a",), ("b",)]
    assert counts[-3:] == [1, 1, 2], "the version, the version, two rows"


def test_what_came_along_for_an_older_plan_is_not_taken_for_the_row(table):
    text, other = "SELECT v FROM t WHERE k = ?", table.another()
    other.engine = Engine(table.engine.database.router)
    other.session = other.engine.session()
    table("INSERT INTO t VALUES (1, 'a')")
    divided = "SELECT v FROM t WHERE k = 1 / ?"
    assert table(text, (1,)) == table(divided, (1,)) == [("a",)]
    other("DROP TABLE t")
    other("CREATE TABLE t (v TEXT, n INTEGER PRIMARY KEY, k INTEGER)")
    assert table(divided, (0,)) == [], "no row, so nothing is divided"
    other("INSERT INTO t VALUES ('b', 7, 1)")
    assert table(text, (1,)) == [("b",)]
    other("DROP TABLE t")
    assert failed(table, text, (1,)) == "42P01"


def test_a_key_that_cannot_be_told_ahead_fails_in_its_turn(table):
    table("INSERT INTO t VALUES (1, 'a')")
    for text in ("SELECT v FROM t WHERE k = 1 / ?", "SELECT v FROM t WHERE k = ? - 1"):
        assert table(text, (1,)) == [("a",)][: text.count("/")]
    assert failed(table, "SELECT v FROM t WHERE k = 1 / ?", (0,)) == "22012"
    table("CREATE TABLE u (k TEXT PRIMARY KEY, v TEXT)")
    assert [table("SELECT v FROM u WHERE k = ?", (text,)) for text in ("a", "b" * 1_000)] == [[], []]
