"""`.import`: rows of files into tables, and what is told of those that do not fit."""

import pytest

from sql_lite_frontend.shell import records, taking
from tests.sql.shell.told import refused, well


def described(shell, table="t"):
    found = shell.catalog.now(shell.session.transaction)[table]
    return {each.name: str(each.type) for each in found.columns}, found.names(found.key)


# -- a table that is made -------------------------------------------------------------------------------------------


def test_types_are_guessed_and_the_table_is_told(shell, load):
    header = "Id,Unit price,day,at,code,big,none,so\n"
    told = load("f.csv", header + "1,1.5,2024-02-29,2024-01-01T10:00,007,9007199254740993,,true\n", "t")
    assert described(shell) == (
        {
            "id": "INTEGER",
            "unit_price": "REAL",
            "day": "DATE",
            "at": "TIMESTAMP",
            "code": "TEXT",
            "big": "INTEGER",
            "none": "TEXT",
            "so": "BOOLEAN",
        },
        "id",
    )
    assert well(told) and 'CREATE TABLE "t" (\n  "id" INTEGER,\n  "unit_price" REAL' in told and "a guess" in told
    assert shell.rows("SELECT code, none, so FROM t") == [("007", None, True)]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5"], "REAL"),
        (["9223372036854775807", "1"], "INTEGER"),
        (["1", "9223372036854775808"], "TEXT"),
        (["2.5", "9007199254740993"], "TEXT"),
        (["+49", "1"], "TEXT"),
        (["1", "-0"], "TEXT"),
        (["2024-02-29", "2024-01-01 00:00"], "TIMESTAMP"),
        (["2024-02-30"], "TEXT"),
        (["2024-01-01T00:00:00Z"], "TIMESTAMP"),
        (["2024-01-01T00:00:00+02:00"], "TEXT"),
        (["2024-01-01T00:00:00.1234567"], "TEXT"),
        (["1e5", "1.5"], "REAL"),
        (["1e999"], "TEXT"),
        (["nan"], "TEXT"),
        (["1_0"], "TEXT"),
        (["-3", "", '""'], "INTEGER"),
        (["true", "FALSE"], "BOOLEAN"),
        (["true", "1"], "TEXT"),
        (["Köln", "1"], "TEXT"),
    ],
)
def test_a_guess_changes_no_value(shell, load, cells, kind):
    assert well(load("f.csv", "k,v\n" + "".join(f"{at},{each}\n" for at, each in enumerate(cells)), "t"))
    assert described(shell)[0]["v"] == kind


def test_all_rows_are_looked_at_before_a_type_is_guessed(shell, load):
    rows = 2 * records.BATCH_ROWS
    assert well(load("f.csv", "k,v\n" + "".join(f"{at},{at}\n" for at in range(rows)) + f"{rows},x\n", "t"))
    assert described(shell)[0]["v"] == "TEXT"
    assert shell.rows("SELECT count(*) FROM t") == [(rows + 1,)]


def test_json_lines_have_types_of_their_own(shell, load):
    text = '{"k": 1, "b": true, "t": "5", "r": 1, "m": 1}\n\n{"k": 2, "r": 2.5, "m": ["é"], "t": "x"}\n'
    assert well(load("f.jsonl", text, "t"))
    assert described(shell)[0] == {"k": "INTEGER", "b": "BOOLEAN", "t": "TEXT", "r": "REAL", "m": "TEXT"}
    assert shell.rows("SELECT * FROM t ORDER BY k") == [(1, True, "5", 1.0, "1"), (2, None, "x", 2.5, '["é"]')]


def test_the_key_is_the_one_named_or_the_first_column_without_repeats(shell, load):
    assert well(load("f.csv", "r,a,b\n1.5,1,1\n2.5,1,2\n", "first"))
    assert described(shell, "first")[1] == "b"
    assert "has no column c" in load("f.csv", "a,b\n1,1\n", "t PRIMARY KEY (c)")
    assert shell.rows("SHOW TABLES") == [("first",)]
    assert well(load("f.csv", "a,b\n1,1\n1,2\n", "t primary key (b, a)"))
    assert described(shell)[1] == "b, a"
    assert "has the primary key (b, a)" in load("f.csv", "a,b\n1,3\n", "t PRIMARY KEY (a)")


def test_without_a_column_for_a_key_it_is_the_line(shell, load):
    assert "so the key is the line in the file" in load("f.csv", "line,b\n,1\n1,1\n1,2\n", "t")
    assert described(shell) == ({"line_": "INTEGER", "line": "INTEGER", "b": "INTEGER"}, "line_")
    assert shell.rows("SELECT * FROM t ORDER BY line_") == [(2, None, 1), (3, 1, 1), (4, 1, 2)]
    assert refused(load("f.csv", "line,b\n7,7\n", "t")) == [2], "the same line again"
    assert well(load("f.csv", "line,b\n\n\n\n7,7\n", "t"))
    assert shell.rows("SELECT * FROM t WHERE b = 7") == [(5, 7, 7)]


def test_a_column_of_long_texts_is_no_key(shell, load):
    assert well(load("f.csv", f"a,b\n{'x' * 500},1\ny,2\n", "t"))
    assert described(shell)[1] == "b"


def test_words_for_what_is_missing(shell, load):
    told = load("f.csv", "k,v,w\n1,NA,x\n2,5,NA\n", "t")
    assert "TEXT for words like NA beside other values: v. If" in told
    assert well(load("f.csv", "k,v,w\n1,NA,x\n2,5,NA\n", "u NULL 'NA'"))
    assert described(shell, "u")[0] == {"k": "INTEGER", "v": "INTEGER", "w": "TEXT"}
    assert shell.rows("SELECT v, w FROM u ORDER BY k") == [(None, "x"), (5, None)]


def test_a_names_case_and_signs(shell, load):
    assert well(load("f.csv", 'Key,"a ""b""",,2x,Größe\n1,2,3,4,5\n', '"My table" PRIMARY KEY (key)'))
    assert shell.rows('SELECT key, a_b, column3, _2x, größe FROM "My table"') == [(1, 2, 3, 4, 5)]
    assert "two columns of the file have the name a_b: 1 and 2" in load("f.csv", "a b,A_B\n1,2\n", "t")


# -- rows and values ------------------------------------------------------------------------------------------------


def test_columns_may_lack_and_stand_in_another_order(shell, load):
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT DEFAULT 'x' NOT NULL, w REAL, \"Big\" TEXT)")
    assert well(load("f.csv", "W,Big,k\n1.5,yes,1\n", "t"))
    assert shell.rows("SELECT * FROM t") == [(1, "x", 1.5, "yes")]
    assert "table t has no column z" in load("f.csv", "z,k\n1,1\n", "t")
    assert "column k is NOT NULL, and the file has no such column" in load("f.csv", "v\n1\n", "t")


def test_numbers_of_json_keep_their_digits(shell, load):
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY, n NUMERIC, r REAL, s TEXT)")
    text = '{"K": 1, "n": 1.00000000000000000000001, "r": 0.5, "s": 10000000000000000000000}\n{"K": 2.0, "r": 1}\n'
    assert well(load("f.json", text, "t"))
    assert [(k, str(n), r, s) for k, n, r, s in shell.rows("SELECT * FROM t ORDER BY k")] == [
        (1, "1.00000000000000000000001", 0.5, "10000000000000000000000"),
        (2, "None", 1.0, None),
    ]


@pytest.mark.parametrize("batch", [100, 4_000])
def test_bad_rows_are_told_by_line_and_the_good_ones_go_in(shell, load, monkeypatch, batch):
    monkeypatch.setattr(records, "PART_ROWS", 2)
    monkeypatch.setattr(records, "BATCH_ROWS", batch // 50)
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT NOT NULL, n NUMERIC(3, 1))")
    shell.rows("INSERT INTO t VALUES (5, 'old', 1)")
    text = 'k,v,n\n1,"two\nlines",1\nx,a,1\n2,a\n3,,1\n4,a,1000\n5,new,1\n6,a,2\n6,b,2\n7,"a"b,1\n8,"",3\n'
    told = load("f.csv", text, "t")
    assert sorted(refused(told)) == [4, 5, 6, 7, 8, 10, 11] and not well(told)
    assert "'x' is not a value of INTEGER" in told and "2 fields, the header 3" in told
    assert "column v is NOT NULL" in told and "does not fit NUMERIC(3, 1)" in told
    assert "there is a row with (k) = (5)" in told and "3 rows taken" in told
    for each in ("7 rows refused", "2 not a row of the file", "2 not a value", "2 key exists", "1 number out of range"):
        assert each in told
    assert shell.rows("SELECT k, v FROM t ORDER BY k") == [(1, "two\nlines"), (5, "old"), (6, "a"), (8, "")]


def test_a_value_that_another_index_has_is_refused_alone(shell, load):
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT UNIQUE)")
    told = load("f.csv", "k,v\n1,a\n2,b\n3,a\n4,c\n", "t")
    assert refused(told) == [4] and "UNIQUE" in told
    assert shell.rows("SELECT k FROM t ORDER BY k") == [(1,), (2,), (4,)]


def test_a_key_that_is_too_long_is_refused_alone(shell, load):
    shell.rows("CREATE TABLE t (k TEXT PRIMARY KEY)")
    told = load("f.csv", f"k\na\na\n{'x' * 500}\nb\n", "t")
    assert sorted(refused(told)) == [3, 4] and "a primary key has at most 400 bytes" in told
    assert shell.rows("SELECT k FROM t ORDER BY k") == [("a",), ("b",)]


def test_bad_lines_of_json(shell, load):
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY, b BLOB)")
    lines = [
        '{"k": 1}',
        '{"k": 2',
        "[3]",
        '{"k": 4} {}',
        '{"k": 5.5}',
        '{"k": NaN}',
        '{"k": true}',
        '{"k": "\\ud800"}',
        "{}",
    ]
    more = ['{"k": 8, "b": "?"}', '{"b": null}', f'{{"k": {1 << 63}}}', '{"k": 1e999}', '{"k": 9, "b": 5}']
    told = load("f.ndjson", "\n".join(lines + more), "t")
    assert sorted(refused(told)) == list(range(2, 15))
    assert "it is not one object" in told and "it is no JSON" in told and "5.5 is not a value of INTEGER" in told
    assert "NaN is no number" in told and "beyond 64 bits" in told
    assert shell.rows("SELECT k FROM t") == [(1,)]


def test_only_some_bad_lines_are_told_and_all_are_counted(shell, load):
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY)")
    told = load("f.csv", "k\n" + "x\n" * 50, "t")
    assert len(refused(told)) == taking.LISTED_MAX
    assert "0 rows taken" in told and "50 rows refused: 50 not a value" in told


def test_bytes_that_are_not_utf_8_are_told_by_line_and_a_mark_at_the_beginning_is_no_text(shell, load):
    told = load("f.csv", b"\xef\xbb\xbfk,v\r\n1,\xc3\xa4\r\n2,\xff\r\n", "t")
    assert refused(told) == [3] and "column v: these bytes are not UTF-8" in told
    assert shell.rows("SELECT k, v FROM t") == [(1, "ä")]
    told = load("f.jsonl", b'\xef\xbb\xbf{"k": 1, "v": "\xff"}\n', "u")
    assert refused(told) == [1] and "column v: these bytes are not UTF-8" in told


def test_empty_text_and_null_and_quotes(shell, load):
    text = 'k,v,n\n1,"",1\n2,,\n3,"a,"",b",1\n4,"x\n"",""\n",1\n5,"""",""\n6,"\n",1\n7,"",1\n8,5" disk,""\n9,"","",\n'
    text += '10,",""",\n11,"two\n\n"""",""",\n12,"",\n'
    assert refused(load("f.csv", text, "t PRIMARY KEY (k)")) == [13]
    assert [v for (v,) in shell.rows("SELECT v FROM t ORDER BY k")] == [
        "",
        None,
        'a,",b',
        'x\n","\n',
        '"',
        "\n",
        "",
        '5" disk',
        ',"',
        'two\n\n"","',
        "",
    ]
    assert well(load("f.csv", 'k,v,w\n1,5" disk,""\n', "u")) and shell.rows("SELECT * FROM u") == [(1, '5" disk', "")]
    assert shell.rows("SELECT count(n) FROM t") == [(5,)], 'a number cannot be empty text, so "" is NULL'


def test_a_blank_line_is_null_in_a_file_of_one_column_and_nothing_in_others(shell, load):
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")
    assert well(load("f.tsv", "k\tv\n\n1\ta,b\n\n", "t"))
    assert refused(load("f.csv", "k\n2\n\n", "t")) == [3]
    assert shell.rows("SELECT * FROM t ORDER BY k") == [(1, "a,b"), (2, None)]


def test_a_time_with_a_zone_becomes_utc(shell, load):
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY, v TIMESTAMP)")
    assert well(load("f.csv", "k,v\n1,2024-01-01T01:00:00+02:00\n", "t"))
    assert [str(v) for (v,) in shell.rows("SELECT v FROM t")] == ["2023-12-31 23:00:00"]
