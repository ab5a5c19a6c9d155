"""What a run reaches: named branches of the real code, counted while simulations run, without a line in that code.

Owns the list of what is worth reaching, and `counting`, which puts a counter around each named function for a while.
A place is `module:name` or `module:Class.name`; one that does not exist is an error at once. Most of these functions
are called rarely, so that counting costs next to nothing. Read next: argosy/testing/points.py.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from inspect import isgeneratorfunction
from typing import Any

PACKAGES = ("node", "ranges", "txn", "sql_lite_frontend", "argosy")

Look = Callable[[Sequence[Any], Any], int]
"""`look(arguments, result)`: how many of what is counted a call stands for."""


def each_call(arguments: Sequence[Any], result: Any) -> int:
    """Every call counts."""
    return 1


@dataclass(frozen=True, slots=True)
class Point:
    """Something that a run may reach. `must`: a long soak that never reaches it shows a gap."""

    name: str
    place: str
    look: Look = each_call
    must: bool = True


@contextmanager
def counting(points: Sequence[Point]) -> Iterator[Counter[str]]:
    """Count what is reached until the block ends. A flow is looked at when it has ended."""
    counts: Counter[str] = Counter()
    by_place: dict[str, list[Point]] = {}
    for point in points:
        by_place.setdefault(point.place, []).append(point)
    undo: list[Callable[[], None]] = []
    import_module("argosy.testing.workloads.sql")  # is imported when it is wanted, and must not find counters then
    try:
        for place, here in by_place.items():
            _put_around(place, here, counts, undo)
        yield counts
    finally:
        for each in reversed(undo):
            each()


def _put_around(place: str, points: list[Point], counts: Counter[str], undo: list[Callable[[], None]]) -> None:
    module, _, name = place.partition(":")
    owner: Any = import_module(module)
    *classes, last = name.split(".")
    for each in classes:
        owner = getattr(owner, each)
    original = vars(owner)[last]
    counted = _counted(original, points, counts)
    if classes:
        setattr(owner, last, counted)
        undo.append(lambda: setattr(owner, last, original))
    for table in _tables():
        for key, value in list(table.items()):
            if value is original:
                table[key] = counted
                undo.append(lambda table=table, key=key: table.__setitem__(key, original))  # type: ignore[misc]


def _tables() -> Iterator[dict[Any, Any]]:
    """Where functions are found by name: the globals of our modules, and the tables among them."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES and module is not None:
            yield vars(module)
            yield from [each for key, each in vars(module).items() if isinstance(each, dict) and key != "__builtins__"]


def _counted(original: Any, points: list[Point], counts: Counter[str]) -> Any:
    def note(arguments: Sequence[Any], result: Any) -> None:
        for point in points:
            found = point.look(arguments, result)
            if found:
                counts[point.name] += found

    if isgeneratorfunction(original):

        @wraps(original)
        def flow(*arguments: Any, **named: Any) -> Any:
            result = yield from original(*arguments, **named)
            note(arguments, result)
            return result

        return flow

    @wraps(original)
    def call(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        note(arguments, result)
        return result

    return call
