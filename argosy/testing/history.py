"""What clients saw, as records that a checker is fed with.

Owns `Operation`: when somebody asked, when he was told, and what it was. Every checker has records of its own that
add what was read and written. A checker is an object with two methods: `note(operation)`, in any order, and
`check()`, which raises `Violation` with the part of the history that breaks the promise.
Does not own how a history is gathered (argosy/testing/workloads). Read next: argosy/testing/linear.py.
"""

from dataclasses import dataclass
from enum import Enum

INFINITY = float("inf")


class Outcome(Enum):
    """What a client was told at the end."""

    OK = "ok"
    FAILED = "failed"  # it certainly did not happen
    UNKNOWN = "unknown"  # it may have happened, or may still


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a client did between two moments of one clock; each client does one thing after the other."""

    begin: float
    end: float
    outcome: Outcome
    client: int

    @property
    def until(self) -> float:
        """When it had certainly taken effect, if ever it does: what begins later comes after it."""
        return self.end if self.outcome is Outcome.OK else INFINITY

    def __str__(self) -> str:
        doubt = "" if self.outcome is Outcome.OK else f", {self.outcome.value}"
        return f"c{self.client} [{self.begin:.4f}, {self.end:.4f}{doubt}] {self.told()}"

    def told(self) -> str:
        """What was read and written."""
        return ""
