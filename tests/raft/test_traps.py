"""What others shipped: each test fails when its line is broken. One replica alone."""

from math import inf

import pytest

from node.raft import messages as m
from node.raft.core import Raft
from node.raft.membership import NOBODY
from node.raft.messages import Configuration, Entry, Member, Position, Ready, Role
from tests.raft.lone import THREE, apply, elect, hear, kinds, lead, lone, persist, ready

ALONE = Configuration(1, 2, (Member(1, 1),))
MOMENT = 0.001  # past a point of the grid of heartbeats


def entry(term: int, body: bytes = b"new") -> Entry:
    return Entry(term, m.Kind.COMMAND, body)


# -- the own disk ------------------------------------------------------------------------------------------------


def test_a_single_voter_elects_itself_at_its_first_tick_and_commits_after_its_own_disk_write() -> None:
    raft = lone(configuration=ALONE)
    raft.step(m.Tick(0.0))
    assert raft.role is Role.LEADER
    said = ready(raft)
    assert said.hard is not None and len(said.entries) == 1 and raft.commit == 0
    raft.step(m.Persisted(1, 1))
    assert raft.commit == 1 and raft.deadline == inf, "and nothing is to be waited for"
    assert raft.lease_until == inf, "nobody else could lead"


def test_a_single_voter_shows_nobody_a_term_that_its_disk_may_forget() -> None:
    raft = lone(configuration=Configuration(1, 3, (Member(1, 1),), (), (Member(2, 2),)))
    raft.step(m.Tick(0.0))
    assert not ready(raft).messages
    raft.step(m.Tick(0.2))
    assert not ready(raft).messages, "no heartbeat either"
    raft.step(m.Persisted(1, 1))
    assert [type(each) for _, each in ready(raft).messages] == [m.Append]


def test_committed_entries_are_handed_out_when_they_are_durable_here() -> None:
    raft = lone()
    said = hear(raft, 2, m.Append(1, Position(0, 0), [entry(1)], 1))
    assert raft.commit == 1 and not said.committed
    raft.step(m.Persisted(1, 1))
    said = ready(raft)
    assert (said.commit_first, list(said.committed)) == (1, [entry(1)])
    assert raft.ready() is None, "each exactly once"


def test_an_entry_on_its_way_to_disk_is_acknowledged_once_it_is_there() -> None:
    raft = lone()
    append = m.Append(1, Position(0, 0), [entry(1)], 0)
    assert hear(raft, 2, append).promises == [(2, m.AppendReply(1, 1))], "behind its disk write"
    assert hear(raft, 2, append).promises == [(2, m.AppendReply(1, 0))], "with nothing to wait for"


def test_a_restart_hands_out_what_is_committed_and_not_applied() -> None:
    raft = lone((1, 1, 1))
    hear(raft, 2, m.Heartbeat(1, 2, 0))
    assert raft.commit == 2
    hard = m.HardState(1, 0, 2)
    again = Raft(1, THREE, hard, Position(0, 0), raft.log.entries, 1, raft.settings, lambda: 0.5, 0.0)
    said = ready(again)
    assert said.commit_first == 2 and [each.body for each in said.committed] == [b"2"]


def test_a_leader_whose_disk_stalls_stops() -> None:
    raft = lead(disk_stall_seconds=0.5)
    raft.step(m.Propose([b"x"]))
    for tick in range(1, 20):
        raft.step(m.Tick(tick / 10 + MOMENT))
        for each in (2, 3):
            raft.step(m.Received(each, m.HeartbeatReply(1, 0)))
        said = ready(raft)
        if raft.role is not Role.LEADER:
            break
    assert raft.role is Role.FOLLOWER and 0.5 <= tick / 10 <= 0.8
    assert kinds(said, m.Stopped) == [(2, m.Stopped(1)), (3, m.Stopped(1))]


# -- check-quorum, rounds, votes ---------------------------------------------------------------------------------


def test_a_leader_that_no_quorum_answers_stops_but_a_pause_of_its_own_is_not_silence() -> None:
    raft = lead()
    raft.step(m.Tick(60.0))
    assert raft.role is Role.LEADER
    for tick in range(1, 8):
        raft.step(m.Tick(60.0 + tick / 10 + MOMENT))
    assert raft.role is Role.FOLLOWER


def test_one_follower_that_answers_is_a_quorum_of_three() -> None:
    raft = lead()
    for tick in range(1, 30):
        raft.step(m.Tick(tick / 10))
        raft.step(m.Received(3, m.HeartbeatReply(1, 0)))
    assert raft.role is Role.LEADER


def test_the_term_of_a_pre_votes_rejection_is_heeded() -> None:
    raft = lone(term=1)
    raft.step(m.Tick(5.0))
    hear(raft, 2, m.VoteReply(6, False, pre=True))
    assert (raft.role, raft.term) == (Role.FOLLOWER, 6)


def test_a_pre_vote_is_refused_with_the_own_term_while_the_leader_lives() -> None:
    raft = lone(term=3)
    hear(raft, 2, m.Heartbeat(3, 0, 0))
    said = hear(raft, 3, m.VoteRequest(3, Position(0, 0), pre=True))
    assert said.messages == [(3, m.VoteReply(3, False, pre=True))]


def test_the_heartbeats_of_all_groups_of_a_node_leave_together() -> None:
    raft, other = lone(), lone()
    for each, moment in ((raft, 5.03), (other, 5.07)):
        each.step(m.Tick(moment))
        elect(each)
    assert raft.deadline == other.deadline and 5.07 < raft.deadline < 5.1 + MOMENT
    for beat in range(1, 40):
        moment = raft.deadline
        for each in (raft, other):
            each.step(m.Tick(moment))
            each.step(m.Received(2, m.HeartbeatReply(each.term, 0)))
        assert raft.deadline == other.deadline and abs(raft.deadline - moment - 0.1) < MOMENT, f"after beat {beat}"


def test_a_newcomer_waits_once_for_its_split_however_often_it_votes() -> None:
    raft = lone(configuration=NOBODY)
    until = raft.deadline
    for term in range(1, 9):
        raft.step(m.Tick(term / 10))
        assert kinds(hear(raft, 2, m.VoteRequest(term, Position(0, 0))), m.VoteReply) == [(2, m.VoteReply(term, True))]
        assert not hear(raft, 2, m.Heartbeat(term, 0, 0)).messages
    assert raft.deadline == until
    raft.step(m.Tick(until))
    assert hear(raft, 2, m.Heartbeat(8, 0, 0)).messages == [(2, m.HeartbeatReply(8, 0))]


# -- probes, hints, snapshots ------------------------------------------------------------------------------------


def test_next_stays_above_match_after_a_wrong_hint() -> None:
    raft = lead()
    raft.step(m.Propose([b"x", b"y"]))
    ready(raft)
    said = hear(raft, 2, m.AppendReject(1, 3, Position(0, 0)))
    assert raft.status().progress[0].next == 2
    assert kinds(said, m.Append)[0][1].base == Position(1, 1)
    assert not hear(raft, 2, m.AppendReject(1, 1, Position(0, 0))).messages, "at or below match it is old"


def test_a_lost_append_is_found_by_the_heartbeats_and_sent_again() -> None:
    raft = lead()
    raft.step(m.Propose([b"x"]))
    ready(raft)
    hear(raft, 2, m.HeartbeatReply(1, 0))
    said = hear(raft, 2, m.HeartbeatReply(1, 0))
    assert kinds(said, m.Append) == [(2, m.Append(1, Position(2, 1), [], 1))]
    said = hear(raft, 2, m.AppendReject(1, 2, Position(1, 1)))
    assert [each.body for each in kinds(said, m.Append)[0][1].entries] == [b"x"]


def test_the_pipeline_has_a_limit_and_goes_on_with_each_answer() -> None:
    raft = lead(in_flight_appends_max=2, entries_per_append_max=1)
    raft.step(m.Propose([b"a", b"b", b"c", b"d"]))
    assert len([each for each in ready(raft).messages if each[0] == 2]) == 2
    hear(raft, 2, m.AppendReply(1, 2))
    assert raft.status().progress[0].in_flight == 2 and raft.status().progress[0].next == 5


def behind() -> tuple[Raft, Ready]:
    """A leader that has compacted what replica 2 lacks, and what it said when it learned of it."""
    raft = lead()
    raft.step(m.Propose([b"x", b"y"]))
    persist(raft)
    hear(raft, 3, m.AppendReply(1, 3))
    apply(raft, 3)
    raft.step(m.Compact(3))
    return raft, hear(raft, 2, m.AppendReject(1, 3, Position(1, 1)))


def test_a_follower_behind_the_log_gets_one_snapshot_at_a_time() -> None:
    raft, said = behind()
    assert said.snapshots == [2]
    for late in (m.AppendReply(1, 1), m.AppendReject(1, 3, Position(0, 0)), m.HeartbeatReply(1, 0)):
        assert not hear(raft, 2, late).snapshots


def test_after_its_rows_a_follower_is_offered_the_snapshot_and_then_streamed_to() -> None:
    raft, _ = behind()
    raft.step(m.SnapshotSent(2, Position(3, 1)))
    assert ready(raft).messages == [(2, m.SnapshotOffer(1, Position(3, 1), THREE))]
    raft.step(m.Propose([b"z"]))
    assert [target for target, _ in ready(raft).messages] == [3]
    said = hear(raft, 2, m.AppendReply(1, 3))
    assert kinds(said, m.Append)[0][1].base == Position(3, 1)


def test_a_snapshot_that_failed_is_tried_again_after_the_next_heartbeat() -> None:
    raft, _ = behind()
    raft.step(m.SnapshotSent(2, None))
    assert not ready(raft).snapshots
    assert hear(raft, 2, m.HeartbeatReply(1, 0)).snapshots == [2]


def test_a_silent_stream_whose_next_entry_was_compacted_gets_a_snapshot() -> None:
    raft = lead(in_flight_appends_max=1, entries_per_append_max=1)
    raft.step(m.Propose([b"x", b"y", b"z"]))
    persist(raft)
    for index in (2, 3, 4):
        hear(raft, 3, m.AppendReply(1, index))
    apply(raft, 4)
    raft.step(m.Compact(4))
    assert raft.status().progress[0].next == 3
    hear(raft, 2, m.HeartbeatReply(1, 0))
    assert hear(raft, 2, m.HeartbeatReply(1, 0)).snapshots == [2]


OFFERED = Configuration(7, 9, (Member(1, 1), Member(2, 2), Member(8, 8)))


def offered() -> Raft:
    raft = lone((1, 1), term=1)
    hear(raft, 2, m.Heartbeat(1, 1, 0))
    raft.step(m.AppliedTo(1))
    said = hear(raft, 2, m.SnapshotOffer(3, Position(9, 2), OFFERED))
    assert said.restore is not None and said.restore.base == Position(9, 2)
    return raft


def test_while_a_snapshot_is_restored_no_second_one_begins_and_nothing_is_applied_or_appended() -> None:
    raft = offered()
    assert hear(raft, 2, m.SnapshotOffer(3, Position(12, 3), OFFERED)).restore is None
    said = hear(raft, 2, m.Heartbeat(3, 2, 5))
    assert said.messages == [(2, m.HeartbeatReply(3, 5))] and not said.committed
    assert not hear(raft, 2, m.Append(3, Position(2, 1), [entry(3)], 3)).promises


def test_what_was_offered_and_not_taken_is_asked_for_again() -> None:
    raft = offered()
    raft.step(m.NotRestored())
    said = hear(raft, 2, m.Append(3, Position(9, 2), [], 9))
    assert [type(message) for _, message in said.promises] == [m.AppendReject], "so the leader sends another one"
    assert hear(raft, 2, m.SnapshotOffer(3, Position(12, 3), OFFERED)).restore is not None


def test_after_a_snapshot_log_and_configuration_are_the_snapshots() -> None:
    raft = offered()
    raft.step(m.Restored(Position(9, 2), OFFERED))
    said = ready(raft)
    assert said.base == Position(9, 2) and said.hard is not None
    assert said.promises == [(2, m.AppendReply(3, 9))]
    assert (raft.configuration, raft.applied, raft.commit, raft.last) == (OFFERED, 9, 9, Position(9, 2))
    assert (raft.since, raft.earlier) == (9, ()), "no older entry's configuration can come back"
    hear(raft, 2, m.Append(3, Position(9, 2), [entry(3)], 10))
    said = persist(raft)
    assert said.commit_first == 10


def test_a_snapshot_of_what_is_here_already_is_only_acknowledged() -> None:
    raft = lone((1, 1, 1))
    said = hear(raft, 2, m.SnapshotOffer(1, Position(2, 1), OFFERED))
    assert said.restore is None and said.promises == [(2, m.AppendReply(1, 2))]
    assert raft.commit == 2 and raft.last == Position(3, 1)


def test_a_replica_that_knows_nothing_takes_what_its_leader_sends() -> None:
    raft = lone(configuration=NOBODY, replica=4)
    raft.step(m.Tick(50.0))
    assert raft.role is Role.FOLLOWER and raft.deadline == inf
    assert hear(raft, 2, m.Append(3, Position(0, 0), [entry(1)], 0)).promises == [(2, m.AppendReply(3, 1))]
    assert hear(raft, 2, m.SnapshotOffer(3, Position(9, 2), OFFERED)).restore is not None


# -- orders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "why"), [(1, "no other voter"), (9, "no other voter")])
def test_leadership_is_handed_only_to_another_voter(target: int, why: str) -> None:
    raft = lead()
    raft.step(m.Transfer(target))
    assert why in str(ready(raft).refused)


def test_who_does_not_lead_refuses_orders() -> None:
    raft = lone()
    for order in (m.Transfer(2), m.Change((1, 2))):
        raft.step(order)
        assert "does not lead" in str(ready(raft).refused)


def test_a_leader_that_hands_over_takes_no_other_order() -> None:
    raft = lead()
    raft.step(m.Transfer(2))
    ready(raft)
    for order in (m.Transfer(3), m.Change((1, 2))):
        raft.step(order)
        assert "handed over" in str(ready(raft).refused)


def test_nobody_is_told_to_campaign_twice() -> None:
    raft = lead()
    raft.step(m.Transfer(2))
    assert kinds(ready(raft), m.TimeoutNow)
    assert not kinds(hear(raft, 2, m.AppendReply(1, 1)), m.TimeoutNow)


def test_a_removed_leader_tells_the_commit_index_and_goes() -> None:
    raft = lead()
    raft.step(m.Change((2, 3)))
    persist(raft)
    hear(raft, 2, m.AppendReply(1, 2))
    assert raft.commit == 1, "it does not count itself"
    hear(raft, 3, m.AppendReply(1, 2))
    assert raft.commit == 2 and raft.role is Role.LEADER
    raft.step(m.AppliedTo(2))
    said = ready(raft)
    assert kinds(said, m.Heartbeat) == [(2, m.Heartbeat(1, 2, 0)), (3, m.Heartbeat(1, 2, 0))]
    assert kinds(said, m.Stopped) and raft.role is Role.FOLLOWER


def test_an_election_may_be_asked_for_where_nobody_leads() -> None:
    raft = lone(pre_vote=False)
    raft.step(m.Campaign())
    assert raft.role is Role.CANDIDATE
    follower = lone(term=1)
    hear(follower, 2, m.Heartbeat(1, 0, 0))
    follower.step(m.Campaign())
    assert follower.role is Role.FOLLOWER


def test_a_leader_counts_nothing_of_an_older_term_or_of_a_stranger() -> None:
    raft = elect(lone((1,), term=1))
    assert not hear(raft, 9, m.AppendReply(2, 2)).committed
    assert not hear(raft, 2, m.AppendReply(1, 2)).committed
    assert raft.commit == 0
