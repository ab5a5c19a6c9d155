"""The way of a request to its group: services, orders, commands behind a record, ticks, groups that are elsewhere."""

from dataclasses import dataclass
from typing import Any

import pytest

from node import intake as intake_module
from node.config import GATHER_SECONDS, REQUEST_SECONDS, Settings
from node.flow import Flow
from node.intake import Intake
from node.joining import Company
from node.machine import Request
from node.messages import (
    AskProgress,
    Busy,
    ChangeMembers,
    Done,
    NoGroup,
    NotLeader,
    ProgressIs,
    Refused,
    TransferLeader,
)
from node.ports import Identity
from node.raft.messages import Change, Member
from tests.node.grouped import Keeper, Saying, Signal, Stage, put, until

TICK = 1 << 16


@dataclass(frozen=True, slots=True)
class Errand:
    """A message to a service."""

    sort = "service"


VOTERS = (11, 12, 13)


class Door:
    """A group as far as the intake sees it: what reached it, in order."""

    company: Company | None = None
    follows = waiting = False
    leading = 0

    def __init__(self, number: int, seen: list[tuple[Any, ...]]) -> None:
        self.number = number
        self.seen = seen

    def take(self, request: Request) -> None:
        self.seen.append(("take", self.number, request.copy, request.tick))

    def change(self, request: Request, change: Change) -> None:
        self.seen.append(("change", self.number, request.copy, change))

    def transfer(self, request: Request, node: int) -> None:
        self.seen.append(("transfer", self.number, request.copy, node))


class Desk(Keeper):
    """Node 2 with the groups 0, 5 and 6. `seen` is what reached them; `asked` the questions for ticks."""

    def __init__(self) -> None:
        super().__init__(Settings(leases=False))
        self.identity = Identity(b"c" * 16, 2, 1, "n2")
        self.syncing = False
        self.seen: list[tuple[Any, ...]] = []
        self.groups: dict[int, Any] = {number: Door(number, self.seen) for number in (0, 5, 6)}
        self.replicas = self.assembly = self.routes = self
        self.members: tuple[tuple[int, str], ...] = ((1, "n1"), (3, "n3"), (4, "n4"))
        self.errand = Signal()
        self.asked: list[tuple[int, Signal]] = []
        self.intake = Intake(self, {Errand: lambda _: self._wait(self.errand)}, self._ticks)  # type: ignore[arg-type]

    def holds(self, group: Any) -> bool:
        return self.groups.get(group.number) is group

    def control_nodes(self) -> tuple[tuple[int, str], ...]:
        return self.members

    def touch(self, group: Any) -> None:
        self.touched[group] = None

    def _wait(self, signal: Signal) -> Flow[Any]:
        value = yield from until(signal)
        if isinstance(value, Exception):
            raise value
        return None if value == "silence" else value

    def _ticks(self, count: int) -> Flow[int | None]:
        self.asked.append((count, Signal()))
        return self._wait(self.asked[-1][1])

    def tell(self, value: Any) -> None:
        """The answer to the last question for ticks."""
        self.set(self.asked[-1][1], value)

    def take(self, *requests: Request) -> None:
        for request in requests:
            self.intake.take(request)

    @property
    def replies(self) -> dict[int, Any]:
        return {each[1]: each[2] for each in self.did if each[0] == "reply"}


def request(copy: int, group: int = 5, message: Any = None, tick: int = 0) -> Request:
    return Request(1, copy, group, 1, b"", message or Saying("query"), 0.0, tick)


def command(copy: int, group: int = 5, wants_tick: bool = False) -> Request:
    return request(copy, group, Saying("command", wants_tick))


def timely(copy: int, group: int = 5, tick: int = 0) -> Request:
    return request(copy, group, Saying("query", True), tick)


# -- services --------------------------------------------------------------------------------------------------------


def test_a_service_is_a_flow_and_its_result_is_the_reply():
    desk = Desk()
    desk.syncing = True
    desk.take(request(1, group=9, message=Errand()))
    assert not desk.replies, "it runs, wherever its group may be and whatever the journal does"
    desk.set(desk.errand, "run")
    assert desk.replies == {1: "run"}


def test_a_service_that_this_node_does_not_offer_is_refused():
    desk = Desk()
    desk.take(request(1, message=Saying("service")))
    assert desk.replies == {1: Refused("node 2 does not offer Saying")}


def test_a_service_that_breaks_is_not_taken_for_a_reply():
    desk = Desk()
    desk.take(request(1, message=Errand()))
    with pytest.raises(ZeroDivisionError):
        desk.set(desk.errand, ZeroDivisionError("a mistake"))
    assert not desk.replies


# -- orders ----------------------------------------------------------------------------------------------------------


def test_orders_reach_their_group_also_while_the_journal_syncs():
    desk = Desk()
    desk.syncing = True
    desk.take(request(1, message=ChangeMembers((1, 2), (3,), (1,))), request(2, 6, TransferLeader(4)))
    assert desk.seen == [("change", 5, 1, Change((1, 2), (3,))), ("transfer", 6, 2, 4)]
    assert list(desk.touched) == [desk.groups[5], desk.groups[6]]


def test_a_leader_tells_how_far_each_member_is():
    desk = Desk()
    for copy, stage in enumerate((Stage(3), Stage(3).elect(), Stage(3).serve()), 1):
        desk.groups[5] = stage.group
        desk.take(request(copy, message=AskProgress()))
    stage.ask(put(9))
    desk.take(request(4, message=AskProgress()))
    nobody = NotLeader(7, 0, "")
    assert desk.replies == {
        1: nobody,
        2: nobody,
        3: ProgressIs(2, ((12, 2), (13, 0))),
        4: ProgressIs(3, ((12, 2), (13, 0))),
    }


def test_a_node_that_has_not_learned_is_not_made_a_voter():
    desk = Desk()
    desk.groups[5] = Stage(3).serve().group
    desk.take(request(1, message=ChangeMembers((11, 12, 14), (), VOTERS)))
    assert desk.replies == {1: Refused("group 7: node 14 has not learned yet: it comes as a learner first")}
    desk.take(request(2, message=ChangeMembers((11, 12, 13), (14,), VOTERS)))
    assert desk.groups[5].raft.configuration.learners == (Member(4, 14),)
    desk.take(request(3, message=ChangeMembers((11, 12, 14), (), VOTERS)))
    assert "has not learned yet" in desk.replies[3].why, "nothing has come from it"


@pytest.mark.parametrize("before", [(11, 12), (11, 12, 13, 14), (11, 12, 15)])
def test_an_order_that_was_decided_by_what_had_been_changes_nothing(before):
    desk = Desk()
    desk.groups[5] = stage = Stage(3).serve().group
    desk.take(request(1, message=ChangeMembers((11,), (), before)))
    assert "are on nodes [11, 12, 13] by now" in desk.replies[1].why
    assert stage.raft.configuration.version == 1


def test_members_stay_while_a_merge_counts_on_them():
    desk = Desk()
    desk.groups[5] = stage = Stage(3).serve().group
    stage.machine.fixed = True
    desk.take(request(1, message=ChangeMembers((11, 12), (), VOTERS)))
    assert desk.replies == {1: Refused("group 7: it is being merged: its members stay as they are")}


def test_what_is_no_request_is_refused():
    desk = Desk()
    desk.take(request(1, message=Done()))
    assert desk.replies == {1: Refused("Done is not a request")}
    assert not desk.seen


# -- commands behind a record ----------------------------------------------------------------------------------------


def test_commands_that_come_while_a_record_syncs_begin_in_their_order_when_the_journal_has_answered():
    desk = Desk()
    desk.syncing = True
    desk.take(command(1), command(2, group=6), request(3), command(4))
    assert desk.seen == [("take", 5, 3, 0)], "a query waits for no disk"
    assert not desk.intake.release()
    desk.intake.answered()
    assert desk.intake.release()
    assert [copy for _, _, copy, _ in desk.seen] == [3, 1, 4, 2], "in their order in each group"
    assert list(desk.touched) == [desk.groups[5], desk.groups[6]]
    desk.intake.release()
    assert len(desk.seen) == 4, "they begin once"


def test_commands_that_come_while_no_record_syncs_begin_at_once():
    desk = Desk()
    desk.take(command(1))
    assert desk.seen == [("take", 5, 1, 0)]


def test_what_was_held_begins_with_any_answer_of_the_journal():
    desk = Desk()
    desk.syncing = True
    desk.take(command(1))
    desk.intake.answered()
    desk.intake.release()
    assert desk.seen == [("take", 5, 1, 0)], "the next record is for it, even if another one is under way"


def test_l4_nothing_of_a_held_command_is_looked_at_before_it_begins():
    desk = Desk()
    desk.syncing = True
    desk.take(command(1, wants_tick=True), command(2), command(3, group=9))
    desk.intake.ask_ticks()
    assert (desk.asked, desk.replies) == ([], {}), "no tick that is too old, no answer that may change"
    del desk.groups[5]
    desk.groups[9] = Door(9, desk.seen)
    desk.intake.answered()
    desk.intake.release()
    assert desk.replies == {1: NoGroup(5), 2: NoGroup(5)}
    assert desk.seen == [("take", 9, 3, 0)]


def test_a_held_command_has_its_tick_asked_for_when_it_begins():
    desk = Desk()
    desk.syncing = True
    desk.take(command(1, wants_tick=True))
    desk.intake.answered()
    desk.intake.release()
    desk.intake.ask_ticks()
    desk.tell(3 * TICK)
    assert desk.seen == [("take", 5, 1, 3 * TICK)]


# -- ticks -----------------------------------------------------------------------------------------------------------


def test_one_question_is_asked_for_all_that_want_a_tick_and_each_gets_its_own():
    desk = Desk()
    desk.take(timely(1), timely(2, group=6), request(3), timely(4), command(5, wants_tick=True))
    assert desk.seen == [("take", 5, 3, 0)]
    desk.intake.ask_ticks()
    assert [count for count, _ in desk.asked] == [4]
    desk.touched.clear()
    desk.tell(9 * TICK)
    ticks = [("take", 5, 1, 9 * TICK), ("take", 6, 2, 10 * TICK), ("take", 5, 4, 11 * TICK), ("take", 5, 5, 12 * TICK)]
    assert desk.seen[1:] == ticks
    assert list(desk.touched) == [desk.groups[5], desk.groups[6]], "they know the time, and cycle in this step"


def test_o3_who_comes_after_a_question_waits_for_the_next_one():
    desk = Desk()
    desk.take(timely(1))
    desk.intake.ask_ticks()
    desk.take(timely(2))
    desk.tell(9 * TICK)
    assert desk.seen == [("take", 5, 1, 9 * TICK)]
    desk.intake.ask_ticks()
    assert [count for count, _ in desk.asked] == [1, 1]
    desk.tell(20 * TICK)
    assert desk.seen[1:] == [("take", 5, 2, 20 * TICK)]


def test_nobody_is_asked_for_a_tick_that_nobody_wants():
    desk = Desk()
    desk.take(request(1), command(2), timely(3, tick=8 * TICK))
    desk.intake.ask_ticks()
    assert not desk.asked
    assert desk.seen == [("take", 5, 1, 0), ("take", 5, 2, 0), ("take", 5, 3, 8 * TICK)]


def test_silence_instead_of_ticks_leaves_requests_unanswered():
    desk = Desk()
    desk.take(timely(1), timely(2))
    desk.intake.ask_ticks()
    desk.tell("silence")
    assert (desk.seen, desk.replies) == ([], {})
    desk.intake.ask_ticks()
    assert len(desk.asked) == 1, "their senders send again"


def test_a_source_of_ticks_that_breaks_is_not_silence():
    desk = Desk()
    desk.take(timely(1))
    desk.intake.ask_ticks()
    with pytest.raises(ZeroDivisionError):
        desk.tell(ZeroDivisionError("a mistake"))


@pytest.mark.parametrize("anew", [False, True])
def test_a_group_that_has_gone_while_its_ticks_were_asked_for_takes_none_of_them(anew):
    desk = Desk()
    desk.take(timely(1, group=6), timely(2), timely(3, group=6), timely(4))
    desk.intake.ask_ticks()
    del desk.groups[5]
    if anew:
        desk.groups[5] = Door(5, desk.seen)
    desk.touched.clear()
    desk.tell(TICK)
    assert desk.seen == [("take", 6, 1, TICK), ("take", 6, 3, 3 * TICK)]
    assert list(desk.touched) == [desk.groups[6]]
    assert not desk.replies


# -- elsewhere -------------------------------------------------------------------------------------------------------


def test_of_a_group_that_is_not_here_nothing_is_known():
    desk = Desk()
    desk.take(request(1, group=9), command(2, group=9), timely(3, group=9), request(4, 9, TransferLeader(1)))
    assert desk.replies == dict.fromkeys((1, 2, 3, 4), NoGroup(9))
    desk.intake.ask_ticks()
    assert not desk.asked


def test_who_asks_for_group_0_elsewhere_is_sent_to_a_member_with_its_address_each_copy_to_the_next_one():
    desk = Desk()
    del desk.groups[0]
    desk.take(*(request(copy, group=0) for copy in range(4)))
    assert desk.replies == {copy: NotLeader(0, node, f"n{node}") for copy, node in enumerate((1, 3, 4, 1))}
    desk.members = ()
    desk.take(request(7, group=0))
    assert desk.replies[7] == NoGroup(0)


def test_group_0_takes_its_requests_where_it_is():
    desk = Desk()
    desk.take(request(1, group=0))
    assert (desk.seen, desk.replies) == ([("take", 0, 1, 0)], {})


def test_commands_wait_for_those_before_them_in_their_group_but_not_for_long():
    desk = Desk()
    desk.groups[5].company, desk.groups[5].waiting = Company(0.0), True
    desk.take(command(1), command(2, group=6), request(3))
    assert desk.seen == [("take", 6, 2, 0), ("take", 5, 3, 0)], "another group, and a query"
    assert (desk.intake.wake_at, desk.intake.release()) == (GATHER_SECONDS, False)
    desk.groups[5].waiting = False
    desk.take(command(4))  # who comes while others are held joins them
    assert desk.intake.release()
    assert desk.seen[2:] == [("take", 5, 1, 0), ("take", 5, 4, 0)]


def test_what_is_held_has_a_limit_an_age_and_can_be_refused(monkeypatch):
    monkeypatch.setattr(intake_module, "INBOX_REQUESTS_MAX", 2)
    desk = Desk()
    desk.syncing = True
    desk.take(command(1), command(2), command(3))
    assert desk.replies == {3: Busy()}
    desk.now = REQUEST_SECONDS + 1.0
    desk.syncing = False
    desk.intake.release()
    assert not desk.seen, "who sent them has given up long ago"
    desk.syncing = True
    desk.take(command(4))
    desk.intake.refuse_held("the disk is full")
    assert desk.replies[4] == Busy("the disk is full")
    desk.intake.release()
    assert not desk.seen


def test_who_does_not_lead_says_so_without_a_tick():
    desk = Desk()
    desk.groups[5].follows = True
    desk.take(timely(1), timely(2, group=6))
    desk.intake.ask_ticks()
    assert [count for count, _ in desk.asked] == [1]
    assert desk.seen == [("take", 5, 1, 0)]
