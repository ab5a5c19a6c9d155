"""Promises, leases and sleep in one replica: one test for each clause of P1 to P7 and Z1 to Z7 that has code here."""

from math import inf

import pytest

from node.raft import messages as m
from node.raft.core import Raft
from node.raft.leases import Support
from node.raft.messages import Position, Role
from tests.raft.lone import THREE, apply, elect, hear, kinds, lone, persist, ready


def bound(terms: tuple[int, ...] = (1,), **settings: float) -> Raft:
    """Replica 1 follows replica 2 in term 1, under a promise to node 2; a quorum is in reach."""
    raft = lone(terms, term=1, support=True, **settings)
    raft.step(m.Tick(1.0))  # P6 is over
    raft.step(m.Promised(2, 5))
    raft.step(m.Supported(3, 1, 100.0))
    hear(raft, 2, m.Heartbeat(1, 0, 0))
    return raft


def leader(acknowledged: tuple[int, ...] = (2, 3)) -> Raft:
    """Replica 1 leads in term 1 with nodes 2 and 3 supporting it until 100 in stretch 1; all is applied."""
    raft = lone(support=True)
    for node in (2, 3):
        raft.step(m.Supported(node, 1, 100.0))
    elect(raft)
    for each in (2, 3):
        raft.step(m.Received(each, m.AppendReply(1, 1, 1 if each in acknowledged else 0)))
    apply(raft, 1)
    ready(raft)
    return raft


# -- P1, P2, P3 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pre", [True, False])
def test_p1_a_bound_replica_votes_for_nobody_else(pre: bool) -> None:
    raft = bound()
    said = hear(raft, 3, m.VoteRequest(7, Position(9, 9), pre=pre))
    assert raft.term == 1 and not said.messages and not said.promises


def test_p3_a_vote_for_the_promised_node_itself_is_allowed() -> None:
    raft = bound()
    assert kinds(hear(raft, 2, m.VoteRequest(2, Position(9, 9))), m.VoteReply) == [(2, m.VoteReply(2, True))]


def test_p1_a_bound_replica_does_not_campaign_but_asks() -> None:
    raft = bound()
    raft.step(m.Tick(5.0))
    assert raft.role is Role.FOLLOWER
    assert ready(raft).messages == [(2, m.AskLeader(1))]
    assert raft.deadline == pytest.approx(5.3)


def test_p1_a_pre_vote_that_is_won_while_bound_leads_to_no_campaign() -> None:
    raft = bound()
    raft.support.promised.clear()
    raft.step(m.Tick(5.0))
    assert raft.pre and raft.role is Role.CANDIDATE
    raft.step(m.Promised(2, 6))
    hear(raft, 3, m.VoteReply(2, True, pre=True))
    assert raft.term == 1


def test_p2_after_a_lapse_nobody_on_that_node_is_followed_until_heard_again() -> None:
    raft = bound()
    raft.step(m.Lapsed(2))
    raft.step(m.Promised(2, 6))
    assert (raft.leader, raft.follow) == (0, None)
    assert kinds(hear(raft, 3, m.VoteRequest(7, Position(9, 9))), m.VoteReply) == [(3, m.VoteReply(7, True))]


def test_p2_acknowledgements_carry_the_stretch_only_while_the_promise_runs() -> None:
    raft = bound()
    assert hear(raft, 2, m.Heartbeat(1, 0, 3)).messages == [(2, m.HeartbeatReply(1, 3, 5))]
    assert hear(raft, 2, m.Append(1, Position(1, 1), [], 0)).promises == [(2, m.AppendReply(1, 1, 5))]
    assert hear(raft, 2, m.Append(1, Position(9, 1), [], 0)).promises == [(2, m.AppendReject(1, 9, Position(1, 1), 5))]
    raft.step(m.Lapsed(2))
    assert hear(raft, 2, m.Heartbeat(1, 0, 4)).messages == [(2, m.HeartbeatReply(1, 4, 0))]


def test_p3_follow_outlives_the_term() -> None:
    raft = bound()
    said = hear(raft, 3, m.VoteRequest(2, Position(0, 0), forced=True))
    assert raft.term == 2 and not kinds(said, m.VoteReply)[0][1].granted, "its log is too short"
    hear(raft, 3, m.VoteRequest(3, Position(9, 9)))
    assert raft.term == 2, "still bound to replica 2"


def test_p3_the_term_of_a_rejection_is_not_heeded_while_bound() -> None:
    raft = bound()
    hear(raft, 3, m.VoteReply(9, False))
    assert (raft.term, raft.leader) == (1, 2)


def test_p3_a_forced_vote_ends_the_follow() -> None:
    raft = bound()
    assert kinds(hear(raft, 3, m.VoteRequest(2, Position(9, 9), forced=True)), m.VoteReply)[0][1].granted
    assert raft.follow is None


# -- P4, P5, P6 --------------------------------------------------------------------------------------------------


def test_p4_a_lease_needs_a_quorum_of_matching_acknowledgements() -> None:
    assert leader((2, 3)).lease_until == 100.0
    assert leader((2,)).lease_until == 100.0, "the own node counts without an end"
    assert leader(()).lease_until == -inf


def test_p4_a_lease_runs_as_long_as_the_longest_quorum() -> None:
    raft = leader()
    raft.step(m.Supported(3, 1, 200.0))
    assert raft.lease_until == 200.0
    raft.step(m.Supported(3, 1, 150.0))
    assert raft.lease_until == 200.0, "a grant that is late takes nothing back (traps 6)"
    raft.step(m.Supported(3, 2, 300.0))
    assert raft.lease_until == 100.0, "a new stretch counts once it is acknowledged"
    hear(raft, 3, m.HeartbeatReply(1, 0, 2))
    assert raft.lease_until == 300.0
    hear(raft, 3, m.HeartbeatReply(1, 0, 1))
    assert raft.lease_until == 300.0, "a late acknowledgement takes nothing back"


def test_p4_no_lease_before_an_own_entry_is_committed() -> None:
    raft = lone((1,), term=1, support=True)
    raft.step(m.Tick(1.0))
    raft.step(m.Supported(2, 1, 100.0))
    elect(raft)
    hear(raft, 2, m.HeartbeatReply(2, 0, 1))
    assert raft.lease_until == -inf
    hear(raft, 2, m.AppendReply(2, 2, 1))
    assert raft.lease_until == 100.0


def test_p5_the_lease_lives_until_timeout_now_leaves_and_not_longer() -> None:
    raft = leader()
    raft.step(m.Propose([b"x"]))
    persist(raft)
    raft.step(m.Transfer(2))
    assert raft.lease_until == 100.0
    assert kinds(hear(raft, 2, m.AppendReply(1, 2, 1)), m.TimeoutNow)
    assert raft.lease_until == -inf


def test_p5_timeout_now_acts_in_its_own_term_alone() -> None:
    raft = bound()
    hear(raft, 3, m.Heartbeat(2, 0, 0))
    hear(raft, 2, m.TimeoutNow(1))
    assert (raft.term, raft.role) == (2, Role.FOLLOWER)


def test_p5_a_retry_is_an_ordinary_request() -> None:
    raft = bound()
    assert kinds(hear(raft, 2, m.TimeoutNow(1)), m.VoteRequest)[0][1].forced
    raft.step(m.Tick(9.0))
    assert not kinds(ready(raft), m.VoteRequest)[0][1].forced


def test_p6_a_restarted_replica_neither_votes_nor_campaigns_for_one_promise() -> None:
    raft = lone((1,), term=1, support=True)
    raft.step(m.Supported(2, 1, 100.0))
    for message in (m.VoteRequest(5, Position(9, 9)), m.VoteRequest(5, Position(9, 9), pre=True), m.TimeoutNow(5)):
        assert not hear(raft, 2, message).promises and raft.term == 1
    raft.deadline = 0.0
    raft.step(m.Tick(0.5))
    assert raft.role is Role.FOLLOWER and raft.deadline > 0.7
    raft.step(m.Tick(2.0))
    assert raft.role is Role.CANDIDATE


# -- Z1 to Z7 ----------------------------------------------------------------------------------------------------


def asleep() -> Raft:
    raft = leader()
    raft.step(m.Tick(0.1))
    raft.step(m.Tick(0.45))
    assert raft.asleep and raft.deadline == inf
    assert ready(raft).messages[-2:] == [(2, m.GoToSleep(1, 1)), (3, m.GoToSleep(1, 1))]
    return raft


def test_z1_a_leader_does_not_sleep_while_somebody_lags_or_has_not_acknowledged() -> None:
    raft = leader(acknowledged=(2,))
    raft.step(m.Tick(0.45))
    assert not raft.asleep
    hear(raft, 3, m.HeartbeatReply(1, 0, 1))
    raft.step(m.Tick(0.6))
    assert raft.asleep


def test_z1_a_follower_on_a_dead_node_does_not_keep_the_group_awake() -> None:
    raft = leader(acknowledged=(2,))
    raft.support.granted[3] = (1, 0.2)
    raft.step(m.Tick(0.45))
    assert raft.asleep and ready(raft).messages == [(2, m.GoToSleep(1, 1))]


@pytest.mark.parametrize(("commit", "sleeps"), [(1, True), (2, False)])
def test_z1_a_follower_sleeps_only_if_it_holds_all(commit: int, sleeps: bool) -> None:
    raft = bound()
    assert hear(raft, 2, m.GoToSleep(1, commit)).messages == [(2, m.HeartbeatReply(1, 0, 5))]
    assert raft.asleep is sleeps


def test_z1_a_follower_without_a_promise_stays_awake_since_no_lapse_would_wake_it() -> None:
    raft = bound()
    raft.step(m.Lapsed(2))
    hear(raft, 2, m.GoToSleep(1, 1))
    assert not raft.asleep and raft.leader == 2


def test_z1_after_a_stop_its_leader_is_not_followed_again_in_that_term() -> None:
    raft = bound()
    hear(raft, 2, m.Stopped(1))
    assert (raft.leader, raft.follow) == (0, None)
    hear(raft, 2, m.Heartbeat(1, 0, 0))
    hear(raft, 2, m.GoToSleep(1, 1))
    assert (raft.leader, raft.follow, raft.asleep) == (0, None, False)
    hear(raft, 2, m.Heartbeat(2, 0, 0))
    assert raft.leader == 2


def test_z2_a_stop_releases_only_a_follow_at_or_below_its_term() -> None:
    raft = bound()
    hear(raft, 2, m.Heartbeat(3, 0, 0))
    hear(raft, 2, m.Stopped(2))
    assert raft.leader == 2
    hear(raft, 3, m.Stopped(3))
    assert raft.leader == 2, "only its own leader's stop"


def test_z4_only_who_leads_in_that_term_says_yes() -> None:
    raft = leader()
    assert kinds(hear(raft, 2, m.AskLeader(1)), m.Heartbeat)
    assert hear(raft, 2, m.AskLeader(0)).messages == [(2, m.Stopped(0))]
    assert not hear(raft, 2, m.AskLeader(7)).messages, "nothing is known of a later term"
    follower = bound()
    assert hear(follower, 3, m.AskLeader(1)).messages == [(3, m.Stopped(1))]


def test_z4_a_request_wakes_a_sleeping_follower_which_asks_at_once() -> None:
    raft = bound()
    hear(raft, 2, m.GoToSleep(1, 1))
    raft.step(m.Wake())
    assert not raft.asleep and ready(raft).messages == [(2, m.AskLeader(1))]


def test_z5_elections_after_a_lapse_are_spread_by_rank() -> None:
    raft = bound()
    hear(raft, 2, m.GoToSleep(1, 1))
    raft.step(m.Lapsed(2))
    assert not raft.asleep and raft.deadline == pytest.approx(1.0 + 0.3 * (0 + 0.5) / 2), "first of those that stay"


def test_z5_a_crowd_of_groups_does_not_campaign_at_once() -> None:
    """3,000 groups lose their leader: at 1,000 campaigns a second each rank has three seconds to itself."""
    raft = bound()
    raft.support.crowd = 3000
    raft.step(m.Lapsed(2))
    assert raft.deadline == pytest.approx(1.0 + 6.0 * (0 + 0.5) / 2)


def test_z5_who_is_asked_for_something_does_not_wait_for_the_crowd() -> None:
    raft = bound()
    raft.support.crowd = 3000
    raft.step(m.Lapsed(2))
    raft.step(m.Wake())
    assert raft.deadline <= 1.0 + 0.3


def test_z5_group_0_waits_for_no_crowd() -> None:
    raft = bound(spread_seconds=0.0)
    raft.support.crowd = 3000
    raft.step(m.Lapsed(2))
    assert raft.deadline == 1.0


def test_z5_nobody_campaigns_without_a_quorum_in_reach() -> None:
    raft = bound()
    raft.step(m.Lapsed(2))
    raft.support.granted.clear()
    raft.step(m.Tick(2.0))
    assert raft.role is Role.FOLLOWER and raft.deadline > 2.0


def test_z6_a_sleeping_leader_that_lacks_support_stops_if_it_does_not_come_back() -> None:
    """It sleeps on meanwhile: ten thousand of them would not have the time to beat and to ask for support."""
    raft = asleep()
    raft.step(m.Tick(101.0))
    assert raft.role is Role.LEADER and raft.deadline == 101.5
    assert raft.ready() is None, "it says nothing"
    raft.step(m.Tick(101.5))
    assert raft.role is Role.FOLLOWER and kinds(ready(raft), m.Stopped)


def test_z6_a_sleeping_leader_whose_support_comes_back_sleeps_on() -> None:
    raft = asleep()
    raft.step(m.Tick(101.0))
    raft.support.grant(2, 1, 120.0)
    raft.step(m.Tick(101.5))
    assert raft.role is Role.LEADER and raft.asleep and raft.deadline == inf and raft.lease_until > 101.5
    assert raft.ready() is None, "nobody needs to hear of it: the stretch goes on"


def test_z7_a_node_that_returns_is_greeted_alone_and_the_group_sleeps_on() -> None:
    raft = asleep()
    raft.step(m.Supported(3, 2, 120.0))
    assert ready(raft).messages == [(3, m.GoToSleep(1, 1))] and raft.asleep


def test_z7_a_node_that_returns_and_lacks_something_wakes_the_group() -> None:
    raft = leader()
    raft.leadership.standing(3).match = 0  # type: ignore[union-attr]
    raft.support.granted[3] = (1, 0.2)
    raft.step(m.Tick(0.45))
    assert raft.asleep
    raft.step(m.Supported(3, 2, 120.0))
    assert not raft.asleep


def test_a_sleeping_leader_wakes_for_work() -> None:
    for work in (m.Propose([b"x"]), m.ReadRound(7), m.Wake(), m.Change((1, 2))):
        raft = asleep()
        raft.step(work)
        ready(raft)
        assert not raft.asleep and raft.deadline < inf, work


def test_cores_of_a_node_may_share_one_table() -> None:
    support = Support()
    settings = lone(support=True).settings
    cores = [
        Raft(1, THREE, m.HardState(0, 0, 0), Position(0, 0), [], 0, settings, lambda: 0.5, 0.0, support)
        for _ in range(2)
    ]
    for raft in cores:
        elect_supported(raft)
    cores[0].step(m.Supported(2, 1, 100.0))
    for raft in cores:
        hear(raft, 2, m.AppendReply(1, 1, 1))
        assert raft.lease_until == 100.0


def elect_supported(raft: Raft) -> None:
    for node in (2, 3):
        raft.support.grant(node, 0, 50.0)
    elect(raft)


def test_who_knows_nothing_yet_hears_no_leader_at_first() -> None:
    """Its split is about to make it whole; an answer would only bring a snapshot."""
    raft = lone(configuration=m.Configuration(0, 1, ()), support=True)
    append = m.Append(1, Position(1, 1), [], 0)
    assert hear(raft, 2, append) == m.Ready() and raft.term == 0
    raft.step(m.Tick(raft.deadline))
    assert [type(each) for _, each in hear(raft, 2, append).promises] == [m.AppendReject]
    assert hear(raft, 2, m.Heartbeat(1, 0, 0)).messages, "and goes on hearing it"
