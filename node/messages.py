"""Messages that a host itself understands, whatever the group replicates; class tags 16 to 39.

Owns the replies of routing and the orders that change a group. Raft's own messages have tags 1 to 15
(node/wire.py). Does not own what machines say (ranges/, txn/). Read next: node/host.py.
"""

from dataclasses import dataclass

from node.codec import message


@message(16)
@dataclass(frozen=True, slots=True)
class Done:
    """It is done."""


@message(17)
@dataclass(frozen=True, slots=True)
class Refused:
    """It was not done, and nothing changed; the text says why and what to do."""

    why: str


@message(18)
@dataclass(frozen=True, slots=True)
class NotLeader:
    """This node does not lead the group; `node`, at `address`, may (0: nobody known). Definite: not proposed."""

    group: int
    node: int
    address: str = ""


@message(19)
@dataclass(frozen=True, slots=True)
class NoGroup:
    """This node has no replica of the group. Definite."""

    group: int


@message(20)
@dataclass(frozen=True, slots=True)
class Busy:
    """A limit is reached (inbox, overlay, room on the disk): send again a little later. Definite.

    `why` is for people, where it will last: a full disk, and what to do about it.
    """

    why: str = ""


@message(24)
@dataclass(frozen=True, slots=True)
class ChangeMembers:
    """Order to a group's leader: these nodes shall be its voters and learners. Done when it is applied.

    `before`: the nodes whose replicas voted when it was decided; Refused where others do by now.
    """

    voters: tuple[int, ...]
    learners: tuple[int, ...]
    before: tuple[int, ...]


@message(25)
@dataclass(frozen=True, slots=True)
class TransferLeader:
    """Order to a group's leader: hand leadership to the replica on this node. Done when it has been asked."""

    node: int


@message(26)
@dataclass(frozen=True, slots=True)
class AskProgress:
    """Query to a group's leader: how far is each member? The answer is `ProgressIs`."""


@message(27)
@dataclass(frozen=True, slots=True)
class ProgressIs:
    """The leader's last index, and (node, match) of each other member, learners too."""

    last: int
    match: tuple[tuple[int, int], ...]


@message(29)
@dataclass(frozen=True, slots=True)
class AskDurable:
    """Question to a node, not to a leader: what does its replica of this group hold durably? -> DurableIs | NoGroup"""


@message(30)
@dataclass(frozen=True, slots=True)
class DurableIs:
    """The replica's id, the index up to which its rows are durable (0: it waits for its first snapshot), and the
    merge for which it has durably stopped (0: none)."""

    replica: int
    index: int
    frozen: int


@message(28)
@dataclass(frozen=True, slots=True)
class DropReplica:
    """Order to a node: the catalog says that its replica of this group, with this id or a smaller one, is removed."""

    group: int
    replica: int


@message(31)
@dataclass(frozen=True, slots=True)
class Permitted:
    """The leader's leave: whoever asked may answer by itself once it has applied this index (node/following.py)."""

    index: int
