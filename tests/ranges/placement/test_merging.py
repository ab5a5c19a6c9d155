"""Merges from the catalog's side: ids, the driver's steps, what it leaves to a later leadership, and when to merge."""

from dataclasses import replace
from typing import Any

import pytest

from node.messages import Done, Refused
from node.raft.messages import Configuration, Member
from ranges.merging import Absorb, Forgo, Freeze, Thaw
from ranges.placement.catalog import Catalog
from ranges.placement.config import COLD_SECONDS, REST_AFTER_FAILURE_SECONDS, REST_SECONDS
from ranges.placement.driver import Leadership
from ranges.placement.memory import LeaderMemory
from ranges.placement.merges import BeginMerge, EndMerge, MergeBegun, MergeRange
from ranges.placement.messages import Lookup, MoveLeader, Report, Rules, SplitRange
from ranges.placement.moves import MergeRanges
from ranges.placement.picture import Facts
from ranges.placement.policy import decide
from tests.ranges.placement.test_driver import EVERYTHING, Cluster
from tests.ranges.placement.toy import Toy
from tests.ranges.placement.world import FakeGroup

AT = b"\x10m"


class Pair(Cluster):
    """Groups 1 and 2, neighbours at `AT`, on these nodes."""

    def __init__(self, left: tuple[int, ...] = (1, 2, 3), right: tuple[int, ...] = (1, 2, 3), nodes: int = 3) -> None:
        super().__init__(nodes, *left, decides=False)
        self.driver._leadership = Leadership(self.catalog, 1)
        self.sides = replace(EVERYTHING, end=AT, span_version=2), replace(EVERYTHING, group=2, start=AT, span_version=2)
        for group, side, voters in zip((1, 2), self.sides, (left, right), strict=True):
            members = tuple(Member(node, node) for node in voters)
            self.groups[group] = FakeGroup(side, Configuration(2, 10, members), voters[0])
        self.report_all()

    def merge(self) -> list[Any]:
        return self.serve(MergeRange(AT))

    def spans(self) -> list[tuple[int, bytes, bytes]]:
        return [(each.group, each.start, each.end) for each in self.ask(Lookup(b"\x01", 9)).descriptors]

    def seen(self, group: int) -> list[str]:
        return [each for each in self.told(group) if not each.startswith(("members", "leader"))]


APART = [(1, b"\x01", AT), (2, AT, b"\xff")]
JOINED = [(1, b"\x01", b"\xff")]


# -- the catalog -------------------------------------------------------------------------------------------------------


def test_ids_of_merges_rise_and_a_group_is_in_one_at_a_time() -> None:
    pair = Pair()
    assert pair.ask(BeginMerge(1, 2)) == MergeBegun(1)
    assert type(pair.ask(BeginMerge(1, 2))) is Refused
    assert pair.ask(EndMerge(1, False)) == Done()
    assert pair.ask(BeginMerge(1, 2)) == MergeBegun(2), "no id is used twice"
    assert pair.ask(EndMerge(1, True)) == Done(), "which is over already"
    assert list(pair.catalog.merges.under_way) == [2]
    assert not pair.catalog.merges.merged


@pytest.mark.parametrize(("left", "right"), [(2, 1), (1, 1), (1, 7), (7, 2)])
def test_only_neighbours_merge_to_the_left(left: int, right: int) -> None:
    assert type(Pair().ask(BeginMerge(left, right))) is Refused


def test_a_catalog_read_anew_knows_merges_and_who_is_no_more() -> None:
    pair = Pair()
    pair.ask(BeginMerge(1, 2))
    again = Catalog(pair.view)
    assert again.merges.under_way == pair.catalog.merges.under_way
    pair.ask(EndMerge(1, True))
    again = Catalog(pair.view)
    assert not again.merges.under_way
    assert again.merges.merged == {2}
    assert again.ids == pair.catalog.ids
    assert again.picture.neighbours.lefts == {2: 1}


def test_what_is_left_of_a_merged_group_is_dropped() -> None:
    pair = Pair()
    assert pair.merge() == [Done()]
    memory = pair.catalog.memory
    assert memory is not None
    report = Report(3, 0, pair.catalog.nodes[3].address, memory.term, memory.seen, holding=((1, 3), (2, 3)))
    drops = pair.ask(report).drops
    assert [(each.group, each.replica) for each in drops] == [(2, 3)]


def test_the_picture_follows_who_is_whose_neighbour() -> None:
    pair = Pair()
    assert pair.catalog.picture.neighbours.lefts == {2: 1}
    assert pair.merge() == [Done()]
    assert pair.catalog.picture.neighbours.lefts == {}


# -- the driver --------------------------------------------------------------------------------------------------------


def test_people_merge_a_range_into_its_left_neighbour() -> None:
    pair = Pair()
    right = pair.groups[2]
    assert pair.spans() == APART
    assert pair.merge() == [Done()]
    assert pair.spans() == JOINED
    assert (pair.seen(1), right.seen) == (["Absorb"], ["Freeze"])
    assert not pair.catalog.merges.under_way
    assert pair.catalog.merges.merged == {2}


def test_the_right_moves_to_the_nodes_of_the_left_first() -> None:
    pair = Pair((1, 2, 3), (2, 3, 4), nodes=4)
    right = pair.groups[2]
    done = pair.merge()
    pair.live(10)
    assert done == [Done()]
    moves = [each for each in right.seen if each.startswith(("members", "leader")) or each == "Freeze"]
    assert moves == ["members n2 n3 n4 n1?", "members n1 n2 n3", "Freeze"]
    assert pair.spans() == JOINED


def test_both_sides_are_left_alone_for_a_while() -> None:
    pair = Pair()
    pair.groups[2].lagging = {3}
    pair.merge()
    for order in (MoveLeader(1, 2), MoveLeader(2, 2), SplitRange(b"\x10a"), SplitRange(b"\x10q"), MergeRange(AT)):
        assert "is being changed" in pair.serve(order)[0].why
    pair.live(REST_AFTER_FAILURE_SECONDS + 30)
    pair.groups[2].lagging = set()
    done = pair.merge()
    pair.live(REST_SECONDS + 1)
    assert done == [Done()]


@pytest.mark.parametrize("key", [b"", b"\x01", b"\x10a", b"\x10z"])
def test_what_does_not_begin_a_range_with_a_left_neighbour_is_refused(key: bytes) -> None:
    (reply,) = Pair().serve(MergeRange(key))
    assert type(reply) is Refused


@pytest.mark.parametrize("group", [1, 2])
def test_nothing_is_frozen_while_a_node_is_away(group: int) -> None:
    pair = Pair()
    pair.groups[group].mute = {3}
    done = pair.merge()
    pair.live(5)
    assert type(done[0]) is Refused
    assert (pair.seen(1), pair.seen(2)) == ([], [])


def test_a_freeze_that_is_not_durable_everywhere_is_thawed() -> None:
    pair = Pair()
    pair.groups[2].lagging = {2}
    done = pair.merge()
    pair.live(10)
    assert type(done[0]) is Refused
    assert (pair.seen(1), pair.seen(2)) == (["Forgo"], ["Freeze", "Thaw"])
    assert pair.groups[2].frozen == 0
    assert pair.spans() == APART
    assert not pair.catalog.merges.under_way


def test_a_node_that_falls_silent_meanwhile_ends_the_merge_soon() -> None:
    pair = Pair()
    pair.groups[2].lagging = {2}
    pair.merge()
    pair.groups[2].mute = {1}
    pair.live(2)
    assert pair.seen(2) == ["Freeze", "Thaw"]


def test_a_thaw_waits_for_the_left_to_forgo() -> None:
    """Until the left's log says so, the merge may still come about."""
    pair = Pair()
    pair.groups[2].lagging = {2}
    pair.merge()
    pair.silent = {1}
    pair.live(30)
    assert pair.seen(2) == ["Freeze"]
    assert pair.groups[2].frozen == 1
    pair.silent = set()


def test_a_merge_whose_answer_was_lost_is_found_done() -> None:
    pair = Pair()
    pair.lost = {Absorb}
    done = pair.merge()
    pair.live(30)
    assert done == [Done()]
    assert pair.spans() == JOINED


@pytest.mark.parametrize(
    ("lost", "lagging", "spans"),
    [(Freeze, (), APART), (Absorb, (), JOINED), (Forgo, (2,), APART), (Thaw, (2,), APART)],
)
def test_a_later_leadership_ends_what_it_finds(lost: type, lagging: tuple[int, ...], spans: object) -> None:
    pair = Pair()
    pair.lost = {lost}
    pair.groups[2].lagging = set(lagging)
    pair.merge()
    pair.live(6)
    pair.catalog.follow()
    pair.lost = set()
    pair.run(60)
    assert list(pair.catalog.merges.under_way) == [1], "nothing is sent for a leadership that has ended"
    pair.catalog.lead(2)
    pair.report_all()
    pair.start(pair.driver.run(pair.catalog, 2))
    pair.live(5)
    assert pair.spans() == spans
    assert not pair.catalog.merges.under_way
    assert all(each.frozen == 0 for each in pair.groups.values())


def test_a_settlement_without_an_answer_is_tried_again() -> None:
    pair = Pair()
    pair.ask(BeginMerge(1, 2))
    pair.groups[2].frozen = 1
    pair.silent = {2}
    pair.start(pair.driver.run(pair.catalog, 1))
    pair.live(20)
    assert list(pair.catalog.merges.under_way) == [1]
    pair.silent = set()
    pair.live(2 * REST_AFTER_FAILURE_SECONDS + 10)
    assert not pair.catalog.merges.under_way
    assert pair.groups[2].frozen == 0


# -- the policy --------------------------------------------------------------------------------------------------------

SMALL = 1 << 20


def cold(sizes: tuple[int, ...] = (SMALL, SMALL), rules: Rules | None = None, nodes: int = 3) -> Toy:
    """Ranges 1, 2, … in key order, on the first three nodes, all of them cold."""
    toy = Toy(nodes, rules)
    toy.range(0, 1, 2, 3)
    for group, size in enumerate(sizes, 1):
        toy.range(group, 1, 2, 3, leader=1 + group % 3, size=size)
        toy.picture.adjoin(group, group - 1)
    toy.picture.see(toy.picture.nodes, COLD_SECONDS)
    return toy


def test_small_cold_neighbours_merge_one_pair_at_a_time() -> None:
    assert decide(cold().picture) == (MergeRanges(2, 1),)
    assert decide(cold((SMALL,) * 6).picture) == (MergeRanges(2, 1),)


@pytest.mark.parametrize(
    ("sizes", "rules"),
    [
        ((8 << 20, 8 << 20), Rules()),
        ((SMALL, SMALL), Rules(merge_bytes=0)),
        ((SMALL, SMALL), Rules(split_bytes=4 * SMALL)),
    ],
)
def test_what_is_large_together_stays_apart(sizes: tuple[int, ...], rules: Rules) -> None:
    """However the rules are set, two that merge are not split again soon."""
    assert decide(cold(sizes, rules).picture) == ()


def test_ranges_that_are_not_cold_stay_apart() -> None:
    for warm in (1, 2):
        toy = cold()
        toy.picture.report(warm, Facts(9, 1 + warm % 3, SMALL, 0), since=1.0)
        assert decide(toy.picture) == ()


def test_a_busy_range_is_not_small() -> None:
    toy = cold()
    toy.picture.report(2, Facts(9, 3, SMALL, 30))
    assert 2 not in toy.picture.small
    assert 1 in toy.picture.small


def test_nothing_merges_during_other_moves_of_either_side() -> None:
    for group in (1, 2):
        toy = cold()
        toy.picture.begin(group, None)
        assert decide(toy.picture) == ()


def test_nothing_merges_while_a_node_is_silent_or_members_are_missing() -> None:
    toy = cold()
    toy.node(3, silent=10)
    assert decide(toy.picture) == ()
    toy = cold(nodes=4)
    toy.range(2, 1, 2, 3, learners=(4,), size=SMALL)
    assert not any(isinstance(move, MergeRanges) for move in decide(toy.picture))


def test_something_has_happened_to_a_range_that_is_new_split_written_to_or_busy() -> None:
    memory, group = LeaderMemory(1, 1), FakeGroup(EVERYTHING, Configuration(1, 2, (Member(1, 1),)), 1)
    assert memory.stir(group.report(5), 10.0) == 10.0
    assert memory.stir(group.report(5), 20.0) == 10.0
    group.descriptor = replace(group.descriptor, span_version=2)
    assert memory.stir(group.report(5), 700.0) == 700.0, "it was split"
    assert memory.stir(group.report(6), 800.0) == 800.0, "it was written to"
    assert memory.stir(replace(group.report(6), load=1), 900.0) == 900.0, "it is busy"
    assert memory.stir(group.report(6), 910.0) == 900.0


def test_cold_neighbours_merge_by_themselves() -> None:
    pair = Pair()
    pair.start(pair.driver.run(pair.catalog, 1))
    pair.live(COLD_SECONDS - 5)
    assert pair.spans() == APART
    pair.live(15)
    assert pair.spans() == JOINED
