"""The checker of Raft's safety and of equal replicas, fed with what must never happen."""

from types import SimpleNamespace

import pytest

from argosy.testing.disk import Disk
from argosy.testing.linear import Violation
from argosy.testing.rows import MemoryState
from argosy.testing.safety import Safety, WatchedState
from node.ports import GroupRecord, Record
from node.raft.messages import Entry, Role


def never(seconds, act):
    """Nothing becomes durable."""


def replica(number=7, replica=1, role=Role.LEADER, term=3, applied=4, mark=b"m"):
    machine = SimpleNamespace(mark=lambda: mark, span=lambda: (b"a", b"z"))
    raft = SimpleNamespace(role=role, term=term, applied=applied)
    return SimpleNamespace(number=number, replica=replica, raft=raft, machine=machine, restoring=False)


def disk_with(*terms):
    disk = Disk()
    disk.take_record(Record(1, [GroupRecord(7, None, 1, [Entry(term, 0, b"%d" % term) for term in terms])]))
    return disk


def node(number, safety, disk):
    return WatchedState(number, safety, disk, never, lambda: 1.0)


def test_one_leader_in_a_term():
    safety = Safety()
    safety.note_roles(1, [replica(), replica(role=Role.FOLLOWER)])
    safety.note_roles(1, [replica()])
    safety.note_roles(2, [replica(replica=2, term=4), replica(number=8, replica=2)])
    with pytest.raises(Violation, match="two leaders of group 7 in term 3"):
        safety.note_roles(2, [replica(replica=2)])


def seal(state, *batches):
    for index, value in batches:
        state.put(b"k", b"", value)
        state.seal(7, index, b"m")


def test_equal_entries_and_rows_pass():
    safety = Safety()
    for number in (1, 2):
        seal(node(number, safety, disk_with(1, 1, 2)), (1, b"x"), (3, b"y"))


def test_different_entries_at_one_index_are_found():
    safety = Safety()
    seal(node(1, safety, disk_with(1, 1)), (1, b"x"), (2, b"y"))
    with pytest.raises(Violation, match="another entry of group 7 at 2"):
        seal(node(2, safety, disk_with(1, 2)), (1, b"x"), (2, b"y"))


def test_different_rows_of_the_same_entries_are_found():
    safety = Safety()
    seal(node(1, safety, disk_with(1, 1)), (1, b"x"), (2, b"y"))
    with pytest.raises(Violation, match="made other rows at node 2"):
        seal(node(2, safety, disk_with(1, 1)), (1, b"x"), (2, b"z"))


def test_what_is_applied_must_be_durable_in_the_own_journal():
    with pytest.raises(Violation, match="durably ends at 1"):
        seal(node(1, Safety(), disk_with(1)), (1, b"x"), (2, b"y"))


@pytest.mark.parametrize(("value", "mark"), [(b"other", b"m"), (b"same", b"other")])
def test_replicas_that_have_applied_as_far_must_be_equal(value, mark):
    states = []
    for each in (b"same", value):
        state = MemoryState(Disk(), never, lambda: 1.0)
        state.put(b"k", b"", each)
        states.append(state)
    Safety().compare([(1, replica(), states[0]), (2, replica(applied=5, mark=mark), states[1])])
    Safety().compare([(1, replica(), states[0]), (2, replica(), states[0])])
    with pytest.raises(Violation, match="group 7 at 4 differs between node 1 and node 2"):
        Safety().compare([(1, replica(), states[0]), (2, replica(mark=mark), states[1])])
