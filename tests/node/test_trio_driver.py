"""The trio driver: one task turns the engine; callers in other tasks are answered without tasks of their own."""

from collections.abc import Iterator

import pytest
import trio
import trio.testing

from node.drivers import trio as driver_module
from node.drivers.trio import TrioDriver, run
from node.ports import LOCAL_LINK, Frame, Kind
from tests.node.hosted import DURABLE, PLAIN, STOP, Node
from tests.node.wired import Wired, client_hello


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


def request(copy: int, body: bytes) -> Frame:
    return Frame(LOCAL_LINK, Kind.REQUESTS, ((copy, 0, 0, body),))


async def replied(node: Node, copy: int) -> bytes:
    with trio.fail_after(60):
        while copy not in node.replies:
            await trio.lowlevel.checkpoint()
    return node.replies[copy]


async def test_injected_frames_are_answered(node: Node) -> None:
    driver = TrioDriver(node.engine)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        await trio.testing.wait_all_tasks_blocked()
        driver.inject(request(1, PLAIN))
        driver.inject(request(2, DURABLE))
        assert await replied(node, 1) == PLAIN
        assert await replied(node, 2) == DURABLE
        nursery.cancel_scope.cancel()
    assert node.engine.stopped is None


async def test_a_step_answers_within_the_calling_task(node: Node) -> None:
    driver = TrioDriver(node.engine)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        await trio.testing.wait_all_tasks_blocked()
        node.engine.inject(request(1, PLAIN))
        driver.step()
        assert node.replies == {1: PLAIN}, "no task was changed"
        nursery.cancel_scope.cancel()


async def test_an_earlier_deadline_wakes_the_waiting_task(node: Node) -> None:
    driver = TrioDriver(node.engine)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        await trio.testing.wait_all_tasks_blocked()
        node.engine.inject(request(1, PLAIN))
        node.host.wake_at = node.engine.clock.now() + 0.01
        driver.step()
        with trio.fail_after(60):
            while node.host.wake_at < float("inf"):
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


async def test_a_due_host_does_not_starve_other_tasks(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "TURNS_MAX", 2)
    monkeypatch.setattr(type(node.host), "wake_at", property(lambda _: 0.0, lambda _, __: None), raising=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, node.engine)
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert len(node.host.steps) > 10


async def test_it_ends_when_the_node_stops(node: Node) -> None:
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, node.engine)
            await trio.testing.wait_all_tasks_blocked()
            node.engine.notify(request(1, STOP))
    assert node.engine.stopped == "told to stop"


async def test_a_step_that_stops_the_node_ends_the_task(node: Node) -> None:
    driver = TrioDriver(node.engine)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.run)
            await trio.testing.wait_all_tasks_blocked()
            node.engine.inject(request(1, STOP))
            driver.step()


@pytest.mark.parametrize("alone", [False, True])
async def test_clients_are_served_over_sockets_and_other_tasks_have_their_turns(node: Node, alone: bool) -> None:
    wired = Wired()
    clients = [wired.end(client_hello()) for _ in range(3)]
    address = node.links.listen("127.0.0.1:0")
    links = [client.links.dial(1, address, wired.now) for client in clients]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(TrioDriver(node.engine, alone).run)
        with trio.fail_after(60):
            while not all(client.up() for client in clients):
                wired.turn()
                await trio.lowlevel.checkpoint()
            for client, link in zip(clients, links, strict=True):
                client.links.send(link, Kind.REQUESTS, ((1, 0, 0, PLAIN), (2, 0, 0, DURABLE)))
            while not all(len(client.payloads(Kind.REPLIES)) == 2 for client in clients):
                wired.turn()
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    wired.close()
