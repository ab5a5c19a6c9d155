"""Raft's messages on the wire: what is sent comes back, in the promised columns; damage is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from node import wire
from node.codec import decode, encode, encode_plain, tags
from node.config import ENTRIES_PER_APPEND_MAX
from node.errors import Malformed
from node.raft.messages import (
    Append,
    AppendReject,
    AppendReply,
    AskLeader,
    Configuration,
    Entry,
    GoToSleep,
    Heartbeat,
    HeartbeatReply,
    Member,
    Position,
    SnapshotOffer,
    Stopped,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)

CONFIGURATION = Configuration(3, 5, (Member(1, 1), Member(2, 2)), (Member(1, 1),), (Member(4, 9),))
MESSAGES = [
    VoteRequest(7, Position(9, 6), True, False),
    VoteReply(7, False, True),
    Append(7, Position(9, 6), (), 8),
    Append(7, Position(9, 6), (Entry(7, 0, b"a"), Entry(7, 0, b"")), 8),
    Append(7, Position(9, 6), (Entry(6, 0, b"a"), Entry(7, 1, b""), Entry(7, 2, b"c")), 8),
    Append(7, Position(9, 6), (Entry(7, 1, b""),), 8),
    AppendReply(7, 9, 1 << 40),
    AppendReject(7, 9, Position(3, 2), 4),
    Heartbeat(7, 9, 1),
    HeartbeatReply(7, 1, 2),
    SnapshotOffer(7, Position(100, 6), CONFIGURATION),
    TimeoutNow(7),
    GoToSleep(7, 9),
    Stopped(7),
    AskLeader(7),
]


@pytest.mark.parametrize("sent", MESSAGES, ids=str)
def test_a_message_comes_back(sent: Any) -> None:
    got = decode(encode(sent))
    assert got == sent
    assert type(got) is type(sent)


def test_named_tuples_come_back_as_such() -> None:
    append = decode(encode(MESSAGES[4]))
    assert [type(each) for each in append.entries] == [Entry] * 3
    assert type(append.base) is Position
    assert type(decode(encode(MESSAGES[10])).configuration.learners[0]) is Member


def test_the_tags_are_pinned() -> None:
    assert {tag: name for tag, name in tags().items() if tag < 16} == {
        1: "VoteRequest", 2: "VoteReply", 3: "Append", 4: "AppendReply", 5: "AppendReject", 6: "Heartbeat",
        7: "HeartbeatReply", 8: "SnapshotOffer", 9: "TimeoutNow", 10: "GoToSleep", 11: "Stopped", 12: "AskLeader",
    }  # fmt: skip


def test_an_append_of_commands_names_its_term_once_and_no_kinds() -> None:
    entries = [Entry(7, 0, b"x")] * 3
    assert encode(Append(7, Position(1, 7), entries, 0)) == encode_plain((3, 7, 1, 7, 0, 7, None, (b"x",) * 3))


@pytest.mark.parametrize(
    "row",
    [
        (1, 7, 9, 6, True),
        (1, 7, 9, 6, 1, False),
        (1, 7, 9, None, True, False),
        (2, 7, 1, False),
        (2, True, True, False),
        (3, 7, 9, 6, 8, 7, None, (b"a", 5)),
        (3, 7, 9, 6, 8, 7, None, b"ab"),
        (3, 7, 9, 6, 8, (7,), None, (b"a", b"b")),
        (3, 7, 9, 6, 8, (7, b""), None, (b"a", b"b")),
        (3, 7, 9, 6, 8, 7, (0,), (b"a", b"b")),
        (3, 7, 9, 6, 8, 7, (0, 3), (b"a", b"b")),
        (3, 7, 9, 6, 8, 7, (0, "1"), (b"a", b"b")),
        (3, 7, 9, 6, 8, 7, 9, (b"a",)),
        (3, 7, 9, 6, 8, None, None, (b"a",)),
        (3, 7, 9, 6, 8, 7, None),
        (3, 7, 9, 6, "8", 7, None, ()),
        (3, 7, 9, 6, 8, 7.5, None, ()),
        (3, 7, 9, 6, 8, 7, None, (b"",) * (ENTRIES_PER_APPEND_MAX + 1)),
        (3, 7, 9, 6, 8, 7, False, (b"a",)),
        (4, 7, 9),
        (4, 7, 9, "0"),
        (4, 7, 9, 0, 0),
        (5, 7, 9, 3, None, 4),
        (6, 7, 9, True),
        (8, 7, 1, 1, 1, 1, 5, (), ()),
        (8, 7, 1, 1, 1, 1, ((1, 2, 3),), (), ()),
        (8, 7, 1, 1, 1, 1, ((1, b""),), (), ()),
        (8, 7, 1, 1, 1, 1, (5,), (), ()),
        (9,),
        (12, b""),
    ],
)
def test_wrong_fields_are_refused(row: tuple[Any, ...]) -> None:
    with pytest.raises(Malformed):
        decode(encode_plain(row))


ENTRIES = some.lists(
    some.builds(Entry, some.integers(0, 3), some.sampled_from([0, 0, 0, 1, 2]), some.binary(max_size=5)), max_size=6
)


@given(ENTRIES)
def test_any_entries_come_back(entries: list[Entry]) -> None:
    entries.sort(key=lambda each: each.term)
    sent = Append(3, Position(1, 0), tuple(entries), 0)
    assert decode(encode(sent)) == sent


@given(
    some.lists(
        some.integers(0, 9) | some.none() | some.binary(max_size=3) | some.just((1, 0)) | some.just((b"a",)), max_size=8
    )
)
def test_any_fields_are_a_message_or_malformed(fields: list[Any]) -> None:
    for tag in range(1, 13):
        try:
            assert type(decode(encode_plain((tag, *fields)))).__name__ == tags()[tag]
        except Malformed:
            pass


def test_the_module_is_used_for_what_it_registers() -> None:
    assert wire.Append is Append
