"""What clients do in a measurement, in the form of the simulator's workloads: prepare, step, finish, check.

    choosers    which record comes next: uniform, zipfian, latest
    ycsb        the mixes A to F of the Yahoo! Cloud Serving Benchmark; every value read was written for its key
    transfers   money between accounts in different ranges; the sum is the same at all times

They differ from the simulator's (argosy/testing/workloads) by their size: those look for wrong answers in few keys
that everybody wants, these measure on many, and check what costs the client little. Read next: bench/runner.py.
"""
