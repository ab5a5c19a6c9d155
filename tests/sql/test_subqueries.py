"""How often subqueries are carried out, and what their answers may hold in memory."""

import pytest

from sql_lite_frontend import answers
from sql_lite_frontend.errors import SqlError


@pytest.fixture
def asked(run, monkeypatch):
    """A table of 40 rows with four values of b; the forms of all answers that were worked out."""
    run("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)")
    run.many("INSERT INTO t VALUES (?, ?)", [(a, a % 4) for a in range(40)])
    forms = []
    answer = answers.answer

    def counted(form, source):
        forms.append(form)
        return answer(form, source)

    monkeypatch.setattr(answers, "answer", counted)
    return forms


def test_one_without_columns_from_outside_is_answered_once(run, asked):
    assert len(run("SELECT a FROM t WHERE b = (SELECT max(b) FROM t) AND b IN (SELECT b FROM t)")) == 10
    assert sorted(asked) == ["in", "scalar"]
    assert (
        len(run("SELECT a FROM t WHERE (SELECT count(*) FROM t AS v WHERE v.b IN (SELECT 1) AND v.a = t.b) = 1")) == 10
    )
    assert asked[2:] == ["in"] + ["scalar"] * 4


def test_one_with_columns_from_outside_is_answered_once_for_each_of_their_values(run, asked):
    assert len(run("SELECT a, (SELECT max(a) FROM t AS v WHERE v.b = t.b) FROM t")) == 40
    assert asked == ["scalar"] * 4


def test_parameters_are_those_of_the_statement(run, asked):
    assert run("SELECT a FROM t WHERE a > ? AND b = (SELECT ? + v.b FROM t AS v WHERE v.a = t.a - ?)", (35, 1, 1)) == [
        (37,),
        (38,),
        (39,),
    ]
    assert run("DELETE FROM t WHERE a = (SELECT :n) OR a IN (SELECT :n + 1)", {"n": 3}) == 2
    assert run.many("INSERT INTO t VALUES (?, (SELECT count(*) FROM t WHERE a < ?))", [(3, 9), (4, 9)]) == 2
    assert run("SELECT b FROM t WHERE a IN (SELECT 3 UNION SELECT 4)") == [(7,), (8,)]


def test_answers_that_are_not_needed_any_more_give_way(run, asked, monkeypatch):
    """Two sides of a UNION ALL are two batches, and each batch alone has room."""
    text = "SELECT (SELECT sum(v.a) FROM t AS v WHERE v.a = d.a) FROM (SELECT * FROM t UNION ALL SELECT * FROM t) AS d"
    monkeypatch.setattr(answers, "HELD_BYTES_MAX", 60 * 500)
    assert [each for (each,) in run(text)] == [*range(40), *range(40)]
    assert len(asked) == 40
    monkeypatch.setattr(answers, "HELD_BYTES_MAX", 5 * 500)
    with pytest.raises(SqlError) as caught:
        run(text)
    assert caught.value.state == "53200"


def test_older_answers_give_way_to_newer_ones(run, asked, monkeypatch):
    both = "(SELECT a FROM t UNION ALL SELECT a + 40 FROM t)"
    text = f"SELECT (SELECT v.a FROM t AS v WHERE v.a = d.a % 40) FROM {both} AS d"
    room = 40 * (answers.row_bytes((1,)) * 2) + 1
    monkeypatch.setattr(answers, "HELD_BYTES_MAX", room)
    assert [each for (each,) in run(text)] == [*range(40), *range(40)]
    assert len(asked) == 80
