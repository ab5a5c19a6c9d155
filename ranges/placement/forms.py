"""How messages of the control plane travel, and the limits of their fields.

Owns the three sorts and the checks that run when a message is made, so that none that breaks a limit reaches
`apply`; types are checked where bytes become messages (node/codec.py). Read next: ranges/placement/messages.py.
"""

from typing import ClassVar

from ranges.placement.config import ADDRESS_CHARACTERS_MAX, RANGES_PER_REPORT_MAX


class Command:
    """Goes through group 0's log."""

    __slots__ = ()
    sort: ClassVar[str] = "command"
    wants_tick: ClassVar[bool] = False


class Query:
    """Answered by the leader of group 0, under its lease."""

    __slots__ = ()
    sort: ClassVar[str] = "query"
    wants_tick: ClassVar[bool] = False


class Service:
    """Run as a flow on the node that leads group 0; others answer `NotLeader`."""

    __slots__ = ()
    sort: ClassVar[str] = "service"
    wants_tick: ClassVar[bool] = False


def require(fact: bool, text: str) -> None:
    """A form that does not hold is refused where the message is made."""
    if not fact:
        raise ValueError(text)


def require_count(count: int, most: int) -> None:
    """How many of something are asked for."""
    require(1 <= count <= most, f"a count from 1 to {most} is needed, not {count}")


def require_address(address: str) -> None:
    """Where a node listens."""
    most = ADDRESS_CHARACTERS_MAX
    require(0 < len(address) <= most, f"an address has 1 to {most} characters, not {len(address)}")


def require_positive(*numbers: int) -> None:
    """None is negative."""
    require(min(numbers) >= 0, f"none of these may be negative: {numbers}")


def require_few(*lists: tuple[object, ...]) -> None:
    """Each has no more elements than one message may carry."""
    longest = max(len(each) for each in lists)
    require(longest <= RANGES_PER_REPORT_MAX, f"{longest} are more than {RANGES_PER_REPORT_MAX} at once")
