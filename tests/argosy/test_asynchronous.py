"""The form for trio on a real embedded node, and as a client of one."""

import pytest
import trio

import argosy
from bench.processes import free_ports
from node.errors import AddressError, DirectoryError, NodeError


@pytest.fixture
async def db(tmp_path):
    async with argosy.open(tmp_path / "data") as opened:
        yield opened


async def test_keys_come_and_go(db):
    assert await db.get("fruit") is None
    await db.put("fruit", "apple")
    assert await db.get(b"fruit") == b"apple"
    await db.delete("fruit")
    assert await db.get("fruit") is None


async def test_scans_and_batches(db):
    rows = [(b"%05d" % number, b"x" * 300) for number in range(6000)]
    assert await db.batch(rows) == 6000
    assert [row async for row in db.scan()] == rows
    assert [row async for row in db.scan(reverse=True, limit=2)] == rows[:-3:-1]
    assert [row async for row in db.scan("00003", "00005")] == rows[3:5]
    assert await db.get_many(["00001", "none"]) == [b"x" * 300, None]


async def test_transactions(db):
    async with db.transaction() as tx:
        tx.put("a", b"1")
        assert await tx.get("a") == b"1"
        assert await db.get("a") is None
    assert await db.get("a") == b"1"
    with pytest.raises(argosy.Aborted):
        async with db.transaction() as tx:
            tx.put("a", await tx.get("a") + b"0")
            await db.put("a", b"2")
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            tx.delete("a")
            raise ZeroDivisionError
    assert await db.get("a") == b"2"


@argosy.transactional
async def add(tx, key, amount):
    tx.put(key, b"%d" % (int(await tx.get(key) or 0) + amount))


async def test_tasks_share_a_database(db):
    async def work():
        for _ in range(5):
            await add(db, "n", 1)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(work)
    assert await db.get("n") == b"40"


async def test_what_the_block_raises_comes_out_as_it_is(tmp_path):
    with pytest.raises(ZeroDivisionError):
        async with argosy.open(tmp_path / "data"):
            raise ZeroDivisionError


async def test_a_cancelled_operation_leaves_the_database_usable(db):
    with trio.CancelScope() as scope:
        scope.cancel()
        await db.put("a", b"1")
    assert scope.cancelled_caught
    await db.put("b", b"2")
    assert await db.get("b") == b"2"


async def test_a_cancelled_block_closes_the_directory(tmp_path):
    with trio.CancelScope() as scope:
        async with argosy.open(tmp_path / "data") as db:
            await db.put("a", b"1")
            scope.cancel()
            await trio.lowlevel.checkpoint()
    async with argosy.open(tmp_path / "data") as db:
        assert await db.get("a") == b"1"


async def test_a_directory_is_opened_once(tmp_path):
    async with argosy.open(tmp_path / "data"):
        with pytest.raises(DirectoryError, match="in use"):
            async with argosy.open(tmp_path / "data"):
                pass


async def test_nobody_to_connect_to():
    with pytest.raises(AddressError, match="no node answers"):
        async with argosy.connect(f"127.0.0.1:{free_ports(1)[0]}"):
            pass


async def test_a_client_beside_the_node(tmp_path):
    address = f"127.0.0.1:{free_ports(1)[0]}"
    async with argosy.open(tmp_path / "data", listen=address) as db, argosy.connect(address) as client:
        await client.put("a", b"1")
        assert await db.get("a") == b"1"

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(add, client, "n", 1)
        assert [row async for row in client.scan()] == [(b"a", b"1"), (b"n", b"8")]
        with pytest.raises(ZeroDivisionError):
            async with client.transaction() as tx:
                tx.put("a", b"2")
                raise ZeroDivisionError
        assert await client.get("a") == b"1"


async def test_a_closed_database_says_so(tmp_path):
    async with argosy.open(tmp_path / "data") as db:
        pass
    with pytest.raises(NodeError, match="closed"):
        await db.get("a")


async def test_a_snapshot_shows_what_stood_then(tmp_path):
    async with argosy.open(tmp_path / "data") as db:
        async with db.transaction() as tx:
            tx.put("a", b"1")
        await db.put("a", b"2")
        async with db.snapshot(tx.timestamp) as past, db.snapshot(staleness=1.0) as lately:
            assert await past.get("a") == b"1"
            assert [row async for row in past.scan()] == [(b"a", b"1")]
            with pytest.raises(argosy.BadInput, match="for reading only"):
                lately.put("a", b"3")
