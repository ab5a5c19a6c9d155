"""Flows: each wish is answered exactly once, by what came first: the reply, the time, the loss of the link."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from node.flow import Behind, Flow, Flows, Gather, Send, Signal, Sleep, Until


class Run:
    """Flows, what they sent, and how they ended."""

    def __init__(self) -> None:
        self.sent: dict[int, Send] = {}
        self.ended: list[Any] = []
        self.flows = Flows(self.sent.__setitem__)

    def start(self, flow: Flow[Any]) -> None:
        self.flows.start(flow, lambda value, error: self.ended.append(value if error is None else error))


@pytest.fixture
def run() -> Run:
    return Run()


def send(node: int = 1, seconds: float = 5.0, message: object = "m") -> Send:
    return Send(node, 7, 3, message, seconds)


def asks(*wishes: Any) -> Flow[list[Any]]:
    """Each wish in turn; what it was resumed with."""
    got = []
    for wish in wishes:
        got.append((yield wish))
    return got


def test_a_reply_resumes_its_own_copy_once(run: Run) -> None:
    run.start(asks(send()))
    run.start(asks(send(), send()))
    assert list(run.sent) == [1, 2]
    run.flows.replied(2, "b")
    run.flows.replied(2, "again")
    assert list(run.sent) == [1, 2, 3]
    run.flows.replied(1, "a")
    run.flows.replied(3, "c")
    assert run.ended == [["a"], ["b", "c"]]
    assert len(run.flows) == 0


def test_silence_ends_with_the_time_and_a_late_reply_is_dropped(run: Run) -> None:
    run.start(asks(send(seconds=5.0), send(seconds=9.0)))
    assert run.flows.wake_at == 5.0
    run.flows.step(4.9)
    assert list(run.sent) == [1]
    run.flows.step(5.0)
    assert list(run.sent) == [1, 2]
    run.flows.replied(1, "late")
    assert run.flows.wake_at == 14.0, "counted from when it was sent"
    run.flows.replied(2, "x")
    assert run.ended == [[None, "x"]]
    assert run.flows.wake_at == float("inf"), "an old timer wakes nobody"


def test_a_lost_link_is_silence_for_what_went_by_it(run: Run) -> None:
    run.start(asks(send(1)))
    run.start(asks(send(2)))
    run.flows.lost(1)
    assert run.ended == [[None]]
    run.flows.replied(1, "late")
    run.flows.replied(2, "y")
    assert run.ended == [[None], ["y"]]


def test_sleep_and_its_order(run: Run) -> None:
    for seconds in (0.3, 0.1, 0.2, 0.1):
        run.start(asks(Sleep(seconds)))
    run.flows.step(0.15)
    assert len(run.ended) == 2
    run.flows.step(1.0)
    assert run.ended == [[None]] * 4


def test_gather_gives_all_results_in_order(run: Run) -> None:
    run.start(asks(Gather((asks(send()), asks(), asks(send(), send()))), Gather(())))
    run.flows.replied(2, "b")
    run.flows.replied(3, "c")
    assert run.ended == []
    run.flows.replied(1, "a")
    assert run.ended == [[(["a"], [], ["b", "c"]), ()]]


def fails(*wishes: Any) -> Flow[None]:
    yield from asks(*wishes)
    raise KeyError("mine")


def catches() -> Flow[str]:
    try:
        yield Gather((fails(send()), asks(send())))
    except KeyError:
        return "caught"
    return "missed"


def test_the_first_error_of_a_gather_is_raised_after_all_have_ended(run: Run) -> None:
    run.start(catches())
    run.flows.replied(1, None)
    assert run.ended == []
    run.flows.replied(2, None)
    assert run.ended == ["caught"]


def test_an_error_ends_a_flow(run: Run) -> None:
    run.start(fails(send()))
    run.flows.replied(1, None)
    assert [type(each) for each in run.ended] == [KeyError]


def test_an_error_that_nobody_waits_for_is_raised(run: Run) -> None:
    run.flows.start(fails(send()))
    with pytest.raises(KeyError, match="mine"):
        run.flows.replied(1, None)


def test_behind_goes_on_at_once(run: Run) -> None:
    order: list[str] = []

    def behind() -> Flow[None]:
        yield send()
        order.append("behind")

    def front() -> Flow[None]:
        yield Behind(behind())
        order.append("front")

    run.start(front())
    assert order == ["front"] and run.ended == [None]
    run.flows.replied(1, None)
    assert order == ["front", "behind"]


def test_until_a_signal_or_the_time(run: Run) -> None:
    signal = Signal()
    run.start(asks(Until(signal, 5.0)))
    run.start(asks(Until(signal, 1.0)))
    run.flows.step(1.0)
    assert run.ended == [[None]]
    run.flows.set(signal, "now")
    run.flows.set(signal, "later")
    assert run.ended == [[None], ["now"]]
    run.start(asks(Until(signal, 1.0), Until(signal, 1.0)))
    assert run.ended[-1] == ["now", "now"], "a signal stays set"
    with pytest.raises(AssertionError, match="never None"):
        run.flows.set(Signal(), None)


def test_a_flow_that_yields_something_else_is_a_mistake(run: Run) -> None:
    run.start(asks("nonsense"))
    assert [str(each) for each in run.ended] == ["a flow yielded 'nonsense', which is no wish"]


@given(
    some.lists(some.tuples(some.sampled_from(["reply", "step", "lost", "start"]), some.integers(1, 12)), max_size=60)
)
def test_whatever_comes_each_wish_is_answered_once(script: list[tuple[str, int]]) -> None:
    run, now = Run(), 0.0
    started = 0
    for verb, number in script:
        if verb == "reply":
            run.flows.replied(number, number)
        elif verb == "step":
            now += number / 4
            run.flows.step(now)
        elif verb == "lost":
            run.flows.lost(number % 3)
        else:
            started += 1
            run.start(asks(send(number % 3, seconds=number / 2), Sleep(number / 8), send(number % 2, seconds=1.0)))
    now += 100.0
    for _ in range(3):
        now += 100.0
        run.flows.step(now)
    assert len(run.ended) == started
    assert len(run.flows) == 0 and run.flows.wake_at == float("inf")
    for got in run.ended:
        assert len(got) == 3 and got[1] is None
    assert len(run.sent) == 2 * started
