"""The SQL front end: not there yet.

This package will turn SQL text into plans and plans into rows, over the transactions of `txn`
(floor 4: it will know tables, and nothing of ranges). Today it holds this sentence and no code:
use the key-value interface, `argosy.open` and `argosy.connect`.
"""
