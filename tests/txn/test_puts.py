"""Puts that share a log entry: each by itself, in order, with its own reply."""

from typing import Any

from node.joining import BYTES_MAX, REQUESTS_MAX, entries
from node.machine import Proposal, Request
from ranges.keys import TICK, head
from ranges.machine import RangeMachine
from ranges.messages import Intent, StaleSpan
from tests.txn.led import FOUR, KEY, NOW, ONE, OTHER, THREE, TWO, asked, carried_out, leader
from txn import replies
from txn.puts import Put, join_puts


def admitted(machine: RangeMachine, *puts: Put) -> list[Any]:
    requests = [asked(machine, put, NOW + TICK * place) for place, put in enumerate(puts)]
    return [(machine.admit(request, 0.0), request) for request in requests]


def test_puts_of_one_step_share_an_entry_and_nothing_else() -> None:
    machine = leader()
    rows = machine.rows
    standing = Intent(OTHER, THREE, NOW, NOW, NOW + 1, OTHER, (OTHER,), True)
    puts = [Put(ONE, 1, KEY, b"a"), Put(TWO, 1, OTHER, b"b"), Put(THREE, 1, KEY, None), Put(FOUR, NOW + 1, KEY, b"d")]
    made = admitted(machine, *puts)
    assert len(entries(made)) == 1
    assert sorted(machine.leading.pending) == sorted({KEY, OTHER})
    rows.put_intent(standing, b"")
    outcome = carried_out(machine, made)
    assert [one.reply for one in outcome] == [
        replies.Committed(NOW),
        replies.Locked(standing),
        replies.Committed(NOW + 2 * TICK),
        replies.Committed(NOW + 3 * TICK),
    ]
    assert [one.wait is not None for one in outcome] == [False, True, False, False]
    assert rows.at(head(KEY), NOW + TICK) == (None, b"a")
    assert rows.at(head(KEY), NOW + 2 * TICK) == (None, None)
    assert not machine.leading.pending, "each is released at its own C"


def test_a_copy_within_the_same_entry_is_carried_out_once() -> None:
    machine = leader()
    outcome = carried_out(machine, admitted(machine, Put(ONE, 1, KEY, b"a"), Put(ONE, 1, KEY, b"a")))
    assert [one.reply for one in outcome] == [replies.Committed(NOW)] * 2
    assert len(machine.rows.view.values) == 1


def test_puts_that_were_admitted_before_a_split_are_all_refused_after_it() -> None:
    machine = leader()
    made = admitted(machine, Put(ONE, 1, KEY, b"a"), Put(TWO, 1, OTHER, b"b"))
    machine.split(OTHER, 9, machine.configuration)
    assert [type(one.reply) for one in carried_out(machine, made)] == [StaleSpan, StaleSpan]
    assert not machine.leading.pending


def row(put: Put, span: int = 1, joins: Any = join_puts) -> tuple[Proposal, Request]:
    request = asked(leader(), put)
    request.span = span
    return Proposal(NOW.to_bytes(8, "big"), joins), request


def test_an_entry_is_shared_by_neighbours_of_one_span_version_in_their_order() -> None:
    put = Put(ONE, 1, KEY, b"a")
    rows = [row(put), row(put), row(put, joins=None), row(put), row(put, 2), row(put, 2)]
    made = entries(rows)
    assert [len(request.shares) for _, request in made] == [2, 0, 1, 2]
    flat = [each for _, request in made for each in request.shares or (request,)]
    assert flat == [request for _, request in rows]


def test_a_shared_entry_has_limits() -> None:
    small, large = Put(ONE, 1, KEY, b"a"), Put(ONE, 1, KEY, b"a" * (BYTES_MAX // 2))
    assert [len(request.shares) for _, request in entries([row(small)] * (REQUESTS_MAX + 1))] == [REQUESTS_MAX, 1]
    assert [len(request.shares) for _, request in entries([row(large)] * 3)] == [1, 1, 1]
