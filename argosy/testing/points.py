"""What a soak should reach, floor by floor, and where each is seen.

Owns the list only. A name begins with the floor, then says what happened; the rules of transactions and promises are
those of txn/__init__.py and node/support.py. Read next: argosy/testing/coverage.py.
"""

from collections.abc import Sequence
from typing import Any

from argosy.testing.coverage import Look, Point
from node.machine import Answer
from node.messages import Busy, Done, NoGroup, NotLeader
from node.raft.messages import Configuration, Role
from ranges.messages import NotYet, StaleSpan
from txn.endings import Bar, Verdict
from txn.queries import Fate
from txn.replies import (
    Above,
    Barred,
    BarRefused,
    Committed,
    Conflict,
    FateIs,
    IsAborted,
    Locked,
    Pushed,
    TooOld,
    VerdictIs,
)


def _true(_: Sequence[Any], result: Any) -> int:
    return bool(result)


def _counts_lost(pre: bool) -> Look:
    def look(arguments: Sequence[Any], _: Any) -> int:
        raft = arguments[0]
        return raft.votes is None and raft.role is Role.FOLLOWER and raft.pre is pre

    return look


def _changes(look: Look) -> Look:
    """A change of members that is taken: of (configuration now, …) to the result."""
    return lambda arguments, result: isinstance(result, Configuration) and look(arguments, result)


def _replies(kind: type) -> Look:
    """An entry that was applied with such a reply."""
    return lambda _, result: type(result.reply) is kind


def _mends(kind: type) -> Look:
    """A copy that got such an answer."""
    return lambda arguments, _: type(arguments[6]) is kind


def _asks(message: type, reply: type, look: Look) -> Look:
    """A settler's question that got such a reply."""
    return lambda arguments, result: (
        type(arguments[2]) is message and type(result) is reply and look(arguments[2:], result)
    )


def _replayed(arguments: Sequence[Any], result: Any) -> int:
    """C2: a version by this id was there already, so the reply is another C than the one chosen for this copy."""
    return type(result.reply) is Committed and result.reply.commit != arguments[2]


def _replayed_puts(arguments: Sequence[Any], result: Any) -> int:
    if type(result.reply) is not list:
        return 0
    return sum(
        type(said) is int and said not in (0, chosen)
        for said, chosen in zip(result.reply, arguments[0].commits, strict=True)
    )


RAFT = (
    Point("raft: an election is won", "node.raft.leader:take_office"),
    Point("raft: a pre-vote is lost", "node.raft.candidate:_count", _counts_lost(True)),
    Point("raft: a vote is lost", "node.raft.candidate:_count", _counts_lost(False)),
    Point("raft: a leader steps down", "node.raft.leader:leave_office"),
    Point("raft: a leader hears no quorum", "node.raft.watch:_unheard", _true, must=False),
    Point("raft: a leader's disk stalls", "node.raft.watch:_stalled", _true),
    Point("raft: a leader lacks support (Z6)", "node.raft.watch:_unsupported", _true),
    Point("raft: a leadership round, without a lease", "node.raft.orders:begin_round"),
    Point("raft: a hand-over is heard (P5)", "node.raft.candidate:on_timeout_now"),
    Point("raft: a hand-over fails", "node.raft.watch:_transfer_failed", _true),
    Point("raft: an Append is refused", "node.raft.leader:on_append_reject"),
    Point("raft: a follower's log is truncated", "node.raft.log:Log._truncate"),
    Point("raft: a log is compacted", "node.raft.log:Log.compact"),
    Point("raft: members change", "node.raft.membership:changed", _changes(lambda *_: 1)),
    Point("raft: a joint configuration", "node.raft.membership:changed", _changes(lambda _, new: bool(new.outgoing))),
    Point("raft: a joint configuration is left", "node.raft.membership:left"),
    Point("raft: a learner comes", "node.raft.membership:changed",
          _changes(lambda now, new: bool(set(new.learners) - set(now[0].learners)))),
    Point("raft: a learner becomes a voter", "node.raft.membership:changed",
          _changes(lambda now, new: bool(set(new.voters) & set(now[0].learners)))),
    Point("raft: a group goes to sleep (Z1)", "node.raft.sleep:rest", _true),
    Point("raft: a request wakes a group (Z4)", "node.raft.sleep:on_wake"),
    Point("raft: a bound follower asks its leader (Z4)", "node.raft.sleep:ask"),
    Point("raft: a leader's stop is heard (Z2)", "node.raft.sleep:on_stopped"),
    Point("raft: a promise lapses (P2)", "node.raft.leases:on_lapsed"),
)  # fmt: skip

NODE = (
    Point("node: a snapshot is begun", "node.snapshots:Snapshots.begin"),
    Point("node: a snapshot is sent", "node.raft.leader:on_snapshot_sent", lambda a, _: a[1].base is not None),
    Point("node: a snapshot has to begin anew", "node.raft.leader:on_snapshot_sent", lambda a, _: a[1].base is None),
    Point("node: a snapshot is installed", "node.snapshots:Snapshots.restored"),
    Point("node: an offered snapshot is not taken", "node.raft.follower:on_not_restored"),
    Point("node: a reader nearby waits for an index", "node.following:Following._ask"),
    Point("node: a right side of a merge ends", "node.replicas:Replicas.absorb"),
    Point("node: a right side of a split begins", "node.replicas:Replicas.split_off"),
    Point("node: a replica is dropped", "node.replicas:Replicas.drop"),
    Point("node: a node answers for a replica that has left", "node.host:Host._answer_for_gone", must=False),
    Point("node: a command is refused for want of room", "node.space:refusal", _true),
    Point("node: a group is handed on for want of room", "node.relief:_successor", _true),
    Point("node: a disk fails for good", "node.host:Host._on_failed"),
    Point("node: commands gather for the journal", "node.intake:Intake.release", _true),
    Point("node: a query of its own is answered at once", "node.here:Here.answer", _true),
    Point("node: applying waits for the journal", "node.host:Host.apply_soon"),
    Point("node: links of a node are lost with flows on them", "node.flow:Flows.lost"),
)

RANGES = (
    Point("ranges: a copy is not answered", "ranges.router:Router._mend", _mends(type(None))),
    Point("ranges: a copy is sent on: not the leader", "ranges.router:Router._mend", _mends(NotLeader)),
    Point("ranges: a copy is sent on: no such group", "ranges.router:Router._mend", _mends(NoGroup)),
    Point("ranges: a copy is sent again: busy", "ranges.router:Router._mend", _mends(Busy)),
    Point("ranges: a copy is sent again: not yet", "ranges.router:Router._mend", _mends(NotYet), must=False),
    Point("ranges: a copy is sent again: the span has changed (M1)", "ranges.router:Router._mend", _mends(StaleSpan)),
    Point("ranges: a split is applied", "ranges.machine:RangeMachine.split"),
    Point("ranges: a range freezes (M3)", "ranges.machine:RangeMachine.freeze"),
    Point("ranges: a range takes over its neighbour (M3)", "ranges.machine:RangeMachine.absorb"),
    Point("ranges: a merge is forgone (M3)", "ranges.merging:Forgo.apply",
          lambda _, result: type(result.reply) is Done),
    Point("ranges: a range thaws (M3)", "ranges.merging:Thaw.apply"),
    Point("ranges: a leader gives leave to read (R1, R2)", "txn.nearby:Permission.read"),
    Point("ranges: a new leader raises its low-water mark (L2)", "ranges.floors:LeaderMemory.raise_low"),
    Point("ranges: a floor or a version pushes a C", "ranges.floors:LeaderMemory.choose",
          lambda arguments, result: result > arguments[2]),
    Point("ranges: a read waits for a write (R1)", "ranges.machine:RangeMachine.wait_applied"),
    Point("ranges: somebody waits for an intent (R3)", "ranges.machine:RangeMachine.wait_settled"),
    Point("ranges: somebody waits for a verdict", "ranges.machine:RangeMachine.wait_decided"),
    Point("placement: members are changed", "ranges.placement.driver:Driver._change", _true),
    Point("placement: leadership is moved", "ranges.placement.driver:Driver._transfer", _true),
    Point("placement: ranges are merged", "ranges.placement.merger:Merger._finish", _true),
    Point("placement: a merge is settled by a later leader", "ranges.placement.driver:Driver._settle", must=False),
    Point("placement: a node is planned to go", "ranges.placement.plans:plan"),
    Point("placement: a range is split", "ranges.placement.driver:Driver._split", _true),
)  # fmt: skip

TXN = (
    Point("txn: a put was applied before (C2a)", "txn.puts:Puts.apply", _replayed_puts),
    Point("txn: one range, one entry (C2)", "txn.committing:Committing._write", lambda _, result: bool(result[1])),
    Point("txn: a Write was applied before (C2)", "txn.commands:Write.apply", _replayed),
    Point("txn: a Write meets Conflict", "txn.commands:Write.apply", _replies(Conflict)),
    Point("txn: a Write meets Locked", "txn.commands:Write.apply", _replies(Locked), must=False),
    Point("txn: a Write is barred", "txn.commands:Write.apply", _replies(IsAborted), must=False),
    Point("txn: a Write meets Above", "txn.commands:Write.admit",
          lambda _, result: type(result) is Answer and type(result.reply) is Above),
    Point("txn: several ranges (C3)", "txn.committing:Committing._hand_out"),
    Point("txn: a Prewrite meets Conflict", "txn.commands:Prewrite.apply", _replies(Conflict)),
    Point("txn: a Prewrite meets Locked", "txn.commands:Prewrite.apply", _replies(Locked), must=False),
    Point("txn: a Prewrite meets Pushed", "txn.commands:Prewrite.apply", _replies(Pushed), must=False),
    Point("txn: an implicit commit (C4)", "txn.coordinator:Coordinator.commit",
          lambda gave, result: type(result) is Committed and (gave[1].inside or result.commit == gave[1].S)),
    Point("txn: an explicit commit (C5)", "txn.coordinator:Coordinator._commit_explicitly",
          lambda _, result: type(result) is Committed),
    Point("txn: a check finds a Conflict (C5)", "txn.coordinator:Coordinator._check",
          lambda _, result: type(result) is Conflict),
    Point("txn: an attempt gives up by a verdict (F3)", "txn.coordinator:Coordinator._give_up"),
    Point("txn: an attempt is barred (F3)", "txn.committing:Committing.bar", lambda _, result: result == 0),
    Point("txn: a bar comes too late (F3)", "txn.committing:Committing.bar", _true, must=False),
    Point("txn: a range changes under a Write (M4)", "txn.committing:Committing._ask_moved", lambda *_: 1, must=False),
    Point("txn: a Write before a range changed is found (M4)", "txn.committing:Committing._ask_moved", _true,
          must=False),
    Point("txn: a caller asks for the fate", "txn.committing:Committing._told",
          lambda arguments, _: type(arguments[3]) not in (Committed, Conflict, IsAborted)),
    Point("txn: an intent is settled by who met it", "txn.settling:Settling.settle"),
    Point("txn: X1 the verdict is there", "txn.settling:Settling._ask",
          _asks(Fate, FateIs, lambda _, reply: reply.commit is not None)),
    Point("txn: X2 all are there: committed by a settler", "txn.settling:Settling._ask",
          _asks(Verdict, VerdictIs, lambda asked, reply: bool(asked[0].commit and reply.commit))),
    Point("txn: X3 aborted by a settler", "txn.settling:Settling._ask",
          _asks(Verdict, VerdictIs, lambda asked, reply: not asked[0].commit and not reply.commit)),
    Point("txn: X3 a missing key is barred", "txn.settling:Settling._ask",
          _asks(Bar, Barred, lambda asked, _: not asked[0].primary)),
    Point("txn: X3 a missing key has come meanwhile", "txn.settling:Settling._ask",
          _asks(Bar, BarRefused, lambda *_: 1), must=False),
    Point("txn: X4 the primary is barred", "txn.settling:Settling._ask",
          _asks(Bar, Barred, lambda asked, _: asked[0].primary)),
    Point("txn: a range is closed (F5)", "txn.closing:Close.apply"),
    Point("txn: an ending is refused by the safe point (F4)", "txn.endings:Ending.apply", _replies(TooOld),
          must=False),
    Point("txn: rows are collected (F5)", "txn.closing:Collect.apply", lambda _, result: result.reply.removed),
)  # fmt: skip

SQL = (
    Point("sql: a statement meets a new catalog", "sql_lite_frontend.schema:Schemas.now",
          lambda _, result: not result.tables),
    Point("sql: a statement writes while an index is built", "sql_lite_frontend.writes:Writing.carry_out",
          lambda arguments, _: any(entries.index.building for entries, *_ in arguments[0]._placing._indexes)),
    Point("sql: a value that is there twice is refused", "sql_lite_frontend.pending:Pending._twice"),
    Point("sql: an index is built in portions", "sql_lite_frontend.indexes:fill"),
    Point("sql: somebody goes on with another one's index", "sql_lite_frontend.indexes:_goes_on", _true),
    Point("sql: an index is dropped", "sql_lite_frontend.indexes:_drop"),
    Point("sql: what was dropped is removed", "sql_lite_frontend.ddl:remove_dropped"),
)  # fmt: skip

POINTS: tuple[Point, ...] = (*RAFT, *NODE, *RANGES, *TXN, *SQL)
