"""The files of tests/sql/logic_files, and that their runner bites."""

from pathlib import Path

import pytest

from sql_lite_frontend.errors import SqlError
from tests.sql.logic import answer, play

FILES = sorted(Path(__file__).with_name("logic_files").glob("*.test"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file(run, file):
    play(file.read_text(), run, SqlError)


@pytest.mark.parametrize(
    "text",
    [
        "query I nosort\nSELECT 1\n----\n2\n",
        "query I nosort\nSELECT 1\n----\n1\n1\n",
        "statement error\nSELECT 1\n",
        "statement error 42703\nSELECT 1 / 0\n",
        "statement count 2\nDELETE FROM only\n",
        "perform magic\n",
    ],
)
def test_what_is_not_as_expected_is_told(run, text):
    run("CREATE TABLE only (k INTEGER PRIMARY KEY)")
    with pytest.raises(AssertionError, match="line 1"):
        play(text, run, SqlError)


def test_long_results_are_hashed():
    assert answer(["1", "2"], 2) == ["1", "2"]
    assert answer(["1", "2", "3"], 2) == ["3 values hashing to c0710d6b4f15dfa88f600b0e6b624077"]
