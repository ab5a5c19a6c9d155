"""Requests that wait on a leader: reads for a lease or a round, and whoever waits for a token (L4)."""

import pytest

from node import group as group_module
from node.config import GATHER_SECONDS, REQUEST_SECONDS
from node.machine import Answer, Wait
from node.messages import Busy, NotLeader
from node.raft.messages import Append, Change, Heartbeat, HeartbeatReply, Ready, Received, Role, Transfer
from tests.node.grouped import FIRST, GROUP, LEASE_END, STRETCH, Signal, Stage, get, put, runs, until

ELSEWHERE = NotLeader(GROUP, 13, "n13")  # replica 3 leads
NOBODY_KNOWN = NotLeader(GROUP, 0, "")


# -- reads -----------------------------------------------------------------------------------------------------------


def test_a_read_under_a_lease_is_answered_at_once_and_sends_nothing():
    stage = Stage(3, support=True).serve(STRETCH)
    stage.take(get(1))
    assert stage.replies == {1: "read"}, "before the group has cycled"
    stage.settle()
    assert not stage.said


def test_a_lease_that_ends_now_is_none():
    stage = Stage(3, support=True).serve(STRETCH)
    stage.keeper.now = LEASE_END
    stage.take(get(1))
    assert stage.places == {1: "reading"}


def test_reads_without_a_lease_share_a_round_that_begins_after_them():
    stage = Stage(3).serve()
    stage.take(get(1), get(2))
    assert stage.places == {1: "reading", 2: "reading"}
    stage.settle()
    assert stage.places == {1: "rounds", 2: "rounds"}
    assert stage.said == [(2, Heartbeat(2, 2, 1)), (3, Heartbeat(2, 0, 1))]
    stage.ask(get(3))
    stage.hear(2, HeartbeatReply(2, 0))
    assert not stage.replies, "an answer to no round"
    stage.hear(2, HeartbeatReply(2, 1))
    assert stage.replies == {1: "read", 2: "read"}
    assert stage.places == {3: "rounds"}, "its round begins only now"
    stage.hear(3, HeartbeatReply(2, 1))
    assert 3 not in stage.replies
    stage.hear(3, HeartbeatReply(2, 2))
    assert stage.replies[3] == "read"
    assert stage.places == {}


@pytest.mark.parametrize("voters", [1, 3])
def test_l4_a_read_that_must_wait_begins_again_with_a_lease_or_a_round_of_its_own(voters):
    stage = Stage(voters).serve()
    stage.machine.outcomes[1] = [Wait("token")]
    stage.ask(get(1))
    stage.hear(2, HeartbeatReply(2, 1))
    assert stage.places == {1: "parked"}
    stage.group.wake("token")
    stage.settle()
    assert stage.places == ({} if voters == 1 else {1: "rounds"})
    stage.hear(2, HeartbeatReply(2, 2))
    assert stage.replies == {1: "read"}


def test_reads_of_a_round_that_will_never_be_are_told_so():
    stage = Stage(3).serve()
    stage.ask(get(1))
    (token,) = stage.group.rounds
    stage.group._carry_out(Ready(dropped=[token]))
    assert (stage.places, stage.replies) == ({}, {1: NOBODY_KNOWN})


# -- tokens ----------------------------------------------------------------------------------------------------------


def test_one_flow_runs_for_a_token_and_who_waits_begins_again_when_it_ends():
    stage, signal = Stage().serve(), Signal()
    for copy in (1, 2):
        stage.machine.outcomes[copy] = [Wait("token", until(signal))]
    stage.ask(put(1), put(2))
    assert stage.places == {1: "parked", 2: "parked"}
    assert len(stage.seen("start")) == 1
    stage.keeper.set(signal)
    stage.settle()
    assert [copy for _, copy in stage.seen("admit")] == [1, 2, 1, 2]
    assert stage.places == {1: "waiting", 2: "waiting"}
    stage.machine.outcomes[3] = [Wait("token", until(Signal()))]
    stage.ask(put(3))
    assert len(stage.seen("start")) == 2, "the first one has ended"


def test_a_flow_that_ends_at_once_lets_its_request_begin_again_at_once():
    stage, ran = Stage().serve(), []
    stage.machine.outcomes[1] = [Wait("token", runs(ran, 1)), Wait("token", runs(ran, 2))]
    stage.take(put(1))
    assert ran == [1, 2]
    assert stage.places == {1: "proposals"}


def test_tokens_have_flows_and_alarms_of_their_own():
    stage, signal = Stage().serve(), Signal()
    stage.machine.outcomes.update({1: [Wait("one", until(signal), 3.0)], 2: [Wait("two", until(Signal()))]})
    stage.ask(put(1), put(2))
    assert len(stage.seen("start")) == 2
    assert stage.seen("alarm") == [("alarm", "one", 3.0), ("alarm", "two", 10.0)]
    stage.keeper.set(signal)
    stage.settle()
    assert stage.places == {1: "waiting", 2: "parked"}


def test_l4_who_is_woken_begins_again_at_the_first_rule():
    stage = Stage(3).serve()
    stage.machine.outcomes[1] = [Wait("token"), Wait("token"), Answer("no")]
    stage.ask(put(1))
    stage.group.wake("token")
    assert stage.places == {1: "parked"}, "it may have to wait again"
    stage.keeper.state.full = 1.0
    stage.group.wake("token")
    assert stage.replies == {1: Busy()}, "what was in order before may not be any more"
    assert len(stage.seen("admit")) == 2


def test_a_request_that_is_older_than_its_deadline_is_dropped_when_it_is_woken():
    stage = Stage().serve()
    stage.keeper.now = REQUEST_SECONDS + 5.0
    stage.machine.outcomes.update({copy: [Wait("token")] for copy in (1, 2)})
    stage.ask(put(1, since=5.0), put(2, since=4.9))
    stage.group.park(put(3, since=0.0), Wait("token"), "applied")
    stage.group.wake("token")
    stage.settle()
    assert stage.places == {1: "waiting"}
    assert stage.replies == {3: "applied"}, "a reply is given however old its request is"


def test_a_token_for_which_nobody_waits_stirs_nothing():
    stage = Stage().serve()
    stage.group.wake("token")
    assert not stage.keeper.touched


def test_who_is_woken_is_seen_to_before_the_step_ends():
    stage = Stage().serve()
    stage.machine.outcomes[1] = [Wait("token")]
    stage.ask(put(1))
    stage.group.wake("token")
    assert list(stage.keeper.touched) == [stage.group]


def test_a_request_that_is_woken_after_leadership_was_lost_is_told_who_leads():
    stage, signal = Stage(3).serve(), Signal()
    stage.machine.outcomes[1] = [Wait("token", until(signal))]
    stage.ask(put(1))
    stage.keeper.touch(stage.group)
    stage.raft.step(Received(3, Append(3, FIRST, (), 1)))
    assert stage.raft.role is Role.FOLLOWER
    stage.keeper.set(signal)
    assert stage.replies == {1: ELSEWHERE}, "though the machine does not know yet"
    assert not stage.places
    stage.settle()
    assert stage.seen("follow")


def test_a_replica_that_goes_before_it_serves_sends_what_waits_elsewhere():
    stage = Stage(3).elect()
    stage.ask(put(1), get(2))
    assert stage.places == {1: "parked", 2: "parked"}
    stage.group.stop()
    assert set(stage.replies) == {1, 2}
    assert not stage.places
    assert not stage.seen("follow"), "the machine never led"


def test_a_group_lets_only_so_many_requests_wait_and_none_whose_reply_waits_is_turned_away(monkeypatch):
    monkeypatch.setattr(group_module, "PARKED_REQUESTS_MAX", 2)
    stage = Stage().serve()
    for copy in (1, 2, 3):
        stage.group.park(put(copy), Wait("token"))
    stage.group.park(put(4), Wait("token"), "applied")
    assert stage.replies == {3: Busy()}
    stage.group.wake("token")
    stage.group.park(put(5), Wait("token"))
    assert stage.places[5] == "parked"


def test_a_group_knows_since_when_its_commands_are_under_way_and_when_they_were_answered():
    stage = Stage(3).serve()

    def is_awaited(held: int = 0) -> bool:
        company = stage.group.company
        return company is not None and company.is_awaited(
            held, bool(stage.group.waiting), stage.keeper.now, stage.keeper.steps
        )

    assert not is_awaited()
    stage.ask(put(1))
    assert is_awaited()
    stage.keeper.now += GATHER_SECONDS
    assert not is_awaited(), "far replicas are not waited for"
    stage.ask(put(2))
    assert is_awaited()
    stage.sync()
    stage.keeper.now += 0.001
    stage.acknowledge(4)
    assert set(stage.replies) == {1, 2}
    stage.keeper.steps += 1
    assert not is_awaited(), "they shared no entry, so nobody is expected to come again"
    stage.group.stop()
    assert stage.group.company is None


def test_many_who_wait_for_a_token_have_one_alarm_and_begin_again_once():
    stage = Stage().serve()
    stage.machine.outcomes.update({copy: [Wait("token", None, 2.0)] * 3 for copy in range(1, 30)})
    stage.take(*[put(copy) for copy in range(1, 30)])
    assert stage.seen("alarm") == [("alarm", "token", 2.0)]
    stage.keeper.now = 1.0
    stage.group.ring("token")
    assert len(stage.seen("alarm")) == 1, "an alarm of an earlier wait is none of theirs"
    stage.keeper.now = 2.0
    stage.group.ring("token")
    stage.group.ring("token")
    assert len(stage.seen("alarm")) == 2
    assert set(stage.places.values()) == {"parked"}


def test_an_order_is_not_told_why_another_one_before_it_was_refused():
    stage = Stage(3).serve()
    assert stage.raft.order(Transfer(9)) == "replica 9 is no other voter"
    stage.group.change(put(1), Change((11, 12, 13), (14,)))
    assert stage.places == {1: "ordered"}
    assert not stage.replies
