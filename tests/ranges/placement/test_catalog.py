from typing import Any

import pytest

from node.codec import decode, encode
from node.machine import Answer, Request
from node.messages import Done, Refused
from node.raft.messages import Configuration, Member
from ranges.keys import TICK
from ranges.placement.catalog import WINDOW, Catalog
from ranges.placement.config import (
    RANGES_PER_REPORT_MAX,
    TICKS_PER_REQUEST_MAX,
    TOKEN_BYTES,
    WINDOW_TICKS,
    WINDOW_TICKS_MAX,
)
from ranges.placement.leaving import NodeRemoved
from ranges.placement.messages import (
    Allocated,
    AllocateGroup,
    ExtendWindow,
    Join,
    Joined,
    ListNodes,
    ListRanges,
    Lookup,
    PutDescriptors,
    RangeReport,
    Report,
    RoutesAre,
    Rules,
    SetNodeState,
    SetRules,
    Ticks,
    TicksAre,
)
from ranges.placement.recovered import Recovered
from ranges.placement.rows import Ids, Merge
from tests.ranges.fakes import FakeView
from tests.ranges.placement.world import CLUSTER, EVERYTHING, World, descriptor, joined

# -- ticks -----------------------------------------------------------------------------------------------------------


def test_ticks_wait_until_the_first_window_is_applied() -> None:
    world = World()
    world.catalog.lead(1)
    request = Request(0, 1, 0, 0, b"", Ticks(2), 0.0)
    outcome = world.catalog.read(request, 0.0)
    assert getattr(outcome, "token", None) == WINDOW
    world.settle()
    assert world.entries == [ExtendWindow(1 + WINDOW_TICKS)]
    assert world.catalog.read(request, 0.0) == Answer(TicksAre(1 * TICK))


def test_a_new_leader_starts_above_every_window() -> None:
    world = World()
    world.lead(1)
    old = world.ask(Ticks(1)).first
    ceiling = world.entries[-1].ceiling
    world.catalog.follow()
    world.lead(2)
    assert world.ask(Ticks(1)).first == ceiling * TICK > old


def test_a_window_is_extended_before_it_is_used_up() -> None:
    world = World()
    world.lead(1)
    last = 0
    for _ in range(4 * WINDOW_TICKS // TICKS_PER_REQUEST_MAX):
        reply = world.ask(Ticks(TICKS_PER_REQUEST_MAX))
        assert type(reply) is TicksAre, "never a wait after the first window"
        assert reply.first > last
        last = reply.first + (TICKS_PER_REQUEST_MAX - 1) * TICK
    assert 4 <= len(world.entries) <= 10, "a window is not extended for every request"


def test_an_extension_that_is_not_taken_is_proposed_again() -> None:
    world = World()
    world.silent = {0}
    world.lead(1)
    assert world.ask(Ticks(1)) is None
    world.silent = set()
    world.run(3)
    assert world.replies == [TicksAre(TICK)]


def test_the_ceiling_cannot_be_pushed_to_the_end_of_time() -> None:
    world = World()
    world.lead(1)
    assert type(world.ask(ExtendWindow(1 + 2 * WINDOW_TICKS_MAX))) is Refused
    assert world.ask(Ticks(1)) == TicksAre(TICK)


# -- nodes -----------------------------------------------------------------------------------------------------------


def test_a_join_may_be_repeated() -> None:
    world = World()
    world.lead(1)
    join = Join(b"t" * 16, "host2:2", (("host", "b"),))
    assert world.ask(join) == Joined(CLUSTER, 2, ((1, "host1:1"),))
    assert world.ask(join) == Joined(CLUSTER, 2, ((1, "host1:1"),))
    assert world.ask(Join(b"u" * 16, "host3:3")).node == 3
    assert world.catalog.nodes[2].label("host") == "b"


def test_a_removed_node_stays_removed() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    assert world.ask(SetNodeState(2, "leaving")) == Done()
    assert world.ask(SetNodeState(2, "removed")) == Done()
    assert type(world.ask(SetNodeState(2, "up"))) is Refused
    assert world.report(2) == NodeRemoved()
    assert type(world.ask(SetNodeState(9, "up"))) is Refused


def test_what_a_removed_node_said_last_is_forgotten() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    world.report(2, short="node 2 takes no writes: its disk is full")
    assert world.catalog.memory is not None and world.catalog.memory.short
    world.ask(SetNodeState(2, "leaving"))
    world.ask(SetNodeState(2, "removed"))
    assert not world.catalog.memory.short


def test_a_new_life_or_address_goes_through_the_log_and_an_old_life_is_refused() -> None:
    world = World()
    world.lead(1)
    before = len(world.entries)
    world.report(1)
    assert len(world.entries) == before, "liveness costs no entry"
    world.ask(Report(1, 3, "elsewhere:1", 1, 1))
    assert (world.catalog.nodes[1].life, world.catalog.nodes[1].address) == (3, "elsewhere:1")
    assert len(world.entries) == before + 1
    assert type(world.ask(Report(1, 2, "host1:1", 1, 1))) is Refused


def test_addresses_are_told_when_they_have_changed() -> None:
    world = World()
    world.lead(1)
    taken = world.ask(Report(1, 0, "host1:1", 0, 0))
    assert taken.addresses == ((1, "host1:1"),)
    assert world.ask(Report(1, 0, "host1:1", taken.generation, taken.seen)).addresses == ()
    joined(world, 2)
    assert world.ask(Report(1, 0, "host1:1", taken.generation, taken.seen)).addresses == (
        (1, "host1:1"),
        (2, "host2:2"),
    )


def silences(world: World) -> list[int]:
    return [each.silent_milliseconds for each in world.ask(ListNodes()).nodes]


def test_a_new_leader_counts_silence_from_its_own_beginning() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    world.run(100.0)
    assert silences(world) == [100_000, 100_000]
    world.catalog.follow()
    world.lead(2)
    assert silences(world) == [0, 0]
    world.run(1.0)
    world.report(2)
    world.run(2.0)
    assert silences(world) == [3000, 2000]


def test_a_leader_that_slept_calls_nobody_dead() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    world.run(1.0)
    world.report(1)
    world.now += 1000.0
    world.settle()
    assert silences(world) == [0, 0]
    world.run(1.0)
    assert silences(world) == [1000, 1000]


# -- ranges ----------------------------------------------------------------------------------------------------------


def test_a_lookup_names_ranges_nodes_and_leaders() -> None:
    world = World()
    world.lead(1)
    joined(world, 3)
    left = descriptor(1, b"\x01", b"\x10m", 2, 1, 1, 2)
    right = descriptor(2, b"\x10m", b"\xff", 2, 1, 3)
    world.ask(PutDescriptors((left, right), (3, 2)))
    world.report(3, RangeReport(right, 2, 5, 1000, 7))
    routes = RoutesAre((left,), ((1, "host1:1"), (2, "host2:2")), (0,), ((1, "host1:1"),))
    assert world.ask(Lookup(b"\x10a", 1)) == routes
    assert world.ask(Lookup(b"\x10a", 9)).leaders == (0, 3)
    assert world.ask(Lookup(b"\x10m", 9)).descriptors == (right,)


def test_ranges_are_listed_in_pages() -> None:
    world = World()
    world.lead(1)
    world.ask(PutDescriptors((descriptor(1, b"\x01", b"m", 2, 0, 1), descriptor(2, b"m", b"\xff", 2, 0, 1)), (2, 2)))
    first = world.ask(ListRanges(b"", 1))
    assert ([each.descriptor.group for each in first.ranges], first.more) == ([1], b"m")
    rest = world.ask(ListRanges(first.more, 1))
    assert ([each.descriptor.group for each in rest.ranges], rest.more) == ([2], None)


def test_group_ids_are_never_handed_out_twice() -> None:
    world = World()
    world.lead(1)
    assert [world.ask(AllocateGroup()) for _ in range(2)] == [Allocated(2), Allocated(3)]


# -- the machine -----------------------------------------------------------------------------------------------------


def history() -> list[Any]:
    return [
        Join(b"t" * 16, "host2:2", (("host", "b"),)),
        ExtendWindow(5000),
        AllocateGroup(),
        PutDescriptors(
            (descriptor(2, b"\x10m", b"\xff", 2, 1, 1, 2), descriptor(1, b"\x01", b"\x10m", 2, 1, 1)), (3, 2)
        ),
        SetRules(Rules(5, 1000, 9, 3000)),
        SetNodeState(2, "draining"),
        Join(b"t" * 16, "host2:3"),
        PutDescriptors((descriptor(1, b"\x01", b"\x10m", 1, 9, 2),), (3,)),
    ]


def applied(view: FakeView, *, leads: bool) -> tuple[Catalog, list[Any]]:
    for row in World().view.scan(b"\x00", b"\x01"):
        view.put(*row)
    catalog = Catalog(view)
    catalog.configuration = Configuration(1, 2, (Member(1, 1),))
    if leads:
        catalog.lead(1)
    return catalog, [catalog.apply(encode(command), None).reply for command in history()]


def test_leader_and_follower_apply_the_same() -> None:
    one, other = FakeView(), FakeView()
    _, replies = applied(one, leads=True)
    assert replies == applied(other, leads=False)[1]
    assert one.values == other.values


def test_a_restored_catalog_is_the_one_that_was() -> None:
    view = FakeView()
    before, _ = applied(view, leads=False)
    after = Catalog(view, before.mark())
    after.configuration = before.configuration
    assert (after.nodes, after.ids, after.rules) == (before.nodes, before.ids, before.rules)
    assert list(after.routes.from_key(b"")) == list(before.routes.from_key(b""))
    assert after.picture.cells == before.picture.cells
    after.routes.check()
    after.picture.check()


def test_a_replica_without_rows_waits_for_its_snapshot() -> None:
    catalog = Catalog(FakeView())
    assert len(catalog.routes) == 0
    assert catalog.span() == (b"\x00", b"\x01")


def test_what_group_zero_does_not_know_is_refused() -> None:
    world = World()
    world.lead(1)
    assert type(world.catalog.admit(Request(0, 1, 0, 0, b"", Ticks(1), 0.0), 0.0)) is Answer
    assert type(world.catalog.read(Request(0, 1, 0, 0, b"", AllocateGroup(), 0.0), 0.0)) is Answer


def test_a_follower_forgets_what_it_knew_as_leader() -> None:
    world = World()
    world.lead(1)
    world.report(1, RangeReport(EVERYTHING, 2, 5, 10, 0))
    assert world.catalog.picture.facts(1).leader == 1
    world.catalog.follow()
    assert world.catalog.picture.facts(1).leader == 0
    assert world.catalog.duties(0.0) == ()
    world.catalog.picture.check()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ticks(0),
        lambda: Ticks(TICKS_PER_REQUEST_MAX + 1),
        lambda: Lookup(b"", 0),
        lambda: Join(b"short", "a:1"),
        lambda: Join(b"t" * 16, ""),
        lambda: Join(b"t" * 16, "a" * 300),
        lambda: Join(b"t" * 16, "a:1", (("host", "x" * 300),)),
        lambda: Join(b"t" * 16, "a:1", (("k", "v"),) * 17),
        lambda: ExtendWindow(1 << 48),
        lambda: PutDescriptors((EVERYTHING,), ()),
        lambda: Report(1, 0, "a:1", 0, 0, holding=((1, 1),) * (RANGES_PER_REPORT_MAX + 1)),
        lambda: RangeReport(EVERYTHING, 2, 1, -1, 0),
        lambda: Rules(replicas=2),
        lambda: SetNodeState(1, "asleep"),
    ],
)
def test_a_message_beyond_a_limit_cannot_be_made(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


def test_every_message_comes_back_from_its_bytes() -> None:
    for command in [*history(), Report(1, 0, "a:1", 0, 0, leading=(RangeReport(EVERYTHING, 2, 1, 5, 0),))]:
        assert decode(encode(command)) == command


# -- a recovery ------------------------------------------------------------------------------------------------------


def replayed(world: World, message: Any) -> Any:
    """As at a start: nobody leads yet."""
    return world.catalog.apply(encode(message), None).reply


def test_a_recovered_cluster_goes_on_above_everything_and_without_the_lost() -> None:
    world = World()
    for token in (b"2" * TOKEN_BYTES, b"3" * TOKEN_BYTES):
        replayed(world, Join(token, "host2:1", ()))
    replayed(world, Recovered(b"n" * 16, (2, 9), 5_000, (40, 50, 60), (7,), ((3, 1, 8),)))
    for catalog in (world.catalog, Catalog(world.view)):  # as it is, and as the next start finds it
        assert {node: row.state for node, row in catalog.nodes.items()} == {1: "up", 2: "removed", 3: "up"}
        assert catalog.ids == Ids(40, 50, 60)
        assert catalog.is_removed(7, 1, 1)
        assert list(catalog.merges.under_way.values()) == [Merge(3, 1, 8)]
    world.lead(9)
    assert world.ask(Ticks(1)) == TicksAre(5_000 * TICK)
    fresh = world.ask(Join(b"4" * TOKEN_BYTES, "host4:1", ()))
    assert (fresh.cluster, fresh.node) == (b"n" * 16, 40)


def test_nobody_may_order_a_recovery() -> None:
    world = World()
    world.catalog.lead(1)
    message = Recovered(b"n" * 16, (2,), 5_000, (40, 50, 60), (), ())
    outcome = world.catalog.admit(Request(0, 1, 0, 0, encode(message), message, 0.0), 0.0)
    assert type(outcome) is Answer and type(outcome.reply) is Refused
