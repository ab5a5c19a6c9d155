"""The checkers themselves, on histories that are known to be good or bad."""

import random

import pytest

from argosy.testing.linear import INFINITY, Call, Violation, check_linearizable
from argosy.testing.serial import Attempt, check_serializable


def wrote(begin: float, end: float, value: bytes | None) -> Call:
    return Call(begin, end, True, value)


def read(begin: float, end: float, value: bytes | None) -> Call:
    return Call(begin, end, False, value)


GOOD = {
    "nothing": [],
    "reads before any write": [read(0, 1, None), read(0, 2, None)],
    "a write takes effect inside its call": [wrote(0, 3, b"1"), read(1, 1.5, None), read(2, 2.5, b"1")],
    "two writes at once, in either order": [wrote(0, 5, b"1"), wrote(0, 5, b"2"), read(6, 7, b"1")],
    "an unknown write is seen late": [wrote(0, INFINITY, b"1"), read(2, 3, None), read(4, 5, b"1")],
    "an unknown write is never seen": [wrote(0, INFINITY, b"1"), read(2, 3, None)],
    "an unknown write is seen and overwritten": [
        wrote(0, INFINITY, b"1"), wrote(1, 2, b"2"), read(3, 4, b"1"), wrote(5, 6, b"3"), read(7, 8, b"3"),
    ],
    "an unknown deletion": [wrote(0, 1, b"1"), wrote(2, INFINITY, None), read(3, 4, b"1"), read(5, 6, None)],
    "a deletion": [wrote(0, 1, b"1"), wrote(2, 3, None), read(4, 5, None)],
}  # fmt: skip

BAD = {
    "a value from nowhere": [read(0, 1, b"1")],
    "a lost write": [wrote(0, 1, b"1"), read(2, 3, None)],
    "a stale read": [wrote(0, 1, b"1"), wrote(2, 3, b"2"), read(4, 5, b"1")],
    "the value goes back": [wrote(0, 1, b"1"), wrote(2, 9, b"2"), read(3, 4, b"2"), read(5, 6, b"1")],
    "read before it was written": [read(0, 1, b"1"), wrote(2, 3, b"1")],
    "an unknown write takes effect twice": [
        wrote(0, INFINITY, b"1"), read(1, 2, b"1"), wrote(3, 4, b"2"), read(5, 6, b"2"), read(7, 8, b"1"),
    ],
    "an unknown write takes effect before it began": [read(0, 1, b"1"), wrote(2, INFINITY, b"1")],
    "two readers disagree on two writes": [
        wrote(0, 9, b"1"), wrote(0, 9, b"2"), read(1, 2, b"1"), read(3, 4, b"2"), read(5, 6, b"1"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_linearizable_history_passes(name: str) -> None:
    check_linearizable(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_a_history_that_is_not_linearizable_fails(name: str) -> None:
    with pytest.raises(Violation, match="not linearizable"):
        check_linearizable(BAD[name], "k")


def made(seed: int, count: int, clients: int) -> list[Call]:
    """A history of a register that is one, with calls that overlap, some of unknown outcome."""
    chance = random.Random(seed)
    calls = []
    value: bytes | None = None
    free = [0.0] * clients
    for number in range(count):
        client = number % clients
        begin = free[client] + chance.random()
        moment = max(begin, *(0.0, begin)) + chance.random()
        calls.append((moment, begin, moment + chance.random(), client, chance.random(), number))
        free[client] = calls[-1][2]
    history = []
    for _, begin, end, client, lot, number in sorted(calls):
        if lot < 0.5:
            value = b"%d" % number
            history.append(Call(begin, INFINITY if lot < 0.1 else end, True, value, client))
        else:
            history.append(Call(begin, end, False, value, client))
    return history


@pytest.mark.parametrize("seed", range(5))
def test_long_histories_are_checked_quickly_and_one_stale_read_is_found(seed: int) -> None:
    history = made(seed, 400, 6)
    check_linearizable(history)
    reads = [at for at, call in enumerate(history) if not call.writes]
    stale, source = reads[-1], reads[len(reads) // 2]
    call = history[stale]
    history[stale] = Call(call.begin, call.end, False, history[source].value, call.client)
    with pytest.raises(Violation):
        check_linearizable(history)


def attempt(begin: float, end: float, reads: dict[bytes, list[int]], appends: list[tuple[bytes, int]]) -> Attempt:
    return Attempt(begin, end, tuple((key, tuple(items)) for key, items in reads.items()), tuple(appends))


X, Y = b"x", b"y"

SERIAL = {
    "one after the other": [
        attempt(0, 1, {X: []}, [(X, 1)]),
        attempt(2, 3, {X: [1]}, [(X, 2), (Y, 3)]),
        attempt(4, 5, {X: [1, 2], Y: [3]}, []),
    ],
    "an unknown one that happened": [
        attempt(0, INFINITY, {}, [(X, 1), (Y, 2)]),
        attempt(2, 3, {X: []}, []),
        attempt(4, 5, {X: [1], Y: [2]}, []),
    ],
    "an unknown one that did not": [attempt(0, INFINITY, {}, [(X, 1)]), attempt(4, 5, {X: []}, [])],
}

NOT_SERIAL = {
    "write skew": (
        "circle",
        [
            attempt(0, 9, {X: [], Y: []}, [(X, 1)]),
            attempt(0, 9, {X: [], Y: []}, [(Y, 2)]),
            attempt(10, 11, {X: [1], Y: [2]}, []),
        ],
    ),
    "lost update": (
        "circle",
        [
            attempt(0, 9, {X: []}, [(X, 1)]),
            attempt(0, 9, {X: []}, [(X, 2)]),
            attempt(10, 11, {X: [1, 2]}, []),
        ],
    ),
    "read skew": (
        "circle",
        [
            attempt(0, 9, {X: [], Y: [2]}, []),
            attempt(0, 9, {}, [(X, 1), (Y, 2)]),
            attempt(10, 11, {X: [1], Y: [2]}, []),
        ],
    ),
    "long fork": (
        "circle",
        [
            attempt(0, 9, {}, [(X, 1)]),
            attempt(0, 9, {}, [(Y, 2)]),
            attempt(0, 9, {X: [1], Y: []}, []),
            attempt(0, 9, {X: [], Y: [2]}, []),
            attempt(10, 11, {X: [1], Y: [2]}, []),
        ],
    ),
    "a stale read, only real time tells": (
        "circle",
        [
            attempt(0, 1, {}, [(X, 1)]),
            attempt(2, 3, {X: []}, []),
            attempt(4, 5, {X: [1]}, []),
        ],
    ),
    "an append lost": ("lost", [attempt(0, 1, {}, [(X, 1)]), attempt(2, 3, {X: []}, [])]),
    "half of a transaction": (
        "lost",
        [attempt(0, INFINITY, {}, [(X, 1), (Y, 2)]), attempt(2, 3, {X: [1], Y: []}, [])],
    ),
    "an append twice": (
        "twice",
        [attempt(0, 1, {}, [(X, 1)]), attempt(2, 3, {X: [1, 1]}, [])],
    ),
    "lists that disagree": (
        "prefix",
        [
            attempt(0, 1, {}, [(X, 1)]),
            attempt(0, 1, {}, [(X, 2)]),
            attempt(0, 1, {X: [2]}, []),
            attempt(2, 3, {X: [1, 2]}, []),
        ],
    ),
}


@pytest.mark.parametrize("name", SERIAL)
def test_a_strictly_serializable_history_passes(name: str) -> None:
    check_serializable(SERIAL[name])


@pytest.mark.parametrize("name", NOT_SERIAL)
def test_each_anomaly_is_found(name: str) -> None:
    expected, history = NOT_SERIAL[name]
    with pytest.raises(Violation, match=expected):
        check_serializable(history)


def test_an_aborted_append_that_was_read_is_found() -> None:
    with pytest.raises(Violation, match="aborted"):
        check_serializable([attempt(2, 3, {X: [1]}, [])], frozenset({1}))
