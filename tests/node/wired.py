"""Links on real loopback sockets under a clock that tests move: several ends, turned until something is so."""

from collections.abc import Callable
from typing import Any

from node.link import Links
from node.ports import Frame, Hello, LinkDown, LinkUp, Role
from node.tls import Tls

ROUNDS_MAX = 2_000
PATIENCE_SECONDS = 0.01  # of one poll that finds nothing; nothing is decided by it


def node_hello(node: int, life: int = 1, cluster: bytes = b"c") -> Hello:
    return Hello(Role.NODE, cluster, node, life, f"n{node}:1", ((1, "n1:1"),))


def client_hello(cluster: bytes = b"") -> Hello:
    return Hello(Role.CLIENT, cluster, 0, 0, "", ())


class End:
    """One process's links, and all that they told."""

    def __init__(self, hello: Hello, tls: Tls | None = None, **more: Any) -> None:
        self.hello = hello
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.links = Links(
            lambda: self.hello, tls, note=lambda event, **facts: self.notes.append((event, facts)), **more
        )
        self.events: list[Any] = []

    def listen(self) -> str:
        return self.links.listen("127.0.0.1:0")

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.events if type(each) is kind]

    def up(self) -> dict[int, int]:
        """Link -> node of those that stand."""
        links: dict[int, int] = {}
        for event in self.events:
            if type(event) is LinkUp:
                links[event.link] = event.hello.node
            elif type(event) is LinkDown:
                links.pop(event.link, None)
        return links

    def payloads(self, kind: int) -> list[Any]:
        return [each.payload for each in self.of(Frame) if each.kind == kind]


class Wired:
    """Ends that are turned together."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ends: list[End] = []

    def end(self, hello: Hello, tls: Tls | None = None, **more: Any) -> End:
        made = End(hello, tls, **more)
        self.ends.append(made)
        return made

    def pair(self) -> tuple[End, End, int, int]:
        """Node 1 with a client: (node, client, link at the node, link at the client)."""
        node, client = self.end(node_hello(1)), self.end(client_hello())
        number = client.links.dial(1, node.listen(), self.now)
        self.until(lambda: node.up() and client.up())
        return node, client, next(iter(node.up())), number

    def turn(self, seconds: float = 0.0) -> None:
        for end in self.ends:
            end.links.flush()
            end.events += end.links.poll(self.now, seconds)

    def until(self, condition: Callable[[], object]) -> None:
        for _ in range(ROUNDS_MAX):
            if condition():
                return
            self.turn(PATIENCE_SECONDS)
        raise AssertionError("it did not come about")

    def settle(self) -> None:
        """Turn until nothing more happens."""
        quiet = 0
        while quiet < 5:
            before = sum(len(end.events) for end in self.ends)
            self.turn(PATIENCE_SECONDS / 5)
            quiet = quiet + 1 if sum(len(end.events) for end in self.ends) == before else 0

    def close(self) -> None:
        for end in self.ends:
            end.links.close()
