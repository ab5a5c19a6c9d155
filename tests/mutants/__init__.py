"""Planted bugs, and the sweep of the simulated world that has to find each of them.

    python -m tests.mutants                     every bug, on both cores; prints the table that ARCHITECTURE.md keeps
    python -m tests.mutants --part raft         one part: raft, leases, node, ranges, txn, sql; or hard: not found yet
    python -m tests.mutants --only votes-twice --seconds 60

A `Mutant` is one small change of one file that breaks one rule. Each has a tree of its own, in which seeds of every
workload that can meet it run, one after another and always the same ones, until one fails: by a checker, by an
assertion, or because nothing moves any more. A bug that no seed finds shows a fault or a checker that the simulated
world lacks.
Read next: tests/mutants/mutant.py.
"""
