"""Reads from one snapshot with the attempt's own writes over them, V as it is kept, and the limits of W."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.flow import Gather
from node.messages import NoGroup, NotLeader
from ranges.keys import USER
from ranges.messages import StaleSpan
from tests.ranges.played import Played, scripted, whole
from tests.txn.world import World
from txn import transaction as module
from txn.commands import Write
from txn.database import Database
from txn.errors import Aborted, BadInput, Unavailable
from txn.queries import Read, Scan
from txn.replies import BelowSafe, Committed, Rows, Values

S = 30 << 16


def begun(*replies) -> tuple[Played, module.Transaction]:
    stage = Played(scripted(*replies))
    return stage, Database(stage.router).begin()


def written(stage: Played) -> Write:
    (write,) = stage.messages(Write)
    return write


def test_the_first_read_makes_the_snapshot_and_the_next_ones_stand_in_it():
    stage, transaction = begun(Values(S, (b"1",)), Values(S, (b"2",)), Rows(S, (), None))
    assert stage.run(transaction.get(b"a")) == b"1"
    assert stage.run(transaction.get(b"b")) == b"2"
    stage.run(transaction.scan())
    assert [each.at for each in stage.messages()] == [0, S, S]
    assert (transaction.S, transaction.age) == (S, S)


@pytest.mark.parametrize("leader", [0, 2])
def test_two_first_reads_at_once_see_one_snapshot(leader):
    stage, transaction = begun(Values(S, (b"1",)), Values(S + (1 << 16), (b"later",)), Values(S, (b"2",)))
    stage.directory.lead(1, leader)

    def both():
        return (yield Gather((transaction.get(b"a"), transaction.get(b"b"))))

    assert stage.run(both()) == (b"1", b"2")
    assert [each.at for each in stage.messages(Read)] == [0, 0, S]


def test_own_writes_are_read_and_do_not_enter_v():
    stage, transaction = begun(Committed(S))
    transaction.put(b"a", b"mine")
    transaction.delete(b"b")
    assert stage.run(transaction.get(b"a")) == b"mine"
    assert stage.run(transaction.get(b"b")) is None
    stage.run(transaction.commit())
    assert (written(stage).reads, written(stage).spans) == ((), ())
    assert written(stage).writes == ((b"\x10a", b"mine"), (b"\x10b", None))


def test_absent_keys_enter_v_too():
    stage, transaction = begun(Values(S, (None,)), Committed(S))
    stage.run(transaction.get(b"nothing"))
    transaction.put(b"w", b"")
    stage.run(transaction.commit())
    assert written(stage).reads == (b"\x10nothing",)


def test_a_limited_scan_covers_only_what_it_gave():
    rows = tuple((b"\x10" + name.encode(), b"v") for name in "abc")
    stage, transaction = begun(Rows(S, rows, b"\x10d"), Committed(S))
    transaction.put(b"aa", b"mine")
    found = stage.run(transaction.scan(limit=3))
    assert found == [(b"a", b"v"), (b"aa", b"mine"), (b"b", b"v")]
    stage.run(transaction.commit())
    assert written(stage).spans == ((b"\x10", b"\x10b\0"),)


def test_a_limited_reverse_scan_covers_only_what_it_gave():
    rows = tuple((b"\x10" + name.encode(), b"v") for name in "zyx")
    stage, transaction = begun(Rows(S, rows, b"\x10x"), Committed(S))
    transaction.delete(b"z")
    transaction.put(b"yy", b"mine")
    assert stage.run(transaction.scan(limit=2, reverse=True)) == [(b"yy", b"mine"), (b"y", b"v")]
    stage.run(transaction.commit())
    assert written(stage).spans == ((b"\x10y", b"\x11"),)


def test_a_limit_that_own_deletes_eat_up_is_filled_from_the_next_page():
    stage, transaction = begun(Rows(S, ((b"\x10a", b"v"),), b"\x10a\0"), Rows(S, ((b"\x10b", b"v"),), b"\x10b\0"))
    transaction.delete(b"a")
    assert stage.run(transaction.scan(limit=1)) == [(b"b", b"v")]
    assert [each.start for each in stage.messages(Scan)] == [b"\x10", b"\x10a\0"]


def test_nothing_written_is_no_message():
    stage, transaction = begun(Values(S, (b"1",)))
    stage.run(transaction.get(b"a"))
    assert stage.run(transaction.commit()) == S
    assert len(stage.messages()) == 1
    stage, transaction = begun()
    assert stage.run(transaction.commit()) == 0


def test_a_blind_transaction_fetches_its_start_at_the_commit():
    stage, transaction = begun(Committed(S))
    transaction.put(b"a", b"v")
    stage.run(transaction.commit())
    assert written(stage).S == written(stage).age == written(stage).A == 10 << 16


@pytest.mark.parametrize("forgets", [False, True])
def test_a_snapshot_that_is_gone_aborts(forgets):
    stage, transaction = begun(Values(S, (b"1",)), BelowSafe(S + 1))
    stage.run(transaction.get(b"a"))
    if forgets:
        stage.directory.lead(1, 0)
    with pytest.raises(Aborted, match="older"):
        stage.run(transaction.get(b"b"))


def test_a_read_that_nobody_answers_is_unavailable():
    stage, transaction = begun(*[None] * 30)
    with pytest.raises(Unavailable):
        stage.run(transaction.get(b"a"))


@pytest.mark.parametrize("refusal", [None, NotLeader(1, 3), NoGroup(1), StaleSpan((whole(span=2),))])
def test_a_get_whose_known_leader_does_not_answer_goes_elsewhere(refusal):
    stage, transaction = begun(refusal, Values(S, (b"1",)), Committed(S))
    stage.directory.lead(1, 2)
    assert stage.run(transaction.get(b"a")) == b"1"
    first, second = (each for each in stage.sent if type(each.message) is Read)
    assert (first.node, second.message) == (2, Read((b"\x10a",), 0))
    assert second.span == 2 if type(refusal) is StaleSpan else second.node != 2
    transaction.put(b"a", b"2")
    stage.run(transaction.commit())
    assert written(stage).reads == (b"\x10a",)


def test_a_key_that_is_likely_next_comes_along():
    stage, transaction = begun(Values(S, (b"1", None)), Values(S, (b"again",)), Committed(S))
    stage.directory.lead(1, 2)
    assert stage.run(transaction.get(b"b", ahead=b"a")) == b"1"
    assert stage.run(transaction.get(b"a")) is None
    assert [(each.keys, each.at) for each in stage.messages()] == [((b"\x10b", b"\x10a"), 0)]
    assert stage.run(transaction.get(b"a")) == b"again", "it came once"
    transaction.put(b"w", b"")
    stage.run(transaction.commit())
    assert written(stage).reads == (b"\x10a", b"\x10b")


def test_own_writes_stand_over_what_came_along():
    stage, transaction = begun(Values(S, (b"1", b"old")), Committed(S))
    stage.directory.lead(1, 2)
    stage.run(transaction.get(b"b", ahead=b"a"))
    transaction.put(b"a", b"mine")
    assert stage.run(transaction.get(b"a")) == b"mine"
    transaction.delete(b"a")
    assert stage.run(transaction.get(b"a")) is None
    stage.run(transaction.commit())
    assert written(stage).reads == (b"\x10a", b"\x10b"), "what came along was read"


def test_a_key_of_another_range_does_not_come_along():
    stage = Played(scripted(*[Values(S, (b"1",))] * 2), whole(1, end=b"\x10c"), whole(2, b"\x10c"))
    transaction = Database(stage.router).begin()
    for group in (1, 2):
        stage.directory.lead(group, 2)
    stage.run(transaction.get(b"b", ahead=b"c"))
    stage.run(transaction.get(b"c", ahead=b"b"))
    assert [each.keys for each in stage.messages()] == [(b"\x10b",), (b"\x10c",)]


def test_keys_that_a_split_has_parted_are_read_from_both_sides():
    sides = (whole(1, end=b"\x10c", span=2), whole(2, b"\x10c", span=2))
    stage, transaction = begun(StaleSpan(sides), Values(10 << 16, (b"1",)), Values(10 << 16, (b"2",)))
    assert stage.run(transaction.get_many([b"d", b"b"])) == [b"2", b"1"]
    assert [(each.keys, each.at) for each in stage.messages(Read)][1:] == [
        ((b"\x10b",), 10 << 16),
        ((b"\x10d",), 10 << 16),
    ]


def test_what_is_over_is_over():
    stage, transaction = begun()
    transaction.rollback()
    for operation in (lambda: transaction.put(b"a", b""), lambda: stage.run(transaction.get(b"a"))):
        with pytest.raises(BadInput, match="over"):
            operation()
    with pytest.raises(BadInput, match="over"):
        stage.run(transaction.commit())


def test_limits_name_themselves(monkeypatch):
    monkeypatch.setattr(module, "TRANSACTION_KEYS_MAX", 2)
    monkeypatch.setattr(module, "TRANSACTION_BYTES_MAX", 10)
    _, transaction = begun()
    transaction.put(b"a", b"1")
    transaction.put(b"b", b"1")
    transaction.put(b"b", b"22")
    with pytest.raises(BadInput, match="at most 2 keys"):
        transaction.put(b"c", b"")
    with pytest.raises(BadInput, match="at most 10 bytes"):
        transaction.put(b"a", b"123456")
    transaction.put(b"a", b"1234")
    transaction.delete(b"a")
    transaction.put(b"a", b"1234")
    with pytest.raises(BadInput, match="limit"):
        Played(scripted()).run(transaction.page(limit=0))


def test_more_reads_than_a_message_holds_become_spans(monkeypatch):
    monkeypatch.setattr(module, "TRANSACTION_KEYS_MAX", 3)
    stage, transaction = begun(Values(S, (None,) * 4), Committed(S))
    stage.run(transaction.get_many([b"a", b"b", b"c", b"d"]))
    transaction.put(b"w", b"")
    stage.run(transaction.commit())
    write = written(stage)
    assert write.reads == () and all(
        any(a <= b"\x10" + key < b for a, b in write.spans) for key in (b"a", b"b", b"c", b"d")
    )


KEYS = st.sampled_from([bytes([97 + number]) for number in range(8)])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=2)),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("scan"), KEYS, KEYS, st.sampled_from([None, 1, 2, 5]), st.booleans()),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(KEYS, st.binary(max_size=2), max_size=6), STEPS)
def test_a_transaction_reads_like_a_dict(rows, steps):
    world = World(1, (USER + b"c", USER + b"f"))
    person = world.person()
    database = Database(person.client.router)
    world.wait(database.load(sorted(rows.items())), person)
    transaction, model = database.begin(), dict(rows)
    for name, *arguments in steps:
        if name == "put":
            transaction.put(*arguments)
            model[arguments[0]] = arguments[1]
        elif name == "delete":
            transaction.delete(*arguments)
            model.pop(arguments[0], None)
        elif name == "get":
            assert world.wait(transaction.get(*arguments), person) == model.get(arguments[0])
        else:
            start, end, limit, reverse = arguments
            found = sorted((row for row in model.items() if start <= row[0] < end), reverse=reverse)
            assert world.wait(transaction.scan(start, end, limit, reverse), person) == found[:limit]
    world.wait(transaction.commit(), person)
    assert world.wait(database.scan(), person) == sorted(model.items())
