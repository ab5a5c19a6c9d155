"""The control plane: group 0, which knows the nodes and the ranges, hands out time, and moves what must move.

What it is
----------
One more Raft group, number 0, hosted by one node at first and by three as nodes join. Its machine is the `Catalog`:
plain rows, no versions, no transactions. Its members are its only descriptor (design 9.4).

How it works
------------

    every node                          the node that leads group 0
    ----------                          ---------------------------
    Reporter --- Report, each half --->  Catalog.read: who lives, sizes, leaders, what is held  (leader memory)
       ^         second, only what         |  a new descriptor, address or life?
       |         changed                   |     -> PutDescriptors, PutNode through the log, then the answer
       |                                   v
       '---- addresses, routes, drops    Picture: ranges gathered by like placement
                                           |
                                           v   once a second
                                         decide(picture) -> moves                                    (pure)
                                           |
                                           v
    the range's leader <--- orders ---   Driver: learners, voters, leaders, splits, merges; one order a range at a time

    whoever needs time --- Ticks ----->  Window: whole ticks from memory; its ceiling goes through the log before

A report is a query: that a node lives costs no log entry. Liveness, sizes, leaders and what nodes hold live in leader
memory and are told anew to each new leader, which knows from the `generation` in a report that it was not meant.

Deciding costs as much as there is to do, not as there are ranges: ten thousand ranges on the same three nodes are one
cell of the picture, and cells are found by what is wrong with them: a node that has gone, a missing voter, a shared
host, a leader with too much to lead. Pairs that may merge wait in the order in which they become cold.
A move that is under way counts as done, so the next decision does not
order it twice; after it the range rests until reports of it have come.

Invariants
----------
1. No tick is handed out twice, and a later leader's are all larger: the window begins at the ceiling that the log held
   when the leadership began (O1).
2. Ids of nodes, groups and replicas are never used twice.
3. The catalog takes a descriptor only with a larger epoch, so its ranges never overlap; after both sides of a split
   are told there is no gap (design 9.5). What was merged away never comes back.
4. A replica is destroyed only when the catalog's descriptor does not name it although it had handed out its id: a
   member newer than the catalog is never mistaken for a former one. Of a group that was merged away all may go,
   where nobody is left who is still to absorb them.
5. A range has at most one order under way (traps 15), and nothing is ordered for a leadership that has ended.
6. Moves come to an end: each lowers one measure and raises none that stands before it in `policy.RULES`.
7. A merge that has begun is ended, by the leadership that began it or a later one, as the left side's log says: done,
   or forgone there and then thawed (M3). Its id is never used again.
8. A node is removed only when it was leaving and the catalog names no replica there; a plan of that is the policy's
   own decisions over a picture in which the node leaves, and an order whose plan is impossible is refused.
9. A group has an odd number of voters, one until three nodes are there; two or four only while it changes.

Papers: Copysets (Cidon et al., USENIX ATC 2013) for few partners; learners before voters and transfers of leadership
are the Raft thesis, 4.2.1 and 3.10; the oracle with a window is Percolator's (OSDI 2010, section 2.3).

Where to read what
------------------
`messages`, `forms`, `config`   the protocol, its limits, every constant
`catalog`                       the machine; `rows`, `routes`, `merges`, `memory`, `oracle`, `moments`, `status` are its
                                parts
`picture`, `draft`, `policy`    what is, what would be, what is better; `moves` are the outcome
`cells`, `neighbours`           parts of the picture: ranges of like placement; pairs that may merge
`driver`, `merger`, `orders`    how moves are carried out; what people may order
`leaving`, `plans`, `departures`, `nodes`   nodes that drain or go: messages, what it would do, its course, their states
`reporter`, `holdings`          every node's side
`held`, `recovery`, `tiles`     a lost majority, offline; `recovered` is what group 0 hears of it

Left out
--------
Balancing by load: leaders and replicas are spread by number; a range's load is known and splits it, if rules say so,
but does not move it. So the rules do not say so by themselves: both halves go on in the same process, on the same
core, until a count of leaders happens to part them. Reads that a node answers its own flows from memory are noticed
with the next request that steps the range. Samples of wall time, for "as of a time of day": what there is (`moments`)
are spans of time, of one leadership. A range, or group 0, of which no survivor holds a replica: it cannot begin again.
"""
