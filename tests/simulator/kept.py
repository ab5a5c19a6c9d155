"""Runs that once found a bug, kept and run by every `make test`.

Owns the list. A line stays as it is printed by a failure, with what it found. What a seed draws changes with the
simulated world, so a bug that was found here has a test of its own beside it. Read next: tests/simulator/runs.py.
"""

from tests.simulator.runs import Run

KEPT: tuple[tuple[Run, str], ...] = (
    (Run(37, "lists"), "a vote was forgotten after a power cut, where a split was replayed: two leaders in a term"),
    (Run(49, "bank"), "a batch from before a replica was dropped was taken for its tombstone: rows without a log"),
    (
        Run(52, "lists"),
        "a follower asked a leader that had left, which nobody answered for: a group that waits for ever",
    ),
    (Run(5004, "lists"), "everybody who waited for one token had an alarm that woke all the others, who set more"),
    (Run(9300, "bank"), "a restarted replica replayed a split under a later configuration than the others"),
    (Run(811135559, "bank"), "a node died of a full disk and was removed, and group 0's leader said so for ever"),
    (Run(1, "sql"), "a COMMIT filled an index that a statement which failed had meant to build, and failed of it"),
)
