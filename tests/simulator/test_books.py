"""The checkers of `sql`: tables that disagree with their log, entries without rows, queries that answer otherwise."""

import pytest

from argosy.testing import entries
from argosy.testing.books import LOG, Books, Finding, Tables
from argosy.testing.growing import Add
from argosy.testing.history import Outcome
from argosy.testing.linear import Violation
from argosy.testing.simulation import Simulation
from argosy.testing.workloads.questions import QUESTIONS, Found
from sql_lite_frontend import indexes
from sql_lite_frontend.keys import DROPPED_PREFIX, ROWS, TABLES_PREFIX, dropped_key, encode_tuple, index_prefix, past
from sql_lite_frontend.schema import decode_table
from tests.sql.engines import opened

OK, FAILED, UNKNOWN = Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN
ACCOUNTS = ((0, 90, 1), (1, 115, 0), (2, 95, 1))
LOGGED = ((7, 0, 1, 10, None), (8, 2, 1, 5, 3))
SPENT = (9, 1, 0, 10)


def sent(number, outcome=OK, begin=0.0):
    return Add(begin, begin + 1, outcome, 1, LOG, number)


def seen(accounts=ACCOUNTS, log=LOGGED, archive=(), outcome=OK):
    return Tables(5.0, 6.0, outcome, 2, accounts, log, archive)


def checked(*history):
    books = Books(3, 100)
    for each in history:
        books.note(each)
    books.check()


@pytest.mark.parametrize(
    "history",
    [
        [seen([(0, 100, 0), (1, 100, 0), (2, 100, 0)], [])],
        [sent(7), sent(8), seen()],
        [sent(7), sent(8, UNKNOWN), seen()],
        [sent(7), sent(8), sent(9, UNKNOWN), seen()],
        [sent(7), sent(8), sent(9, FAILED), seen()],
        [sent(7), sent(8), seen(log=LOGGED[1:], archive=[(-7, 0, 1, 10)])],
        [sent(7), sent(8), seen([], outcome=FAILED), seen()],
    ],
)
def test_good_books(history):
    checked(*history)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([], "nobody saw"),
        ([seen(outcome=FAILED)], "nobody saw"),
        ([sent(7), sent(8), seen(ACCOUNTS[:2])], "there are 2 accounts, not 3"),
        ([sent(7), sent(8), seen([*ACCOUNTS[:2], (2, 96, 1)])], "account 2 holds 96, its transfers leave 95"),
        ([sent(7), sent(8), seen([*ACCOUNTS[:2], (2, 95, 2)])], "account 2 has counted 2 transfers, 1 are written"),
        ([sent(7), sent(8), seen(archive=[(-8, 2, 1, 5)])], r"transfers \[8\] stand twice"),
        ([sent(7), sent(8), seen(log=[(*LOGGED[0][:4], 3), LOGGED[1]])], r"seats \[3\] are taken twice"),
        ([sent(7), sent(8), sent(9), seen()], "9 was lost"),
        ([sent(7), sent(8, FAILED), seen()], "8 was read, but never added"),
        ([sent(7), sent(8, UNKNOWN, begin=7.0), seen()], "8 was read, but never added"),
        ([sent(7), seen()], "nobody added 8"),
        ([sent(7), sent(8), seen(), Finding(1.0, 2.0, OK, 1, "something else")], "something else"),
        ([seen([(0, 0, 1), (1, 310, 0), (2, -10, 1)], [(7, 0, 1, 100, None), (8, 2, 1, 110, None)])], "holds -10"),
    ],
)
def test_bad_books(history, said):
    with pytest.raises(Violation, match=said):
        checked(*history)


def test_answers_by_hand_are_those_of_the_queries():
    """On a few rows; each question must tell them from the same with one row changed."""
    accounts = [(0, 1, 90, 1), (1, 1, 125, 0), (2, 2, 85, 1)]
    found = Found(accounts, [*LOGGED, (11, 1, 1, 12, None)], [(12, 1, 1, 7), SPENT], 1)
    assert [list(each.answer(found)) for each in QUESTIONS] == [
        [(85,), (90,), (125,)],
        [(1, 2, 90), (2, 1, 85)],
        [(0,), (1,)],
        [(11, 12)],
        [(11, True)],
        [(0, 1, 10), (1, 1, 12), (2, 1, 5)],
        [(1, 3, 27, 12)],
        [(3, 85)],
        [(7, 10), (8, 5), (11, 12), (12, 7)],
        [(12,), (9,)],
    ]
    for each in QUESTIONS:
        rows = list(each.answer(found))
        assert each.agrees(rows, found)
        assert each.agrees(rows[::-1], found) is (not each.sorts or len(rows) == 1)
        assert not each.agrees(rows[1:], found)


@pytest.fixture
def run(tmp_path):
    """A table of three rows with two indexes; another was dropped."""
    with opened(tmp_path / "node") as session:
        session("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b INTEGER UNIQUE)")
        session("INSERT INTO t VALUES (1, 10, 1), (2, 10, NULL), (3, 30, 3)")
        session("CREATE INDEX i ON t (a)")
        session("CREATE INDEX j ON t (b, a)")
        session("DROP INDEX j")
        yield session


def trouble(run):
    return run._run(run.engine.database.run(entries.trouble))


def table(run):
    ((_, stored),) = run._run(run.engine.database.scan(TABLES_PREFIX, past(TABLES_PREFIX)))
    return decode_table(stored)


@pytest.mark.parametrize(("index", "count"), [("t_b_key", 3), ("i", 3)])
def test_an_entry_that_is_missing_changed_or_too_many_is_told(run, index, count):
    assert trouble(run) == ""
    database, described = run.engine.database, table(run)
    (number,) = (each.number for each in described.indexes if each.name == index)
    prefix = index_prefix(described.id, number)
    (key, value), *others = run._run(database.scan(prefix, past(prefix)))
    assert len(others) == count - 1
    run._run(database.delete(key))
    assert f"index {index}, which is ready, lacks 1 entries of 3 rows" in trouble(run)
    run._run(database.put(key, others[-1][1]))
    assert f"index {index}, which is ready, holds 1 entries without their rows" in trouble(run)
    run._run(database.put(key, value))
    assert trouble(run) == ""
    row = index_prefix(described.id, ROWS) + encode_tuple((1,))
    run._run(database.delete(row))
    assert "holds 1 entries without their rows" in trouble(run)


def test_keys_that_nobody_knows_of_are_told(run):
    database, described = run.engine.database, table(run)
    left = index_prefix(described.id, described.next_index)
    run._run(database.put(left + b"\x21\x05", b"row"))
    assert trouble(run) == f"nobody knows of 1 keys: {(left + bytes([0x21, 5])).hex(' ')}"
    assert not run._run(database.scan(DROPPED_PREFIX, past(DROPPED_PREFIX)))
    run._run(database.put(dropped_key(left), left))
    assert trouble(run) == "", "they are to be removed"


def test_an_index_that_is_being_built_may_lack_entries_but_has_none_too_many(run, monkeypatch):
    monkeypatch.setattr("sql_lite_frontend.indexes.FILLED_AT_ONCE", 2)

    def stop(done, total):
        raise InterruptedError

    run("INSERT INTO t VALUES (4, 40, 4), (5, 50, 5)")
    run.session.progress = stop
    with pytest.raises(InterruptedError):
        run("CREATE INDEX j ON t (a, b)")
    assert trouble(run) == ""
    described = table(run)
    (index,) = (each for each in described.indexes if each.name == "j")
    assert index.building
    run._run(run.engine.database.put(index_prefix(described.id, index.number) + encode_tuple((7, 7, 7)), b"row"))
    assert "index j, which is being built, holds 1 entries without their rows" in trouble(run)


def test_a_run_builds_its_indexes_in_small_portions_and_leaves_the_size_as_it_was(monkeypatch):
    usual, sizes = indexes.FILLED_AT_ONCE, set()
    portion = indexes._portion

    def watched(table, index, transaction, limit):
        sizes.add(limit)
        return portion(table, index, transaction, limit)

    monkeypatch.setattr(indexes, "_portion", watched)
    simulation = Simulation(1, "sql", 8.0, nodes=3, faults=()).run()
    assert simulation.totals()["committed"] > 50
    assert min(sizes) < 20
    assert usual == indexes.FILLED_AT_ONCE
