"""What the policy may decide: the closed list of moves.

Owns their forms. Does not own how they are carried out (driver.py). Read next: ranges/placement/policy.py.
"""

from dataclasses import dataclass

from ranges.placement.messages import MoveLeader


@dataclass(frozen=True, slots=True)
class ChangeReplicas:
    """Move: these nodes shall hold the group's voters, and nobody a learner."""

    group: int
    voters: tuple[int, ...]

    def __str__(self) -> str:
        return f"g{self.group} on " + " ".join(f"n{node}" for node in self.voters)


@dataclass(frozen=True, slots=True)
class SplitLarge:
    """Move: split the group's range about its middle, or at `at`."""

    group: int
    at: bytes | None = None

    def __str__(self) -> str:
        return f"g{self.group} split" + ("" if self.at is None else f" at {self.at!r}")


@dataclass(frozen=True, slots=True)
class SplitBusy:
    """Move: split the group's range about the middle of what it is asked for, if there is one."""

    group: int

    def __str__(self) -> str:
        return f"g{self.group} split by load"


@dataclass(frozen=True, slots=True)
class MergeRanges:
    """Move: the group's range joins its left neighbour, which `left` serves."""

    group: int
    left: int

    def __str__(self) -> str:
        return f"g{self.group} joins g{self.left}"


Move = ChangeReplicas | SplitLarge | SplitBusy | MoveLeader | MergeRanges


def groups_of(move: Move) -> tuple[int, ...]:
    """Every group that nothing else may be done with meanwhile."""
    return (move.left, move.group) if isinstance(move, MergeRanges) else (move.group,)
