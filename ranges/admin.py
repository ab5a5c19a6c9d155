"""Commands that change a range itself, by order of the placement driver; class tags 90 to 93, and 71.

Owns the split, and the question where to split. Does not own when (ranges/placement/policy.py) nor how the sides are
told to the catalog (ranges/placement/driver.py). The merge is in ranges/merging.py. Read next: ranges/machine.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from node.codec import message
from node.machine import Answer, Applied, Proposal, Request, StartGroup, Wait
from node.messages import Refused
from node.raft.membership import encode_configuration
from ranges.descriptor import Descriptor, replicas_of
from ranges.floors import LeaderMemory
from ranges.keys import is_key
from ranges.machine import RangeMachine


@message(91)
@dataclass(frozen=True, slots=True)
class SplitDone:
    """Both sides as they are now. The right one's leader is elected like any group's (M2)."""

    left: Descriptor
    right: Descriptor


@message(90)
@dataclass(frozen=True, slots=True)
class Split:
    """Command: the range keeps [start, at); the new `group` takes [at, end), on the same nodes, moving no bytes.

    The message's span version is the one at which the order was given: after any other split it is stale (M1), so
    a copy that comes late or twice splits nothing. -> SplitDone | Refused
    """

    at: bytes
    group: int
    sort: ClassVar[str] = "command"
    wants_tick: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not is_key(self.at) or self.group <= 0:
            raise ValueError(f"a split needs a key and a group of its own, not {self.at!r} and {self.group}")

    def within(self, start: bytes, end: bytes) -> bool:
        """The key lies strictly inside, so that both sides hold something."""
        return start < self.at < end

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Proposal | Answer | Wait:
        """Split only between changes of members, never during one (traps 15)."""
        refused = _refused(machine)
        return machine.propose(request) if refused is None else Answer(refused)

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """Every replica splits at the same entry; each node starts the member of the right side that is its own."""
        refused = _refused(machine)
        if refused is not None:
            return Applied(refused)
        configuration = machine.configuration
        end = machine.end
        mark, wakes = machine.split(self.at, self.group, configuration)
        replicas = replicas_of(configuration)
        right = Descriptor(self.group, self.at, end, machine.span_version, configuration.version, replicas)
        start = StartGroup(self.group, 0, encode_configuration(configuration), mark)  # replica 0: by node
        return Applied(SplitDone(machine.descriptor, right), wakes, (start,))

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        """Nothing was registered."""
        return ()


def _refused(machine: RangeMachine) -> Refused | None:
    configuration = machine.configuration
    if configuration.outgoing or configuration.learners:
        return Refused(f"group {machine.group} changes its members: split it when that is done")
    return None


@message(93)
@dataclass(frozen=True, slots=True)
class SplitKeyIs:
    """A key with about half of the bytes on each side; None: not found yet, ask again."""

    key: bytes | None


@message(92)
@dataclass(frozen=True, slots=True)
class FindSplitKey:
    """Query: where to split. Each call walks on for a bounded number of rows; ask until there is a key."""

    sort: ClassVar[str] = "query"
    wants_tick: ClassVar[bool] = False

    def within(self, start: bytes, end: bytes) -> bool:
        """It asks for no key."""
        return True

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """Leader memory is not touched."""
        return Answer(SplitKeyIs(machine.sample_split_key()))


@message(71)
@dataclass(frozen=True, slots=True)
class FindLoadKey:
    """Query: where half of the requests lie on each side. The first begins to watch them; ask until there is an answer.

    -> SplitKeyIs | Refused, where no key divides them.
    """

    sort: ClassVar[str] = "query"
    wants_tick: ClassVar[bool] = False

    def within(self, start: bytes, end: bytes) -> bool:
        """It asks for no key."""
        return True

    def read(self, machine: RangeMachine, request: Request, now: float) -> Answer | Wait:
        """Leader memory is not touched."""
        done, key = machine.sample_load_key(now)
        if done and key is None:
            return Answer(Refused(f"no key of group {machine.group} has enough of its requests on either side"))
        return Answer(SplitKeyIs(key))
