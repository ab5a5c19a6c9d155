"""Plans over hand-made survivors: who begins again from where, what is written there, and when there is no plan."""

from typing import Any

import pytest

from node.codec import decode, encode
from node.raft.membership import decode_configuration, encode_configuration
from node.raft.messages import Configuration, Kind, Member
from node.recovery import Amendment
from ranges.descriptor import Descriptor, Replica
from ranges.keys import FIRST_KEY, LAST_KEY, TICK
from ranges.machine import stamp
from ranges.placement.held import CatalogHeld, NodeHeld, ReplicaHeld
from ranges.placement.messages import PutDescriptors
from ranges.placement.recovered import Recovered
from ranges.placement.recovery import TICKS_SKIPPED, Choice, NoPlan, Plan, make_plan
from ranges.renewal import Renew

OLD, NEW = b"o" * 16, b"n" * 16
STAMP = len(stamp(0))


def three(*nodes: int, version: int = 5, outgoing: tuple[int, ...] = ()) -> Configuration:
    """A replica's id is ten times its node."""
    halves = [tuple(Member(10 * node, node) for node in half) for half in (nodes, outgoing)]
    return Configuration(version, 100, *halves)


def held(
    group: int, last: tuple[int, int] = (20, 3), configuration: Configuration | None = None, node: int = 1,
    start: bytes = FIRST_KEY, end: bytes = LAST_KEY, span_version: int = 1, **facts: Any,
) -> ReplicaHeld:  # fmt: skip
    given = {
        "parent": 0, "sure": True, "anew": False, "base": (5, 1), "journal": last, "journal_term": last[1],
        "settled": last[0] - 2, "applied": last[0] - 4, "frozen": 0, "heir": 0, "newest": 7 * TICK,
    } | facts  # fmt: skip
    members = encode_configuration(configuration or three(1, 2, 3))
    if group == 0:
        start, end, span_version = b"", b"", 0
    return ReplicaHeld(
        group, 10 * node, last=last, configuration=members, start=start, end=end, span_version=span_version, **given
    )


def catalog(*descriptors: Descriptor, nodes: tuple[int, ...] = (1, 2, 3), removed: tuple[int, ...] = ()) -> CatalogHeld:
    rows = tuple((node, "removed" if node in removed else "up", f"h{node}:1") for node in nodes)
    return CatalogHeld(rows, (max(nodes) + 1, 9, 4), 1_000, descriptors, (300,) * len(descriptors), (77,))


def node(number: int, *replicas: ReplicaHeld, known: CatalogHeld | None = None, **facts: Any) -> NodeHeld:
    given = {"cluster": OLD, "life": 4, "gone": ()} | facts
    return NodeHeld(node=number, address=f"h{number}:1", replicas=replicas, catalog=known, **given)


def lone(*replicas: ReplicaHeld, known: CatalogHeld | None = None) -> NodeHeld:
    return node(1, held(0), *replicas, known=known or catalog())


def plan(*nodes: NodeHeld, lost: tuple[int, ...] = (2, 3)) -> Plan:
    return make_plan(nodes, lost, NEW)


def choice(made: Plan, group: int) -> Choice:
    return next(each for each in made.choices if each.group == group)


def amended(made: Plan, number: int, group: int) -> Amendment | None:
    change = next(each for each in made.changes if each.node == number)
    return next((each for each in change.amendments if each.group == group), None)


def told(amendment: Amendment | None, stamped: int = 0) -> list[Any]:
    assert amendment is not None
    kinds = [kind for _, kind, _ in amendment.entries]
    assert kinds == [Kind.CONFIGURATION] + [Kind.COMMAND] * (len(kinds) - 1)
    bodies = [body for _, _, body in amendment.entries]
    return [decode_configuration(bodies[0]), *(decode(body[stamped:]) for body in bodies[1:])]


def test_one_of_three_begins_again_alone() -> None:
    made = plan(lone(held(1, (30, 4), start=FIRST_KEY)))
    assert (made.cluster, made.successor, made.lost) == (OLD, NEW, (2, 3))
    assert choice(made, 1) == Choice(1, "anew", FIRST_KEY, LAST_KEY, 1, 10, 30, 4, (), False, False)
    assert made.changes[0].routes == ((1, "h1:1"),)
    change = amended(made, 1, 1)
    assert change is not None
    assert (change.last, change.term, change.base, change.first) == ((30, 4), 4, (0, 0), 31)
    term, vote, commit = change.hard
    assert term > 1_000_000 and (vote, commit) == (10, 28)
    assert {each[0] for each in change.entries} == {term}
    configuration, renew = told(change, STAMP)
    assert configuration.voters == (Member(10, 1),)
    assert configuration.version > 5 and configuration.next_replica > 100
    assert change.entries[1][2][:STAMP] == stamp(1)  # M1: the span version that the log ends with
    assert type(renew) is Renew and renew.span_version > 1 and renew.end == LAST_KEY


def test_group_0_hears_of_it_in_its_log() -> None:
    beyond = Descriptor(1, FIRST_KEY, LAST_KEY, 900, 800, ())
    range_1 = held(1, frozen=50, newest=5_000 * TICK + 3)
    made = plan(node(1, held(0), range_1, known=catalog(beyond), gone=(40,)))
    configuration, recovered, put = told(amended(made, 1, 0))
    assert configuration.voters == (Member(10, 1),)
    assert type(recovered) is Recovered and type(put) is PutDescriptors
    assert (recovered.cluster, recovered.lost) == (NEW, (2, 3))
    assert recovered.ceiling > 5_000 + TICKS_SKIPPED
    assert recovered.ids[0] == 4 and recovered.ids[1] > 41 and recovered.ids[2] > 51
    assert recovered.merged == (40,) and recovered.merges == ()
    (descriptor,) = put.descriptors
    assert descriptor.replicas == (Replica(1, 10, True),)
    assert descriptor.span_version > 900 and descriptor.configuration_version > 800
    assert put.next_replicas[0] > 300
    renewed = told(amended(made, 1, 1), STAMP)
    assert renewed[1].span_version == descriptor.span_version
    assert renewed[0].version == descriptor.configuration_version
    assert renewed[1].ended == recovered.ids[2] - 1


def test_the_ceiling_is_above_every_catalogs() -> None:
    made = plan(lone(held(1, newest=0)))
    assert told(amended(made, 1, 0))[1].ceiling == 1_000 + TICKS_SKIPPED


def test_a_range_that_keeps_its_majority_is_left_alone() -> None:
    kept = three(1, 2, 4)
    nodes = (
        node(1, held(0), held(1, end=b"m"), held(2, start=b"m", configuration=kept), known=catalog(nodes=(1, 2, 3, 4))),
        node(4, held(2, start=b"m", configuration=kept, node=4)),
    )
    made = plan(*nodes)
    assert choice(made, 2).outcome == "kept" and choice(made, 1).outcome == "anew"
    assert amended(made, 1, 2) is None and amended(made, 4, 2) is None
    put = told(amended(made, 1, 0))[2]
    assert [each.group for each in put.descriptors] == [1]
    assert made.changes[1].successor == NEW  # the fence is for every node


def test_group_0_begins_again_from_its_best_even_with_its_majority() -> None:
    control = three(1, 4, 5)
    nodes = [
        node(each, held(0, (20 + each, 3), control, each), known=catalog(nodes=(1, 2, 3, 4, 5))) for each in (1, 4)
    ]
    nodes[0] = node(1, *nodes[0].replicas, held(1), known=nodes[0].catalog)
    made = plan(*nodes, lost=(2, 3, 5))
    assert choice(made, 0).outcome == "anew" and choice(made, 0).whole and choice(made, 0).node == 4
    assert made.changes[0].routes == ((4, "h4:1"),)
    assert len(told(amended(made, 4, 0))) == 3 and len(told(amended(made, 1, 0))) == 1


def test_the_best_log_has_the_last_term_then_the_last_index() -> None:
    five = three(1, 2, 3, 4, 5)
    lasts = {1: (90, 3), 4: (50, 4), 5: (49, 4)}
    everybody = catalog(nodes=(1, 2, 3, 4, 5, 6, 7))
    big = Configuration(5, 100, tuple(Member(10 * each, each) for each in range(1, 8)))
    nodes = [
        node(each, held(0, last, big, each), held(1, last, big, each), known=everybody) for each, last in lasts.items()
    ]
    made = plan(*nodes, lost=(2, 3, 6, 7))
    assert (choice(made, 1).node, choice(made, 1).index, choice(made, 1).term) == (4, 50, 4)
    assert choice(made, 1).others == ((1, 90, 3), (5, 49, 4))
    assert five.voters  # the others: in a configuration without them, after what was settled
    for number in (1, 5):
        other = amended(made, number, 1)
        (configuration,) = told(other)
        assert other is not None
        assert configuration.voters == (Member(40, 4),)
        assert other.first == lasts[number][0] - 1 and other.hard[1:] == (0, other.first - 1)


@pytest.mark.parametrize(
    ("configuration", "outcome"),
    [
        (three(1, 4, 2, outgoing=(1, 4, 3)), "kept"),
        (three(1, 4, 2, outgoing=(1, 2, 3)), "anew"),
        (three(1, 2, 3, outgoing=(1, 4, 2)), "anew"),
        (three(1, 2), "anew"),
        (three(1), "kept"),
    ],
)
def test_both_halves_of_a_joint_configuration_count(configuration: Configuration, outcome: str) -> None:
    nodes = (
        node(1, held(0), held(1, configuration=configuration), known=catalog(nodes=(1, 2, 3, 4))),
        node(4, held(1, (10, 3), configuration, 4)),
    )
    assert choice(plan(*nodes), 1).outcome == outcome


def test_a_split_that_only_one_survivor_knows_makes_the_older_side_shorter() -> None:
    other = three(4, 5, 6)
    nodes = (
        lone(held(1, span_version=1), known=catalog(nodes=(1, 2, 3, 4, 5, 6))),
        node(4, held(2, (9, 2), other, 4, start=b"m", span_version=2)),
    )
    made = plan(*nodes, lost=(2, 3, 5, 6))
    assert told(amended(made, 1, 1), STAMP)[1].end == b"m"
    spans = {each.group: (each.start, each.end) for each in told(amended(made, 1, 0))[2].descriptors}
    assert spans == {1: (FIRST_KEY, b"m"), 2: (b"m", LAST_KEY)}


def test_what_was_merged_away_is_dropped_and_its_replicas_fall_silent() -> None:
    left = held(1, span_version=5)
    right = held(2, start=b"m", span_version=4, frozen=3, heir=1)
    made = plan(lone(left, right))
    assert choice(made, 2).outcome == "dropped"
    dropped = amended(made, 1, 2)
    (configuration,) = told(dropped)
    assert dropped is not None and dropped.first == 19
    assert configuration.voters[0].node in made.lost and configuration.voters[0].replica != 10
    _, recovered, put = told(amended(made, 1, 0))
    assert recovered.merged == (2,) and [each.group for each in put.descriptors] == [1]


def test_a_frozen_range_with_a_majority_is_left_to_group_0() -> None:
    kept = three(1, 2, 4)
    right = {"start": b"m", "configuration": kept, "frozen": 3, "heir": 1}
    nodes = (
        lone(held(1, end=b"m"), held(2, **right), known=catalog(nodes=(1, 2, 3, 4))),  # type: ignore[arg-type]
        node(4, held(2, node=4, **right)),  # type: ignore[arg-type]
    )
    assert told(amended(plan(*nodes), 1, 0))[1].merges == ((3, 1, 2),)


def test_a_right_side_that_is_still_to_be_made_gets_a_log() -> None:
    born = held(2, (1, 1), start=b"m", span_version=2, parent=1, sure=False, anew=True, base=(1, 1), settled=1,
                journal=(0, 0), journal_term=0)  # fmt: skip
    made = plan(lone(held(1, end=b"m", span_version=2), born))
    change = amended(made, 1, 2)
    assert change is not None
    assert (change.last, change.base, change.first, change.hard[2]) == ((0, 0), (1, 1), 2, 1)


def test_a_right_side_counts_only_where_its_left_begins_again() -> None:
    five = Configuration(5, 100, tuple(Member(10 * each, each) for each in (1, 2, 3, 4, 5)))
    born = held(2, (1, 1), five, 4, start=b"m", span_version=2, parent=1, sure=False, anew=True, base=(1, 1))
    nodes = (
        lone(held(1, (30, 4), five), known=catalog(nodes=(1, 2, 3, 4, 5))),
        node(4, held(1, (20, 3), five, 4, end=b"m", span_version=2), born),
    )
    made = plan(*nodes, lost=(2, 3, 5))
    assert [each.group for each in made.choices] == [0, 1]
    assert amended(made, 4, 2) is None and told(amended(made, 1, 1), STAMP)[1].end == LAST_KEY


def test_old_data_is_told_as_such() -> None:
    newer = Descriptor(8, b"c", b"d", 6, 2, (Replica(2, 1, True),))
    assert choice(plan(lone(held(1), known=catalog(newer))), 1).outdated
    assert not choice(plan(lone(held(1, span_version=7), known=catalog(newer))), 1).outdated


# -- no plan -------------------------------------------------------------------------------------------------------


def refused(*nodes: NodeHeld, lost: tuple[int, ...] = (2, 3)) -> str:
    with pytest.raises(NoPlan) as caught:
        plan(*nodes, lost=lost)
    return str(caught.value)


def test_a_gap_is_refused_and_says_who_had_the_keys() -> None:
    gone = Descriptor(7, b"m", LAST_KEY, 3, 2, (Replica(2, 1, True), Replica(3, 2, True)))
    text = refused(lone(held(1, end=b"m"), known=catalog(gone)))
    assert "no survivor holds the keys from b'm'" in text and "n2 n3" in text and "bring the directory" in text


def test_two_owners_at_the_same_span_version_are_refused() -> None:
    assert "same span version" in refused(lone(held(1, span_version=2), held(2, start=b"m", span_version=2)))


def test_an_older_range_that_would_lose_its_beginning_is_refused() -> None:
    assert "no safe way" in refused(lone(held(1, end=b"m", span_version=2), held(2, start=b"c", span_version=1)))


def test_a_range_with_a_majority_is_never_made_shorter() -> None:
    alone = three(1)
    older = held(1, configuration=alone)
    assert "no safe way" in refused(lone(older, held(2, start=b"m", span_version=2)))


def test_nodes_that_nobody_speaks_of_are_asked_for() -> None:
    assert "nodes 4 are neither lost nor looked at" in refused(lone(held(1), known=catalog(nodes=(1, 2, 3, 4))))
    plan(lone(held(1), known=catalog(nodes=(1, 2, 3, 4), removed=(4,))))


def test_a_plan_needs_group_0() -> None:
    assert "group 0" in refused(node(1, held(1)))


def test_wrong_questions_are_refused() -> None:
    alone = three(1)
    assert "start the nodes" in refused(
        node(1, held(0, configuration=alone), held(1, configuration=alone), known=catalog())
    )
    assert "mistyped" in refused(lone(held(1)), lost=(2, 3, 33))
    assert "name the nodes" in refused(lone(held(1)), lost=())
    assert "several clusters" in refused(lone(held(1)), node(4, cluster=b"x" * 16))
    assert "several directories" in refused(lone(held(1)), lone(held(1)))
    assert "named as lost" in refused(lone(held(1)), node(2))


def test_a_plan_travels() -> None:
    made = plan(lone(held(1), held(2, start=b"m", span_version=2)))
    assert decode(encode(made)) == made
    survivor = lone(held(1))
    assert decode(encode(survivor)) == survivor
