"""The form for trio: tasks whose calls overlap, trio's own time under `run`, and one history for each seed."""

import os
import signal
import subprocess
import sys

import pytest
import trio

import argosy
import argosy.testing
from argosy.testing import AsyncSimulatedCluster
from node.flow import Sleep


async def test_its_database_is_the_one_for_trio():
    async with argosy.testing.cluster(nodes=3, seed=7) as c:
        assert isinstance(c, AsyncSimulatedCluster)
        assert isinstance(c.database, argosy.AsyncDatabase)
        await c.database.put("k", "v")
        c.partition({1}, {2, 3})
        c.crash(2)
        await c.run_for(1.0)
        c.restart(2)
        c.drift(3, 1.0003)
        await c.run_for(5.0)
        c.heal()
        assert await c.database.get("k") == b"v"
        await c.split("m")
        assert [row async for row in c.database.scan()] == [(b"k", b"v")]


async def test_time_stands_still_while_nobody_waits_for_it():
    async with argosy.testing.cluster(seed=1) as c:
        moment = c.now
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert c.now == moment
        await c.run_for(2.0)
        assert c.now == moment + 2.0


async def test_calls_of_several_tasks_overlap():
    async with argosy.testing.cluster(seed=1) as c:
        await c.database.put("k", "v")
        alone = c.now
        await c.database.put("k", "v")
        alone = c.now - alone
        before = c.now
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(c.database.put, b"%d" % number, b"v")
        assert c.now - before < 5 * alone


async def test_each_task_goes_on_when_its_own_time_has_come():
    ended = []
    async with argosy.testing.cluster(seed=1) as c, trio.open_nursery() as nursery:
        begin = c.now

        async def waits(seconds):
            await c.run_for(seconds)
            ended.append(round(c.now - begin, 6))

        for seconds in (3.0, 1.0, 2.0):
            nursery.start_soon(waits, seconds)
    assert ended == [1.0, 2.0, 3.0]


async def test_a_cancelled_call_leaves_nobody_waiting():
    async with argosy.testing.cluster(seed=1) as c:
        await c.database.put("k", "1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(c.database.put, "k", "2")
            nursery.start_soon(c.run_for, 1000.0)
            await c.run_for(0.0001)
            nursery.cancel_scope.cancel()
        moment = c.now
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert c.now == moment
        await c.run_for(1.0)
        assert await c.database.get("k") in (b"1", b"2")


async def test_what_the_block_raises_comes_out_as_it_is():
    with pytest.raises(KeyError):
        async with argosy.testing.cluster(seed=1):
            raise KeyError


async def test_what_breaks_in_the_world_ends_the_block():
    def breaks():
        raise argosy.testing.Violation("broken")

    with pytest.raises(argosy.testing.Violation, match="broken"):
        async with argosy.testing.cluster(seed=1) as c:
            c._formed.world.after(0.1, breaks)
            await c.run_for(1.0)


async def test_a_call_without_an_end_is_a_broken_promise(monkeypatch):
    monkeypatch.setattr("argosy.testing.virtual.CALL_SECONDS_MAX", 30.0)

    def sleeps():
        while True:
            yield Sleep(1.0)

    with pytest.raises(argosy.testing.Violation, match="has not come to its end"):
        async with argosy.testing.cluster(seed=1) as c:
            await c._mover.run(sleeps())


async def test_a_task_that_outlives_the_block_is_told():
    errors = []

    async def outlives(c):
        try:
            await c.run_for(1000.0)
        except RuntimeError as error:
            errors.append(str(error))

    async with trio.open_nursery() as nursery, argosy.testing.cluster(seed=1) as c:
        nursery.start_soon(outlives, c)
        await c.run_for(1.0)
    assert errors == ["the block of this simulated cluster has ended"]
    with pytest.raises(RuntimeError, match="has ended"):
        await c.run_for(1.0)
    with pytest.raises(RuntimeError, match="has ended"):
        await c.database.get("k")


@pytest.mark.parametrize("seconds", ["0", "-1"])
async def test_a_time_to_run_for_is_above_0(seconds):
    async with argosy.testing.cluster(seed=1) as c:
        with pytest.raises(ValueError, match="above 0"):
            await c.run_for(float(seconds))


# -- Ctrl-C --------------------------------------------------------------------------------------------------------


async def test_an_interrupt_leaves_no_task_behind():
    tasks = trio.lowlevel.current_statistics().tasks_living
    with pytest.raises(KeyboardInterrupt):
        async with argosy.testing.cluster(seed=1):
            raise KeyboardInterrupt
    assert trio.lowlevel.current_statistics().tasks_living == tasks


def test_a_signal_ends_a_program_that_waits_for_the_cluster():
    left = []

    async def main():
        async with argosy.testing.cluster(seed=1) as c:
            c._formed.world.after(0.5, lambda: signal.raise_signal(signal.SIGINT))
            try:
                await c.run_for(1000.0)
            finally:
                left.append(c)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    with pytest.raises(RuntimeError, match="has ended"):
        left[0].crash(1)


# -- trio's own time -----------------------------------------------------------------------------------------------


def test_under_run_sleeping_and_time_outs_are_simulated():
    async def main(c):
        assert trio.current_time() == c.now
        begin = c.now
        await trio.sleep(30.0)
        assert c.now == pytest.approx(begin + 30.0)
        assert trio.current_time() == c.now
        c.crash(1), c.crash(2)
        with trio.move_on_after(2.0) as scope:
            await c.database.put("k", "v")
        assert scope.cancelled_caught
        assert c.now == pytest.approx(begin + 32.0)
        c.restart(1), c.restart(2)
        await c.database.put("k", "v")
        return await c.database.get("k")

    assert argosy.testing.run(main, nodes=3, seed=7) == b"v"


def test_under_run_the_world_goes_on_while_tasks_sleep():
    async def main(c):
        old = c.leader("k")
        c.crash(old)
        await trio.sleep(5.0)
        return c.leader("k") not in (None, old)

    assert argosy.testing.run(main)


def test_under_run_a_program_may_wait_for_the_real_world_and_then_sleep():
    async def main(c):
        begin = c.now
        await trio.to_thread.run_sync(os.getpid)
        await trio.sleep(1.0)
        return c.now - begin

    assert argosy.testing.run(main) == pytest.approx(1.0)


def test_what_main_raises_comes_out_of_run():
    async def main(c):
        raise KeyError

    with pytest.raises(KeyError):
        argosy.testing.run(main)


async def test_trio_draws_its_lots_by_itself_again_afterwards(monkeypatch):
    lots = trio._core._run
    monkeypatch.setattr(lots, "_ALLOW_DETERMINISTIC_SCHEDULING", False)  # Hypothesis has set it
    before = lots._r.getstate(), lots._ALLOW_DETERMINISTIC_SCHEDULING
    async with argosy.testing.cluster(seed=1) as c:
        await c.run_for(1.0)
        assert lots._ALLOW_DETERMINISTIC_SCHEDULING
        assert lots._r.getstate() != before[0]
    assert (lots._r.getstate(), lots._ALLOW_DETERMINISTIC_SCHEDULING) == before


# -- one history ---------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
import argosy, argosy.testing, trio

history = []

async def program(c):
    @argosy.transactional
    async def add(tx, key):
        tx.put(key, b"%d" % (int(await tx.get(key) or 0) + 1))

    async def works(number):
        for turn in range(5):
            with trio.move_on_after(0.5 + number) as scope:
                try:
                    await add(c.database, "k%d" % (turn % 2))
                    history.append((number, turn, repr(c.now)))
                except argosy.OutcomeUnknown:
                    history.append((number, turn, "unknown", repr(c.now)))
            if scope.cancelled_caught:
                history.append((number, turn, "late", repr(c.now)))
            WAIT

    ready = trio.Event()

    async def waits(number):
        await ready.wait()
        history.append((number, repr(c.now)))

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(works, number)
            nursery.start_soon(waits, 100 + number)
        await c.run_for(0.05)
        ready.set()
        c.crash(c.leader("k0"))
        await c.run_for(1.0)
        c.partition({1}, {2, 3})
        await c.run_for(1.0)
        c.heal()
    history.append(sorted([row async for row in c.database.scan()]))

seed = int(sys.argv[1])
MAIN
print(*history, sep="\\n")
"""

RUN = "argosy.testing.run(program, seed=seed)"
BLOCK = """
async def main():
    async with argosy.testing.cluster(seed=seed) as c:
        await program(c)

trio.run(main)
"""


def history(seed, hash_seed, wait, main):
    program = PROGRAM.replace("WAIT", wait).replace("MAIN", main)
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(seed)], env=environment, check=True, capture_output=True, timeout=900
    )
    return done.stdout


@pytest.mark.parametrize(
    ("wait", "main"),
    [("await trio.sleep(0.01 * number)", RUN), ("await c.run_for(0.01 * number + 0.01)", BLOCK)],
    ids=["run", "cluster"],
)
def test_a_seed_has_one_history_in_every_process(wait, main):
    first = history(5, 1, wait, main)
    assert len(first.splitlines()) > 40
    assert history(5, 2, wait, main) == first
    assert history(6, 1, wait, main) != first
