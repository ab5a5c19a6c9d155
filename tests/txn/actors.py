"""Who acts in the world of tests/txn/world.py: nodes that run flows, and people with a client.

Owns what each does with what reaches it. Does not own messages under way. Read next: tests/txn/world.py.
"""

from typing import Any

from node.codec import decode, encode
from node.flow import Flows, Send
from node.machine import Request
from node.ports import Frame, Hello, Kind, LinkDown, LinkUp, Role
from ranges.router import Router
from txn.client import Client
from txn.coordinator import Coordinator
from txn.settling import Settling

NODES = (1, 2, 3)


class Node:
    """A process: its flows, and whom they ask. A crash takes all of that."""

    def __init__(self, world: Any, number: int) -> None:
        self.world, self.number = world, number
        self.boot()

    def boot(self) -> None:
        self.flows = Flows(self.send)
        self.flows.now = self.world.now
        self.router = Router(self.world.directory(), self.world.rng.random, lambda: self.flows.now)
        self.settling = Settling(self.router, self.world.patience)
        self.coordinator = Coordinator(self.router, self.settling)
        self.services = self.coordinator.services()

    def send(self, copy: int, wish: Send) -> None:
        target, body, flows = wish.node or self.number, encode(wish.message), self.flows
        request = Request(0, copy, wish.group, wish.span, body, decode(body), 0.0)

        def answered(reply: Any) -> None:
            if self.flows is flows:
                flows.replied(copy, reply)

        self.world.carry(lambda: self.world.arrive(target, request, answered))


class Person:
    """A client's process: the world is its driver. One link to each node, lost when the node crashes."""

    def __init__(self, world: Any, number: int) -> None:
        self.world, self.number, self.events = world, number, []
        self.client = Client(["seed"], world.rng.random)
        self.links: dict[int, int] = {}
        self.dead = False

    def step(self) -> None:
        if self.dead:
            return
        events, self.events = self.events, []
        effects = self.client.step(self.world.now, events)
        assert not effects.hangups, "a client found a frame malformed"
        for node, _ in effects.dials:
            self.world.after(0.001, lambda node=node: self.dialled(node or self.world.rng.choice(NODES), node))
        for link, kind, rows in effects.sends:
            assert kind == Kind.REQUESTS
            for row in rows:
                self.depart(link, row)

    def dialled(self, node: int, asked: int) -> None:
        world = self.world
        if world.rng.random() < world.faults.lost:
            self.events.append(LinkDown(-1, asked))
        else:
            world.links += 1
            self.links[world.links] = node
            routes = tuple((each, f"n{each}") for each in NODES)
            self.events.append(LinkUp(world.links, Hello(Role.NODE, b"", node, 1, f"n{node}", routes)))

    def depart(self, link: int, row: tuple[int, int, int, bytes]) -> None:
        node = self.links.get(link)
        if node is None:
            return
        copy, group, span, body = row
        request = Request(link, copy, group, span, body, decode(body), 0.0)

        def answered(reply: Any) -> None:
            if link in self.links:
                self.events.append(Frame(link, Kind.REPLIES, ((copy, encode(reply)),)))

        self.world.carry(lambda: self.world.arrive(node, request, answered))

    def cut(self, node: int) -> None:
        for link in [each for each, end in self.links.items() if end == node]:
            del self.links[link]
            self.events.append(LinkDown(link))
