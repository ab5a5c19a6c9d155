"""Raft: one ordered log, held by several replicas, that survives the loss of a minority. The chapter.

What it is
    The algorithm of Ongaro and Ousterhout ("paper": In Search of an Understandable Consensus Algorithm, extended
    version; "thesis": Consensus, Bridging Theory and Practice), with what a database of many groups needs beside it:
    leases and sleep by support between nodes (rules P1 to P7, Z1 to Z7 in node/support.py). The core is sans-IO and
    imports the standard library only: no socket, no disk, no clock, no randomness of its own.

How it works
    A host gives inputs and takes what is to be done; it never waits inside.

        Tick  Received  Propose  ReadRound  Persisted  AppliedTo  …          (messages.py: every input is a type)
                              |
                        Raft.step(input)                                      core.py
                              |
          Received: promise gate, then term gate, once                        gate.py
                              |
           on_<message>, a file per role                                      follower.py  candidate.py  leader.py
                              |                                               orders.py  watch.py  sending.py
                        Raft.ready() -> Ready | None                          gathers what many inputs have caused
                              |
        journal: hard, base, entries ---- synced ----> Persisted(term, index)
        messages: leave at once                        promises: leave only now
        committed: to the machine ------ applied ----> AppliedTo(index)

    A write:   leader  Propose -> log -> Append (at once, the same message for all who are equally far)
               follower Append -> log -> journal -> AppendReply (a promise: behind the disk write)
               leader  majority of `match`, its own only after Persisted -> commit -> committed -> AppliedTo
               the commit index travels on with the next Append, or the heartbeat at the latest.
    A read:    under `lease_until`, else a ReadRound: heartbeats with a round number, a quorum of answers, `rounds`.
    An idle group: with node support, GoToSleep after `idle_seconds`; then no message and no timer at all, the lease
               goes on. Without it a leader sends heartbeats, and followers have timers.

    Files: messages (vocabulary), line (how a message prints itself), settings, core, gate, follower, candidate,
    leader, sending (what goes to followers), orders (what hosts ask), watch (what a leader checks of itself), log,
    quorum, membership, progress (what only leaders know), reads, leases, sleep.

Invariants
    1. One vote in a term, durable with the term before it is told; one leader in a term (paper 5.2, 5.4.1).
    2. Log matching: two logs with the same term at an index are equal up to there (paper 5.3).
    3. Only an entry of the leader's own term is committed by counting (paper 5.4.2, figure 8).
    4. The commit index never falls; a committed entry is never overwritten (asserted in follower.py).
    5. handed out <= commit, and handed out <= durable here: what is applied is in the own journal too.
    6. A leader names to its followers only a commit index that it has applied itself (M2).
    7. A leader counts itself as far as its own disk has answered; nothing leaves a single voter in a new term before.
    8. next > match for every follower, whatever hint it gives.
    9. The configuration in use is the last in the log, committed or not; one change at a time, and none before an
       entry of the own term is committed. A joint configuration decides by both halves, in elections, commitment,
       rounds and leases (quorum.py: halves), and is left by the leader by itself.
    10. A read token is answered by a round that began after it, and once, or dropped (traps: rounds are numbered).
    11. Follow outlives the term (P3); a lease counts a voter only while the numbers of its promise and of its
        acknowledgement agree (P2, P4).

What the host owes the core
    - Tick before other inputs whenever time matters; `deadline` says when the next one is due. A sleeping leader has
      none: when a node's support for this one runs out, step Tick into the groups that it helped to lead (Z6).
    - Records of one group reach the disk in order; Persisted tells the position of the last entry in the record.
    - Promises leave when all that was given to the journal before them is durable.
    - A SnapshotOffer is stepped only when its rows are all here; Restored only when they are durable. After a crash
      between the two writes, the log begins anew at the restored position unless it holds that very position.
    - With node support, Supported, Promised and Lapsed reach every awake core, or the cores share one Support table
      and get Supported and Lapsed for the groups that lead, or follow, there. Stretch numbers are never used twice.

Paper and thesis: 5.1 gate.py; 5.2, 5.4.1 candidate.py; 5.3 follower.py, leader.py, log.py; 5.4.2 leader.advance;
6 membership.py, leader.configure; 7 follower.on_snapshot_offer; thesis 3.10 orders.on_transfer, leader.hand_over;
4.1 orders.on_change; 4.2.2 Raft.may_campaign; 4.2.3 gate.py; 6.4 reads.py; 9.6 candidate.stand; 10.2.1 sending.py,
log.agree. tests/raft/test_paper.py has a test for each, tests/raft/*.txt the scenarios.

What is left out, and what it would take
    - Reads at followers as messages of the core: they are the host's (node/following.py), since the machine must agree.
    - Votes that are lost with a disk: a replica whose journal is gone must come back as a new member.
    - Witnesses, flexible quorums: quorum.py alone would change for the latter.
    - Recovery from the loss of a majority: a loud order outside of Raft that rewrites a configuration.
    - Rotation of heartbeats for many awake groups into one message per node: the host's to batch, not the core's.
"""
