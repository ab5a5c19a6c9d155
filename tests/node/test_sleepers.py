"""The sums over sleeping groups follow every change, and what is the same for many is held once."""

from hypothesis import given
from hypothesis import strategies as some

from node.sleepers import Sleepers, mixed


class Sleep(Sleepers):
    """With the sums worked out from the lists."""

    def check(self, nodes: range) -> None:
        for node in nodes:
            total = 0
            for group, term in self.led(node):
                total ^= mixed(group, term)
            assert total == self.led_sum(node)


@given(some.lists(some.tuples(some.integers(1, 5), some.integers(0, 3), some.sets(some.integers(1, 3))), max_size=20))
def test_sums_follow_every_change(changes: list[tuple[int, int, set[int]]]) -> None:
    sleepers = Sleep()
    for group, term, nodes in changes:
        if term == 0:
            sleepers.wakes(group)
        elif term == 1 and nodes:
            sleepers.follows(group, term, min(nodes))
        else:
            sleepers.leads(group, term, nodes)
        sleepers.check(range(1, 4))
    for group in range(6):
        sleepers.wakes(group)
    assert all(sleepers.led_sum(node) == sleepers.followed_sum(node) == 0 for node in range(1, 4))


def test_groups_and_terms_are_not_mixed_up() -> None:
    assert len({mixed(group, term) for group in range(200) for term in range(200)}) == 40_000


def test_who_sleeps_is_listed_by_the_node_at_the_other_end() -> None:
    sleepers = Sleepers()
    sleepers.leads(2, 7, [3, 1])
    sleepers.leads(1, 7, [3])
    sleepers.follows(5, 8, 3)
    assert sleepers.led(3) == ((1, 7), (2, 7)) and sleepers.led(1) == ((2, 7),)
    assert sleepers.doubtful(3, ()) == (5,) and sleepers.doubtful(3, ((5, 8),)) == ()
    assert sleepers.doubtful(3, ((5, 7),)) == (5,), "in another term it is another sleep"
    assert sleepers.doubtful(1, ()) == ()
