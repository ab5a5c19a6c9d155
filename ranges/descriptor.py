"""Where a range is: its span, its epoch and who holds its replicas.

Owns `Descriptor` and `Replica`, as they stand in the catalog, in directories and in replies. The truth is the
range's own log: its machine knows the span, its Raft configuration the replicas. Read next: ranges/machine.py.
"""

from dataclasses import dataclass
from functools import lru_cache

from node.codec import message
from node.raft.membership import CONFIGURATIONS_SHARED_MAX
from node.raft.messages import Configuration


@message(65)
@dataclass(frozen=True, slots=True)
class Replica:
    """One member of a group: the node it is on, its id (never used twice in the group), whether it votes."""

    node: int
    replica: int
    voter: bool


@message(64)
@dataclass(frozen=True, slots=True)
class Descriptor:
    """A range: `group` serves the range keys in [start, end).

    The span version rises at every split and merge, the configuration version at every change of replicas,
    which only orders descriptors (M1). `replicas` is empty where the sender does not know them.
    """

    group: int
    start: bytes
    end: bytes
    span_version: int
    configuration_version: int
    replicas: tuple[Replica, ...]

    def __str__(self) -> str:
        where = " ".join(f"n{each.node}" + ("" if each.voter else "?") for each in self.replicas)
        return f"g{self.group} [{self.start!r}, {self.end!r}) v{self.span_version}.{self.configuration_version} {where}"


def holders(descriptor: Descriptor) -> str:
    """The nodes that hold a range, for people."""
    return " ".join(f"{each.node}{'' if each.voter else ' (learner)'}" for each in descriptor.replicas)


@lru_cache(maxsize=CONFIGURATIONS_SHARED_MAX)
def replicas_of(configuration: Configuration) -> tuple[Replica, ...]:
    """The members of a Raft configuration, in the order of their ids; those of both halves of a joint one vote."""
    voters = set(configuration.voters) | set(configuration.outgoing)
    everybody = sorted(voters | set(configuration.learners))
    return tuple(Replica(member.node, member.replica, member in voters) for member in everybody)
