"""The plain form on a real embedded node: what the README promises, threads, restarts, and errors."""

import threading

import pytest

import argosy
from node.errors import AddressError, DirectoryError, NodeError


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with argosy.open(tmp_path_factory.mktemp("node") / "data") as db:
        yield db


@pytest.fixture
def db(opened):
    with opened.transaction() as tx:
        for key, _ in tx.scan():
            tx.delete(key)
    return opened


def test_items_come_and_go(db):
    assert "fruit" not in db
    with pytest.raises(KeyError):
        db["fruit"]
    db["fruit"] = b"apple"
    assert db["fruit"] == db[b"fruit"] == b"apple"
    assert "fruit" in db
    del db["fruit"]
    assert db.get("fruit") is None
    del db["fruit"]


def test_text_is_utf8(db):
    db["größe"] = "ä"
    assert db["größe".encode()] == "ä".encode()
    db[bytearray(b"k")] = memoryview(b"v")
    assert db["k"] == b"v"


def test_an_empty_key_and_an_empty_value_are_allowed(db):
    db[b""] = b""
    assert db[b""] == b""
    assert list(db.scan()) == [(b"", b"")]


@pytest.mark.parametrize("key", [7, None, ["k"]])
def test_other_types_are_refused(db, key):
    with pytest.raises(argosy.BadInput, match=r"not (int|NoneType|list)"):
        db.get(key)


@pytest.mark.parametrize(("key", "value"), [(b"k" * 401, b""), (b"\0" * 201, b""), (b"k", b"v" * ((1 << 20) + 1))])
def test_limits_are_named(db, key, value):
    with pytest.raises(argosy.BadInput, match="at most"):
        db.put(key, value)


def test_scans_go_both_ways_and_stop(db):
    rows = [(b"%02d" % number, b"v%d" % number) for number in range(20)]
    assert db.batch(rows) == 20
    assert list(db.scan()) == rows
    assert list(db.scan(reverse=True)) == rows[::-1]
    assert list(db.scan("05", "08")) == rows[5:8]
    assert list(db.scan("05", "08", reverse=True)) == rows[5:8][::-1]
    assert list(db.scan(limit=3)) == rows[:3]
    assert list(db.scan(limit=3, reverse=True)) == rows[:-4:-1]
    assert list(db.scan("08", "05")) == []


def test_a_long_scan_goes_page_by_page(db):
    rows = [(b"%05d" % number, b"x" * 300) for number in range(6000)]
    told = []
    assert db.batch(rows, told.append) == 6000
    assert told[-1] == 6000
    assert list(db.scan()) == rows
    assert list(db.scan(reverse=True)) == rows[::-1]


def test_a_scan_sees_one_snapshot(db):
    db.batch((b"%05d" % number, b"old" * 100) for number in range(6000))
    rows = db.scan()
    next(rows)
    db["05999"] = b"new"
    assert dict(rows)[b"05999"] == b"old" * 100


def test_many_keys_at_once(db):
    db["a"], db["c"] = b"1", b"3"
    assert db.get_many(["c", "b", "a"]) == [b"3", None, b"1"]


def test_a_transaction_commits_at_the_end_of_its_block(db):
    with db.transaction() as tx:
        tx["a"] = b"1"
        assert tx["a"] == b"1"
        assert "a" not in db
        assert list(tx.scan()) == [(b"a", b"1")]
    assert db["a"] == b"1"


def test_a_block_that_raises_does_nothing(db):
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        tx["a"] = b"1"
        raise ZeroDivisionError
    assert "a" not in db


def test_a_transaction_that_is_over_says_so(db):
    with db.transaction() as tx:
        pass
    with pytest.raises(argosy.BadInput, match="over"):
        tx.put("a", b"1")


def test_a_conflict_aborts(db):
    db["a"] = b"1"
    with pytest.raises(argosy.Aborted), db.transaction() as tx:
        tx["a"] = tx["a"] + b"0"
        db["a"] = b"2"
    assert db["a"] == b"2"


def test_what_is_only_read_may_change_afterwards(db):
    db["a"] = b"1"
    with db.transaction() as tx:
        tx["b"] = tx["a"]
        db["a"] = b"2"  # the transaction stands before it
    assert (db["a"], db["b"]) == (b"2", b"1")


def test_run_tries_again(db):
    db["a"] = b"1"
    seen = []

    def grow(tx, more):
        seen.append(tx["a"])
        if len(seen) == 1:
            db["a"] = b"2"
        tx["a"] = tx["a"] + more
        return len(seen)

    assert db.run(grow, b"0") == 2
    assert (seen, db["a"]) == ([b"1", b"2"], b"20")


def test_run_hands_other_errors_on_at_once(db):
    seen = []

    def fail(tx):
        seen.append(tx)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        db.run(fail)
    assert len(seen) == 1


@argosy.transactional
def add(tx, key, amount):
    tx[key] = b"%d" % (int(tx.get(key) or 0) + amount)


def test_transactional_takes_a_database_or_a_transaction(db):
    add(db, "n", 1)
    with db.transaction() as tx:
        add(tx, "n", 2)
        add(tx, "n", 3)
        assert db["n"] == b"1"
    assert db["n"] == b"6"


def test_threads_share_a_database(db):
    failures = []

    def work():
        try:
            for _ in range(20):
                add(db, "n", 1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures
    assert db["n"] == b"80"


def test_what_was_written_is_there_after_a_restart(tmp_path):
    for number in range(3):
        with argosy.open(tmp_path / "data") as db:
            assert dict(db.scan()) == {b"%d" % each: b"v" for each in range(number)}
            db[b"%d" % number] = b"v"


def test_a_directory_is_opened_once(tmp_path):
    with argosy.open(tmp_path / "data"), pytest.raises(DirectoryError, match="in use"), argosy.open(tmp_path / "data"):
        pass
    with argosy.open(tmp_path / "data") as db:
        assert db.get("a") is None


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(DirectoryError, match="data"), argosy.open(tmp_path / "data"):
        pass


def test_a_closed_database_says_so(tmp_path):
    with argosy.open(tmp_path / "data") as db:
        pass
    with pytest.raises(NodeError, match="closed"):
        db.get("a")


def test_an_opening_is_entered_once(tmp_path):
    opening = argosy.open(tmp_path / "data")
    with opening:
        pass
    with pytest.raises(RuntimeError, match="entered before"), opening:
        pass


def test_an_address_that_is_none_is_told():
    with pytest.raises(AddressError, match="host:port"), argosy.connect("nowhere"):
        pass


def test_an_embedded_node_may_listen(tmp_path):
    with argosy.open(tmp_path / "data", listen="127.0.0.1:0") as db:
        db["a"] = b"1"
        address = db._runner.engine.links._listener.address  # the port was chosen by the system
        with argosy.connect(address) as client:
            assert client["a"] == b"1"
            client["b"] = b"2"
        assert db["b"] == b"2"


def test_a_snapshot_that_outlives_the_retention_is_aborted_and_says_what_to_do(tmp_path):
    """Reads that need no turn of the engine do not keep the node from collecting, either."""
    with argosy.open(tmp_path / "short", retention_seconds=0.1) as db:
        db["a"] = "1"
        told = pytest.raises(argosy.Aborted, match=r"older than what is still kept.*retention_seconds")
        with told, db.transaction() as transaction:
            for _ in range(10**6):
                transaction.get("a")
        assert db["a"] == b"1", "the newest version stays"
    with pytest.raises(ValueError, match="cannot be kept"), argosy.open(tmp_path / "never", retention_seconds=0):
        pass


def test_a_snapshot_shows_what_stood_then(db):
    db["a"] = b"1"
    with db.transaction() as tx:
        tx["a"] = b"2"
        tx["b"] = b"2"
    first = tx.timestamp
    with db.transaction() as tx:
        tx["a"] = b"3"
        del tx["b"]
    assert first < tx.timestamp
    with db.snapshot(first) as past:
        assert dict(past.scan()) == {b"a": b"2", b"b": b"2"}
        assert [key for key, _ in past.scan(reverse=True, limit=1)] == [b"b"]
        assert past["a"] == b"2" and past.get_many(["b", "c"]) == [b"2", None]
    with db.snapshot(past.timestamp) as again:
        assert again["b"] == b"2"
    with db.snapshot() as now, db.snapshot(staleness=10.0) as lately:
        db["a"] = b"4"
        assert now["a"] == b"3"
        assert now.timestamp >= lately.timestamp


def test_a_snapshot_is_for_reading_only(db):
    with db.snapshot() as past:
        with pytest.raises(argosy.BadInput, match="for reading only"):
            past["a"] = b"1"
        with pytest.raises(argosy.BadInput, match="for reading only"):
            past.delete("a")
    with pytest.raises(argosy.BadInput, match="over"):
        past.get("a")
    with pytest.raises(argosy.BadInput, match="not come yet"), db.snapshot(1 << 60):
        pass


def test_reads_come_from_the_leader_or_the_nearest(tmp_path):
    with pytest.raises(ValueError, match="'leader' or by the 'nearest'"):
        argosy.open(tmp_path / "data", reads="follower")
    with argosy.open(tmp_path / "data", reads="nearest") as db:
        db["a"] = b"1"
        assert db["a"] == b"1"
        assert db.run(lambda tx: tx["a"]) == b"1"
