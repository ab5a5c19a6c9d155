"""Measures Argosy with real processes on this machine: nodes over loopback, every commit synced to disk.

    python -m bench kv --connections 64 --inflight 1 --write      one-shot puts to three nodes
    python -m bench kv ... --peer etcd                            the same beside etcd, taken in turns
    python -m bench kv --ycsb A --ycsb E                          YCSB's mixes, every read verified
    python -m bench bank --peer etcd                              transactions over two ranges, beside etcd's on one key
    python -m bench scale                                         1, 3, 5, 7, 9 nodes: does a request cost more?
    python -m bench events                                        latency while the cluster changes
    python -m bench suite                                         all of it in ten minutes, and one report to read
    python -m bench embedded | sql | idle | failover              see `python -m bench --help`
    python -m bench check --workload bank --kill                  do clients see what they were promised?
    python -m bench compare old.json new.json --fail              what changed beyond noise?
    python -m bench.demo                                          the story told in one terminal

How: `bench/cluster.py` runs nodes. The load comes from one of two places. `bench/generator.py` is a lean process that
puts and gets on the public wire protocol. `bench/runner.py` steps the workloads of `bench/workloads` through the client
library, as a program would; that costs more of a core, which each row tells. Both check every reply. CPU is what the
kernel says of each node and of its writer process, from /proc. `bench/figures.py` puts runs into rows, and
`bench/report.py` prints them. The suite's parts are a table, `bench/parts.py`: a new measurement is one more entry.

A figure means what the machine can do with all of it at once: nodes, peers and the load share its cores. So throughput
is told beside CPU for each request, which does not depend on who else was there; and what is compared with a peer is
measured in turns with it, A B A B, run by run.

What is left out: several machines, TLS, other databases than etcd, sqlite3 and LMDB. Read next: bench/kv.py.
"""
