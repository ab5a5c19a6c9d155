"""X1 to X5: what a settler asks, writes and believes."""

import pytest

from node.messages import Done
from ranges.messages import Intent, StaleSpan
from tests.ranges.played import Played, scripted, whole
from tests.txn.world import World
from txn.config import PATIENCE_SECONDS
from txn.database import Database
from txn.endings import Bar, Settle, Verdict
from txn.errors import Aborted
from txn.queries import Attempt, Fate
from txn.replies import AttemptIs, Barred, BarRefused, FateIs, TooOld, VerdictIs
from txn.settling import REST_SECONDS, Decided, Settling

S, C = 20 << 16, 25 << 16
P, K, Z = b"\x10a", b"\x10k", b"\x10z"
NAME = bytes(16)


def primary(inside: bool = True, commit: int = S + 1, keys: tuple[bytes, ...] = (P, K, Z)) -> Intent:
    return Intent(P, NAME, S, S, commit, P, keys, inside)


MET = Intent(K, NAME, S, S, C, P, (), False)


def decided(*replies) -> tuple[Played, int | None]:
    stage = Played(scripted(*replies))
    return stage, stage.run(Settling(stage.router).decide(P, NAME, S))


def kinds(stage: Played) -> list[type]:
    return [type(each) for each in stage.messages()]


@pytest.mark.parametrize("commit", [C, 0])
def test_x1_a_verdict_settles_the_intent(commit):
    stage = Played(scripted(FateIs(commit, None), Done()))
    stage.run(Settling(stage.router).settle(MET))
    assert stage.messages()[-1] == Settle((K,), NAME, (commit,), S)


def test_x2_what_is_all_there_is_committed_at_the_largest_by_the_verdict():
    stage, commit = decided(FateIs(None, primary()), AttemptIs(C, True), AttemptIs(C - 1, False), VerdictIs(C))
    assert commit == C
    assert stage.messages()[-1] == Verdict(P, NAME, S, C, False)
    assert [each.key for each in stage.messages(Attempt)] == [K, Z]
    assert stage.flows.now < 1.0, "nobody needs to wait"


def test_x2_nothing_is_believed_but_the_verdict_that_stands():
    _, commit = decided(FateIs(None, primary()), AttemptIs(C, True), AttemptIs(C, True), VerdictIs(0))
    assert commit == 0
    _, commit = decided(FateIs(None, primary()), AttemptIs(C, True), AttemptIs(C, True), *[None] * 20)
    assert commit is None


def test_x2_an_attempt_at_its_start_is_implicit_wherever_it_read():
    _, commit = decided(FateIs(None, primary(False, S)), AttemptIs(S, True), AttemptIs(S, True), VerdictIs(S))
    assert commit == S


def patient(*replies):
    """Fate is parked for its patience where it is not known."""
    left = list(replies)
    stage = Played(lambda send: None)

    def answer(send):
        if type(send.message) is Fate:
            stage.flows.now += send.message.patience
        return left.pop(0)

    stage.answer = answer
    return stage, stage.run(Settling(stage.router).decide(P, NAME, S)), left


def test_x3_a_missing_key_is_barred_before_the_verdict_and_after_patience():
    missing = FateIs(None, primary()), AttemptIs(0, False), AttemptIs(C, True)
    stage, commit, left = patient(*missing, *missing, Barred(), VerdictIs(0))
    assert commit == 0 and not left
    assert kinds(stage)[-2:] == [Bar, Verdict]
    assert stage.messages(Bar) == [Bar(K, NAME, S, False)]
    assert stage.flows.now == pytest.approx(PATIENCE_SECONDS, abs=0.1)


def test_x3_a_bar_refused_is_looked_at_again():
    missing = FateIs(None, primary()), AttemptIs(0, False), AttemptIs(C, True)
    there = FateIs(None, primary()), AttemptIs(C, True), AttemptIs(C, True)
    _, commit, left = patient(*missing, *missing, BarRefused(0), *there, VerdictIs(C))
    assert commit == C and not left


def test_x3_an_explicit_attempt_gets_its_patience_and_then_the_verdict_aborted():
    there = FateIs(None, primary(False)), AttemptIs(C, True), AttemptIs(C, True)
    stage, commit, left = patient(*there, *there, VerdictIs(0))
    assert commit == 0 and not left
    assert stage.messages()[-1] == Verdict(P, NAME, S, 0, False)
    assert stage.flows.now >= PATIENCE_SECONDS


def test_x3_an_explicit_attempt_may_have_been_committed_by_its_owner_meanwhile():
    there = FateIs(None, primary(False)), AttemptIs(C, True), AttemptIs(C, True)
    _, commit, _ = patient(*there, FateIs(C, None))
    assert commit == C
    _, commit, _ = patient(*there, *there, VerdictIs(C))
    assert commit == C


def test_x4_a_missing_primary_is_barred_as_the_primary():
    stage, commit, left = patient(FateIs(None, None), FateIs(None, None), Barred(), VerdictIs(0))
    assert commit == 0 and not left
    assert stage.messages(Bar) == [Bar(P, NAME, S, True)]
    assert stage.flows.now >= PATIENCE_SECONDS


@pytest.mark.parametrize("replies", [[TooOld(0)], [FateIs(None, primary()), TooOld(0), TooOld(0)]])
def test_what_was_collected_is_not_known(replies):
    _, commit = decided(*replies)
    assert commit is None


def test_nothing_is_settled_where_nobody_answers():
    stage = Played(scripted(*[None] * 40))
    stage.run(Settling(stage.router).settle(MET))
    assert Settle not in kinds(stage)


@pytest.mark.parametrize("replies", [[TooOld(0)], [FateIs(C, None), TooOld(0)]])
def test_a_try_that_settles_nothing_takes_time_lest_who_waits_spins(replies):
    stage = Played(scripted(*replies))
    stage.run(Settling(stage.router).settle(MET))
    assert stage.flows.now == pytest.approx(REST_SECONDS)


def test_x4_the_primary_is_settled_last_and_only_after_all_others():
    stage = Played(scripted(Done(), Done(), Done()), whole(1, end=b"\x10j"), whole(2, b"\x10j"))
    attempt = Decided((P, b"\x10b", K, Z), NAME, S, C)
    assert not stage.run(Settling(stage.router).settle_all([attempt]))
    assert [each.keys for each in stage.messages()] == [(b"\x10b",), (K, Z), (P,)]
    stage = Played(scripted(Done(), TooOld(0)), whole(1, end=b"\x10j"), whole(2, b"\x10j"))
    assert stage.run(Settling(stage.router).settle_all([attempt])) == [attempt]
    assert (P,) not in [each.keys for each in stage.messages()]


def test_keys_parted_by_a_split_are_settled_on_both_sides():
    sides = (whole(1, end=b"\x10j", span=2), whole(2, b"\x10j", span=2))
    stage = Played(scripted(StaleSpan(sides), Done(), Done(), Done()))
    assert not stage.run(Settling(stage.router).settle_all([Decided((P, b"\x10b", K), NAME, S, C)]))
    assert [each.keys for each in stage.messages()] == [(b"\x10b", K), (b"\x10b",), (K,), (P,)]


def test_a_reader_settles_what_a_dead_coordinator_left_behind():
    """The whole of it: intents in two ranges, no coordinator any more; the reader neither hangs nor sees a part."""
    world = World(5, (b"\x10c",))
    person = world.person()
    database = Database(person.client.router)
    world.wait(database.put(b"a", b"old"), person)
    transaction = database.begin()
    transaction.put(b"a", b"new")
    transaction.put(b"z", b"new")
    told: list[object] = []  # by asking for the attempt's fate
    person.client.start(transaction.commit(), lambda result, error: told.append(result or error))
    while not any(tail == b"\x01" for _, tail in world.view.values):
        world.step()
    for node in world.nodes.values():
        node.boot()
    reader = world.person()
    found = world.wait(Database(reader.client.router).get_many([b"a", b"z"]), reader)
    assert found in ([b"old", None], [b"new", b"new"])
    assert world.now < 4.0, "patience is 3 seconds"
    world.run(20.0)
    stands = world.wait(Database(reader.client.router).get(b"a"), reader)
    assert isinstance(told[0], Aborted) == (stands == b"old"), "the caller was told what became of it"
