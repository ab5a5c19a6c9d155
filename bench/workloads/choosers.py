"""Which record comes next: uniform, zipfian, latest, as the Yahoo! Cloud Serving Benchmark has them.

A chooser gives a number below `count`, which may grow from one call to the next. A record's number says nothing of
where its key lies: keys are scattered over all ranges (bench/workloads/ycsb.py). Read next: bench/workloads/ycsb.py.
"""

from collections.abc import Callable
from random import Random

THETA = 0.99  # the skew that YCSB uses
Chooser = Callable[[int], int]


class Zipfian:
    """Small numbers often, by the method of Gray et al., "Quickly generating billion-record synthetic databases".

    1. `_sum` is the sum of 1 / i ** THETA for i from 1 to `_count`.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._count, self._sum = 0, 0.0
        self._eta = 0.0

    def __call__(self, count: int) -> int:
        """A number below `count`."""
        if count > self._count:
            self._grow(count)
        lot = self._chance.random()
        place = lot * self._sum
        if place < 1.0 or count < 2:
            return 0
        if place < 1.0 + 0.5**THETA:
            return 1
        return min(count - 1, int(count * (self._eta * lot - self._eta + 1.0) ** (1.0 / (1.0 - THETA))))

    def _grow(self, count: int) -> None:
        self._sum += sum(1.0 / number**THETA for number in range(self._count + 1, count + 1))
        self._count = count
        first_two = 1.0 + 0.5**THETA
        self._eta = (1.0 - (2.0 / count) ** (1.0 - THETA)) / (1.0 - first_two / self._sum) if count > 2 else 0.0


def uniform(chance: Random) -> Chooser:
    """All alike."""
    return chance.randrange


def zipfian(chance: Random) -> Chooser:
    """The record of rank r with a likelihood of 1 / r ** THETA."""
    return Zipfian(chance)


def latest(chance: Random) -> Chooser:
    """As zipfian, counted from the newest record."""
    ranks = Zipfian(chance)
    return lambda count: count - 1 - ranks(count)


CHOOSERS: dict[str, Callable[[Random], Chooser]] = {"uniform": uniform, "zipfian": zipfian, "latest": latest}
