"""The parts of the suite, in their order: what each measures, how it is explained to a reader, how it is shown.

Owns the table; a new part is one more entry, with its lines of explanation, columns and picture. Does not own what is
measured (bench/kv.py and so on) nor the drawing (bench/plots.py). Read next: bench/page.py.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import bank, embedded, events, failover, idle, kv, peers, scale, sql, ycsb
from bench.figures import Row
from bench.report import Tell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Generator[Row, None, None]
SECONDS = 2.0  # of a run
RUNS = 3
KV_SHAPES = (("put", 64, 1), ("put", 8, 32), ("get", 64, 1))  # operation, connections, in flight on each
IDLE_RANGES = 300


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio row is to reach: a figure of it, and the least that is good."""

    operation: str
    figure: str
    least: float
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the report. `seconds`: about what it takes, and it is not begun with less time left.

    `columns` maps fields of rows to headings. `plot` names a function of bench/plots.py.
    """

    name: str
    title: str
    text: tuple[str, ...]
    columns: dict[str, str]
    seconds: float
    run: Callable[[int, Tell], Rows]
    plot: str = ""
    goals: tuple[Goal, ...] = ()
    peers: tuple[str, ...] = ()

    def missing(self) -> str:
        """Peers that are not installed."""
        return ", ".join(each for each in self.peers if each == "etcd" and peers.missing_tools())

    def draw(self, rows: Sequence[Row]) -> "Figure | None":
        """The picture, if there is one and there are rows for it."""
        from bench import plots

        return plots.PICTURES[self.plot](rows) if self.plot and rows else None


def _peer() -> str | None:
    return None if peers.missing_tools() else "etcd"


def _kv(seed: int, tell: Tell) -> Rows:
    for operation, connections, inflight in KV_SHAPES:
        shape = kv.Shape(3, connections, inflight, 1, operation, SECONDS, RUNS, seed)
        yield from kv.run(shape, _peer(), tell)


def _bank(seed: int, tell: Tell) -> Rows:
    yield from bank.run(bank.Shape(seconds=SECONDS, runs=RUNS, seed=seed), _peer(), tell)


def _ycsb(seed: int, tell: Tell) -> Rows:
    yield from ycsb.run(ycsb.Shape(tuple("ABCDEF"), seconds=SECONDS, runs=RUNS, seed=seed), tell)


def _scale(seed: int, tell: Tell) -> Rows:
    yield from scale.run(scale.Shape(seconds=SECONDS, runs=RUNS, seed=seed), tell)


def _events(seed: int, tell: Tell) -> Rows:
    yield from events.run(events.Shape(seed=seed), tell)


def _embedded(seed: int, tell: Tell) -> Rows:
    yield from embedded.run(0.5, RUNS, seed, tell)


def _sql(seed: int, tell: Tell) -> Rows:
    yield from sql.run(0.5, RUNS, seed, tell)


def _failover(seed: int, tell: Tell) -> Rows:
    yield from failover.run(RUNS, tell)


def _idle(seed: int, tell: Tell) -> Rows:
    yield from idle.run(IDLE_RANGES, 5.0, tell)


THROUGHPUT = {"per_second": "a second, median", "per_second_min": "least run", "per_second_max": "best run"}
LATENCY = {"p50_us": "p50 µs", "p99_us": "p99 µs"}
COST = {"cpu_us_per_request_all": "CPU µs a request, all servers"}
CLIENT = {"generator_cpu_share": "cores of the client", "cores_of_others": "cores of other programs"}
FORM = {"connections": "connections", "inflight": "in flight on each"}
WHO = {"peer": "who", "ratio": "ratio", "operation": "operation"}

PARTS: tuple[Part, ...] = (
    Part(
        "kv",
        "Single reads and writes, beside etcd",
        (
            "Three nodes hold one range, three times replicated. Each put writes 100 bytes to one key and is answered "
            "when a majority has it on disk; each get is linearizable, and its value is checked. etcd runs three "
            "members beside them, measured in turns, run by run; the one that is not asked is idle. Its load generator "
            "(h2load) asks for one and the same key, which costs etcd little; ours are spread over 10,000 keys.",
            "64 × 1 is 64 connections with one request in flight on each; 8 × 32 is 8 connections with 32 on each.",
        ),
        WHO | FORM | THROUGHPUT | LATENCY | COST | CLIENT,
        60.0,
        _kv,
        "beside",
        peers=("etcd",),
    ),
    Part(
        "bank",
        "Transactions over two ranges, beside etcd's on one key",
        (
            "64 clients move money between accounts. Each transfer reads two keys in two ranges that are led from "
            "different nodes, and writes both, strictly serializable. At the end the sum of all accounts is verified, "
            "as it is and as it was at moments of the run. etcd's transaction is a smaller one: it compares the value "
            "of one key and puts the same key. Both are asked in turns, run by run, by 64 clients.",
            "Our client is a Python program with one connection; its share of a core is told beside the nodes' CPU.",
        ),
        WHO | {"clients": "clients", "connections": "connections"} | THROUGHPUT | LATENCY | COST | CLIENT,
        30.0,
        _bank,
        "beside",
        goals=(Goal("transfer", "per_second", 0.5, "transfers over two ranges, of etcd's compare-and-put on one key"),),
        peers=("etcd",),
    ),
    Part(
        "ycsb",
        "YCSB's mixes A to F",
        (
            "The mixes of the Yahoo! Cloud Serving Benchmark on three nodes with four ranges: 10,000 records of 1,000 "
            "bytes, 8 connections with 8 operations in flight on each, from one Python program. A: half reads, half "
            "updates. B: 5 % updates. C: reads only. D: reads of new records, 5 % inserts. E: scans of up to 100 "
            "records, 5 % inserts. F: half reads, half read-modify-writes, each a transaction. Records are chosen by "
            "Zipf's law with YCSB's exponent of 0.99, in D counted from the newest.",
            "Every value read must have been written for its key, scans must be in order and miss nothing, and at the "
            "end all records are read back. An operation of E returns 50 records on average.",
        ),
        WHO | {"mix": "mix"} | THROUGHPUT | LATENCY | COST | CLIENT,
        60.0,
        _ycsb,
        "ycsb",
    ),
    Part(
        "scale",
        "The size of the cluster",
        (
            "1, 3, 5, 7 and 9 nodes, each a process, with two ranges for each node. Every range has three replicas "
            "(one, where there is one node), and the leaders are spread over all nodes. Puts of 100 bytes, each to "
            "one range; 16 connections with 16 requests in flight for each node, so that there is always as much to do "
            "for a node.",
            "All nodes and the load generator share the cores of this one machine, so throughput cannot grow with the "
            "nodes here: nine nodes get as many cores as one. What can be seen is whether a request costs more where "
            "there are more nodes. So the axis that counts is requests for each CPU second of all nodes together; with "
            "a core or machine for each node, throughput would follow it. One node writes each put to one disk "
            "instead of three, and so stands apart.",
        ),
        {
            "ratio": "ratio",
            "nodes": "nodes",
            "per_cpu_second": "requests for each CPU second of the nodes",
            "per_second": "a second, median",
            **LATENCY,
            "cpu_us_per_request": "CPU µs a request, each node",
            "cores_of_nodes": "cores: nodes",
            "cores_of_load": "cores: load",
            "cores_of_others": "cores: others",
            "leaders_per_node": "ranges led by each node",
            "limit": "what limits",
        },
        60.0,
        _scale,
        "scale",
        goals=(Goal("scale-put", "per_cpu_second", 0.8, "requests for each CPU second, nine nodes to three"),),
    ),
    Part(
        "events",
        "Latency while the cluster changes",
        (
            "Four nodes, of which three hold each range. 300 requests come each second, half reads, half updates, at a "
            "steady pace: nobody waits for an answer before the next one asks, so who asks in a pause is counted with "
            "his whole wait. Meanwhile a range is split, a replica is moved to another node, the node that "
            "leads most ranges is killed with SIGKILL, and a fresh node joins and takes over its replicas. Every value "
            "read is verified.",
            "The line of an event tells how long it took to be complete, and the latencies from its beginning to that "
            "of the next one. In the picture 30 requests are due in each 100 ms, so that p99 is the longest of them.",
        ),
        {
            "operation": "event",
            "seconds": "seconds until complete",
            "count": "requests",
            **LATENCY,
            "max_us": "longest µs",
        },
        45.0,
        _events,
        "events",
    ),
    Part(
        "embedded",
        "Inside one process, beside SQLite and LMDB",
        (
            "One node in the program's own process, no network: point gets of 10,000 present keys and single puts of "
            "100 bytes, one after the other in one thread, each put on disk before it returns. Beside it SQLite (WAL, "
            "synchronous=FULL) and bare LMDB through py-lmdb, in turns. LMDB is what Argosy keeps rows in: it shows "
            "what versions, a log and transactions cost on top of it.",
        ),
        WHO | THROUGHPUT | {"us": "µs each"},
        15.0,
        _embedded,
        "embedded",
    ),
    Part(
        "sql",
        "SQL inside one process, beside SQLite",
        (
            "One node in the program's own process, asked through the driver for Python programs, argosy.dbapi; beside "
            "it the driver sqlite3 on a file (WAL, synchronous=FULL), by the same lines with the same tables, rows and "
            "parameters, in turns. Each statement is a transaction of its own, but a load of 10,000 rows by "
            "executemany, which is one. Every row that is read is verified, and at the end all that was written.",
            "select: a row of 10,000 by its primary key. update: one column of such a row, on disk before it returns. "
            "join: ten rows, each with one of another table by that one's primary key. aggregate: count and sum over "
            "half of 100,000 rows, by a comparison. load: rows a second. SQLite is written in C and works "
            "on pages in memory; here each row passes through Python, and each statement through transactions that "
            "could span a cluster.",
        ),
        WHO | THROUGHPUT | {"us": "µs each"},
        30.0,
        _sql,
        "embedded",
        goals=(
            Goal("sql-select", "per_second", 0.1, "SELECTs of a row by its primary key, of sqlite3's"),
            Goal("sql-aggregate", "per_second", 0.02, "aggregates over 100,000 rows, of sqlite3's"),
        ),
    ),
    Part(
        "failover",
        "A killed leader",
        (
            "Three nodes; the one that leads the range of all keys is killed with SIGKILL. The time runs from there to "
            "the next acknowledged write. Then it is started again, and the next trial begins.",
        ),
        {
            "operation": "what",
            "trials": "trials",
            "seconds_median": "seconds, median",
            "seconds_min": "least",
            "seconds_max": "longest",
        },
        25.0,
        _failover,
    ),
    Part(
        "idle",
        "Ranges that nobody asks for anything",
        (
            f"{IDLE_RANGES} ranges on three nodes, and no request: how much of a core each node uses, how much memory "
            "a range takes, and how long the first write to a sleeping range waits.",
        ),
        {
            "ranges": "ranges",
            "cpu_share_per_node": "cores used by each node",
            "bytes_per_range": "bytes a range, each node",
            "first_write_ms": "first write, ms",
            "ranges_woken": "ranges woken",
            "woken_seconds": "seconds to wake them, a write and a read each",
        },
        25.0,
        _idle,
    ),
)
