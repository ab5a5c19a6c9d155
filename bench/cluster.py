"""A cluster of real node processes on loopback, in directories of its own.

Owns the processes and their directories, both gone at the end. Does not own load (bench/generator.py).
Read next: bench/processes.py.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from argosy import remote
from argosy.cli.orders import Session, all_ranges
from bench.processes import free_ports
from node.errors import NodeError
from node.flow import Flow, Gather, Sleep
from node.messages import Done, Refused
from ranges.keys import USER
from ranges.placement.messages import (
    ClusterStatus,
    ListNodes,
    NodeStatus,
    RangeStatus,
    Rules,
    SetRules,
    SplitRange,
)
from txn.errors import Unavailable

START_SECONDS_MAX = 30.0
POLL_SECONDS = 0.05
PAUSE_SECONDS_MAX = 2.0  # between two orders of the same split
CALL_SECONDS = 10.0
LOG_LINES = 40  # of each node, shown when a measurement fails
SPLITS_AT_ONCE = 64
LOOK_SECONDS = 0.25
STABLE_SECONDS = 5.0  # longer than a range rests between two moves
SETTLE_SECONDS_MAX = 90.0
RULES = Rules(replicas=3, split_bytes=1 << 40)  # the ranges of a measurement are those asked for, and stay so
T = TypeVar("T")


class BenchFailed(Exception):
    """A measurement cannot be trusted; the text says why."""


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = START_SECONDS_MAX) -> T:
    """Ask until there is an answer that is true; what is refused or out of reach counts as no answer."""
    deadline = time.monotonic() + seconds
    last: object = "no answer"
    while time.monotonic() < deadline:
        try:
            found = probe()
            if found:
                return found
            last = found
        except (NodeError, Unavailable) as error:
            last = error
        time.sleep(POLL_SECONDS)
    raise BenchFailed(f"{what}: not within {seconds:.0f} s; last: {last}")


class Cluster:
    """Node processes 1 … n, of which node k is `processes[k - 1]`; `addresses` likewise."""

    def __init__(self, folder: str | None = None) -> None:
        base = folder or os.environ.get("ARGOSY_BENCH_DIR")
        self.folder = Path(tempfile.mkdtemp(prefix="argosy-", dir=base))
        self.processes: list[subprocess.Popen[bytes]] = []
        self.addresses: list[str] = []

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, Exception):  # not Ctrl-C
            self._show_logs()
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, count: int, rules: Rules | None = None) -> None:
        """Bring up that many nodes, and wait until group 0 knows all of them and all ranges are healthy."""
        self.add_node()
        wait_for("the first node answers", lambda: self.order(ClusterStatus()))
        if rules is not None:
            self.order(SetRules(rules))
        for _ in range(count - 1):
            self.add_node()
        self.wait_healthy(count)

    def start_settled(self, count: int, keys: Sequence[bytes] = (), rules: Rules = RULES) -> None:
        """Bring up that many nodes with ranges that begin at these keys, and wait until leaders move no more."""
        self.start(count, rules)
        self.split_at(keys, SETTLE_SECONDS_MAX)
        self.wait_settled(len(keys) + 1)
        self.wait_healthy(count)

    def wait_settled(self, ranges: int) -> None:
        """Wait until so many ranges of user keys have leaders that stay where they are."""

        last, since = self.leaders(), time.monotonic()

        def settled() -> bool:
            nonlocal last, since
            time.sleep(LOOK_SECONDS)
            found = self.leaders()
            if found != last:
                last, since = found, time.monotonic()
            stable = ranges == 1 or time.monotonic() - since >= STABLE_SECONDS
            return len(found) == ranges and all(found) and stable

        wait_for("leaders that stay where they are", settled, SETTLE_SECONDS_MAX)

    def leaders(self) -> list[int]:
        """The node that leads each range of user keys, in key order; 0 where nobody has said so."""
        return [found.leader for found in self.ranges() if found.descriptor.end > USER]

    def add_node(self) -> int:
        """Start one more node process, which joins the first node's cluster; returns its place, from 1."""
        address = f"127.0.0.1:{free_ports(1)[0]}"
        join = ["--join", ",".join(self.living())] if self.addresses else []
        self.addresses.append(address)
        self.processes.append(self._run(len(self.addresses), join))
        return len(self.addresses)

    def _run(self, place: int, extra: list[str]) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "argosy.cli", "start", "--data", str(self.folder / f"n{place}")]
        command += ["--listen", self.addresses[place - 1], *extra]
        with open(self.folder / f"n{place}.log", "ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def restart(self, place: int) -> None:
        """Start a node that was killed again, on its directory."""
        self.processes[place - 1] = self._run(place, [])

    def kill(self, place: int) -> None:
        """SIGKILL a node, as a power cut would end it."""
        process = self.processes[place - 1]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def living(self) -> list[str]:
        """Addresses of the nodes whose processes run."""
        running = zip(self.addresses, self.processes, strict=False)
        return [address for address, process in running if process.poll() is None]

    def address(self) -> str:
        """All living nodes' addresses, as a client takes them. Raises BenchFailed if there are none."""
        living = self.living()
        if not living:
            raise BenchFailed("every node's process has ended")
        return ",".join(living)

    def order(self, message: Any) -> Any:
        """Group 0's answer to a message. Raises `Unavailable`, or BenchFailed if it was refused."""
        with remote.control(self.address(), None) as control:
            reply = control(message)
        if isinstance(reply, Refused):
            raise BenchFailed(f"{message}: {reply.why}")
        return reply

    def wait_healthy(self, nodes: int, seconds: float = START_SECONDS_MAX) -> None:
        """Wait until so many nodes are known and every range has its replicas, alive."""

        def healthy() -> bool:
            if len(self.living()) < nodes:
                raise BenchFailed(f"{nodes} nodes are to be healthy, but only {len(self.living())} processes run")
            status = self.order(ClusterStatus())
            voters = min(nodes, status.rules.replicas)
            whole = all(sum(each.voter for each in found.descriptor.replicas) >= voters for found in self.ranges())
            safe = status.healthy and status.failures >= (voters - 1) // 2  # group 0 counts too
            return bool(whole and safe and status.nodes >= nodes and not status.moving)

        wait_for(f"{nodes} healthy nodes", healthy, seconds)

    def nodes(self) -> tuple[NodeStatus, ...]:
        """Every node as group 0 sees it."""
        found: tuple[NodeStatus, ...] = self.order(ListNodes()).nodes
        return found

    def ranges(self) -> list[RangeStatus]:
        """Every range in key order."""
        return all_ranges(Session(self.address(), None, as_json=False).ask)

    def place_of(self, node: int) -> int:
        """Which process a node id is."""
        address = next(each.address for each in self.nodes() if each.node == node)
        return self.addresses.index(address) + 1

    def split_at(
        self,
        keys: Sequence[bytes],
        seconds: float = START_SECONDS_MAX,
        tell: Callable[[int], None] = lambda done: None,
        space: bytes = USER,
    ) -> None:
        """Split so that a range begins at each of these keys of a space, in rounds that halve: all splits of a round
        meet different ranges, and go on at once. `tell` hears how many are done."""
        done = 0
        with remote.runner(self.address(), None) as (connection, calls):

            def split_all(left: Iterator[bytes]) -> Flow[None]:
                nonlocal done
                for key in left:
                    yield from split(key)
                    done += 1
                    tell(done)

            def split(key: bytes) -> Flow[None]:
                reply: Any = None
                pause = POLL_SECONDS
                while not isinstance(reply, Done):
                    if connection.clock.now() > until:
                        raise BenchFailed(f"no split at {key!r} within {seconds:.0f} s; last: {reply}")
                    reply = yield from connection.core.router.control(SplitRange(space + key), CALL_SECONDS)
                    if not isinstance(reply, Done):
                        yield Sleep(pause)  # the range rests from another change, or the nodes are busy
                        pause = min(2 * pause, PAUSE_SECONDS_MAX)

            def everything() -> Flow[None]:
                for level in _levels(keys):
                    left = iter(level)
                    yield Gather(tuple(split_all(left) for _ in range(min(len(level), SPLITS_AT_ONCE))))

            until = connection.clock.now() + seconds
            calls.run(everything())

    def _show_logs(self) -> None:
        for path in sorted(self.folder.glob("*.log")):
            tail = path.read_text(errors="replace").splitlines()[-LOG_LINES:]
            if tail:
                print(f"--- {path.name}", *tail, sep="\n", file=sys.stderr)


def _levels(keys: Sequence[bytes]) -> list[list[bytes]]:
    """The keys so that halves come first, each level between those before it."""
    levels, spans = [], [(0, len(keys))]
    while spans:
        level, deeper = [], []
        for first, last in spans:
            if first < last:
                middle = (first + last) // 2
                level.append(keys[middle])
                deeper += [(first, middle), (middle + 1, last)]
        levels.append(level)
        spans = deeper
    return levels
