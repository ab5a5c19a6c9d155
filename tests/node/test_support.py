"""Support between nodes, rule by rule: promises, stretches, lapses, quiet times, one-way cuts, sleepers' sums."""

import pytest

from node.codec import decode, encode
from node.config import Settings
from node.raft.leases import Support as Table
from node.raft.messages import Lapsed, Supported
from node.support import Ask, AskSleepers, Doubtful, Grant, SleepersAre, Support, SupportInput, Unsupported

SETTINGS = Settings(support_seconds=0.7, support_every_seconds=0.2, clock_rate_error=0.05)
LEASE_SECONDS = 0.7 * 0.95 / 1.05


class Station:
    """A node: its support, its own clock (`ahead` of the world's), what it told its groups."""

    def __init__(self, node: int, life: int, ahead: float, now: float, restarted: bool = False) -> None:
        self.node = node
        self.life = life
        self.ahead = ahead
        self.table = Table()
        self.support = Support(node, life, SETTINGS, self.table, now + ahead, restarted)
        self.inputs: list[SupportInput] = []


class Pair:
    """Nodes 1 and 2 and the two ways between them. A message takes no time unless its way is cut."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stations = {1: Station(1, 1, 1000.0, 0.0), 2: Station(2, 1, 5.0, 0.0)}
        self.cut: set[tuple[int, int]] = set()
        self.held: list[tuple[int, int, bytes]] = []
        self.hold = False
        self.sent: list[object] = []
        for node, station in self.stations.items():
            station.support.share([1, 2])
            assert station.support.wake_at <= self.now + station.ahead, node

    def clock(self, node: int) -> float:
        return self.now + self.stations[node].ahead

    def restart(self, node: int, life: int) -> None:
        self.stations[node] = Station(node, life, self.stations[node].ahead, self.now, restarted=True)
        self.stations[node].support.share([1, 2])

    def deliver(self, source: int, target: int, body: bytes) -> None:
        station = self.stations[target]
        station.support.take(source, decode(body), self.clock(target))
        self.take_ready(target)

    def take_ready(self, node: int) -> None:
        ready = self.stations[node].support.ready()
        self.stations[node].inputs += ready.inputs
        for target, message in ready.messages:
            self.sent.append(message)
            if self.hold:
                self.held.append((node, target, encode(message)))
            elif (node, target) not in self.cut:
                self.deliver(node, target, encode(message))

    def run(self, seconds: float, step: float = 0.05, without: int = 0) -> None:
        for _ in range(round(seconds / step)):
            self.now = round(self.now + step, 6)
            for node, station in self.stations.items():
                if node != without and station.support.wake_at <= self.clock(node):
                    station.support.tick(self.clock(node))
                    self.take_ready(node)

    def running(self, node: int, other: int) -> bool:
        return self.stations[node].table.runs(other, self.clock(node))


@pytest.fixture
def pair() -> Pair:
    made = Pair()
    made.run(1.0)
    return made


def test_two_nodes_that_share_groups_support_each_other(pair: Pair) -> None:
    assert pair.running(1, 2) and pair.running(2, 1)
    for node, other in ((1, 2), (2, 1)):
        station, giver = pair.stations[node], pair.stations[other]
        assert [type(each) for each in station.inputs] == [Supported], "once, not with every grant"
        assert station.table.granted[other][0] == giver.table.promised[node] == 1 << 32 | 1
    pair.run(5.0)
    assert [type(each) for each in pair.stations[1].inputs] == [Supported]


def test_it_costs_twenty_messages_a_second(pair: Pair) -> None:
    pair.sent.clear()
    pair.run(10.0, step=0.01)
    assert len(pair.sent) == pytest.approx(200, abs=8)


def test_nodes_that_share_nothing_say_nothing() -> None:
    pair = Pair()
    for station in pair.stations.values():
        station.support.share([station.node])
        station.support.tick(station.ahead)
        assert station.support.wake_at == float("inf")
        assert station.support.ready().messages == []


def test_p1_a_promise_runs_from_the_arrival(pair: Pair) -> None:
    pair.cut = {(1, 2)}
    last = pair.now
    pair.run(0.6)
    assert 1 in pair.stations[2].table.promised
    pair.run(0.2)
    assert 1 not in pair.stations[2].table.promised
    assert Lapsed(1) in pair.stations[2].inputs
    assert pair.now - last > 0.7


def test_p2_a_gap_begins_a_new_stretch_and_tells_the_groups_first(pair: Pair) -> None:
    station = pair.stations[2]
    before = station.table.promised[1]
    pair.cut = {(1, 2)}
    pair.run(1.0)
    pair.cut = set()
    station.inputs.clear()
    pair.run(1.0)
    after = station.table.promised[1]
    assert after == before + 1
    assert pair.stations[1].inputs[-1] == Supported(2, after, pair.stations[1].inputs[-1].until)  # type: ignore[union-attr]


def test_p2_an_ask_that_comes_before_the_lapse_is_declared_goes_on_with_the_stretch(pair: Pair) -> None:
    """The giver stood still: nobody here has voted meanwhile, so what was promised was kept without a gap."""
    station = pair.stations[2]
    station.inputs.clear()
    before, now = station.table.promised[1], pair.clock(2) + 2.0
    ask = Ask(1, pair.clock(1) + 2.0, 0.7, now - 0.1, 1, 0)
    station.support.take(1, ask, now)
    station.support.tick(now)
    ready = station.support.ready()
    assert ready.inputs[:1] != [Lapsed(1)]
    assert Grant(1, ask.stamp, before) in [message for _, message in ready.messages]
    assert station.table.promised[1] == before


def test_p2_no_stretch_begins_in_the_step_of_a_lapse_nor_while_groups_are_told_of_it(pair: Pair) -> None:
    station = pair.stations[2]
    station.inputs.clear()
    now = pair.clock(2) + 2.0
    station.support.tick(now)
    station.support.tick(now + 0.02)
    ask = Ask(1, pair.clock(1) + 2.0, 0.7, now - 0.1, 1, 0)
    station.support.take(1, ask, now + 0.02)
    ready = station.support.ready()
    assert Lapsed(1) in ready.inputs
    assert not [message for _, message in ready.messages if type(message) is Grant]
    station.support.hold(1, True)
    station.support.take(1, ask, now + 0.03)
    assert 1 not in station.table.promised and station.support.ready().messages == []
    station.support.hold(1, False)
    station.support.take(1, ask, now + 0.04)
    assert [message for _, message in station.support.ready().messages] == [Grant(1, ask.stamp, 1 << 32 | 2)]


def test_p2_a_new_life_of_the_asker_begins_a_new_stretch(pair: Pair) -> None:
    station = pair.stations[2]
    pair.restart(1, life=2)
    station.inputs.clear()
    pair.run(0.6)
    assert station.inputs[0] == Lapsed(1)
    assert station.table.promised[1] == 1 << 32 | 2


def test_p2_a_late_ask_of_a_former_life_is_nothing(pair: Pair) -> None:
    pair.restart(1, life=2)
    pair.run(2.0)
    station = pair.stations[2]
    station.inputs.clear()
    station.support.take(1, Ask(1, 0.0, 0.7, pair.clock(2), 1, 0), pair.clock(2))
    ready = station.support.ready()
    assert ready.messages == [] and ready.inputs == []


def test_p2_a_new_life_of_the_giver_never_repeats_a_number(pair: Pair) -> None:
    before = pair.stations[2].table.promised[1]
    pair.restart(2, life=2)
    pair.run(2.0)
    after = pair.stations[2].table.promised[1]
    assert after > before and after == 2 << 32 | 1
    assert pair.stations[1].table.granted[2][0] == after


def test_p2_a_late_grant_of_an_earlier_stretch_is_nothing(pair: Pair) -> None:
    pair.restart(2, life=2)
    pair.run(2.0)
    station = pair.stations[1]
    before, asked = station.table.granted[2], last_stamp(pair, 1)
    station.support.take(2, Grant(1, asked, 1 << 32 | 1), pair.clock(1))
    assert station.table.granted[2] == before
    assert station.support.ready().inputs == []


def test_p4_a_lease_is_counted_from_the_stamp_and_shortened(pair: Pair) -> None:
    pair.hold = True
    pair.run(0.2)
    stamp = next(decode(body).stamp for source, _, body in pair.held if source == 1)
    asks, pair.held, pair.hold = pair.held, [], False
    pair.now += 0.3
    for source, target, body in asks:
        pair.deliver(source, target, body)
    until = pair.stations[1].table.granted[2][1]
    assert until == pytest.approx(stamp + LEASE_SECONDS)
    assert until < pair.clock(1) + 0.7 - 0.3 + 1e-9


def last_stamp(pair: Pair, node: int) -> float:
    return max(each.stamp for each in pair.sent if type(each) is Ask and (each.stamp > 500) == (node == 1))


def test_p4_a_grant_for_another_life_of_ours_is_nothing(pair: Pair) -> None:
    station, asked = pair.stations[1], last_stamp(pair, 1)
    before = dict(station.table.granted)
    station.support.take(2, Grant(2, asked, 1 << 32 | 2), pair.clock(1))
    assert station.table.granted == before
    station.support.take(2, Grant(1, asked, 1 << 32 | 2), pair.clock(1))
    assert station.table.granted != before


@pytest.mark.parametrize(
    "grant",
    [
        Grant(1, 2000.0, 1 << 32 | 1),  # a stamp that we never gave
        Grant(1, float("nan"), 1 << 32 | 1),
        Grant(1, 900.0, 1 << 32 | 1),  # so late that it has run out
    ],
)
def test_p4_a_grant_that_answers_nothing_is_nothing(pair: Pair, grant: Grant) -> None:
    station = pair.stations[1]
    before = dict(station.table.granted)
    station.support.take(2, grant, pair.clock(1))
    assert station.table.granted == before


def test_p4_within_a_stretch_an_end_never_moves_back(pair: Pair) -> None:
    station = pair.stations[1]
    stretch, until = station.table.granted[2]
    station.support.take(2, Grant(1, until - LEASE_SECONDS - 0.05, stretch), pair.clock(1))
    assert station.table.granted[2] == (stretch, until)


def test_p6_a_restarted_node_promises_nothing_for_one_promise(pair: Pair) -> None:
    pair.restart(2, life=2)
    begun = pair.now
    assert pair.stations[2].support.quiet_until == pair.clock(2) + 0.7
    while 1 not in pair.stations[2].table.promised:
        pair.run(0.05)
    assert begun + 0.7 <= pair.now <= begun + 1.0


def test_p6_a_fresh_node_need_not_wait() -> None:
    pair = Pair()
    pair.run(0.5)
    assert pair.running(1, 2)


def test_p7_who_does_not_hear_us_is_not_supported(pair: Pair) -> None:
    """2 hears 1, but 1 hears nothing of 2: were 1 supported, 2's replicas would keep a leader that hears nobody."""
    pair.cut = {(2, 1)}
    pair.run(1.5 * 0.7 + 0.7 + 0.1)
    assert 1 not in pair.stations[2].table.promised
    pair.cut = set()
    pair.run(1.0)
    assert 1 in pair.stations[2].table.promised


def test_p7_who_asks_and_cannot_have_heard_us_is_asked_back() -> None:
    """2 shares no group with 1 (any more), so it never asks by itself; 1 leads a group that 2 is to return to."""
    pair = Pair()
    pair.stations[2].support.share([2])
    pair.run(1.0)
    assert pair.running(1, 2) and 1 in pair.stations[2].table.promised
    pair.sent.clear()
    pair.run(10.0)
    assert pair.running(1, 2) and Lapsed(1) not in pair.stations[2].inputs
    asked_back = [each for each in pair.sent if type(each) is Ask and each.stamp < 500]
    assert 0 < len(asked_back) <= 10.0 / (SETTINGS.support_seconds / 2), "not with every ask"


@pytest.mark.parametrize(
    ("heard", "heard_life"), [(0.0, 0), (-1.06, 1), (0.1, 1), (-0.1, 2), (float("nan"), 1), (float("inf"), 1)]
)
def test_p7_what_does_not_show_it_does_not_count(pair: Pair, heard: float, heard_life: int) -> None:
    station, now = pair.stations[2], pair.clock(2)
    for life, promised in ((7, False), (7, False)):
        station.support.take(1, Ask(life, 1.0, 0.7, now + heard, heard_life, 0), now)
        assert (1 in station.table.promised) == promised
    station.support.take(1, Ask(7, 1.0, 0.7, now + 0.05 - 0.1, 1, 0), now + 0.05)
    assert 1 in station.table.promised


def test_an_ask_for_more_than_our_own_promise_is_not_granted(pair: Pair) -> None:
    station, now = pair.stations[2], pair.clock(2)
    for seconds in (0.71, 0.71, float("nan"), float("inf")):
        station.support.take(1, Ask(3, 1.0, seconds, now, 1, 0), now)
        assert 1 not in station.table.promised
        now += 0.01
    station.support.take(1, Ask(3, 1.0, 0.7, now, 1, 0), now)
    assert 1 in station.table.promised


def test_z6_the_end_of_a_grant_is_told_once(pair: Pair) -> None:
    station = pair.stations[1]
    station.inputs.clear()
    pair.cut = {(1, 2), (2, 1)}
    pair.run(3.0)
    assert station.inputs.count(Unsupported(2)) == 1
    assert not pair.running(1, 2)
    pair.cut = set()
    pair.run(2.0)
    assert isinstance(station.inputs[-1], Supported)


def test_z7_after_a_pause_what_has_come_counts_before_what_has_ended(pair: Pair) -> None:
    station = pair.stations[2]
    station.inputs.clear()
    pair.now += 5.0
    station.support.tick(pair.clock(2))
    assert Lapsed(1) not in station.support.ready().inputs
    assert station.support.wake_at <= pair.clock(2) + 0.011
    station.support.tick(pair.clock(2) + 0.011)
    assert Lapsed(1) in station.support.ready().inputs


# -- sleepers ----------------------------------------------------------------------------------------------------


def put_to_sleep(pair: Pair, *groups: int) -> None:
    for group in groups:
        pair.stations[1].support.sleepers.leads(group, 4, [2])
        pair.stations[2].support.sleepers.follows(group, 4, 1)


def test_z3_both_of_one_mind_ask_for_no_list(pair: Pair) -> None:
    put_to_sleep(pair, *range(100))
    pair.sent.clear()
    pair.run(2.0)
    assert {type(each) for each in pair.sent} == {Ask, Grant}


def test_z3_who_sleeps_under_a_leader_that_does_not_list_it_is_in_doubt_until_it_wakes(pair: Pair) -> None:
    put_to_sleep(pair, 1, 2, 3)
    pair.stations[1].support.sleepers.wakes(2)
    pair.stations[1].support.sleepers.leads(3, 5, [2])
    station = pair.stations[2]
    station.inputs.clear()
    pair.run(0.5)
    assert station.inputs[0] == Doubtful(1, (2, 3))
    assert len(station.inputs) >= 2, "it is asked again until it is no more"
    station.support.sleepers.wakes(2)
    station.support.sleepers.follows(3, 5, 1)
    station.inputs.clear()
    pair.run(1.0)
    assert station.inputs == []


def test_z3_a_difference_that_a_list_explains_is_asked_about_once(pair: Pair) -> None:
    put_to_sleep(pair, 1)
    pair.stations[1].support.sleepers.leads(2, 4, [2])
    pair.sent.clear()
    pair.run(2.0)
    assert len([each for each in pair.sent if type(each) is AskSleepers]) == 1
    put_to_sleep(pair, 3)
    pair.run(1.0)
    assert len([each for each in pair.sent if type(each) is AskSleepers]) == 2


def test_z3_a_list_that_nobody_asked_for_is_nothing(pair: Pair) -> None:
    put_to_sleep(pair, 1)
    station = pair.stations[2]
    for question in (0, 1):
        station.support.take(1, SleepersAre(question, ()), pair.clock(2))
        assert station.support.ready().inputs == []
