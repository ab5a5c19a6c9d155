"""An index on a filled table: built in portions, beside other sessions' writes, cut off and gone on with."""

from random import Random

import pytest

from node.flow import Gather
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import NEXT_ID_KEY, VERSION_KEY, index_key


class CutOff(Exception):
    pass


def failed(run, text) -> str:
    with pytest.raises(SqlError) as caught:
        run(text)
    return caught.value.state


def building(run) -> list[bool]:
    def look(transaction):
        schema = yield from run.engine.schemas.now(transaction)
        table = yield from schema.table(transaction, "t")
        return [each.building for each in table.indexes]

    return run._run(run.engine.database.run(look))


@pytest.fixture
def table(run, monkeypatch):
    """A table of fifty rows, which are filled in by seven."""
    monkeypatch.setattr("sql_lite_frontend.indexes.FILLED_AT_ONCE", 7)
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b TEXT)")
    run.many("INSERT INTO t VALUES (?, ?, 'x')", [(k, k * 10) for k in range(50)])
    return run


def cut_off(run, text):
    def stop(done, total):
        raise CutOff

    run.session.progress = stop
    with pytest.raises(CutOff):
        run(text)
    run.session.progress = lambda done, total: None


@pytest.mark.parametrize("unique", ["", "UNIQUE "])
def test_an_index_is_filled_in_portions(table, unique):
    told = []
    table.session.progress = lambda done, total: told.append((done, total))
    table(f"CREATE {unique}INDEX i ON t (a)")
    assert told == [(done, None) for done in range(14, 50, 7)] + [(50, 50)]
    assert table.entries("t") == {"i": 50}
    assert building(table) == [False]


def test_a_small_table_has_its_index_at_once_also_in_a_transaction(table):
    table("BEGIN")
    table("DELETE FROM t WHERE k >= 6")
    table("CREATE UNIQUE INDEX i ON t (b, a)")
    assert failed(table, "CREATE UNIQUE INDEX j ON t (b)") == "23505"
    table("COMMIT")
    assert table.entries("t") == {"i": 6}


def test_a_large_table_has_none_within_a_transaction(table):
    table("BEGIN")
    assert failed(table, "CREATE INDEX i ON t (a)") == "25001"
    table("COMMIT")
    assert table.entries("t") == {}
    cut_off(table, "CREATE INDEX i ON t (a)")
    table("BEGIN")
    assert failed(table, "CREATE INDEX i ON t (a)") == "25001"
    table("ROLLBACK")


def test_a_build_that_was_cut_off_goes_on_or_is_dropped(table):
    cut_off(table, "CREATE INDEX i ON t (a)")
    assert building(table) == [True]
    assert failed(table, "CREATE INDEX i ON t (b)") == "42P07"
    assert failed(table, "CREATE UNIQUE INDEX i ON t (a)") == "42P07"
    table("UPDATE t SET a = a + 1")
    table("DELETE FROM t WHERE k IN (3, 20, 40)")
    table("INSERT INTO t VALUES (60, 1, 'y'), (-1, 2, 'z')")
    told = []
    table.session.progress = lambda done, total: told.append(done)
    table("CREATE INDEX IF NOT EXISTS i ON t (a)")
    assert told[0] == 21
    assert building(table) == [False]
    assert table.entries("t") == {"i": 49}
    assert failed(table, "CREATE INDEX i ON t (a)") == "42P07"
    cut_off(table, "CREATE INDEX j ON t (b)")
    table("DROP INDEX j")
    table("CREATE INDEX j ON t (b)")
    assert table.entries("t") == {"i": 49, "j": 49}


def test_nothing_is_left_of_a_table_that_was_dropped_while_an_index_was_built(table):
    cut_off(table, "CREATE INDEX i ON t (a)")
    table("DROP TABLE t")
    kept = [key for key, _ in table._run(table.engine.database.scan())]
    assert kept == [VERSION_KEY, NEXT_ID_KEY]


@pytest.mark.parametrize("twin", [1, 30, 49])
def test_a_value_that_is_there_twice_is_told_and_the_index_removed(table, twin):
    table("UPDATE t SET a = 0 WHERE k = ?", (twin,))
    assert failed(table, "CREATE UNIQUE INDEX i ON t (a)") == "23505"
    assert table.entries("t") == {}
    assert failed(table, "DROP INDEX i") == "42704"
    table("UPDATE t SET a = NULL WHERE a = 0")
    table("CREATE UNIQUE INDEX i ON t (a)")
    assert table.entries("t") == {"i": 50}


def test_a_write_meets_the_entries_that_are_there(table):
    cut_off(table, "CREATE UNIQUE INDEX i ON t (a)")
    assert failed(table, "UPDATE t SET a = 10 WHERE k = 40") == "23505"
    table("UPDATE t SET a = 400 WHERE k = 5")  # row 40 has no entry yet: the build finds both
    assert failed(table, "CREATE UNIQUE INDEX i ON t (a)") == "23505"
    assert table.entries("t") == {}


def test_an_index_that_is_dropped_meanwhile_is_told(table):
    other = table.another()

    def both():
        flow = table.session.execute("CREATE INDEX i ON t (a)")
        dropped, reply = False, None
        while True:
            try:
                wish = flow.send(reply)
            except StopIteration:
                return
            reply = yield wish
            if not dropped and (yield from table.engine.database.get(index_key("i"))) is not None:
                dropped = True
                yield from other.session.execute("DROP INDEX i")

    with pytest.raises(SqlError) as caught:
        table._run(both())
    assert caught.value.state == "42704"
    assert table.entries("t") == {}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("unique", ["", "UNIQUE "])
def test_writers_beside_a_build(table, seed, unique):
    chance = Random(seed)
    fresh = iter(range(1_000, 10_000))

    def writer(session):
        for _ in range(40):
            key, value = chance.randrange(60), next(fresh)
            text = chance.choice(
                [
                    f"INSERT INTO t VALUES ({key + chance.choice([-100, 0, 100])}, {value}, 'w')",
                    f"UPDATE t SET a = {value} WHERE k = {key}",
                    f"UPDATE t SET k = {value} WHERE k = {key}",
                    f"DELETE FROM t WHERE k = {key}",
                    f"UPDATE t SET b = 'v' WHERE k < {key}",
                ]
            )
            try:
                yield from session.execute(text)
            except SqlError as error:
                assert error.state in ("23505", "40001"), error

    def builder(session):
        try:
            yield from session.execute(f"CREATE {unique}INDEX i ON t (a, b)")
        except SqlError as error:
            assert error.state == "42P07", error  # the other one has built it

    def all_at_once():
        some = [table.another().session for _ in range(4)]
        yield Gather((writer(some[0]), writer(some[1]), builder(some[2]), builder(some[3])))

    table._run(all_at_once())
    assert building(table) == [False]
    table.entries("t")
