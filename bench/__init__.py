"""Measures Argosy with real processes on this machine: nodes over loopback, every commit synced to disk.

    python -m bench kv --connections 64 --inflight 1 --write      one-shot puts to three nodes
    python -m bench kv ... --peer etcd                            the same beside etcd, taken in turns
    python -m bench embedded | transfers | idle | failover        see `python -m bench --help`
    python -m bench check --workload bank --kill                  do clients see what they were promised?
    python -m bench.demo                                          the story told in one terminal

How: `bench/cluster.py` runs nodes, `bench/generator.py` is a lean process that makes the load on the public
wire protocol and checks every reply, `bench/report.py` puts runs into one JSON line. CPU is what the kernel
says of each node and of its writer process, from /proc.

What is left out: several machines, TLS, other databases than etcd and sqlite3. Read next: bench/kv.py.
"""
