"""Clocks, the collector of a node's process, and the thread that looks names up."""

import gc
import socket
import threading
from collections.abc import Iterator

import pytest

from node.clock import Clock, wall_date
from node.drivers import resolver as resolver_module
from node.drivers.collector import Collector
from node.drivers.resolver import Resolver
from node.sockets import look_up


class Stepping:
    """A clock that goes on by one second with each look at it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        self.seconds += 1.0
        return self.seconds


def test_the_clock_goes_on() -> None:
    clock = Clock()
    first = clock.now()
    assert clock.now() >= first > 0


def test_wall_time_is_for_people() -> None:
    assert (wall_date(1) - wall_date(0)).total_seconds() == pytest.approx(86_400, abs=60)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector(Stepping())
    yield made
    made.release()


def test_a_settled_node_is_frozen_and_its_pauses_are_counted(collector: Collector) -> None:
    before = gc.get_threshold()
    collector.settle()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold() > before
    gc.collect()
    gc.collect()
    assert (collector.pauses.count, collector.pauses.longest_seconds) == (2, 1.0)
    with pytest.raises(AssertionError, match="twice"):
        collector.settle()
    collector.release()
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0
    gc.collect()
    assert collector.pauses.count == 2
    collector.release()


def test_names_are_looked_up_elsewhere() -> None:
    resolver, answered = Resolver(), threading.Event()
    answers: list[object] = []
    threads: list[threading.Thread] = []

    def done(places: object) -> None:
        answers.append(places)
        threads.append(threading.current_thread())
        if len(answers) == 2:
            answered.set()

    resolver.close()
    resolver("127.0.0.1:80", done)
    resolver("nonsense", done)
    assert answered.wait(60)
    resolver.close()
    assert answers[0] == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert answers[1] == look_up("nonsense")
    assert threading.current_thread() not in threads


def test_too_many_names_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "NAMES_WAITING_MAX", 1)
    blocked, free = threading.Event(), threading.Event()

    def slow(address: str) -> str:
        blocked.set()
        free.wait(60)
        return address

    monkeypatch.setattr(resolver_module, "look_up", slow)
    resolver = Resolver()
    answers: list[object] = []
    resolver("a:1", answers.append)
    blocked.wait(60)
    resolver("b:1", answers.append)
    resolver("c:1", answers.append)
    assert answers == ["cannot resolve 'c:1': 1 names are waiting"]
    free.set()
    resolver.close()
    assert answers[1:] in (["a:1"], ["a:1", "b:1"])
