"""`bench sql`: the rows that come out, and that a wrong row is found."""

import pytest

from bench import sql
from bench.cluster import BenchFailed
from bench.embedded import row
from bench.figures import ratios


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(sql, "CUSTOMERS", 40)
    monkeypatch.setattr(sql, "ORDERS", 2_000)
    monkeypatch.setattr(sql, "LOADED_AT_ONCE", 500)
    monkeypatch.setattr(sql, "SETTLE_SECONDS", 0.0)


def test_both_are_measured_in_turns_and_compared(small, monkeypatch):
    said, verified = [], []
    verify = sql.Store.verify
    monkeypatch.setattr(sql.Store, "verify", lambda store: verified.append(store) or verify(store))
    rows = list(sql.run(0.0, 2, 1, said.append))
    assert [row.get("peer") or row["ratio"] for row in rows] == ["argosy", "sqlite3", "argosy/sqlite3"] * 5
    assert [row["operation"] for row in rows[::3]] == [f"sql-{name}" for name in sql.BURSTS]
    assert all(row["per_second"] > 0 and len(row["runs"]["per_second"]) == 2 for row in rows)
    assert [text.rpartition(" ")[2] for text in said[2:6]] == ["argosy", "sqlite3"] * 2
    assert len(set(verified)) == 2


def test_small_rates_and_ratios_keep_the_digits_that_matter():
    ours = row("argosy", "sql-aggregate", {}, [1.984, 2.5, 1.5])
    theirs = row("sqlite3", "sql-aggregate", {}, [86.1, 120.4, 87.0])
    assert (ours["per_second"], ours["per_second_min"], ours["per_second_max"]) == (1.98, 1.5, 2.5)
    assert (theirs["per_second"], theirs["us"]) == (87.0, 11494.3)
    assert ratios(ours, theirs)["per_second"] == 0.021
    assert ratios(theirs, ours)["per_second"] == 48.0


@pytest.mark.parametrize("operation", ["select", "update", "join", "aggregate"])
@pytest.mark.parametrize("name", sql.CONNECTS)
def test_a_wrong_row_is_found(small, tmp_path, name, operation):
    connection = sql.CONNECTS[name](tmp_path)
    store = sql.Store(connection)
    act = getattr(store, operation)
    act(7)
    store.load(0)
    store.verify()
    if operation == "update":
        connection.execute("UPDATE customers SET visits = 99 WHERE id = 7")
        with pytest.raises(BenchFailed):
            store.verify()
        connection.execute("DELETE FROM customers WHERE id = 7")
    else:
        connection.execute("UPDATE customers SET name = 'somebody'")
        connection.execute("DELETE FROM orders WHERE amount = 0")
    with pytest.raises(BenchFailed, match="other rows"):
        act(7)
    connection.close()


@pytest.mark.parametrize("name", sql.CONNECTS)
def test_a_loaded_row_that_is_lost_is_found(small, tmp_path, name):
    connection = sql.CONNECTS[name](tmp_path)
    store = sql.Store(connection)
    assert store.load(0) == 500
    connection.execute("DELETE FROM loaded WHERE id = 7")
    with pytest.raises(BenchFailed):
        store.verify()
    connection.close()
