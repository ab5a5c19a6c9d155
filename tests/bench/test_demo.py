"""The parts of the demo that decide what it says."""

from bench.demo import airports
from bench.demo.accounts import account, transfer
from bench.demo.watcher import changes
from ranges.descriptor import Descriptor, Replica
from ranges.placement.messages import RangeStatus


def status(nodes, leader=1, end=b"\xff", version=1):
    replicas = tuple(Replica(node, node, True) for node in nodes)
    return RangeStatus(Descriptor(7, b"\x01", end, version, 1, replicas), leader, 0, 0)


def test_a_new_range_begins():
    assert changes(None, status((1, 2, 3))) == ["begins on nodes 1 2 3"]


def test_nothing_new_is_nothing():
    assert changes(status((1, 2, 3)), status((1, 2, 3))) == []
    assert changes(status((1, 2, 3)), status((1, 2, 3), leader=0)) == []


def test_what_happens_to_a_range_is_told():
    assert changes(status((1, 2, 3)), status((1, 2, 3), end=b"\x10m", version=2)) == ["splits"]
    assert changes(status((1, 2, 3)), status((2, 3, 4), leader=4)) == ["gains node 4", "leaves node 1", "led from 4"]


class Fake(dict):
    def get_many(self, keys):
        return [self.get(key) for key in keys]

    put = dict.__setitem__


def test_a_transfer_keeps_the_sum_and_never_overdraws():
    money = Fake({account("A"): b"10", account("B"): b"0"})
    assert transfer(money, "A", "B", 7)
    assert money == {account("A"): b"3", account("B"): b"7"}
    assert not transfer(money, "A", "B", 4)
    assert money == {account("A"): b"3", account("B"): b"7"}


def test_accounts_stand_behind_their_countrys_airports():
    rows = airports.rows()
    assert len(rows) > 28_000
    assert all(key < account(key.split(b"/")[0].decode()) for key in rows)
    assert not rows.keys() & {account(each) for each in airports.countries()}
