"""What a caller may be told of a commit, from what came back of which copies (C2, C3, F1 to F4, M4)."""

import pytest

from node.messages import Busy, Done, NotLeader, Refused
from ranges.messages import Intent, StaleSpan
from ranges.placement.messages import Lookup
from tests.ranges.played import Played, scripted, whole
from txn import committing as module
from txn.commands import Write
from txn.committing import Committing, Load, Names, cut, join_spans
from txn.endings import Bar
from txn.errors import Aborted, OutcomeUnknown, Unavailable
from txn.messages import PART_BYTES_MAX, Commit, OutcomeIsUnknown, Part
from txn.queries import Attempt, Fate
from txn.replies import (
    Above,
    AttemptIs,
    Barred,
    BarRefused,
    Committed,
    Conflict,
    FateIs,
    IsAborted,
    Locked,
    Pushed,
    TooOld,
)

S, C = 20 << 16, 21 << 16
A, B, Z = b"\x10a", b"\x10b", b"\x10z"
LEFT, RIGHT = whole(1, end=b"\x10c", span=2), whole(2, b"\x10c", span=2)
LOCKED = Locked(Intent(A, bytes(16), 1, 1, 1, A, (A,), True))


def load(*keys: bytes, reads: tuple[bytes, ...] = ()) -> Load:
    return Load(S, S, reads, (), tuple((key, b"v") for key in keys))


def committed(stage: Played, what: Load, seconds: float = 10.0):
    return stage.run(Committing(stage.router, Names(lambda: 0.5)).commit(what, seconds))


def one_range(*replies, keys=(A, B), seconds: float = 10.0):
    stage = Played(scripted(*replies))
    return stage, lambda: committed(stage, load(*keys), seconds)


def ids(stage: Played) -> int:
    return len({each.id for each in stage.messages() if type(each) in (Write, Commit)})


# -- one range ---------------------------------------------------------------------------------------------------


def test_one_range_is_one_write():
    stage, commit = one_range(Committed(C))
    assert commit() == C
    (write,) = stage.messages()
    assert (write.S, write.age, write.A, [key for key, _ in write.writes]) == (S, S, S, [A, B])
    assert stage.router.told == C


def test_locks_and_pushes_are_sent_again_with_the_same_id_and_a_fresh_a():
    stage, commit = one_range(LOCKED, Pushed(), None, Committed(C))
    assert commit() == C
    assert ids(stage) == 1
    assert [each.A for each in stage.messages(Write)] == [S, S, 10 << 16, 10 << 16]


@pytest.mark.parametrize("reply", [Conflict(A), IsAborted()])
def test_what_is_for_ever_is_aborted_whatever_is_open(reply):
    _, commit = one_range(None, reply)
    with pytest.raises(Aborted):
        commit()


def test_silence_to_the_end_is_unknown():
    _, commit = one_range(*[None] * 20, seconds=3.0)
    with pytest.raises(OutcomeUnknown):
        commit()


def test_refusals_to_the_end_are_unavailable():
    stage = Played(lambda send: NotLeader(1, 0) if type(send.message) is Write else None)
    with pytest.raises(Unavailable):
        committed(stage, load(A), 1.0)


@pytest.mark.parametrize(("silent", "error"), [(0, Aborted), (1, OutcomeUnknown)])
def test_locks_to_the_end_are_aborted_only_if_no_copy_is_open(silent, error):
    stage = Played(lambda send: None)

    def answer(send):
        stage.flows.now += 0.3
        return LOCKED if type(send.message) is Write and len(stage.messages(Write)) > silent else None

    stage.answer = answer
    with pytest.raises(error):
        committed(stage, load(A), 3.0)


def test_f4_aborts_if_every_copy_was_answered():
    stage, commit = one_range(TooOld(0))
    with pytest.raises(Aborted):
        commit()
    assert not stage.messages(Bar)


def test_f4_with_an_open_copy_aborts_only_behind_a_bar():
    stage, commit = one_range(None, TooOld(0), Barred())
    with pytest.raises(Aborted):
        commit()
    (bar,) = stage.messages(Bar)
    assert (bar.key, bar.S, bar.primary) == (A, S, False)
    _, commit = one_range(None, TooOld(0), BarRefused(C))
    assert commit() == C
    _, commit = one_range(None, TooOld(0), TooOld(0))
    with pytest.raises(OutcomeUnknown):
        commit()


def test_above_goes_on_over_ranges_with_the_same_id_if_every_copy_was_answered():
    stage, commit = one_range(Above(), Committed(C))
    assert commit() == C
    assert ids(stage) == 1 and type(stage.messages()[-1]) is Commit


def test_above_with_an_open_copy_goes_on_behind_a_bar_with_another_id():
    stage, commit = one_range(None, Above(), Barred(), Committed(C))
    assert commit() == C
    assert ids(stage) == 2 and stage.messages(Bar)[0].id == stage.messages(Write)[0].id
    stage, commit = one_range(None, Above(), BarRefused(C))
    assert commit() == C and not stage.messages(Commit)


# -- M4 ------------------------------------------------------------------------------------------------------------


def test_a_write_whose_range_was_split_is_asked_for_under_a_newer_span_version():
    stage, commit = one_range(None, StaleSpan((LEFT, RIGHT)), AttemptIs(C, False), keys=(A, B))
    assert commit() == C
    asked = stage.sent[-1]
    assert type(asked.message) is Attempt and asked.span == 2 and asked.message.key == A


def test_a_write_that_is_not_there_goes_on_over_ranges_with_the_same_id():
    stage, commit = one_range(None, StaleSpan((LEFT, RIGHT)), AttemptIs(0, False), Committed(C), keys=(A, B))
    assert commit() == C
    assert [type(each) for each in stage.messages()][-2:] == [Attempt, Commit] and ids(stage) == 1


def test_a_question_of_m4_waits_for_a_newer_span_version_than_every_write_had():
    stage, commit = one_range(None, StaleSpan(()), AttemptIs(C, False), keys=(A, B))

    def answer(send, scripted=stage.answer):
        if len([each for each in stage.sent if type(each.message) is Lookup]) == 3:
            stage.catalog = [LEFT, RIGHT]
        return scripted(send)

    stage.answer = answer
    assert commit() == C
    assert stage.sent[-1].span == 2


def test_a_write_that_nobody_can_tell_of_is_unknown():
    _, commit = one_range(None, StaleSpan((LEFT, RIGHT)), *[None] * 20, keys=(A, B), seconds=5.0)
    with pytest.raises(OutcomeUnknown):
        commit()
    _, commit = one_range(None, StaleSpan((LEFT, RIGHT)), TooOld(0), keys=(A, B))
    with pytest.raises(OutcomeUnknown):
        commit()


def test_a_write_whose_copies_were_all_refused_begins_anew_after_a_split():
    stage, commit = one_range(StaleSpan((LEFT, RIGHT)), Committed(C), keys=(A, B))
    assert commit() == C
    assert [type(each) for each in stage.messages()] == [Write, Write] and stage.sent[-1].span == 2
    stage, commit = one_range(StaleSpan((LEFT, RIGHT)), Committed(C), keys=(A, Z))
    assert commit() == C
    assert [type(each) for each in stage.messages()] == [Write, Commit] and ids(stage) == 1


# -- several ranges ------------------------------------------------------------------------------------------------


def several(*replies, seconds: float = 10.0):
    stage = Played(scripted(*replies), LEFT, RIGHT)
    stage.directory.lead(1, 2)
    return stage, lambda: committed(stage, load(A, Z, reads=(B,)), seconds)


def test_several_ranges_are_handed_to_the_node_that_leads_the_primarys():
    stage, commit = several(Committed(C))
    assert commit() == C
    (sent,) = stage.sent
    order = sent.message
    assert (sent.node, order.parts, order.reads, [key for key, _ in order.writes]) == (2, 0, (B,), [A, Z])
    assert 0 < order.seconds < 10.0


@pytest.mark.parametrize("reply", [Conflict(A), IsAborted()])
def test_what_the_coordinator_tells_is_told(reply):
    _, commit = several(reply)
    with pytest.raises(Aborted):
        commit()


def test_what_was_not_begun_is_handed_out_again():
    stage, commit = several(Busy(), Refused("no"), NotLeader(0, 0), Committed(C))
    assert commit() == C
    assert ids(stage) == 1


def test_nobody_who_takes_it_is_unavailable():
    stage = Played(lambda send: Busy() if type(send.message) is Commit else None, LEFT, RIGHT)
    with pytest.raises(Unavailable):
        committed(stage, load(A, Z), 1.0)


@pytest.mark.parametrize("reply", [None, OutcomeIsUnknown()])
def test_a_silent_coordinator_is_never_replaced_but_the_fate_is_asked(reply):
    stage, commit = several(reply, FateIs(C, None))
    assert commit() == C
    assert [type(each) for each in stage.messages()] == [Commit, Fate]
    stage, commit = several(reply, FateIs(0, None))
    with pytest.raises(Aborted):
        commit()
    stage, commit = several(reply, *[None] * 30)
    with pytest.raises(OutcomeUnknown):
        commit()
    assert len(stage.messages(Commit)) == 1
    assert stage.flows.now < 12.0


def test_a_long_deadline_is_the_callers_and_not_the_coordinators():
    stage, commit = several(Committed(C), seconds=600.0)
    assert commit() == C
    assert stage.messages()[0].seconds <= 10.0


# -- pieces --------------------------------------------------------------------------------------------------------


def test_a_large_load_goes_ahead_in_parts(monkeypatch):
    monkeypatch.setattr(module, "WRITE_BYTES_MAX", 50)
    monkeypatch.setattr(module, "PART_BYTES_MAX", 60)
    keys = tuple(b"\x10%02d" % number for number in range(10))
    stage = Played(lambda send: {Part: Done(), Commit: Committed(C)}.get(type(send.message)))
    assert committed(stage, load(*keys, reads=(A, B))) == C
    *parts, order = stage.messages()
    assert [each.number for each in parts] == list(range(order.parts)) and order.parts > 2
    assert tuple(key for each in (*parts, order) for key, _ in each.writes) == keys
    assert tuple(key for each in (*parts, order) for key in each.reads) == (A, B)


def test_parts_that_are_not_taken_are_sent_again(monkeypatch):
    monkeypatch.setattr(module, "WRITE_BYTES_MAX", 50)
    monkeypatch.setattr(module, "PART_BYTES_MAX", 40)
    stage, commit = one_range(Done(), Busy(), Done(), Done(), Committed(C), keys=(A, B, Z, b"\x10zz", b"\x10zzz"))
    assert commit() == C
    assert [each.number for each in stage.messages(Part)] == [0, 1, 0, 1]
    assert len(stage.messages(Commit)) == 1


def test_a_single_value_is_a_piece_however_large():
    what = Load(S, S, (), (), ((A, b"x" * (PART_BYTES_MAX // 2)), (B, b"x" * PART_BYTES_MAX), (Z, b"")))
    assert [len(writes) for _, _, writes in cut(what)] == [1, 1, 1]


def test_spans_that_touch_are_one():
    assert join_spans([(b"c", b"d"), (b"a", b"b"), (b"b", b"bb"), (b"a", b"aa")]) == ((b"a", b"bb"), (b"c", b"d"))
    many = [(bytes([number, 1]), bytes([number, 2])) for number in range(9)]
    joined = join_spans(many, 4)
    assert len(joined) <= 4
    assert all(any(a <= start and end <= b for a, b in joined) for start, end in many)


def test_names_differ():
    one, other = Names(lambda: 0.1), Names(lambda: 0.2)
    assert len({one.next(), one.next(), other.next()}) == 3 and len(one.next()) == 16
