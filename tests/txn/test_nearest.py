"""Whom a reader asks first, where it goes when that is in vain, and at which time a snapshot stands."""

import pytest

from node.machine import Request
from node.messages import NoGroup, NotLeader, Refused
from ranges.keys import SUBSTEP_LAST, TICK
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.messages import NotYet, StaleSpan
from ranges.placement.catalog import Catalog
from ranges.placement.messages import Ticks, TicksAre
from ranges.placement.moments import MomentAgo, MomentIs
from tests.ranges.fakes import FakeView
from tests.ranges.played import Played, scripted, whole
from txn.database import Database
from txn.errors import TOO_OLD, Aborted, BadInput, Unavailable
from txn.nearby import KEYS_ASKED_MAX, Nearby, Permission
from txn.nearest import AVOID_SECONDS
from txn.queries import Read, Scan
from txn.replies import BelowSafe, Rows, Values

NEAR = 2


def played(*replies, nearest=True) -> tuple[Played, Database]:
    """Node 1 leads the range, node 2 is near; group 0 names the moment 50."""
    ranges = scripted(*replies)

    def answer(send):
        if type(send.message) is MomentAgo:
            return MomentIs(50 * TICK - 1)
        return ranges(send)

    stage = Played(answer)
    stage.directory.lead(1, 1)
    stage.router.near = lambda nodes: NEAR if NEAR in nodes else 0
    return stage, Database(stage.router, nearest=nearest)


def asked(stage: Played) -> list[tuple[int, type]]:
    return [(send.node, type(send.message)) for send in stage.sent if type(send.message) in (Nearby, Read)]


def test_a_read_goes_to_the_nearest_replica():
    stage, database = played(Values(7, (b"v",)))
    assert stage.run(database.get(b"k")) == b"v"
    assert asked(stage) == [(NEAR, Nearby)] and stage.router.told == 7
    assert stage.messages()[0] == Nearby(Read((b"\x10k",), 0), past=False)


def test_by_default_it_goes_to_the_leader():
    stage, database = played(Values(7, (b"v",)), nearest=False)
    assert stage.run(database.get(b"k")) == b"v"
    assert asked(stage) == [(1, Read)]


def test_where_the_nearest_leads_it_is_asked_as_a_leader():
    stage, database = played(Values(7, (b"v",)))
    stage.directory.lead(1, NEAR)
    assert stage.run(database.get(b"k")) == b"v"
    assert asked(stage) == [(NEAR, Read)]


def test_a_transaction_stands_where_the_nearest_read():
    stage, database = played(Values(7 * TICK, (b"v",)), Values(7 * TICK, (None,)))
    transaction = database.begin()
    assert stage.run(transaction.get(b"k")) == b"v"
    assert stage.run(transaction.get(b"l")) is None
    assert transaction.timestamp == 7 * TICK
    assert [each.query.at for each in stage.messages(Nearby)] == [0, 7 * TICK]


@pytest.mark.parametrize("reply", [None, NotLeader(1, 1), NoGroup(1)])
def test_who_did_not_answer_is_passed_over_for_a_while(reply):
    stage, database = played(reply, Values(7, (b"v",)), Values(8, (b"v",)), Values(9, (b"v",)))
    assert stage.run(database.get(b"k")) == b"v"
    assert stage.run(database.get(b"k")) == b"v"
    assert asked(stage) == [(NEAR, Nearby), (1, Read), (1, Read)]
    stage.flows.now += AVOID_SECONDS
    assert stage.run(database.get(b"k")) == b"v"
    assert asked(stage)[-1] == (NEAR, Nearby)


def test_not_yet_sends_one_read_to_the_leader():
    stage, database = played(NotYet(), Values(7, (b"v",)), Values(8, (b"w",)))
    assert stage.run(database.get(b"k")) == b"v"
    assert stage.run(database.get(b"k")) == b"w"
    assert asked(stage) == [(NEAR, Nearby), (1, Read), (NEAR, Nearby)]


def test_a_newer_span_is_learnt_from_anybody():
    left, right = whole(1, end=b"\x10m", span=2), whole(2, start=b"\x10m", span=2)
    stage, database = played(StaleSpan((left, right)), Values(7, (b"v",)))
    assert stage.run(database.get(b"z")) == b"v"
    assert stage.sent[-1].group == 2


def test_a_snapshot_reads_everything_at_one_time():
    stage, database = played(Values(50 * TICK - 1, (b"v",)), Rows(50 * TICK - 1, ((b"\x10k", b"v"),), None))
    snapshot = stage.run(database.snapshot(staleness=10.0))
    assert stage.run(snapshot.get(b"k")) == b"v"
    assert stage.run(snapshot.scan()) == [(b"k", b"v")]
    assert snapshot.timestamp == 50 * TICK - 1
    assert {(each.query.at, each.past) for each in stage.messages(Nearby)} == {(50 * TICK - 1, True)}


def test_a_snapshot_of_now_asks_for_no_more_than_it_reads():
    stage, database = played(Values(50 * TICK - 1, (b"v",)))
    snapshot = stage.run(database.snapshot())
    assert stage.run(snapshot.get(b"k")) == b"v"
    assert stage.messages(Nearby)[0].past is False


def test_a_snapshot_writes_nothing():
    stage, database = played()
    snapshot = stage.run(database.snapshot(staleness=1.0))
    for write in (lambda: snapshot.put(b"k", b"v"), lambda: snapshot.delete(b"k")):
        with pytest.raises(BadInput, match="for reading only"):
            write()
    snapshot.rollback()
    with pytest.raises(BadInput, match="over"):
        stage.run(snapshot.get(b"k"))


def test_what_is_kept_no_longer_is_told_with_how_long_that_is():
    stage, database = played(BelowSafe(99 * TICK))
    snapshot = stage.run(database.snapshot(staleness=10.0))
    with pytest.raises(Aborted) as caught:
        stage.run(snapshot.get(b"k"))
    assert str(caught.value) == TOO_OLD and "retention_seconds" in TOO_OLD


def test_only_ranges_are_read_nearby():
    """Group 0's follower is asked by mistake, or by somebody who means harm."""
    request = Request(1, 1, 0, 0, b"", Nearby(Read((b"\x10k",), 0), past=False), 0.0, TICK)
    assert type(request.message.answer(Catalog(FakeView()), request, None)) is Refused


def test_the_past_is_a_stated_time():
    with pytest.raises(ValueError, match="stated"):
        Nearby(Read((b"\x10k",), 0), past=True)


def test_a_read_of_many_keys_asks_for_their_span():
    machine = RangeMachine(1, FakeView(), first_mark(b"\x10", b"\x11"), lambda intent: None, lambda: None)
    keys = tuple(b"\x10%02d" % number for number in range(KEYS_ASKED_MAX + 1))

    def asked(*queries):
        requests = [Request(1, 1, 1, 1, b"", Nearby(query, past=False), 0.0) for query in queries]
        return requests[0].message.ask(machine, requests)

    assert asked(Read(keys, 5)).spans == ((keys[0], keys[-1] + b"\x00", 5),)
    assert asked(Read(keys[1:], 5), Read(keys[:2], 7), Read(keys[:2], 6)).keys == (
        (keys[1], 7), *((key, 5) for key in keys[2:]), (keys[0], 7),
    )  # fmt: skip
    scan = Scan(b"\x01", b"\x10k", 5, 0, 0, True)
    assert asked(scan, scan) == Permission((), ((b"\x10", b"\x10k", 5),), 0)


def moments(stage: Played) -> list[float]:
    return [send.message.seconds for send in stage.sent if type(send.message) is MomentAgo]


def test_a_moment_serves_as_long_as_it_is_fresh_enough():
    stage, database = played()
    stage.flows.now = 100.0
    first = stage.run(database.snapshot(staleness=10.0))
    stage.flows.now = 105.0
    assert stage.run(database.snapshot(staleness=10.0)).S == first.S
    assert moments(stage) == [5.0]
    stage.run(database.snapshot(staleness=9.9))
    assert moments(stage) == [5.0, 4.95]
    stage.flows.now = 111.0
    stage.run(database.snapshot(staleness=10.0))
    assert moments(stage) == [5.0, 4.95, 5.0]
    stage.run(database.snapshot())
    stage.run(database.snapshot())
    assert moments(stage)[3:] == [0.0, 0.0]


def test_a_stated_time_is_compared_with_a_tick_only_where_nothing_later_was_told():
    stage, database = played()
    stage.router.hear(30 * TICK + 5)
    assert stage.run(database.snapshot(29 * TICK + 3)).S == 29 * TICK | SUBSTEP_LAST
    assert not [send for send in stage.sent if type(send.message) is Ticks]
    stage.tick = 30
    assert stage.run(database.snapshot(30 * TICK + 5)).S == 30 * TICK | SUBSTEP_LAST
    with pytest.raises(BadInput, match="not come yet"):
        stage.run(database.snapshot(40 * TICK))


@pytest.mark.parametrize("at", [0, -1, 1 << 70, "now", True])
def test_a_time_is_a_timestamp(at):
    stage, database = played()
    with pytest.raises(BadInput, match="timestamp"):
        stage.run(database.snapshot(at))


@pytest.mark.parametrize("staleness", [-1.0, float("nan"), float("inf")])
def test_a_staleness_is_some_seconds(staleness):
    stage, database = played()
    with pytest.raises(BadInput, match="staleness"):
        stage.run(database.snapshot(staleness=staleness))
    with pytest.raises(BadInput, match="not both"):
        stage.run(database.snapshot(5, 1.0))


def test_without_group_0_there_is_no_time():
    stage = Played(lambda send: TicksAre(0) if type(send.message) is MomentAgo else None)
    with pytest.raises(Unavailable):
        stage.run(Database(stage.router, seconds=1.0).snapshot(staleness=1.0))
