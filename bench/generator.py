"""The load: one lean process that keeps so many requests in flight on so many connections, and checks each reply.

Speaks the public wire protocol with bodies encoded ahead: an encoded request is cut once where its id, key and
value stand, and put together again for each request. Reads its order as one JSON line from standard input, then
one number of seconds per line; answers each with one JSON line. Owns no cluster. Read next: bench/kv.py.
"""

import json
import os
import random
import selectors
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

from bench.keys import key_of
from bench.wire import Connection, Cut, Route, is_refusal
from node.codec import decode, encode_plain

VALUE_BYTES = 100
DRAIN_SECONDS_MAX = 15.0
WRITES_PER_FRAME = 256


def value_of(key: bytes) -> bytes:
    """The value that belongs to a key, so that a reader can check what it gets."""
    return (key * 7)[:VALUE_BYTES]


@dataclass(slots=True)
class Load:
    """An order: what to send, and how much of it at once. Keys are numbers from each route's `first` to `last`."""

    operation: str
    connections: int
    inflight: int
    keys: int
    seed: int
    born: int
    routes: list[Route]


class Generator:
    """Runs loads over its connections. `latencies` are microseconds of the present run."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._chance = random.Random(load.seed)
        self._prefix = os.urandom(8)
        self._copy = self._identity = 0
        self._stopping = False
        self._put = load.operation == "put"
        self._cut = Cut.put(VALUE_BYTES) if self._put else Cut.get(VALUE_BYTES)
        self._told = encode_plain(load.born)  # the last timestamp that came back: a put's born
        self.latencies: list[float] = []
        self.refused = 0
        self._selector = selectors.DefaultSelector()
        self._connections = [Connection(load.routes[at % len(load.routes)]) for at in range(load.connections)]
        for each in self._connections:
            each.socket.setblocking(False)
            self._selector.register(each.socket, selectors.EVENT_READ, each)

    def run(self, seconds: float) -> dict[str, Any]:
        """Keep the load up for so long, then let it drain; the figures of the run."""
        self.latencies, self.refused, self._stopping = [], 0, False
        cpu = time.process_time()
        began = time.perf_counter()
        stop = began + seconds
        for each in self._connections:
            self._submit(each, self._load.inflight, began)
        under_way = True
        while under_way:
            self._turn()
            now = time.perf_counter()
            self._stopping = now >= stop
            under_way = not self._stopping or any(each.sent for each in self._connections)
            if now > stop + DRAIN_SECONDS_MAX:
                raise SystemExit(f"{sum(len(each.sent) for each in self._connections)} requests were never answered")
        took = time.perf_counter() - began
        return {
            "requests": len(self.latencies),
            "seconds": took,
            "latencies": sorted(round(each) for each in self.latencies),
            "generator_share": (time.process_time() - cpu) / took,
            "refused": self.refused,
        }

    def fill(self) -> int:
        """Write every key of every route once (before reads); how many."""
        put, filled = Cut.put(VALUE_BYTES), 0
        for route in self._load.routes:
            connection = Connection(route)
            numbers = _numbers(route, self._load.keys)
            for place in range(0, len(numbers), WRITES_PER_FRAME):
                bodies = [self._body(put, number, write=True) for number in numbers[place : place + WRITES_PER_FRAME]]
                for _, body in connection.exchange(list(enumerate(bodies))):
                    if not put.accepts(body, b""):
                        raise SystemExit(f"a wrong reply while filling: {decode(body)}")
                    filled += 1
            connection.socket.close()
        return filled

    def _turn(self) -> None:
        for key, mask in self._selector.select(1.0):
            connection: Connection = key.data
            if mask & selectors.EVENT_WRITE:
                connection.flush()
                if not connection.waiting:
                    self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
            if mask & selectors.EVENT_READ:
                self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        replies = connection.replies()
        now = time.perf_counter()
        for copy, body in replies:
            left, number = connection.sent.pop(copy)
            if self._accepted(body, number):
                self.latencies.append((now - left) * 1e6)
                if self._put:
                    self._told = self._cut.told(body)
        if replies and not self._stopping:
            self._submit(connection, len(replies), now)

    def _accepted(self, body: bytes, number: int) -> bool:
        """Is this the right reply? A refusal is counted; anything else ends the run."""
        if self._cut.accepts(body, b"" if self._put else value_of(key_of(number))):
            return True
        self.refused += 1
        if not is_refusal(body):
            raise SystemExit(f"a wrong reply to the request for key {number}: {decode(body)}")
        return False

    def _submit(self, connection: Connection, count: int, now: float) -> None:
        """Send so many fresh requests in one frame."""
        route, chance, keys = connection.route, self._chance.random, self._load.keys
        step = _step(route, keys)
        rows = []
        for _ in range(count):
            number = route.first + int(chance() * keys) * step
            self._copy += 1
            connection.sent[self._copy] = (now, number)
            rows.append((self._copy, self._body(self._cut, number, self._put)))
        connection.send(rows)
        if connection.waiting:
            self._selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)

    def _body(self, cut: Cut, number: int, write: bool) -> bytes:
        key = key_of(number)
        if not write:
            return cut.join(b"", b"", key, b"")
        self._identity += 1
        return cut.join(self._prefix + self._identity.to_bytes(8, "big"), self._told, key, value_of(key))


def _step(route: Route, keys: int) -> int:
    """The distance of one key's number from the next."""
    return max(1, (route.last - route.first) // keys)


def _numbers(route: Route, keys: int) -> list[int]:
    return [route.first + place * _step(route, keys) for place in range(keys)]


def main() -> None:
    """Take the order, then run once for each line. Ctrl-C is for the bench, which then ends its generator."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = json.loads(sys.stdin.readline())
    routes = [Route(**each) for each in order.pop("routes")]
    generator = Generator(Load(routes=routes, **order))
    filled = generator.fill() if order["operation"] == "get" else 0
    print(json.dumps({"ready": True, "filled": filled}), flush=True)
    for line in sys.stdin:
        print(json.dumps(generator.run(float(line))), flush=True)


if __name__ == "__main__":
    main()
