"""Atomicity and time: the commit protocol, as this package and floor 2 carry it out.

Transactions over many keys in many ranges are strictly serializable: they look as if each had happened at one
instant between its beginning and its end. No rule compares readings of two clocks; only leases (node/support.py)
trust the rates at which clocks run. Commonly a commit costs one round of consensus. The ideas come from Percolator
(OSDI 2010), TiKV's async commit, CockroachDB's parallel commits, timestamp cache and refreshed reads, and Calvin's
evaluation in the order of the log. Every rule has a number, and code cites it. A rule is changed together with its
argument, a model of it and a green simulator, or not at all.

How it goes, for a transaction that reads x and writes y and z in two ranges:

    client                oracle        leader of x          leader of y            leader of z
      | S? ------------------>|              |                    |                      |
      | <----------------- 20 |              |                    |                      |
      | read x at 20 -------------------> floor(x) = 20           |                      |
      | Prewrite y, primary ------------------------------> C = 20, log, intent          |
      | Prewrite z -----------------------------------------------------------> C = 20.1, log, intent
      | Check x at 20.1 ----------------> floor(x) = 20.1         |                      |
      | Verdict committed 20.1 ----------------------------> log: this is the commit      |
      | (behind: Settle z, Settle y last)                         |                      |

Had both C_k been 20, the intents would have been the commit; had y and z been in one range, one Write.

Words
-----
A timestamp is a 48-bit tick and a 16-bit sub-step in one integer; `above(t)` is the next sub-step, and below every
tick still to come. S is where a transaction begins, age the S of its first attempt, A the least timestamp at which it
may commit, C where it commits, T the time of a read. W is what it writes, V the keys and spans that it read, found
or not. An id names one attempt, in all of its messages and in all copies of them. The primary is the first key of W.
To settle an intent is to make it a version at C or to remove it. How long anybody is patient is in txn/config.py.

The oracle (ranges/placement/oracle.py)
---------------------------------------
O1. Ticks are unique and rise. They come from a window in memory that consensus has reserved before the first tick
    of it is given away; who leads group 0 next starts above all windows.
O2. A tick is given only under a lease, or after a round with a quorum that began when the request was there.
O3. A node asks once for many callers, but a caller gets a tick of a request sent after he asked. A tick from a
    request already under way may be older than something that the caller has seen.

A range's leader (ranges/machine.py, ranges/floors.py)
------------------------------------------------------
Its log makes versions, intents, verdicts, bars, `closed` and `safe`. Its memory, emptied at each election, holds the
floor of each key and span (the largest T of a read) and all C_k that are proposed and not yet applied (pending).
Both tables are bounded: to forget raises a low-water mark, which counts for everything.

L1. A new leader does nothing before it has applied an entry of its own term: what older leaders may still commit
    is then applied.
L2. Then it asks for a tick, which becomes its low-water mark, and lets writes in. What older leaders served was read
    below that.
L3. Leases are those of node/support.py.
L4. A look into leader memory and what follows from it are one step. Whoever had to wait begins at the first rule.

Reading k at T (txn/queries.py)
-------------------------------
R1. While a write with C_k at or below T is pending on k, wait.
R2. Raise floor(k) to T. For a scan, of its whole span as far as it is covered, whatever was found.
R3. Somebody's intent with C_k at or below T must be settled first; one above T does not matter.
R4. Answer the newest version at or below T; below `safe` say so instead.

A replica that does not lead carries out R4 alone (node/following.py, txn/nearby.py): when its leader has done R1 and
R2 for it and it has applied the index that the leader named; or at a T at which the range is *quiet*: the leader's
low-water mark stands at T or above, and every write with C at or below T is applied here. R3 it leaves to the leader.

Committing (txn/commands.py, txn/coordinator.py)
------------------------------------------------
For each write the leader takes the least C_k that is at least A and above floor(k), pending(k) and the newest version
of k, so that no number of readers holds a writer up. A floor of exactly S does not count: only the attempt itself
reads at S (reads of a stated past use the last sub-step before a tick).

C0. Who wrote nothing is done, and stands at S.
C1. A is S; after Pushed a fresh tick. At exactly C = S the reads stand where they were made: V needs no check.
C2. W in one range: one Write, one entry, C the largest C_k. If C is above S and part of V is elsewhere, the leader
    says Above. It raises the floors of V here to C as it proposes. At application, in this order: a version by this
    id on the first key is Committed; a bar, IsAborted; somebody's intent on W, or with C_k at or below C on V, Locked;
    a version of V in (S, C], Conflict; a version of W at or above C, Pushed; else all is written.
    After Above: C3 with the same id if all copies have been answered, else F3 and a new id.
C2a. One-shot get and put: the leader's node takes the tick, asked for after the copy came. A put's `born`, the
    largest tick that the client knew when it made the id, is the same in all copies. It stands for S in F4, in the
    attempt's bar, and as the least timestamp at which a version by this id is looked for: a late copy with a fresh S
    would pass a safe point that its first copy's version has not outlived. M4 has no part in it: one key is always
    in one range. After TooOld a new id may be made, with the tick that it names as born, once all copies are answered.
C3. Several ranges, or after Above: a Prewrite for each range in parallel. At application, for each key, in this
    order: its intent or version by this id counts as Prewritten; a bar or a verdict aborted, IsAborted; somebody's
    intent, Locked; in V and a version above S, Conflict; a version at or above C_k, Pushed; else the intent is put.
    All keys of a message, or none; told is the first of IsAborted, Conflict, Locked, Pushed. C is the largest C_k.
C4. V inside W, or C = S: once every key has its intent the attempt is committed, unless a verdict says otherwise.
    The caller is told at once; settling follows, the primary last. It takes no verdict: until the primary is settled
    every key has its intent or its version, so that nobody finds one to bar (X3), and then the primary's version
    says what a verdict would (X1). A version outlives all intents of its attempt: F5 settles before it collects.
C5. Else every member of V outside W is checked at C where it is (R1 to R3, then no version in (S, C]), and the
    verdict goes through the primary's log, taken only while the primary's intent stands and no verdict does.
C6. Wait for younger attempts; for an older one only for a grace, then give way (F3). Older means a smaller (age, id),
    and who tries again keeps his age. An attempt that holds no intent may wait for anybody: no circle of waiters
    goes through it.

What replies say (txn/replies.py)
---------------------------------
F1. Pushed and Locked changed nothing: send again, same id. Conflict is for ever. Refusals by epoch, by `closed` and
    `safe`, and silence, say nothing of the attempt's fate.
F2. Silence: send again, same id, to whoever leads now; at the deadline the outcome is unknown.
F3. To give up for certain: over several ranges, the verdict aborted; he alone who has not had all answers may ask
    for it where the attempt may be committed by C4, and from then on he believes nothing but the verdict. In one
    range, a Bar on the first key. Without either only if every copy sent was refused before it was proposed, or
    applied, or if one said Conflict or IsAborted. A leader that loses its place does not answer what it proposed.
F4. Copies come late: bars and verdicts are kept until nothing so old is taken. Prewrite, Write and Put with S at or
    below `closed`, and all else of an attempt with S at or below `safe`, are refused, at both doors.
F5. Collecting up to t (txn/collection.py, txn/closing.py): every range closes t; every intent with S up to t is
    settled, walking keys and not ranges; every range raises `safe` to t; then verdicts and bars up to t may go, and of
    each key the versions up to t but the newest, which goes too if it deletes. A snapshot holds for the retention
    (txn/config.py), counted from before its tick was asked for: t is a tick that the collector itself took so long
    ago. Who still reads below t is told BelowSafe, who still writes TooOld: Aborted, and never a wrong answer.

Settling somebody's intent (txn/settling.py, txn/endings.py)
------------------------------------------------------------
X1. Ask the primary's range: the verdict decides, or a version by the attempt on its primary, which is its C.
X2. None, but the primary's intent stands: ask every key of its W. All there, and V inside W or the largest C_k is S:
    write committed with that C_k, and believe it once the log has taken it.
X3. A key is missing, or C5 applies: give the owner his time. Then bar the missing key, unless it has come, and write
    aborted; where nothing is missing but C5 applies, write aborted.
X4. Neither verdict nor intent at the primary: the primary is the missing key, and its bar writes the verdict, too.
    So the owner settles the primary last, when all other keys are settled.
X5. Anybody may do all of this at any time, and again. The first verdict is the verdict.

Splits, merges, moves (ranges/machine.py, ranges/admin.py, ranges/merging.py)
-----------------------------------------------------------------------------
M1. A message names the span version that it was routed by. An older one is answered with the descriptor, at both
    doors; a newer one with "not yet". The entry carries the message's, not the leader's.
M2. A split's right side serves when its own leader has done L1 and L2, and not before the left's leader has applied
    the split: a leader tells its followers only of commits that it has applied itself.
M3. A merge freezes the right side through its log; from then on it answers nobody. The left takes over only when the
    right's leader has applied the freeze, and its low-water mark is then a tick asked for after that (M2's wait is
    over: the right has replicas). A freeze whose merge does not come is thawed, once the left has forgone the merge in
    its log, which is for ever.
M4. Who has sent a Write and then finds W in several ranges, or under another span version, asks the first key's
    range, under a newer span version than any copy carried, for a version by his id. There: committed. Not there:
    it goes on as C3. An attempt that has sent a Prewrite never sends a Write.

Why it holds
------------
A read at T raises the floor before it answers, a write lands above the floor, and a write under way blocks reads at
or above its C_k: a read at T sees what commits at or below T, whenever that happens. V holds from S to C: at C = S
there is nothing between; a key of W is locked by its intent; the rest is checked at C with its floor at C; in one
range the log's order does it. A commit is one event: the last answer, or the verdict; a bar and the intent that it
forbids exclude each other in one log. And C is at least S, which is above all that was acknowledged before, and below
every later tick.

Left out
--------
- A large V in one range is checked within one step of the loop; to check it in parts takes C5 for a single range.
- Running snapshots are registered nowhere: what outlives the retention, an hour unless set otherwise, is aborted. To
  spare it the node that gave S keeps S while its client's link stands, and the collector asks every node for the
  least one before it closes. So a past time is kept for nobody longer than for all.
- A follower that settles an intent itself (R3): it would have to wait for the index of the settling, too.
- Waiters for one key are woken together, in the order in which they came, and not one by one.
"""
