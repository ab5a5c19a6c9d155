import random

from hypothesis import given
from hypothesis import strategies as st

from ranges.descriptor import Descriptor, Replica
from ranges.placement.routes import Placed, Routes, epoch


def placed(group: int, start: bytes, end: bytes, span: int, configuration: int = 1, nodes: int = 1) -> Placed:
    replicas = tuple(Replica(node, node, True) for node in range(1, nodes + 1))
    return Placed(Descriptor(group, start, end, span, configuration, replicas), nodes + 1)


def spans(routes: Routes) -> list[tuple[int, bytes, bytes]]:
    found = [each.descriptor for each in routes.from_key(b"")]
    return [(each.group, each.start, each.end) for each in found]


def fresh() -> Routes:
    routes = Routes()
    routes.load(placed(1, b"a", b"z", 1))
    return routes


def test_only_a_larger_epoch_is_taken() -> None:
    routes = fresh()
    assert routes.take(placed(1, b"a", b"z", 1, 1, nodes=3)) is None
    assert routes.take(placed(1, b"a", b"z", 1, 2, nodes=3)) is not None
    assert routes.take(placed(1, b"a", b"z", 1, 1)) is None
    assert routes.of_group(1) == placed(1, b"a", b"z", 1, 2, nodes=3)


def test_both_halves_of_a_split_leave_no_gap() -> None:
    routes = fresh()
    assert routes.take(placed(1, b"a", b"m", 2)) is not None
    assert routes.take(placed(7, b"m", b"z", 2)) is not None
    assert spans(routes) == [(1, b"a", b"m"), (7, b"m", b"z")]
    routes.check()


def test_the_right_half_alone_clips_the_older_left() -> None:
    routes = fresh()
    taken = routes.take(placed(7, b"m", b"z", 2))
    assert taken is not None
    assert [each.descriptor.end for each in taken.removed] == [b"z"]
    assert spans(routes) == [(1, b"a", b"m"), (7, b"m", b"z")]
    assert routes.take(placed(1, b"a", b"m", 2)) is not None
    assert spans(routes) == [(1, b"a", b"m"), (7, b"m", b"z")]


def test_what_a_later_split_has_taken_over_is_not_given_back() -> None:
    routes = fresh()
    routes.take(placed(1, b"a", b"m", 2))
    routes.take(placed(7, b"m", b"p", 3))
    routes.take(placed(8, b"p", b"z", 3))
    assert routes.take(placed(7, b"m", b"z", 2)) is None  # a report that came late
    assert spans(routes) == [(1, b"a", b"m"), (7, b"m", b"p"), (8, b"p", b"z")]


def test_a_merged_range_puts_out_the_one_that_it_swallowed() -> None:
    routes = fresh()
    routes.take(placed(1, b"a", b"m", 2))
    routes.take(placed(7, b"m", b"z", 2))
    routes.take(placed(1, b"a", b"z", 3))
    assert spans(routes) == [(1, b"a", b"z")]
    assert routes.of_group(7) is None


def test_a_border_is_in_memory_once() -> None:
    routes = fresh()
    routes.take(placed(1, b"a", bytes(bytearray(b"mm")), 2))
    routes.take(placed(7, bytes(bytearray(b"mm")), b"z", 2))
    left, right = (each.descriptor for each in routes.from_key(b""))
    assert left.end is right.start
    routes.take(placed(1, b"a", bytes(bytearray(b"mm")), 2, 2))
    assert next(routes.from_key(b"")).descriptor.end is right.start


def test_lookups_begin_with_the_range_that_holds_the_key() -> None:
    routes = fresh()
    routes.take(placed(1, b"a", b"m", 2))
    assert [each.descriptor.group for each in routes.from_key(b"c")] == [1]
    assert [each.descriptor.group for each in routes.from_key(b"m")] == []  # the right half is not reported yet
    routes.take(placed(7, b"m", b"z", 2))
    assert [each.descriptor.group for each in routes.from_key(b"c")] == [1, 7]
    assert [each.descriptor.group for each in routes.from_key(b"m")] == [7]
    assert [each.descriptor.group for each in routes.from_key(b"A")] == [1, 7]


@given(st.lists(st.integers(0, 63), max_size=12, unique=True), st.randoms(use_true_random=False))
def test_reports_in_any_order_lead_to_the_truth(cuts: list[int], chance: random.Random) -> None:
    """Splits happen one after the other; their reports come in any order, some twice, the last of each at last."""
    truth = {1: placed(1, b"\x00", b"\xff", 1)}
    history: list[Placed] = []
    for cut in cuts:
        at = bytes((cut * 4 + 1,))
        left = next(each.descriptor for each in truth.values() if each.descriptor.start < at < each.descriptor.end)
        span, group = left.span_version + 1, max(truth) + 1
        sides = placed(left.group, left.start, at, span), placed(group, at, left.end, span)
        truth[left.group], truth[group] = sides
        history += sides
    routes = Routes()
    routes.load(placed(1, b"\x00", b"\xff", 1))
    for each in chance.sample(history, len(history)):
        before = {group: routes.of_group(group) for group in truth}
        routes.take(each)
        routes.check()
        for group, known in before.items():
            now = routes.of_group(group)
            if known is not None and now is not None:
                assert epoch(now.descriptor) >= epoch(known.descriptor), "epochs only grow"
    for each in truth.values():
        routes.take(each)
    assert spans(routes) == sorted(
        ((each.descriptor.group, each.descriptor.start, each.descriptor.end) for each in truth.values()),
        key=lambda span: span[1],
    )
