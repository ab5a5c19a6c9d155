"""`argosy sql`: where statements come from, how results look, and how errors end it."""

import json

import pytest
from click.testing import CliRunner

from argosy.cli import main

FRUIT = """
CREATE TABLE fruit (name TEXT PRIMARY KEY, price REAL, ripe BOOLEAN, n NUMERIC, b BLOB);
INSERT INTO fruit VALUES ('apple', 1.5, TRUE, 1, x'00ff'), ('a"b,\tc\x1b', NULL, FALSE, 2.50, NULL);
"""


@pytest.fixture(scope="module")
def sql(tmp_path_factory):
    data = str(tmp_path_factory.mktemp("cli") / "node")

    def run(*arguments, given=None):
        return CliRunner().invoke(main, ["sql", "--data", data, *arguments], input=given)

    made = run(given=FRUIT)
    assert made.exit_code == 0, made.output
    assert made.output == ""
    return run


def test_a_pipe_gets_rows_between_tabs(sql):
    found = sql("-c", "SELECT name, price, ripe, b FROM fruit ORDER BY name DESC")
    assert found.output == "apple\t1.5\ttrue\tx'00ff'\na\"b,\\tc\\x1b\tNULL\tfalse\tNULL\n"


def test_csv_and_json(sql):
    assert sql("--mode", "csv", "-c", "SELECT name, price FROM fruit WHERE price IS NULL").output == (
        'name,price\n"a""b,\tc\x1b",\n'
    )
    lines = sql("--mode", "json", "-c", "SELECT * FROM fruit").output.splitlines()
    assert json.loads(lines[1]) == {"name": "apple", "price": 1.5, "ripe": True, "n": "1", "b": "AP8="}


def test_a_table(sql):
    found = sql("--mode", "table", "-c", "SELECT name, price FROM fruit; SELECT 1 AS one WHERE FALSE").output
    assert "apple" in found
    assert "one" in found
    assert "\x1b" not in found


def test_a_file_stops_at_its_first_error(sql, tmp_path):
    script = tmp_path / "script.sql"
    script.write_text("SELECT 1;\nSELECT nope FROM fruit;\nSELECT 2;\n")
    found = sql("-f", str(script))
    assert found.exit_code == 1
    assert found.stdout == "1\n"
    assert found.stderr == (
        f"{script}:2: ERROR 42703 no such column: no column nope\n"
        "LINE 2: SELECT nope FROM fruit\n"
        "               ^\n"
        "HINT: there are: name, price, ripe, n, b\n"
    )


def test_a_transaction_left_open_is_rolled_back(sql):
    assert sql("-c", "BEGIN; DELETE FROM fruit").exit_code == 0
    assert sql("-c", "SELECT count(*) FROM fruit").output == "2\n"


def test_two_sources_are_wrong_usage(sql, tmp_path):
    (tmp_path / "x").write_text("")
    assert sql("-c", "SELECT 1", "-f", str(tmp_path / "x")).exit_code == 2


def test_an_import_in_a_pipe_an_option_and_a_file(sql, tmp_path):
    (tmp_path / "good.csv").write_text("k,v\n1,a\n2,b\n")
    (tmp_path / "bad.csv").write_text("k,v\n3,c\nx,d\n")
    script = tmp_path / "script.sql"
    script.write_text(f".import {tmp_path}/bad.csv pairs\nSELECT 'not reached';\n")
    found = sql(given=f".import {tmp_path}/good.csv pairs\nSELECT count(*) FROM pairs;\n")
    assert found.exit_code == 0 and found.stdout == "2\n"
    found = sql("-f", str(script))
    assert found.exit_code == 1 and found.stdout == ""
    assert "bad.csv:3: refused: column k: 'x' is not a value of INTEGER\n1 row taken" in found.stderr
    assert f"{script}:1: ERROR: {tmp_path}/bad.csv: 1 row refused: 1 not a value of its column\n" in found.stderr
    assert sql("-c", f".export {tmp_path}/out.jsonl pairs", "-c", "DROP TABLE pairs").exit_code == 0
    assert (tmp_path / "out.jsonl").read_text().count("\n") == 3
