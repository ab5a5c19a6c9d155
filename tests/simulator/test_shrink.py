"""Delta debugging over the places of a schedule."""

from hypothesis import given
from hypothesis import strategies as st

from argosy.testing.shrink import shrink

PLACES = tuple(range(24))


def never() -> bool:
    return False


@given(st.sets(st.sampled_from(PLACES)))
def test_exactly_what_a_failure_takes_is_left(needed: set[int]) -> None:
    assert shrink(PLACES, lambda part: needed <= set(part), never) == tuple(sorted(needed))


@given(st.lists(st.sets(st.sampled_from(PLACES), min_size=1), min_size=1), st.integers(0, 40))
def test_what_is_left_still_fails_and_stands_when_time_is_over(ways: list[set[int]], tries: int) -> None:
    tried = 0

    def fails(part: tuple[int, ...]) -> bool:
        nonlocal tried
        tried += 1
        return any(way <= set(part) for way in ways)

    left = shrink(PLACES, fails, lambda: tried >= tries)
    assert tried <= tries
    assert fails(left)
    if tried < tries:
        assert not any(fails(left[:place] + left[place + 1 :]) for place in range(len(left)))


def test_a_failure_without_any_fault_takes_one_try() -> None:
    tried = []
    assert shrink(PLACES, lambda part: not tried.append(part), never) == ()
    assert tried == [()]
