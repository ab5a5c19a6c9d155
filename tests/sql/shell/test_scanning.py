"""Where statements end, whatever quotes and comments hold."""

import pytest

from sql_lite_frontend.shell.scanning import Scanner, finished, is_command


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["SELECT 1; SELECT 2;\n"], [("SELECT 1", 1), ("SELECT 2", 1)]),
        (["-- ; no\n", "SELECT ';', \"a;b\"\n", "FROM t /* ; /* ; */ ; */;\n"], [(None, 1)]),
        (["SELECT 'it''s;\n", "so'\\g\n", "x"], [("SELECT 'it''s;\nso'", 1), ("x", 3)]),
        (["\n", " ;;\n", "-- nothing\n"], []),
        (["SELECT 1\n"], [("SELECT 1\n", 1)]),
    ],
)
def test_statements_end_at_a_semicolon_outside_of_quotes_and_comments(lines, found):
    scanner = Scanner()
    made = [each for line in lines for each in scanner.feed(line)] + scanner.rest()
    assert [each.line for each in made] == [line for _, line in found]
    assert all(text is None or each.text == text for each, (text, _) in zip(made, found, strict=True))


def test_what_is_finished_and_what_is_a_command():
    assert finished("SELECT 1;") and finished("SELECT 1; -- so") and not finished("SELECT 1")
    assert not finished("SELECT ';") and not finished("SELECT 1 /* ;")
    assert is_command("\\d t") and is_command(".mode csv") and not is_command(".5") and not is_command("SELECT")
