"""What clients do in a measurement: how often, with which keys, and that a wrong answer is found."""

from collections import Counter
from random import Random

import pytest

from argosy.testing.linear import Violation
from argosy.testing.simulation import Simulation
from bench.keys import borders, key_of
from bench.workloads import ycsb
from bench.workloads.choosers import CHOOSERS, THETA
from bench.workloads.transfers import BALANCE, Transfers, account
from bench.workloads.ycsb import MIXES, Records, Ycsb, value_of

DRAWS = 20_000


def drawn(name: str, count: int) -> Counter[int]:
    choose = CHOOSERS[name](Random(7))
    return Counter(choose(count) for _ in range(DRAWS))


@pytest.mark.parametrize("name", CHOOSERS)
@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_a_chooser_stays_below_its_count_and_leaves_none_out(name, count):
    assert set(drawn(name, count)) == set(range(count))


def test_uniform_prefers_nobody():
    found = drawn("uniform", 10)
    assert all(abs(found[number] - DRAWS / 10) < 200 for number in range(10))


def test_zipfian_falls_with_the_rank_by_its_exponent():
    found = drawn("zipfian", 1_000)
    whole = sum(1 / rank**THETA for rank in range(1, 1_001))
    for rank in (1, 2, 10):
        assert found[rank - 1] / DRAWS == pytest.approx(1 / rank**THETA / whole, rel=0.25)
    assert sum(found[number] for number in range(100)) > 0.6 * DRAWS


def test_zipfian_goes_on_when_there_are_more_records():
    grown, fresh = CHOOSERS["zipfian"](Random(3)), CHOOSERS["zipfian"](Random(3))
    Counter(grown(count) for count in range(1, 1_000))
    for _ in range(999):
        fresh(1)
    assert [grown(1_000) for _ in range(100)] == [fresh(1_000) for _ in range(100)]


def test_latest_is_zipfian_from_the_end():
    first, last = drawn("zipfian", 50), drawn("latest", 50)
    assert {49 - number: count for number, count in first.items()} == last


def test_borders_share_the_numbers_evenly():
    assert borders(4) == [key_of(25 * 10**14), key_of(50 * 10**14), key_of(75 * 10**14)]


class Fake(dict):
    """A database that answers at once; `spoil` changes what is read."""

    def __init__(self):
        super().__init__()
        self.spoil = lambda key, value: value

    def get(self, key):
        return self.spoil(key, super().get(key))
        yield

    def put(self, key, value):
        self[key] = value
        return 1
        yield

    def load(self, rows):
        self.update(rows)
        return len(self)
        yield

    def scan(self, start, end, limit):
        found = [(key, self.spoil(key, self[key])) for key in sorted(self) if key >= start]
        return [(key, value) for key, value in found if value is not None][:limit]
        yield

    def run(self, body):
        return (yield from body(self._Attempt(self)))

    class _Attempt:
        def __init__(self, database):
            self.get, self._database = database.get, database

        def put(self, key, value):
            self._database[key] = value


def done(flow):
    assert list(flow) == []


def mixed(name: str, database: Fake, records: Records, steps: int = 600) -> Ycsb:
    chance = Random(5)
    workload = Ycsb(chance, lambda: 0.0, MIXES[name], records, CHOOSERS[MIXES[name].keys](chance))
    done(workload.prepare(database))
    for _ in range(steps):
        done(workload.step(1, database))
    return workload


@pytest.mark.parametrize("name", MIXES)
def test_a_mix_has_its_operations_in_their_parts(name):
    chance, counted = Random(9), Counter()
    workload = Ycsb(chance, lambda: 0.0, MIXES[name], Records(50, 100), CHOOSERS["uniform"](chance))
    database = Fake()
    done(workload.prepare(database))
    for _ in range(2_000):
        done(workload.step(1, database))
        counted[workload.doing[1]] += 1
    for operation, part in MIXES[name].parts:
        assert counted[operation] / 2_000 == pytest.approx(part, abs=0.03)
    assert counted.total() == 2_000
    workload.check()


def test_the_mixes_are_those_of_ycsb():
    assert {name: dict(mix.parts) for name, mix in MIXES.items()} == {
        "A": {"read": 0.5, "update": 0.5},
        "B": {"read": 0.95, "update": 0.05},
        "C": {"read": 1.0},
        "D": {"read": 0.95, "insert": 0.05},
        "E": {"scan": 0.95, "insert": 0.05},
        "F": {"read": 0.5, "modify": 0.5},
    }
    assert [MIXES[name].keys for name in "ABCDEF"] == ["zipfian"] * 3 + ["latest"] + ["zipfian"] * 2


def test_mixes_in_turn_share_their_records():
    database, records = Fake(), Records(50, 100)
    for name in MIXES:
        workload = mixed(name, database, records)
        done(workload.finish(database))
        workload.check()
    assert len(records.standing) == len(database) > 50


@pytest.mark.parametrize("name", ["A", "C", "E", "F"])
@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda key, value: None, "absent|missed"),
        (lambda key, value: value[:-1] + b"?", "never written"),
        (lambda key, value: value_of(ycsb_number(key), 10_000, 100), "never written"),
        (lambda key, value: value_of(ycsb_number(key) + 1, 0, 100), "never written"),
    ],
)
def test_a_value_that_was_not_written_for_its_key_is_found(name, wrong, text):
    database, records = Fake(), Records(50, 100)
    bad = ycsb.key_of(3)
    database.spoil = lambda key, value: wrong(key, value) if key == bad else value
    with pytest.raises(Violation, match=text):
        mixed(name, database, records).check()


def ycsb_number(key: bytes) -> int:
    return next(number for number in range(50) if ycsb.key_of(number) == key)


def test_a_record_that_is_gone_at_the_end_is_found():
    database, records = Fake(), Records(50, 100)
    workload = mixed("A", database, records)
    del database[ycsb.key_of(7)]
    done(workload.finish(database))
    with pytest.raises(Violation, match="50 records were written, 49 are there"):
        workload.check()


@pytest.mark.parametrize("name", MIXES)
def test_a_mix_holds_on_a_simulated_cluster(name):
    def make(chance, clock):
        return Ycsb(chance, clock, MIXES[name], Records(40, 100), CHOOSERS[MIXES[name].keys](chance))

    simulation = Simulation(11, make, 1.0, nodes=3, faults=()).run()
    assert simulation.workload.outcomes["committed"] > 10


def test_transfers_keep_the_sum_on_a_simulated_cluster_and_a_lost_coin_is_found():
    def make(chance, clock):
        return Transfers(chance, clock, banks=3, accounts=10)

    workload = Simulation(12, make, 2.0, nodes=3, faults=()).run().workload
    assert len(workload._sums) == 6
    assert set(workload._sums) == {30 * BALANCE}
    workload._sums[2] -= 1
    with pytest.raises(Violation, match="held 29999, not 30000"):
        workload.check()


def test_accounts_lie_in_their_banks_ranges():
    assert account(0, 99_999_999) < b"bank-001/" < account(1, 0)
