"""What a replica does in a cycle: persist, send, apply, seal; orders; duties; tokens that applying wakes."""

from node.machine import Applied, StartGroup, Wait
from node.mark import encode_mark
from node.messages import Busy, Done, NotLeader, Refused
from node.raft.membership import encode_configuration
from node.raft.messages import (
    Append,
    AppendReject,
    AppendReply,
    Change,
    Compact,
    Configuration,
    Entry,
    HeartbeatReply,
    Kind,
    Member,
    Position,
    Restored,
    SnapshotOffer,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from tests.node.grouped import FIRST, GROUP, Signal, Stage, get, put, runs, until

NOBODY_KNOWN = NotLeader(GROUP, 0, "")
OTHERS = Configuration(2, 4, (Member(2, 12), Member(3, 13)))


def entry(body: bytes, term: int = 3) -> Entry:
    return Entry(term, Kind.COMMAND, body)


def configures(configuration: Configuration) -> Entry:
    return Entry(3, Kind.CONFIGURATION, encode_configuration(configuration))


def follow(stage: Stage, *entries: Entry) -> None:
    """Entries of replica 3, all of them committed, follow on the first; they are durable at once."""
    stage.hear(3, Append(3, FIRST, entries, 1 + len(entries)))
    stage.sync()


def names(stage: Stage) -> list[str]:
    return [each[0] for each in stage.did]


# -- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_to_who_does_not_lead_or_not_yet_serve_is_told_so():
    for stage in (Stage(3), Stage(3).elect()):
        stage.group.change(put(1), Change((11,)))
        assert stage.replies == {1: NOBODY_KNOWN}
        assert stage.raft.configuration == stage.group.configuration
    stage = Stage(3)
    stage.group.transfer(put(1), 12)
    assert stage.replies == {1: NOBODY_KNOWN}


def test_a_change_of_members_is_done_when_it_is_applied():
    stage = Stage().serve()
    stage.group.change(put(1), Change((11,), (12,)))
    assert stage.places == {1: "ordered"}
    assert not stage.seen("alarm"), "it is never told done because time has passed"
    stage.settle()
    assert not stage.replies
    assert stage.group.configuration.version == 1, "in use, and not applied"
    stage.sync()
    assert stage.replies == {1: Done()}
    assert stage.group.configuration == stage.machine.configuration == stage.raft.configuration
    assert stage.group.configuration.version == 2


def test_a_change_through_a_joint_configuration_is_done_when_that_is_left():
    stage = Stage(3).serve()
    stage.group.change(put(1), Change((11, 14, 15)))
    stage.settle()
    stage.sync()
    for replica in (2, 4):
        stage.hear(replica, AppendReply(2, 3))
    assert stage.group.configuration.outgoing, "half of what was ordered is applied"
    assert not stage.replies
    stage.sync()
    stage.hear(4, AppendReply(2, 4))
    assert not stage.group.configuration.outgoing
    assert stage.replies == {1: Done()}


def test_a_change_that_the_core_does_not_take_is_refused_and_nothing_changes():
    stage = Stage().serve()
    stage.group.change(put(1), Change(()))
    stage.settle()
    assert stage.replies == {1: Refused("group 7: a group needs a voter")}
    assert (stage.places, stage.raft.last.index) == ({}, 2)


def test_a_refusal_answers_the_order_that_was_refused_and_no_other():
    stage = Stage(3).serve()
    stage.group.change(put(1), Change((11, 12, 13), (14,)))
    stage.group.change(put(2), Change((11, 12)))
    assert stage.replies == {2: Refused("group 7: an earlier change is not committed yet")}
    stage.group.transfer(put(3), 12)
    stage.group.transfer(put(4), 13)
    assert stage.replies[3] == Done()
    assert stage.replies[4] == Refused("group 7: leadership is being handed over")
    stage.settle()
    assert stage.places == {1: "ordered"}


def test_a_change_is_not_done_when_an_earlier_one_is_applied():
    stage = Stage(3, later=0).serve()
    stage.group.change(put(1), Change((11, 12, 13), (14,)))
    stage.settle()
    stage.sync()
    stage.acknowledge(3)
    assert (stage.raft.commit, stage.raft.applied) == (3, 2), "committed, and not applied yet"
    stage.group.change(put(2), Change((11, 12, 13)))
    stage.settle()
    stage.group.apply()
    assert stage.replies == {1: Done()}
    assert stage.places == {2: "ordered"}


def test_leadership_is_handed_to_the_voter_on_a_node():
    stage = Stage(3).serve()
    stage.group.transfer(put(1), 12)
    assert stage.replies == {1: Done()}
    stage.settle()
    assert stage.said == [(2, TimeoutNow(2))]


def test_leadership_is_handed_to_no_node_without_a_voter():
    stage = Stage(3).serve()
    for copy, node in enumerate((14, 2)):
        stage.group.transfer(put(copy), node)
        assert stage.replies[copy] == Refused(f"node {node} has no voter of group 7")
    stage.settle()
    assert stage.raft.accepts_proposals


def test_leadership_is_not_handed_to_who_has_it_and_nothing_else_is_disturbed():
    stage = Stage().serve()
    stage.group.change(put(1), Change((11,), (12,)))
    stage.group.transfer(put(2), 11)
    stage.settle()
    assert stage.replies == {2: Done()}
    assert stage.raft.accepts_proposals
    stage.sync()
    assert stage.replies[1] == Done()


def test_what_was_admitted_is_proposed_before_leadership_is_handed_over():
    stage = Stage(3).serve()
    stage.take(put(1))
    stage.group.transfer(put(2), 12)
    assert stage.places == {1: "waiting"}
    stage.ask(put(3))
    assert stage.replies == {2: Done(), 3: Busy()}
    stage.sync()
    assert not [each for each in stage.said if type(each[1]) is TimeoutNow], "the target lacks an entry"
    stage.acknowledge(3)
    assert stage.said[-1] == (2, TimeoutNow(2))
    assert stage.replies[1] == b"+x"


# -- the order of a cycle --------------------------------------------------------------------------------------------


def test_what_is_to_be_durable_is_handed_over_before_messages_leave_and_these_before_entries_are_applied():
    stage = Stage(3).serve()
    stage.ask(put(1))
    stage.sync()
    stage.did.clear()
    stage.take(put(2))
    stage.hear(2, AppendReply(2, 3))
    assert names(stage) == ["admit", "persist", "send", "apply", "reply", "seal"]
    change = stage.did[1][1]
    assert (change.first, len(change.entries), tuple(change.hard)) == (4, 1, (2, 1, 3))


def test_promises_go_with_what_they_wait_for():
    stage = Stage(3)
    stage.hear(3, Append(3, FIRST, (entry(b"a"),), 1))
    assert not stage.said, "the acknowledgement leaves when the disk has answered"
    stage.sync()
    assert stage.said == [(3, AppendReply(3, 2))]
    stage.did.clear()
    stage.hear(3, Append(3, FIRST, (entry(b"a"),), 1))
    assert stage.did == [("promise", [(3, AppendReply(3, 2))])], "nothing is new: the holder knows what is on its way"


def test_a_vote_alone_is_persisted_before_it_is_told():
    stage = Stage(3)
    stage.hear(2, VoteRequest(2, FIRST))
    (change,) = [each[1] for each in stage.seen("persist")]
    assert (tuple(change.hard), change.entries) == ((2, 2, 1), ())
    assert not stage.said
    stage.sync()
    assert stage.said == [(2, VoteReply(2, True))]


def test_a_log_that_begins_anew_is_persisted():
    stage = Stage(3)
    stage.hear(3, SnapshotOffer(3, Position(9, 3), OTHERS))
    assert stage.did[-1] == ("take snapshot", SnapshotOffer(3, Position(9, 3), OTHERS))
    stage.keeper.touch(stage.group)
    stage.raft.step(Restored(Position(9, 3), OTHERS))
    stage.settle()
    assert stage.seen("persist")[-1][1].base == (9, 3)


# -- applying --------------------------------------------------------------------------------------------------------


def test_few_entries_are_applied_at_once_and_many_when_the_holder_says():
    stage = Stage(3, later=2)
    follow(stage, entry(b"a"))
    assert stage.seen("apply", "apply soon") == [("apply", b"a", None)]
    stage.hear(3, Append(3, Position(2, 3), (entry(b"b"), entry(b"c")), 4))
    stage.sync()
    assert len(stage.seen("apply soon")) == 1
    assert [first for first, _ in stage.group.backlog] == [3]
    assert (stage.raft.commit, stage.raft.applied) == (4, 2)
    stage.group.apply()
    assert [body for _, body, _ in stage.seen("apply")] == [b"a", b"b", b"c"]
    assert (stage.group.backlog, stage.raft.applied) == ([], 4)
    stage.group.apply()
    assert len(stage.seen("apply")) == 3, "what was applied is not applied again"


def test_entries_that_came_later_are_applied_behind_those_that_wait():
    stage = Stage(3, later=2)
    follow(stage, entry(b"a"), entry(b"b"))
    assert not stage.seen("apply")
    stage.hear(3, Append(3, Position(3, 3), (entry(b"c"),), 4))
    stage.sync()
    assert [body for _, body, _ in stage.seen("apply")] == [b"a", b"b", b"c"]
    assert [index for _, index, _ in stage.seen("seal")] == [3, 4]


def test_a_read_looks_at_all_that_was_handed_out_before_it():
    stage = Stage(3, later=0).serve()
    stage.ask(get(1))
    stage.did.clear()
    stage.ask(put(2))
    stage.sync()
    stage.hear(2, HeartbeatReply(2, 1), AppendReply(2, 3))
    assert stage.seen("apply soon", "apply", "read") == [("apply soon",), ("apply", b"+x", 2), ("read", 1)]


def test_a_snapshot_is_of_all_that_was_handed_out_before_it():
    stage = Stage(3, later=0).serve()
    stage.raft.step(Compact(2))
    stage.ask(put(1))
    stage.sync()
    stage.did.clear()
    stage.hear(2, AppendReply(2, 3))
    assert not stage.seen("apply")
    stage.hear(3, AppendReject(2, 1, Position(0, 0)))
    assert stage.seen("apply", "send snapshot") == [("apply", b"+x", 1), ("send snapshot", 3)]


def test_a_snapshot_is_taken_behind_all_that_was_handed_out_before_it():
    stage = Stage(3, later=0)
    follow(stage, entry(b"a"))
    stage.hear(3, SnapshotOffer(3, Position(9, 3), OTHERS))
    assert stage.seen("apply", "take snapshot") == [
        ("apply", b"a", None), ("take snapshot", SnapshotOffer(3, Position(9, 3), OTHERS)),
    ]  # fmt: skip


def test_only_commands_are_given_to_the_machine_and_each_keeps_its_index():
    stage = Stage(3)
    follow(stage, Entry(3, Kind.NOOP, b""), entry(b"a"))
    assert stage.seen("apply") == [("apply", b"a", None)]
    assert [index for _, index, _ in stage.seen("seal")] == [3]
    assert stage.raft.applied == 3


def test_a_mark_is_sealed_only_when_it_or_the_configuration_has_changed():
    stage = Stage(3)
    changed = Configuration(2, 5, OTHERS.voters, (), (Member(1, 11),))
    follow(stage, entry(b"a"))
    stage.hear(3, Append(3, Position(2, 3), (entry(b"b"),), 3))
    stage.sync()
    stage.machine.known = b"another"
    stage.hear(3, Append(3, Position(3, 3), (entry(b"c"),), 4))
    stage.sync()
    stage.hear(3, Append(3, Position(4, 3), (configures(changed),), 5))
    stage.sync()
    stage.hear(3, Append(3, Position(5, 3), (entry(b"d"),), 6))
    stage.sync()
    before = Stage(3).raft.configuration
    assert stage.seen("seal") == [
        ("seal", 2, encode_mark(1, before, b"mark")),
        ("seal", 3, None),
        ("seal", 4, encode_mark(1, before, b"another")),
        ("seal", 5, encode_mark(1, changed, b"another")),
        ("seal", 6, None),
    ]


def test_the_rows_before_a_split_are_sealed_before_its_right_side_begins():
    effects = [StartGroup(number, 0, b"", b"right") for number in (8, 9)]
    stage = Stage(3)
    stage.machine.given[b"split"] = Applied("split", effects=effects)
    follow(stage, entry(b"a"), entry(b"split"), entry(b"b"))
    assert stage.did[-7:] == [
        ("apply", b"a", None),
        ("apply", b"split", None),
        ("seal", 2, None),
        ("start group", effects[0]),
        ("start group", effects[1]),
        ("apply", b"b", None),
        ("seal", 4, encode_mark(1, stage.group.configuration, b"mark")),
    ]


def test_a_replica_that_the_applied_configuration_leaves_out_is_removed():
    stage = Stage(3)
    stage.hear(3, Append(3, FIRST, (configures(OTHERS),), 1))
    stage.sync()
    assert not stage.seen("removed"), "it is not committed yet"
    stage.hear(3, Append(3, Position(2, 3), (), 2))
    assert names(stage)[-2:] == ["seal", "removed"], "its rows are sealed up to there"
    assert stage.raft.applied == 2


def test_a_learner_and_an_outgoing_voter_stay():
    me = Member(1, 11)
    stage = Stage(3)
    for configuration in (
        Configuration(2, 4, OTHERS.voters, (), (me,)),
        Configuration(3, 4, OTHERS.voters, (me, *OTHERS.voters)),
    ):
        last = stage.raft.last
        stage.hear(3, Append(3, last, (configures(configuration),), last.index + 1))
        stage.sync()
        assert stage.group.configuration == configuration
    assert not stage.seen("removed")


# -- what applying wakes ---------------------------------------------------------------------------------------------


def test_an_applied_entry_wakes_who_waits_for_it_after_its_own_reply():
    stage = Stage().serve()
    stage.machine.given[b"+a"] = Applied("applied", wakes=("one", "two"))
    stage.machine.outcomes.update({2: [Wait("one")], 3: [Wait("two")], 4: [Wait("three")]})
    stage.ask(put(1, b"a"), get(2), get(3), get(4))
    stage.sync()
    assert list(stage.replies.items()) == [(1, "applied"), (2, "read"), (3, "read")]
    assert stage.places == {4: "parked"}


def test_a_reply_may_wait_for_a_token_and_is_then_given_as_it_was():
    stage, signal = Stage().serve(), Signal()
    stage.machine.given[b"+x"] = Applied("applied", wait=Wait("token", until(signal), 2.0))
    stage.ask(put(1))
    stage.sync()
    assert stage.places == {1: "parked"}
    assert stage.seen("alarm") == [("alarm", "token", 2.0)]
    stage.keeper.set(signal)
    assert stage.replies == {1: "applied"}
    assert len(stage.seen("admit")) == 1, "it does not begin again"


def test_a_follower_applies_what_its_leader_waits_for_and_answers_nobody():
    stage = Stage(3)
    stage.machine.given[b"a"] = Applied("applied", wait=Wait("token"))
    follow(stage, entry(b"a"))
    assert (stage.replies, stage.places) == ({}, {})


# -- duties ----------------------------------------------------------------------------------------------------------


def test_the_duties_of_a_leader_are_begun_when_it_serves_and_not_before():
    ran: list[int] = []
    stage = Stage()
    stage.machine.flows = [runs(ran, 1), runs(ran, 2)]
    stage.elect()
    assert not ran
    stage.sync()
    assert ran == [1, 2]
    stage.machine.flows = [runs(ran, 3)]
    stage.tick(0.1)
    assert ran == [1, 2, 3]


def test_who_does_not_lead_any_more_has_no_duties():
    stage = Stage(3).serve()
    ran: list[int] = []
    stage.machine.flows = [runs(ran, 1)]
    stage.lose()
    assert not ran
    assert not stage.seen("start")
