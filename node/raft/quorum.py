"""Majorities, of one set of voters or of both halves of a joint configuration (paper section 6).

Owns the counting; knows no roles and no messages. All functions are pure. Read next: node/raft/membership.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from node.raft.messages import Configuration, Member

Number = TypeVar("Number", int, float)


def reached_by_majority(values: Sequence[Number]) -> Number:
    """The largest value that a majority has reached. `values` is not empty: one per voter."""
    return sorted(values)[(len(values) - 1) // 2]


def halves(configuration: Configuration) -> tuple[tuple[Member, ...], ...]:
    """The sets of voters of which each must agree: one, or two while the configuration is joint."""
    if configuration.outgoing:
        return (configuration.voters, configuration.outgoing)
    return (configuration.voters,)


def agreed(configuration: Configuration, holds: Callable[[Member], bool]) -> bool:
    """Whether a majority of each half holds; never true without voters."""
    return all(2 * sum(1 for each in half if holds(each)) > len(half) for half in halves(configuration))


def outcome(configuration: Configuration, votes: Mapping[int, bool]) -> bool | None:
    """Whether an election is won or lost; None while it is open. Votes of non-voters do not count (traps 7)."""
    if agreed(configuration, lambda each: votes.get(each.replica, False)):
        return True
    return None if agreed(configuration, lambda each: votes.get(each.replica, True)) else False
