"""A range that begins again: newer than all routes to it, in no merge, and ordered by nobody."""

import pytest

from node.machine import Answer
from node.messages import Done, Refused
from ranges.keys import TICK, head
from ranges.messages import Intent, NotYet, StaleSpan
from ranges.mvcc import KeyRows
from ranges.renewal import Renew
from tests.ranges.fakes import FakeView
from tests.ranges.test_machine import NAME, Touch, key
from tests.ranges.test_merging import MERGE, Pair, Side


def renew(side: Side, order: Renew) -> object:
    request = side.request(order)
    return side.apply(side.leader.propose(request), request).reply


def test_it_is_newer_shorter_and_in_no_merge() -> None:
    pair = Pair()
    frozen = pair.freeze()
    assert renew(pair.right, Renew(1_000, key("p"), 40)) == Done()
    machine = pair.right.leader
    assert (machine.span_version, machine.start, machine.end) == (1_000, key("m"), key("p"))
    assert (machine.frozen, machine.heir, machine.ended) == (0, 0, 40)
    assert type(pair.right.ask(Touch(key("n")))) is not NotYet  # it serves
    assert type(pair.right.ask(Touch(key("q")))) is StaleSpan  # a newer range's key
    assert type(pair.right.ask(Touch(key("n")), frozen.right.span_version)) is StaleSpan
    assert renew(pair.left, Renew(1_000, key("m"), 40)) == Done()
    assert type(pair.left.ask(pair.absorb(frozen))) is Refused  # the merge is over
    assert pair.left.leader.ended == 40 > MERGE


@pytest.mark.parametrize("order", [Renew(1_000, key("zz"), 1), Renew(1_000, key("m"), 1)])
def test_it_never_becomes_longer_or_empty(order: Renew) -> None:
    right = Pair().right
    assert type(renew(right, order)) is StaleSpan
    assert right.leader.span_version == 2


def test_nobody_may_order_it() -> None:
    right = Pair().right
    outcome = right.leader.admit(right.request(Renew(1_000, key("p"), 1)), 0.0)
    assert type(outcome) is Answer and type(outcome.reply) is Refused


def test_the_newest_timestamp_is_found_in_rows_of_every_kind() -> None:
    rows = KeyRows(FakeView())

    def newest() -> int:
        return rows.newest(head(key("a")), head(key("z")))

    assert newest() == 0
    rows.put_version(head(key("b")), 7 * TICK, NAME, b"")
    rows.put_version(head(key("b")), 5 * TICK, NAME, b"")
    rows.put_version(head(key("z")), 99 * TICK, NAME, b"")  # a neighbour's
    assert newest() == 7 * TICK
    rows.put_intent(Intent(key("c"), NAME, 8 * TICK, 1, 8 * TICK + 3, key("c"), (), True), b"")
    assert newest() == 8 * TICK + 3
    rows.put_verdict(key("d"), NAME, 9 * TICK, 9 * TICK + 1)
    assert newest() == 9 * TICK + 1
    rows.put_verdict(key("e"), NAME, 10 * TICK, 0)
    assert newest() == 10 * TICK
    rows.put_bar(key("f"), NAME, 11 * TICK)
    assert newest() == 11 * TICK
