"""What a caller is told of one-shots (C2a, F2 to F4), and what database operations do over several ranges."""

import pytest

from node.messages import Busy, NotLeader
from ranges.keys import SUBSTEP_LAST
from ranges.messages import Intent
from tests.ranges.played import Played, scripted
from tests.txn.world import Faults, World
from txn.database import LOAD_ROWS, Database, backoff
from txn.endings import Bar
from txn.errors import Aborted, BadInput, OutcomeUnknown, Unavailable
from txn.puts import Put
from txn.queries import Read
from txn.replies import Barred, BarRefused, BelowSafe, Committed, IsAborted, Locked, Pushed, TooOld, Values
from txn.transaction import Transaction


def played(*replies, **options) -> tuple[Played, Database]:
    stage = Played(scripted(*replies))
    return stage, Database(stage.router, **options)


def puts(stage: Played) -> list[Put]:
    return stage.messages(Put)


def led(stage: Played) -> Played:
    stage.directory.lead(1, 1)
    return stage


def test_the_same_on_another_space_asks_as_the_first_one_does():
    stage, database = played(Committed(77 << 16), seconds=3.0)
    other = database.within(b"\x20")
    assert led(stage).run(other.put(b"k", b"v")) == 77 << 16
    assert puts(stage)[0].key == b"\x20k"
    assert (other.router, other.seconds) == (database.router, 3.0)
    assert database.space.prefix == b"\x10"


def test_a_put_with_a_known_route_is_one_message():
    stage, database = played(Committed(77 << 16))
    assert led(stage).run(database.put(b"k", b"v")) == 77 << 16
    assert len(stage.sent) == 1 and stage.sent[0].node == 1
    assert (puts(stage)[0].key, puts(stage)[0].value) == (b"\x10k", b"v")
    assert stage.router.told == 77 << 16


def test_every_copy_has_the_same_id_and_born():
    stage, database = played(None, Pushed(), NotLeader(1, 3), Busy(), Committed(9 << 16))
    stage.router.hear(5 << 16)
    assert led(stage).run(database.put(b"k", b"v")) == 9 << 16
    assert len({(each.id, each.born) for each in puts(stage)}) == 1 and len(puts(stage)) == 5
    assert puts(stage)[0].born == 5 << 16


def test_two_puts_have_two_ids():
    stage, database = played(Committed(1), Committed(2))
    led(stage).run(database.put(b"k", b"v"))
    stage.run(database.delete(b"k"))
    assert len({each.id for each in puts(stage)}) == 2
    assert puts(stage)[1].value is None


def test_a_put_that_f4_refuses_is_made_anew_from_the_tick_it_is_told():
    stage, database = played(TooOld(49 << 16), TooOld(50 << 16), Committed(51 << 16))
    assert led(stage).run(database.put(b"k", b"v")) == 51 << 16
    first, second = puts(stage)[0], puts(stage)[-1]
    assert first.id != second.id and second.born == 50 << 16


def test_a_put_that_f4_refuses_while_a_copy_is_open_is_barred_first():
    stage, database = played(None, TooOld(50 << 16), Barred(), Committed(51 << 16))
    assert led(stage).run(database.put(b"k", b"v")) == 51 << 16
    (bar,) = stage.messages(Bar)
    assert (bar.id, bar.S, bar.primary) == (puts(stage)[0].id, puts(stage)[0].born, False)


def test_an_open_copy_that_cannot_be_barred_was_carried_out():
    stage, database = played(None, TooOld(50 << 16), BarRefused(40 << 16))
    assert led(stage).run(database.put(b"k", b"v")) == 40 << 16


def test_an_open_copy_that_nobody_bars_is_unknown():
    stage, database = played(None, TooOld(50 << 16), *[None] * 20)
    with pytest.raises(OutcomeUnknown):
        led(stage).run(database.put(b"k", b"v"))
    assert len({each.id for each in puts(stage)}) == 1


def test_silence_at_the_deadline_is_unknown():
    stage, database = played(*[None] * 20, seconds=3.0)
    with pytest.raises(OutcomeUnknown):
        led(stage).run(database.put(b"k", b"v"))
    assert stage.flows.now < 5.0


def refusing(refusal, first=None):
    """Answers every put like this, but for the first."""
    count = iter(range(10**6))
    return lambda send: (refusal if next(count) or first is None else first) if type(send.message) is Put else None


def test_refusals_alone_say_that_nothing_was_written():
    stage = led(Played(refusing(NotLeader(1, 0))))
    with pytest.raises(Unavailable):
        stage.run(Database(stage.router, seconds=1.0).put(b"k", b"v"))


def locked() -> Locked:
    return Locked(Intent(b"\x10k", bytes(16), 1, 1, 1, b"\x10k", (b"\x10k",), True))


def slowly(stage: Played, reply):
    def answer(send):
        stage.flows.now += 0.3
        return reply(send) if type(send.message) is Put else None

    return answer


def test_locks_to_the_end_are_aborted_if_every_copy_was_answered():
    stage = led(Played(lambda send: None))
    stage.answer = slowly(stage, lambda send: locked())
    with pytest.raises(Aborted):
        stage.run(Database(stage.router, seconds=2.0).put(b"k", b"v"))


def test_locks_to_the_end_are_unknown_while_a_copy_is_open():
    stage = led(Played(lambda send: None))
    stage.answer = slowly(stage, lambda send: locked() if len(stage.sent) > 1 else None)
    with pytest.raises(OutcomeUnknown):
        stage.run(Database(stage.router, seconds=2.0).put(b"k", b"v"))


def test_a_barred_put_is_aborted():
    stage, database = played(IsAborted(), IsAborted())
    with pytest.raises(Aborted):
        led(stage).run(database.put(b"k", b"v"))


def test_a_get_with_a_known_route_is_one_message():
    stage, database = played(Values(3 << 16, (b"v",)))
    assert led(stage).run(database.get(b"k")) == b"v"
    assert stage.messages() == [Read((b"\x10k",), 0)]
    assert stage.router.told == 3 << 16


def test_a_get_whose_time_was_collected_is_sent_again():
    stage, database = played(BelowSafe(9), BelowSafe(9), Values(3 << 16, (None,)))
    assert led(stage).run(database.get(b"k")) is None


def test_a_get_that_nobody_answers_is_unavailable():
    stage, database = played(*[None] * 20, seconds=2.0)
    with pytest.raises(Unavailable):
        led(stage).run(database.get(b"k"))


def test_a_dead_leader_is_not_asked_again_by_the_next_operation():
    stage, database = played(None, Values(1, (b"a",)), Values(2, (b"b",)))
    led(stage).run(database.get(b"k"))
    stage.run(database.get(b"k"))
    asked = [each.node for each in stage.sent if type(each.message) is Read]
    assert asked[0] == 1 and asked[2] == asked[1] != 1


@pytest.mark.parametrize("key", [b"x" * 401, b"\0" * 201, "text", 7])
def test_a_key_beyond_the_limit_is_named(key):
    stage, database = played()
    for operation in (database.get, database.delete, lambda key: database.put(key, b"")):
        with pytest.raises(BadInput, match="a key"):
            stage.run(operation(key))
    assert not stage.sent


def test_a_value_beyond_the_limit_is_named():
    _, database = played()
    with pytest.raises(BadInput, match="1048576"):
        database.put(b"k", b"x" * ((1 << 20) + 1))
    with pytest.raises(TypeError):
        database.put(b"k", 7)


# -- over several ranges -----------------------------------------------------------------------------------------------


def cluster(seed: int = 1, faults: Faults | None = None) -> tuple[World, Database]:
    world = World(seed, (b"\x10c", b"\x10e"), faults)
    person = world.person()
    world.wait_for = lambda flow: world.wait(flow, person)
    return world, Database(person.client.router)


def filled(**options) -> tuple[World, Database]:
    world, database = cluster(**options)
    for name in "abcdef":
        world.wait_for(database.put(name.encode(), name.upper().encode()))
    return world, database


def test_scans_walk_over_ranges_in_both_directions():
    world, database = filled()
    rows = [(name.encode(), name.upper().encode()) for name in "abcdef"]
    assert world.wait_for(database.scan()) == rows
    assert world.wait_for(database.scan(reverse=True)) == rows[::-1]
    assert world.wait_for(database.scan(b"b", b"e")) == rows[1:4]
    assert world.wait_for(database.scan(b"b", b"e\0", reverse=True)) == rows[4:0:-1]
    assert world.wait_for(database.scan(b"b", limit=3)) == rows[1:4]
    assert world.wait_for(database.scan(end=b"e", limit=3, reverse=True)) == rows[3:0:-1]
    assert world.wait_for(database.scan(b"e", b"b")) == []


def test_many_keys_come_in_the_order_asked():
    world, database = filled()
    assert world.wait_for(database.get_many([b"f", b"a", b"x", b"a"])) == [b"F", b"A", None, b"A"]
    assert world.wait_for(database.get_many([])) == []


def test_spaces_do_not_see_each_other():
    world, database = filled()
    other = Database(database.router, b"\x20")
    world.wait_for(other.put(b"a", b"other"))
    assert world.wait_for(other.scan()) == [(b"a", b"other")]
    assert world.wait_for(database.get(b"a")) == b"A"


def test_a_load_writes_everything_and_tells_how_far_it_is():
    world, database = cluster()
    rows = [(b"%c%05d" % (97 + number % 6, number), b"v") for number in range(2 * LOAD_ROWS)]
    told: list[int] = []
    assert world.wait_for(database.load(iter(rows), told.append)) == len(rows)
    assert told == sorted(told) and told[-1] == len(rows)
    assert world.wait_for(database.scan()) == sorted(rows)


def test_a_load_ends_with_what_it_cannot_write():
    world, database = cluster()
    with pytest.raises(BadInput):
        world.wait_for(database.load([(b"a", b"v"), (b"x" * 500, b"v")]))


def test_a_past_time_is_read_as_it_was_and_a_future_one_refused():
    world, database = cluster()
    first = world.wait_for(database.put(b"a", b"1"))
    world.wait_for(database.put(b"a", b"2"))
    past = world.wait_for(database.snapshot(first))
    assert first | SUBSTEP_LAST == past.S
    assert world.wait_for(past.get(b"a")) == b"1"
    with pytest.raises(BadInput, match="not come"):
        world.wait_for(database.snapshot(1 << 60))


def test_only_what_was_aborted_is_tried_again_and_keeps_its_age():
    world, database = filled()
    tried: list[Transaction] = []

    def body(transaction):
        value = yield from transaction.get(b"a")
        tried.append(transaction)
        if len(tried) < 3:
            yield from database.put(b"a", b"%d" % len(tried))
        transaction.put(b"a", value + b"!")
        return value

    assert world.wait_for(database.run(body)) == b"2"
    assert len({each.age for each in tried}) == 1 and len({each.S for each in tried}) == 3
    assert world.wait_for(database.get(b"a")) == b"2!"


@pytest.mark.parametrize("error", [OutcomeUnknown("?"), Unavailable("-"), KeyError("mine")])
def test_nothing_else_is_tried_again(error):
    world, database = cluster()
    tried = []

    def body(transaction):
        tried.append(transaction)
        yield from ()
        raise error

    with pytest.raises(type(error)):
        world.wait_for(database.run(body))
    assert len(tried) == 1


def test_trying_again_ends_at_the_deadline():
    world, database = cluster()

    def body(transaction):
        yield from ()
        raise Aborted("for ever")

    before = world.now
    with pytest.raises(Aborted):
        world.wait_for(database.run(body, 2.0))
    assert 2.0 <= world.now - before < 4.0


def test_backoff_grows_to_a_limit():
    waits = [backoff(failures, lambda: 0.5) for failures in range(40)]
    assert waits == sorted(waits) and waits[-1] == waits[-2] <= 0.5
    assert backoff(3, lambda: 0.0) < backoff(3, lambda: 0.9)
