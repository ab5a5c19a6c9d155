"""Floor 1: a node. Groups, logs, links and the loop; an ordered map of bytes with spans, and nothing of what they mean.

    driver (trio, blocking, simulator)  sockets, disk, clock
       │ events ▲ effects
      Host ───── Intake ── services, ticks            (who a request is for)
       │
      Group ──── Raft core (node/raft)  ◀──▶ the same group elsewhere
       │  └───── Machine (floors 2 and 3)             (what it means)
      journal: one synced record per step for all groups      state: rows, by a writer process

1. Everything that decides is sans-IO: `Host.step(now, events) -> Effects` (node/ports.py has both lists).
2. Nothing is acknowledged before a majority's journals hold it, synced.
3. Entries are applied only when the own journal holds them, and rows are durable together with their applied index.
4. Time is one clock port; liveness is kept between nodes (node/support.py has the rules of leases and sleep).
5. What came from outside is checked whole (node/inbox.py) before anything acts on it.

Left out: promises on disk, more than one loop in a node (run more nodes: a label `host` keeps their replicas apart).
Read next: node/host.py.
"""
