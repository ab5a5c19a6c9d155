"""One test for each claim of the Raft paper and thesis, by section."""

import pytest

from node.raft import messages as m
from node.raft.membership import encode_configuration
from node.raft.messages import Configuration, Entry, Member, Position, Role
from tests.raft.lone import apply, elect, hear, kinds, lead, lone, persist, ready


def entry(term: int, body: bytes = b"new") -> Entry:
    return Entry(term, m.Kind.COMMAND, body)


# -- 5.1 terms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.FOLLOWER, Role.CANDIDATE, Role.LEADER])
def test_5_1_a_newer_term_makes_everyone_a_follower(role: Role) -> None:
    raft = lone(term=1)
    if role is Role.LEADER:
        elect(raft)
    elif role is Role.CANDIDATE:
        raft.step(m.Tick(5.0))
    assert raft.role is role
    said = hear(raft, 2, m.Append(9, Position(0, 0), [], 0))
    assert (raft.role, raft.term, raft.leader) == (Role.FOLLOWER, 9, 2)
    assert said.hard is not None and said.hard.term == 9


def test_5_1_an_older_term_is_told_the_newer_one_and_changes_nothing() -> None:
    raft = lone((1, 2), term=3)
    said = hear(raft, 2, m.Append(2, Position(0, 0), [entry(2)], 2))
    assert said.messages == [(2, m.HeartbeatReply(3, 0))]
    assert raft.last == Position(2, 2) and raft.commit == 0
    assert hear(raft, 2, m.VoteRequest(2, Position(9, 9))).messages == [(2, m.VoteReply(3, False))]


# -- 5.2 elections -----------------------------------------------------------------------------------------------


def test_5_2_a_follower_votes_once_a_term_first_come_first_served() -> None:
    raft = lone(term=1)
    assert kinds(hear(raft, 2, m.VoteRequest(2, Position(0, 0))), m.VoteReply) == [(2, m.VoteReply(2, True))]
    assert kinds(hear(raft, 3, m.VoteRequest(2, Position(0, 0))), m.VoteReply) == [(3, m.VoteReply(2, False))]


def test_5_2_the_vote_is_remembered_over_a_restart() -> None:
    raft = lone(term=2, vote=2)
    assert kinds(hear(raft, 3, m.VoteRequest(2, Position(9, 9))), m.VoteReply) == [(3, m.VoteReply(2, False))]
    assert kinds(hear(raft, 2, m.VoteRequest(2, Position(9, 9))), m.VoteReply) == [(2, m.VoteReply(2, True))]


def test_5_2_a_vote_goes_to_disk_with_its_term_in_one_write_also_when_it_is_repeated() -> None:
    raft = lone(term=1)
    for _ in range(2):
        said = hear(raft, 2, m.VoteRequest(2, Position(0, 0)))
        assert said.hard is not None and said.hard[:2] == (2, 2)
        assert said.promises and not said.messages


def test_5_2_the_own_vote_goes_to_disk_before_others_are_asked() -> None:
    raft = lone(term=1, pre_vote=False)
    raft.step(m.Tick(5.0))
    said = ready(raft)
    assert said.hard is not None and said.hard[:2] == (2, 1)
    assert [target for target, _ in said.promises] == [2, 3] and not said.messages


def test_5_2_a_candidate_that_hears_this_terms_leader_follows_it() -> None:
    raft = lone(term=1, pre_vote=False)
    raft.step(m.Tick(5.0))
    assert raft.role is Role.CANDIDATE
    hear(raft, 3, m.Heartbeat(raft.term, 0, 0))
    assert (raft.role, raft.leader) == (Role.FOLLOWER, 3)


def test_5_2_the_election_timer_is_random_and_begins_anew_when_the_leader_is_heard() -> None:
    raft = lone(term=1)
    assert raft.deadline == pytest.approx(0.6 * 1.5)
    raft.step(m.Tick(0.5))
    hear(raft, 2, m.Heartbeat(1, 0, 0))
    assert raft.deadline == pytest.approx(0.5 + 0.6 * 1.5)


def test_5_2_a_leader_sends_heartbeats_to_everyone() -> None:
    raft = lead()
    raft.step(m.Tick(0.1))
    assert [target for target, _ in kinds(ready(raft), m.Heartbeat)] == [2, 3]


# -- 5.3 replication ---------------------------------------------------------------------------------------------


def test_5_3_an_append_that_does_not_fit_on_is_refused() -> None:
    raft = lone((1, 1), term=2)
    said = hear(raft, 2, m.Append(2, Position(2, 2), [entry(2)], 0))
    assert kinds(said, m.AppendReject) == [(2, m.AppendReject(2, 2, Position(2, 1)))]
    assert raft.last == Position(2, 1)


def test_5_3_a_conflicting_entry_and_all_after_it_go() -> None:
    raft = lone((1, 1, 1), term=2)
    said = hear(raft, 2, m.Append(2, Position(1, 1), [entry(2)], 0))
    assert (said.first, list(said.entries)) == (2, [entry(2)])
    assert raft.last == Position(2, 2)


def test_5_3_a_late_short_append_takes_nothing_away() -> None:
    raft = lone((1, 1, 1))
    said = hear(raft, 2, m.Append(1, Position(0, 0), [Entry(1, 0, b"1")], 0))
    assert raft.last == Position(3, 1) and not said.entries


def test_5_3_commitment_needs_a_majority_and_then_everyone_learns_of_it() -> None:
    raft = lead()
    raft.step(m.Propose([b"x"]))
    persist(raft)
    assert raft.commit == 1
    hear(raft, 3, m.AppendReply(1, 2))
    assert raft.commit == 2
    apply(raft, 2)
    raft.step(m.Tick(0.1))
    assert kinds(ready(raft), m.Heartbeat) == [(2, m.Heartbeat(1, 1, 0)), (3, m.Heartbeat(1, 2, 0))]


def test_5_3_a_follower_commits_no_more_than_it_shares_with_the_leader() -> None:
    raft = lone((1, 1, 1))
    hear(raft, 2, m.Append(1, Position(1, 1), [], 3))
    assert raft.commit == 1


# -- 5.4 safety --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "granted"),
    [((2, 2), True), ((3, 2), True), ((1, 2), False), ((9, 1), False), ((1, 3), True)],
)
def test_5_4_1_only_a_log_as_complete_as_the_own_is_voted_for(last: tuple[int, int], granted: bool) -> None:
    raft = lone((1, 2), term=3)
    assert kinds(hear(raft, 2, m.VoteRequest(4, Position(*last))), m.VoteReply)[0][1].granted is granted


def test_5_4_2_an_entry_of_an_older_term_is_not_committed_by_counting() -> None:
    raft = elect(lone((1, 1), term=3))
    hear(raft, 2, m.AppendReply(4, 2))
    assert raft.commit == 0, "a majority holds it, but it is of term 1 (figure 8)"
    hear(raft, 2, m.AppendReply(4, 3))
    assert raft.commit == 3, "with an entry of the own term all before it are committed"


# -- 6 and thesis 4: members -------------------------------------------------------------------------------------


def test_6_both_halves_of_a_joint_configuration_must_agree() -> None:
    joint = Configuration(2, 6, (Member(1, 1), Member(4, 4), Member(5, 5)), (Member(1, 1), Member(2, 2), Member(3, 3)))
    raft = lone(term=1, configuration=joint, pre_vote=False)
    raft.step(m.Tick(5.0))
    hear(raft, 4, m.VoteReply(2, True))
    hear(raft, 5, m.VoteReply(2, True))
    assert raft.role is Role.CANDIDATE, "the new half alone elects nobody"
    hear(raft, 2, m.VoteReply(2, True))
    assert raft.role is Role.LEADER
    persist(raft)
    hear(raft, 2, m.AppendReply(2, 1))
    hear(raft, 3, m.AppendReply(2, 1))
    assert raft.commit == 0, "the old half alone commits nothing"
    hear(raft, 4, m.AppendReply(2, 1))
    assert raft.commit == 1


def test_6_a_configuration_is_in_use_when_it_is_appended_and_not_any_more_when_it_is_overwritten() -> None:
    raft = lone((1,), term=1)
    wider = Configuration(2, 5, (*raft.configuration.voters, Member(4, 4)))
    body = m.Kind.CONFIGURATION
    hear(raft, 2, m.Append(1, Position(1, 1), [Entry(1, body, encode_configuration(wider))], 0))
    assert raft.configuration == wider
    hear(raft, 3, m.Append(2, Position(1, 1), [entry(2)], 0))
    assert raft.configuration.version == 1


def test_6_only_voters_of_the_configuration_count() -> None:
    raft = lone(term=1, pre_vote=False)
    raft.step(m.Tick(5.0))
    hear(raft, 9, m.VoteReply(2, True))
    assert raft.role is Role.CANDIDATE


def test_thesis_4_1_no_change_before_an_entry_of_the_own_term_is_committed() -> None:
    raft = elect(lone())
    raft.step(m.Change((1, 2)))
    assert "own term" in str(ready(raft).refused)
    assert raft.configuration.version == 1


def test_thesis_4_1_one_change_at_a_time() -> None:
    raft = lead()
    raft.step(m.Change((1, 2)))
    assert raft.configuration.version == 2
    raft.step(m.Change((1,)))
    assert "not committed yet" in str(ready(raft).refused)


def test_thesis_4_2_2_who_is_left_out_by_an_uncommitted_entry_may_have_to_finish_the_change() -> None:
    raft = lone((1,), term=1, pre_vote=False)
    without = Configuration(2, 4, (Member(2, 2), Member(3, 3)))
    configured = Entry(1, m.Kind.CONFIGURATION, encode_configuration(without))
    hear(raft, 2, m.Append(1, Position(1, 1), [configured], 0))
    persist(raft)
    raft.step(m.Tick(5.0))
    assert raft.role is Role.CANDIDATE
    hear(raft, 2, m.VoteReply(2, True))
    assert raft.role is Role.CANDIDATE, "it does not count itself"
    hear(raft, 3, m.VoteReply(2, True))
    assert raft.role is Role.LEADER
    persist(raft)
    hear(raft, 2, m.AppendReply(2, 3))
    assert raft.commit == 0, "nor for commitment"
    hear(raft, 3, m.AppendReply(2, 3))
    assert raft.commit == 3
    apply(raft, 3)
    assert raft.role is Role.FOLLOWER, "its removal is committed: it goes"
    raft.step(m.Tick(50.0))
    assert raft.role is Role.FOLLOWER and raft.deadline == float("inf")


def test_thesis_4_2_3_a_follower_of_a_living_leader_does_not_help_to_depose_it() -> None:
    raft = lone(term=1)
    hear(raft, 2, m.Heartbeat(1, 0, 0))
    said = hear(raft, 3, m.VoteRequest(7, Position(9, 9)))
    assert raft.term == 1 and not said.promises and not said.messages
    raft.step(m.Tick(0.7))
    assert kinds(hear(raft, 3, m.VoteRequest(7, Position(9, 9))), m.VoteReply) == [(3, m.VoteReply(7, True))]


def test_thesis_4_2_3_also_a_leader_is_not_deposed_while_it_hears_a_quorum() -> None:
    raft = lead()
    hear(raft, 3, m.VoteRequest(7, Position(9, 9)))
    assert (raft.role, raft.term) == (Role.LEADER, 1)


# -- thesis 3.10, 6.4, 9.6, 10.2.1 -------------------------------------------------------------------------------


def test_thesis_3_10_a_transfer_lets_the_target_catch_up_first() -> None:
    raft = lead()
    raft.step(m.Propose([b"x"]))
    persist(raft)
    raft.step(m.Transfer(2))
    assert not kinds(ready(raft), m.TimeoutNow) and not raft.accepts_proposals
    assert kinds(hear(raft, 2, m.AppendReply(1, 2)), m.TimeoutNow) == [(2, m.TimeoutNow(1))]


def test_thesis_3_10_a_transfer_that_does_not_end_is_given_up() -> None:
    raft = lead()
    raft.step(m.Transfer(2))
    for tick in range(1, 12):
        raft.step(m.Tick(tick / 10))
        hear(raft, 3, m.HeartbeatReply(1, 0))
    assert raft.role is Role.LEADER and raft.accepts_proposals
    raft.step(m.Transfer(2))
    assert kinds(ready(raft), m.TimeoutNow) == [(2, m.TimeoutNow(1))], "and may be asked for again"


def test_thesis_3_10_who_is_told_campaigns_at_once_and_others_vote_although_their_leader_lives() -> None:
    raft = lone(term=1)
    hear(raft, 2, m.Heartbeat(1, 0, 0))
    asked = kinds(hear(raft, 2, m.TimeoutNow(1)), m.VoteRequest)
    assert asked == [(each, m.VoteRequest(2, Position(0, 0), forced=True)) for each in (2, 3)]
    other = lone(term=1, replica=3)
    hear(other, 2, m.Heartbeat(1, 0, 0))
    assert kinds(hear(other, 1, asked[1][1]), m.VoteReply) == [(1, m.VoteReply(2, True))]


def test_thesis_6_4_a_new_leader_answers_no_round_before_an_own_entry_is_committed() -> None:
    raft = elect(lone((1, 1)))
    raft.step(m.ReadRound(7))
    hear(raft, 2, m.HeartbeatReply(2, 5))
    assert not kinds(ready(raft), m.Heartbeat)
    hear(raft, 2, m.AppendReply(2, 3))
    apply(raft, 3)
    assert hear(raft, 2, m.HeartbeatReply(2, 1)).rounds == [(7, 3)]


def test_thesis_6_4_a_round_needs_a_quorum_that_answers_it_or_a_later_one() -> None:
    raft = lead()
    raft.step(m.ReadRound(7))
    raft.step(m.ReadRound(8))
    assert kinds(ready(raft), m.Heartbeat) == [(each, m.Heartbeat(1, 1, 1)) for each in (2, 3)]
    raft.step(m.ReadRound(9))
    assert not ready(raft).messages, "one round at a time"
    assert not hear(raft, 2, m.HeartbeatReply(1, 0)).rounds, "an older round's answer"
    said = hear(raft, 2, m.HeartbeatReply(1, 1))
    assert said.rounds == [(7, 1), (8, 1)]
    assert kinds(said, m.Heartbeat) == [(each, m.Heartbeat(1, 1, 2)) for each in (2, 3)]
    assert not hear(raft, 3, m.HeartbeatReply(1, 1)).rounds
    assert hear(raft, 3, m.HeartbeatReply(1, 2)).rounds == [(9, 1)]


def test_thesis_6_4_a_round_is_handed_out_when_its_index_is_applied() -> None:
    raft = lead()
    raft.step(m.Propose([b"x"]))
    persist(raft)
    hear(raft, 2, m.AppendReply(1, 2))
    raft.step(m.ReadRound(7))
    ready(raft)
    assert not hear(raft, 2, m.HeartbeatReply(1, 1)).rounds
    raft.step(m.AppliedTo(2))
    assert ready(raft).rounds == [(7, 2)]


def test_thesis_6_4_a_deposed_leader_drops_its_reads() -> None:
    raft = lead()
    raft.step(m.ReadRound(7))
    ready(raft)
    raft.step(m.ReadRound(8))
    assert hear(raft, 2, m.Append(5, Position(0, 0), [], 0)).dropped == [7, 8]
    raft.step(m.ReadRound(9))
    assert ready(raft).dropped == [9]


def test_thesis_9_6_a_pre_vote_changes_nothing() -> None:
    raft = lone((1,), term=1)
    said = hear(raft, 2, m.VoteRequest(2, Position(1, 1), pre=True))
    assert said.messages == [(2, m.VoteReply(2, True, pre=True))]
    assert (raft.term, raft.vote, said.hard) == (1, 0, None)


def test_thesis_9_6_a_replica_that_cannot_win_does_not_raise_its_term() -> None:
    raft = lone((1,), term=1)
    raft.step(m.Tick(5.0))
    assert (raft.role, raft.term) == (Role.CANDIDATE, 1)
    hear(raft, 2, m.VoteReply(1, False, pre=True))
    hear(raft, 3, m.VoteReply(1, False, pre=True))
    assert (raft.role, raft.term) == (Role.FOLLOWER, 1)


def test_thesis_10_2_1_appends_leave_before_the_leaders_own_disk_has_written() -> None:
    raft = lead()
    raft.step(m.Propose([b"x", b"y"]))
    said = ready(raft)
    assert [target for target, _ in said.messages] == [2, 3] and said.first == 2 and len(said.entries) == 2
    assert said.messages[0][1] is said.messages[1][1], "and are one message, encoded once"
    hear(raft, 2, m.AppendReply(1, 3))
    assert raft.commit == 1, "the leader counts itself only when its disk has answered"
    persist(raft)
    assert raft.commit == 3


def test_thesis_10_2_1_a_refusal_skips_whole_terms() -> None:
    raft = elect(lone((1, 1, 1, 5, 5, 5), term=6))
    hear(raft, 2, m.AppendReject(7, 6, Position(5, 2)))
    said = hear(raft, 3, m.AppendReject(7, 6, Position(2, 1)))
    assert [raft.status().progress[place].next for place in (0, 1)] == [4, 3]
    assert [(target, each.base) for target, each in kinds(said, m.Append)] == [(3, Position(2, 1))]
