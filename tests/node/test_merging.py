"""How a right side's replica ends on its node when its left takes over the span: in memory, on disk, after a crash."""

from typing import Any

import pytest

from argosy.testing.disk import Disk, MemoryJournal
from argosy.testing.rows import MemoryState
from node.codec import encode
from node.config import INCOMING_SECONDS, Settings
from node.host import Host
from node.machine import Answer, Applied, Proposal, StopGroup
from node.mark import encode_mark
from node.messages import AskDurable, Done, DurableIs
from node.ports import Assembly, Flushed, Frame, Hello, Identity, Kind, LinkUp, Recovered, Role, Synced
from node.raft.messages import Append, Entry, Position, SnapshotOffer
from node.raft.messages import Kind as EntryKind
from node.replicas import FIRST, TOMBSTONE
from tests.node.grouped import Stage
from tests.node.test_group_cycle import entry, follow
from tests.node.test_host import LINK, TWO, Routes, answers

LEFT, RIGHT, MERGE = 5, 7, 3
LONG, SHORT, OTHER = b"acb", b"aba", b"bca"  # first head, last head, version


class Piece:
    """A machine of one mark: its span and version, and `*` while it is frozen. An entry is the mark that it makes."""

    configuration = TWO
    fixed = False

    def __init__(self, number: int, mark: bytes, view: Any) -> None:
        self.restore(mark)

    @property
    def frozen(self) -> int:
        return MERGE if self._mark.endswith(b"*") else 0

    def replaces(self, other: Any) -> bool:
        return self._mark[:1] < other.mark()[:1] < self._mark[1:2] and self._mark[2] > other.mark()[2]

    def mark(self) -> bytes:
        return self._mark

    def span(self) -> tuple[bytes, bytes]:
        return self._mark[:1], self._mark[1:2]

    def restore(self, mark: bytes) -> None:
        self._mark = mark

    def admit(self, request: Any, now: float) -> Proposal:
        return Proposal(b"")

    def apply(self, body: bytes, request: Any) -> Applied:
        self._mark = body
        return Applied(Done(), (), (StopGroup(RIGHT, MERGE),) if body == LONG else ())

    def read(self, request: Any, now: float) -> Answer:
        return Answer(Done())

    def lead(self, term: int) -> None: ...

    def follow(self) -> None: ...

    def duties(self, now: float) -> tuple[()]:
        return ()


class Node:
    """Node 2 with both sides; what its disks are to do waits in `later`."""

    def __init__(self, disk: Disk | None = None, left: bytes = SHORT, right: bytes = OTHER + b"*") -> None:
        self.later: list[Any] = []
        self.disk = disk or Disk()
        if disk is None:
            for number, mark in ((LEFT, left), (RIGHT, right)):
                self.disk.marks[number] = (1, encode_mark(2, TWO, mark, FIRST))
                self.disk.logs[number] = Recovered((1, 0, 1), FIRST, [])
            for head in (b"a", b"b"):
                self.disk.put(head, b"", b"row")
        wait = lambda seconds, act: self.later.append(act)  # noqa: E731
        self.state = MemoryState(self.disk, wait, lambda: 0.0)
        journal = MemoryJournal(self.disk, wait, lambda: 0.0)
        assembly = Assembly(Piece, {}, lambda count: iter(()), Routes())  # type: ignore[arg-type]
        identity = Identity(b"c" * 16, 2, 1, "n2:1")
        self.host = Host(identity, journal, self.state, assembly, lambda: 0.5, Settings(leases=False), 0.0)
        self.journal = journal
        self.step(LinkUp(LINK, Hello(Role.NODE, b"c" * 16, 1, 1, "n1:1", ())))

    def step(self, *events: Any) -> Any:
        effects = self.host.step(0.0, events)
        if effects.record is not None:
            self.journal.submit(effects.record)
        return effects

    def settle(self) -> None:
        """The disks do what they have to."""
        while self.later:
            self.step(self.later.pop(0)())

    def append(self, body: bytes) -> None:
        """The left's leader appends one entry, which is committed."""
        entry = Entry(1, EntryKind.COMMAND, body)
        message = encode(Append(1, Position(1, 1), (entry,), 2))
        self.step(Frame(LINK, Kind.RAFT, ((LEFT, 1, 2, message),)))

    def snapshot(self, mark: bytes, index: int = 9) -> None:
        """The left's leader sends its rows, and offers them."""
        rows = (LEFT, 1, 2, -1, encode_mark(1, TWO, mark, FIRST), index)
        self.step(Frame(LINK, Kind.SNAPSHOT, rows))
        offer = encode(SnapshotOffer(1, Position(index, 1), TWO))
        self.step(Frame(LINK, Kind.RAFT, ((LEFT, 1, 2, offer),)))

    @property
    def groups(self) -> list[int]:
        return sorted(self.host.replicas.groups)

    def marks(self) -> dict[int, bytes]:
        return {number: mark for number, (_, mark) in self.disk.marks.items()}


def buried(node: Node) -> bool:
    return node.marks()[RIGHT].startswith(TOMBSTONE) and RIGHT not in node.disk.logs


def test_the_right_ends_where_the_left_takes_over_and_no_row_goes():
    node = Node()
    node.append(LONG)
    node.settle()
    assert node.groups == [LEFT]
    assert buried(node)
    assert sorted(node.disk.rows) == [b"a", b"b"]
    message = encode(Append(1, Position(1, 1), (), 1))
    node.step(Frame(LINK, Kind.RAFT, ((RIGHT, 1, 2, message),)))
    assert node.groups == [LEFT], "a late message makes it not again"


def test_an_offer_whose_rows_were_lost_does_not_stop_the_next_one():
    node = Node()
    offer = encode(SnapshotOffer(1, Position(9, 1), TWO))
    node.step(Frame(LINK, Kind.RAFT, ((LEFT, 1, 2, offer),)))
    assert not node.host.replicas.groups[LEFT].restoring
    node.snapshot(LONG)
    node.settle()
    assert node.groups == [LEFT] and buried(node)


def test_rows_that_are_never_offered_are_forgotten():
    node = Node()
    rows = (LEFT, 1, 2, 0, b"rows", 0)
    node.step(Frame(LINK, Kind.SNAPSHOT, rows))
    node.host.step(INCOMING_SECONDS, (Frame(LINK, Kind.SNAPSHOT, (LEFT, 1, 2, 1, b"more", 0)),))
    node.host.step(1.5 * INCOMING_SECONDS, ())
    assert len(node.host.snapshots._incoming[LEFT].chunks) == 2, "it is being fed"
    node.host.step(2 * INCOMING_SECONDS, ())
    assert not node.host.snapshots._incoming


def test_the_longer_span_is_durable_before_the_tombstone():
    node = Node()
    node.append(LONG)
    seen = []
    while node.later:
        node.step(node.later.pop(0)())
        marks = node.marks()
        seen.append((LONG in marks[LEFT], marks[RIGHT].startswith(TOMBSTONE)))
    assert (False, True) not in seen
    batches = Node()
    batches.append(LONG)
    while batches.later and not batches.state._flushing:
        batches.step(batches.later.pop(0)())
    order = [each.group for each in (*batches.state._flushing, *batches.state._waiting) if each.mark is not None]
    assert order == [LEFT, RIGHT]


@pytest.mark.parametrize("survive", [0, 1, 2, 3])
def test_a_node_that_dies_between_the_two_ends_the_right_at_its_next_start(survive):
    node = Node()
    node.append(LONG)
    node.step(node.later.pop(0)())  # the journal
    node.state.crash(lambda count: min(survive, count))
    node.journal.crash(lambda count: count)
    again = Node(node.disk)
    again.settle()
    if RIGHT in again.groups:
        assert LONG not in again.marks()[LEFT], "nothing of the merge was durable but its entry"
        again.append(LONG)
        again.settle()
    assert again.groups == [LEFT]
    assert buried(again)
    assert sorted(again.disk.rows) == [b"a", b"b"]


def test_a_start_finds_both_spans_and_buries_the_right():
    node = Node(left=LONG)
    assert node.groups == [LEFT]
    node.settle()
    assert buried(node)
    assert sorted(node.disk.rows) == [b"a", b"b"]


def test_a_start_leaves_what_was_split_off_alone():
    assert Node(left=b"aca", right=b"bcb").groups == [LEFT, RIGHT]


@pytest.mark.parametrize("right", [OTHER, b"cda*"])
def test_a_right_that_has_not_stopped_here_for_this_merge_is_a_surprise(right):
    """Never seen: the merge is proposed only when every node has said that its replica holds the freeze durably."""
    node = Node(right=right) if right == OTHER else Node()
    if right != OTHER:
        node.host.replicas.drop(RIGHT, 2)
    node.append(LONG)
    with pytest.raises(AssertionError, match="has not stopped here for merge 3"):
        node.settle()


def test_a_snapshot_with_the_longer_span_ends_the_right_in_the_same_commit():
    node = Node(right=OTHER)  # it need not even know of its freeze
    node.snapshot(LONG)
    assert node.groups == [LEFT]
    (batch,) = [each for each in (*node.state._flushing, *node.state._waiting) if each.gone]
    assert [group for group, _ in batch.gone] == [RIGHT]
    assert not buried(node)
    node.settle()
    assert buried(node)
    assert node.host.replicas.groups[LEFT].machine.mark() == LONG


def test_a_crash_before_that_commit_leaves_both_sides_as_they_were():
    node = Node()
    node.snapshot(LONG)
    node.state.crash(lambda count: 0)
    node.journal.crash(lambda count: count)
    again = Node(node.disk)
    assert again.groups == [LEFT, RIGHT]
    again.append(LONG)
    again.settle()
    assert again.groups == [LEFT] and buried(again)


@pytest.mark.parametrize("mark", [SHORT, b"aca"])
def test_any_other_snapshot_leaves_the_right_alone(mark):
    node = Node()
    node.snapshot(mark)
    node.settle()
    assert node.groups == [LEFT, RIGHT]
    assert not buried(node)
    assert node.host.replicas.groups[LEFT].machine.mark() == SHORT


def test_a_node_says_what_its_replica_holds_durably():
    node = Node()

    def ask(number: int) -> Any:
        return answers(node.step(Frame(9, Kind.REQUESTS, ((1, number, 0, encode(AskDurable())),))))[0]

    assert ask(LEFT) == DurableIs(2, 1, 0)
    assert ask(RIGHT) == DurableIs(2, 1, MERGE)
    right = node.host.replicas.groups[RIGHT]
    node.step(Synced(0))
    entry = Entry(1, EntryKind.COMMAND, OTHER + b"*")
    message = encode(Append(1, Position(1, 1), (entry,), 2))
    node.step(Frame(LINK, Kind.RAFT, ((RIGHT, 1, 2, message),)))
    while right.raft.applied < 2:
        node.step(node.later.pop(0)())
    assert ask(RIGHT) == DurableIs(2, 1, 0), "it is frozen, but not durably for all that it knows"
    node.step(Flushed(((RIGHT, 2),)))
    assert ask(RIGHT) == DurableIs(2, 2, MERGE)


def test_a_replica_without_rows_holds_nothing():
    node = Node()
    message = encode(Append(1, Position(1, 1), (), 1))
    node.step(Frame(LINK, Kind.RAFT, ((9, 1, 2, message),)))
    assert answers(node.step(Frame(9, Kind.REQUESTS, ((1, 9, 0, encode(AskDurable())),))))[0] == DurableIs(2, 0, 0)


def test_the_longer_span_of_a_merge_is_sealed_before_its_right_side_ends():
    effect = StopGroup(8, 3)
    stage = Stage(3)
    stage.machine.given[b"merge"] = Applied("merged", effects=(effect,))
    follow(stage, entry(b"a"), entry(b"merge"), entry(b"b"))
    assert stage.did[-7:] == [
        ("apply", b"a", None),
        ("apply", b"merge", None),
        ("seal", 2, None),
        ("seal", 3, encode_mark(1, stage.group.configuration, b"mark")),
        ("stop group", effect),
        ("apply", b"b", None),
        ("seal", 4, None),
    ]
