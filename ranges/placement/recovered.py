"""What group 0 takes in when a cluster begins again after a lost majority; class tag 84.

Owns `Recovered`, which nobody sends: a recovery puts it at the end of group 0's surviving log, before the descriptors
of the ranges that begin again (`PutDescriptors`). Read next: ranges/placement/recovery.py.
"""

from dataclasses import dataclass

from node.codec import message
from ranges.placement.forms import Command
from ranges.placement.merges import Merges
from ranges.placement.rows import Ids, Merge, Rows


@message(84)
@dataclass(frozen=True, slots=True)
class Recovered(Command):
    """Command: the cluster is `cluster` now; `lost` nodes are removed, for ever.

    No tick below `ceiling` and no id below `ids` (node, group, merge) is handed out any more. The groups in `merged`
    are no more; `merges` (merge, left, right) may have begun and are still to be ended.
    """

    cluster: bytes
    lost: tuple[int, ...]
    ceiling: int
    ids: tuple[int, int, int]
    merged: tuple[int, ...]
    merges: tuple[tuple[int, int, int], ...]


def take_recovered(message: Recovered, rows: Rows, merges: Merges) -> Ids:
    """Act on it, but for the nodes; the ids as they are then."""
    ids = Ids(*message.ids)
    rows.put_cluster(message.cluster)
    rows.put_ceiling(message.ceiling)
    rows.put_ids(ids)
    merges.begin_again(message.merged, [Merge(*each) for each in message.merges])
    return ids
