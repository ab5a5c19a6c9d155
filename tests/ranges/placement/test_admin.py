from typing import Any

import pytest

from node.codec import encode
from node.flow import Flow
from node.machine import Answer, Applied, Proposal, Request
from node.messages import Refused
from node.raft.membership import decode_configuration
from node.raft.messages import Configuration, Member
from ranges.admin import FindSplitKey, Split, SplitDone, SplitKeyIs
from ranges.keys import head, version_tail
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.messages import StaleSpan
from tests.ranges.fakes import FakeView

THREE = Configuration(4, 9, (Member(1, 10), Member(2, 20), Member(5, 50)))


def _tick() -> Flow[int | None]:
    return 1 << 20
    yield


def machine(configuration: Configuration = THREE, *, leads: bool = True) -> RangeMachine:
    def settle(_: Any) -> Flow[None]:
        raise AssertionError("nothing to settle")

    made = RangeMachine(3, FakeView(), first_mark(b"\x01", b"\xff"), settle, _tick)
    made.configuration = configuration
    if leads:
        made.lead(1)
        for flow in made.duties(0.0):
            with pytest.raises(StopIteration):
                flow.send(None)
    return made


def admit(each: RangeMachine, message: Any, span: int = 1) -> Any:
    return each.admit(Request(0, 1, 3, span, encode(message), message, 0.0), 0.0)


def apply(each: RangeMachine, message: Any, span: int = 1) -> Applied:
    stamp = b"".join(number.to_bytes(size) for number, size in ((0, 8), (0, 8), (span, 4), (0, 4)))
    return each.apply(stamp + encode(message), None)


def test_the_left_keeps_its_start_and_the_right_takes_the_rest() -> None:
    each = machine()
    assert type(admit(each, Split(b"\x10m", 7))) is Proposal
    applied = apply(each, Split(b"\x10m", 7))
    assert type(applied.reply) is SplitDone
    left, right = applied.reply.left, applied.reply.right
    assert (left.group, left.start, left.end, left.span_version) == (3, b"\x01", b"\x10m", 2)
    assert (right.group, right.start, right.end, right.span_version) == (7, b"\x10m", b"\xff", 2)
    assert left.replicas == right.replicas
    assert (each.start, each.end, each.span_version) == (b"\x01", b"\x10m", 2)


def test_the_right_begins_with_the_same_members_and_its_own_mark() -> None:
    each = machine()
    (effect,) = apply(each, Split(b"\x10m", 7)).effects
    assert (effect.group, effect.replica) == (7, 0), "each node finds its own replica in the configuration"
    assert decode_configuration(effect.configuration) == THREE
    right = machine(leads=False)
    right.restore(effect.mark)
    assert (right.start, right.end, right.span_version) == (b"\x10m", b"\xff", 2)


def test_leader_and_follower_split_alike() -> None:
    one, other = (apply(machine(leads=leads), Split(b"\x10m", 7)) for leads in (True, False))
    assert (one.reply, one.effects) == (other.reply, other.effects)


def test_a_copy_that_comes_twice_splits_nothing() -> None:
    each = machine()
    apply(each, Split(b"\x10m", 7))
    again = apply(each, Split(b"\x10m", 7))
    assert type(again.reply) is StaleSpan
    assert again.effects == ()
    assert each.span_version == 2


def test_a_key_at_the_edge_or_outside_splits_nothing() -> None:
    for at in (b"\x01", b"\xff"):
        assert type(admit(machine(), Split(at, 7)).reply) is StaleSpan
        assert type(apply(machine(), Split(at, 7)).reply) is StaleSpan


def test_no_split_while_members_change() -> None:
    joint = Configuration(5, 9, THREE.voters[:2], outgoing=THREE.voters)
    learning = Configuration(5, 9, THREE.voters, learners=(Member(8, 80),))
    for configuration in (joint, learning):
        each = machine(configuration)
        outcome = admit(each, Split(b"\x10m", 7))
        assert type(outcome) is Answer
        assert type(outcome.reply) is Refused
        applied = apply(each, Split(b"\x10m", 7))
        assert (type(applied.reply), applied.effects, each.span_version) == (Refused, (), 1)


def test_a_split_at_no_key_or_into_no_group_cannot_be_made() -> None:
    for at, group in ((b"", 7), (b"\x10" + b"k" * 500, 7), (b"\x10m", 0)):
        with pytest.raises(ValueError):
            Split(at, group)


def test_the_key_to_split_at_is_near_the_middle() -> None:
    each = machine()
    for place in range(100):
        each.rows.view.put(head(b"\x10%02d" % place), version_tail(1), b"x" * 100)
        each.rows.size += 100
    request = Request(0, 1, 3, 1, b"", FindSplitKey(), 0.0)
    answers = [each.read(request, 0.0) for _ in range(3)]
    keys = [answer.reply.key for answer in answers if type(answer) is Answer and type(answer.reply) is SplitKeyIs]
    assert keys[-1] is not None
    assert b"\x1040" < keys[-1] < b"\x1060"
