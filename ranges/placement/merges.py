"""Merges as group 0 keeps them: what is said of them, and those that have begun and not ended; class tags 80 to 83.

Owns the life of a merge's id: `BeginMerge` hands it out, once; `EndMerge` takes it out of `under_way`, for ever. A
group is in one merge at a time, on either side, so that its ids rise in every log that they come to.
Does not own whether a merge came about: the left side's log says that (ranges/merging.py). Read next:
ranges/placement/merger.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from node.codec import message
from node.messages import Done, Refused
from ranges.placement.forms import Command, Service
from ranges.placement.routes import Routes
from ranges.placement.rows import Ids, Merge, Rows


@message(80)
@dataclass(frozen=True, slots=True)
class MergeRange(Service):
    """Service: the range that begins at `key` joins its left neighbour. Answered with `Done` or `Refused`."""

    key: bytes


@message(81)
@dataclass(frozen=True, slots=True)
class BeginMerge(Command):
    """Command: `left` is to take over `right`; neither is in a merge. -> MergeBegun | Refused"""

    left: int
    right: int


@message(82)
@dataclass(frozen=True, slots=True)
class MergeBegun:
    """Its id, larger than all before."""

    merge: int


@message(83)
@dataclass(frozen=True, slots=True)
class EndMerge(Command):
    """Command: the merge is over, for ever: it came about (`done`), or its right side was thawed. -> Done"""

    merge: int
    done: bool


class Merges:
    """The merges of a catalog.

    1. `under_way` is what the rows hold; no group is in two of them.
    2. `merged` are the groups that are no more.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.under_way: dict[int, Merge] = {each.merge: each for each in rows.merges()}
        self.merged: set[int] = set(rows.merged())

    def begin(self, message: BeginMerge, routes: Routes, ids: Ids) -> tuple[Ids, MergeBegun | Refused]:
        """The ids as they are then, and the answer."""
        right = routes.of_group(message.right)
        left = None if right is None else routes.left_of(right)
        if left is None or left.descriptor.group != message.left:
            return ids, Refused(f"group {message.left} is not the left neighbour of group {message.right}")
        for each in self.under_way.values():
            if {each.left, each.right} & {message.left, message.right}:
                return ids, Refused(f"group {each.right} is joining group {each.left}: try again when that is over")
        merge = Merge(ids.merge, message.left, message.right)
        ids = replace(ids, merge=ids.merge + 1)
        self._rows.put_ids(ids)
        self._rows.put_merge(merge)
        self.under_way[merge.merge] = merge
        return ids, MergeBegun(merge.merge)

    def end(self, message: EndMerge) -> tuple[Done, Merge | None]:
        """The merge that is over by this very message, if it is one that was done."""
        merge = self.under_way.pop(message.merge, None)
        if merge is None:
            return Done(), None
        self._rows.delete_merge(merge)
        if not message.done:
            return Done(), None
        self._rows.put_merged(merge)
        self.merged.add(merge.right)
        return Done(), merge

    def begin_again(self, merged: Iterable[int], under_way: Iterable[Merge]) -> None:
        """After a recovery: these groups are no more, and no other merges than these have begun and not ended."""
        for each in self.under_way.values():
            self._rows.delete_merge(each)
        self.under_way = {}
        for group in merged:
            self._rows.put_merged(Merge(0, 0, group))
            self.merged.add(group)
        for each in under_way:
            self._rows.put_merge(each)
            self.under_way[each.merge] = each
