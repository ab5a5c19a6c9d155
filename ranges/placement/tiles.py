"""Spans that are to cover all keys once: which of several owners of a key is the newest. Pure.

Owns the rule of newer spans as a recovery applies it. Read next: ranges/placement/recovery.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sortedcontainers import SortedDict

from ranges.keys import FIRST_KEY, LAST_KEY


@dataclass(frozen=True, slots=True)
class Tile:
    """A range as its log has it; one that is `fixed` cannot be made shorter."""

    group: int
    start: bytes
    end: bytes
    span_version: int
    fixed: bool


def lay(tiles: Sequence[Tile]) -> dict[int, bytes | None]:
    """Group -> where its range ends then; None if newer ones own all of it.

    Newer ones (by span version) are laid first; what is older ends where the next newer one begins. Raises ValueError
    if two own a key at the same span version, or what is left of an older one is not its beginning.
    """
    ends: dict[int, bytes | None] = {}
    laid: SortedDict[bytes, Tile] = SortedDict()
    for tile in sorted(tiles, key=lambda each: (-each.span_version, each.start, each.group)):
        above = _above(laid, tile)
        twins = [each for each in above if each.span_version == tile.span_version]
        if twins:
            raise ValueError(f"groups {twins[0].group} and {tile.group} own the same keys at the same span version")
        free = _free(tile.start, tile.end, [(each.start, each.end) for each in above])
        if not free:
            ends[tile.group] = None
            continue
        if len(free) > 1 or free[0][0] != tile.start or (tile.fixed and above):
            newer = ", ".join(str(each.group) for each in above)
            raise ValueError(
                f"of group {tile.group} the newer groups {newer} own a part in the midst, or its beginning"
            )
        ends[tile.group] = free[0][1]
        laid[tile.start] = Tile(tile.group, tile.start, free[0][1], tile.span_version, tile.fixed)
    return ends


def _above(laid: "SortedDict[bytes, Tile]", tile: Tile) -> list[Tile]:
    """Those laid before that share a key with this one; they never overlap each other."""
    place = max(0, laid.bisect_right(tile.start) - 1)
    near = [laid[start] for start in laid.islice(place, laid.bisect_left(tile.end))]
    return [each for each in near if tile.start < each.end]


def uncovered(spans: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Which of all keys that ranges are to cover lie in none of these."""
    return _free(FIRST_KEY, LAST_KEY, spans)


def _free(start: bytes, end: bytes, spans: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    free = []
    for first, last in sorted(spans):
        if start < first:
            free.append((start, min(first, end)))
        start = max(start, last)
    if start < end:
        free.append((start, end))
    return free
