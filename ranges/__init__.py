"""Floor 2: where a key lives, and its rows.

What it is
----------
The key space is cut into ranges. Each range is one Raft group of floor 1, and what the group replicates is a
`RangeMachine`: the versions, intents, verdicts and bars of its keys. This floor knows where a key lives, how its
rows are written down and how a range is split, moved and led elsewhere; it does not know in which order rows may
change to be a transaction (floor 3), nor how a log gets to a majority (floor 1).

How a message finds its range
-----------------------------

    caller            router                directory          node of the leader       machine
      |  key, message   |                      |                       |                    |
      |---------------->|  who has this key?   |                       |                    |
      |                 |--------------------->|                       |                    |
      |                 |  group, span version, leader's node          |                    |
      |                 |--------------------------------------------->|  admit or read     |
      |                 |                      |                       |------------------->|
      |                 |  StaleSpan, NotLeader, NotYet: learn, again  |  M1: the version   |
      |                 |<---------------------------------------------|  must be the same  |

A directory is a cache and may be wrong; the range itself refuses what was routed wrongly, with the descriptors that
put it right. Group 0's catalog is an index that directories ask; a range's own log is the truth.

Where to read what
------------------
`keys`        spaces, order-keeping heads, tails, timestamps
`descriptor`  a range's span, epoch and members, as others know them
`messages`    what every range answers, whatever it was asked
`mvcc`        rows of a key: versions, intents, verdicts, bars
`machine`     the gates of a range: epoch, L1 and L2, stamps; commands bring their own meaning
`floors`      what only a leader remembers: floors and pending writes
`sampler`     where a range's middle is, of its bytes or of its load
`admin`       commands that change a range itself: the split
`merging`     and the merge of two neighbours, with the argument why it is right
`directory`   cached routes
`router`      sending again until somebody answers
`placement/`  the control plane, a chapter of its own

Invariants
----------
1. Ranges never overlap, and together cover every key: a split gives its right side away at one entry of its log,
   and counts its span version up on both sides; a merge takes over a frozen right side at one entry of the left's
   log, under a span version above both (design 5; M1 to M3).
2. Two descriptors that share a key differ in span version, and the larger one is newer for that key, whatever groups
   they are of. So late news never puts out newer news, in directories and in the catalog alike.
3. Rows are kept by key, not by group: splits and merges move no bytes, and everything that belongs to a key goes
   with it, its intents, verdicts and bars too, and both `closed` and `safe`, of which a merged range keeps the larger.
4. What only a leader knows is empty when a leadership begins, and nothing is served before that is made safe
   (L1, L2).

Papers: the ranges are those of Bigtable (OSDI 2006, section 5) and Spanner (OSDI 2012); a membership change within one
follows Raft's section 6.

Left out
--------
Merging while a node is down: ranges/merging.py says what it would take.
"""
