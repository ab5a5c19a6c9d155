"""A whole cluster inside one process, under a virtual clock: one seed, one history.

    from argosy.testing.simulation import Simulation

    Simulation(seed=8271, workload="bank", seconds=30).run()      # raises Violation if a promise is broken

The hosts, machines and clients are the real ones: all that decides is sans-IO and runs here unchanged. Only what
lies outside is simulated, each by one file:

    clock and steps   world.py       a heap of plans; each node's clock has its own start and rate
    links             network.py     order and latency; cuts, silence, partitions one way or both; lost Raft frames
    disks             disk.py        a journal whose syncs take time; a crash loses what was not synced, or does not
                      rows.py        applied rows over durable ones, which advance by whole batches
    faults            faults.py      a schedule drawn from the seed up front; also an operator's splits and moves
                      nemesis.py     what each one does; all is undone at the end
    load              workloads.py   bank, registers, lists: prepare, step, finish, check

What must hold is checked while it runs (safety.py: Raft's safety, equal replicas) and afterwards (linear.py:
single keys are linearizable; serial.py: transactions are strictly serializable).

1. The same seed gives the same history, in another process and under another PYTHONHASHSEED: `totals` are equal.
2. Nothing here is slept for or measured: time is a number on a heap.
3. After the last fault every client gets an answer, within simulated time: a cluster that hangs is a violation.

Left out: torn or wrong bytes on disk (the real journal has its own tests), clocks whose rates break their bound,
and clients that die (their transactions live at a coordinator's node, which does crash).
Read next: argosy/testing/simulation.py.
"""
