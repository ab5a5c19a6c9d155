import pytest

from node.flow import HERE
from node.messages import Busy, Done, NoGroup, NotLeader
from ranges.descriptor import Descriptor
from ranges.messages import NotYet, StaleSpan
from ranges.placement.messages import ListNodes, Lookup, Ticks
from ranges.router import MOVED, TRY_SECONDS, Call
from tests.ranges.played import ALL, Played, scripted, whole
from txn.queries import Read

KEY = b"\x10k"
READ = Read((KEY,), 0)


def nodes(played: Played) -> list[int]:
    return [each.node for each in played.sent if type(each.message) is Read]


def ask(*replies, seconds: float = 10.0, descriptors=(), **options) -> tuple[Played, Call]:
    played = Played(scripted(*replies), *descriptors)
    return played, played.run(played.router.call(KEY, READ, seconds, **options))


def test_an_answer_is_definite():
    played, call = ask(Done())
    assert (call.reply, call.open, call.span) == (Done(), 0, 1)
    assert played.directory.leaders[1] == 1, "who answers leads"


def test_a_refusal_that_names_the_leader_is_followed_at_once():
    played, call = ask(NotLeader(1, 3), Done())
    assert (nodes(played), call.open, played.flows.now) == ([1, 3], 0, 0.0)
    assert played.directory.leaders[1] == 3


def test_two_who_name_each_other_are_not_asked_without_a_pause():
    answers = iter(range(10**6))

    def answer(send):
        next(answers)
        return NotLeader(1, 3 - send.node) if type(send.message) is Read else None

    played = Played(answer)
    call = played.run(played.router.call(KEY, READ, 1.0))
    assert (call.reply, call.open) == (None, 0)
    assert len(nodes(played)) < 60


def test_a_silent_leader_costs_one_try_and_its_copy_stays_open():
    played, call = ask(None, NotLeader(1, 3), Done())
    assert nodes(played) == [1, 2, 3]
    assert call.open == 1
    assert TRY_SECONDS <= played.flows.now < TRY_SECONDS + 0.2


def test_a_follower_that_still_believes_in_a_silent_leader_is_not_believed_at_once():
    played, call = ask(None, NotLeader(1, 1), Done())
    assert nodes(played)[0] == 1
    assert nodes(played)[2] != 1
    assert call.reply == Done()


def test_a_leader_that_is_only_slow_gets_longer():
    played, call = ask(None, NotLeader(1, 1), NotLeader(1, 1), NotLeader(1, 1), None, Done(), seconds=20.0)
    assert call.open == 2
    waits = [each.seconds for each in played.sent if each.node == 1 and type(each.message) is Read]
    assert waits == sorted(waits) and waits[0] < waits[-1]


def test_time_is_over_exactly_at_the_deadline():
    played, call = ask(*[None] * 20, seconds=3.0)
    assert call.reply is None and call.open == len(nodes(played)) >= 2
    assert played.flows.now == pytest.approx(3.0, abs=0.2)


def test_a_split_is_followed_under_the_new_span_version():
    right = whole(2, b"\x10c", b"\xff", span=2)
    played, call = ask(StaleSpan((whole(1, end=b"\x10c", span=2), right)), Done())
    assert [(each.group, each.span) for each in played.sent] == [(1, 1), (2, 2)]
    assert (call.open, call.span) == (0, 2)


def test_a_range_that_was_split_a_thousand_times_is_not_followed_step_by_step():
    def right(group):
        return whole(group, b"\x10a%05d" % group, span=group)

    def answer(send):
        if type(send.message) is not Read:
            return None
        return Done() if send.group == 1000 else StaleSpan((right(send.group), right(send.group + 1)))

    played = Played(answer)
    played.catalog = [right(1000)]
    call = played.run(played.router.call(b"\x10b", READ, 5.0))
    assert call.reply == Done()
    assert len(nodes(played)) < 10


def test_who_must_not_follow_is_told_that_the_range_moved():
    right = whole(2, b"\x10c", b"\xff", span=2)
    played, call = ask(StaleSpan((right,)), follow=False)
    assert (call.reply, call.open, call.span) == (MOVED, 0, 1)
    call = played.run(played.router.call(KEY, READ, 1.0, call=Call(None, 1, 1), follow=False))
    assert (call.reply, call.open, len(nodes(played))) == (MOVED, 1, 1), "seen in the directory, without a copy"


def test_a_call_goes_on_counting():
    played = Played(scripted(None, NotYet(), Done()))
    call = Call(None, 2, 1)
    again = played.run(played.router.call(KEY, READ, 9.0, call=call))
    assert again is call and (call.open, call.reply) == (3, Done())


@pytest.mark.parametrize("refusal", [Busy(), NotYet()])
def test_what_is_busy_or_behind_is_asked_again_a_little_later(refusal):
    played, call = ask(refusal, refusal, Done())
    assert (call.open, nodes(played)) == (0, [1, 1, 1])
    assert 0 < played.flows.now < 0.1


def test_a_stale_lookup_does_not_satisfy_a_question_under_a_newer_span_version():
    asked = []

    def answer(send):
        if type(send.message) is Lookup:
            asked.append(send)
            if len(asked) == 3:
                played.catalog = [whole(span=5)]
            return None
        return Done()

    played = Played(answer)
    call = played.run(played.router.call(KEY, READ, 9.0, above_span=4))
    assert (call.reply, call.span, len(asked)) == (Done(), 5, 3)


def test_a_group_that_left_its_nodes_is_looked_up_again():
    there = Descriptor(1, b"\x01", b"\xff", 1, 2, ALL[2:])

    def answer(send):
        if type(send.message) is Read:
            return Done() if send.node == 3 else NoGroup(1)
        played.catalog = [there]
        return None

    played = Played(answer)
    call = played.run(played.router.call(KEY, READ, 9.0))
    assert (call.reply, call.open, nodes(played)) == (Done(), 0, [1, 3])


def test_a_call_remembers_the_largest_span_version_that_it_sent_under():
    played = Played(scripted(NoGroup(1), Done()), whole(span=2))
    played.catalog = [whole(span=1)]
    call = played.run(played.router.call(KEY, READ, 9.0))
    assert ([each.span for each in played.sent if type(each.message) is Read], call.span) == ([2, 1], 2)


def test_an_order_meant_for_a_group_is_not_followed_elsewhere():
    stale = StaleSpan((whole(span=3),))
    played = Played(scripted(NotLeader(1, 2), stale))
    assert played.run(played.router.call_group(whole(), READ, 5.0)) is stale
    assert nodes(played) == [1, 2]


def test_group_zero_is_found_through_refusals_and_silence():
    replies = [NotLeader(0, 2), None, NotLeader(0, 0), Done()]
    played = Played(lambda send: replies.pop(0))
    assert played.run(played.router.control(ListNodes(), 9.0)) == Done()
    assert [each.node for each in played.sent][:2] == [1, 2]
    assert played.directory.leaders[0] == played.sent[-1].node


def test_who_knows_nobody_asks_any_node():
    played = Played(lambda send: Done())
    played.directory.__init__()
    assert played.run(played.router.control(ListNodes(), 9.0)) == Done()
    assert played.sent[0].node == HERE


def test_who_knows_only_members_that_are_gone_asks_any_node():
    for gone in (None, NotLeader(0, 0)):
        played = Played(lambda send, gone=gone: gone if send.node else NotLeader(0, 3, "n3:1") if gone else Done())
        played.directory.learn_control(((1, "n1:1"),))
        played.run(played.router.control(ListNodes(), 5.0))
        asked = [each.node for each in played.sent]
        assert asked[0] == 1
        assert HERE in asked[:3]


def test_who_is_told_of_a_leader_that_is_gone_asks_another_node():
    """The one at hand names node 1 for ever; it has not heard of today's members either."""

    def answer(send):
        return Done() if send.node == 2 else NotLeader(0, 1, "n1:1") if send.node == HERE else NotLeader(0, 0)

    played = Played(answer)
    played.directory.learn_control(((1, "n1:1"),))
    assert played.run(played.router.control(ListNodes(), 5.0)) == Done()
    assert len(played.sent) < 20


def test_ticks_are_told_and_remembered():
    played = Played(lambda send: None)
    assert played.run(played.router.ticks(3)) == 10 << 16
    assert played.router.told == 10 << 16
    played.router.hear(5)
    assert played.router.told == 10 << 16


def test_a_tick_is_asked_of_the_known_leader_and_of_whoever_leads_now():
    def answer(send):
        return NotLeader(0, 3, "n3:9") if type(send.message) is Ticks and send.node != 3 else None

    played = Played(answer)
    played.directory.lead(0, 2)
    for asked in ([2, 3], [2, 3, 3]):
        assert played.run(played.router.ticks()) is not None
        assert [each.node for each in played.sent] == asked
    assert played.directory.address(3) == "n3:9" and played.flows.now == 0.0


def test_a_silent_oracle_is_given_up_in_time_and_its_leader_not_believed_in():
    played = Played(lambda send: None)
    played._control = lambda message: None
    played.directory.lead(0, 2)
    assert played.run(played.router.ticks(1, 3.0)) is None
    assert [each.node for each in played.sent][:2] == [2, 1]
    assert played.flows.now == pytest.approx(3.0, abs=0.2)


def test_no_tick_in_time_is_none():
    played = Played(lambda send: Busy() if type(send.message) is Ticks else None)
    assert played.run(played.router.ticks(1, 1.0)) is None


def test_items_are_cut_by_range_and_size():
    played = Played(lambda send: None, whole(1, end=b"\x10c"), whole(2, b"\x10c"))
    keys = [b"\x10" + name.encode() for name in "abcdefg"]
    groups = played.run(played.router.group(keys, bytes, len, 4))
    assert groups == [tuple(keys[0:2]), tuple(keys[2:4]), tuple(keys[4:6]), tuple(keys[6:])]
    assert played.run(played.router.group([], bytes, len, 4)) == []
    assert played.run(played.router.group(keys[:2], bytes, len, 1)) == [(keys[0],), (keys[1],)]


def test_ranges_that_nobody_knows_are_looked_up_once():
    played = Played(lambda send: None, whole(1, end=b"\x10c"), whole(2, b"\x10c"))
    played.directory.found.clear()
    played.directory.starts.clear()
    groups = played.run(played.router.group([b"\x10a", b"\x10b", b"\x10z"], bytes, len, 99))
    assert [len(each) for each in groups] == [2, 1]
    assert len(played.sent) == 1


@pytest.mark.parametrize("leader", [0, 2])
def test_replicas_that_only_follow_may_all_be_former_ones(leader):
    """The range has moved to node 3 and elected there; who is left of the old replicas never learns of it."""
    stale = Descriptor(1, b"\x01", b"\xff", 1, 2, ALL[:2])

    def answer(send):
        if type(send.message) is not Read:
            return None
        return Done() if send.node == 3 else NotLeader(1, leader if leader != send.node else 1)

    played = Played(answer, stale)
    played.catalog = [Descriptor(1, b"\x01", b"\xff", 1, 5, ALL[2:])]
    call = played.run(played.router.call(KEY, READ, 5.0))
    assert (call.reply, call.open, nodes(played)[-1]) == (Done(), 0, 3)
    assert len(nodes(played)) <= 8


def test_who_is_told_not_yet_learns_from_group_0_of_a_merge():
    """The right side's last replicas refuse until they end; only group 0 knows who has their keys."""
    merged = whole(7, span=5)

    def answer(send):
        if type(send.message) is Lookup:
            played.catalog = [merged]
        elif type(send.message) is Read:
            return NotYet() if send.group == 1 else Done()
        return None

    played = Played(answer, whole(1, span=4))
    call = played.run(played.router.call(KEY, READ, 9.0))
    assert call.reply == Done()
    assert [each.group for each in played.sent if type(each.message) is Read] == [1, 7]
