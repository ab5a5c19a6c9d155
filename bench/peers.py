"""etcd beside Argosy: three fresh members on loopback, synced disks, h2load as the load generator.

Owns etcd's processes and how it is asked. h2load sends one fixed body, so every request has the same key, which
costs etcd little; ours are spread over many keys. Needs `etcd` and `h2load` on the PATH (Debian: etcd-server,
nghttp2-client). Read next: bench/report.py.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from bench.cluster import BenchFailed
from bench.figures import Run
from bench.processes import cpu_seconds, free_ports

MEMBERS = 3
KEY = b"key-000000000001"
VALUE = b"v" * 100
START_SECONDS_MAX = 30.0
REQUESTS_MIN = 1000
TRIAL_REQUESTS = 200  # to each member, to find the leader
DEADLINE_SECONDS = 300.0

# Protobuf by hand: (field number << 3 | 2), length, bytes. All lengths here are below 128.
_RANGE_BODY = b"\x0a" + bytes([len(KEY)]) + KEY
_PUT_BODY = _RANGE_BODY + b"\x12" + bytes([len(VALUE)]) + VALUE
_PUT_IN_TXN = b"\x12" + bytes([len(_PUT_BODY)]) + _PUT_BODY
_COMPARE = b"\x10\x03\x1a" + bytes([len(KEY)]) + KEY + b"\x3a" + bytes([len(VALUE)]) + VALUE  # 3: by value
_TXN_BODY = b"\x0a" + bytes([len(_COMPARE)]) + _COMPARE + b"\x12" + bytes([len(_PUT_IN_TXN)]) + _PUT_IN_TXN
METHODS = {
    "put": ("Put", _PUT_BODY),
    "get": ("Range", _RANGE_BODY),  # without flags it reads linearizably
    "txn": ("Txn", _TXN_BODY),  # compare a key's value, and put the same key
}
assert max(map(len, (_PUT_IN_TXN, _COMPARE))) < 128, "a length has one byte"


def missing_tools() -> list[str]:
    """What has to be installed first."""
    return [tool for tool in ("etcd", "h2load") if shutil.which(tool) is None]


def require_etcd() -> None:
    """Raises BenchFailed if it is not installed."""
    if missing := missing_tools():
        raise BenchFailed(f"not installed: {', '.join(missing)} (Debian: etcd-server, nghttp2-client)")


class Etcd:
    """A running cluster of etcd; `leader` is the member that answers writes fastest.

    1. `_rates` has how many requests a second were last done of each operation, connections and inflight.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="argosy-etcd-", dir=os.environ.get("ARGOSY_BENCH_DIR")))
        ports = free_ports(2 * MEMBERS)
        self._client_ports, self._member_ports = ports[:MEMBERS], ports[MEMBERS:]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._rates: dict[tuple[str, int, int], float] = {}
        self.leader = 0

    def __enter__(self) -> "Etcd":
        try:
            self._begin()
        except BaseException:  # Ctrl-C too: nothing is left behind
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._end()

    def _begin(self) -> None:
        """Start the members, wait until they serve, and find the leader."""
        for place in range(MEMBERS):
            self._processes.append(self._start(place))
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            trials = [self._load(place, "put", TRIAL_REQUESTS, 1, 1) for place in range(MEMBERS)]
            if all(trials):
                break
            if time.monotonic() > deadline:
                raise BenchFailed(f"etcd did not serve within {START_SECONDS_MAX:.0f} s")
            time.sleep(0.2)
        self.leader = min(range(MEMBERS), key=lambda place: _median(trials[place]))

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, place: int) -> "subprocess.Popen[bytes]":
        client = f"http://127.0.0.1:{self._client_ports[place]}"
        member = f"http://127.0.0.1:{self._member_ports[place]}"
        everybody = ",".join(f"m{at}=http://127.0.0.1:{port}" for at, port in enumerate(self._member_ports))
        options = {
            "name": f"m{place}",
            "data-dir": str(self._folder / f"m{place}"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": member,
            "initial-advertise-peer-urls": member,
            "initial-cluster": everybody,
            "initial-cluster-state": "new",
            "log-level": "error",
            "logger": "zap",
            "quota-backend-bytes": str(8 << 30),
        }
        command = ["etcd", *(part for name, value in options.items() for part in (f"--{name}", value))]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def warm(self, operation: str, connections: int, inflight: int) -> None:
        """A first run that nobody counts, and that tells how many requests a second there will be."""
        self._run(operation, connections, inflight, REQUESTS_MIN)

    def run_for(self, operation: str, connections: int, inflight: int, seconds: float) -> Run:
        """As many requests as will take about so long, by the run of the same before."""
        rate = self._rates[operation, connections, inflight]
        return self._run(operation, connections, inflight, max(REQUESTS_MIN, int(rate * seconds)))

    def _run(self, operation: str, connections: int, inflight: int, requests: int) -> Run:
        """Send so many requests to the leader. Raises BenchFailed unless every one of them succeeds."""
        before = [cpu_seconds(process.pid) for process in self._processes]
        began = time.monotonic()
        latencies = self._load(self.leader, operation, requests, connections, inflight)
        seconds = time.monotonic() - began
        if latencies is None:
            raise BenchFailed(f"etcd: some of {requests} {operation} requests failed")
        used = [cpu_seconds(each.pid) - start for each, start in zip(self._processes, before, strict=True)]
        span = (latencies[-1][0] - latencies[0][0]) / 1e6  # h2load's own clock, without its start-up
        spent = sorted(each[1] for each in latencies)
        taken = Run(requests, span if span > 0 else seconds, spent, [each * 1e6 / requests for each in used])
        self._rates[operation, connections, inflight] = taken.per_second
        return taken

    def _load(self, place: int, operation: str, requests: int, width: int, depth: int) -> list[tuple[int, int]] | None:
        """(start, latency) in microseconds of each request, in order; None if any failed."""
        method, message = METHODS[operation]
        body, log = self._folder / "body", self._folder / "load.log"
        body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)  # gRPC: not compressed, length, message
        log.unlink(missing_ok=True)
        command = ["h2load", "-t", "1", "-n", str(max(requests, width * depth)), "-c", str(width), "-m", str(depth)]
        command += ["-d", str(body), "--log-file", str(log), "-H", "content-type: application/grpc"]
        command += ["-H", "te: trailers", f"http://127.0.0.1:{self._client_ports[place]}/etcdserverpb.KV/{method}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
        if done.returncode or f"{max(requests, width * depth)} 2xx" not in done.stdout or not log.exists():
            return None
        rows = [tuple(map(int, line.split("\t"))) for line in log.read_text().splitlines()]
        return sorted((row[0], row[2]) for row in rows)


def _median(rows: list[tuple[int, int]] | None) -> float:
    if not rows:
        return float("inf")
    return sorted(row[1] for row in rows)[len(rows) // 2]
