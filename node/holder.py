"""What a group needs of the node that holds it.

Owns the protocol only; the host is what keeps it. Read next: node/group.py, node/host.py.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from node.config import Settings
from node.flow import Flow
from node.machine import Request, StartGroup, StopGroup
from node.messages import NotLeader
from node.ports import GroupRecord, StatePort
from node.raft.messages import Message, Ready

if TYPE_CHECKING:
    from node.group import Group


class Holder(Protocol):
    """What a group needs of its host."""

    now: float
    steps: int
    state: StatePort
    settings: Settings

    def reply(self, request: Request, reply: Any) -> None:
        """Answer one request."""
        ...

    def redirect(self, group: int, node: int) -> NotLeader:
        """The reply that names who may lead a group, with the address where that is known."""
        ...

    def start(self, flow: Flow[Any], done: Callable[[Any, BaseException | None], None] | None = None) -> None:
        """Run a flow behind."""
        ...

    def send_raft(self, group: "Group", target: int, message: Message) -> None:
        """Send a Raft message to a replica, as soon as this step ends."""
        ...

    def persist(self, group: "Group", change: GroupRecord, promises: Sequence[tuple[int, Message]]) -> None:
        """Put a change into this step's record; the promises leave when it is durable."""
        ...

    def promise(self, group: "Group", promises: Sequence[tuple[int, Message]]) -> None:
        """Send these when all that this group has asked to persist is durable."""
        ...

    def apply_soon(self, group: "Group") -> None:
        """Call `apply` of the group when what this step persists is on its way."""
        ...

    def start_group(self, parent: "Group", effect: StartGroup) -> None:
        """A split made a right side."""
        ...

    def stop_group(self, parent: "Group", effect: StopGroup) -> None:
        """A merge ended a right side."""
        ...

    def send_snapshot(self, group: "Group", follower: int) -> None:
        """A follower needs a snapshot."""
        ...

    def take_snapshot(self, group: "Group", ready: Ready) -> None:
        """A leader offers the snapshot whose rows have come."""
        ...

    def removed(self, group: "Group") -> None:
        """The applied configuration does not name this replica any more."""
        ...

    def touch(self, group: "Group") -> None:
        """Let the group cycle before this step ends."""
        ...

    def alarm(self, group: "Group", token: Hashable, seconds: float) -> None:
        """Wake the token after so many seconds."""
        ...
