"""Raft's messages on the wire: class tags 1 to 15.

Owns their forms: positions lie flat, and an Append's entries in columns, so that bodies made once go through cbor2 as
one array of byte strings. Does not own the messages (node/raft/messages.py), which know nothing of bytes.
Importing this module registers them. Read next: node/codec.py.
"""

from itertools import repeat
from operator import itemgetter
from typing import Any

from node.codec import register_as
from node.config import ENTRIES_PER_APPEND_MAX
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
    Kind,
    Member,
    Position,
    SnapshotOffer,
    Stopped,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)

_INT, _BYTES, _KINDS = frozenset((int,)), frozenset((bytes,)), frozenset(Kind)
_kind = itemgetter(1)
_new = tuple.__new__  # three times as fast as Entry(…)
assert not Kind.COMMAND, "an Append without kinds holds commands only"


def _integers(*values: Any) -> None:
    if not _INT.issuperset(map(type, values)):
        raise TypeError("expected whole numbers")


def _flags(*values: Any) -> None:
    for each in values:
        if type(each) is not bool:
            raise TypeError("expected yes or no")


def _vote_request(term: Any, index: Any, last_term: Any, pre: Any, forced: Any) -> VoteRequest:
    _integers(term, index, last_term)
    _flags(pre, forced)
    return VoteRequest(term, Position(index, last_term), pre, forced)


def _vote_reply(term: Any, granted: Any, pre: Any) -> VoteReply:
    _integers(term)
    _flags(granted, pre)
    return VoteReply(term, granted, pre)


def _pack_append(message: Append) -> tuple[Any, ...]:
    """`terms` is one number if it is the same for all (they never fall); `kinds` is None if all are commands."""
    base, entries = message.base, message.entries
    same = not entries or entries[0][0] == entries[-1][0]
    terms = (entries[0][0] if entries else 0) if same else [each[0] for each in entries]
    kinds = [each[1] for each in entries] if any(map(_kind, entries)) else None
    return (3, message.term, base[0], base[1], message.commit, terms, kinds, [each[2] for each in entries])


def _append(term: Any, index: Any, base_term: Any, commit: Any, terms: Any, kinds: Any, bodies: Any) -> Append:
    _integers(term, index, base_term, commit)
    if type(bodies) is not tuple or len(bodies) > ENTRIES_PER_APPEND_MAX or not _BYTES.issuperset(map(type, bodies)):
        raise TypeError("expected bodies of entries, not too many")
    if kinds is None and type(terms) is int:
        rows = zip(repeat(terms), repeat(0), bodies, strict=False)
    else:
        columns = (_column(terms, len(bodies)), _column(0 if kinds is None else kinds, len(bodies)), bodies)
        if not _KINDS.issuperset(columns[1]):
            raise TypeError("expected kinds of entries")
        rows = zip(*columns, strict=True)
    return Append(term, Position(index, base_term), tuple(map(_new, repeat(Entry), rows)), commit)


def _column(values: Any, length: int) -> tuple[int, ...]:
    if type(values) is int:
        return (values,) * length
    if type(values) is not tuple or len(values) != length:
        raise TypeError("expected a number for each entry")
    _integers(*values)
    return values


def _append_reject(term: Any, refused: Any, index: Any, hint_term: Any, stretch: Any) -> AppendReject:
    _integers(term, refused, index, hint_term, stretch)
    return AppendReject(term, refused, Position(index, hint_term), stretch)


def _pack_offer(message: SnapshotOffer) -> tuple[Any, ...]:
    of = message.configuration
    parts = [tuple(map(tuple, part)) for part in (of.voters, of.outgoing, of.learners)]
    return (8, message.term, *message.base, of.version, of.next_replica, *parts)


def _offer(
    term: Any, index: Any, base_term: Any, version: Any, next_replica: Any, voters: Any, outgoing: Any, learners: Any
) -> SnapshotOffer:
    _integers(term, index, base_term, version, next_replica)
    configuration = Configuration(version, next_replica, *map(_members, (voters, outgoing, learners)))
    return SnapshotOffer(term, Position(index, base_term), configuration)


def _members(rows: Any) -> tuple[Member, ...]:
    if type(rows) is not tuple:
        raise TypeError("expected members")
    for row in rows:
        if type(row) is not tuple:
            raise TypeError("expected members")
        _integers(*row)
    return tuple(Member(*row) for row in rows)


def _numbers_only(cls: Any, tag: int, *names: str) -> None:
    """Register a message all of whose fields are whole numbers."""

    def pack(message: Any) -> tuple[Any, ...]:
        return (tag, *[getattr(message, name) for name in names])

    def unpack(*values: Any) -> Any:
        _integers(*values)
        if len(values) != len(names):
            raise TypeError(f"expected {len(names)} numbers")
        return cls(*values)

    register_as(cls, tag, pack, unpack)


register_as(VoteRequest, 1, lambda it: (1, it.term, *it.last, it.pre, it.forced), _vote_request)
register_as(VoteReply, 2, lambda it: (2, it.term, it.granted, it.pre), _vote_reply)
register_as(Append, 3, _pack_append, _append)
_numbers_only(AppendReply, 4, "term", "matched", "stretch")
register_as(AppendReject, 5, lambda it: (5, it.term, it.refused, *it.hint, it.stretch), _append_reject)
_numbers_only(Heartbeat, 6, "term", "commit", "round")
_numbers_only(HeartbeatReply, 7, "term", "round", "stretch")
register_as(SnapshotOffer, 8, _pack_offer, _offer)
_numbers_only(TimeoutNow, 9, "term")
_numbers_only(GoToSleep, 10, "term", "commit")
_numbers_only(Stopped, 11, "term")
_numbers_only(AskLeader, 12, "term")
