"""Drivers: what carries a host's effects out, and brings it events. One loop body, several ways to wait.

engine.py     one turn: drain links, journal and state; step the host; send, dial, record
trio.py       a task that waits for the one descriptor, for nodes and the async form
blocking.py   the calling threads take turns themselves; a daemon thread only when something is due
resolver.py   names to addresses, in a thread of its own
collector.py  when Python's garbage collector may stop the loop, and for how long it did
"""
