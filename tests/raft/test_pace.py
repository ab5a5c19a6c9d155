"""How often a group tries to find a leader: less often the longer nobody answers, and the more groups try beside it."""

import pytest

from node.raft import messages as m
from node.raft.messages import Role
from tests.raft.lone import hear, kinds, lone, ready
from tests.raft.test_promises import bound


def test_a_candidate_that_nobody_answers_asks_less_and_less_often() -> None:
    """Else ten thousand groups on busy nodes would ask for votes, for ever, faster than votes are given."""
    raft = lone(support=True)
    raft.step(m.Supported(3, 1, 1000.0))
    waits = []
    for _ in range(6):
        raft.step(m.Tick(raft.deadline))
        assert kinds(ready(raft), m.VoteRequest)
        waits.append(raft.deadline - raft.now)
    assert waits == pytest.approx([0.9, 1.8, 3.6, 4.0, 4.0, 4.0])
    raft.step(m.Received(3, m.VoteReply(0, False, pre=True)))
    hear(raft, 2, m.Heartbeat(1, 0, 0))
    raft.step(m.Lapsed(2))
    raft.step(m.Tick(raft.deadline))
    assert raft.role is Role.CANDIDATE and raft.deadline - raft.now == pytest.approx(0.9), "once heard, as at first"


def test_on_a_node_with_many_groups_awake_each_asks_its_leader_less_often() -> None:
    raft = bound()
    raft.support.awake = 5000
    raft.step(m.Tick(raft.deadline))
    assert ready(raft).messages == [(2, m.AskLeader(1))] and raft.deadline == raft.now + 5.0
    control = bound(spread_seconds=0.0)
    control.support.awake = 5000
    control.step(m.Tick(control.deadline))
    assert control.deadline == control.now + 0.3, "group 0 does not wait for the others"


def test_who_waits_for_a_quorum_in_reach_waits_longer_each_time_and_no_longer_than_for_the_grant() -> None:
    raft = lone((1,), term=1, support=True)
    for wait in (0.9, 1.8, 3.6, 4.0):
        assert raft.deadline - raft.now == pytest.approx(wait)
        raft.step(m.Tick(raft.deadline))
        assert raft.ready() is None and raft.role is Role.FOLLOWER
    raft.step(m.Supported(3, 1, 1000.0))
    assert raft.deadline <= raft.now + 0.3
