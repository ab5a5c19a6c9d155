"""Argosy's story in one terminal, with real processes: `python -m bench.demo` (or `make demo`).

Three nodes form a cluster; 28,000 airports are loaded; ranges split and spread by themselves; money moves
between accounts in different ranges all the while; one node is killed, a fourth takes over its replicas; at the
end every airport and every coin is counted. The exit code is 1 if anything is lost or wrong.

Owns the story. bench/demo/accounts.py moves the money, bench/demo/watcher.py takes down what becomes of each
range, bench/demo/telling.py prints. Read next: bench/demo/__main__.py.
"""
