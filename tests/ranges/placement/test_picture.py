"""What the picture keeps beside the truth is what the truth says, whatever has happened."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ranges.placement.cells import Cell, Cells
from ranges.placement.neighbours import Neighbours

NODES = st.integers(1, 6)
CELLS = st.builds(
    lambda voters, leader: Cell(tuple(sorted(voters)), (), leader if leader in voters else 0),
    st.sets(NODES, min_size=1, max_size=3),
    NODES,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.none() | CELLS, st.booleans(), NODES, st.sampled_from("abc"))))
def test_counts_and_indexes_are_those_of_the_cells(steps: list[tuple[int, Cell | None, bool, int, str]]) -> None:
    cells, truth, hosts = Cells(), dict[int, Cell](), dict[int, str]()
    for group, cell, settles, node, host in steps:
        before = truth.pop(group, None)
        if before is not None:
            cells.discard(group, before)
        if cell is not None:
            truth[group] = cell
            cells.add(group, cell)
        if settles:
            hosts = {**hosts, node: host}
            cells.see_hosts(hosts)
            cells.settle()
        assert {group: cell for cell, groups in cells.groups.items() for group in groups} == truth
    cells.check()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.none() | st.integers(0, 9))))
def test_pairs_come_in_the_order_in_which_they_were_left_alone(steps: list[tuple[int, int | None]]) -> None:
    neighbours, truth = Neighbours(), dict[int, int]()
    for right, since in steps:
        neighbours.wait(right, since)
        truth.pop(right, None)
        if since is not None:
            truth[right] = since
        for until in (0, 4, 9):
            due = sorted((time, group) for group, time in truth.items() if time <= until)
            assert list(neighbours.alone_since(until)) == [group for _, group in due]
    neighbours.check()
