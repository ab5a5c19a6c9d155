"""What becomes of a request on its replica: L1, commands, and the end of leadership (F3).

Reads, and who waits for a token: tests/node/test_group_waiting.py. Orders and applying: tests/node/test_group_cycle.py.
"""

from node.group import SERVES, Group
from node.machine import Answer, Applied, Wait
from node.messages import Busy, NotLeader
from node.raft.core import Raft
from node.raft.membership import NOBODY
from node.raft.messages import (
    Append,
    AppendReply,
    AskLeader,
    Change,
    Entry,
    GoToSleep,
    HardState,
    Kind,
    Position,
    Received,
    Role,
    TimeoutNow,
    Transfer,
    VoteReply,
)
from node.raft.settings import RaftSettings
from tests.node.grouped import FIRST, GROUP, STRETCH, Stage, get, put

ELSEWHERE = NotLeader(GROUP, 13, "n13")  # replica 3 leads
NOBODY_KNOWN = NotLeader(GROUP, 0, "")


# -- before leadership serves, and without leadership ----------------------------------------------------------------


def test_l1_requests_that_come_before_a_leader_serves_are_parked_and_begin_when_it_does():
    stage = Stage().elect()
    stage.ask(put(1), get(2))
    assert stage.places == {1: "parked", 2: "parked"}
    assert list(stage.group.parked) == [SERVES]
    assert not stage.seen("admit", "read", "lead")
    stage.sync()
    assert stage.seen("lead", "admit", "read") == [("lead", 2), ("admit", 1), ("read", 2)]
    assert (stage.places, stage.replies) == ({1: "waiting"}, {2: "read"})


def test_l1_a_leader_serves_only_when_an_entry_of_its_own_term_is_applied():
    stage = Stage(later=0).elect()
    stage.sync()
    assert stage.raft.commit == 2, "committed, and not yet applied"
    stage.ask(put(1))
    assert (stage.places, stage.group.leading) == ({1: "parked"}, 0)
    stage.keeper.touch(stage.group)
    stage.group.apply()
    stage.settle()
    assert (stage.places, stage.group.leading) == ({1: "waiting"}, 2)


def test_l1_requests_that_waited_for_a_leader_which_never_served_are_told_who_leads():
    stage = Stage(3).elect()
    stage.ask(put(1), get(2))
    stage.lose()
    assert stage.replies == {1: ELSEWHERE, 2: ELSEWHERE}
    assert not stage.places
    assert not stage.seen("lead", "follow")


def test_who_does_not_lead_names_whom_it_follows_and_does_not_disturb_it():
    stage = Stage(3)
    stage.lose()
    stage.did.clear()
    stage.ask(put(1), get(2))
    assert stage.replies == {1: ELSEWHERE, 2: ELSEWHERE}
    assert not stage.said


def test_who_follows_nobody_names_nobody_and_stands_sooner():
    stage = Stage(3)
    before = stage.raft.deadline
    stage.ask(put(1))
    assert stage.replies == {1: NOBODY_KNOWN}
    assert stage.raft.deadline < before


def test_z4_a_request_wakes_a_sleeping_replica():
    stage = Stage(3, support=True)
    stage.raft.support.promised[13] = STRETCH
    stage.lose()
    stage.hear(3, GoToSleep(3, 1))
    assert stage.raft.asleep
    stage.ask(get(1))
    assert stage.replies == {1: ELSEWHERE}
    assert not stage.raft.asleep
    assert stage.said[-1] == (3, AskLeader(3))


def test_a_leader_that_no_configuration_names_is_found_by_the_node_that_it_spoke_from():
    stage = Stage(3)
    stage.group.nodes[5] = 25
    stage.hear(5, Append(3, FIRST, (), 1))
    stage.ask(put(1))
    assert stage.replies == {1: NotLeader(GROUP, 25, "n25")}
    assert [stage.group.node_of(each) for each in (1, 2, 5, 6)] == [11, 12, 25, 0]


def test_a_replica_that_waits_for_its_first_snapshot_answers_that_it_does_not_lead():
    stage = Stage()
    raft = Raft(4, NOBODY, HardState(0, 0, 0), Position(0, 0), (), 0, RaftSettings(), lambda: 0.5, 0.0)
    group = Group(stage.keeper, GROUP, 4, raft, None)  # type: ignore[arg-type]
    group.take(put(1))
    assert stage.replies == {1: NOBODY_KNOWN}


# -- commands --------------------------------------------------------------------------------------------------------


def test_a_command_is_proposed_behind_its_stamp_and_answered_when_its_entry_is_applied():
    stage = Stage().serve()
    stage.take(put(1, b"a"), put(2, b"b"))
    assert stage.places == {1: "proposals", 2: "proposals"}
    stage.settle()
    assert {index: each.copy for index, each in stage.group.waiting.items()} == {3: 1, 4: 2}
    stage.sync()
    assert stage.seen("apply") == [("apply", b"+a", 1), ("apply", b"+b", 2)], "the machine is handed its own requests"
    assert (stage.places, stage.replies) == ({}, {1: b"+a", 2: b"+b"})


def test_a_command_that_the_machine_answers_is_never_proposed():
    stage = Stage().serve()
    stage.machine.outcomes[1] = [Answer("no")]
    stage.ask(put(1))
    assert stage.replies == {1: "no"}
    assert stage.raft.last.index == 2


def test_a_full_state_takes_no_command_but_still_answers_reads():
    stage = Stage().serve()
    stage.keeper.state.full = 1.0
    stage.ask(put(1), get(2))
    assert stage.replies == {1: Busy(), 2: "read"}
    assert not stage.seen("admit")
    stage.keeper.state.full = 0.99
    stage.ask(put(3))
    assert stage.places == {3: "waiting"}


def test_a_leader_that_hands_its_place_over_takes_no_command():
    stage = Stage(3).serve()
    stage.raft.step(Transfer(2))
    stage.ask(put(1))
    assert stage.replies == {1: Busy()}


def test_what_was_admitted_and_can_no_longer_be_proposed_is_told_so():
    stage = Stage(3).serve()
    stage.take(put(1))
    stage.raft.step(Transfer(2))
    stage.settle()
    assert stage.replies == {1: NOBODY_KNOWN}
    assert stage.raft.last.index == 2


# -- the end of leadership -------------------------------------------------------------------------------------------


def everywhere(stage: Stage) -> None:
    """A leader with a request in each place; copy 1 is proposed."""
    stage.machine.outcomes[3] = [Wait("token")]
    stage.ask(put(1), get(2), put(3))
    stage.take(put(4), get(5))
    places = {1: "waiting", 2: "rounds", 3: "parked", 4: "proposals", 5: "reading"}
    assert stage.places == places


def test_f3_what_was_proposed_is_not_answered_when_leadership_is_lost_and_all_else_is():
    stage = Stage(3).serve()
    everywhere(stage)
    stage.lose()
    assert stage.replies == dict.fromkeys((2, 3, 4, 5), ELSEWHERE)
    assert not stage.places
    assert stage.group.leading == 0
    assert stage.did.index(("follow",)) < stage.did.index(("reply", 2, ELSEWHERE))


def test_f3_what_waits_on_a_replica_that_goes_is_answered_unless_it_was_proposed():
    stage = Stage(3).serve()
    everywhere(stage)
    stage.group.stop()
    assert stage.replies == dict.fromkeys((2, 3, 4, 5), NOBODY_KNOWN)
    assert not stage.places
    stage.group.stop()
    assert len(stage.seen("follow")) == 1


def test_f3_a_reply_that_only_waited_is_given_when_leadership_is_lost():
    stage = Stage(3).serve()
    stage.machine.given[b"+x"] = Applied("applied", wait=Wait("token"))
    stage.ask(put(1))
    stage.acknowledge(3)
    stage.sync()
    assert stage.places == {1: "parked"}
    stage.lose()
    assert stage.replies == {1: "applied"}


def test_f3_a_change_that_is_not_applied_is_not_answered_when_leadership_is_lost():
    stage = Stage(3).serve()
    stage.group.change(put(1), Change((11, 12, 13), (14,)))
    stage.settle()
    assert stage.places == {1: "ordered"}
    stage.lose()
    assert (stage.places, stage.replies) == ({}, {})


def test_f3_an_entry_that_a_later_leader_puts_at_the_same_index_answers_no_older_request():
    stage = Stage(3).serve()
    stage.ask(put(1))
    assert stage.places == {1: "waiting"}
    stage.hear(3, Append(3, Position(2, 2), (Entry(3, Kind.COMMAND, b"theirs"),), 3))
    stage.sync()
    assert stage.seen("apply") == [("apply", b"theirs", None)]
    assert not stage.replies


def test_a_machine_knows_its_members_before_anything_is_applied():
    stage = Stage(3)
    assert stage.machine.configuration == stage.raft.configuration


def test_a_machine_leads_and_follows_once_for_each_leadership():
    stage = Stage(3).serve()
    stage.ask(put(1))
    assert not stage.seen("lead"), "it led already"
    stage.lose()
    stage.tick(0.1)
    assert stage.seen("lead", "follow") == [("follow",)]


def test_f3_leadership_that_is_lost_and_won_again_within_a_step_begins_anew():
    stage = Stage(3).serve()
    stage.ask(put(1))
    stage.take(put(2))
    for source, message in ((3, Append(3, FIRST, (), 1)), (3, TimeoutNow(3)), (2, VoteReply(4, True))):
        stage.raft.step(Received(source, message))
    assert stage.raft.role is Role.LEADER
    stage.ask(put(3), get(4))
    assert stage.replies == dict.fromkeys((2, 3, 4), NOBODY_KNOWN)
    assert (stage.places, stage.group.leading) == ({}, 0)
    assert stage.seen("lead", "follow") == [("follow",)]
    stage.sync()
    stage.hear(2, AppendReply(4, 4))
    assert stage.seen("apply") == [("apply", b"+x", None)], "committed after all, and still not answered"
    assert (1 in stage.replies, stage.group.leading) == (False, 4)
