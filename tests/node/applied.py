"""What the tests of the state apply to it, and how they wait for what follows."""

import select
from typing import Any

from node.ports import Failed
from node.state import State

ALL = (b"", b"\xff")


def wait_for(state: State, kind: type, enough: int = 1) -> list[Any]:
    """Pump when the descriptors say so, as a driver does, until so many events of a kind have come."""
    events = state.pump()
    while sum(isinstance(event, kind) for event in events) < enough:
        assert not any(isinstance(event, Failed) for event in events), events
        writable = [state.write_fileno()] if state.wants_write() else []
        select.select(state.filenos(), writable, [])
        events += state.pump()
    return events


def rows(state: State) -> list[tuple[bytes, bytes, bytes]]:
    found = list(state.scan(*ALL))
    by_head: dict[bytes, list[tuple[bytes, bytes, bytes]]] = {}
    for row in state.scan(*ALL, reverse=True):
        by_head.setdefault(row[0], []).append(row)
    assert [row for _, several in sorted(by_head.items()) for row in several] == found
    assert list(by_head) == sorted(by_head, reverse=True)
    return found


def write(state: State, index: int, mark: bytes | None = None, group: int = 1) -> None:
    """The batch of one entry: it replaces one row, adds one, and removes one."""
    state.put(b"last", b"\1", b"%d" % index)
    state.put(b"all", b"%3d" % index, b"%d" % index)
    state.delete(b"all", b"%3d" % (index - 3))
    state.seal(group, index, mark)


def expected(index: int) -> list[tuple[bytes, bytes, bytes]]:
    kept = range(max(index - 2, 1), index + 1)
    return [(b"all", b"%3d" % each, b"%d" % each) for each in kept] + [(b"last", b"\1", b"%d" % index)] * (index > 0)
