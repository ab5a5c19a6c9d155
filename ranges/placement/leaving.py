"""Nodes that are to go: what people ask and order about one, and what is answered; class tags 72 to 77.

A node is `up`; `draining`, when it leads nothing and takes no replica, but keeps what it has (until it is taken back
or starts again); `leaving`, when all that it holds moves to other nodes; then `removed`, which is for ever.
Owns these messages. Does not own what is possible (plans.py) nor how it comes about (departures.py). Read next:
ranges/placement/plans.py.
"""

from dataclasses import dataclass

from node.codec import message
from ranges.placement.forms import Query, Service, require, require_positive

GOALS = {"drain": "draining", "undrain": "up", "decommission": "leaving", "recommission": "up"}
PLANNED = ("drain", "decommission")  # what is shown before it is done


@message(72)
@dataclass(frozen=True, slots=True)
class PlanNode(Service):
    """Service: what `drain` or `decommission` of a node would do. -> PlanIs | Refused"""

    node: int
    order: str

    def __post_init__(self) -> None:
        require_positive(self.node)
        require(self.order in PLANNED, f"a plan is of one of {PLANNED}, not of {self.order!r}")


@message(73)
@dataclass(frozen=True, slots=True)
class PlanIs:
    """What an order would do now; it cannot be given if `why` says something.

    `replicas` lie there, and are to move if it is decommissioned, with `bytes` to be copied; `leaders` are to be handed
    on; as far as leaders have said who they are and what they hold (those of `unheard` ranges have not yet).
    `targets` are (node, replicas or leaders, bytes): an estimate, since each is chosen when its turn comes.
    `failures` is how many nodes may die now, `failures_after` how many then: of a drained node, while it is stopped.
    `stuck` are (group, reason) of the first of `stuck_ranges` that hinder it.
    """

    node: int
    order: str
    state: str
    dead: bool
    silent_milliseconds: int
    replicas: int
    leaders: int
    bytes: int
    unheard: int
    targets: tuple[tuple[int, int, int], ...]
    failures: int
    failures_after: int
    stuck_ranges: int
    stuck: tuple[tuple[int, str], ...]
    why: str


@message(74)
@dataclass(frozen=True, slots=True)
class OrderNode(Service):
    """Service: drain, undrain, decommission or recommission a node. -> Done, when that is written down | Refused"""

    node: int
    order: str

    def __post_init__(self) -> None:
        require_positive(self.node)
        require(self.order in GOALS, f"a node's order is one of {tuple(GOALS)}, not {self.order!r}")


@message(75)
@dataclass(frozen=True, slots=True)
class AskLeft(Query):
    """Query: what is left on a node? -> LeftIs | Refused"""

    node: int


@message(76)
@dataclass(frozen=True, slots=True)
class LeftIs:
    """A node's state, the replicas it holds and their bytes, the ranges it leads, and those nobody is known to."""

    state: str
    replicas: int
    bytes: int
    leaders: int
    leaderless: int


@message(77)
@dataclass(frozen=True, slots=True)
class NodeRemoved:
    """To a node that reports: it was removed from the cluster, which is for ever, and holds nothing any more."""
