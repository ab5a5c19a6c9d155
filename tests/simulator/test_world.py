"""Time, links and stations of a simulated world, with stations that only write down what happens to them."""

from typing import Any

import pytest

from argosy.testing.network import LOST, SILENCE_SECONDS
from argosy.testing.world import STEP_SECONDS, Station, World
from node.ports import Effects, Frame, Hello, Kind, LinkDown, LinkUp, Role


class Notes:
    """A port that notes its events, and does what the test has put into `effects`."""

    def __init__(self) -> None:
        self.wake_at = float("inf")
        self.effects = Effects()
        self.seen: list[Any] = []
        self.steps: list[float] = []

    def step(self, now: float, events: Any) -> Effects:
        self.steps.append(now)
        self.seen += events
        if now >= self.wake_at:
            self.wake_at = float("inf")
        effects, self.effects = self.effects, Effects()
        return effects


class Speaker(Station):
    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, f"n{number}", number)
        world.network.settle_at(self.name, self)
        self.notes = Notes()
        self.start(self.notes)

    def hello(self) -> Hello:
        return Hello(Role.NODE, b"c", self.node, self.starts, self.name, ())

    def do(self, **effects: Any) -> None:
        self.notes.effects = Effects(**effects)
        self.ask()

    def link(self) -> int:
        return next(event.link for event in reversed(self.notes.seen) if isinstance(event, LinkUp))

    def frames(self) -> list[Any]:
        return [event.payload for event in self.notes.seen if isinstance(event, Frame)]

    def downs(self) -> int:
        return sum(isinstance(event, LinkDown) for event in self.notes.seen)


def pair(seed: int = 1) -> tuple[World, Speaker, Speaker]:
    world = World(seed)
    first, second = Speaker(world, 1), Speaker(world, 2)
    first.do(dials=[(2, "n2")])
    world.run(0.5)
    return world, first, second


def say(speaker: Speaker, *payloads: Any, kind: Kind = Kind.REQUESTS) -> None:
    speaker.do(sends=[(speaker.link(), kind, payload) for payload in payloads])


def test_a_dial_greets_both_sides() -> None:
    _, first, second = pair()
    assert [event.hello.node for event in first.notes.seen] == [2]
    assert [event.hello.node for event in second.notes.seen] == [1]
    assert first.link() != second.link()


def test_a_dial_of_nobody_and_of_somebody_else_fails() -> None:
    world, first, second = pair()
    second.stop()
    world.run(1)
    first.do(dials=[(2, "n2"), (3, "n3")])
    world.run(1)
    second.start(Notes())
    first.do(dials=[(5, "n2")])
    world.run(1)
    assert sorted(event.node for event in first.notes.seen[2:]) == [2, 3, 5]


def test_frames_arrive_in_order() -> None:
    world, first, second = pair()
    say(first, *range(300))
    world.run(2)
    assert second.frames() == list(range(300))


def test_only_raft_and_support_frames_are_lost() -> None:
    world, first, second = pair()
    world.network.shares[LOST] = 1.0
    say(first, "raft", kind=Kind.RAFT)
    world.run(1)
    say(first, "request")
    world.run(1)
    assert second.frames() == ["request"]


def test_a_blocked_way_that_opens_in_time_delivers_late_and_in_order() -> None:
    world, first, second = pair()
    world.network.block([("n1", "n2")])
    say(first, 1, 2)
    world.run(SILENCE_SECONDS[0] * 0.9)
    say(second, "back")
    world.run(0.05)
    assert (second.frames(), first.frames()) == ([], ["back"])
    world.network.heal()
    say(first, 3)
    world.run(0.2)
    assert second.frames() == [1, 2, 3]
    world.run(20)
    assert (first.downs(), second.downs()) == (0, 0)


def test_a_link_that_stays_blocked_dies_on_both_sides_and_delivers_nothing() -> None:
    world, first, second = pair()
    world.network.block([("n1", "n2")])
    say(first, 1)
    world.run(SILENCE_SECONDS[1] + 0.1)
    world.network.heal()
    world.run(1)
    assert (second.frames(), first.downs(), second.downs()) == ([], 1, 1)


@pytest.mark.parametrize("silent", [False, True])
def test_a_crash_breaks_the_links_after_what_was_sent(silent: bool) -> None:
    world, first, second = pair()
    say(second, "last words")
    world.run(STEP_SECONDS / 2)
    second.stop(silent)
    world.run(0.5)
    assert (first.frames(), first.downs()) == (["last words"], 0 if silent else 1)
    world.run(10)
    assert first.downs() == 1


def test_a_hang_up_is_heard_by_the_other_side_only() -> None:
    world, first, second = pair()
    first.do(hangups=[first.link()])
    world.run(1)
    assert (first.downs(), second.downs()) == (0, 1)


def test_what_was_planned_for_a_start_ends_with_it() -> None:
    world, first, _ = pair()
    first.later(0.5, lambda: "old")
    first.stop()
    again = Notes()
    first.start(again)
    first.later(1, lambda: "new")
    world.run(2)
    assert again.seen == ["new"]


def test_a_station_wakes_when_it_wants_by_its_own_clock() -> None:
    world, first, _ = pair()
    wanted = first.clock + 2
    first.notes.wake_at = wanted
    first.ask()
    world.run(0.1)
    steps = len(first.notes.steps)
    world.run(1.8)
    assert len(first.notes.steps) == steps
    world.run(0.2)
    assert first.notes.steps[steps:] == [pytest.approx(wanted, abs=1e-5)]
    assert first.notes.steps[-1] >= wanted


def test_a_station_whose_clock_gets_faster_wakes_sooner() -> None:
    world, first, _ = pair()
    first.notes.wake_at = first.clock + 2
    first.ask()
    world.run(0.1)
    steps = len(first.notes.steps)
    first.run_clock(10.0)
    world.run(0.25)
    assert len(first.notes.steps) == steps + 1


def test_a_pause_gathers_everything_for_one_step() -> None:
    world, first, second = pair()
    second.pause(1)
    steps = len(second.notes.steps)
    for number in range(3):
        say(first, number)
        world.run(0.1)
    assert second.frames() == []
    world.run(1)
    assert (second.frames(), len(second.notes.steps)) == ([0, 1, 2], steps + 1)


def test_payloads_survive_their_encoding() -> None:
    world, first, second = pair()
    world.network.encode = True
    say(first, ((1, 2, 0, b"body"),))
    world.run(1)
    assert second.frames() == [((1, 2, 0, b"body"),)]
