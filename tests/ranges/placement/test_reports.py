"""What reports do at group 0's leader, and which replicas are to be dropped."""

from node.messages import DropReplica
from node.raft.messages import Configuration, Member
from ranges.descriptor import Descriptor, Replica
from ranges.placement.messages import ListRanges, Lookup, PutDescriptors, RangeReport
from tests.ranges.placement.world import EVERYTHING, World, descriptor, joined


def test_a_report_is_answered_when_the_catalog_has_taken_what_it_tells() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    moved = descriptor(1, b"\x01", b"\xff", 1, 1, 1, 2)
    before = len(world.entries)
    assert world.report(1, RangeReport(moved, 3, 1, 10, 0)).generation == 1
    assert world.entries[before:] == [PutDescriptors((moved,), (3,))]
    world.report(1, RangeReport(moved, 3, 1, 20, 0))
    assert len(world.entries) == before + 1, "a size alone costs no entry"
    assert world.ask(ListRanges(b"", 1)).ranges[0].size == 20


def test_left_and_right_are_reported_together() -> None:
    world = World()
    world.lead(1)
    left, right = descriptor(1, b"\x01", b"m", 2, 0, 1), descriptor(2, b"m", b"\xff", 2, 0, 1)
    world.report(1, RangeReport(left, 2, 1, 10, 0), beside=(right,))
    assert world.ask(Lookup(b"\x01", 9)).descriptors == (left, right)


def test_a_report_to_a_leader_of_another_generation_is_not_taken_in() -> None:
    world = World()
    world.lead(1)
    world.catalog.follow()
    world.lead(2)
    moved = descriptor(1, b"\x01", b"\xff", 1, 1, 1, 2)
    reply = world.report(1, RangeReport(moved, 3, 1, 10, 0), generation=1)
    assert reply.generation == 2
    assert world.ask(Lookup(b"\x01", 1)).descriptors == (EVERYTHING,)


def test_a_leader_of_an_older_term_is_not_believed() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    world.report(2, RangeReport(EVERYTHING, 2, 5, 10, 0))
    world.report(1, RangeReport(EVERYTHING, 2, 4, 10, 0))
    assert world.ask(ListRanges(b"", 1)).ranges[0].leader == 2


def test_the_size_in_a_report_from_before_a_split_is_that_of_both_sides_and_does_not_count() -> None:
    world = World()
    world.lead(1)
    left, right = descriptor(1, b"\x01", b"m", 2, 0, 1), descriptor(2, b"m", b"\xff", 2, 0, 1)
    world.report(1, RangeReport(left, 2, 1, 10, 3), beside=(right,))
    world.report(1, RangeReport(EVERYTHING, 2, 1, 20, 6))
    (found, _) = world.ask(ListRanges(b"", 2)).ranges
    assert (found.leader, found.size, found.load) == (1, 10, 3)


# -- replicas that are no members any more ---------------------------------------------------------------------------


def test_a_removed_replica_is_to_be_dropped_until_it_is_gone() -> None:
    world = World()
    world.lead(1)
    joined(world, 3)
    world.ask(PutDescriptors((descriptor(1, b"\x01", b"\xff", 1, 1, 1, 2),), (3,)))
    assert world.report(2, holding=((1, 2),)).drops == ()
    without = Descriptor(1, b"\x01", b"\xff", 1, 2, (Replica(1, 1, True), Replica(3, 3, True)))
    world.ask(PutDescriptors((without,), (4,)))
    assert world.report(2).drops == (DropReplica(1, 2),)
    assert world.report(2).drops == (DropReplica(1, 2),)
    assert world.report(2, gone=(1,)).drops == ()


def test_a_replica_newer_than_the_catalog_is_not_dropped() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    assert world.report(2, holding=((1, 2),)).drops == (), "the catalog's descriptor had not handed out id 2 yet"
    assert world.report(2, holding=((5, 1),)).drops == (), "a right side that the catalog does not know yet"


def test_a_member_that_the_catalog_never_knew_is_dropped_once_it_is_known_to_be_none() -> None:
    world = World()
    world.lead(1)
    joined(world, 3)
    assert world.report(2, holding=((1, 2),)).drops == ()
    world.ask(
        PutDescriptors((Descriptor(1, b"\x01", b"\xff", 1, 3, (Replica(1, 1, True), Replica(3, 3, True))),), (4,))
    )
    assert world.report(2).drops == (DropReplica(1, 2),), "it came and went between two reports"


def test_a_new_leader_finds_leftovers_in_full_reports() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    world.ask(PutDescriptors((Descriptor(1, b"\x01", b"\xff", 1, 2, (Replica(1, 1, True),)),), (3,)))
    world.catalog.follow()
    world.lead(2)
    assert world.report(2, holding=((1, 2),), whole=True).drops == (DropReplica(1, 2),)
    assert world.report(2, whole=True).drops == (), "what a full report does not name is not there"


def test_group_zero_confirms_its_own_former_members() -> None:
    world = World()
    world.lead(1)
    joined(world, 2)
    world.catalog.configuration = Configuration(2, 3, (Member(1, 1), Member(2, 2)))
    assert world.report(2, holding=((0, 2),)).drops == ()
    world.catalog.configuration = Configuration(3, 3, (Member(1, 1),))
    assert world.report(2).drops == (DropReplica(0, 2),)
    assert world.report(1).routes == ((1, "host1:1"),)
