"""What scripts cannot show of queries: limits of scans, clipping to a range, patience, bytes from outside."""

from typing import Any

import pytest

from node.codec import decode, encode, encode_plain
from node.errors import Malformed
from node.machine import Answer, Request, Wait
from node.messages import Done
from ranges import config
from ranges.keys import TICK, USER, head
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.messages import Intent, StaleSpan
from tests.ranges.fakes import FakeView
from tests.txn.led import ONE, TWO, class_tag, no_settling, no_tick
from txn import queries, replies
from txn.queries import Attempt, Check, Fate, Intents, Read, Scan

NOW = 9 * TICK


def key(text: str) -> bytes:
    return USER + text.encode()


def leader(texts: str = "", start: str = "a", end: str = "z") -> RangeMachine:
    """A range with a version of each letter, whose value is the letter."""
    machine = RangeMachine(1, FakeView(), first_mark(key(start), key(end)), no_settling, no_tick)
    machine.lead(1)
    for text in texts:
        machine.rows.put_version(head(key(text)), TICK, TWO, text.encode())
    return machine


def ask(machine: RangeMachine, message: Any, now: float = 0.0, tick: int = NOW) -> Any:
    outcome = machine.read(Request(0, 1, 1, machine.span_version, encode(message), message, 0.0, tick), now)
    return outcome.reply if type(outcome) is Answer else outcome


def scan(machine: RangeMachine, start: str, end: str, limit: int = 0, size: int = 0, reverse: bool = False) -> Any:
    reply = ask(machine, Scan(key(start), key(end), NOW, limit, size, reverse))
    if type(reply) is not replies.Rows:
        return reply
    more = None if reply.more is None else reply.more[1:].decode()
    return "".join(value.decode() for _, value in reply.rows), more


# -- reads ---------------------------------------------------------------------------------------------------------


def test_a_one_shot_get_reads_at_the_tick_of_its_copy() -> None:
    machine = leader("b")
    message = Read((key("b"), key("c")), 0)
    assert message.wants_tick and not Read((key("b"),), 5).wants_tick
    assert ask(machine, message) == replies.Values(NOW, (b"b", None))
    assert machine.leading.floor(key("b")) == machine.leading.floor(key("c")) == NOW


def test_a_read_of_keys_elsewhere_is_answered_with_the_descriptor() -> None:
    assert type(ask(leader("b"), Read((key("b"), key("zz")), NOW))) is StaleSpan


# -- scans ---------------------------------------------------------------------------------------------------------


def test_limits_end_a_scan_at_a_key() -> None:
    machine = leader("bcdef")
    assert scan(machine, "a", "z") == ("bcdef", None)
    assert scan(machine, "c", "f") == ("cde", None)
    assert scan(machine, "a", "z", limit=2) == ("bc", "d")
    assert scan(machine, "d", "z", limit=3) == ("def", None)
    assert scan(machine, "a", "z", size=1) == ("b", "c")
    assert scan(machine, "a", "z", limit=2, reverse=True) == ("fe", "e")
    assert scan(machine, "a", "e", limit=5, reverse=True) == ("dcb", None)


def test_only_the_covered_part_is_read() -> None:
    machine = leader("bcdef")
    scan(machine, "a", "z", limit=2)
    assert [machine.leading.floor(key(text)) for text in "abcd"] == [NOW, NOW, NOW, 0]
    scan(machine, "a", "z", limit=1, reverse=True)
    assert [machine.leading.floor(key(text)) for text in "defgz"] == [0, 0, NOW, NOW, 0]


def test_a_scan_sees_deletions_and_skips_what_is_newer() -> None:
    machine = leader("bcd")
    machine.rows.put_version(head(key("c")), 2 * TICK, TWO, None)
    machine.rows.put_version(head(key("d")), NOW + 1, TWO, b"D")
    machine.rows.put_version(head(key("e")), NOW + 1, TWO, b"E")
    assert scan(machine, "a", "z") == ("bd", None)
    assert scan(machine, "a", "z", reverse=True) == ("db", None)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_key_of_many_versions_does_not_hold_up_a_scan(reverse: bool) -> None:
    machine = leader("bd")
    view = machine.rows.view
    assert type(view) is FakeView
    for at in range(1000):
        machine.rows.put_version(head(key("c")), 2 * TICK + at, TWO, b"c")
    assert scan(machine, "a", "z", reverse=reverse) == ("dcb" if reverse else "bcd", None)
    assert view.scanned < 20
    old = ask(machine, Scan(key("a"), key("z"), 2 * TICK + 5, 0, 0, reverse))
    assert len(old.rows) == 3 and view.scanned < 40


def test_rows_that_show_nothing_are_work_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "SCAN_VISITS_MAX", 3)
    machine = leader()
    for text in "bcdefg":
        machine.rows.put_version(head(key(text)), TICK, TWO, None)
    assert scan(machine, "a", "z") == ("", "e")
    assert scan(machine, "e", "z") == ("", None)
    assert scan(machine, "a", "z", reverse=True) == ("", "e")


def test_a_scan_is_clipped_to_its_range_and_says_where_the_next_one_begins() -> None:
    machine = leader("def", start="d", end="m")
    assert scan(machine, "d", "z") == ("def", "m")
    assert scan(machine, "d", "m") == ("def", None)
    assert scan(machine, "a", "m", reverse=True) == ("fed", "d")
    assert scan(machine, "d", "m", reverse=True) == ("fed", None)
    assert type(scan(machine, "a", "m")) is type(scan(machine, "d", "z", reverse=True)) is StaleSpan
    assert type(scan(machine, "a", "d", reverse=True)) is StaleSpan


@pytest.mark.parametrize("reverse", [False, True])
def test_a_pending_write_beyond_the_covered_part_does_not_hold_a_scan(reverse: bool) -> None:
    machine = leader("bcd")
    machine.leading.register(key("bb" if reverse else "cc"), NOW)
    assert scan(machine, "a", "z", limit=1, reverse=reverse) == (("d", "d") if reverse else ("b", "c"))
    assert type(scan(machine, "a", "z", limit=3, reverse=reverse)) is Wait


@pytest.mark.parametrize("reverse", [False, True])
def test_an_intent_holds_a_scan_which_has_read_up_to_it(reverse: bool) -> None:
    machine = leader("bd")
    machine.rows.put_intent(Intent(key("c"), ONE, 5, 5, NOW, key("c"), (), True), b"")
    wait = scan(machine, "a", "z", reverse=reverse)
    assert type(wait) is Wait and wait.token == ("intent", key("c"), ONE)
    covered = "cd" if reverse else "bc"
    assert [text for text in "bcd" if machine.leading.floor(key(text)) == NOW] == list(covered)


def test_an_intent_above_the_time_does_not_hold_a_scan() -> None:
    machine = leader("bcd")
    machine.rows.put_intent(Intent(key("c"), ONE, 5, 5, NOW + 1, key("c"), (), True), b"")
    assert scan(machine, "a", "z") == ("bcd", None)


def test_a_scan_below_the_safe_point_is_refused() -> None:
    machine = leader("b")
    machine.raise_safe(NOW + 1)
    assert scan(machine, "a", "z") == replies.BelowSafe(NOW + 1)


# -- attempts ------------------------------------------------------------------------------------------------------


def test_a_check_waits_for_pending_writes_and_raises_floors() -> None:
    machine = leader()
    message = Check(ONE, 5, 5, NOW, (key("b"),), ((key("d"), key("f")),))
    machine.leading.register(key("b"), NOW)
    assert ask(machine, message).token == ("key", key("b"))
    machine.leading.release(key("b"), NOW)
    machine.leading.register(key("e"), NOW)
    assert ask(machine, message).token == ("key", key("e"))
    machine.leading.release(key("e"), NOW)
    assert ask(machine, message) == Done()
    assert [machine.leading.floor(key(text)) for text in "bcde"] == [NOW, 0, NOW, NOW]


def test_a_check_skips_its_own_intents() -> None:
    machine = leader()
    machine.rows.put_intent(Intent(key("e"), ONE, 5, 5, 6, key("e"), (), True), b"")
    assert ask(machine, Check(ONE, 5, 5, NOW, (), ((key("d"), key("f")),))) == Done()
    assert type(ask(machine, Check(TWO, 5, 5, NOW, (), ((key("d"), key("f")),)))) is Wait


def test_a_check_of_a_span_that_is_not_whole_here_is_refused() -> None:
    assert type(ask(leader(), Check(ONE, 5, 5, NOW, (), ((key("d"), key("zz")),)))) is StaleSpan


def test_a_fate_waits_for_a_verdict_as_long_as_it_has_patience() -> None:
    machine = leader()
    intent = Intent(key("e"), ONE, 5, 5, 6, key("e"), (key("e"),), True)
    machine.rows.put_intent(intent, b"")
    message = Fate(key("e"), ONE, 5, 3.0)
    wait = ask(machine, message, now=1.0)
    assert type(wait) is Wait and (wait.token, wait.seconds, wait.flow) == (("verdict", ONE), 2.0, None)
    assert ask(machine, message, now=3.0) == replies.FateIs(None, intent)
    machine.rows.put_verdict(key("e"), ONE, 5, 7)
    assert ask(machine, message) == replies.FateIs(7, intent)
    assert ask(machine, Fate(key("e"), TWO, 5, 0)) == replies.FateIs(None, None)


def test_an_attempt_is_known_by_its_intent_or_its_version() -> None:
    machine = leader("b")
    assert ask(machine, Attempt(key("b"), TWO, 5)) == replies.AttemptIs(TICK, False)
    assert ask(machine, Attempt(key("b"), ONE, 5)) == replies.AttemptIs(0, False)
    machine.rows.put_intent(Intent(key("b"), ONE, 5, 5, 6, key("b"), (), True), b"")
    assert ask(machine, Attempt(key("b"), ONE, 5)) == replies.AttemptIs(6, True)


def test_intents_are_listed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = leader("bcdef")
    stand = [Intent(key(text), ONE, start, 5, 6, key("b"), (), False) for text, start in (("c", 5), ("e", 5), ("f", 9))]
    for intent in stand:
        machine.rows.put_intent(intent, b"")
    assert ask(machine, Intents(b"", 100, 8)) == replies.IntentsAre(tuple(stand[:2]), None)
    assert ask(machine, Intents(b"", 1, 8)) == replies.IntentsAre(tuple(stand[:1]), key("d"))
    assert ask(machine, Intents(key("d"), 1, 9)) == replies.IntentsAre(tuple(stand[1:2]), key("f"))
    monkeypatch.setattr(queries, "INTENTS_VISITS_MAX", 3)
    assert ask(machine, Intents(b"", 100, 9)) == replies.IntentsAre(tuple(stand[:1]), key("e"))


# -- bytes from outside --------------------------------------------------------------------------------------------

GOOD: list[Any] = [
    Read((key("a"), key("b")), 5),
    Scan(key("a"), key("b"), 0, 5, 6, True),
    Check(ONE, 1, 2, 3, (key("a"),), ((key("b"), key("c")),)),
    Fate(key("a"), ONE, 5, 0.5),
    Attempt(key("a"), ONE, 5),
    Intents(b"", 5, 6),
    replies.Values(5, (b"v", None)),
    replies.Rows(5, ((key("a"), b"v"),), None),
    replies.BelowSafe(5),
    replies.FateIs(None, Intent(key("a"), ONE, 1, 2, 3, key("a"), (key("a"),), True)),
    replies.AttemptIs(5, True),
    replies.IntentsAre((Intent(key("a"), ONE, 1, 2, 3, key("a"), (), False),), key("b")),
]


@pytest.mark.parametrize("message", GOOD, ids=lambda message: type(message).__name__)
def test_messages_survive_the_wire(message: Any) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (Read, ((), -1)),
        (Read, ((), 1)),
        (Read, ((b"",), 1)),
        (Read, ((key("a"),) * (config.READ_KEYS_MAX + 1), 1)),
        (Read, ({key("a"): 1}, 1)),
        (Scan, (key("b"), key("a"), 0, 0, 0, False)),
        (Scan, (key("a"), key("a"), 0, 0, 0, False)),
        (Scan, (key("a"), None, 0, 0, 0, False)),
        (Scan, (key("a"), key("b"), 0, -1, 0, False)),
        (Scan, (key("a"), key("b"), 0, 0, 0, 1)),
        (Check, (ONE, 1, 2, "3", (), ())),
        (Check, (ONE, 1, 2, 3, (5,), ())),
        (Check, (ONE, 1, 2, 3, (), ((key("a"),),))),
        (Fate, (key("a"), ONE, 5, 1e9)),
        (Fate, (key("a"), ONE, 5, float("nan"))),
        (Fate, (key("a"), ONE, 5, "1")),
        (Attempt, (key("a"), b"", 5)),
        (Intents, (b"", 0, 5)),
        (Intents, (5, 1, 5)),
    ],
)
def test_what_nobody_should_send_is_malformed(make: Any, fields: tuple[Any, ...]) -> None:
    with pytest.raises(Malformed):
        decode(encode_plain((class_tag(make), *fields)))
