"""Deaths: of the writer, of a dump's child, of the node; none of them loses or doubles anything."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import feed
from node.errors import DiskError
from node.ports import Dumped, Failed, Flushed, Restored
from node.state import State
from node.writer import encode_chunk
from tests.node.applied import ALL, expected, rows, wait_for, write

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def state(place: Path) -> Iterator[State]:
    opened = State(place, print)
    yield opened
    opened.close(flush=False)


def test_a_writer_that_is_killed_is_started_and_fed_again(state: State) -> None:
    write(state, 1)
    state.wait_flushed()
    for index in range(2, 6):
        write(state, index)
        state.flush()
        old = state._feed.process
        os.kill(old, signal.SIGKILL)
        assert wait_for(state, Flushed)[-1] == Flushed(((1, index),))
        assert state._feed.process != old
        assert rows(state) == expected(index)


def test_what_a_killed_writer_had_committed_is_not_committed_again(place: Path) -> None:
    state = State(place, print)
    write(state, 1)
    state.flush()
    state.pump()
    select.select(state.filenos(), [], [])  # the first generation is committed; nobody has heard of it yet
    write(state, 2)
    state.flush()
    os.kill(state._feed.process, signal.SIGKILL)
    assert wait_for(state, Flushed, 2) == [Flushed(((1, 1),)), Flushed(((1, 2),))]
    assert state._feed._deaths == 0
    assert rows(state) == expected(2)
    state.close()


def test_writers_that_die_again_and_again_stop_the_node(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "DEATHS_MAX", 1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    os.kill(state._feed.process, signal.SIGKILL)
    (failed,) = wait_for(state, Failed)
    assert "died 2 times in a row" in failed.what
    assert state.pump() == []


def test_a_dump_whose_child_is_killed_is_begun_again(state: State) -> None:
    write(state, 1, b"m")
    state.wait_flushed()
    state.dump(1, 1, *ALL)
    state._dumps[0]._child.kill()
    (dumped,) = (each for each in wait_for(state, Dumped) if isinstance(each, Dumped))
    assert dumped.index == 1
    assert len(dumped.chunks) == 1


def test_a_restore_is_sent_again_to_a_new_writer(state: State) -> None:
    write(state, 1)
    state.wait_flushed()
    os.kill(state._feed.process, signal.SIGSTOP)
    state.restore(1, 9, b"new", *ALL, [encode_chunk(b"\1", (b"k\1",), (b"v",))])
    state.pump()
    os.kill(state._feed.process, signal.SIGKILL)
    assert wait_for(state, Restored) == [Restored(1)]
    assert rows(state) == [(b"k", b"\1", b"v")]


NODE = """
import sys
sys.path.insert(0, sys.argv[2])
from node.state import State
from tests.node.applied import write
state = State(sys.argv[1], print)
print(state._feed.process, flush=True)
index = max((index for index, _ in state.marks().values()), default=0)
while True:
    index += 1
    write(state, index, b"m%d" % index)
    if index % 5 == 0:
        state.flush()
    for event in state.pump():
        print(event.marks[0][1], flush=True)
"""


def running(process: int) -> bool:
    """False for a process that has ended, even if nobody has waited for it."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


def test_a_killed_node_leaves_rows_that_match_its_mark(place: Path) -> None:
    done = 0
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", NODE, str(place), str(ROOT)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(4)]
        child.kill()
        child.wait()
        child.stdout.close()
        told = int(lines[-1])
        assert told > done
        again = State(place, print)  # waits for the old writer, which ends by itself
        assert not running(int(lines[0]))
        index, mark = again.marks()[1]
        assert index >= told
        assert mark == b"m%d" % index
        assert rows(again) == expected(index)
        again.close()
        done = index


def test_a_state_waits_until_the_old_writer_has_ended(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", NODE, str(place), str(ROOT)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    old = int(child.stdout.readline())
    os.kill(old, signal.SIGSTOP)
    child.kill()
    child.wait()
    child.stdout.close()
    waited: list[bool] = []

    def flock(descriptor: int, operation: int) -> None:
        with pytest.raises(BlockingIOError):
            take(descriptor, operation | fcntl.LOCK_NB)
        os.kill(old, signal.SIGCONT)
        take(descriptor, operation)
        waited.append(running(old))

    take = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", flock)
    try:
        State(place, print).close()
    finally:
        if running(old):
            os.kill(old, signal.SIGKILL)
    assert waited == [False]


def test_the_writer_ignores_the_interrupt_of_the_terminal(state: State) -> None:
    old = state._feed.process
    os.kill(old, signal.SIGINT)
    write(state, 1)
    assert state.wait_flushed() == [Flushed(((1, 1),))]
    assert state._feed.process == old


def test_a_forked_child_cannot_touch_the_state(state: State) -> None:
    write(state, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        child = os.fork()
    if child == 0:
        try:
            state.get(b"last", b"\1")
        except DiskError:
            os._exit(7 if state.pump() == [] else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert state.wait_flushed() == [Flushed(((1, 1),))]
