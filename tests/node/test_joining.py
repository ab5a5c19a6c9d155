"""Requests that share an entry: which may, in which order they stand, and that each is answered for itself."""

from collections.abc import Iterable, Sequence
from typing import Any

from node.config import COMPANY_SHARE, GATHER_SECONDS
from node.joining import BYTES_MAX, REQUESTS_MAX, Company, entries, outcomes
from node.machine import Applied, Proposal, Request, Wait
from node.messages import NotLeader
from tests.node.grouped import GROUP, Stage, put


class Shared:
    """The message of an entry whose application gives the replies of all, in a row."""

    def outcomes(self, applied: Applied, shares: Sequence[Request]) -> Iterable[Applied]:
        for place, reply in enumerate(applied.reply):
            yield Applied(reply, wait=(applied.waits or {}).get(place))


def join(rows: Sequence[tuple[Proposal, Request]]) -> tuple[bytes, Any]:
    return b",".join(proposal.stamp + request.body for proposal, request in rows), Shared()


def join_otherwise(rows: Sequence[tuple[Proposal, Request]]) -> tuple[bytes, Any]:
    return join(rows)


def admitted(copy: int, joins: Any = join, body: bytes = b"x", span: int = 1) -> tuple[Proposal, Request]:
    request = put(copy, body)
    request.span = span
    return Proposal(b"+", joins), request


def copies(rows: Sequence[tuple[Proposal, Request]]) -> list[list[int]]:
    """The copies that each entry is for."""
    return [[each.copy for each in request.shares or (request,)] for _, request in entries(rows)]


def joining(*copies: int) -> Stage:
    """A leader of three that has proposed these in one entry, at index 3."""
    stage = Stage(3).serve()
    stage.machine.outcomes.update({copy: [Proposal(b"+", join)] for copy in copies})
    stage.ask(*(put(copy) for copy in copies))
    assert stage.raft.last.index == 3
    return stage


# -- who shares ------------------------------------------------------------------------------------------------------


def test_neighbours_that_join_alike_share_an_entry_and_the_order_of_admission_stays():
    rows = [admitted(1), admitted(2), admitted(3, None), admitted(4), admitted(5, join_otherwise), admitted(6)]
    assert copies(rows) == [[1, 2], [3], [4], [5], [6]]
    assert [body for body, _ in entries(rows)] == [b"+x,+x", b"+x", b"+x", b"+x", b"+x"]
    assert entries([]) == []


def test_m1_what_was_routed_by_different_span_versions_does_not_share():
    rows = [admitted(1), admitted(2, span=2), admitted(3, span=2)]
    assert copies(rows) == [[1], [2, 3]]
    assert [request.span for _, request in entries(rows)] == [1, 2]


def test_an_entry_has_limits_of_requests_and_of_bytes():
    assert [len(each) for each in copies([admitted(copy) for copy in range(REQUESTS_MAX + 1)])] == [REQUESTS_MAX, 1]
    half, larger = b"h" * (BYTES_MAX // 2), b"l" * (BYTES_MAX + 1)
    rows = [admitted(1, body=half), admitted(2, body=half), admitted(3), admitted(4, body=larger), admitted(5)]
    assert copies(rows) == [[1, 2], [3], [4], [5]]
    assert copies([admitted(copy, body=half) for copy in range(6)]) == [[0, 1], [2, 3], [4, 5]]


def test_a_request_with_an_entry_of_its_own_gets_all_that_applying_it_gave():
    applied = Applied("applied", wait=Wait("token"))
    (_, request), *_ = entries([admitted(1, None)])
    assert list(outcomes(request, applied)) == [(request, applied)]


# -- in a group ------------------------------------------------------------------------------------------------------


def test_each_request_of_a_shared_entry_is_answered_for_itself():
    stage = joining(1, 2, 3)
    stage.machine.given[b"+x,+x,+x"] = Applied(["one", "two", "three"], waits={1: Wait("token")}, wakes=("other",))
    stage.group.park(put(4), Wait("other"), "four")
    stage.acknowledge(3)
    stage.sync()
    assert list(stage.replies.items()) == [(1, "one"), (3, "three"), (4, "four")]
    assert stage.places == {2: "parked"}
    stage.group.wake("token")
    assert stage.replies[2] == "two"
    assert [body for _, body, _ in stage.seen("apply")] == [b"+x,+x,+x"], "applied once"


def test_the_entry_behind_a_shared_one_keeps_its_index_and_its_request():
    stage = joining(1, 2)
    stage.machine.given[b"+x,+x"] = Applied(["one", "two"])
    stage.ask(put(3, b"y"))
    stage.acknowledge(4)
    stage.sync()
    assert stage.replies == {1: "one", 2: "two", 3: b"+y"}


def test_f3_requests_of_a_shared_entry_are_not_answered_when_leadership_is_lost():
    stage = joining(1, 2)
    stage.lose()
    assert (stage.places, stage.replies) == ({}, {})


def test_f3_requests_that_would_have_shared_an_entry_are_told_who_leads():
    stage = Stage(3).serve()
    stage.machine.outcomes.update({copy: [Proposal(b"+", join)] for copy in (1, 2)})
    stage.take(put(1), put(2))
    stage.lose()
    assert stage.replies == dict.fromkeys((1, 2), NotLeader(GROUP, 13, "n13"))


# -- company ---------------------------------------------------------------------------------------------------------


def shared(count: int) -> Request:
    request = put(1)
    request.shares = [put(copy) for copy in range(count)]
    return request


def test_commands_wait_until_the_senders_of_those_before_have_come_again():
    company = Company(1.0)
    assert company.is_awaited(5, True, 1.004, 1)
    company.answered(shared(3), 1.004, 2)
    assert company.is_awaited(5, False, 1.004, 2), "the replies have not left yet"
    assert company.until == 1.004, "the next step comes at once"
    assert company.is_awaited(5, False, 1.005, 3)
    assert company.is_awaited(7, False, 1.005, 4)
    assert not company.is_awaited(8, False, 1.005, 5)


def test_the_wait_for_company_takes_a_share_of_what_those_before_took_from_when_they_were_told():
    company = Company(1.0)
    company.answered(shared(2), 1.004, 2)
    company.answered(put(2), 1.004, 2)  # what shares nothing is not expected again
    assert company.is_awaited(0, False, 1.005, 3)
    assert company.until == 1.005 + COMPANY_SHARE * (1.004 - 1.0)
    assert company.is_awaited(1, False, 1.0069, 4)
    assert not company.is_awaited(1, False, 1.0071, 5)


def test_nobody_waits_for_long_nor_for_those_who_were_answered_long_ago():
    company = Company(1.0)
    assert not company.is_awaited(1, True, 1.0 + GATHER_SECONDS, 1)
    company.answered(shared(9), 2.0, 2)
    assert company.is_awaited(1, False, 2.0, 3)
    assert company.until == 2.0 + GATHER_SECONDS
    company = Company(1.0)
    company.answered(shared(9), 1.004, 2)
    assert not company.is_awaited(1, False, 1.005 + GATHER_SECONDS, 3)


def test_who_is_alone_waits_for_nobody():
    company = Company(1.0)
    company.answered(shared(1), 1.004, 2)
    assert company.is_awaited(0, False, 1.005, 3), "it is the one that is waited for"
    assert not company.is_awaited(1, False, 1.005, 3)


def test_a_group_expects_those_again_whom_it_has_answered():
    stage = joining(1, 2)
    stage.machine.given[b"+x,+x"] = Applied(["one", "two"])
    stage.sync()
    stage.keeper.now += 0.001
    stage.acknowledge(3)
    assert set(stage.replies) == {1, 2}
    company = stage.group.company
    assert company is not None
    assert company.is_awaited(1, bool(stage.group.waiting), stage.keeper.now, stage.keeper.steps + 1)
    assert not company.is_awaited(3, False, stage.keeper.now, stage.keeper.steps + 1)
