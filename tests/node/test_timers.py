"""Deadlines of cores and alarms of groups: a node wakes for what is due, and for nothing else."""

from collections.abc import Hashable
from math import inf
from types import SimpleNamespace
from typing import Any

from node.timers import Timers


class Stage:
    """Groups that have nothing but a deadline, and note who rings."""

    def __init__(self, **deadlines: float) -> None:
        self.rung: list[tuple[int, Hashable]] = []
        self.groups: dict[int, Any] = {}
        self.timers = Timers(self.groups.get)
        for name, deadline in deadlines.items():
            self.set(int(name[1:]), deadline)

    def set(self, number: int, deadline: float) -> None:
        if number not in self.groups:
            self.groups[number] = SimpleNamespace(
                number=number,
                scheduled=inf,
                raft=SimpleNamespace(deadline=inf),
                ring=lambda token: self.ring(number, token),
            )
        self.groups[number].raft.deadline = deadline
        self.timers.cycled(self.groups[number])

    def ring(self, number: int, token: Hashable) -> None:
        self.rung.append((number, token))
        self.timers.alarm(1.0, self.groups[number], "again")

    def due(self, now: float) -> list[int]:
        return [group.number for group in self.timers.due(now)]


def test_groups_are_due_in_the_order_of_their_deadlines_and_once() -> None:
    stage = Stage(g1=3.0, g2=1.0, g3=2.0)
    assert stage.timers.wake_at == 1.0
    assert stage.due(2.5) == [2, 3]
    assert stage.due(2.5) == []
    assert stage.timers.wake_at == 3.0


def test_a_deadline_that_has_moved_away_wakes_nobody() -> None:
    stage = Stage(g1=1.0)
    stage.set(1, 5.0)
    assert stage.timers.wake_at == 5.0 and stage.due(4.0) == []
    stage.set(1, 3.0)
    assert stage.timers.wake_at == 3.0 and stage.due(3.0) == [1]
    stage.set(1, 9.0)
    stage.set(1, inf)
    assert stage.timers.wake_at == inf and stage.due(10.0) == []


def test_who_has_gone_or_been_made_anew_is_not_taken_for_the_other() -> None:
    stage = Stage(g1=1.0, g2=2.0)
    del stage.groups[1]
    assert stage.timers.wake_at == 2.0
    del stage.groups[2]
    stage.set(2, 4.0)
    assert stage.due(3.0) == [] and stage.due(4.0) == [2]


def test_an_alarm_that_is_set_while_others_ring_waits_for_the_next_step() -> None:
    stage = Stage(g1=inf)
    stage.timers.alarm(1.0, stage.groups[1], "first")
    assert stage.timers.wake_at == 1.0
    stage.timers.ring(0.9)
    assert stage.rung == []
    stage.timers.ring(1.0)
    assert stage.rung == [(1, "first")] and stage.timers.wake_at == 1.0
