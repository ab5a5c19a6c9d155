"""Disks that are full, break or rot in a simulated cluster: nothing is lost, and what can go on goes on."""

from random import Random
from typing import Any

import pytest

from argosy.testing.disk import ROOM_BYTES, Disk, MemoryJournal
from node.config import RELIEF_SECONDS, SPACE_BYTES_MIN
from node.errors import DiskError
from node.ports import GroupRecord, Record
from node.raft.messages import Entry
from tests.simulator.formed import RANGE, Formed
from txn.endings import Bar, Settle, Verdict
from txn.errors import Unavailable
from txn.puts import Put

LITTLE = SPACE_BYTES_MIN - 1


@pytest.fixture
def formed() -> Formed:
    return Formed()


def test_a_leader_short_of_room_hands_its_groups_on_and_writes_go_on(formed: Formed) -> None:
    first = formed.leader()
    first.disk.room = LITTLE
    formed.world.run(3.0)
    formed.put(b"second", b"row")
    assert formed.leader() is not first
    assert first.up
    assert formed.get(b"second") == b"row"
    formed.world.run(5.0)
    assert formed.leader() is not first, "it does not come back while there is no room"
    formed.cluster.compare()


def test_where_every_disk_is_short_writes_are_refused_and_reads_are_served(formed: Formed) -> None:
    for node in formed.cluster.nodes:
        node.disk.room = LITTLE
    formed.world.run(5.0)
    elections = len(formed.cluster.safety.leaders)
    assert isinstance(formed.fails_to_put(b"second"), Unavailable), "a refusal is definite: nothing was written"
    assert formed.get(b"first") == b"row"
    assert formed.get(b"second") is None
    formed.world.run(RELIEF_SECONDS / 2)
    assert len(formed.cluster.safety.leaders) - elections <= 6, "groups do not go round in circles"
    for node in formed.cluster.nodes:
        node.disk.room = ROOM_BYTES
    formed.put(b"second", b"row")
    assert formed.get(b"second") == b"row"


def test_a_node_without_any_room_lags_and_catches_up(formed: Formed) -> None:
    full = formed.leader()
    full.disk.room = 0
    formed.world.run(1.0)
    for number in range(20):
        formed.put(b"key%d" % number, b"row")
    formed.world.run(5.0)
    group = full.host.replicas.groups[RANGE]
    leader = formed.leader()
    last = leader.host.replicas.groups[RANGE].raft.last.index
    assert full.up
    assert leader is not full
    assert group.raft.applied < last, "what its journal does not hold is not applied"
    full.disk.room = ROOM_BYTES
    formed.world.run(10.0)
    assert full.host.replicas.groups[RANGE].raft.applied >= last
    formed.cluster.compare()


def test_a_cluster_without_any_room_loses_power_and_nothing_else(formed: Formed) -> None:
    formed.put(b"key", b"acknowledged")
    for node in formed.cluster.nodes:
        node.disk.room = 0
    formed.fails_to_put(b"other")
    for node in formed.cluster.nodes:
        node.crash(silent=True)
        node.restart()
    formed.world.run(5.0)
    for node in formed.cluster.nodes:
        node.disk.room = ROOM_BYTES
    formed.world.run(5.0)
    assert formed.get(b"key") == b"acknowledged"
    formed.put(b"key", b"again")
    formed.cluster.compare()


@pytest.mark.parametrize("where", ["write", "sync"])
def test_an_error_of_the_journal_ends_the_node_and_nothing_acknowledged(formed: Formed, where: str) -> None:
    broken = formed.leader()
    starts = broken.starts
    broken.disk.broken = where
    formed.put(b"second", b"row")
    formed.world.run(10.0)
    assert broken.starts == starts + 1
    assert broken.disk.broken == ""
    assert formed.get(b"second") == b"row"
    formed.cluster.compare()


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_bit_is_found_before_anything_is_answered(formed: Formed, seed: int) -> None:
    for number in range(5):
        formed.put(b"key%d" % number, b"row")
    formed.world.run(2.0)
    rotten = formed.cluster.nodes[seed % 3]
    rotten.crash()
    rotten.doomed = bool(rotten.disk.flip(Random(seed).randrange))
    rotten.restart()
    assert rotten.dead
    assert "is torn" in formed.notes[-1]
    formed.put(b"second", b"row")
    assert formed.get(b"second") == b"row", "the others go on without it"


def test_what_ends_an_attempt_is_taken_without_room_and_what_begins_one_is_not() -> None:
    assert all(each.ends for each in (Bar, Settle, Verdict))
    assert not hasattr(Put, "ends")


def test_a_flipped_bit_of_an_entry_is_found_by_its_checksum() -> None:
    disk = Disk()
    disk.take_record(Record(1, [GroupRecord(7, (1, 0, 0), 1, [Entry(1, 0, b"first"), Entry(1, 0, b"second")])]))
    assert MemoryJournal(disk, _never, float).recover()[7].entries[1].body == b"second"
    assert disk.flip(lambda count: count - 1) == "an entry of group 7"
    assert [disk.is_torn(7, index) for index in (1, 2)] == [False, True]
    with pytest.raises(DiskError, match="group 7 is torn"):
        MemoryJournal(disk, _never, float).recover()


def _never(seconds: float, act: Any) -> None:
    raise AssertionError("nothing is written here")
