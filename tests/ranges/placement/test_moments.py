"""What group 0's leader says was true so many seconds ago: never an older time than it must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.codec import decode, encode
from node.errors import Malformed
from ranges.keys import TICK
from ranges.placement.messages import Ticks
from ranges.placement.moments import SAMPLES_MAX, MomentAgo, Moments
from tests.ranges.placement.world import World


@given(
    st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(1, 5)), max_size=40),
    st.floats(0.0, 30.0),
    st.floats(0.0, 5.0),
)
def test_all_that_was_told_before_is_included(steps: list[tuple[float, int]], seconds: float, later: float) -> None:
    """Whatever was acknowledged when a tick had just been handed out stands at or below that tick."""
    moments, now, following, acknowledged = Moments(), 0.0, 1, []
    for pause, count in steps:
        now += pause
        if now >= moments.due:
            moments.note(now, following)
        following += count
        acknowledged.append((now, (following - 1) * TICK + TICK - 2))
    asked = now + later
    at = moments.ago(asked, seconds, following)
    assert at < following * TICK
    assert all(commit <= at for moment, commit in acknowledged if moment < asked - seconds)


def test_it_is_about_as_old_as_asked_for() -> None:
    moments = Moments()
    for second in range(100):
        moments.note(float(second), 10 * second)
    assert moments.ago(99.0, 10.0, 1000) == 890 * TICK - 1
    assert moments.ago(99.5, 10.0, 1000) == 900 * TICK - 1
    assert moments.ago(99.0, 0.0, 1000) == 990 * TICK - 1
    assert moments.ago(99.5, 0.0, 1000) == 1000 * TICK - 1


def test_what_is_forgotten_is_the_oldest() -> None:
    moments = Moments()
    for second in range(SAMPLES_MAX + 5):
        moments.note(float(second), second)
    assert moments.ago(SAMPLES_MAX + 4.0, 1e6, SAMPLES_MAX + 5) == 5 * TICK - 1


def test_a_leader_notes_ticks_once_a_second_and_a_new_one_begins_anew() -> None:
    world = World()
    world.lead(1)
    told = []
    for _ in range(40):
        world.now += 0.25
        told.append(world.ask(Ticks(1)).first)
    assert world.ask(MomentAgo(5.0)).at == told[20] - 1
    assert world.ask(MomentAgo(0.0)).at == told[-1] + TICK - 1
    world.catalog.follow()
    world.lead(2)
    assert world.ask(MomentAgo(5.0)).at >= told[-1] + TICK - 1


@pytest.mark.parametrize("seconds", [-1.0, 1e10, float("nan")])
def test_seconds_that_are_none_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError):
        MomentAgo(seconds)
    good = encode(MomentAgo(1.5))
    assert decode(good) == MomentAgo(1.5)
    with pytest.raises(Malformed):
        decode(good + b"\x00")
