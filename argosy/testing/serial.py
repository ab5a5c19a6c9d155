"""Is a history of transactions that read and append to lists strictly serializable? (After Elle, VLDB 2020.)

Owns `Attempt` and `Serial`, and all anomalies that one transaction or one list shows. Every appended item is distinct,
so a list that was read tells the order in which its items were appended. From that and from real time follow edges
between transactions; a circle of them is a violation, too. Does not own the circles nor their names
(argosy/testing/circles.py). Read next: argosy/testing/circles.py.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from argosy.testing.circles import Graph, Kind
from argosy.testing.history import Operation, Outcome
from argosy.testing.linear import Violation

SHOWN_ITEMS = 4  # the last ones of a list

Key = bytes
Item = int
Items = tuple[Item, ...]
Writer = tuple[int, Item]  # the number of an attempt, and what it appended


def _name(key: Key) -> str:
    return key.decode(errors="replace")


def _show(items: Items) -> str:
    return "[" + ("… " if len(items) > SHOWN_ITEMS else "") + " ".join(map(str, items[-SHOWN_ITEMS:])) + "]"


@dataclass(frozen=True, slots=True)
class Read:
    """A list was read whole; an absent one is empty."""

    key: Key
    items: Items

    def __str__(self) -> str:
        return f"read {_name(self.key)}={_show(self.items)}"


@dataclass(frozen=True, slots=True)
class Append:
    """An item was put at a list's end."""

    key: Key
    item: Item

    def __str__(self) -> str:
        return f"appended {_name(self.key)}+{self.item}"


@dataclass(frozen=True, slots=True)
class Scan:
    """All lists with start <= key < end were read; what is not among the rows was found absent."""

    start: Key
    end: Key
    rows: tuple[tuple[Key, Items], ...]

    def __str__(self) -> str:
        rows = " ".join(f"{_name(key)}={_show(items)}" for key, items in self.rows)
        return f"scanned {_name(self.start)}…{_name(self.end)} ({rows})"


Step = Read | Append | Scan


@dataclass(frozen=True, slots=True)
class Attempt(Operation):
    """One transaction: what it read and appended, step by step."""

    steps: tuple[Step, ...]

    def told(self) -> str:
        """Its steps."""
        return ", ".join(map(str, self.steps))


class Serial:
    """Feed it with attempts. The last of them must have read every list after all else had ended, else a lost append
    goes unseen."""

    def __init__(self) -> None:
        self._attempts: list[Attempt] = []

    def note(self, attempt: Attempt) -> None:
        """One attempt has ended."""
        self._attempts.append(attempt)

    def check(self) -> None:
        """Raise `Violation`, which names the anomaly, unless the attempts are strictly serializable."""
        views = _views(sorted(self._attempts, key=lambda attempt: (attempt.begin, attempt.end)))
        writers = _writers(views)
        happened, orders = _happened(views)
        _check_items(orders, writers)
        _check_ends(happened, writers)
        _check_lost(happened, orders)
        _graph(happened, orders).check()


# -- what one attempt saw ----------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _View:
    """An attempt as others see it: lists as they were before its own appends, and its appends in order."""

    attempt: Attempt
    reads: dict[Key, Items] = field(default_factory=dict)
    appends: dict[Key, list[Item]] = field(default_factory=dict)
    scanned: set[Key] = field(default_factory=set)  # lists that were absent in a scan

    def read(self, key: Key, items: Items) -> None:
        own = tuple(self.appends.get(key, ()))
        before = items[: len(items) - len(own)]
        if items[len(before) :] != own:
            raise Violation(f"internal: it does not see its own appends to {_name(key)}:\n  {self.attempt}")
        if self.reads.setdefault(key, before) != before:
            raise Violation(f"internal: it read two states of {_name(key)}:\n  {self.attempt}")


def _views(attempts: Sequence[Attempt]) -> list[_View]:
    keys = sorted({key for attempt in attempts for step in attempt.steps for key in _keys(step)})
    return [_view(attempt, keys) for attempt in attempts]


def _keys(step: Step) -> Iterable[Key]:
    return [key for key, _ in step.rows] if isinstance(step, Scan) else [step.key]


def _view(attempt: Attempt, keys: list[Key]) -> _View:
    """A failed attempt is looked at for its appends only."""
    view = _View(attempt)
    reads = attempt.outcome is not Outcome.FAILED
    for step in attempt.steps:
        if isinstance(step, Append):
            view.appends.setdefault(step.key, []).append(step.item)
        elif reads and isinstance(step, Read):
            view.read(step.key, step.items)
        elif reads and isinstance(step, Scan):
            rows = dict(step.rows)
            for key in keys[bisect_left(keys, step.start) : bisect_left(keys, step.end)]:
                view.read(key, rows.get(key, ()))
                if key not in rows:
                    view.scanned.add(key)
    return view


def _writers(views: Iterable[_View]) -> dict[tuple[Key, Item], _View]:
    writers: dict[tuple[Key, Item], _View] = {}
    for view in views:
        for key, items in view.appends.items():
            for item in items:
                assert (key, item) not in writers, "a history for this check appends distinct items"
                writers[key, item] = view
    return writers


# -- what one list shows -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Order:
    """A list as it was read longest, the place of each item in it, and who read that."""

    items: Items
    places: dict[Item, int]
    reader: _View


def _orders(views: Sequence[_View]) -> dict[Key, _Order]:
    """Every list that was read must be a prefix of the longest reading, which holds each item once."""
    longest: dict[Key, tuple[Items, _View]] = {}
    for view in views:
        for key, items in view.reads.items():
            if key not in longest or len(items) > len(longest[key][0]):
                longest[key] = items, view
    for view in views:
        for key, items in view.reads.items():
            whole, reader = longest[key]
            if items != whole[: len(items)]:
                raise Violation(
                    f"incompatible orders of {_name(key)}: {list(items)} is no prefix of {list(whole)}\n"
                    f"  {view.attempt}\n  {reader.attempt}"
                )
    orders = {}
    for key, (items, reader) in longest.items():
        orders[key] = _Order(items, {item: place for place, item in enumerate(items)}, reader)
        twice = [item for place, item in enumerate(items) if orders[key].places[item] != place]
        if twice:
            raise Violation(f"duplicate: {_name(key)} holds {twice[0]} more than once\n  {reader.attempt}")
    return orders


def _happened(views: Sequence[_View]) -> tuple[list[_View], dict[Key, _Order]]:
    """Whoever was told so, or whose appends were seen by them; and what they all read."""
    happened = [view for view in views if view.attempt.outcome is Outcome.OK]
    while True:
        orders = _orders(happened)
        more = [
            view
            for view in views
            if view.attempt.outcome is Outcome.OK or (view.attempt.outcome is Outcome.UNKNOWN and _seen(view, orders))
        ]
        if len(more) == len(happened):
            return happened, orders
        happened = more


def _seen(view: _View, orders: dict[Key, _Order]) -> bool:
    return any(key in orders and item in orders[key].places for key, items in view.appends.items() for item in items)


def _check_items(orders: dict[Key, _Order], writers: dict[tuple[Key, Item], _View]) -> None:
    """Every item was appended by somebody, who did not fail."""
    for key, order in orders.items():
        for item in order.items:
            writer = writers.get((key, item))
            if writer is None:
                raise Violation(f"garbage: nobody appended {item} to {_name(key)}\n  {order.reader.attempt}")
            if writer.attempt.outcome is Outcome.FAILED:
                raise Violation(
                    f"G1a (aborted read): {item} in {_name(key)} was appended by an attempt that did not happen\n"
                    f"  {order.reader.attempt}\n  {writer.attempt}"
                )


def _check_ends(views: Sequence[_View], writers: dict[tuple[Key, Item], _View]) -> None:
    """Nobody sees half of what one attempt appended to a list."""
    for view in views:
        for key, items in view.reads.items():
            writer = writers[key, items[-1]] if items else view
            last = writer.appends[key][-1] if items else 0
            if items and last != items[-1]:
                raise Violation(
                    f"G1b (intermediate read): behind {items[-1]} in {_name(key)} its writer appended {last}\n"
                    f"  {view.attempt}\n  {writer.attempt}"
                )


def _check_lost(happened: Sequence[_View], orders: dict[Key, _Order]) -> None:
    """What was acknowledged before a list was read for the last time is in it."""
    latest: dict[Key, _View] = {}
    for view in happened:  # in order of their begin
        for key in view.reads:
            latest[key] = view
    for view in happened:
        for key, items in view.appends.items():
            reader = latest.get(key)
            if reader is not None and view.attempt.until < reader.attempt.begin:
                lost = [item for item in items if item not in orders[key].places]
                if lost:
                    raise Violation(
                        f"lost append: {lost[0]} is not in {_name(key)} later on\n  {view.attempt}\n  {reader.attempt}"
                    )


# -- who comes before whom ---------------------------------------------------------------------------------------------


def _graph(happened: Sequence[_View], orders: dict[Key, _Order]) -> Graph:
    """All edges of Adya's kinds; `Graph` adds those of clients and of real time."""
    graph = Graph([view.attempt for view in happened])
    read: dict[Key, list[Writer]] = {key: [(0, 0)] * len(order.items) for key, order in orders.items()}
    unread: dict[Key, list[Writer]] = {}  # they stand behind all that was read, in some order
    for at, view in enumerate(happened):
        for key, appended in view.appends.items():
            places = orders[key].places if key in orders else {}
            for item in appended:
                if item in places:
                    read[key][places[item]] = at, item
                else:
                    unread.setdefault(key, []).append((at, item))

    def behind(key: Key, length: int) -> list[Writer]:
        return read[key][length : length + 1] or unread.get(key, [])

    for key, writers in read.items():
        for place, (at, item) in enumerate(writers):
            for target, later in behind(key, place + 1):
                graph.add(at, target, Kind.WW, key, item, later)
    for at, view in enumerate(happened):
        for key, items in view.reads.items():
            if items:
                graph.add(read[key][len(items) - 1][0], at, Kind.WR, key, items[-1])
            for target, later in behind(key, len(items)):
                graph.add(at, target, Kind.RW, key, later, scanned=key in view.scanned)
    return graph
