"""Queries over queries on random rows, here and in Python's sqlite3: the same answers.

UNION and its kin, queries in FROM, WITH, subqueries in expressions. The parts are those of test_against_sqlite.py.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_lite_frontend.errors import SqlError
from tests.sql.test_against_sqlite import SLOW, TABLES, T, U, condition, expression, filled, rows_of, same, source

KINDS = st.lists(st.sampled_from(["int", "real", "text"]), min_size=1, max_size=2)
WAYS = st.sampled_from(["UNION ALL", "UNION", "INTERSECT", "EXCEPT"])


@st.composite
def one(draw, kinds):
    """A query with columns c0, c1, … of these kinds."""
    tables, columns = draw(source())
    outputs = ", ".join(f"{draw(expression(columns, kind, 1))} AS c{place}" for place, kind in enumerate(kinds))
    where = f" WHERE {draw(condition(columns, 1))}" if draw(st.booleans()) else ""
    return f"SELECT {draw(st.sampled_from(['', 'DISTINCT ']))}{outputs} FROM {tables}{where}"


@st.composite
def combined(draw, kinds):
    """One query, or some of them made one."""
    made = draw(one(kinds))
    for _ in range(draw(st.integers(0, 2))):
        made += f" {draw(WAYS)} {draw(one(kinds))}"
    return made


@st.composite
def nested(draw):
    """A query over queries, and whether its rows are in a certain order."""
    kinds = draw(KINDS)
    inner = draw(combined(kinds))
    columns = {f"d.c{place}": kind for place, kind in enumerate(kinds)}
    form = draw(st.sampled_from(["bare", "from", "join", "with"]))
    if form == "bare":
        order = ", ".join(f"{place + 1}{draw(st.sampled_from(['', ' DESC']))}" for place in range(len(kinds)))
        tail = f" ORDER BY {order} LIMIT {draw(st.integers(0, 9))} OFFSET {draw(st.integers(0, 2))}"
        return (inner + tail, True) if draw(st.booleans()) else (inner, False)
    ctes = ""
    tables = f"({inner}) AS d"
    if form == "with":
        ctes, tables = f"WITH q AS ({inner}), d AS (SELECT * FROM q WHERE {draw(over('q', kinds))}) ", "d"
        if draw(st.booleans()):
            tables += f" {draw(st.sampled_from(['JOIN', 'LEFT JOIN']))} q AS e ON d.c0 = e.c0"
    if form == "join":
        columns |= {f"u.{name}": kind for name, kind in U[1].items()}
        tables = draw(
            st.sampled_from(
                [f"{tables} LEFT JOIN u ON {draw(condition(columns, 1))}", f"u LEFT JOIN {tables} ON u.y = u.x"]
            )
        )
    outputs = ", ".join(draw(expression(columns, kind, 1)) for kind in draw(KINDS))
    where = f" WHERE {draw(condition(columns))}" if draw(st.booleans()) else ""
    return f"{ctes}SELECT {outputs} FROM {tables}{where}", False


@st.composite
def asks(draw, columns):
    """A condition with a subquery of `v`, which may need columns from outside."""
    inner = {f"v.{name}": kind for name, kind in U[1].items()}
    kind = draw(st.sampled_from(["int", "text"]))
    own = [name for name, each in inner.items() if each == kind]
    linked = draw(st.sampled_from(["v.x = t.a", "v.y = t.b", "t.a = v.y AND v.x > t.b", "v.w = t.s", "TRUE"]))
    where = f"{linked} AND {draw(condition(inner | columns if draw(st.booleans()) else inner, 1))}"
    value, found = draw(expression(columns, kind, 1)), draw(st.sampled_from(own))
    forms = [
        f"{value} {draw(st.sampled_from(['IN', 'NOT IN']))} (SELECT {found} FROM u AS v WHERE {where})",
        f"{draw(st.sampled_from(['', 'NOT ']))}EXISTS (SELECT 1 FROM u AS v WHERE {where})",
        f"{value} >= (SELECT max({found}) FROM u AS v WHERE {where})",
        f"{value} IN (SELECT {found} FROM u AS v WHERE {where} UNION SELECT {draw(expression(columns, kind, 1))})",
    ]
    return draw(st.sampled_from(forms))


@st.composite
def asking(draw):
    """A query with subqueries in its expressions."""
    tables, columns = draw(source())
    tests = [draw(asks(columns)) for _ in range(draw(st.integers(1, 2)))]
    where = draw(st.sampled_from([" AND ", " OR "])).join([draw(condition(columns, 1)), *tests])
    if draw(st.booleans()):
        where = f"NOT ({where})"
    value = "(SELECT sum(v.x) FROM u AS v WHERE v.y <= t.a)"
    if draw(st.booleans()):
        key = draw(st.sampled_from(["t.a", "t.b"]))
        value = f"(SELECT count(*) FROM u AS v WHERE v.y <= {key})"
        return f"SELECT {key}, {value}, sum(t.b) FROM {tables} WHERE {where} GROUP BY {key}", False
    return f"SELECT t.a, {value}, {draw(expression(columns, 'text', 1))} FROM {tables} WHERE {where}", False


def over(name, kinds):
    return condition({f"{name}.c{place}": kind for place, kind in enumerate(kinds)}, 1)


@pytest.fixture
def both(run):
    for text in TABLES:
        run(text)
    return run


def check(both, t, u, queries):
    lite = filled(both, t, u)
    for text, ordered in queries:
        try:
            found = both(text)
        except SqlError as error:
            assert error.state in ("54001",), f"{text}: {error}"
            continue
        assert same(found, lite.execute(text).fetchall(), ordered), f"{text}: {found}"
    lite.close()


def test_queries_over_queries_have_the_same_rows(both):
    @SLOW
    @given(rows_of(T[1], ("a", "s")), rows_of(U[1], ("y",)), st.lists(nested(), min_size=1, max_size=6))
    def run(t, u, queries):
        check(both, t, u, queries)

    run()


def test_subqueries_have_the_same_rows(both):
    @SLOW
    @given(rows_of(T[1], ("a", "s")), rows_of(U[1], ("y",)), st.lists(asking(), min_size=1, max_size=6))
    def run(t, u, queries):
        check(both, t, u, queries)

    run()


def test_changes_with_subqueries_leave_the_same_rows(both):
    @SLOW
    @given(
        rows_of(T[1], ("a", "s")),
        rows_of(U[1], ("y",)),
        st.booleans(),
        asks({f"t.{name}": kind for name, kind in T[1].items()}),
    )
    def run(t, u, deletes, where):
        lite = filled(both, t, u)
        change = "DELETE FROM t" if deletes else "UPDATE t SET b = (SELECT max(v.x) FROM u AS v WHERE v.y <= t.a)"
        text = f"{change} WHERE {where}"
        assert both(text) == lite.execute(text).rowcount, text
        assert same(both("SELECT * FROM t"), lite.execute("SELECT * FROM t").fetchall(), False), text
        lite.close()

    run()
