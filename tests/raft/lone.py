"""One core alone, and what it says: for tests of a single claim. Read next: tests/raft/test_paper.py."""

from typing import Any

from node.raft import messages as m
from node.raft.core import Raft
from node.raft.messages import Configuration, Entry, HardState, Member, Position, Ready, Role
from node.raft.settings import RaftSettings

THREE = Configuration(1, 4, (Member(1, 1), Member(2, 2), Member(3, 3)))


def lone(
    terms: tuple[int, ...] = (),
    term: int = 0,
    vote: int = 0,
    configuration: Configuration = THREE,
    replica: int = 1,
    **settings: Any,
) -> Raft:
    """A replica whose durable log has entries of these terms. Its chance is 0.5, its clock 0."""
    entries = [Entry(each, m.Kind.COMMAND, b"%d" % place) for place, each in enumerate(terms, 1)]
    hard = HardState(term or max(terms, default=0), vote, 0)
    return Raft(replica, configuration, hard, Position(0, 0), entries, 0, RaftSettings(**settings), lambda: 0.5, 0.0)


def ready(raft: Raft) -> Ready:
    """What it wants now; an empty Ready if nothing."""
    return raft.ready() or Ready()


def hear(raft: Raft, source: int, message: Any) -> Ready:
    """Let it take one message, and tell what it wants."""
    raft.step(m.Received(source, message))
    return ready(raft)


def persist(raft: Raft) -> Ready:
    """Its disk has written everything; what it wants then."""
    ready(raft)
    raft.step(m.Persisted(raft.last.term, raft.last.index))
    return ready(raft)


def apply(raft: Raft, index: int) -> None:
    """Its machine has applied up to there."""
    ready(raft)
    raft.step(m.AppliedTo(index))


def elect(raft: Raft, voters: tuple[int, ...] = (2,)) -> Raft:
    """Make it the leader of the next term, its first entry durable here but nowhere else; everything taken."""
    raft.deadline = raft.now
    raft.step(m.Tick(raft.now))
    for voter in voters:
        raft.step(m.Received(voter, m.VoteReply(raft.term + 1, True, pre=True)))
    for voter in voters:
        raft.step(m.Received(voter, m.VoteReply(raft.term, True)))
    assert raft.role is Role.LEADER, "elected"
    persist(raft)
    return raft


def lead(**how: Any) -> Raft:
    """A leader whose log is everywhere, all of it applied."""
    raft = elect(lone(**how))
    for each in (2, 3):
        raft.step(m.Received(each, m.AppendReply(raft.term, raft.last.index)))
    apply(raft, raft.commit)
    ready(raft)
    return raft


def kinds(ready: Ready, kind: type) -> list[tuple[int, Any]]:
    """The messages and promises of one kind, with their targets."""
    return [each for each in ready.messages + ready.promises if type(each[1]) is kind]
