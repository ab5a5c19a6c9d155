"""EXPLAIN with ranges, EXPLAIN ANALYZE, and SHOW: what a person is told of plans, nodes and ranges."""

import re

import pytest

from ranges.keys import SQL
from ranges.placement.messages import SplitRange
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import encode_value
from tests.sql.engines import opened


@pytest.fixture
def filled(run):
    run("CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER, s TEXT)")
    run("CREATE INDEX by_v ON t (v)")
    run("INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c'), (4, NULL, 'd')")
    return run


def plan(run, text, *given):
    return [line for (line,) in run(text, given)]


def test_each_scan_says_through_which_range_it_goes(filled):
    assert plan(filled, "EXPLAIN SELECT v FROM t WHERE k > 1")[-1].endswith("(range 1)")
    assert plan(filled, "EXPLAIN SELECT v FROM t WHERE k = ?", 7)[-1].endswith("(range 1)")
    assert plan(filled, "EXPLAIN SELECT v FROM t WHERE k = NULL + 1")[-1].endswith("(no range)")


def test_a_span_that_rows_or_answers_decide_is_in_no_range_yet(filled):
    lines = plan(
        filled, "EXPLAIN SELECT (SELECT s FROM t AS u WHERE u.k = t.v) FROM t WHERE k > (SELECT min(v) FROM t)"
    )
    (inner,) = [line for line in lines if "get t as u" in line]
    assert "range" not in inner
    (asked,) = [line for line in lines if "scan t by index by_v alone [all]" in line or "scan t [all]" in line]
    assert asked.endswith("(range 1)")


def test_a_table_in_several_ranges(tmp_path):
    with opened(tmp_path / "node") as run:
        run("CREATE TABLE t (k INTEGER PRIMARY KEY)")
        run("INSERT INTO t VALUES (1), (2), (3)")
        table = run.engine.schemas.latest.tables["t"]
        run.control(SplitRange(SQL + table.prefix + encode_value(2)))
        (line,) = [each for each in plan(run, "EXPLAIN SELECT k FROM t") if "scan" in each]
        assert re.search(r"\(2 ranges: \d+, \d+\)$", line)
        rows = run("SHOW RANGES FROM TABLE t")
        assert [row[1:3] for row in rows] == [
            ("system:", "t/0x" + encode_value(2).hex()),
            ("t/0x" + encode_value(2).hex(), rows[1][2]),
        ]
        assert len(run("SHOW RANGES")) == 2
        (line,) = [
            each
            for each in plan(run, "EXPLAIN SELECT b.k FROM t AS a JOIN t AS b USING (k) WHERE a.k = 1")
            if "b" in each and "scan" in each
        ]
        assert re.search(r"\(some of 2 ranges: \d+, \d+\)$", line)


def test_analyze_carries_a_query_out_and_tells_rows_and_times_of_each_part(filled):
    lines = plan(filled, "EXPLAIN ANALYZE SELECT a.s, b.s FROM t AS a JOIN t AS b ON a.s = b.s WHERE a.k > 1")
    for line in lines[:-1]:
        assert re.search(r"rows \d in 1 batch, \d+\.\d ms\)$", line), line
    (join,) = [line for line in lines if "join" in line]
    assert "rows 3 in" in join
    assert re.fullmatch(r"gave 3 rows in \d+\.\d ms, without the commit", lines[-1])


def test_analyze_tells_how_often_a_part_was_begun_and_nothing_of_rows_that_a_join_fetches(filled):
    lines = plan(filled, "EXPLAIN ANALYZE SELECT (SELECT max(u.v) FROM t AS u WHERE u.k < t.k) FROM t WHERE k < 4")
    (inner,) = [line for line in lines if "scan t as u" in line]
    assert "rows 3 in 3 batches, 3 times" in inner
    lines = plan(filled, "EXPLAIN ANALYZE SELECT b.s FROM t AS a JOIN t AS b ON a.v = b.k WHERE a.k > 1")
    assert any(line.endswith("(some of range 1)") for line in lines)


def test_analyze_really_writes_and_explain_alone_does_not(filled):
    plan(filled, "EXPLAIN DELETE FROM t")
    assert len(filled("SELECT * FROM t")) == 4
    lines = plan(filled, "EXPLAIN ANALYZE DELETE FROM t WHERE v > ?", 15)
    assert lines[-1].startswith("wrote 2 rows in ")
    assert filled("SELECT k FROM t") == [(1,), (4,)]
    filled("BEGIN")
    plan(filled, "EXPLAIN ANALYZE INSERT INTO t VALUES (9, 9, 'x')")
    filled("ROLLBACK")
    assert filled("SELECT k FROM t") == [(1,), (4,)]


@pytest.mark.parametrize(
    ("text", "state", "column"),
    [
        ("SHOW", "0A000", 1),
        ("SHOW ALL", "0A000", 6),
        ("SHOW NODES FROM TABLE t", "42601", 12),
        ("SHOW RANGES FROM t", "42601", 13),
        ("SHOW RANGES FROM TABLE nope", "42P01", 24),
        ("EXPLAIN ANALYZE VERBOSE SELECT 1", "0A000", 17),
        ("EXPLAIN ANALYZE", "42601", None),
        ("EXPLAIN ANALYZE COMMIT", "0A000", None),
    ],
)
def test_what_is_not_shown_is_refused_with_its_place(run, text, state, column):
    with pytest.raises(SqlError) as caught:
        run(text)
    assert caught.value.state == state
    assert (caught.value.position or (1, None))[1] == column


def test_show_nodes_and_ranges_have_columns_like_any_query(filled):
    ((node, _, state, *_),) = filled("SHOW NODES")
    assert (node, state) == (1, "up")
    assert filled("SHOW TABLES") == [("t",)]
    assert [row[0] for row in filled('SHOW RANGES FROM TABLE "t"')] == [1]
    filled("BEGIN")
    filled("SHOW RANGES")
    filled("COMMIT")
