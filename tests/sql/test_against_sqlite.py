"""The same random statements on the same random rows, here and in Python's sqlite3: the same answers.

Only what both define alike is asked: conditions are comparisons, no division by zero, no text beside numbers.
"""

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sql_lite_frontend.errors import SqlError

EXAMPLES = 30
JOINS = ["JOIN", "LEFT JOIN"] + ["RIGHT JOIN"] * (sqlite3.sqlite_version_info >= (3, 39))
T = ("t", {"a": "int", "b": "int", "r": "real", "s": "text"})
U = ("u", {"x": "int", "y": "int", "w": "text"})
INTEGERS = st.integers(-3, 5)
REALS = st.integers(-6, 6).map(lambda each: each / 2)
TEXTS = st.text("abB%_é", max_size=3)
VALUES = {"int": INTEGERS, "real": REALS, "text": TEXTS}


def literal(value):
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


@st.composite
def expression(draw, columns, kind, depth=2):
    """An expression of this kind over columns by kind."""
    own = [name for name, each in columns.items() if each == kind]
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        if own and draw(st.booleans()):
            return draw(st.sampled_from(own))
        return literal(draw(VALUES[kind]))

    def inner(which=kind):
        return draw(expression(columns, which, depth - 1))

    forms = {
        "int": [
            lambda: f"({inner()} {draw(st.sampled_from('+-*'))} {inner()})",
            lambda: f"({inner()} {draw(st.sampled_from('/%'))} {draw(st.sampled_from([-2, 2, 3]))})",
            lambda: f"length({inner('text')})",
            lambda: f"abs({inner()})",
            lambda: f"(- {inner()})",
        ],
        "real": [
            lambda: f"({inner()} {draw(st.sampled_from('+-'))} {inner(draw(st.sampled_from(['int', 'real'])))})",
            lambda: f"CAST({inner('int')} AS REAL)",
        ],
        "text": [
            lambda: f"({inner()} || {inner()})",
            lambda: f"substr({inner()}, {inner('int')}, {draw(st.integers(0, 3))})",
            lambda: f"replace({inner()}, 'a', {inner()})",
            lambda: f"CAST({inner('int')} AS TEXT)",
        ],
    }[kind]
    common = [
        lambda: f"coalesce({inner()}, {inner()})",
        lambda: f"nullif({inner()}, {inner()})",
        lambda: f"CASE WHEN {draw(condition(columns, depth - 1))} THEN {inner()} ELSE {inner()} END",
    ]
    return draw(st.sampled_from(forms + common))()


@st.composite
def condition(draw, columns, depth=2):
    """A condition."""

    def inner():
        return draw(condition(columns, depth - 1))

    kind = draw(st.sampled_from(["int", "int", "real", "text"]))
    own = [name for name, each in columns.items() if each == kind]

    def value():
        return draw(expression(columns, kind, max(0, depth - 1)))

    forms = [
        lambda: f"{value()} {draw(st.sampled_from(['=', '<>', '<', '<=', '>', '>=']))} {value()}",
        lambda: f"{value()} {draw(st.sampled_from(['IS NULL', 'IS NOT NULL']))}",
        lambda: f"{value()} {draw(st.sampled_from(['IN', 'NOT IN']))} ({value()}, {value()}, NULL)",
        lambda: f"{value()} IN ({literal(draw(VALUES[kind]))}, {literal(draw(VALUES[kind]))})",
        lambda: f"{value()} BETWEEN {value()} AND {value()}",
    ]
    if own:
        name = draw(st.sampled_from(own))
        forms += [
            lambda: f"{name} {draw(st.sampled_from(['=', '<', '>=']))} {literal(draw(VALUES[kind]))}",
            lambda: f"{name} IN ({literal(draw(VALUES[kind]))}, {literal(draw(VALUES[kind]))})",
        ]
    if depth > 0:
        forms += [
            lambda: f"({inner()} AND {inner()})",
            lambda: f"({inner()} OR {inner()})",
            lambda: f"(NOT {inner()})",
        ]
    return draw(st.sampled_from(forms))()


@st.composite
def source(draw):
    """FROM and its columns by kind."""
    if draw(st.booleans()):
        return "t", {f"t.{name}": kind for name, kind in T[1].items()}
    columns = {f"{table}.{name}": kind for table, own in (T, U) for name, kind in own.items()}
    on = draw(
        st.sampled_from(["t.a = u.x", "t.a = u.x AND u.y = t.b", "u.y = t.a", "t.b = u.y"]) | condition(columns, 1)
    )
    if draw(st.integers(0, 3)) == 0:
        on += f" AND {draw(condition(columns, 1))}"
    return f"t {draw(st.sampled_from(JOINS))} u ON {on}", columns


@st.composite
def query(draw):
    """A query, and whether its rows are in a certain order."""
    tables, columns = draw(source())
    where = f" WHERE {draw(condition(columns))}" if draw(st.booleans()) else ""
    kinds = draw(st.lists(st.sampled_from(["int", "real", "text"]), min_size=1, max_size=3))
    if draw(st.booleans()):
        made = [draw(expression(columns, kind)) for kind in kinds]
        distinct = draw(st.sampled_from(["", "DISTINCT "]))
        order = ", ".join(f"{place + 1}{draw(st.sampled_from(['', ' DESC']))}" for place in range(len(made)))
        tail = f" ORDER BY {order} LIMIT {draw(st.integers(0, 9))} OFFSET {draw(st.integers(0, 2))}"
        tail = tail if draw(st.booleans()) else ""
        return f"SELECT {distinct}{', '.join(made)} FROM {tables}{where}{tail}", bool(tail)
    keys = [draw(expression(columns, kind, 1)) for kind in kinds[1:] if draw(st.booleans())]
    keys = [each for each in keys if "." in each]  # a constant would be the number of a column
    number = draw(expression(columns, draw(st.sampled_from(["int", "real"])), 1))
    only = f" FILTER (WHERE {draw(condition(columns, 1))})" if draw(st.booleans()) else ""
    aggregates = [
        f"count({draw(st.sampled_from(['', 'DISTINCT ']))}{draw(expression(columns, 'text', 1))})",
        f"sum({number}){only}",
        f"count(*){only}",
        f"avg({number})",
        f"{draw(st.sampled_from(['min', 'max']))}({draw(expression(columns, kinds[0], 1))})",
        "count(*)",
    ]
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    having = " HAVING count(*) > 1" if keys and draw(st.booleans()) else ""
    return f"SELECT {', '.join(keys + aggregates)} FROM {tables}{where}{group}{having}", False


@st.composite
def change(draw):
    """A statement that writes, where no primary key changes to one that is there."""
    columns = dict(T[1])
    kind = draw(st.sampled_from(["delete", "update"]))
    where = draw(condition(columns))
    if kind == "delete":
        return f"DELETE FROM t WHERE {where}"
    return (
        f"UPDATE t SET r = {draw(expression(columns, 'real'))}, s = {draw(expression(columns, 'text'))}, "
        f"a = a + 10 WHERE {where}"
    )


def rows_of(columns, key):
    def row(kind, name):
        return VALUES[kind] if name in key else st.none() | VALUES[kind]

    one = st.tuples(*(row(kind, name) for name, kind in columns.items()))
    places = [list(columns).index(name) for name in key]
    return st.lists(one, max_size=12, unique_by=lambda each: tuple(each[place] for place in places))


TABLES = (
    "CREATE TABLE t (a INTEGER NOT NULL, b INTEGER, r REAL, s TEXT NOT NULL, PRIMARY KEY (a, s))",
    "CREATE TABLE u (x INTEGER, y INTEGER NOT NULL, w TEXT, PRIMARY KEY (y))",
)


def filled(run, t, u):
    """Both databases with these rows."""
    lite = sqlite3.connect(":memory:")
    for text in TABLES:
        lite.execute(text)
    run("DELETE FROM t")
    run("DELETE FROM u")
    for name, rows in (("t", t), ("u", u)):
        for row in rows:
            text = f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})"
            lite.execute(text, row)
            run(text, row)
    return lite


def same(rows, others, ordered):
    def cells(row):
        return tuple(round(each, 9) + 0.0 if isinstance(each, float) else each for each in row)

    rows, others = [cells(row) for row in rows], [cells(row) for row in others]
    if not ordered:
        rows, others = sorted(rows, key=repr), sorted(others, key=repr)
    return rows == others


INDEXES = (
    "CREATE INDEX by_b ON t (b, s)",
    "CREATE INDEX by_r ON t (r)",
    "CREATE UNIQUE INDEX by_s ON t (s, a)",
    "CREATE INDEX by_x ON u (x)",
    "CREATE INDEX by_w ON u (w, y)",
)


@pytest.fixture(params=[(), INDEXES], ids=["plain", "indexed"])
def both(run, request):
    """With indexes and without: sqlite3 has none of them, they must not show."""
    for text in (*TABLES, *request.param):
        run(text)
    return run


SLOW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_queries_have_the_same_rows(both):
    @SLOW
    @given(rows_of(T[1], ("a", "s")), rows_of(U[1], ("y",)), st.lists(query(), min_size=1, max_size=6))
    def check(t, u, queries):
        lite = filled(both, t, u)
        for text, ordered in queries:
            try:
                found = both(text)
            except SqlError as error:
                assert error.state in ("54001",), f"{text}: {error}"
                continue
            assert same(found, lite.execute(text).fetchall(), ordered), f"{text}: {found}"
        lite.close()

    check()


def test_changes_leave_the_same_rows(both):
    @SLOW
    @given(rows_of(T[1], ("a", "s")), st.lists(change(), min_size=1, max_size=4))
    def check(t, changes):
        lite = filled(both, t, [])
        for text in changes:
            try:
                other = lite.execute(text).rowcount
            except sqlite3.IntegrityError:
                lite.rollback()
                break
            try:
                assert both(text) == other, text
            except SqlError as error:
                assert error.state in ("23502", "23505"), f"{text}: {error}"
                break
            both.entries("t")
            assert same(both("SELECT * FROM t"), lite.execute("SELECT * FROM t").fetchall(), False), text
        lite.close()

    check()
