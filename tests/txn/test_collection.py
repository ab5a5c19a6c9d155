"""F5: closes everywhere, then settles everywhere, then raises safe everywhere, and only then removes."""

import pytest

from node.flow import Behind, Flow
from node.messages import Done
from ranges.keys import VERSION_KIND
from ranges.messages import Intent, NotYet, StaleSpan
from tests.ranges.played import Played, whole
from tests.txn.world import World
from txn.closing import Close, Collect, RaiseSafe
from txn.collection import Collection
from txn.config import Retention
from txn.database import Database
from txn.endings import Settle
from txn.errors import Aborted
from txn.queries import Fate, Intents
from txn.replies import Collected, FateIs, IntentsAre
from txn.settling import Settling

UNTIL = 20 << 16
M = b"\x10m"
SIDES = (whole(1, end=M), whole(2, M))


USUAL = {
    Close: Done(),
    RaiseSafe: Done(),
    Intents: IntentsAre((), None),
    Collect: Collected(None, 0),
    Settle: Done(),
}


class Ranges:
    """Answers F5's messages; `replies` come before the usual ones, by class and group."""

    def __init__(self, replies=None) -> None:
        self.replies = replies or {}
        self.stage = Played(self.answer, *SIDES)
        self.collection = Collection(self.stage.router, Settling(self.stage.router), Retention(100.0, 10.0))

    def answer(self, send):
        left = self.replies.get((type(send.message), send.group), [])
        if left:
            return left.pop(0)
        return FateIs(7, None) if type(send.message) is Fate else USUAL.get(type(send.message))

    def collect(self) -> bool:
        return self.stage.run(self.collection.collect(UNTIL))

    def order(self):
        return [(type(each.message).__name__, each.group) for each in self.stage.sent]


def test_the_steps_come_one_after_another_over_all_keys():
    ranges = Ranges()
    assert ranges.collect()
    names = ["Close", "Intents", "RaiseSafe", "Collect"]
    assert ranges.order() == [(name, group) for name in names for group in (1, 2)]
    assert ranges.stage.messages(Close) == [Close(UNTIL)] * 2


@pytest.mark.parametrize("kind", [Close, Intents, RaiseSafe, Collect])
def test_a_step_that_is_not_done_everywhere_ends_it(kind):
    ranges = Ranges({(kind, 2): [None] * 200})
    assert not ranges.collect()
    names = ["Close", "Intents", "RaiseSafe", "Collect"]
    assert {name for name, _ in ranges.order()} <= {*names[: names.index(kind.__name__) + 1], "Lookup"}


def met(key: bytes) -> Intent:
    return Intent(key, bytes(16), 5, 5, 6, key, (key,), True)


def test_intents_are_settled_and_seen_to_be_gone():
    found = [IntentsAre((met(b"\x10a"), met(b"\x10b")), b"\x10c"), IntentsAre((), b"\x10d"), IntentsAre((), None)]
    ranges = Ranges({(Intents, 1): found})
    assert ranges.collect()
    assert [each.keys for each in ranges.stage.messages(Settle)] == [(b"\x10a",), (b"\x10b",)]
    assert [each.start for each in ranges.stage.messages(Intents)][:3] == [b"\x01", b"\x10a", b"\x10d"]


def test_an_intent_that_does_not_go_ends_it():
    ranges = Ranges({(Intents, 1): [IntentsAre((met(b"\x10a"),), None)] * 200})
    assert not ranges.collect()
    assert not ranges.stage.messages(RaiseSafe)


def test_a_range_that_is_split_meanwhile_is_visited_again():
    sides = (whole(2, M, b"\x10p", span=2), whole(3, b"\x10p", span=2))
    ranges = Ranges({(Close, 2): [NotYet(), StaleSpan(sides)]})
    assert ranges.collect()
    assert [(each.group, each.span) for each in ranges.stage.sent if type(each.message) is Close][-2:] == [
        (2, 2),
        (3, 2),
    ]


def test_a_split_between_two_messages_of_a_step_leaves_nothing_out():
    ranges = Ranges()
    sides = (whole(1, end=b"\x10c", span=2), whole(3, b"\x10c", M, span=2))

    def answer(send, usual=ranges.stage.answer):
        if type(send.message) is Intents and send.span == 1 and send.group == 1:
            ranges.stage.directory.learn(sides)  # somebody else's flow was told of it
            return IntentsAre((), b"\x10b")
        return usual(send)

    ranges.stage.answer = answer
    assert ranges.collect()
    assert 3 in [each.group for each in ranges.stage.sent if type(each.message) is Intents]


def test_a_walk_over_a_large_range_is_not_one_step_of_the_loop():
    ranges = Ranges({(Intents, 1): [IntentsAre((), b"\x10c"), IntentsAre((), b"\x10d"), IntentsAre((), None)]})
    flows, steps = ranges.stage.flows, []
    step = flows.step
    flows.step = lambda now: (steps.append(len(ranges.stage.messages(Intents))), step(now))
    assert ranges.collect()
    assert steps == [1, 2]


def test_rows_go_in_steps():
    ranges = Ranges({(Collect, 1): [Collected(b"\x10c", 9), Collected(None, 1)]})
    assert ranges.collect()
    assert [each.start for each in ranges.stage.messages(Collect)] == [b"", b"\x10c", b""]


def test_only_what_is_older_than_the_retention_goes_and_only_where_the_collector_is():
    ranges = Ranges()
    here = [True]

    def run() -> Flow[None]:
        yield Behind(ranges.collection.run(lambda: here[0]))

    def pass_time(until: float) -> None:
        while ranges.stage.flows.now < until:
            ranges.stage.flows.step(min(ranges.stage.flows.wake_at, until))
            ranges.stage.run(iter_nothing())

    ranges.stage.run(run())
    pass_time(99.0)
    assert not ranges.stage.messages(Close)
    pass_time(125.0)
    assert ranges.stage.messages(Close)[0] == Close(10 << 16), "the tick taken at the first sample"
    here[0] = False
    pass_time(135.0)
    here[0] = True
    count = len(ranges.stage.messages(Close))
    pass_time(230.0)
    assert len(ranges.stage.messages(Close)) == count, "what was sampled before it left counts for nothing"


def iter_nothing() -> Flow[None]:
    return
    yield


def test_a_real_collection_keeps_the_newest_and_aborts_what_is_too_old():
    world = World(3, (b"\x10m",))
    person = world.person()
    database = Database(person.client.router)

    def wait(flow):
        return world.wait(flow, person)

    for value in (b"1", b"2", b"3"):
        wait(database.put(b"a", value))
    wait(database.put(b"z", b"z"))
    wait(database.delete(b"z"))
    old = database.begin()
    assert wait(old.get(b"a")) == b"3"
    until = wait(database.router.ticks())
    router = person.client.router
    assert wait(Collection(router, Settling(router)).collect(until))
    versions = [head for (head, tail) in world.view.values if tail[0] == VERSION_KIND]
    assert len(versions) == 1, "the newest version of a stays, and nothing of z"
    assert wait(database.scan()) == [(b"a", b"3")]
    with pytest.raises(Aborted):
        wait(old.get(b"b"))
    wait(database.put(b"a", b"4"))
    assert wait(database.get(b"a")) == b"4"
