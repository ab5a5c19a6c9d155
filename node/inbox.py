"""What came in a frame, checked before anything acts on it: bytes from outside never reach further than here.

Owns the forms of payloads. Whatever fails in here is the sender's fault and closes its link; whatever fails after it
is our own fault and stops the node. Does not own what the messages mean. Read next: node/host.py.
"""

from typing import Any

from node.codec import decode
from node.errors import Malformed
from node.machine import Request
from node.raft.messages import Message
from node.support import SupportMessage

NUMBER_MAX = (1 << 63) - 1


def read_requests(link: int, payload: Any, now: float) -> list[Request]:
    """REQUESTS: ((copy, group, span, body), …)."""
    return [
        Request(link, copy, group, span, body, decode(body), now)
        for copy, group, span, body in _rows(payload, (int, int, int, bytes))
    ]


def read_replies(payload: Any) -> list[tuple[int, Any]]:
    """REPLIES: ((copy, body), …)."""
    return [(copy, decode(body)) for copy, body in _rows(payload, (int, bytes))]


def read_raft(payload: Any) -> list[tuple[int, int, int, Message]]:
    """RAFT: ((group, source replica, target replica, body), …)."""
    rows = []
    for row in _rows(payload, (int, int, int, bytes)):
        group, source, target, body = row
        message = decode(body)
        _require(min(group, source, target) >= 0 and max(group, source, target) <= NUMBER_MAX, row)
        _require(isinstance(message, Message), row)
        rows.append((group, source, target, message))
    return rows


def read_support(payload: Any) -> list[SupportMessage]:
    """SUPPORT: (body, …)."""
    if type(payload) is not tuple or any(type(body) is not bytes for body in payload):
        raise Malformed("a frame of support is not a row of bytes")
    messages = [decode(body) for body in payload]
    _require(all(isinstance(each, SupportMessage) for each in messages), messages)
    return messages


def read_chunk(payload: Any) -> tuple[int, int, int, int, bytes, int]:
    """SNAPSHOT: (group, source replica, target replica, place, rows or mark, applied index with the mark)."""
    form = (int, int, int, int, bytes, int)
    if type(payload) is not tuple or tuple(map(type, payload)) != form:
        raise Malformed("a frame of a snapshot does not have the promised form")
    return payload


def _rows(payload: Any, form: tuple[type, ...]) -> Any:
    """The payload, if it is a tuple of tuples whose fields have these types."""
    if type(payload) is not tuple:
        raise Malformed("a frame's payload is not made of rows")
    for row in payload:
        if type(row) is not tuple or tuple(map(type, row)) != form:
            raise Malformed(f"a row of a frame does not have the promised form: {str(row)[:80]}")
    return payload


def _require(holds: bool, row: Any) -> None:
    if not holds:
        raise Malformed(f"a row of a frame does not have the promised form: {str(row)[:80]}")
