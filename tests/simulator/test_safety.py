"""The checker of Raft's safety and of equal replicas, fed with what must never happen."""

from types import SimpleNamespace

import pytest

from argosy.testing.disk import Disk
from argosy.testing.linear import Violation
from argosy.testing.rows import MemoryState
from argosy.testing.safety import Safety, WatchedJournal, WatchedState
from node.ports import GroupRecord, Record
from node.raft.log import Log
from node.raft.messages import Configuration, Entry, Member, Position, Role


def never(seconds, act):
    """Nothing becomes durable."""


def replica(number=7, replica=1, role=Role.LEADER, term=3, applied=4, mark=b"m", members=1):
    machine = SimpleNamespace(mark=lambda: mark, span=lambda: (b"a", b"z"))
    raft = SimpleNamespace(role=role, term=term, applied=applied, log=Log(Position(applied, 1), []))
    configuration = Configuration(1, 2, (Member(1, members),))
    return SimpleNamespace(
        number=number, replica=replica, raft=raft, machine=machine, configuration=configuration, restoring=False
    )


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


@pytest.mark.parametrize(
    ("value", "mark", "members"), [(b"other", b"m", 1), (b"same", b"other", 1), (b"same", b"m", 2)]
)
def test_replicas_that_have_applied_as_far_must_be_equal(value, mark, members):
    states = []
    for each in (b"same", value):
        state = MemoryState(Disk(), never, lambda: 1.0)
        state.put(b"k", b"", each)
        states.append(state)
    Safety().compare([(1, replica(), states[0]), (2, replica(applied=5, mark=mark), states[1])])
    Safety().compare([(1, replica(), states[0]), (2, replica(), states[0])])
    with pytest.raises(Violation, match="group 7 at 4 differs between node 1 and node 2"):
        Safety().compare([(1, replica(), states[0]), (2, replica(mark=mark, members=members), states[1])])


def journal(number, safety, disk=None):
    return WatchedJournal(number, safety, disk or Disk(), never, lambda: 1.0)


def write(journal, *terms, first=1, hard=None, base=None, group=7):
    entries = [Entry(term, 0, b"%d" % term) for term in terms]
    sequence = journal._next or 1
    journal.submit(Record(sequence, [GroupRecord(group, hard, first, entries, base)]))


def test_equal_logs_and_truncated_ones_pass():
    safety, disk = Safety(), disk_with(1, 1, 2)
    one = journal(1, safety, disk)
    write(one, 3, 3, first=3, hard=(3, 2, 1))
    write(one, 4, first=4, hard=(4, 0, 1))
    other = journal(2, safety)
    write(other, 3, 4, first=3, base=(2, 1), hard=(4, 1, 2))
    write(journal(3, safety), 1, 1, 3, 3)


@pytest.mark.parametrize(("terms", "body"), [((2, 2), b"2"), ((1, 2), b"other")])
def test_an_index_and_term_name_one_entry_and_all_before_it(terms, body):
    safety = Safety()
    write(journal(1, safety), 1, 2)
    entries = [Entry(terms[0], 0, b"%d" % terms[0]), Entry(terms[1], 0, body)]
    with pytest.raises(Violation, match="another entry 2@2 of group 7"):
        journal(2, safety).submit(Record(1, [GroupRecord(7, None, 1, entries)]))


def test_who_leads_replaces_nothing_of_its_log():
    safety = Safety()
    one = journal(1, safety)
    write(one, 1, 2, hard=(2, 1, 0))
    safety.note_roles(1, [replica(term=3)])
    write(one, 3, first=3, hard=(3, 1, 0))
    with pytest.raises(Violation, match="leads group 7 in term 3, and replaces entries from 3"):
        write(one, 3, first=3)


@pytest.mark.parametrize("hard", [(2, 1, 0), (3, 2, 0), (3, 0, 0)])
@pytest.mark.parametrize("life", [1, 2])
def test_a_term_never_falls_and_a_vote_stands(hard, life):
    safety, disk = Safety(), Disk()
    one = journal(1, safety, disk)
    write(one, hard=(3, 1, 0))
    if life == 2:
        one.crash(lambda count: count)
        one = journal(1, safety, disk)
    write(one, hard=(3, 1, 5))
    with pytest.raises(Violation, match="voted for 1 in term 3"):
        write(one, hard=hard)


def leader(term, *terms):
    one = replica(term=term)
    one.raft.log = Log(Position(0, 0), [Entry(each, 0, b"%d" % each) for each in terms])
    return one


def test_who_takes_office_holds_what_was_applied_under_earlier_leaders():
    safety = Safety()
    safety.note_roles(1, [leader(2, 1, 2)])
    state = node(1, safety, disk_with(1, 2))
    seal(state, (1, b"x"), (2, b"y"))
    safety.note_roles(2, [leader(1, 1)])  # late, of an earlier term: nobody follows it
    safety.note_roles(2, [leader(3, 1, 2, 3)])
    seal(state, (2, b"y"))
    with pytest.raises(Violation, match="leads group 7 in term 4 without the entry 2@2"):
        safety.note_roles(3, [leader(4, 1, 3)])
