"""Where a busy range is split: in the middle of what it is asked for, or not at all."""

import random
from bisect import bisect_left

import pytest

from ranges.config import LOAD_SAMPLES, LOAD_SAMPLES_LEAST, LOAD_WATCH_SECONDS
from ranges.sampler import LoadSampler

START, END = b"\x10", b"\x11"


def key(number: int) -> bytes:
    return b"\x10%06d" % number


def middle(reaches: list[tuple[bytes, bytes]]) -> bytes | None:
    sampler = LoadSampler(0.0)
    for reach in reaches:
        sampler.take(reach)
    return sampler.middle(START, END)


def points(numbers: list[int]) -> list[tuple[bytes, bytes]]:
    return [(key(number), key(number)) for number in numbers]


def share(reaches: list[tuple[bytes, bytes]], at: bytes | None) -> float:
    assert at is not None
    return bisect_left(sorted(last for _, last in reaches), at) / len(reaches)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", ["even", "skewed", "rising"])
def test_both_halves_get_about_half_of_the_requests(seed: int, shape: str) -> None:
    chance = random.Random(seed)
    shapes = {
        "even": lambda _: chance.randrange(10_000),
        "skewed": lambda _: int(10_000 * chance.random() ** 6),
        "rising": lambda place: place // 8 + chance.randrange(50),
    }
    reaches = points([shapes[shape](place) for place in range(20_000)])
    assert 0.42 < share(reaches, middle(reaches)) < 0.58


@pytest.mark.parametrize("period", [2, 3, 5, 8, 64, 1000, 1024, 4096])
def test_clients_in_turn_do_not_look_like_one(period: int) -> None:
    reaches = points([place % period for place in range(20_000)])
    assert 0.3 < share(reaches, middle(reaches)) < 0.7


def test_one_key_that_takes_most_of_the_load_is_not_split_off() -> None:
    chance = random.Random(1)
    others = [chance.randrange(10_000) for _ in range(5_000)]
    assert middle(points([777] * 5_000)) is None
    assert middle(points([*others, *[4_000] * 20_000])) is None
    assert middle(points([*others, *[4_000] * 3_000])) is not None


def test_the_first_key_of_the_range_is_no_place_to_split_at() -> None:
    sampler = LoadSampler(0.0)
    for _ in range(1000):
        sampler.take((key(5), key(5)))
        sampler.take((key(5), key(5)))
    assert sampler.middle(key(5), END) is None


def test_a_split_that_would_cut_most_requests_in_two_is_of_no_use() -> None:
    whole = [(key(0), key(999))] * 1000
    assert middle(whole) is None
    halves = [(key(0), key(499)), (key(500), key(999))] * 500
    assert middle([*halves, *whole[:500]]) == key(500)


def test_too_few_requests_say_nothing() -> None:
    reaches = points(list(range(LOAD_SAMPLES_LEAST)))
    assert middle(reaches) is not None
    assert middle(reaches[1:]) is None


def test_what_is_remembered_has_a_limit_and_is_watched_for_a_while() -> None:
    sampler = LoadSampler(10.0)
    for reach in points(list(range(10 * LOAD_SAMPLES))):
        sampler.take(reach)
    assert len(sampler._samples) == LOAD_SAMPLES
    assert not sampler.is_done(9.9 + LOAD_WATCH_SECONDS)
    assert sampler.is_done(10.0 + LOAD_WATCH_SECONDS)
