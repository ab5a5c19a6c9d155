from dataclasses import replace
from typing import Any

from node.flow import Flow, Send
from node.messages import DropReplica
from ranges.descriptor import Descriptor, Replica
from ranges.placement.config import RANGES_PER_REPORT_MAX, REASON_CHARACTERS_MAX
from ranges.placement.leaving import NodeRemoved
from ranges.placement.messages import Join, Lookup, PutDescriptors, Report
from ranges.placement.reporter import Held, Reporter, Stamp
from tests.ranges.placement.world import World


def held(group: int, start: bytes = b"\x01", end: bytes = b"\xff", term: int = 1, **more: Any) -> Held:
    descriptor = Descriptor(
        group, start, end, more.pop("span", 1), more.pop("configuration", 1), (Replica(1, 1, True),)
    )
    return Held(group, 1, term, descriptor, 2, more.pop("beside", None), more.pop("size", 0), more.pop("asked", 0))


class FakeHoldings:
    """A node's replicas as a test sets them."""

    def __init__(self) -> None:
        self.replicas: dict[int, Held] = {}
        self.touched: set[int] = set()
        self.addresses: tuple[tuple[int, str], ...] = ()
        self.routes: tuple[tuple[int, str], ...] = ()
        self.dropped: list[tuple[int, int]] = []
        self.left = False
        self.full = ""
        self.asked = 0
        self.clock = 0.0
        self.stamped = 0

    def set(self, *replicas: Held) -> None:
        for each in replicas:
            self.replicas[each.group] = each
            self.touched.add(each.group)

    def who(self) -> tuple[int, int, str]:
        return 1, 0, "host1:1"

    def now(self) -> float:
        return self.clock

    def short(self) -> str:
        return self.full

    def changed(self) -> list[int]:
        touched, self.touched = sorted(self.touched), set()
        return touched

    def stamp(self, group: int) -> Stamp | None:
        self.stamped += 1
        each = self.replicas.get(group)
        if each is None:
            return None
        if each.descriptor is None:
            return Stamp(each.replica, 0, (0, 0), 0, 0)
        epoch = each.descriptor.span_version, each.descriptor.configuration_version
        return Stamp(each.replica, each.term, epoch, each.size, each.asked)

    def held(self, group: int) -> Held | None:
        self.asked += 1
        return self.replicas.get(group)

    def learn(self, addresses: tuple[tuple[int, str], ...], routes: tuple[tuple[int, str], ...]) -> None:
        self.addresses = addresses or self.addresses
        self.routes = routes

    def leave(self) -> None:
        self.left = True

    def drop(self, group: int, replica: int) -> None:
        self.dropped.append((group, replica))
        del self.replicas[group]
        self.touched.add(group)


def test_a_node_that_was_removed_is_told_to_end() -> None:
    holdings = FakeHoldings()
    flow = Reporter(holdings, control).report()
    assert not holdings.left
    for _ in flow:
        pass
    assert holdings.left


def control(message: Any, seconds: float) -> Flow[Any]:
    return NodeRemoved()
    yield


class Node(World):
    """A world whose node reports to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.holdings = FakeHoldings()
        self.reporter = Reporter(self.holdings, self.control)
        self.reports: list[Report] = []
        self.asked = 0
        self.lead(1)

    def control(self, message: Any, seconds: float) -> Flow[Any]:
        self.reports.append(message)
        return (yield Send(0, 0, 0, message, seconds))

    def tell(self) -> list[Report]:
        self.reports = []
        self.start(self.reporter.report())
        return self.reports


def told(node: Node) -> Node:
    node.tell()
    assert node.tell()[0].leading == ()
    return node


def test_the_first_report_is_told_whole_once_the_generation_is_known() -> None:
    node = Node()
    node.holdings.set(held(1))
    first, second = node.tell()
    assert (first.generation, second.generation, second.whole) == (0, 1, True)
    assert [each.descriptor.group for each in second.leading] == [1]
    assert second.holding == ((1, 1),)
    assert node.holdings.routes == ((1, "host1:1"),)
    assert node.catalog.picture.facts(1).leader == 1


def test_nothing_that_is_known_is_told_again() -> None:
    node = Node()
    node.holdings.set(*(held(group) for group in range(1, 11)))
    told(node)
    (report,) = node.tell()
    assert report == Report(1, 0, "host1:1", 1, node.catalog.memory.seen)  # type: ignore[union-attr]
    node.holdings.asked = 0
    node.tell()
    assert node.holdings.asked == 0, "idle ranges are not even looked at"


def test_what_was_stirred_and_is_as_it_was_told_is_looked_at_but_not_described() -> None:
    node = Node()
    node.holdings.set(*(held(group) for group in range(1, 11)))
    told(node)
    node.holdings.asked = node.holdings.stamped = 0
    node.holdings.set(*node.holdings.replicas.values())
    assert node.tell()[0].leading == ()
    assert (node.holdings.asked, node.holdings.stamped) == (0, 10)


def test_a_change_is_told_alone() -> None:
    node = Node()
    node.holdings.set(held(1, end=b"m"), held(2, b"m"))
    told(node)
    node.holdings.set(held(2, b"m", configuration=2))
    (report,) = node.tell()
    assert [each.descriptor.configuration_version for each in report.leading] == [2]


def test_a_lost_leadership_and_a_size_are_told_when_they_matter() -> None:
    node = Node()
    node.holdings.set(held(1, size=1000))
    told(node)
    node.holdings.set(held(1, size=1100))
    assert node.tell()[0].leading == (), "a tenth more is no news"
    node.holdings.set(held(1, size=1200))
    assert [each.size for each in node.tell()[0].leading] == [1200]
    node.holdings.set(held(1, size=1200, term=0))
    assert node.tell()[0].holding == ((1, 1),)
    assert node.tell()[0].holding == ()


def test_load_is_a_mean_of_the_requests_of_some_seconds() -> None:
    node = Node()
    loads: list[int] = []

    def ask(requests: int, seconds: float, span: int = 1) -> None:
        for _ in range(int(seconds * 2)):
            node.asked += requests // 2
            node.holdings.clock += 0.5
            node.holdings.set(held(1, asked=node.asked, span=span))
            loads.extend(each.load for each in node.tell()[0].leading)

    node.asked = 50
    node.holdings.set(held(1, asked=50))
    told(node)
    ask(1000, 0.5)
    assert loads[-1] < 200, "a moment is no load"
    ask(1000, 30)
    assert 850 < loads[-1] <= 1000
    before = len(loads)
    ask(1000, 30)
    assert len(loads) - before <= 1, "what stays the same is not told"
    ask(1000, 0.5, span=2)
    assert 400 < loads[-1] < 600, "after a split half of it counts at once"
    ask(0, 60, span=2)
    assert loads[-1] == 0, "it went idle, and says so"
    ask(24, 60, span=2)
    assert 20 < loads[-1] <= 24
    ask(0, 60, span=2)
    assert loads[-1] == 0, "however little it was"
    before = len(loads)
    ask(2, 60, span=2)
    assert len(loads) == before, "a few requests are none"


def test_load_is_counted_over_the_time_that_has_passed() -> None:
    """A report that waited for group 0 does not make a range busier."""
    node = Node()
    node.holdings.set(held(1))
    told(node)
    node.holdings.clock += 50
    node.holdings.set(held(1, asked=5000))
    assert [each.load for each in node.tell()[0].leading] == [99]


def test_silence_keeps_what_was_not_taken() -> None:
    node = Node()
    node.holdings.set(held(1))
    told(node)
    node.silent = {0}
    node.holdings.set(held(1, configuration=2))
    node.tell()
    node.run(3)
    node.silent = set()
    assert len(node.tell()[0].leading) == 1


def test_a_leader_of_another_generation_is_told_everything() -> None:
    node = Node()
    node.holdings.set(held(1))
    told(node)
    node.catalog.follow()
    node.lead(2)
    first, second = node.tell()
    assert (first.leading, second.whole, len(second.leading)) == ((), True, 1)
    assert node.catalog.picture.facts(1).leader == 1


def test_much_is_told_in_pieces() -> None:
    node = Node()
    count = RANGES_PER_REPORT_MAX + 10
    node.holdings.set(*(replace(held(group), descriptor=None) for group in range(1, count + 1)))
    _, first, second = node.tell()
    assert (len(first.holding), len(second.holding)) == (RANGES_PER_REPORT_MAX, 10)
    assert (first.whole, second.whole) == (True, False)


def test_a_full_disk_is_told_with_every_report() -> None:
    node = Node()
    node.holdings.full = "x" * 1000
    assert node.tell()[-1].short == "x" * REASON_CHARACTERS_MAX
    node.holdings.full = ""
    assert node.tell()[-1].short == ""


def test_a_drop_is_carried_out_and_told() -> None:
    node = Node()
    node.ask(Join(b"t" * 16, "host2:2"))
    node.holdings.set(replace(held(1, term=0), descriptor=None))
    told(node)
    moved = Descriptor(1, b"\x01", b"\xff", 1, 2, (Replica(2, 2, True),))
    node.ask(PutDescriptors((moved,), (3,)))
    node.tell()
    assert node.holdings.dropped == [(1, 1)]
    assert node.tell()[0].gone == (1,)
    assert node.catalog.memory.drops(1) == ()  # type: ignore[union-attr]
    assert node.holdings.dropped == [(1, 1)]
    assert DropReplica(1, 1) == DropReplica(1, 1)


def test_a_split_is_told_with_its_right_side() -> None:
    node = Node()
    node.holdings.set(held(1))
    told(node)
    right = Descriptor(2, b"m", b"\xff", 2, 1, (Replica(1, 1, True),))
    node.holdings.set(held(1, end=b"m", span=2, beside=right))
    assert node.tell()[0].beside == (right,)
    assert node.ask(Lookup(b"z", 1)).descriptors == (right,)


def test_a_node_reports_for_as_long_as_it_lives() -> None:
    node = Node()
    node.reports = []
    node.start(node.reporter.run())
    node.run(2.0)
    assert len(node.reports) == 1 + 1 + 4, "twice at first: the generation was not known; then every half second"
