"""What the scripts cannot show of commands: hand-made timestamps, limits, bytes from outside, one walk for a put."""

from collections.abc import Callable
from typing import Any

import pytest

from node.codec import decode, encode, encode_plain
from node.errors import Malformed
from node.machine import Answer, Applied, Request, Wait
from ranges.config import KEY_BYTES_MAX, SETTLE_WAIT_SECONDS, VALUE_BYTES_MAX
from ranges.keys import SUBSTEP_LAST, TICK, USER, head
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.messages import Intent
from tests.ranges.fakes import FakeView
from tests.txn.led import (
    KEY,
    NOW,
    ONE,
    OTHER,
    TWO,
    admit,
    applied,
    asked,
    carried_out,
    class_tag,
    leader,
    no_settling,
    no_tick,
    run,
)
from txn import replies
from txn.closing import Close, Collect, RaiseSafe
from txn.commands import Prewrite, Write
from txn.config import GRACE_SECONDS
from txn.endings import Bar, Settle, Verdict
from txn.puts import Put


def write(name: bytes = ONE, start: int = NOW, **fields: Any) -> Write:
    whole: dict[str, Any] = {"reads": (), "spans": (), "writes": ((KEY, b"v"),)} | fields
    return Write(name, start, start, start, **whole)


def prewrite(name: bytes = ONE, start: int = NOW, read: bool = False) -> Prewrite:
    return Prewrite(name, start, start, start, ((KEY, b"v", read),), KEY, (KEY,), True)


# -- Pushed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [Put(ONE, 1, KEY, b"v"), write(), prewrite()])
def test_a_version_at_or_above_the_timestamp_is_pushed_at_application(message: Any) -> None:
    """No leader proposes such an entry, unless it did not know: the state machine decides alone (C2, C3)."""
    for newest, expected in ((NOW, True), (NOW + 1, True), (NOW - 1, False)):
        machine = leader()
        machine.rows.put_version(head(KEY), newest, TWO, b"other")
        assert (type(applied(machine, message, NOW)) is replies.Pushed) == expected
        assert len(machine.rows.view.values) == 1 + (not expected)


@pytest.mark.parametrize("message", [Put(ONE, 1, KEY, b"v"), write(), prewrite()])
def test_where_the_substeps_are_used_up_the_answer_is_pushed(message: Any) -> None:
    machine = leader()
    machine.leading.raise_key(KEY, NOW + SUBSTEP_LAST)
    assert admit(machine, message) == Answer(replies.Pushed())
    assert not machine.leading.pending


@pytest.mark.parametrize("message", [Put(ONE, NOW, KEY, b"v"), write(reads=(KEY,)), prewrite(read=True)])
def test_every_check_comes_before_the_next_one(message: Any) -> None:
    """C2, C2a, C3: its own version, a bar, a lock, a conflict, pushed. Taken away one by one, the next one shows."""
    machine = leader()
    rows, commit = machine.rows, NOW + 5
    intent = Intent(KEY, TWO, NOW, NOW, NOW + 1, KEY, (KEY,), True)
    rows.put_version(head(KEY), commit, TWO, b"")
    rows.put_intent(intent, b"")
    rows.put_bar(KEY, ONE, NOW)
    rows.put_version(head(KEY), NOW, ONE, b"")
    read = type(message) is not Put
    seen = []
    for take_away in (
        lambda: rows.view.delete(head(KEY), b"\3" + (2**64 - 1 - NOW).to_bytes(8, "big")),
        lambda: rows.view.delete(head(KEY), b"\2\2" + ONE),
        lambda: rows.settle(KEY, TWO, 0),
        lambda: None,
    ):
        seen.append(type(applied(machine, message, commit)))
        take_away()
    own = replies.Prewritten if type(message) is Prewrite else replies.Committed
    last = replies.Conflict if read else replies.Pushed
    assert seen == [own, replies.IsAborted, replies.Locked, last]


def test_a_fresh_tick_goes_on_after_pushed() -> None:
    machine = leader()
    machine.leading.raise_key(KEY, NOW + SUBSTEP_LAST)
    again = Write(ONE, NOW, NOW, NOW + TICK, (), (), ((KEY, b"v"),))
    assert run(machine, again) == replies.Committed(NOW + TICK)


def test_a_conflict_is_told_before_pushed() -> None:
    machine = leader()
    machine.rows.put_version(head(KEY), NOW + 5, TWO, b"")
    message = write(reads=(KEY,))
    assert message.apply(machine, NOW + 5, 0, ()).reply == replies.Conflict(KEY)
    assert prewrite(read=True).apply(machine, NOW + 5, 0, (NOW + 5,)).reply == replies.Conflict(KEY)


# -- V -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [KEY, OTHER])
def test_the_largest_timestamp_over_w_is_that_of_all(read: bytes) -> None:
    machine = leader()
    machine.leading.raise_key(read, NOW + 7)
    assert run(machine, write(writes=((KEY, b"v"), (OTHER, None)))) == replies.Committed(NOW + 8)
    assert {tail for _, tail in machine.rows.view.values} == {b"\3" + (2**64 - 1 - NOW - 8).to_bytes(8, "big")}


@pytest.mark.parametrize("fields", [{"reads": (OTHER,)}, {"spans": ((OTHER, OTHER + b"x"),)}])
def test_a_write_above_s_raises_the_floors_of_what_it_read(fields: Any) -> None:
    machine = leader()
    machine.leading.raise_key(KEY, NOW + 7)
    admit(machine, write(**fields))
    assert machine.leading.floor(OTHER) == NOW + 8
    assert machine.leading.floor(KEY) == NOW + 7, "what it writes is pending, not read"


@pytest.mark.parametrize("fields", [{"reads": (OTHER,)}, {"spans": ((USER + b"a", USER + b"z"),)}])
@pytest.mark.parametrize(("at", "conflicts"), [(NOW, False), (NOW + 1, True), (NOW + 8, True), (NOW + 9, False)])
def test_only_versions_between_s_and_c_are_conflicts(fields: Any, at: int, conflicts: bool) -> None:
    machine = leader()
    machine.rows.put_version(head(OTHER), at, TWO, b"")
    reply = write(**fields).apply(machine, NOW + 8, 0, ()).reply
    assert reply == (replies.Conflict(OTHER) if conflicts else replies.Committed(NOW + 8))


@pytest.mark.parametrize("fields", [{"reads": (OTHER,)}, {"spans": ((USER + b"a", USER + b"z"),)}])
@pytest.mark.parametrize(("at", "locks"), [(NOW + 8, True), (NOW + 9, False)])
def test_only_intents_up_to_c_lock_what_was_read(fields: Any, at: int, locks: bool) -> None:
    machine = leader()
    intent = Intent(OTHER, TWO, NOW, NOW, at, OTHER, (OTHER,), True)
    machine.rows.put_intent(intent, b"")
    reply = write(**fields).apply(machine, NOW + 8, 0, ()).reply
    assert reply == (replies.Locked(intent) if locks else replies.Committed(NOW + 8))


@pytest.mark.parametrize("fields", [{"reads": (b"\x01",)}, {"spans": ((OTHER, b"\xff\xff"),)}])
def test_a_write_above_s_with_reads_elsewhere_is_never_proposed(fields: Any) -> None:
    machine = RangeMachine(1, FakeView(), first_mark(USER, b"\xff"), no_settling, no_tick)
    with pytest.raises(AssertionError, match="the answer is Above"):
        write(**fields).apply(machine, NOW + 1, 0, ())
    assert write(**fields).apply(machine, NOW, 0, ()).reply == replies.Committed(NOW)


def test_at_exactly_s_nothing_of_v_is_looked_at() -> None:
    """C1."""
    machine = leader()
    view = machine.rows.view
    assert type(view) is FakeView
    machine.rows.put_version(head(OTHER), NOW - 1, TWO, b"")
    message = write(reads=(OTHER,), spans=((OTHER, OTHER + b"x"),))
    assert message.apply(machine, NOW, 0, ()).reply == replies.Committed(NOW)
    assert view.walks == 1, "the first key of W"


@pytest.mark.parametrize("place", [KEY, OTHER])
def test_an_intent_on_any_key_of_w_locks_all_of_it_at_both_doors(place: bytes) -> None:
    machine = leader()
    intent = Intent(place, TWO, NOW, NOW, NOW + 9, place, (place,), True)
    machine.rows.put_intent(intent, b"")
    message = write(writes=((KEY, b"v"), (OTHER, b"v")))
    assert admit(machine, message).token == ("intent", place, TWO)
    assert message.apply(machine, NOW, 0, ()).reply == replies.Locked(intent)
    assert len(machine.rows.view.values) == 1


def test_a_conflict_in_v_is_told_after_a_lock_in_v() -> None:
    machine = leader()
    machine.rows.put_version(head(KEY), NOW + 1, TWO, b"")
    intent = Intent(OTHER, TWO, NOW, NOW, NOW + 2, OTHER, (OTHER,), True)
    machine.rows.put_intent(intent, b"")
    third = ((USER + b"z", b""),)
    for fields in ({"reads": (KEY, OTHER)}, {"spans": ((USER, OTHER + b"\0"),)}):
        message = write(writes=third, **fields)
        assert message.apply(machine, NOW + 8, 0, ()).reply == replies.Locked(intent)


# -- the hot path --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [[], [3, 2, 1]])
def test_a_put_walks_over_its_key_once_at_each_door(keys: list[int]) -> None:
    machine = leader()
    view = machine.rows.view
    assert type(view) is FakeView
    for at in keys:
        machine.rows.put_version(head(KEY), at, TWO, b"")
    request = asked(machine, Put(ONE, TICK, KEY, b"v"))
    proposal = machine.admit(request, 0.0)
    assert view.walks == 1
    carried_out(machine, [(proposal, request)])
    assert view.walks == 2


def test_nothing_is_closed_before_the_first_collection_for_whoever_knows_no_tick() -> None:
    machine = leader()
    assert run(machine, Put(ONE, 0, KEY, b"v")) == replies.Committed(NOW)
    machine.raise_closed(1)
    assert run(machine, Put(TWO, 0, KEY, b"v")) == replies.TooOld(NOW)
    assert applied(machine, Put(TWO, 0, KEY, b"v"), NOW + 1) == replies.TooOld(NOW)


def test_a_follower_gives_no_wait_with_locked() -> None:
    machine = leader()
    intent = Intent(KEY, TWO, NOW, NOW, NOW, KEY, (KEY,), True)
    machine.rows.put_intent(intent, b"")
    assert write().apply(machine, NOW, 0, ()).wait is not None
    machine.follow()
    assert write().apply(machine, NOW, 0, ()) == Applied(replies.Locked(intent))


@pytest.mark.parametrize(("age", "name", "older"), [(NOW - 1, TWO, True), (NOW, ONE, True), (NOW, b"3" * 16, False)])
def test_a_prewrite_waits_long_for_a_younger_and_a_grace_for_an_older_attempt(
    age: int, name: bytes, older: bool
) -> None:
    """C6; of one age, the id decides. The grace is counted from the arrival of the copy."""
    machine = leader()
    intent = Intent(KEY, TWO if name != TWO else b"9" * 16, NOW, NOW, NOW, KEY, (KEY,), True)
    machine.rows.put_intent(intent, b"")
    message = Prewrite(name, NOW, age, NOW, ((KEY, b"v", False),), KEY, (KEY,), True)
    request = Request(0, 1, 1, 1, encode(message), message, 5.0, 0)
    wait = machine.admit(request, 5.01)
    assert wait.seconds == (SETTLE_WAIT_SECONDS if older else pytest.approx(GRACE_SECONDS - 0.01))
    late = machine.admit(request, 5.0 + GRACE_SECONDS)
    assert type(late) is Wait if older else late == Answer(replies.Locked(intent))
    applied = message.apply(machine, 0, 0, (NOW + 1,))
    assert applied.wait is not None and applied.wait.seconds == (SETTLE_WAIT_SECONDS if older else GRACE_SECONDS)


# -- collection ----------------------------------------------------------------------------------------------------


def test_a_collection_goes_on_where_its_limit_ended_it() -> None:
    machine = leader()
    for text in (b"a", b"b", b"c"):
        for at in range(1, 6):
            machine.rows.put_version(head(USER + text), at, TWO, b"")
    machine.raise_safe(4)
    start: bytes | None = b""
    steps = []
    while start is not None:
        reply = run(machine, Collect(start, 2))
        start = reply.next
        steps.append((reply.removed, start))
    assert [removed for removed, _ in steps] == [2, 2, 2, 2, 1]
    assert len(machine.rows.view.values) == 6, "of each key the newest at or below 4, and the one above"


def test_a_collection_of_keys_with_nothing_to_remove_moves_on() -> None:
    machine = leader()
    for number in range(5):
        machine.rows.put_version(head(USER + bytes([65 + number])), NOW, TWO, b"")
    assert run(machine, Collect(b"", 2)) == replies.Collected(USER + b"C", 0)
    assert run(machine, Collect(USER + b"C", 2)) == replies.Collected(USER + b"E", 0)
    assert run(machine, Collect(USER + b"E", 2)) == replies.Collected(None, 0)


# -- bytes from outside --------------------------------------------------------------------------------------------

GOOD: list[Any] = [
    Put(ONE, 1, KEY, None),
    Put(ONE, 1, KEY, b"v"),
    Write(ONE, 1, 2, 3, (KEY,), ((KEY, OTHER),), ((KEY, b"v"), (OTHER, None))),
    Prewrite(ONE, 1, 2, 3, ((KEY, b"v", True), (OTHER, None, False)), KEY, (KEY, OTHER), True),
    Prewrite(ONE, 1, 2, 3, ((OTHER, None, False),), KEY, (), True),
    Bar(KEY, ONE, 1, True),
    Verdict(KEY, ONE, 1, 0, False),
    Settle((KEY, OTHER), ONE * 2, (0, 0), 1),
    Close(5),
    RaiseSafe(5),
    Collect(b"", 7),
    replies.Committed(5),
    replies.IsAborted(),
    replies.Locked(Intent(KEY, ONE, 1, 2, 3, KEY, (KEY, OTHER), True)),
    replies.Conflict(KEY),
    replies.Pushed(),
    replies.Above(),
    replies.TooOld(5),
    replies.Prewritten((5, 6)),
    replies.Barred(),
    replies.BarRefused(5),
    replies.VerdictIs(5),
    replies.NoIntent(),
    replies.Collected(None, 5),
]


@pytest.mark.parametrize("message", GOOD, ids=lambda message: type(message).__name__)
def test_messages_survive_the_wire(message: Any) -> None:
    assert decode(encode(message)) == message


BAD: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (Put, (b"short", 1, KEY, None)),
    (Put, (ONE, -1, KEY, None)),
    (Put, (ONE, "1", KEY, None)),
    (Put, ("1" * 16, 1, KEY, None)),
    (Put, (ONE, 1, b"", None)),
    (Put, (ONE, 1, "k", None)),
    (Put, (ONE, 1, USER + b"k" * (KEY_BYTES_MAX + 1), None)),
    (Put, (ONE, 1, USER + b"\0" * KEY_BYTES_MAX, None)),
    (Put, (ONE, 1, KEY, b"v" * (VALUE_BYTES_MAX + 1))),
    (Put, (ONE, 1, KEY, 5)),
    (Write, (ONE, 1, 1, 1, (), (), ())),
    (Write, (ONE, 1, 1, 1, (), (), ((OTHER, b""), (KEY, b"")))),
    (Write, (ONE, 1, 1, 1, (), (), ((KEY, b""), (KEY, b"")))),
    (Write, (ONE, 1, 1, 1, (), (), {(KEY, b""): 1})),
    (Write, (ONE, 1, 1, 1, (), (), ({KEY: 1, b"v": 2},))),
    (Write, (ONE, 1, 1, 1, (), (), ((KEY, 5),))),
    (Write, (ONE, 1, 1, 1, (5,), (), ((KEY, b""),))),
    (Write, (ONE, 1, 1, 1, (), (KEY,), ((KEY, b""),))),
    (Write, (ONE, 1, 1, 1, (), ((KEY, b""),), ((KEY, b""),))),
    (Write, (ONE, 1, None, 1, (), (), ((KEY, b""),))),
    (Prewrite, (ONE, 1, 1, 1, ((KEY, b"", 1),), KEY, (KEY,), True)),
    (Prewrite, (ONE, 1, 1, 1, ((KEY, b""),), KEY, (KEY,), True)),
    (Prewrite, (ONE, 1, 1, 1, ((KEY, b"", True),), KEY, (), True)),
    (Prewrite, (ONE, 1, 1, 1, ((OTHER, b"", True),), KEY, (KEY, OTHER), True)),
    (Prewrite, (ONE, 1, 1, 1, ((KEY, b"", True),), KEY, (OTHER,), True)),
    (Bar, (KEY, ONE, 1, 1)),
    (Verdict, (KEY, ONE, 1, -1, True)),
    (Settle, ((), ONE, 1, 1)),
    (Settle, ((OTHER, KEY), ONE, 1, 1)),
    (Close, ("5",)),
    (RaiseSafe, (-1,)),
    (Collect, (b"", 0)),
    (Collect, (b"", 10**9)),
]


@pytest.mark.parametrize(("make", "fields"), BAD)
def test_what_nobody_should_send_is_malformed(make: Any, fields: tuple[Any, ...]) -> None:
    with pytest.raises(Malformed):
        decode(encode_plain((class_tag(make), *fields)))


def test_a_message_beyond_a_limit_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="a key and value within their limits"):
        Put(ONE, 1, KEY, b"v" * (VALUE_BYTES_MAX + 1))
    with pytest.raises(ValueError, match="beyond its limit"):
        write(writes=((KEY, b"v" * (VALUE_BYTES_MAX + 1)),))
