"""The order in which a cluster's ranges are split."""

import pytest

from bench.cluster import _levels


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 100])
def test_the_splits_of_a_round_meet_different_ranges(count: int) -> None:
    keys = [b"%03d" % place for place in range(count)]
    done: list[bytes] = []
    for level in _levels(keys):
        met = [sum(each < key for each in done) for key in level]
        assert len(set(met)) == len(level), "each key lies in a range of its own"
        done += level
    assert sorted(done) == keys
