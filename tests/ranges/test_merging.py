"""Rule M3 on the machines of both sides: freeze, absorb, forgo, thaw, and what each of them refuses."""

from typing import Any

import pytest

from node.codec import encode
from node.machine import Answer, Applied, Proposal, Request, StopGroup
from node.messages import Done, Refused
from node.raft.messages import Configuration, Member
from ranges.admin import FindSplitKey, Split
from ranges.keys import TICK, head
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.merging import Absorb, Absorbed, Forgo, Freeze, Frozen, Thaw
from ranges.messages import Intent, NotYet, StaleSpan
from tests.ranges.fakes import FakeView
from tests.ranges.test_machine import NAME, Look, Touch, key, no_settling

THREE = Configuration(4, 9, (Member(1, 10), Member(2, 20), Member(5, 50)))
THERE = Configuration(6, 9, (Member(7, 10), Member(3, 20), Member(4, 50)))  # the same nodes, other replicas
LEFT, RIGHT, MERGE = 3, 8, 5


class Side:
    """The leader and a follower of one side, over rows that both sides share; they must never differ."""

    def __init__(self, group: int, start: bytes, end: bytes, configuration: Configuration, views: Any) -> None:
        self.oracle = 40
        self.leader, self.follower = (
            RangeMachine(group, view, first_mark(start, end, 2), no_settling, self._tick) for view in views
        )
        for each in (self.leader, self.follower):
            each.configuration = configuration
        self.leader.lead(1)
        self.leader.leading.open = True

    def _tick(self) -> Any:
        self.oracle += 1
        return self.oracle * TICK
        yield

    def ask(self, message: Any, span: int = 0, tick: int = 9 * TICK) -> Any:
        """The outcome at the leader's door; an admitted command is applied by both."""
        request = self.request(message, span, tick)
        door = self.leader.admit if message.sort == "command" else self.leader.read
        outcome = door(request, 0.0)
        if type(outcome) is Proposal:
            return self.apply(outcome, request).reply
        assert type(outcome) is Answer, outcome
        return outcome.reply

    def request(self, message: Any, span: int = 0, tick: int = 9 * TICK) -> Request:
        version = span or self.leader.span_version
        return Request(0, 1, self.leader.group, version, encode(message), message, 0.0, tick)

    def propose(self, message: Any, span: int = 0) -> tuple[Proposal, Request]:
        request = self.request(message, span)
        outcome = self.leader.admit(request, 0.0)
        assert type(outcome) is Proposal
        return outcome, request

    def apply(self, proposal: Proposal, request: Request) -> Applied:
        body = proposal.stamp + request.body
        applied, elsewhere = self.leader.apply(body, request), self.follower.apply(body, None)
        assert (applied.reply, applied.effects) == (elsewhere.reply, elsewhere.effects)
        assert self.leader.mark() == self.follower.mark()
        return applied


class Pair:
    """Two neighbours, [a, m) and [m, z), on the same nodes."""

    def __init__(self, left: Configuration = THREE, right: Configuration = THERE) -> None:
        views = (FakeView(), FakeView())
        self.left = Side(LEFT, key("a"), key("m"), left, views)
        self.right = Side(RIGHT, key("m"), key("z"), right, views)

    def freeze(self) -> Frozen:
        frozen = self.right.ask(Freeze(MERGE, LEFT))
        assert type(frozen) is Frozen
        return frozen

    def absorb(self, frozen: Frozen, merge: int = MERGE, configuration: int = THREE.version) -> Absorb:
        return Absorb(merge, frozen.right, frozen.closed, frozen.safe, frozen.size, configuration)


# -- the right side --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", [2, 3, 4])
@pytest.mark.parametrize("message", [Touch(key("n")), Look(key("n")), Split(key("p"), 9), FindSplitKey()])
def test_a_frozen_range_refuses_everything_by_both_doors(message: Any, span: int) -> None:
    pair = Pair()
    pair.freeze()
    assert type(pair.right.ask(message, span)) is (StaleSpan if span == 2 else NotYet)
    assert not pair.right.leader.rows.view.values  # type: ignore[attr-defined]


@pytest.mark.parametrize("message", [Touch(key("n")), Split(key("p"), 9), Absorb(6, None, 0, 0, 0, 0)])  # type: ignore[arg-type]
def test_a_frozen_range_proposes_nothing(message: Any) -> None:
    pair = Pair()
    pair.freeze()
    request = Request(0, 1, RIGHT, 3, b"", message, 0.0, TICK)
    assert pair.right.leader.admit(request, 0.0) == Answer(NotYet())
    assert not pair.right.leader.leading.pending


def test_what_was_proposed_before_the_freeze_is_refused_at_application_and_released() -> None:
    pair = Pair()
    freeze = pair.right.propose(Freeze(MERGE, LEFT))
    late = pair.right.propose(Touch(key("n")))
    assert type(pair.right.apply(*freeze).reply) is Frozen
    assert type(pair.right.apply(*late).reply) is StaleSpan
    assert not pair.right.leader.leading.pending


def test_an_entry_of_the_frozen_span_version_is_refused_at_application_too() -> None:
    pair = Pair()
    pair.freeze()
    thawed = Pair()
    thawed.freeze()
    thawed.right.ask(Thaw(MERGE))
    touch = thawed.right.propose(Touch(key("n")))
    body = touch[0].stamp + touch[1].body
    assert type(pair.right.follower.apply(body, None).reply) is NotYet


def test_a_freeze_wakes_who_waits_for_a_settlement() -> None:
    pair = Pair()
    for each in (pair.right.leader, pair.right.follower):
        each.rows.put_intent(Intent(key("x"), NAME, 1, 1, 1, key("x"), (), True), b"")
    pair.right.leader.read(pair.right.request(Look(key("x"))), 0.0)
    applied = pair.right.apply(*pair.right.propose(Freeze(MERGE, LEFT)))
    assert list(applied.wakes) == [("intent", key("x"), NAME)]


def test_a_freeze_that_comes_twice_is_answered_alike() -> None:
    pair = Pair()
    assert pair.freeze() == pair.freeze()
    assert pair.right.leader.span_version == 3


def test_no_freeze_while_members_change() -> None:
    joint = Configuration(5, 9, THERE.voters[:2], outgoing=THERE.voters)
    learning = Configuration(5, 9, THERE.voters, learners=(Member(8, 80),))
    for configuration in (joint, learning):
        pair = Pair(right=configuration)
        assert type(pair.right.ask(Freeze(MERGE, LEFT))) is Refused
        assert not pair.right.leader.frozen


def test_a_range_freezes_for_one_merge_at_a_time() -> None:
    pair = Pair()
    pair.freeze()
    assert type(pair.right.ask(Freeze(MERGE + 1, LEFT))) is Refused
    assert pair.right.leader.frozen == MERGE


def test_a_thawed_range_serves_again_and_never_freezes_for_that_merge() -> None:
    pair = Pair()
    pair.freeze()
    assert pair.right.ask(Thaw(MERGE)) == Done()
    assert pair.right.ask(Touch(key("n"))) == Done()
    assert type(pair.right.ask(Freeze(MERGE, LEFT))) is Refused
    assert type(pair.right.ask(Look(key("o")))) is Done
    assert type(pair.right.ask(Freeze(MERGE + 1, LEFT))) is Frozen


def test_a_thaw_before_the_freeze_ends_the_merge_too() -> None:
    pair = Pair()
    pair.right.ask(Thaw(MERGE))
    assert type(pair.right.ask(Freeze(MERGE, LEFT))) is Refused
    assert not pair.right.leader.frozen


def test_a_late_thaw_of_an_older_merge_thaws_nothing() -> None:
    pair = Pair()
    pair.right.ask(Freeze(MERGE + 1, LEFT))
    pair.right.ask(Thaw(MERGE))
    assert pair.right.leader.frozen == MERGE + 1


# -- the left side ---------------------------------------------------------------------------------------------------


def test_the_left_takes_over_the_span_and_no_row_moves() -> None:
    pair = Pair()
    pair.left.ask(Touch(key("b")))
    pair.right.ask(Touch(key("n")))
    rows, size = dict(pair.left.leader.rows.view.values), pair.left.leader.size + pair.right.leader.size  # type: ignore[attr-defined]
    outcome = pair.left.propose(pair.absorb(pair.freeze()))
    applied = pair.left.apply(*outcome)
    assert type(applied.reply) is Absorbed
    assert list(applied.effects) == [StopGroup(RIGHT, MERGE)]
    left = pair.left.leader
    assert (left.start, left.end, left.size) == (key("a"), key("z"), size)
    assert applied.reply.left == left.descriptor
    assert left.rows.view.values == rows  # type: ignore[attr-defined]
    assert left.span() == (head(key("a")), head(key("z")))


def test_the_span_version_is_larger_than_that_of_either_side() -> None:
    pair = Pair()
    for at in ("d", "c", "b"):
        pair.left.ask(Split(key(at), 20))
    assert pair.left.leader.span_version == 5
    pair = Pair()
    for at in ("x", "w", "v"):
        pair.right.ask(Split(key(at), 20))
    frozen = pair.freeze()
    assert frozen.right.span_version == 6
    pair.left.ask(pair.absorb(frozen))
    assert pair.left.leader.span_version == 7
    for span in range(1, 7):
        assert type(pair.left.ask(Look(key("n")), span)) is StaleSpan


@pytest.mark.parametrize(("left", "right"), [((4, 2), (7, 5)), ((7, 5), (4, 2)), ((7, 2), (5, 4))])
def test_closed_and_safe_are_the_larger_of_both(left: tuple[int, int], right: tuple[int, int]) -> None:
    pair = Pair()
    for side, (closed, safe) in ((pair.left, left), (pair.right, right)):
        for each in (side.leader, side.follower):
            each.raise_closed(closed)
            each.raise_safe(safe)
    pair.left.ask(pair.absorb(pair.freeze()))
    merged = pair.left.leader
    assert (merged.closed, merged.safe) == (max(left[0], right[0]), max(left[1], right[1]))


def test_the_low_water_mark_is_the_tick_fetched_for_the_merge() -> None:
    """A read that the right's leader served just before it froze is below it, so no write slips under the read."""
    pair = Pair()
    absorb = pair.absorb(pair.freeze())
    assert absorb.wants_tick, "asked for after the copy came, which was sent after the freeze was applied"
    pair.left.ask(absorb, tick=77 * TICK)
    assert pair.left.leader.leading.floor(key("n")) == 77 * TICK
    assert pair.left.leader.leading.choose(key("n"), 1, 1, 0) > 77 * TICK


def test_what_was_routed_to_the_left_before_the_merge_is_refused_at_application() -> None:
    pair = Pair()
    frozen = pair.freeze()
    absorb, touch = pair.left.propose(pair.absorb(frozen)), pair.left.propose(Touch(key("b")))
    pair.left.apply(*absorb)
    assert type(pair.left.apply(*touch).reply) is StaleSpan
    assert not pair.left.leader.leading.pending


def test_a_merge_is_refused_where_anything_has_changed() -> None:
    joint = Configuration(THREE.version, 9, THREE.voters[:2], outgoing=THREE.voters)
    learning = Configuration(THREE.version, 9, THREE.voters, learners=(Member(8, 80),))
    newer = Configuration(THREE.version + 1, 9, THREE.voters)
    elsewhere = Configuration(THREE.version, 9, (*THREE.voters[:2], Member(6, 60)))
    for configuration in (joint, learning, newer, elsewhere):
        pair = Pair(left=configuration)
        reply = pair.left.ask(pair.absorb(pair.freeze()))
        assert type(reply) is Refused, configuration
        assert pair.left.leader.end == key("m")


def test_a_merge_is_refused_when_the_left_was_split_meanwhile() -> None:
    pair = Pair()
    absorb = pair.absorb(pair.freeze())
    pair.left.ask(Split(key("f"), 20))
    reply = pair.left.ask(absorb)
    assert type(reply) is Refused
    assert "neighbours" in reply.why


def test_a_merge_that_was_forgone_never_comes_about() -> None:
    pair = Pair()
    absorb = pair.absorb(pair.freeze())
    late = pair.left.propose(absorb)
    assert pair.left.ask(Forgo(MERGE)) == Done()
    assert type(pair.left.apply(*late).reply) is Refused
    assert type(pair.left.ask(absorb)) is Refused
    assert pair.left.leader.end == key("m")


def test_a_merge_that_has_come_about_is_not_forgone() -> None:
    pair = Pair()
    late = pair.left.propose(Forgo(MERGE))
    pair.left.ask(pair.absorb(pair.freeze()))
    assert type(pair.left.apply(*late).reply) is StaleSpan
    assert type(pair.left.ask(Forgo(MERGE))) is Absorbed
    assert pair.left.leader.end == key("z")


def test_a_merge_that_comes_twice_is_done_once() -> None:
    pair = Pair()
    absorb = pair.absorb(pair.freeze())
    pair.left.ask(absorb)
    pair.left.ask(Split(key("m"), 20))
    assert type(pair.left.ask(absorb)) is Refused
    assert pair.left.leader.end == key("m")


# -- what others ask of a machine --------------------------------------------------------------------------------------


def test_members_stay_from_the_proposal_of_a_freeze_to_a_thaw() -> None:
    pair = Pair()
    right = pair.right.leader
    freeze = pair.right.propose(Freeze(MERGE, LEFT))
    assert right.fixed and not pair.right.follower.fixed
    pair.right.apply(*freeze)
    right.follow()
    assert right.fixed and pair.right.follower.fixed
    right.lead(2)
    right.leading.open = True
    pair.right.ask(Thaw(MERGE))
    assert not right.fixed


def test_members_stay_from_the_proposal_of_a_merge_to_its_application() -> None:
    pair = Pair()
    absorb = pair.left.propose(pair.absorb(pair.freeze()))
    assert pair.left.leader.fixed
    pair.left.apply(*absorb)
    assert not pair.left.leader.fixed


def test_a_mark_keeps_what_became_of_merges() -> None:
    pair = Pair()
    pair.left.ask(pair.absorb(pair.freeze()))
    for side in (pair.left, pair.right):
        one = side.leader
        other = RangeMachine(1, FakeView(), one.mark(), no_settling, side._tick)
        assert (other.frozen, other.heir, other.ended, other.absorbed) == (
            one.frozen, one.heir, one.ended, one.absorbed,
        )  # fmt: skip
    assert (pair.right.leader.frozen, pair.right.leader.heir) == (MERGE, LEFT)
    assert (pair.left.leader.ended, pair.left.leader.absorbed) == (MERGE, MERGE)


def test_a_merged_range_replaces_its_right_side_and_nothing_else() -> None:
    pair = Pair()
    left, right = pair.left.leader, pair.right.leader
    frozen = pair.freeze()
    assert not left.replaces(right) and not right.replaces(left)
    pair.left.ask(pair.absorb(frozen))
    assert left.replaces(right) and not right.replaces(left)
    pair.left.ask(Split(key("m"), 20))
    assert not left.replaces(right), "what lies there now is another's"


def test_a_range_before_a_split_does_not_replace_what_was_split_off() -> None:
    pair = Pair()
    before = pair.left.follower
    mark, _ = pair.left.leader.split(key("f"), 20, THREE)
    right = RangeMachine(20, FakeView(), mark, no_settling, pair.left._tick)
    assert before.start < right.start < before.end
    assert not before.replaces(right)
