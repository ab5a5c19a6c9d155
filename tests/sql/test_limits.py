"""What a text may cost, errors and their places, and what is refused by its name."""

import pytest

from sql_lite_frontend import limits, parse
from sql_lite_frontend.errors import STATES, SqlError


def refused(text: str) -> SqlError:
    with pytest.raises(SqlError) as caught:
        parse.parse(text)
    return caught.value


@pytest.fixture
def no_parser(monkeypatch):
    """sqlglot's parser must not be reached."""

    def parser():
        raise AssertionError("the limits stand before the parser")

    monkeypatch.setattr(parse._dialect, "parser", parser)


@pytest.mark.parametrize("name", ["date", "timestamp", "decimal", "struct", "array", "interval"])
def test_brackets_behind_names_of_types_stop_before_the_parser(no_parser, name):
    error = refused("SELECT " + f"{name}(" * 24 + "1" + ")" * 24)
    assert error.state == "54001"
    assert error.position == (1, 8 + (limits.TYPE_DEPTH_MAX + 1) * (len(name) + 1) - 1)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 50 + "1" + ")" * 50,
        "SELECT " + "NOT " * 50 + "TRUE",
        "SELECT " + "- " * 50 + "1",
        "SELECT " + "CASE WHEN TRUE THEN " * 50 + "1" + " END" * 50,
        "SELECT " + "abs(" * 50 + "1" + ")" * 50,
    ],
)
def test_depth_stops_before_the_parser(no_parser, text):
    assert refused(text).state == "54001"


def test_bytes_and_words_stop_before_the_parser(no_parser):
    assert refused("SELECT '" + "é" * (limits.STATEMENT_BYTES_MAX // 2) + "'").state == "54000"
    assert refused("SELECT " + "1," * (limits.TOKENS_MAX // 2) + "1").state == "54000"


def test_chains_may_be_long_and_trees_not_deep():
    parse.parse("SELECT 1 WHERE " + " OR ".join(["TRUE"] * 2_000))
    parse.parse("SELECT " + "+".join(["1"] * 100))
    assert refused("SELECT " + "+".join(["1"] * 500)).state == "54001"


def test_what_is_repeated_counts_again():
    text = "TRUE"
    for _ in range(20):
        text = f"({text} BETWEEN TRUE AND TRUE)"
    assert refused(f"SELECT {text}").state == "54001"


def test_queries_are_counted_and_nested_so_deep():
    def nested(depth):
        return "SELECT a FROM " + "(SELECT a FROM " * depth + "t" + ") AS t" * depth

    parse.parse(nested(limits.QUERY_DEPTH_MAX - 1))
    assert refused(nested(limits.QUERY_DEPTH_MAX)).state == "54001"
    parse.parse(" UNION SELECT ".join(["SELECT 1"] + ["1"] * (limits.QUERIES_MAX - 2)))
    assert refused(" UNION SELECT ".join(["SELECT 1"] + ["1"] * 10_000)).state == "54000"
    assert refused(" EXCEPT SELECT 2 UNION SELECT ".join(["SELECT 1"] * 1_000)).state == "42601"


def test_a_name_of_with_counts_again_at_each_use():
    def chain(length, width):
        names = [
            f"q{n} AS (SELECT 1 FROM {', '.join([f'q{n - 1} AS x{m}' for m in range(width)])})"
            for n in range(1, length)
        ]
        return f"WITH q0 AS (SELECT 1), {', '.join(names)} SELECT * FROM q{length - 1}"

    parse.parse(chain(limits.QUERY_DEPTH_MAX - 1, 1))
    assert refused(chain(limits.QUERY_DEPTH_MAX + 1, 1)).state == "54001"
    assert refused(chain(8, 3)).state == "54000"
    deep, wide = "+".join(["1"] * 100), " OR ".join(["TRUE"] * 20_000)
    assert (
        refused(f"WITH q AS (SELECT {wide}) SELECT * FROM {', '.join(f'q AS q{n}' for n in range(9))}").state == "54001"
    )
    parse.parse(f"WITH q AS (SELECT {deep} AS a) SELECT * FROM q")


@pytest.mark.parametrize(
    ("text", "name", "place"),
    [
        ("SELECT a FROM t UNION BY NAME SELECT 2", "BY NAME in UNION", (1, 8)),
        ("SELECT * FROM (t JOIN u ON TRUE)", "a join in brackets", (1, 16)),
        ("SELECT * FROM t, LATERAL (SELECT 1) AS v", "LATERAL in FROM", (1, 34)),
        ("SELECT\n  1 = ANY (SELECT 1)", "ANY", (2, 19)),
        ("SELECT (1, 2) IN (SELECT 1, 2)", "TUPLE", (1, 9)),
        ("SELECT a FROM t FULL JOIN u ON 1 = 1", "FULL JOIN", (1, 27)),
        ("SELECT a FROM t RIGHT JOIN u USING (a)", "RIGHT JOIN with USING", (1, 28)),
        ("SELECT string_agg(a, ',' ORDER BY b) FROM t", "ORDER", (1, 22)),
        ("SELECT a + INTERVAL '1' DAY FROM t", "INTERVAL", (1, 21)),
        ("SELECT row_number() OVER (ORDER BY a) FROM t", "WINDOW", (1, 8)),
        ("INSERT INTO t VALUES (1) RETURNING a INTO b", "INTO in RETURNING", (1, 43)),
        ("INSERT OR REPLACE INTO t VALUES (1)", "ALTERNATIVE", (1, 24)),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER REFERENCES u (x))", "REFERENCE", (1, 40)),
        ("CREATE TABLE t (a VARCHAR(20) PRIMARY KEY)", "type VARCHAR(20)", (1, 17)),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER CHECK (b > (SELECT 1)))", "a subquery in CHECK", (1, 69)),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY, CHECK (a IN (SELECT 1)))", "a subquery in CHECK", (1, 60)),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY, CHECK (a > ?))", "a parameter in CHECK", (1, 47)),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY, CHECK (:a))", "a parameter in CHECK", (1, 46)),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY, CHECK (a > 1) ENFORCED)", "ENFORCED in CHECK", (1, 46)),
        ("CREATE TABLE t (a INTEGER DEFAULT ?)", "a parameter in DEFAULT", (1, 17)),
        ("CREATE TABLE t (a INTEGER DEFAULT (SELECT 1))", "a subquery in DEFAULT", (1, 43)),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW", (1, 13)),
        ("CREATE INDEX i ON t (a DESC)", "DESC in an index", (1, 22)),
        ("CREATE INDEX i ON t (lower(a))", "an expression in an index", (1, 22)),
        ("CREATE INDEX i ON t (a) WHERE a > 1", "WHERE in CREATE INDEX", (1, 31)),
        ("CREATE INDEX i ON t USING hash (a)", "USING in CREATE INDEX", (1, 33)),
        ("DROP INDEX i CASCADE", "CASCADE in DROP INDEX", (1, 12)),
        ("DROP VIEW v", "DROP VIEW", (1, 11)),
        ("SELECT a FROM t FOR UPDATE", "LOCKS", (1, 8)),
        ("WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x", "WITH RECURSIVE", (1, 16)),
        ("WITH x AS MATERIALIZED (SELECT 1) SELECT * FROM x", "MATERIALIZED in WITH", (1, 6)),
        ("INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT c DO NOTHING", "CONSTRAINT in ON CONFLICT", (1, 52)),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) WHERE a > 1 DO NOTHING", "INDEX PREDICATE in ON CONFLICT", (1, 48)),
        ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1", "DUPLICATE in ON CONFLICT", (1, 50)),
        ("VACUUM", "VACUUM", (1, 1)),
        ("EXPLAIN " * 20_000 + "SELECT 1", "EXPLAIN EXPLAIN", (1, 9)),
        ("DELETE FROM t USING u", "USING", (1, 13)),
        ("UPDATE t SET a = 1 FROM u", "FROM", (1, 25)),
    ],
)
def test_what_is_not_supported_is_refused_by_name_and_place(text, name, place):
    error = refused(text)
    assert error.state == "0A000"
    assert name in error.message
    assert error.position == place


def test_wrong_syntax_has_a_place():
    assert refused("SELECT a FROM t WHERE a ~ b").state == "42601"
    assert refused("SELECT 1; SELECT 2").position == (1, 11)
    assert refused("SELECT 'abc").state == "42601"
    assert refused("").state == "42601"


@pytest.mark.parametrize(
    ("text", "state", "place"),
    [
        ("SELECT nope FROM t", "42703", (1, 8)),
        ("SELECT a\nFROM nowhere", "42P01", (2, 6)),
        ("SELECT a + b FROM t", "42804", (1, 8)),
        ("SELECT a FROM t WHERE b", "42804", (1, 23)),
        ("SELECT frobnicate(a) FROM t", "42883", (1, 8)),
        ("SELECT length(a) FROM t", "42883", (1, 8)),
        ("SELECT x.a FROM t", "42P01", (1, 8)),
        ("INSERT INTO t (a, nope) VALUES (1, 2)", "42703", (1, 19)),
        ("INSERT INTO t (a) VALUES (1, 2)", "21000", (1, 27)),
        ("UPDATE t SET a = 1, a = 2", "42701", (1, 21)),
        ("SELECT a FROM t GROUP BY b", "42803", (1, 8)),
        ("SELECT a FROM t WHERE count(*) > 1", "42803", (1, 23)),
        ("SELECT a FROM t LIMIT a", "42601", (1, 23)),
        ("SELECT a FROM t ORDER BY 2", "42703", (1, 26)),
        ("CREATE TABLE u (a INTEGER)", "42P16", (1, 14)),
        ("CREATE TABLE u (a INTEGER PRIMARY KEY, a TEXT)", "42701", (1, 40)),
        ("CREATE TABLE u (a INTEGER PRIMARY KEY, UNIQUE (a, nope))", "42703", (1, 51)),
        ("CREATE TABLE u (a INTEGER PRIMARY KEY, CHECK (a > nope))", "42703", (1, 51)),
        ("CREATE TABLE u (a INTEGER PRIMARY KEY CHECK (t.a > 1))", "42P01", (1, 46)),
        ("CREATE TABLE u (a INTEGER PRIMARY KEY, CHECK (sum(a) > 1))", "42803", (1, 47)),
        ("CREATE TABLE u (a INTEGER PRIMARY KEY, CHECK (a + 1))", "42804", (1, 47)),
        (
            "CREATE TABLE u (a INTEGER PRIMARY KEY, CONSTRAINT c CHECK (a > 1), CONSTRAINT c CHECK (TRUE))",
            "42710",
            (1, 87),
        ),
        (
            "CREATE TABLE u (a INTEGER PRIMARY KEY, CONSTRAINT c UNIQUE (a), CONSTRAINT c CHECK (TRUE))",
            "42710",
            (1, 84),
        ),
        ("CREATE INDEX i ON t (b, b)", "42701", (1, 25)),
        ("CREATE INDEX i ON nowhere (b)", "42P01", (1, 19)),
        ("CREATE INDEX taken ON t (b)", "42P07", (1, 14)),
        ("CREATE INDEX ON t (b)", "42601", (1, 17)),
        ("DROP INDEX nope", "42704", (1, 12)),
    ],
)
def test_errors_of_names_and_types_have_a_place(run, text, state, place):
    run("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    run("CREATE INDEX taken ON t (b)")
    with pytest.raises(SqlError) as caught:
        run(text)
    assert caught.value.state == state
    assert caught.value.position == place
    assert STATES[state] in str(caught.value)
