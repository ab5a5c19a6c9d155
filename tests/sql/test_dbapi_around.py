"""The driver around statements: parameters, errors by class and state, threads, and who is connected to."""

import subprocess
import sys
import threading
from contextlib import closing

import pytest
from click.testing import CliRunner

import argosy
import argosy.testing
from argosy import dbapi
from argosy.cli import main
from argosy.dbapi.errors import translated
from bench.processes import free_ports
from node.errors import NodeError
from sql_lite_frontend.errors import STATES, SqlError
from sql_lite_frontend.session import Engine


def address_of(database) -> str:
    return database.runner.engine.links._listener.address


def counted(connection) -> int:
    return connection.execute("SELECT count(*) FROM t").fetchone()[0]


# -- parameters --------------------------------------------------------------------------------------------------------


def test_parameters_by_place_and_by_name(connect):
    one = connect()
    one.execute("INSERT INTO t VALUES (?, ?)", [1, "a"])
    one.execute("INSERT INTO t VALUES (:k, :v)", {"v": None, "k": 2})
    assert one.execute("SELECT k FROM t WHERE k = :k OR v = :v", {"k": 2, "v": "a"}).fetchall() == [(1,), (2,)]
    wrong = [("SELECT ?", ()), ("SELECT ?", (1, 2)), ("SELECT ?", "1"), ("SELECT ?", 1), ("SELECT ?", {"a": 1})]
    for text, given in [*wrong, ("SELECT :a", (1,)), ("SELECT :a", {"b": 1}), ("SELECT ?", (object(),))]:
        with pytest.raises(dbapi.ProgrammingError, match="22023"):
            one.execute(text, given)


def test_executemany_is_all_or_nothing(connect):
    one = connect(autocommit=True)
    cursor = one.cursor()
    assert cursor.executemany("INSERT INTO t VALUES (?, ?)", ((k, "x") for k in range(100))) is cursor
    assert cursor.rowcount == 100
    assert cursor.description is None
    with pytest.raises(dbapi.IntegrityError):
        cursor.executemany("INSERT INTO t VALUES (?, 'y')", [(200,), (5,)])
    assert cursor.rowcount == -1
    assert (
        cursor.executemany("UPDATE t SET v = :v WHERE k = :k", [{"k": 1, "v": "y"}, {"k": -1, "v": "y"}]).rowcount == 1
    )
    assert one.executemany("DELETE FROM t WHERE k < ?", [(10,), (20,)]).rowcount == 20
    assert counted(one) == 80
    with pytest.raises(dbapi.NotSupportedError):
        cursor.executemany("SELECT ?", [(1,)])
    with pytest.raises(ZeroDivisionError):
        cursor.executemany("DELETE FROM t WHERE k = ?", ((1 // 0,) for _ in range(1)))
    assert counted(one) == 80


def test_executemany_belongs_to_the_open_transaction(connect):
    one, other = connect(), connect(autocommit=True)
    one.executemany("INSERT INTO t VALUES (?, 'x')", [(1,), (2,)])
    assert one.in_transaction
    assert counted(other) == 0
    one.rollback()
    assert counted(other) == 0


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("SELECT 1 +", dbapi.ProgrammingError, "42601"),
        ("SELECT nope FROM t", dbapi.ProgrammingError, "42703"),
        ("SELECT 1 FROM nope", dbapi.ProgrammingError, "42P01"),
        ("SELECT k = v FROM t", dbapi.ProgrammingError, "42804"),
        ("SELECT 1 / 0", dbapi.DataError, "22012"),
        ("SELECT 9223372036854775807 + 1", dbapi.DataError, "22003"),
        ("INSERT INTO t VALUES (NULL, 'a')", dbapi.IntegrityError, "23502"),
        ("SELECT (VALUES (1), (2))", dbapi.ProgrammingError, "21000"),
        ("ALTER TABLE t ADD COLUMN c TEXT", dbapi.NotSupportedError, "0A000"),
        ("SELECT " + "(" * 30 + "1" + ")" * 30, dbapi.OperationalError, "54001"),
    ],
)
def test_errors_have_the_class_of_their_state(connect, text, kind, state):
    one = connect()
    with pytest.raises(dbapi.DatabaseError) as caught:
        one.execute(text).fetchall()
    assert type(caught.value) is kind
    assert caught.value.sqlstate == state
    assert isinstance(caught.value.__cause__, SqlError)


def test_an_error_knows_its_place_and_what_would_help(connect):
    with pytest.raises(dbapi.Error, match="no column nope") as caught:
        connect().execute("SELECT k,\n  nope FROM t")
    assert caught.value.position == (2, 3)
    assert caught.value.hint == "there are: k, v"
    with pytest.raises(dbapi.Error) as caught:
        connect().execute("SELECT ?", ())
    assert caught.value.position is None


def test_every_state_has_a_class():
    for state in STATES:
        error = translated(SqlError(state, "it failed", hint="help"))
        assert isinstance(error, dbapi.DatabaseError)
        assert (error.sqlstate, error.hint) == (state, "help")
    assert not issubclass(dbapi.Warning, dbapi.Error)
    assert not issubclass(dbapi.InterfaceError, dbapi.DatabaseError)


def test_what_cannot_be_reached_and_what_is_not_known_are_told_apart():
    with argosy.testing.cluster(nodes=3, seed=4) as c:
        one = dbapi.connect(c.database)
        with one:
            one.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")
        one.execute("INSERT INTO t VALUES (1, 'a')")
        c.partition({"client"}, {1, 2, 3})
        with pytest.raises(dbapi.OutcomeUnknown) as unknown:
            one.commit()
        assert unknown.value.sqlstate == "40003"
        with pytest.raises(dbapi.Unavailable) as unavailable:
            one.execute("SELECT * FROM t")
        assert unavailable.value.sqlstate == "08006"
        with pytest.raises(dbapi.InternalError, match="25P02"):
            one.execute("SELECT * FROM t")
        c.heal()
        one.rollback()
        assert one.execute("SELECT count(*) FROM t").fetchone()[0] in (0, 1)
        one.close()


def test_a_node_that_has_stopped_is_told_and_left(tmp_path):
    one = dbapi.connect(tmp_path / "node")
    one.execute("SELECT 1")
    one._runner.engine.stopped = "the disk is gone"
    with pytest.raises(dbapi.OperationalError, match="the disk is gone") as caught:
        one.execute("CREATE TABLE t (k INTEGER PRIMARY KEY)")
    assert caught.value.sqlstate == "58000"
    assert isinstance(caught.value.__cause__, NodeError)
    one.close()
    dbapi.connect(tmp_path / "node").close()


# -- connections -------------------------------------------------------------------------------------------------------


def test_what_the_module_says_of_itself():
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 1, "qmark")


def test_a_directory_keeps_what_was_committed(tmp_path):
    path = str(tmp_path / "node")
    with closing(dbapi.connect(path)) as one:
        one.execute("CREATE TABLE t (k INTEGER PRIMARY KEY)")
        one.execute("INSERT INTO t VALUES (1)")
        one.commit()
        one.execute("INSERT INTO t VALUES (2)")
    with closing(dbapi.connect(path)) as one:
        assert one.execute("SELECT * FROM t").fetchall() == [(1,)]
        with pytest.raises(dbapi.OperationalError) as caught:
            dbapi.connect(path)
        assert caught.value.sqlstate == "08001"


def test_a_connection_that_is_forgotten_is_closed(tmp_path):
    path = tmp_path / "node"
    dbapi.connect(path)
    code = f"""
from argosy import dbapi
from txn import transaction
one = dbapi.connect({str(path)!r})
transaction.kept = lambda: one  # so it outlives other modules
one.execute("CREATE TABLE t (k INTEGER PRIMARY KEY)")
one.commit()
one.execute("INSERT INTO t VALUES (1)")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with closing(dbapi.connect(path)) as one:
        assert one.execute("SELECT * FROM t").fetchall() == []


@pytest.mark.parametrize("scheme", ["", "argosy://"])
def test_a_client_of_a_cluster(connect, database, scheme):
    dead = free_ports(1)[0]
    with closing(dbapi.connect(f"{scheme}127.0.0.1:{dead},{address_of(database)}", reads="nearest")) as one:
        one.executemany("INSERT INTO t VALUES (?, 'x')", ((k,) for k in range(9_000)))
        one.commit()
        assert sum(k for (k,) in one.execute("SELECT k FROM t")) == sum(range(9_000))
        with one:
            one.execute("UPDATE t SET v = 'y' WHERE k = ?", (7,))
    assert connect().execute("SELECT v FROM t WHERE k = 7").fetchone() == ("y",)


def test_who_answers_reads_is_the_engines_to_know(connect, monkeypatch):
    asked = []
    monkeypatch.setattr(dbapi, "Engine", lambda router, nearest, _: asked.append(nearest) or Engine(router, nearest))
    for reads in ("leader", "nearest"):
        assert connect(reads=reads).execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert asked == [False, True]


def test_a_cluster_with_tls(tmp_path):
    authority, node, client = (str(tmp_path / name) for name in ("authority", "node", "client"))
    for arguments in (
        ("ca", authority),
        ("node", node, "--authority", authority),
        ("client", client, "--authority", authority),
    ):
        assert CliRunner().invoke(main, ["cert", *arguments]).exit_code == 0
    with argosy.open(tmp_path / "data", listen="127.0.0.1:0", tls_dir=node) as opened:
        with closing(dbapi.connect(address_of(opened), tls_dir=client)) as one:
            assert one.execute("SELECT 1").fetchall() == [(1,)]
        with pytest.raises(dbapi.OperationalError):
            dbapi.connect(address_of(opened))


def test_nobody_there_is_an_operational_error(tmp_path):
    for dsn in (f"127.0.0.1:{free_ports(1)[0]}", "argosy://nonsense", "host:port"):
        with pytest.raises(dbapi.OperationalError) as caught:
            dbapi.connect(dsn)
        assert caught.value.sqlstate == "08001"
    with pytest.raises(dbapi.InterfaceError, match="tls_dir"):
        dbapi.connect(tmp_path / "node", tls_dir=tmp_path)
    with pytest.raises(ValueError, match="nearest"):
        dbapi.connect(tmp_path / "node", reads="best")


def test_after_close_nothing_works(connect):
    one = connect()
    cursor, closed = one.execute("SELECT 1"), one.cursor()
    closed.close()
    closed.close()
    for use in (closed.fetchone, lambda: closed.execute("SELECT 1"), lambda: next(closed)):
        with pytest.raises(dbapi.InterfaceError, match="cursor is closed"):
            use()
    one.close()
    one.close()
    uses = (one.cursor, one.commit, one.rollback, one.__enter__, cursor.fetchone, lambda: cursor.execute("SELECT 1"))
    for use in (*uses, lambda: setattr(one, "autocommit", False), lambda: one.executemany("DELETE FROM t", [])):
        with pytest.raises(dbapi.InterfaceError, match="connection is closed"):
            use()


def test_a_cursor_without_rows_says_so(connect):
    cursor = connect().cursor()
    cursor.setinputsizes([10])
    cursor.setoutputsize(10, 0)
    for text in ("", "INSERT INTO t VALUES (1, 'a')"):
        if text:
            cursor.execute(text)
        for use in (cursor.fetchone, cursor.fetchmany, cursor.fetchall, lambda: next(cursor)):
            with pytest.raises(dbapi.ProgrammingError, match="no rows"):
                use()
    with pytest.raises(dbapi.ProgrammingError, match="is text, not bytes"):
        cursor.execute(b"SELECT 1")


def test_another_thread_is_refused(connect):
    one = connect()
    cursor = one.execute("SELECT 1")
    refused = []

    def use_all():
        for use in (one.cursor, one.commit, one.rollback, one.close, cursor.fetchone):
            try:
                use()
            except dbapi.ProgrammingError as error:
                refused.append(str(error))

    thread = threading.Thread(target=use_all)
    thread.start()
    thread.join()
    assert len(refused) == 5
    assert "for the thread that made it" in refused[0]
    assert cursor.fetchall() == [(1,)]


def test_threads_share_a_database_each_with_a_connection(connect, database):
    def work(number):
        with closing(dbapi.connect(database, autocommit=True)) as mine:
            for place in range(20):
                mine.execute("INSERT INTO t VALUES (?, ?)", (100 * number + place, "x"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert counted(connect()) == 80
