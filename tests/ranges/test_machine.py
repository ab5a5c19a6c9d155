"""The range machine around its commands: gates, opening, stamps, memory, splits, marks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from node.codec import encode, message
from node.flow import Flow, Sleep
from node.machine import Answer, Applied, Proposal, Request, Wait
from node.messages import Done
from node.raft.messages import Configuration, Member
from ranges import sampler
from ranges.descriptor import Descriptor, Replica
from ranges.floors import LeaderMemory
from ranges.keys import TICK, USER, head
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.messages import Intent, NotYet, StaleSpan
from tests.ranges.fakes import FakeView

NAME = b"n" * 16


@message(250)
@dataclass(frozen=True, slots=True)
class Touch(sampler.Keyed):
    """A command of one key that writes a version where the leader chose."""

    key: bytes
    sort: ClassVar[str] = "command"
    wants_tick: ClassVar[bool] = False

    def within(self, start: bytes, end: bytes) -> bool:
        return start <= self.key < end

    def reach(self) -> tuple[bytes, bytes]:
        return self.key, self.key

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Proposal | Answer | Wait:
        commit = machine.leading.choose(self.key, request.tick, request.tick, 0)
        machine.leading.register(self.key, commit)
        return machine.propose(request, commit, (1, 2, 3))

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        assert tuple(commits) == (1, 2, 3) and tick
        machine.rows.put_version(head(self.key), commit, NAME, b"")
        return Applied(Done(), ("a token",))

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        return (self.key,) if memory.release(self.key, commit) else ()


@message(251)
@dataclass(frozen=True, slots=True)
class Look(sampler.Keyed):
    """A query of one key."""

    key: bytes
    sort: ClassVar[str] = "query"
    wants_tick: ClassVar[bool] = False

    def within(self, start: bytes, end: bytes) -> bool:
        return start <= self.key < end

    def reach(self) -> tuple[bytes, bytes]:
        return self.key, self.key

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        if machine.leading.blocked(self.key, request.tick):
            return machine.wait_applied(self.key)
        intent = machine.rows.intent(self.key)
        return Answer(Done()) if intent is None else machine.wait_settled(intent)


def no_settling(intent: Intent) -> Flow[None]:
    return
    yield


def key(text: str) -> bytes:
    return USER + text.encode()


class Fixture:
    """A machine over [a, z) of group 4, with an oracle that answers what it is told to."""

    def __init__(self) -> None:
        self.view = FakeView()
        self.oracle: list[int | None] = []
        self.machine = RangeMachine(4, self.view, first_mark(key("a"), key("z")), no_settling, self.tick)

    def tick(self) -> Flow[int | None]:
        return self.oracle.pop(0)
        yield

    def open(self) -> "Fixture":
        self.machine.lead(1)
        self.machine.leading.open = True
        return self

    def request(self, body: Touch | Look, span: int = 1, tick: int = 9 * TICK) -> Request:
        return Request(0, 1, 4, span, encode(body), body, 0.0, tick)

    def propose(self, body: Touch, span: int = 1) -> tuple[bytes, Request]:
        request = self.request(body, span)
        outcome = self.machine.admit(request, 0.0)
        assert type(outcome) is Proposal
        return outcome.stamp + request.body, request


def test_a_range_that_is_watched_finds_the_middle_of_what_both_doors_are_asked_for() -> None:
    one = Fixture().open()
    machine = one.machine

    def ask(requests: int) -> None:
        for place in range(requests):
            name = "b" if place % 4 == 0 else f"m{place % 7}"
            if place % 3:
                one.propose(Touch(key(name)))
            else:
                machine.read(one.request(Look(key(name))), 0.0)

    ask(100)
    assert machine.asked == 100
    assert machine.sample_load_key(10.0) == (False, None), "what came before it was watched does not count"
    assert machine.sample_load_key(20.0) == (True, None)
    assert machine.sample_load_key(20.0) == (False, None)
    ask(1000)
    done, middle = machine.sample_load_key(30.0)
    assert done
    assert middle in (key("m2"), key("m3")), "a quarter is below m0, and each of seven keys has as much of the rest"
    machine.sample_load_key(30.0)
    machine.follow()
    machine.lead(2)
    assert machine.sample_load_key(40.0) == (False, None), "another leadership begins anew"


def test_a_mark_holds_all_that_is_not_rows() -> None:
    one = Fixture().machine
    one.raise_closed(7)
    one.raise_safe(5)
    one.rows.size = 1234
    other = RangeMachine(4, FakeView(), one.mark(), no_settling, Fixture().tick)
    assert (other.start, other.end, other.span_version) == (key("a"), key("z"), 1)
    assert (other.closed, other.safe, other.size) == (7, 5, 1234)
    assert other.mark() == one.mark()
    assert other.span() == (head(key("a")), head(key("z")))


def test_a_mark_of_another_length_is_refused() -> None:
    with pytest.raises(AssertionError, match="expected another length"):
        Fixture().machine.restore(first_mark(b"a", b"z") + b"?")


def test_closed_and_safe_never_fall_and_safe_is_closed() -> None:
    machine = Fixture().machine
    machine.raise_safe(5)
    machine.raise_closed(3)
    machine.raise_safe(4)
    assert (machine.closed, machine.safe) == (5, 5)


# -- M1 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [Touch(key("b")), Look(key("b"))])
def test_another_span_version_is_answered_by_both_doors(body: Touch | Look) -> None:
    machine = Fixture().open().machine
    machine.configuration = Configuration(3, 9, (Member(2, 7), Member(1, 5)), learners=(Member(4, 6),))
    door = machine.admit if body.sort == "command" else machine.read
    replicas = (Replica(5, 1, True), Replica(7, 2, True), Replica(6, 4, False))
    stale = StaleSpan((Descriptor(4, key("a"), key("z"), 1, 3, replicas),))
    assert door(Fixture().request(body, span=0), 0.0) == Answer(stale)
    assert door(Fixture().request(body, span=2), 0.0) == Answer(NotYet())


@pytest.mark.parametrize("text", ["A", "z"])
def test_keys_elsewhere_are_answered_with_the_descriptor(text: str) -> None:
    machine = Fixture().open().machine
    for body in (Touch(key(text)), Look(key(text))):
        outcome = (machine.admit if body.sort == "command" else machine.read)(Fixture().request(body), 0.0)
        assert type(outcome) is Answer and type(outcome.reply) is StaleSpan


def test_what_a_split_overtakes_is_refused_at_application_and_released() -> None:
    fixture = Fixture().open()
    machine = fixture.machine
    near, far = fixture.propose(Touch(key("b"))), fixture.propose(Touch(key("n")))
    assert type(machine.read(fixture.request(Look(key("n"))), 0.0)) is Wait
    machine.split(key("m"), 5, machine.configuration)
    applied = [machine.apply(*each) for each in (near, far)]
    assert [type(each.reply) for each in applied] == [StaleSpan, StaleSpan]
    assert [list(each.wakes) for each in applied] == [[], [("key", key("n"))]]
    assert not machine.leading.pending and not fixture.view.values


# -- L2 ------------------------------------------------------------------------------------------------------------


def test_a_new_leader_reads_at_once_and_writes_when_it_has_its_tick() -> None:
    fixture = Fixture()
    machine = fixture.machine
    machine.lead(1)
    assert machine.read(fixture.request(Look(key("b"))), 0.0) == Answer(Done())
    outcome = machine.admit(fixture.request(Touch(key("b"))), 0.0)
    assert type(outcome) is Wait and outcome.token == ("open", 4)
    fixture.oracle = [None, 12 * TICK]
    (duty,) = machine.duties(0.0)
    assert not machine.duties(0.0), "a duty is handed out once"
    assert type(next(duty)) is Sleep and not machine.leading.open
    assert next(duty, "done") == "done" and machine.leading.open
    assert machine.leading.floor(key("b")) == 12 * TICK
    # The flow behind a waiting write finds that it is done.
    assert outcome.flow is not None and next(outcome.flow, "done") == "done"


def test_a_tick_that_comes_after_another_election_opens_nothing() -> None:
    fixture = Fixture()
    fixture.machine.lead(1)
    fixture.oracle = [None, 12 * TICK]
    (duty,) = fixture.machine.duties(0.0)
    next(duty)
    fixture.machine.follow()
    fixture.machine.lead(2)
    assert next(duty, "done") == "done"
    assert not fixture.machine.leading.open and fixture.oracle == [12 * TICK], "nor is another one asked for"


def test_who_does_not_lead_has_no_memory() -> None:
    fixture = Fixture().open()
    fixture.machine.follow()
    assert fixture.machine.memory is None and not fixture.machine.duties(0.0)
    with pytest.raises(AssertionError, match="does not lead"):
        fixture.machine.admit(fixture.request(Touch(key("b"))), 0.0)


# -- application ---------------------------------------------------------------------------------------------------


def test_leader_and_follower_do_the_same_with_an_entry() -> None:
    leader, follower = Fixture().open(), Fixture()
    body, request = leader.propose(Touch(key("b")))
    led, followed = leader.machine.apply(body, request), follower.machine.apply(body, None)
    assert led == followed
    assert leader.view.values == follower.view.values and leader.machine.mark() == follower.machine.mark()


def test_wakes_of_a_release_come_after_those_of_the_command() -> None:
    fixture = Fixture().open()
    entry = fixture.propose(Touch(key("b")))
    wait = fixture.machine.read(fixture.request(Look(key("b"))), 0.0)
    assert type(wait) is Wait and wait.flow is None
    assert list(fixture.machine.apply(*entry).wakes) == ["a token", wait.token]


def test_an_intents_token_is_woken_where_somebody_waits_and_only_there() -> None:
    fixture = Fixture().open()
    machine = fixture.machine
    machine.rows.put_intent(Intent(key("b"), NAME, 1, 1, 1, key("b"), (), True), b"")
    assert machine.settled(key("b"), NAME) == machine.decided(NAME), "who waits for the verdict is not in the table"
    wait = machine.read(fixture.request(Look(key("b"))), 0.0)
    assert type(wait) is Wait and wait.flow is not None
    decided = machine.wait_decided(NAME, 1.0).token
    assert machine.settled(key("b"), NAME) == (wait.token, decided), (
        "it may be the primary's: its version says the fate"
    )
    assert machine.settled(key("b"), NAME) == (decided,)
    machine.follow()
    assert machine.settled(key("b"), NAME) == machine.decided(NAME) == ()


# -- splits --------------------------------------------------------------------------------------------------------


def test_a_split_moves_the_end_and_no_row() -> None:
    fixture = Fixture()
    machine = fixture.machine
    for text in "bcnx":
        machine.rows.put_version(head(key(text)), TICK, NAME, b"value")
    machine.raise_closed(3)
    machine.raise_safe(2)
    rows, size = dict(fixture.view.values), machine.size
    configuration = Configuration(1, 3, (Member(1, 5),))
    mark, wakes = machine.split(key("m"), 5, configuration)
    right = RangeMachine(5, fixture.view, mark, no_settling, fixture.tick)
    assert (machine.start, machine.end, machine.span_version) == (key("a"), key("m"), 2)
    assert (right.start, right.end, right.span_version) == (key("m"), key("z"), 2)
    assert (right.closed, right.safe) == (machine.closed, machine.safe) == (3, 2)
    assert machine.size + right.size == size and fixture.view.values == rows and list(wakes) == []
    beside = Descriptor(5, key("m"), key("z"), 2, 1, (Replica(5, 1, True),))
    assert machine.refusal(1) == StaleSpan((machine.descriptor, beside))


def test_a_split_wakes_who_waits_for_a_settlement() -> None:
    fixture = Fixture().open()
    for text in "xb":
        fixture.machine.rows.put_intent(Intent(key(text), NAME, 1, 1, 1, key(text), (), True), b"")
        fixture.machine.read(fixture.request(Look(key(text))), 0.0)
    _, wakes = fixture.machine.split(key("m"), 5, fixture.machine.configuration)
    assert list(wakes) == [("intent", key("b"), NAME), ("intent", key("x"), NAME)]
    assert not fixture.machine.leading.parked


@pytest.mark.parametrize("text", ["a", "z", "A"])
def test_a_split_outside_is_impossible(text: str) -> None:
    with pytest.raises(AssertionError, match="does not lie inside"):
        Fixture().machine.split(key(text), 5, Configuration(0, 1, ()))


def test_the_sampler_finds_the_middle_in_steps_of_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "SAMPLE_VISITS_MAX", 10)
    machine = Fixture().machine
    for number in range(100):
        machine.rows.put_version(head(key(f"k{number:02}")), TICK, NAME, b"v" * (1 if number < 90 else 81))
    steps = 0
    while (found := machine.sample_split_key()) is None:
        steps += 1
    assert steps == 9 and key("k60") < found < key("k65")
    assert machine.sample_split_key() == found, "a range keeps its middle until it is split"
    machine.split(found, 5, machine.configuration)
    assert machine.sample_split_key() is None, "and then looks anew"


def test_a_range_of_one_key_has_no_middle() -> None:
    machine = Fixture().machine
    assert machine.sample_split_key() is None
    for at in range(1, 50):
        machine.rows.put_version(head(key("a")), at, NAME, b"value")
    assert machine.sample_split_key() is None
    machine.rows.put_version(head(key("b")), 1, NAME, b"value")
    assert machine.sample_split_key() == key("b")


def test_a_descriptor_prints_itself_in_one_line() -> None:
    where = (Replica(5, 1, True), Replica(7, 2, False))
    assert str(Descriptor(4, b"a", b"z", 2, 3, where)) == "g4 [b'a', b'z') v2.3 n5 n7?"
