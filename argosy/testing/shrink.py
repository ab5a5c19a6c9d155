"""The few faults of a schedule that a failure needs, found by leaving others out and running again.

Owns the search (delta debugging: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002).
Does not own runs, nor which failures count as the same. Read next: argosy/testing/faults.py.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise


def shrink(
    places: Sequence[int], fails: Callable[[tuple[int, ...]], bool], over: Callable[[], bool]
) -> tuple[int, ...]:
    """The least part of `places` found with which it still fails; all of them if none is less.

    `fails` is one run with this part only. Once `over` says so, the least part found so far stands. Unless it did,
    no single place of the result can be left out.
    """
    left = tuple(places)
    if left and not over() and fails(()):
        return ()
    pieces = 2
    while len(left) > 1 and not over():
        smaller = _without_a_piece(left, pieces, fails, over)
        if smaller is not None:
            pieces = max(2, min(pieces - 1, len(smaller)))
            left = smaller
        elif pieces >= len(left):
            break
        else:
            pieces = min(2 * pieces, len(left))
    return left


def _without_a_piece(
    left: tuple[int, ...], pieces: int, fails: Callable[[tuple[int, ...]], bool], over: Callable[[], bool]
) -> tuple[int, ...] | None:
    """What is left without one of so many pieces, if it still fails; late faults are left out first."""
    borders = [len(left) * number // pieces for number in range(pieces + 1)]
    for start, end in reversed(list(pairwise(borders))):
        rest = left[:start] + left[end:]
        if over():
            return None
        if fails(rest):
            return rest
    return None
