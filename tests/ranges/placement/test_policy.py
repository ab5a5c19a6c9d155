import pytest

from ranges.placement.cells import CONTROL_GROUP, Cell
from ranges.placement.config import LEADERS_MOVED_AT_ONCE, ORDERS_AT_ONCE, PARTNERS_WANTED
from ranges.placement.draft import wanted_voters
from ranges.placement.messages import MoveLeader, Rules
from ranges.placement.moves import ChangeReplicas, SplitBusy, SplitLarge
from ranges.placement.picture import Facts
from ranges.placement.policy import decide
from tests.ranges.placement.toy import Toy


def told(moves: object) -> list[str]:
    return [str(move) for move in moves]  # type: ignore[attr-defined]


# -- growing ---------------------------------------------------------------------------------------------------------


def test_groups_have_one_voter_until_three_nodes_are_there() -> None:
    toy = Toy(1)
    toy.range(0, 1)
    toy.range(1, 1)
    assert toy.until_quiet() == []
    toy.node(2)
    assert toy.until_quiet() == []
    toy.node(3)
    assert told(toy.step()) == ["g0 on n1 n2 n3", "g1 on n1 n2 n3"]


def test_wanted_voters_are_odd_and_never_fewer_because_nodes_were_lost() -> None:
    assert [wanted_voters(5, nodes, 1) for nodes in range(1, 8)] == [1, 1, 3, 3, 5, 5, 5]
    assert [wanted_voters(3, 2, voters) for voters in (1, 2, 3, 4)] == [1, 1, 3, 3]


def test_two_voters_are_never_ordered_where_a_third_node_is_silent() -> None:
    toy = Toy(3)
    toy.node(3, silent=10)
    toy.range(1, 1)
    assert toy.until_quiet() == []


def test_rules_may_ask_for_more_and_for_fewer_replicas() -> None:
    toy = Toy(5)
    toy.range(1, 1, 2, 3)
    toy.picture.follow_rules(Rules(replicas=5))
    assert told(toy.step()) == ["g1 on n1 n2 n3 n4 n5"]
    toy.picture.follow_rules(Rules(replicas=3))
    (move,) = toy.step()
    assert isinstance(move, ChangeReplicas)
    assert len(move.voters) == 3
    assert 1 in move.voters, "the leader stays"


# -- repair ----------------------------------------------------------------------------------------------------------


def test_policy_replaces_dead_node() -> None:
    toy = Toy(4)
    toy.range(0, 1, 2, 3)
    toy.range(1, 1, 2, 3)
    toy.range(2, 2, 3, 4)
    toy.dies(3)
    assert told(toy.step()) == ["g0 on n1 n2 n4", "g1 on n1 n2 n4", "g2 on n1 n2 n4"]
    toy.until_quiet()
    assert toy.replicas()[3] == 0


def test_a_node_is_dead_only_after_its_grace() -> None:
    toy = Toy(4, Rules(dead_milliseconds=5000))
    toy.range(1, 1, 2, 3)
    toy.node(3, silent=4.9)
    assert toy.until_quiet() == []
    toy.node(3, silent=5.0)
    assert told(toy.step()) == ["g1 on n1 n2 n4"]


def test_a_dead_node_stays_a_member_where_there_is_no_other_node() -> None:
    toy = Toy(3)
    toy.range(0, 1, 2, 3)
    toy.ranges(5, 1, 2, 3)
    toy.dies(3)
    assert not [move for move in toy.until_quiet() if isinstance(move, ChangeReplicas)]


def test_a_range_without_a_live_majority_is_left_alone() -> None:
    toy = Toy(6)
    toy.range(1, 1, 2, 3)
    toy.dies(2)
    toy.dies(3)
    assert toy.until_quiet() == []


def test_the_range_that_one_more_death_would_stop_is_repaired_first() -> None:
    toy = Toy(7, Rules(replicas=5))
    toy.range(1, 1, 2, 3, 4, 6)
    toy.range(2, 1, 2, 4, 6, 7)
    toy.dies(6)
    toy.dies(7)
    assert told(toy.step())[:2] == ["g2 on n1 n2 n3 n4 n5", "g1 on n1 n2 n3 n4 n5"]


def test_a_leaving_node_is_emptied() -> None:
    toy = Toy(4)
    toy.range(0, 1, 2, 3)
    toy.ranges(4, 1, 2, 3)
    toy.state(1, "leaving")
    toy.until_quiet()
    assert toy.replicas()[1] == 0
    assert toy.picture.cell(CONTROL_GROUP) == Cell((2, 3, 4), (), 2)


def test_nothing_moves_to_a_node_without_room() -> None:
    toy = Toy(5)
    toy.range(1, 1, 2, 3)
    toy.node(4, short="node 4 takes no writes: its disk is full")
    toy.dies(3)
    assert told(toy.step()) == ["g1 on n1 n2 n5"]


def test_nothing_moves_to_a_node_that_has_just_fallen_silent() -> None:
    toy = Toy(5)
    toy.range(1, 1, 2, 3)
    toy.node(4, silent=3.5)
    toy.dies(3)
    assert told(toy.step()) == ["g1 on n1 n2 n5"]


def test_a_learner_left_over_becomes_the_voter_that_is_missing() -> None:
    toy = Toy(5)
    toy.range(1, 1, 2, 3, learners=(5,))
    toy.dies(3)
    assert told(toy.step()) == ["g1 on n1 n2 n5"]


def test_a_learner_left_over_that_nobody_needs_goes() -> None:
    toy = Toy(4)
    toy.range(1, 1, 2, 3, learners=(4,))
    assert told(toy.step()) == ["g1 on n1 n2 n3"]


def test_a_group_with_too_many_voters_keeps_its_leader() -> None:
    toy = Toy(4)
    toy.range(1, 1, 2, 3, 4, leader=4)
    (move,) = toy.step()
    assert isinstance(move, ChangeReplicas)
    assert 4 in move.voters


# -- hosts -----------------------------------------------------------------------------------------------------------


def test_replicas_that_share_a_host_part() -> None:
    toy = Toy(4, hosts=("a", "a", "b", "c"))
    toy.range(1, 1, 2, 3)
    (move,) = toy.step()
    assert isinstance(move, ChangeReplicas)
    assert {3, 4} < set(move.voters)
    assert toy.until_quiet() == []


def test_new_replicas_go_to_hosts_of_their_own() -> None:
    toy = Toy(6, hosts=("a", "a", "b", "b", "c", "c"))
    toy.ranges(12, 1)
    toy.until_quiet()
    for cell in toy.picture.cells:
        assert len({(node - 1) // 2 for node in cell.voters}) == 3
    assert set(toy.replicas().values()) == {6}


def test_a_host_is_shared_only_if_there_is_no_other() -> None:
    toy = Toy(3, hosts=("a", "a", "b"))
    toy.range(1, 1)
    assert told(toy.until_quiet()) == ["g1 on n1 n2 n3"]


def test_evenness_never_crowds_a_host() -> None:
    toy = Toy(4, hosts=("a", "b", "c", "c"))
    toy.ranges(20, 1, 2, 3)
    toy.until_quiet()
    for cell in toy.picture.cells:
        assert not {3, 4} <= set(cell.voters)
    counts = toy.replicas()
    assert abs(counts[3] - counts[4]) <= 1


@pytest.mark.parametrize("hosts", [("a", "b", "c", "d"), ("a", "a", "b", "c")])
def test_nothing_moves_for_evenness_or_hosts_while_a_replica_is_missing(hosts: tuple[str, ...]) -> None:
    """It would make the group depend on the newcomer, too, from the first step of the move on."""
    toy = Toy(4, hosts=hosts)
    toy.ranges(20, 1, 2, 3)
    toy.node(3, hosts[2], silent=10)
    assert not [move for move in toy.step() if isinstance(move, ChangeReplicas)]
    toy.node(3, hosts[2], silent=0)
    assert [move for move in toy.step() if isinstance(move, ChangeReplicas)]


# -- splits ----------------------------------------------------------------------------------------------------------


def test_a_large_range_is_split_until_no_part_is_large() -> None:
    toy = Toy(3, Rules(split_bytes=100))
    toy.range(0, 1, 2, 3)
    toy.next_group = 2
    toy.range(1, 1, 2, 3, size=799)
    moves = toy.until_quiet()
    assert moves[0] == SplitLarge(1)
    assert len(toy.picture) == 1 + 8
    assert all(toy.picture.facts(group).size <= 100 for group in range(1, 9))


def test_a_busy_range_is_split_only_if_rules_say_so() -> None:
    toy = Toy(1, Rules(replicas=1))
    toy.range(1, 1)
    toy.picture.report(1, Facts(9, 1, 10, 5000))
    assert toy.step() == ()
    toy.picture.follow_rules(Rules(replicas=1, split_load=1000))
    assert decide(toy.picture) == (SplitBusy(1),)


def test_group_zero_is_never_split() -> None:
    toy = Toy(1, Rules(replicas=1, split_bytes=10))
    toy.range(0, 1, size=1000)
    assert toy.step() == ()


# -- evenness --------------------------------------------------------------------------------------------------------


def test_policy_spreads_ranges() -> None:
    toy = Toy(7)
    toy.ranges(70, 1, 2, 3)
    moves = [move for move in toy.until_quiet() if isinstance(move, ChangeReplicas)]
    counts = toy.replicas()
    assert max(counts.values()) - min(counts.values()) <= 2
    assert len(moves) <= 4 * 30 + 10, "hardly more moves than replicas that had to move"


def test_policy_balances_leaders() -> None:
    toy = Toy(3)
    toy.ranges(30, 1, 2, 3)
    moves = toy.until_quiet()
    assert all(isinstance(move, MoveLeader) for move in moves)
    assert toy.leaders() == {1: 10, 2: 10, 3: 10}
    assert len(moves) == 20


def test_a_node_that_comes_back_gets_its_share_again() -> None:
    toy = Toy(5)
    toy.ranges(50, 1, 2, 3)
    toy.until_quiet()
    toy.dies(2)
    toy.until_quiet()
    assert toy.replicas()[2] == 0
    toy.node(2)
    toy.until_quiet()
    assert toy.replicas()[2] >= 28
    assert toy.leaders()[2] >= 8


def test_small_differences_move_nothing() -> None:
    toy = Toy(3, Rules(replicas=1))
    toy.ranges(100, 1)
    toy.ranges(104, 2)
    toy.ranges(102, 3)
    assert toy.until_quiet() == []


def test_nothing_is_spread_before_there_are_three_nodes() -> None:
    toy = Toy(2)
    toy.ranges(10, 1)
    assert toy.until_quiet() == []


def test_group_zero_does_not_make_a_node_full() -> None:
    toy = Toy(3, Rules(replicas=1))
    toy.range(0, 1)
    toy.range(1, 2)
    toy.range(2, 3)
    assert toy.until_quiet() == []


def test_partners_stay_few() -> None:
    toy = Toy(30)
    toy.ranges(150, 1)
    toy.until_quiet()
    most = max(len(partners) for partners in toy.partners().values())
    assert most <= 3 * PARTNERS_WANTED
    counts = toy.replicas()
    assert max(counts.values()) - min(counts.values()) <= 3


# -- one order at a time ---------------------------------------------------------------------------------------------


def test_what_is_under_way_counts_as_done_and_is_left_alone() -> None:
    toy = Toy(4)
    toy.range(1, 1, 2, 3)
    toy.dies(3)
    (move,) = decide(toy.picture)
    toy.picture.begin(1, Cell((1, 2, 4), (), 1))
    assert decide(toy.picture) == ()
    assert toy.picture.cells == {Cell((1, 2, 4), (), 1): {1}}
    toy.picture.check()
    toy.picture.rest(1, done=False)
    assert decide(toy.picture) == (), "it rests"
    assert toy.picture.cells == {Cell((1, 2, 3), (), 1): {1}}, "an order that failed counts for nothing"
    toy.picture.check()
    toy.picture.release(1)
    assert decide(toy.picture) == (move,)
    toy.picture.check()


def test_orders_at_once_have_a_limit() -> None:
    toy = Toy(4)
    toy.ranges(100, 1, 2, 3)
    toy.dies(3)
    assert len([move for move in decide(toy.picture) if isinstance(move, ChangeReplicas)]) == ORDERS_AT_ONCE
    for group in range(1, 6):
        toy.picture.begin(group, None)
    assert len([move for move in decide(toy.picture) if isinstance(move, ChangeReplicas)]) == ORDERS_AT_ONCE - 5


def test_deciding_changes_nothing() -> None:
    toy = Toy(5)
    toy.ranges(40, 1, 2, 3)
    cells = {cell: set(groups) for cell, groups in toy.picture.cells.items()}
    assert decide(toy.picture) == decide(toy.picture)
    assert toy.picture.cells == cells


def test_leaders_moved_at_once_have_a_limit() -> None:
    toy = Toy(3)
    toy.ranges(500, 1, 2, 3)
    assert len(decide(toy.picture)) == LEADERS_MOVED_AT_ONCE
