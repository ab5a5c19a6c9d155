"""C3 to C6 and F1 to F3 at the coordinator: what it sends, when it tells, what it does behind the caller's back."""

import pytest

from node.codec import encode
from node.machine import Request
from node.messages import Busy, Done, Refused
from ranges.messages import Intent, StaleSpan
from tests.ranges.played import Played, whole
from txn import coordinator as module
from txn.commands import Prewrite
from txn.coordinator import Coordinator
from txn.endings import Settle, Verdict
from txn.messages import Commit, OutcomeIsUnknown, Part
from txn.queries import Check
from txn.replies import (
    Committed,
    Conflict,
    IsAborted,
    Locked,
    NoIntent,
    Prewritten,
    Pushed,
    TooOld,
    VerdictIs,
)
from txn.settling import Settling

S, C = 20 << 16, (20 << 16) + 7
A, B, Z = b"\x10a", b"\x10b", b"\x10z"
NAME = b"n" * 16
SIDES = (whole(1, end=b"\x10m"), whole(2, b"\x10m"))


class Ranges:
    """Answers by the class of a message and its first key; `None` for silence, a list for one reply after another."""

    def __init__(self, **replies) -> None:
        self.replies = {
            "Settle": Done(),
            "Check": Done(),
            "VerdictC": VerdictIs(C),
            "Verdict0": VerdictIs(0),
            **replies,
        }
        self.stage = Played(self.answer, *SIDES)
        self.coordinator = Coordinator(self.stage.router, Settling(self.stage.router))

    def answer(self, send):
        message, name = send.message, type(send.message).__name__
        key = message.writes[0][0] if name == "Prewrite" else b""
        name += {A: "A", Z: "Z"}.get(key, "")
        if name == "Verdict":
            name += "C" if message.commit else "0"
        reply = self.replies.get(name)
        if isinstance(reply, list):
            reply = reply.pop(0)
        return reply(send) if callable(reply) else reply

    def serve(self, message):
        service = self.coordinator.services()[type(message)]
        body = encode(message)
        return self.stage.run(service(Request(1, 1, 0, 0, body, message, 0.0)))

    def commit(self, reads=(), spans=(), keys=(A, Z), start: int = S, seconds: float = 8.0, name: bytes = NAME):
        return self.serve(Commit(name, start, start, seconds, 0, reads, spans, tuple((key, b"v") for key in keys)))

    def sent(self, kind):
        return self.stage.messages(kind)


def intents(first: int = S, second: int = C) -> dict[str, object]:
    return {"PrewriteA": Prewritten((first,)), "PrewriteZ": Prewritten((second,))}


def test_c3_one_message_a_range_and_all_keys_on_the_primary_alone():
    ranges = Ranges(PrewriteA=Prewritten((S, S)), PrewriteZ=Prewritten((C,)))
    assert ranges.commit(reads=(B,), keys=(A, B, Z)) == Committed(C)
    first, second = ranges.sent(Prewrite)
    assert (first.keys, second.keys) == ((A, B, Z), ())
    assert (first.writes, second.writes) == (((A, b"v", False), (B, b"v", True)), ((Z, b"v", False),))
    assert first.primary == second.primary == A and first.inside and second.inside


def test_c4_an_implicit_commit_is_told_before_it_is_settled_and_takes_no_verdict():
    ranges = Ranges(**intents(), Settle=None)
    assert ranges.commit() == Committed(C)
    assert {each.keys for each in ranges.sent(Settle)} == {(Z,)}, "the primary is not settled before all others are"
    ranges.replies["Settle"] = Done()
    ranges.stage.rest()
    assert ranges.sent(Settle)[-2:] == [Settle((Z,), NAME, (C,), S), Settle((A,), NAME, (C,), S)]
    assert not ranges.sent(Verdict)


def test_what_is_decided_meanwhile_is_settled_together():
    ranges = Ranges(**intents(), Settle=None)
    many = module.SETTLERS_MAX + 3
    for place in range(many):
        name = bytes([place]) * 16
        assert ranges.commit(name=name) == Committed(C)
    ranges.replies["Settle"] = Done()
    ranges.stage.rest()
    together = [each for each in ranges.sent(Settle) if len(each.keys) == 3]
    assert [each.keys for each in together] == [(Z,) * 3, (A,) * 3]
    assert together[0].ids == b"".join(bytes([place]) * 16 for place in range(many - 3, many))


@pytest.mark.parametrize("refusal", [TooOld(0), StaleSpan((whole(1, end=b"\x10m"), whole(2, b"\x10m", span=2)))])
def test_one_that_is_refused_does_not_keep_others_from_being_settled(refusal):
    ranges = Ranges(**intents(), Settle=None)
    many = module.SETTLERS_MAX + 2
    for place in range(many):
        ranges.commit(name=bytes([place]) * 16, start=S - place)
    ranges.replies["Settle"] = lambda send: refusal if len(send.message.keys) > 1 else Done()
    ranges.stage.rest()
    alone = {(each.keys[0], each.ids) for each in ranges.sent(Settle) if len(each.keys) == 1}
    assert alone == {(key, bytes([place]) * 16) for key in (A, Z) for place in range(many)}


def test_c4_at_its_start_an_attempt_is_implicit_wherever_it_read():
    ranges = Ranges(**intents(S, S), VerdictC=VerdictIs(S))
    assert ranges.commit(reads=(B,)) == Committed(S)
    assert not ranges.sent(Check)


def test_c5_otherwise_v_outside_w_is_checked_and_the_verdict_is_the_commit():
    ranges = Ranges(**intents())
    assert ranges.commit(reads=(A, B), spans=((b"\x10c", b"\x10p"),)) == Committed(C)
    assert {(each.reads, each.spans) for each in ranges.sent(Check)} == {
        ((B,), ()),
        ((), ((b"\x10c", b"\x10m"),)),
        ((), ((b"\x10m", b"\x10p"),)),
    }
    assert all(each.at == C for each in ranges.sent(Check))
    kinds = [type(each) for each in ranges.stage.messages()]
    assert kinds.index(Verdict) > max(place for place, kind in enumerate(kinds) if kind is Check)
    assert ranges.sent(Verdict) == [Verdict(A, NAME, S, C, True)]


def test_c5_a_span_over_a_key_of_w_puts_it_into_v_and_is_never_inside():
    ranges = Ranges(**intents())
    ranges.commit(spans=((A, B),))
    assert [each.writes[0][2] for each in ranges.sent(Prewrite)] == [True, False]
    assert not ranges.sent(Prewrite)[0].inside
    assert ranges.sent(Verdict)[0].explicit


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (VerdictIs(0), IsAborted()),
        (NoIntent(), OutcomeIsUnknown()),
        (None, OutcomeIsUnknown()),
        (TooOld(0), OutcomeIsUnknown()),
    ],
)
def test_c5_what_is_told_is_what_the_verdict_says(reply, told):
    ranges = Ranges(**intents(), VerdictC=reply)
    assert ranges.commit(reads=(B,)) == told


def test_c5_a_conflict_aborts():
    ranges = Ranges(**intents(), Check=Conflict(B))
    assert ranges.commit(reads=(B,)) == Conflict(B)
    ranges.stage.rest()
    assert ranges.sent(Verdict) == [Verdict(A, NAME, S, 0, False)]


def locked_by(age: int) -> Locked:
    return Locked(Intent(Z, b"o" * 16, age, age, age, Z, (Z,), True))


def test_c5_a_check_held_up_by_an_older_attempt_gives_way():
    ranges = Ranges(**intents(), Check=locked_by(S - 1))
    assert ranges.commit(reads=(B,)) == IsAborted()
    assert ranges.sent(Verdict) == [Verdict(A, NAME, S, 0, False)]


def test_c6_an_older_one_in_the_way_makes_it_give_up_a_younger_one_does_not():
    ranges = Ranges(PrewriteA=Prewritten((S,)), PrewriteZ=locked_by(S - 1))
    assert ranges.commit() == IsAborted()
    ranges.stage.rest()
    assert {each.commits for each in ranges.sent(Settle)} == {(0,)}
    ranges = Ranges(PrewriteA=Prewritten((S,)), PrewriteZ=[locked_by(S + 1), Prewritten((C,))])
    assert ranges.commit() == Committed(C)


def test_f1_pushed_is_sent_again_with_a_fresh_a():
    ranges = Ranges(PrewriteA=Prewritten((S,)), PrewriteZ=[Pushed(), Prewritten((C,))])
    assert ranges.commit() == Committed(C)
    assert [each.A for each in ranges.sent(Prewrite) if each.writes[0][0] == Z] == [S, 10 << 16]


def test_f2_silence_is_sent_again_with_the_same_id():
    ranges = Ranges(PrewriteA=Prewritten((S,)), PrewriteZ=[None, Prewritten((C,))])
    assert ranges.commit() == Committed(C)


@pytest.mark.parametrize("refusal", [Conflict(Z), IsAborted()])
def test_f3_what_is_for_ever_is_told_at_once_and_cleared_behind(refusal):
    ranges = Ranges(PrewriteA=Prewritten((S,)), PrewriteZ=refusal, Verdict0=None)
    assert ranges.commit() == refusal
    ranges.replies["Verdict0"] = VerdictIs(0)
    ranges.stage.rest()
    assert [each.keys for each in ranges.sent(Settle)] == [(Z,), (A,)]


@pytest.mark.parametrize(
    ("reply", "told"), [(VerdictIs(0), IsAborted()), (VerdictIs(C), Committed(C)), (None, OutcomeIsUnknown())]
)
@pytest.mark.parametrize("silent", [None, TooOld(0)])
def test_f3_giving_up_believes_only_the_verdict(reply, told, silent):
    ranges = Ranges(PrewriteA=Prewritten((S,)), PrewriteZ=silent, Verdict0=reply)
    assert ranges.commit(seconds=2.0) == told


def test_a_split_on_the_way_cuts_the_message_in_two():
    sides = (SIDES[0], whole(2, b"\x10m", b"\x10y", span=2), whole(3, b"\x10y", span=2))

    def apart(send):
        keys = [key for key, _, _ in send.message.writes]
        return StaleSpan(sides[1:]) if len(keys) > 1 else Prewritten((C,))

    ranges = Ranges(PrewriteA=Prewritten((S,)), Prewrite=apart, PrewriteZ=apart)
    assert ranges.commit(keys=(A, b"\x10x", Z)) == Committed(C)
    assert [len(each.writes) for each in ranges.sent(Prewrite)] == [1, 2, 1, 1]


# -- parts ---------------------------------------------------------------------------------------------------------


def part(number: int, *keys: bytes) -> Part:
    return Part(NAME, number, (B,), (), tuple((key, b"v") for key in keys))


def whole_commit(parts: int, *keys: bytes) -> Commit:
    return Commit(NAME, S, S, 8.0, parts, (), (), tuple((key, b"v") for key in keys))


def test_parts_come_before_the_commit_and_are_joined():
    ranges = Ranges(PrewriteA=Prewritten((C, C)), PrewriteZ=Prewritten((C,)))
    assert ranges.serve(part(0, A)) == ranges.serve(part(1, B)) == ranges.serve(part(0, A)) == Done()
    assert ranges.serve(whole_commit(2, Z)) == Committed(C)
    assert ranges.sent(Prewrite)[0].keys == (A, B, Z)


def test_a_commit_whose_parts_are_missing_or_out_of_order_is_not_begun():
    ranges = Ranges()
    ranges.serve(part(1, A))
    assert type(ranges.serve(whole_commit(2, Z))) is Refused
    ranges.serve(part(0, Z))
    assert type(ranges.serve(whole_commit(1, A))) is Refused
    assert not ranges.stage.sent


def test_parts_are_kept_within_a_limit_and_for_a_while(monkeypatch):
    monkeypatch.setattr(module, "PARTS_BYTES_MAX", len(encode(part(0, A))))
    ranges = Ranges()
    assert (ranges.serve(part(0, A)), ranges.serve(part(1, B))) == (Done(), Busy())
    ranges.stage.rest()
    assert ranges.serve(part(1, B)) == Done()
    assert type(ranges.serve(whole_commit(1, Z))) is Refused
