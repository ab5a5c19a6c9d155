from ranges.keys import TICK
from ranges.placement.config import WINDOW_TICKS
from ranges.placement.oracle import Window


def test_ticks_follow_each_other_without_a_gap() -> None:
    window = Window(5)
    window.raise_ceiling(100)
    assert window.take(3) == 5 * TICK
    assert window.take(1) == 8 * TICK


def test_no_tick_at_or_above_the_ceiling_is_handed_out() -> None:
    window = Window(5)
    assert window.take(1) is None
    window.raise_ceiling(7)
    assert window.take(3) is None
    assert window.take(2) == 5 * TICK
    assert window.take(1) is None


def test_a_lower_ceiling_takes_nothing_back() -> None:
    window = Window(5)
    window.raise_ceiling(10)
    window.raise_ceiling(6)
    assert window.take(5) == 5 * TICK


def test_the_window_is_low_well_before_it_is_used_up() -> None:
    window = Window(1)
    assert window.is_low
    window.raise_ceiling(window.wanted_ceiling)
    assert not window.is_low
    window.take(WINDOW_TICKS // 2 + 1)
    assert window.is_low
    assert window.wanted_ceiling == window.next + WINDOW_TICKS
