"""A view over a dict and a sorted list, for tests of what lives above the node's state."""

from bisect import bisect_left, insort
from collections.abc import Iterator


class FakeView:
    """`node.machine.View` in memory. `walks` counts walks over one key's rows, `scanned` the rows that scans gave."""

    def __init__(self) -> None:
        self.values: dict[tuple[bytes, bytes], bytes] = {}
        self.tails: dict[bytes, list[bytes]] = {}
        self.walks = 0
        self.scanned = 0

    def get(self, head: bytes, tail: bytes) -> bytes | None:
        return self.values.get((head, tail))

    def rows(self, head: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        self.walks += 1
        tails = self.tails.get(head, ())
        for place in range(bisect_left(tails, start), len(tails)):
            yield tails[place], self.values[head, tails[place]]

    def first(self, head: bytes) -> tuple[bytes, bytes] | None:
        return next(self.rows(head), None)

    def scan(self, first: bytes, last: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes, bytes]]:
        heads = [head for head in sorted(self.tails) if first <= head < last]
        for head in reversed(heads) if reverse else heads:
            for tail in list(self.tails[head]):
                self.scanned += 1
                yield head, tail, self.values[head, tail]

    def put(self, head: bytes, tail: bytes, value: bytes) -> None:
        if (head, tail) not in self.values:
            insort(self.tails.setdefault(head, []), tail)
        self.values[head, tail] = value

    def delete(self, head: bytes, tail: bytes) -> None:
        if self.values.pop((head, tail), None) is not None:
            tails = self.tails[head]
            tails.remove(tail)
            if not tails:
                del self.tails[head]
