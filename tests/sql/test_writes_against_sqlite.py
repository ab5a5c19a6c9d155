"""Random writes with CHECK, ON CONFLICT and RETURNING, here and in Python's sqlite3: the same rows, given and kept.

Where the two differ on purpose: sqlite3 updates a row twice in a statement, and looks at what is UNIQUE row by row.
"""

import sqlite3

from hypothesis import given, settings
from hypothesis import strategies as st

from sql_lite_frontend.errors import SqlError
from tests.sql.test_against_sqlite import SLOW, condition, expression, literal, same

COLUMNS = {"a": "int", "b": "int", "r": "real", "s": "text"}
KEYS = ("(a)", "(s, b)")
ROW = st.tuples(
    st.integers(0, 6),
    st.none() | st.integers(0, 2),
    st.none() | st.integers(-4, 4).map(lambda each: each / 2),
    st.sampled_from(["", "a", "b"]),
)


def listed(row):
    return f"({', '.join(map(literal, row))})"


@st.composite
def table(draw):
    """A table, whose rows are held to something."""
    checks = [
        draw(st.sampled_from(["(b < 2 OR a < 5)", "(r <= 1.5)", "(length(s) < 3)", "(a <> 1)"])),
        f"({draw(condition(COLUMNS, 1))} OR a <> 4)",
    ]
    return (
        f"CREATE TABLE t (a INT NOT NULL, b INT CHECK {checks[0]}, r REAL, s TEXT NOT NULL DEFAULT 'a', "
        f"PRIMARY KEY (a), UNIQUE (s, b), CONSTRAINT c CHECK {checks[1]})"
    )


@st.composite
def some(draw, columns):
    """A condition that finds rows more often than not."""
    column = draw(st.sampled_from([name for name, kind in columns.items() if kind == "int"]))
    return draw(st.sampled_from(["TRUE", f"{column} >= {draw(st.integers(0, 3))}"]) | condition(columns, 1))


@st.composite
def setting(draw, columns):
    """What SET takes; keys become other ones now and then."""
    own, other = list(columns)[:4], list(columns)[-4:]
    plain = {
        "a": [f"{own[0]} + 10", f"{other[0]} + 3"],
        "b": [f"{own[1]} + 1", other[1], "NULL"],
        "r": [f"{own[2]} + 1", other[2]],
        "s": [f"{own[3]} || 'b'", other[3]],
    }
    names = draw(st.lists(st.sampled_from("abrsrsr"), min_size=1, max_size=3, unique=True))
    return ", ".join(
        f"{name} = {draw(st.sampled_from(plain[name]) | expression(columns, COLUMNS[name], 1))}" for name in names
    )


@st.composite
def conflict(draw):
    """ON CONFLICT, or nothing."""
    kind = draw(st.sampled_from(["", "nothing", "all", "update", "update"]))
    if not kind:
        return ""
    if kind == "all":
        return " ON CONFLICT DO NOTHING"
    head = f" ON CONFLICT {draw(st.sampled_from(KEYS))} DO"
    if kind == "nothing":
        return f"{head} NOTHING"
    both = {f"{table}.{name}": which for table in ("t", "excluded") for name, which in COLUMNS.items()}
    where = f" WHERE {draw(some(both))}" if draw(st.booleans()) else ""
    return f"{head} UPDATE SET {draw(setting(both))}{where}"


@st.composite
def change(draw):
    """A statement that writes; it gives rows or not."""
    kind = draw(st.sampled_from(["insert", "insert", "select", "update", "delete"]))
    where = draw(some(COLUMNS))
    if kind == "insert":
        rows = draw(st.lists(ROW, min_size=1, max_size=4))
        text = f"INSERT INTO t VALUES {', '.join(map(listed, rows))}{draw(conflict())}"
    elif kind == "select":
        step = draw(st.integers(0, 3))
        text = f"INSERT INTO t (a, r, b) SELECT a + {step}, r, b + 1 FROM t WHERE {where} ORDER BY a{draw(conflict())}"
    elif kind == "update":
        text = f"UPDATE t SET {draw(setting(COLUMNS))} WHERE {where}"
    else:
        text = f"DELETE FROM t WHERE {where}"
    given = draw(st.sampled_from(["", "*", f"{draw(expression(COLUMNS, 'text', 1))}, a + 1 AS more, s"]))
    return f"{text} RETURNING {given}" if given else text


def carried_out(lite, text):
    """Rows or count, and the error where there is one; the statement's savepoint is left open."""
    lite.execute("SAVEPOINT before")
    try:
        cursor = lite.execute(text)
        rows = cursor.fetchall()
        return (rows if "RETURNING" in text else cursor.rowcount), ""
    except sqlite3.IntegrityError as error:
        return None, str(error)


def test_writes_leave_and_give_the_same_rows(run):
    @settings(SLOW, max_examples=60)
    @given(table(), st.lists(ROW, min_size=2, max_size=8), st.lists(change(), min_size=3, max_size=8))
    def check(made, rows, changes):
        lite = sqlite3.connect(":memory:", isolation_level=None)
        run("DROP TABLE IF EXISTS t")
        for engine in (lite.execute, run):
            engine(made)
        for text in [f"INSERT INTO t VALUES {listed(row)}" for row in rows] + changes:
            wanted, wrong = carried_out(lite, text)
            try:
                found, state = run(text), ""
            except SqlError as error:
                found, state = None, error.state
            run.entries("t")
            if wrong.startswith("UNIQUE") and not state:
                assert text.startswith("UPDATE") or "DO UPDATE" in text, f"{text}: {wrong}"
                break  # it is unique after the statement
            if state == "21000" and not wrong:
                assert "DO UPDATE" in text
                lite.execute("ROLLBACK TO before")
                continue
            assert bool(wrong) is bool(state), f"{text}: {wrong or wanted}, here {state or found}"
            if wrong:
                assert state in ("23502", "23505", "23514", "21000"), f"{text}: {wrong}, here {state}"
            elif "RETURNING" in text:
                assert same(found, wanted, text.startswith("INSERT")), f"{text}: {wanted}, here {found}"
            else:
                assert found == wanted, f"{text}: {wanted} rows, here {found}"
            assert same(run("SELECT * FROM t"), lite.execute("SELECT * FROM t").fetchall(), False), text
        lite.close()

    check()
