"""Whatever state a cluster is in, the policy's moves come to an end and leave what is wanted."""

from itertools import combinations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranges.placement.config import LEADER_GAP_PERCENT
from ranges.placement.draft import is_dead, wanted_voters
from ranges.placement.messages import Rules
from tests.ranges.placement.toy import Toy


@st.composite
def toys(draw: st.DrawFn) -> Toy:
    """A cluster in any state: hosts, draining, leaving and dead nodes, ranges anywhere, of any size, with learners."""
    count = draw(st.integers(1, 7))
    toy = Toy(0, Rules(replicas=draw(st.sampled_from((1, 3, 5))), split_bytes=1000))
    for node in range(1, count + 1):
        state = draw(st.sampled_from(("up", "up", "up", "up", "leaving", "draining", "removed")))
        silent = draw(st.sampled_from((0.0, 0.0, 0.0, 10.0, 1e6)))
        toy.node(node, draw(st.sampled_from(("", "a", "b", "c"))), state, silent)
    nodes = st.integers(1, count)
    for group in range(draw(st.integers(1, 12))):
        voters = sorted(draw(st.sets(nodes, min_size=1, max_size=5)))
        learners = tuple(sorted(draw(st.sets(nodes, max_size=1)) - set(voters)))
        toy.range(group, *voters, learners=learners, size=draw(st.integers(0, 4000)))
    toy.next_group = 100
    return toy


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(toys())
def test_moves_come_to_an_end_and_leave_all_that_is_wanted(toy: Toy) -> None:
    toy.until_quiet(most=300)
    picture = toy.picture
    targets = [view.node for view in picture.nodes.values() if view.state == "up" and view.silent < 3]
    stays = ("up", "draining")
    bad = {view.node for view in picture.nodes.values() if view.state not in stays or is_dead(view, picture)}
    for cell in picture.cells:
        live = [node for node in cell.voters if picture.nodes[node].silent < 3]
        if len(live) <= len(cell.voters) // 2:
            continue  # stopped: nothing can be done
        if any(3 <= picture.nodes[node].silent < 1e6 for node in cell.voters):
            continue  # what is best depends on whether it comes back
        assert not cell.learners
        wanted = wanted_voters(picture.rules.replicas, picture.members, len(cell.voters))
        free = [node for node in targets if node not in cell.voters]
        assert len(cell.voters) <= wanted
        if len(free) >= 2:
            assert len(cell.voters) == wanted
        if len(free) >= 2:
            assert not bad & set(cell.voters)
    assert not {group for group in picture.large if not picture.cell(group).learners}  # type: ignore[union-attr]


def test_a_range_that_shrinks_on_nodes_that_all_leave_stays_with_one_that_is_heard() -> None:
    toy = Toy(0, Rules(replicas=1, split_bytes=1000))
    toy.node(1, state="leaving", silent=1e6)
    toy.node(2, state="removed")
    toy.node(3, state="removed")
    toy.range(1, 1, 2, 3, leader=2)
    toy.until_quiet()
    (cell,) = toy.picture.cells
    assert cell.voters == (2,)


EVENTS = st.tuples(st.sampled_from(("dies", "returns", "draining", "up", "removed", "silent")), st.integers(1, 12))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(("", "", "a", "b", "c", "d")), min_size=5, max_size=12),
    st.lists(st.tuples(st.sets(st.integers(0, 11), min_size=3, max_size=3), st.integers(0, 4000)), max_size=40),
    st.lists(EVENTS, max_size=6),
)
def test_whatever_happens_to_nodes_all_comes_to_rest_again(
    hosts: list[str], ranges: list[tuple[set[int], int]], events: list[tuple[str, int]]
) -> None:
    toy = Toy(len(hosts), Rules(split_bytes=3000, merge_bytes=1000), tuple(hosts))
    for group, (places, size) in enumerate(ranges, 1):
        voters = sorted({1 + place % len(hosts) for place in places})
        toy.range(group, *voters, size=size)
    toy.next_group = 100
    toy.until_quiet()
    for event, node in events:
        node = 1 + node % len(hosts)
        match event:
            case "dies":
                toy.dies(node)
            case "returns" | "silent":
                toy.node(node, hosts[node - 1], toy.picture.nodes[node].state, 0.0 if event == "returns" else 10.0)
            case state:
                toy.state(node, state)
        toy.until_quiet()
        for _ in range(3):
            assert toy.step() == ()
    targets = [view for view in toy.picture.nodes.values() if view.state == "up" and view.silent < 3]
    free = {toy.picture.index.host(view.node) for view in targets}
    for cell in toy.picture.cells:
        taken = {toy.picture.index.host(node) for node in cell.voters}
        stays = all(view.state == "up" and view.silent < 3 for view in map(toy.picture.nodes.__getitem__, cell.voters))
        if stays and free - taken:
            assert len(taken) == len(cell.voters), "no two replicas share a host while there is another"


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 6), st.lists(st.tuples(st.integers(0, 19), st.integers(0, 5)), max_size=40))
def test_a_healthy_cluster_ends_even(nodes: int, ranges: list[tuple[int, int]]) -> None:
    toy = Toy(nodes)
    triples = list(combinations(range(1, nodes + 1), 3))
    for group, (place, leader) in enumerate(ranges, 1):
        voters = triples[place % len(triples)]
        toy.range(group, *voters, leader=voters[leader % 3])
    toy.until_quiet()
    counts = toy.replicas()
    assert max(counts.values(), default=0) - min((counts[node] for node in range(1, nodes + 1)), default=0) <= 1
    leaders = toy.leaders()
    gap = max(1, len(ranges) // nodes * LEADER_GAP_PERCENT // 100)
    for cell in toy.picture.cells:
        assert all(leaders[cell.leader] - leaders[node] <= gap for node in cell.voters)
