"""One turn of the loop: what comes in, what is carried out, and in which order."""

import os
import threading
from collections.abc import Iterator

import pytest

from node.drivers.engine import POLLS_MAX, Engine
from node.errors import NodeError
from node.ports import LOCAL_LINK, Effects, Flushed, Frame, Kind, LinkDown, LinkUp, Synced
from tests.node.hosted import BREAK, DURABLE, PLAIN, STOP, Node
from tests.node.wired import Wired, client_hello, node_hello


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


def request(copy: int, body: bytes) -> Frame:
    return Frame(LOCAL_LINK, Kind.REQUESTS, ((copy, 0, 0, body),))


def test_a_local_request_is_answered_within_a_quick_turn(node: Node) -> None:
    node.engine.inject(request(1, PLAIN))
    assert node.engine.wake_at == 0.0
    assert node.engine.quick_turn()
    assert node.replies == {1: PLAIN}
    assert not node.engine.quick_turn()
    assert not node.engine.turn()
    assert len(node.host.steps) == 1, "nothing happened: the host is left alone"


def test_a_record_goes_to_the_journal_and_its_end_wakes_the_loop(node: Node) -> None:
    node.engine.inject(request(1, DURABLE))
    node.engine.turn()
    assert node.replies == {} and len(node.journal.records) == 1
    assert node.engine.turn(60)
    assert node.replies == {1: DURABLE}
    assert Synced(1) in node.host.events


def test_a_lone_caller_writes_the_journal_in_place_of_a_wait(node: Node) -> None:
    node.engine.lone = True
    node.engine.inject(request(1, DURABLE))
    node.engine.quick_turn()
    assert (node.replies, node.journal.writers) == ({}, [])
    assert node.engine.wake_at == 0.0
    assert node.engine.turn(60)
    assert node.replies == {1: DURABLE}
    assert node.journal.writers == [threading.get_ident()]
    assert not node.engine.turn()


def test_what_comes_while_the_links_are_read_is_for_the_same_step_but_not_for_ever(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = (
        [[request(place, PLAIN)] for place in range(2)] + [[]] + [[request(9, PLAIN)] for _ in range(POLLS_MAX + 1)]
    )
    monkeypatch.setattr(node.links, "poll", lambda now: coming.pop(0))
    assert node.engine.turn()
    assert (len(node.host.steps), len(node.host.events)) == (1, 2)
    assert node.engine.turn()
    assert (len(node.host.steps), len(node.host.events)) == (2, 2 + POLLS_MAX)
    assert len(coming) == 1


def test_the_host_is_stepped_when_it_is_due(node: Node) -> None:
    node.host.wake_at = node.engine.clock.now() + 0.02
    assert not node.engine.quick_turn()
    while not node.engine.turn(60):
        pass
    assert node.host.wake_at == float("inf")
    assert len(node.host.steps) == 1


def test_the_pipes_of_the_state_are_watched(node: Node) -> None:
    node.engine.turn()
    os.write(node.state.target, b"\x07")
    assert node.engine.turn(60)
    assert node.host.events == [Flushed(((1, 7),))]
    node.state.writes = True  # as a step may make it
    node.engine.inject(request(1, PLAIN))
    node.engine.turn()
    node.links.wait(60)
    node.state.writes = False
    node.engine.inject(request(2, PLAIN))
    node.engine.turn()
    node.links.wait(0)
    assert not node.engine.turn()


def test_a_pipe_that_took_the_number_of_another_is_watched_again(node: Node) -> None:
    node.engine.turn()
    node.state.replace_pipe()
    node.engine._watch_at = 0.0  # some time later
    node.engine.turn()
    os.write(node.state.target, b"\x07")
    assert node.engine.turn(60)
    assert node.host.events == [Flushed(((1, 7),))]


def test_effects_are_carried_out(node: Node) -> None:
    wired = Wired()
    peer, client = wired.end(node_hello(2)), wired.end(client_hello())
    node.host.dials = [(2, peer.listen()), (3, "127.0.0.1:1")]
    link = client.links.dial(1, node.links.listen("127.0.0.1:0"), wired.now)
    for _ in range(1000):
        node.engine.turn(0.001)
        wired.turn()
        if peer.up() and LinkDown(-1, 3) in node.host.events:
            break
    client.links.send(link, Kind.REQUESTS, ((5, 0, 0, PLAIN),))
    for _ in range(1000):
        node.engine.turn(0.001)
        wired.turn()
        if client.payloads(Kind.REPLIES):
            break
    assert client.payloads(Kind.REPLIES) == [((5, PLAIN),)]
    assert {each.hello.node for each in node.host.events if type(each) is LinkUp} == {0, 2}
    there = next(each.link for each in node.host.events if type(each) is LinkUp and each.hello.node == 2)
    node.engine._send(Effects(hangups=[there]), 0.0)
    wired.until(lambda: not peer.up())
    wired.close()


def test_a_host_that_stops_ends_the_turns(node: Node) -> None:
    node.engine.inject(request(1, STOP))
    node.engine.turn()
    assert node.engine.stopped == "told to stop"
    for turn in (node.engine.turn, node.engine.quick_turn):
        with pytest.raises(NodeError, match="told to stop"):
            turn()


@pytest.mark.parametrize("turn", [Engine.turn, Engine.quick_turn])
def test_a_mistake_in_a_turn_ends_the_node(node: Node, turn: object) -> None:
    node.engine.inject(request(1, BREAK))
    assert callable(turn)
    with pytest.raises(ZeroDivisionError):
        turn(node.engine)
    with pytest.raises(NodeError, match="stopped within a turn: ZeroDivisionError"):
        turn(node.engine)


def test_a_reply_for_nobody_is_a_mistake() -> None:
    node = Node()
    fresh = Engine(node.links, node.engine.clock)
    with pytest.raises(AssertionError, match="callers inside this process"):
        fresh.local(Kind.REPLIES, ())
    with pytest.raises(AssertionError, match="attach first"):
        fresh.quick_turn()
    node.close()
