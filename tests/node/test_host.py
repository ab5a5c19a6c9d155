"""One node of a group of two, its disks in the test's hands: nothing is promised or forgotten too early."""

from typing import Any

from argosy.testing.disk import Disk, MemoryJournal
from argosy.testing.rows import MemoryState
from node.codec import decode, encode
from node.config import Settings
from node.host import Host
from node.machine import Answer, Applied, Proposal, StartGroup
from node.mark import encode_mark
from node.messages import Done, NoGroup, NotLeader
from node.ports import Assembly, Dumped, Flushed, Frame, Hello, Identity, Kind, LinkUp, Recovered, Role, Synced
from node.raft.membership import encode_configuration
from node.raft.messages import Append, AppendReply, AskLeader, Campaign, Configuration, Entry, Member, Position, Stopped
from node.raft.messages import Kind as EntryKind
from node.replicas import FIRST, TOMBSTONE

TWO = Configuration(1, 3, (Member(1, 1), Member(2, 2)))
GROUP, LINK = 5, 11


class Echo:
    """A machine that applies anything."""

    configuration = TWO
    frozen = 0
    fixed = False

    def __init__(self, number: int, mark: bytes, view: Any) -> None:
        self._mark = mark

    def mark(self) -> bytes:
        return self._mark

    def span(self) -> tuple[bytes, bytes]:
        return self.span_of(self._mark)

    def span_of(self, mark: bytes) -> tuple[bytes, bytes]:
        return b"\x01", b"\x02" if mark == b"echo" else b"\x03"

    def restore(self, mark: bytes) -> None:
        self._mark = mark

    def replaces(self, other: Any) -> bool:
        return False

    def admit(self, request: Any, now: float) -> Proposal:
        return Proposal(b"")

    def apply(self, body: bytes, request: Any) -> Applied:
        return Applied(Done())

    def read(self, request: Any, now: float) -> Answer:
        return Answer(Done())

    def lead(self, term: int) -> None: ...

    def follow(self) -> None: ...

    def duties(self, now: float) -> tuple[()]:
        return ()


class Routes:
    def address(self, node: int) -> str | None:
        return f"n{node}:1"

    def control_nodes(self) -> tuple[tuple[int, str], ...]:
        return ((1, "n1:1"),)

    def __init__(self) -> None:
        self.learned: list[Any] = []

    def learn_control(self, nodes: Any) -> None:
        self.learned.append(nodes)


class Node:
    """Node 2, with the leader's node at the other end of `LINK`. Time stands still unless `now` is moved."""

    def __init__(
        self, leases: bool = False, settings: Settings | None = None, mark: Any = None, **logs: Recovered
    ) -> None:
        disk = Disk()
        disk.logs.update({int(number[1:]): log for number, log in logs.items()})
        disk.marks[GROUP] = mark or (1, encode_mark(2, TWO, b"echo", FIRST))
        later = lambda seconds, act: None  # noqa: E731  (the test answers for the disks)
        self.state = MemoryState(disk, later, lambda: 0.0)
        assembly = Assembly(Echo, {}, lambda count: iter(()), Routes())  # type: ignore[arg-type]
        journal = MemoryJournal(disk, later, lambda: 0.0)
        identity = Identity(b"c" * 16, 2, 1, "n2:1")
        self.host = Host(identity, journal, self.state, assembly, lambda: 0.5, settings or Settings(leases=leases), 0.0)
        self.first = self.step(LinkUp(LINK, Hello(Role.NODE, b"c" * 16, 1, 1, "n1:1", ())))

    def step(self, *events: Any) -> Any:
        return self.host.step(0.0, events)

    def append(self, base: Position, *entries: Entry, commit: int = 1) -> Any:
        body = encode(Append(1, base, entries, commit))
        return self.step(Frame(LINK, Kind.RAFT, ((GROUP, 1, 2, body),)))


def said(effects: Any) -> list[Any]:
    return [decode(row[3]) for _, kind, rows in effects.sends if kind == Kind.RAFT for row in rows]


def answers(effects: Any) -> list[Any]:
    return [decode(body) for _, kind, rows in effects.sends if kind == Kind.REPLIES for _, body in rows]


def test_an_append_is_acknowledged_only_when_its_record_is_synced():
    node = Node()
    effects = node.append(Position(1, 1), Entry(1, EntryKind.COMMAND, b"x"))
    assert effects.record is not None
    assert not said(effects)
    again = node.append(Position(1, 1), Entry(1, EntryKind.COMMAND, b"x"))
    assert not said(again), "a copy that needs no record of its own waits for the first one's"
    assert AppendReply(1, 2) in said(node.step(Synced(effects.record.sequence)))


def test_a_leader_that_the_configuration_does_not_name_is_answered_where_it_spoke_from():
    node = Node()
    body = encode(Append(1, Position(1, 1), (Entry(1, EntryKind.COMMAND, b"x"),), 1))
    effects = node.step(Frame(LINK, Kind.RAFT, ((GROUP, 9, 2, body),)))
    sends = node.step(Synced(effects.record.sequence)).sends
    assert [(kind, rows[0][2]) for link, kind, rows in sends if link == LINK] == [(Kind.RAFT, 9)]


def test_an_entry_is_applied_only_when_the_own_journal_holds_it():
    node = Node()
    effects = node.append(Position(1, 1), Entry(1, EntryKind.COMMAND, b"x"), commit=2)
    raft = node.host.replicas.groups[GROUP].raft
    assert (raft.commit, raft.applied) == (2, 1)
    node.step(Synced(effects.record.sequence))
    assert raft.applied == 2


def test_what_is_to_be_durable_leaves_before_what_is_committed_is_applied():
    node = Node(settings=Settings(leases=False, apply_later_bytes=0))
    raft = node.host.replicas.groups[GROUP].raft
    first = node.append(Position(1, 1), Entry(1, EntryKind.COMMAND, b"x"))
    node.step(Synced(first.record.sequence))
    second = node.append(Position(2, 1), Entry(1, EntryKind.COMMAND, b"y"), commit=2)
    assert second.record is not None
    assert (raft.commit, raft.applied) == (2, 1)
    assert node.host.wake_at <= 0.0, "the rest is due at once"
    node.step()
    assert raft.applied == 2
    assert node.host.wake_at > 0.0
    node.step(Synced(second.record.sequence))
    assert node.append(Position(3, 1), commit=3).record is None
    assert raft.applied == 3, "nothing is to be made durable, so nothing is waited for"


def test_a_log_is_forgotten_only_when_the_tombstone_is_durable():
    node = Node()
    node.host.replicas.drop(GROUP, 2)
    assert node.step().record is None
    assert node.step(Flushed(((GROUP, 1),))).record is None, "an earlier batch of the group is not the tombstone"
    record = node.step(Flushed(((GROUP, 0),))).record
    assert [(each.group, each.gone) for each in record.groups] == [(GROUP, True)]


def test_a_removed_replica_is_not_made_again_by_a_late_message():
    node = Node()
    node.host.replicas.drop(GROUP, 2)
    record = node.step(Flushed(((GROUP, 0),))).record
    node.step(Synced(record.sequence))
    node.append(Position(1, 1))
    assert GROUP not in node.host.replicas.groups
    node.step(named_anew())
    assert node.host.replicas.groups[GROUP].replica == 3, "the next replica id is a new member"


def named_anew() -> Frame:
    """A message to the next replica of the group here."""
    return Frame(LINK, Kind.RAFT, ((GROUP, 1, 3, encode(Append(1, Position(1, 1), (), 1))),))


def test_a_replica_is_not_made_anew_before_the_log_of_the_old_one_is_durably_forgotten():
    node = Node()
    node.host.replicas.drop(GROUP, 2)
    record = node.step(Flushed(((GROUP, 0),))).record
    node.step(named_anew())
    assert GROUP not in node.host.replicas.groups, "else a mark that knows nothing may stand beside the old log"
    node.step(Synced(record.sequence - 1))
    node.step(named_anew())
    assert GROUP not in node.host.replicas.groups
    node.step(Synced(record.sequence))
    node.step(named_anew())
    assert node.host.replicas.groups[GROUP].replica == 3


def test_neither_is_one_whose_node_died_between_the_tombstone_and_the_forgetting():
    log = Recovered((1, 0, 1), (1, 1), [Entry(1, EntryKind.COMMAND, b"x")])
    node = Node(mark=(0, TOMBSTONE + (3).to_bytes(8)), g5=log)
    record = node.first.record
    assert [(each.group, each.gone) for each in record.groups] == [(GROUP, True)]
    node.step(named_anew())
    assert GROUP not in node.host.replicas.groups
    node.step(Synced(record.sequence))
    node.step(named_anew())
    assert node.host.replicas.groups[GROUP].replica == 3


def test_who_asks_a_replica_that_has_left_hears_that_it_does_not_lead():
    node = Node()
    asked = Frame(LINK, Kind.RAFT, ((GROUP, 1, 2, encode(AskLeader(7))),))
    assert not [each for each in said(node.step(asked)) if type(each) is Stopped], "it is here, and speaks for itself"
    node.host.replicas.drop(GROUP, 2)
    assert said(node.step(asked)) == [Stopped(7)], "its tombstone is on its way"
    later = Frame(LINK, Kind.RAFT, ((GROUP, 1, 3, encode(AskLeader(7))),))
    assert said(node.step(later)) == [], "one that comes after it may lead"
    node.step(Flushed(((GROUP, 0),)))
    assert said(node.step(asked)) == [Stopped(7)]
    newer = Frame(LINK, Kind.RAFT, ((GROUP, 1, 9, encode(AskLeader(7))),))
    assert said(node.step(newer)) == [], "of a replica that was never here nothing is known"


def test_a_replica_that_was_dropped_within_a_step_shares_its_nodes_no_longer():
    node = Node(leases=True)
    asked = [kind for _, kind, _ in node.host.step(1.0, ()).sends]
    assert Kind.SUPPORT in asked, "a node that shares a group is asked for support"
    node.host.touch(node.host.replicas.groups[GROUP])
    node.host.replicas.drop(GROUP, 2)
    node.host.step(1.0, ())
    assert not node.host.step(2.0, ()).sends


def test_a_vote_stands_though_the_mark_of_its_replica_was_not_durable():
    node = Node(g7=Recovered((4, 1, 0)))
    node.step(Frame(LINK, Kind.RAFT, ((7, 1, 2, encode(Append(1, Position(1, 1), (), 1))),)))
    raft = node.host.replicas.groups[7].raft
    assert (raft.term, raft.vote) == (4, 1)


def test_a_right_side_is_made_again_as_it_was_when_its_split_is_replayed():
    node = Node(g7=Recovered((4, 1, 1), FIRST, [Entry(4, EntryKind.COMMAND, b"x")]))
    node.step(Frame(LINK, Kind.RAFT, ((7, 1, 2, encode(Append(4, Position(1, 1), (), 1))),)))
    assert 7 not in node.host.replicas.groups, "only the replayed split knows what it is"
    parent = node.host.replicas.groups[GROUP]
    node.host.start_group(parent, StartGroup(7, 0, encode_configuration(TWO), b"echo"))
    raft = node.host.replicas.groups[7].raft
    assert (raft.term, raft.vote, raft.last) == (4, 1, Position(2, 4))


def test_a_snapshot_whose_mark_has_another_span_is_not_sent():
    node = Node()
    group = node.host.replicas.groups[GROUP]
    group.raft.configuration = Configuration(1, 3, (Member(2, 2),))
    node.host.touch(group)
    group.raft.step(Campaign())
    elected = node.step().record
    first = node.step(Synced(elected.sequence)).record
    if first is not None:
        node.step(Synced(first.sequence))
    assert group.leading
    group.nodes[1] = 1
    for mark, sent in ((b"echo", 2), (b"before the split", 0)):
        node.host.snapshots.begin(group, 1)
        ticket = node.host.snapshots._tickets
        dumped = Dumped(ticket, 1, encode_mark(2, TWO, mark, FIRST), [b"rows"])
        kinds = [kind for _, kind, _ in node.step(dumped).sends]
        assert kinds.count(Kind.SNAPSHOT) == sent


def test_who_does_not_lead_names_who_may_and_where():
    node = Node()
    node.append(Position(1, 1))
    ask = encode(NoGroup(1))  # no request at all: refused by the group as such
    rows = ((1, GROUP, 1, encode_put()), (2, 0, 0, encode_put()), (3, 9, 0, encode_put()))
    assert answers(node.step(Frame(7, Kind.REQUESTS, rows))) == [
        NotLeader(GROUP, 1, "n1:1"), NotLeader(0, 1, "n1:1"), NoGroup(9),
    ]  # fmt: skip
    assert "is not a request" in answers(node.step(Frame(7, Kind.REQUESTS, ((4, GROUP, 1, ask),))))[0].why


def test_a_frame_without_sense_closes_its_link_and_nothing_of_it_acts():
    node = Node()
    effects = node.step(Frame(7, Kind.REQUESTS, ((1, GROUP, 1, encode_put()), (2, GROUP, 1, b"\xff"))))
    assert effects.hangups == [7]
    assert not effects.sends
    assert node.step(Frame(7, Kind.RAFT, ())).hangups == [7], "a client speaks no Raft"


def encode_put() -> bytes:
    from txn.queries import Read

    return encode(Read((b"\x10a",), 1 << 16))


def test_a_node_says_who_holds_group_0_and_a_client_does_not():
    """A client may not have asked for long."""
    node, known = Node(), ((3, "n3:1"),)
    node.step(LinkUp(LINK + 1, Hello(Role.CLIENT, b"c" * 16, 0, 0, "", ((1, "n1:1"),))))
    node.step(LinkUp(LINK + 2, Hello(Role.NODE, b"c" * 16, 3, 1, "n3:1", known)))
    assert node.host.assembly.routes.learned[-1] == known
    assert ((1, "n1:1"),) not in node.host.assembly.routes.learned
