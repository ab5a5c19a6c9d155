"""LIKE against a slow matcher that tries everything, and against patterns that are made to take long."""

from hypothesis import given
from hypothesis import strategies as st

from sql_lite_frontend.values import like


def slow(value: str, pattern: str) -> bool:
    if not pattern:
        return not value
    if pattern[0] == "%":
        return any(slow(value[at:], pattern[1:]) for at in range(len(value) + 1))
    return bool(value) and pattern[0] in ("_", value[0]) and slow(value[1:], pattern[1:])


@given(st.text("ab\n", max_size=8), st.text("ab\n%_", max_size=6))
def test_it_agrees_with_a_matcher_that_tries_everything(value, pattern):
    assert like(value, pattern) == slow(value, pattern)


def test_no_pattern_takes_long():
    assert not like("a" * 5_000, "%a" * 40 + "%b")
    assert not like("a" * 5_000, "%a_" * 40 + "b_%c")


def test_what_is_escaped_stands_for_itself():
    assert like("100%", "%0!%", "!")
    assert not like("1000", "%0!%", "!")
