import pytest

import node.wire  # noqa: F401
from node.codec import encode
from node.errors import Malformed
from node.inbox import read_chunk, read_raft, read_replies, read_requests, read_support
from node.messages import Busy, Done
from node.raft.messages import Heartbeat
from node.support import AskSleepers

BODY = encode(Done())


def test_requests_arrive_with_their_time_and_link():
    (request,) = read_requests(7, ((3, 1, 2, BODY),), 5.0)
    assert (request.link, request.copy, request.group, request.span, request.message) == (7, 3, 1, 2, Done())
    assert (request.since, request.tick) == (5.0, 0)


def test_replies_raft_support_and_chunks_arrive_decoded():
    beat, question = Heartbeat(3, 4, 5), AskSleepers(9)
    assert read_replies(((1, encode(Busy())),)) == [(1, Busy())]
    assert read_raft(((2, 1, 3, encode(beat)),)) == [(2, 1, 3, beat)]
    assert read_support((encode(question),)) == [question]
    assert read_chunk((1, 2, 3, -1, b"mark", 9)) == (1, 2, 3, -1, b"mark", 9)


@pytest.mark.parametrize(
    ("read", "payload"),
    [
        (lambda rows: read_requests(1, rows, 0.0), None),
        (lambda rows: read_requests(1, rows, 0.0), ((1, 2, 3),)),
        (lambda rows: read_requests(1, rows, 0.0), ((1, 2, 3, "text"),)),
        (lambda rows: read_requests(1, rows, 0.0), ((b"1", 2, 3, BODY),)),
        (lambda rows: read_requests(1, rows, 0.0), ((1, 2, 3, b"\xff"),)),
        (read_replies, ((1, 2),)),
        (read_replies, ((True, BODY),)),
        (read_raft, ((1, 2, 3, BODY),)),
        (read_raft, ((-1, 2, 3, encode(Heartbeat(1, 1, 1))),)),
        (read_support, (BODY,)),
        (read_support, (1,)),
        (read_chunk, (1, 2, 3, 0, b"rows")),
        (read_chunk, (1, 2, 3, 0, "rows", 0)),
    ],
)
def test_any_other_form_is_malformed_and_nothing_else(read, payload):
    with pytest.raises(Malformed):
        read(payload)
