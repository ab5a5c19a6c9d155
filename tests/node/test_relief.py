"""A host whose state finds no room: dumps come later, and what does not belong together is refused."""

from typing import Any

import pytest

from node.config import DUMP_RETRY_SECONDS
from node.errors import DiskError
from node.group import encode_mark
from node.ports import Dumped, Frame, Kind, Recovered, Synced
from node.raft.messages import Campaign, Configuration, Entry, Member, SnapshotOffer, SnapshotSent
from node.raft.messages import Kind as EntryKind
from node.replicas import FIRST
from tests.node.test_host import GROUP, TWO, Node, said


class Overheard:
    """A core, and what it is told of snapshots."""

    def __init__(self, raft: Any, heard: list[Any]) -> None:
        self._raft = raft
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raft, name)

    def step(self, message: Any) -> None:
        if isinstance(message, SnapshotSent):
            self._heard.append(message)
        self._raft.step(message)


class Leading(Node):
    """It leads a group of its own, and a follower needs a snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self.group = self.host.replicas.groups[GROUP]
        self.group.raft.configuration = Configuration(1, 3, (Member(2, 2),))
        self.host.touch(self.group)
        self.group.raft.step(Campaign())
        for _ in range(2):
            record = self.step().record
            if record is not None:
                self.step(Synced(record.sequence))
        assert self.group.leading
        self.group.nodes[1] = 1
        self.heard: list[Any] = []
        self.group.raft = Overheard(self.group.raft, self.heard)

    def dump(self) -> int:
        self.host.snapshots.begin(self.group, 1)
        return self.host.snapshots._tickets


def test_a_dump_that_found_no_room_is_asked_for_again_only_later():
    node = Leading()
    ticket = node.dump()
    effects = node.step(Dumped(ticket, 0, b"", ()))
    assert Kind.SNAPSHOT not in [kind for _, kind, _ in effects.sends]
    assert not any(isinstance(each, SnapshotOffer) for each in said(effects))
    node.host.step(DUMP_RETRY_SECONDS / 2, ())
    assert node.heard == []
    node.host.step(DUMP_RETRY_SECONDS + 0.1, ())
    assert [each.base for each in node.heard] == [None]
    ticket = node.dump()
    node.step(Dumped(ticket, 1, encode_mark(2, TWO, b"echo", FIRST), [b"rows"]))
    assert [each.base for each in node.heard] == [None, FIRST]


def test_a_dump_of_an_earlier_leadership_is_not_asked_for_again():
    node = Leading()
    ticket = node.dump()
    node.step(Dumped(ticket, 0, b"", ()))
    node.host.replicas.drop(GROUP, 2)
    node.host.step(DUMP_RETRY_SECONDS + 0.1, ())
    assert node.heard == []


def test_a_state_ahead_of_its_journal_is_refused_in_words():
    entries = [Entry(1, EntryKind.COMMAND, b"x")]
    with pytest.raises(DiskError, match=r"group 5 the state ends at 1, and the journal holds 7 to 8"):
        Node(g5=Recovered((1, 0, 7), (7, 1), entries))


def test_a_frame_in_between_does_not_bring_it_forward():
    node = Leading()
    ticket = node.dump()
    node.step(Dumped(ticket, 0, b"", ()))
    node.step(Frame(7, Kind.REQUESTS, ()))
    assert node.heard == []
