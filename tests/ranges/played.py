"""Flows run against a function that answers every message; time is virtual.

`answer(send)` returns a reply, or None for silence. Read next: tests/ranges/test_router.py.
"""

from collections.abc import Callable
from typing import Any

from node.flow import Flow, Flows, Send
from ranges.descriptor import Descriptor, Replica
from ranges.directory import Directory
from ranges.keys import FIRST_KEY, LAST_KEY
from ranges.placement.messages import Lookup, RoutesAre, Ticks, TicksAre
from ranges.router import Router

ALL = tuple(Replica(node, node, True) for node in (1, 2, 3))


def whole(
    group: int = 1, start: bytes = FIRST_KEY, end: bytes = LAST_KEY, span: int = 1, configuration: int = 1
) -> Descriptor:
    return Descriptor(group, start, end, span, configuration, ALL)


class Played:
    """A router whose messages a test answers; group 0 answers by itself unless the test does.

    `sent` holds every Send in order, `catalog` what Lookup finds.
    """

    def __init__(self, answer: Callable[[Send], Any], *descriptors: Descriptor) -> None:
        self.answer = answer
        self.catalog = list(descriptors) or [whole()]
        self.directory = Directory()
        self.directory.learn(self.catalog)
        self.directory.learn_control((node, f"n{node}") for node in (1, 2, 3))
        self.sent: list[Send] = []
        self.tick = 9
        self._copies: list[tuple[int, Send]] = []
        self.flows = Flows(lambda copy, send: self._copies.append((copy, send)))
        self.router = Router(self.directory, lambda: 0.5, lambda: self.flows.now)

    def messages(self, kind: type | None = None) -> list[Any]:
        """What was sent to ranges, of one class if that is asked for."""
        found = [each.message for each in self.sent if type(each.message) not in (Ticks, Lookup)]
        return [each for each in found if kind is None or type(each) is kind]

    def run(self, flow: Flow[Any]) -> Any:
        """The flow's result, or its error raised; what it left behind runs on until it waits for time."""
        ended: list[tuple[Any, BaseException | None]] = []
        self.flows.start(flow, lambda result, error: ended.append((result, error)))
        while not ended or self._copies:
            while self._copies:
                copy, send = self._copies.pop(0)
                self.sent.append(send)
                reply = self.answer(send)
                if reply is None:
                    reply = self._control(send.message)
                if reply is not None:
                    self.flows.replied(copy, reply)
            if not ended:
                assert self.flows.wake_at < float("inf"), "the flow waits for nothing"
                self.flows.step(self.flows.wake_at)
        result, error = ended[0]
        if error is not None:
            raise error
        return result

    def rest(self) -> None:
        """Let what runs behind come to its end."""
        while self.flows.wake_at < float("inf"):
            self.run(_nothing())
            self.flows.step(min(self.flows.wake_at, self.flows.now + 60.0))

    def _control(self, message: Any) -> Any:
        if type(message) is Ticks:
            self.tick += message.count
            return TicksAre(self.tick - message.count + 1 << 16)
        if type(message) is Lookup:
            rows = tuple(each for each in self.catalog if each.end > message.key)[: message.count]
            return RoutesAre(rows, tuple((node, f"n{node}") for node in (1, 2, 3)))
        return None


def _nothing() -> Flow[None]:
    return
    yield


def scripted(*replies: Any) -> Callable[[Send], Any]:
    """Answers range messages with these, one after another; silence is None. Group 0's are not counted."""
    left = list(replies)

    def answer(send: Send) -> Any:
        if type(send.message) in (Ticks, Lookup):
            return None
        assert left, f"one message too many: {send.message}"
        return left.pop(0)

    return answer
