"""Is a history of transactions that read and append to lists strictly serializable? (After Elle, VLDB 2020.)

Owns `Attempt` and `check_serializable`. Every appended item is distinct, so a list that was read tells the order
in which its items were appended: from that and from real time follow edges between transactions, and a cycle of
them is a violation. Does not own how a history is gathered (workloads.py). Read next: argosy/testing/workloads.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from argosy.testing.linear import INFINITY, Violation

Key = bytes
Item = int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction: the lists that it read before its own appends, and the items that it appended.

    `end` is infinite if its outcome is unknown.
    """

    begin: float
    end: float
    reads: tuple[tuple[Key, tuple[Item, ...]], ...]
    appends: tuple[tuple[Key, Item], ...]
    client: int = 0

    def __str__(self) -> str:
        reads = " ".join(f"{key.decode()}={list(items)[-3:]}" for key, items in self.reads)
        appends = " ".join(f"{key.decode()}+{item}" for key, item in self.appends)
        return f"c{self.client} read {reads or '-'} appended {appends or '-'} [{self.begin:.4f}, {self.end:.4f}]"


def check_serializable(attempts: Sequence[Attempt], aborted: frozenset[Item] = frozenset()) -> None:
    """Raise `Violation` unless the attempts are strictly serializable.

    The last attempts must have read every key after all else had ended, else a lost append goes unseen. `aborted`
    are items of attempts that certainly did not happen: nobody may have read them.
    """
    orders = _orders(attempts)
    seen = {item for order in orders.values() for item in order}
    if seen & aborted:
        raise Violation(f"items of aborted transactions were read: {sorted(seen & aborted)[:5]}")
    happened = [each for each in attempts if each.end < INFINITY or any(item in seen for _, item in each.appends)]
    for each in happened:
        for key, item in each.appends:
            if key not in orders or item not in orders[key]:
                raise Violation(f"an append was lost, {key.decode()}+{item} of {each}")
    cycle = _cycle(_edges(happened, orders))
    if cycle:
        raise Violation(
            "these follow each other in a circle:\n  "
            + "\n  ".join(str(happened[at]) for at in cycle if at < len(happened))
        )


def _orders(attempts: Sequence[Attempt]) -> dict[Key, dict[Item, int]]:
    """For each key the place of each item; every list that was read must be a prefix of the longest one."""
    longest: dict[Key, tuple[Item, ...]] = {}
    for attempt in attempts:
        for key, items in attempt.reads:
            if len(items) > len(longest.get(key, ())):
                longest[key] = items
    for attempt in attempts:
        for key, items in attempt.reads:
            if items != longest.get(key, ())[: len(items)]:
                raise Violation(f"{key.decode()} was read as no prefix of its longest reading, by {attempt}")
    orders = {key: {item: place for place, item in enumerate(items)} for key, items in longest.items()}
    for key, items in longest.items():
        if len(orders[key]) < len(items):
            raise Violation(f"an item was appended twice to {key.decode()}: {items}")
    return orders


def _edges(happened: Sequence[Attempt], orders: dict[Key, dict[Item, int]]) -> list[list[int]]:
    """Who must come before whom. The numbers after the attempts are moments: they carry real time in a chain."""
    writers = {(key, orders[key][item]): at for at, each in enumerate(happened) for key, item in each.appends}
    after: list[list[int]] = [[] for _ in happened]
    for at, each in enumerate(happened):
        for key, item in each.appends:
            _edge(after, writers.get((key, orders[key][item] - 1)), at)
        for key, items in each.reads:
            _edge(after, writers.get((key, len(items) - 1)), at)
            _edge(after, at, writers.get((key, len(items))))
    _real_time(happened, after)
    return after


def _edge(after: list[list[int]], source: int | None, target: int | None) -> None:
    if source is not None and target is not None and source != target:
        after[source].append(target)


def _real_time(happened: Sequence[Attempt], after: list[list[int]]) -> None:
    """Whoever ended before another began comes before it: through moments, one for each end."""
    moments = [(each.begin, 1, at) for at, each in enumerate(happened)]
    moments += [(each.end, 0, at) for at, each in enumerate(happened) if each.end < INFINITY]
    last: int | None = None
    for _, begins, at in sorted(moments):
        if begins:
            _edge(after, last, at)
        else:
            moment = len(after)
            after.append([])
            _edge(after, last, moment)
            after[at].append(moment)
            last = moment


def _cycle(after: list[list[int]]) -> list[int]:
    """The numbers on some cycle, or an empty list. Iterative depth-first search: unseen 0, on the path 1, done 2."""
    colour = [0] * len(after)
    for root in range(len(after)):
        if colour[root]:
            continue
        path: list[int] = [root]
        ways = [iter(after[root])]
        colour[root] = 1
        while path:
            target = next(ways[-1], None)
            if target is None:
                colour[path.pop()] = 2
                ways.pop()
            elif colour[target] == 1:
                return path[path.index(target) :]
            elif colour[target] == 0:
                colour[target] = 1
                path.append(target)
                ways.append(iter(after[target]))
    return []
