"""Keys keep their order as heads, and timestamps their limits."""

from hypothesis import given
from hypothesis import strategies as st

from ranges import keys
from ranges.config import KEY_BYTES_MAX

texts = st.binary(min_size=1, max_size=6) | st.lists(st.sampled_from([0, 1, 2, 254, 255]), min_size=1).map(bytes)


@given(texts, texts)
def test_heads_keep_the_order_and_are_no_prefixes_of_each_other(one: bytes, other: bytes) -> None:
    first, second = keys.head(one), keys.head(other)
    assert (first < second) == (one < other)
    assert one == other or not first.startswith(second)
    assert keys.unhead(first) == one


@given(texts, texts)
def test_after_head_lies_above_all_rows_of_a_head_and_at_most_at_the_next(one: bytes, other: bytes) -> None:
    after = keys.after_head(keys.head(one))
    assert keys.head(one) < after
    assert one >= other or after <= keys.head(other)


@given(st.integers(0, keys.TIMESTAMP_MAX), st.integers(0, keys.TIMESTAMP_MAX))
def test_newer_versions_sort_first(one: int, other: int) -> None:
    assert (keys.version_tail(one) < keys.version_tail(other)) == (one > other)
    assert keys.version_commit(keys.version_tail(one)) == one
    assert keys.INTENT_TAIL < keys.VERDICT_TAIL < keys.BAR_TAIL < keys.version_tail(one)


def test_above_stays_below_the_next_tick_and_says_when_it_cannot() -> None:
    assert keys.above(7 * keys.TICK) == 7 * keys.TICK + 1
    assert keys.above(8 * keys.TICK - 2) == 8 * keys.TICK - 1
    assert keys.above(8 * keys.TICK - 1) == 0


def test_a_key_is_limited_as_it_is_escaped() -> None:
    assert keys.is_key(keys.USER + b"k" * KEY_BYTES_MAX)
    assert not keys.is_key(keys.USER + b"k" * (KEY_BYTES_MAX + 1))
    assert keys.is_key(keys.USER + b"\0" * (KEY_BYTES_MAX // 2))
    assert not keys.is_key(keys.USER + b"\0" * (KEY_BYTES_MAX // 2 + 1))
    assert not keys.is_key(b"")


def test_a_span_may_end_right_after_the_longest_key() -> None:
    longest = keys.USER + b"k" * KEY_BYTES_MAX
    assert keys.is_bound(longest + b"\0")
    assert not keys.is_bound(longest + b"k") and not keys.is_bound(longest + b"\0\0") and not keys.is_bound(b"")
