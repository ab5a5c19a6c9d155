"""The driver's connections and cursors: where transactions begin and end, and rows that are pulled as they are read."""

import datetime as dt
from decimal import Decimal
from operator import length_hint

import pytest

from argosy import dbapi
from sql_lite_frontend import sources


def counted(connection) -> int:
    return connection.execute("SELECT count(*) FROM t").fetchone()[0]


def fill(connection, count: int) -> None:
    connection.executemany("INSERT INTO t VALUES (?, 'x')", ((k,) for k in range(count)))
    connection.commit()


def noted_pages(monkeypatch) -> list[int]:
    pages: list[int] = []
    real = sources.Scan.next

    def noted(self):
        rows = yield from real(self)
        pages.append(len(rows or ()))
        return rows

    monkeypatch.setattr(sources.Scan, "next", noted)
    return pages


# -- transactions ------------------------------------------------------------------------------------------------------


def test_the_first_statement_begins_a_transaction_and_commit_ends_it(connect):
    one, other = connect(), connect(autocommit=True)
    assert not one.in_transaction
    assert one.execute("INSERT INTO t VALUES (1, 'a')").rowcount == 1
    assert one.in_transaction
    one.execute("INSERT INTO t VALUES (2, 'b')")
    assert (counted(one), counted(other)) == (2, 0)
    one.commit()
    assert not one.in_transaction
    assert counted(other) == 2
    one.execute("DELETE FROM t")
    one.rollback()
    one.rollback()
    one.commit()
    assert counted(other) == 2


def test_a_transaction_reads_one_snapshot_until_it_ends(connect):
    one, other = connect(), connect(autocommit=True)
    assert counted(one) == 0
    other.execute("INSERT INTO t VALUES (1, 'a')")
    assert counted(one) == 0
    one.commit()
    assert counted(one) == 1


def test_with_autocommit_each_statement_is_a_transaction_and_begin_makes_a_longer_one(connect):
    one, other = connect(autocommit=True), connect(autocommit=True)
    one.execute("INSERT INTO t VALUES (1, 'a')")
    assert not one.in_transaction
    assert counted(other) == 1
    one.execute("BEGIN")
    one.execute("INSERT INTO t VALUES (2, 'b')")
    assert counted(other) == 1
    one.commit()
    assert counted(other) == 2


def test_autocommit_commits_what_is_open_when_it_is_set(connect):
    one, other = connect(), connect(autocommit=True)
    one.execute("INSERT INTO t VALUES (1, 'a')")
    one.autocommit = True
    assert one.autocommit
    assert counted(other) == 1
    one.autocommit = False
    one.execute("INSERT INTO t VALUES (2, 'b')")
    assert one.in_transaction
    assert counted(other) == 1


def test_begin_and_commit_as_text(connect):
    one, other = connect(), connect(autocommit=True)
    one.execute("BEGIN")
    one.execute("INSERT INTO t VALUES (1, 'a')")
    with pytest.raises(dbapi.InternalError, match="25001"):
        one.execute("BEGIN")
    one.execute("COMMIT")
    assert not one.in_transaction
    assert counted(other) == 1
    with pytest.raises(dbapi.InternalError, match="25P01"):
        one.execute("ROLLBACK")
    assert not one.in_transaction


def test_a_block_commits_or_rolls_back(connect):
    one, other = connect(), connect(autocommit=True)
    with one as same:
        assert same is one
        one.execute("INSERT INTO t VALUES (1, 'a')")
    assert counted(other) == 1
    with pytest.raises(ZeroDivisionError), one:
        one.execute("INSERT INTO t VALUES (2, 'b')")
        raise ZeroDivisionError
    assert not one.in_transaction
    assert counted(other) == 1


def test_a_statement_that_fails_leaves_the_transaction_as_it_was(connect):
    one = connect()
    one.execute("INSERT INTO t VALUES (1, 'a')")
    with pytest.raises(dbapi.IntegrityError) as caught:
        one.execute("INSERT INTO t VALUES (2, 'b'), (1, 'c')")
    assert caught.value.sqlstate == "23505"
    one.commit()
    assert one.execute("SELECT k FROM t").fetchall() == [(1,)]


def test_of_two_transactions_one_is_aborted_and_may_be_run_again(connect):
    one, other = connect(), connect()
    for each in (one, other):
        each.execute("INSERT INTO t VALUES (?, 'x')", (counted(each),))
    one.commit()
    with pytest.raises(dbapi.Aborted) as caught:
        other.commit()
    assert caught.value.sqlstate == "40001"
    assert isinstance(caught.value, dbapi.OperationalError)
    assert not other.in_transaction
    other.execute("INSERT INTO t VALUES (?, 'x')", (counted(other),))
    other.commit()
    assert counted(one) == 2


def test_an_interrupt_rolls_back(connect, monkeypatch):
    one = connect()
    one.execute("INSERT INTO t VALUES (1, 'a')")
    rows = one.execute("VALUES (1), (2)")
    with monkeypatch.context() as patched:
        patched.setattr(one, "_runner", Interrupted())
        with pytest.raises(KeyboardInterrupt):
            one.execute("INSERT INTO t VALUES (2, 'b')")
    assert not one.in_transaction
    with pytest.raises(dbapi.InternalError, match="has ended"):
        rows.fetchone()
    assert counted(one) == 0


class Interrupted:
    def run(self, _):
        raise KeyboardInterrupt


# -- rows --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("autocommit", [False, True])
def test_rows_are_pulled_as_they_are_read(connect, monkeypatch, autocommit):
    one = connect(autocommit=autocommit)
    fill(one, 9_000)
    pages = noted_pages(monkeypatch)
    cursor = one.execute("SELECT k FROM t")
    assert cursor.fetchone() == (0,)
    assert len(pages) == 1
    found, most = 1, 0
    while cursor.fetchone() is not None:
        found += 1
        most = max(most, length_hint(cursor._rows))
    assert found == 9_000
    assert most < max(pages) <= 9_000 / 2
    assert len(pages) > 2
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []


def test_all_ways_to_fetch_give_each_row_once(connect, monkeypatch):
    one = connect()
    fill(one, 9_000)
    pages = noted_pages(monkeypatch)
    cursor = one.cursor()
    assert cursor.execute("SELECT k FROM t") is cursor
    found = [cursor.fetchone(), *cursor.fetchmany(), *cursor.fetchmany(10)]
    cursor.arraysize = 3
    found += cursor.fetchmany()
    assert len(found) == 15
    assert len(pages) == 1
    found += cursor.fetchmany(pages[0])
    assert len(pages) == 2
    found += [next(cursor), *(row for _, row in zip(range(5), cursor, strict=False))]
    found += cursor.fetchall()
    assert found == [(k,) for k in range(9_000)]
    assert cursor.fetchmany(5) == []
    assert list(cursor) == []
    assert cursor.rowcount == -1


def test_an_empty_batch_is_not_the_end(connect):
    one = connect(autocommit=True)
    fill(one, 9_000)
    assert one.execute("SELECT k FROM t WHERE k % 9000 > 8997").fetchmany(100) == [(8_998,), (8_999,)]
    assert one.execute("SELECT k FROM t WHERE k % 9000 > 8997").fetchone() == (8_998,)
    assert one.execute("SELECT k FROM t WHERE v || '' = 'y'").fetchone() is None
    assert one.execute("SELECT k FROM t WHERE k = -1").fetchone() is None


def test_with_autocommit_rows_are_of_the_statements_own_snapshot(connect):
    one, other = connect(autocommit=True), connect(autocommit=True)
    fill(one, 9_000)
    cursor = one.execute("SELECT k FROM t")
    assert cursor.fetchone() == (0,)
    other.execute("DELETE FROM t WHERE k > 8000")
    assert len(cursor.fetchall()) == 8_999


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_rows_end_with_their_transaction(connect, end):
    one = connect()
    fill(one, 9_000)
    conditions = ("k = 1", "TRUE", "k = 1", "k < 2")
    read, begun, untouched, half = (one.execute(f"SELECT k FROM t WHERE {each}") for each in conditions)
    assert len(read.fetchall()) == 1
    assert begun.fetchone() == half.fetchone() == (0,)
    assert half._result.over
    getattr(one, end)()
    one.execute("SELECT 1")
    assert read.fetchone() is None
    for each in (begun, untouched, half):
        with pytest.raises(dbapi.InternalError, match="has ended") as caught:
            each.fetchone()
        assert caught.value.sqlstate == "24000"
    assert begun.execute("SELECT 1").fetchall() == [(1,)]


def test_an_error_while_rows_are_read_ends_them(connect, monkeypatch):
    one = connect(autocommit=True)
    fill(one, 9_000)
    cursor = one.execute("SELECT 1 / (k - 8000) FROM t")
    with pytest.raises(dbapi.DataError, match="22012"):
        cursor.fetchall()
    with pytest.raises(dbapi.ProgrammingError, match="no rows"):
        cursor.fetchall()


def test_description_tells_names_types_and_null(connect):
    one = connect()
    one.execute(
        "CREATE TABLE a (k INTEGER PRIMARY KEY, r REAL, n NUMERIC, s TEXT, b BLOB, o BOOLEAN, d DATE, m TIMESTAMP)"
    )
    cursor = one.cursor()
    assert cursor.description is None
    cursor.execute("SELECT *, k + 1 AS more FROM a ORDER BY r + 1")
    assert [each[0] for each in cursor.description] == ["k", "r", "n", "s", "b", "o", "d", "m", "more"]
    types = [each[1] for each in cursor.description]
    kinds = (dbapi.NUMBER, dbapi.STRING, dbapi.BINARY, dbapi.DATETIME, dbapi.ROWID)
    assert [[at for at, kind in enumerate(kinds) if code == kind] for code in types] == [
        [0], [0], [0], [1], [2], [], [3], [3], [0],
    ]  # fmt: skip
    assert types[5] == "BOOLEAN"
    assert [each[6] for each in cursor.description] == [False, *[True] * 7, False]
    assert all(each[2:6] == (None,) * 4 for each in cursor.description)
    assert dbapi.NUMBER != dbapi.STRING
    assert len({dbapi.NUMBER, dbapi.STRING, dbapi.NUMBER}) == 2
    for text in ("SHOW TABLES", "EXPLAIN SELECT 1", "VALUES ('a')", "SELECT 'a' UNION SELECT 'b'"):
        ((_, code, *_),) = cursor.execute(text).description
        assert code == dbapi.STRING
    cursor.execute("INSERT INTO t VALUES (1, 'a')")
    assert cursor.description is None
    assert cursor.lastrowid is None
    assert cursor.connection is one


def test_values_and_constructors(connect):
    one = connect()
    one.execute("CREATE TABLE a (k INTEGER PRIMARY KEY, d DATE, m TIMESTAMP, b BLOB, n NUMERIC)")
    row = (1, dbapi.Date(2024, 2, 29), dbapi.Timestamp(2024, 2, 29, 1, 2, 3), dbapi.Binary(b"\x00"), Decimal("1.5"))
    one.execute("INSERT INTO a VALUES (?, ?, ?, ?, ?)", row)
    assert one.execute("SELECT * FROM a").fetchone() == row
    moment = dt.datetime(2024, 2, 29, 1, 2, 3)
    ticks = moment.timestamp()
    assert dbapi.TimestampFromTicks(ticks) == moment
    assert dbapi.DateFromTicks(ticks) == moment.date()
    assert dbapi.TimeFromTicks(ticks) == dbapi.Time(1, 2, 3)
    with pytest.raises(dbapi.ProgrammingError, match="type time"):
        one.execute("SELECT ?", (dbapi.Time(1, 2),))
