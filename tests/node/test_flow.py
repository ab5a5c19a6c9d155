"""Flows: each wish is answered exactly once, by what came first: the reply, the time, the loss of the link."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from node.flow import AT_ONCE_MAX, TIMERS_MIN, Behind, Flow, Flows, Gather, Send, Sleep


class Run:
    """Flows, what they sent, and how they ended. What `known` maps a message to is answered at once."""

    def __init__(self) -> None:
        self.sent: dict[int, Send] = {}
        self.ended: list[Any] = []
        self.known: dict[object, object] = {}
        self.flows = Flows(self.sent.__setitem__, lambda wish: self.known.get(wish.message))

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


def test_behind_that_fails_at_once_fails_whoever_moves_the_flows_and_not_its_parent(run: Run) -> None:
    def front() -> Flow[str]:
        try:
            yield Behind(fails())
        except KeyError:
            return "it came here"
        return "missed"

    with pytest.raises(KeyError, match="mine"):
        run.start(front())
    assert run.ended == []


def test_what_is_known_is_answered_at_once(run: Run) -> None:
    run.known = {"a": 1, "b": 2}
    run.start(asks(send(message="a"), send(message="b"), Gather((asks(send(message="a")), asks()))))
    assert run.ended == [[1, 2, ([1], [])]]
    assert run.sent == {} and len(run.flows) == 0 and run.flows.wake_at == float("inf")
    run.start(asks(send(message="a"), send(), send(message="b")))
    run.flows.replied(1, "x")
    assert run.ended[1:] == [[1, "x", 2]]


def test_who_asks_on_and_on_what_is_known_waits_its_turn(run: Run) -> None:
    """So that a flow that never waits is met by the host's limit of rounds, and does not hang the node."""
    run.known = {"a": 1}
    run.start(asks(*[send(message="a")] * (AT_ONCE_MAX + 1)))
    assert len(run.sent) == 1 and run.ended == []
    run.flows.replied(1, 1)
    assert run.ended == [[1] * (AT_ONCE_MAX + 1)]


def test_many_gathers_in_a_row_that_need_not_wait_take_no_deeper_stack(run: Run) -> None:
    run.start(asks(*[Gather((asks(), asks()))] * 5_000, Gather(())))
    assert len(run.ended[0]) == 5_001 and run.ended[0][-1] == ()


def test_at_once_gives_the_result_or_nothing_has_happened(run: Run) -> None:
    run.known = {"a": 1}
    assert run.flows.at_once(asks(send(message="a"), send(message="a"))) == [1, 1]
    assert run.flows.at_once(asks(send(message="a"), send())) is None
    assert run.flows.at_once(asks(Sleep(0.0))) is None
    with pytest.raises(KeyError, match="mine"):
        run.flows.at_once(fails(send(message="a")))
    assert run.sent == {} and run.flows.wake_at == float("inf")


def test_timers_of_waits_that_are_over_go(run: Run) -> None:
    run.start(asks(send(seconds=3.0)))
    for copy in range(2, 5_000):
        run.start(asks(send(seconds=9.0)))
        run.flows.replied(copy, "x")
        assert len(run.flows._timers) <= TIMERS_MIN
    assert run.flows.wake_at == 3.0
    run.flows.step(3.0)
    assert run.ended[-1] == [None], "the one that still waits has kept its time"


def test_many_that_wait_keep_their_times(run: Run) -> None:
    times = [float(number * 367 % 1_009) for number in range(1, 1_009)]  # each once, in no order
    for seconds in times:
        run.start(asks(send(seconds=seconds)))
    for copy in range(1, 1_009, 2):
        run.flows.replied(copy, copy)
    for _ in range(1_500):
        run.start(asks(send(seconds=5_000.0)))
    for seconds in sorted(times[1::2]):
        assert run.flows.wake_at == seconds
        run.flows.step(seconds)
    assert len(run.ended) == 1_008 and len(run.flows) == 1_500


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
