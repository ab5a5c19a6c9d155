"""`python -m bench` (also `argosy bench`): the command line of the bench.

Owns the options and the exit codes: 0 done, 1 a measurement cannot be trusted (one line says why), 130 interrupted.
Imports are late, so that `--help` is quick. Read next: bench/__init__.py.
"""

import signal
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click

from argosy.testing.linear import Violation
from argosy.testing.workloads import WORKLOADS
from bench.cluster import BenchFailed
from bench.figures import Row

INTERRUPTED = 130
NODES_MAX = 9
PART_NAMES = ("kv", "bank", "ycsb", "scale", "events", "embedded", "sql", "failover", "idle")
Command = TypeVar("Command", bound=Callable[..., Any])
Measure = Callable[[Callable[[str], None]], Iterable[Row]]


def measured(as_json: bool, measure: Measure) -> None:
    """Measure while telling of it, and print; JSON begins with a line on versions, machine, parameters and seed."""
    from bench.about import about
    from bench.report import show, telling

    command = click.get_current_context()
    if as_json:
        show([about(str(command.info_name), command.params)], as_json)
    with telling() as tell:
        for row in measure(tell):
            show([row], as_json)


def json_option(command: Command) -> Command:
    """Of every command that measures."""
    text = "Print JSON lines: first versions, machine, parameters and seed, then the results with every single run."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def seed_option(command: Command) -> Command:
    """Of every command whose load is chosen by chance."""
    return click.option("--seed", default=1, help="Of what the clients choose.")(command)


class Group(click.Group):
    """Tells why a measurement cannot be trusted in one line; lists its commands as they stand below."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The suite first, what it is made of next, tools last."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends nodes as Ctrl-C does
        failure: BaseExceptionGroup[BaseException] | None = None
        try:
            return super().invoke(ctx)
        except* (BenchFailed, Violation, KeyboardInterrupt) as errors:
            failure = errors
        if failure.subgroup(KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        raise click.ClickException(str(_first(failure))) from failure


def _first(error: BaseException) -> BaseException:
    """What stands innermost, of groups of groups."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _require_pictures() -> None:
    """Before anything is measured for a report. Raises ClickException."""
    if find_spec("matplotlib") is None:
        text = "the report needs matplotlib for its pictures: pip install 'argosy[bench]'"
        raise click.ClickException(f"{text}. All other commands do without.")


def _sizes(command: click.Context, option: click.Parameter, text: str) -> tuple[int, ...]:
    """Numbers between commas."""
    sizes = tuple(int(part) if part.isdigit() else 0 for part in text.split(","))
    if not all(1 <= size <= NODES_MAX for size in sizes):
        raise click.BadParameter(f"{text!r} is not numbers from 1 to {NODES_MAX}, separated by commas")
    return sizes


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Measure Argosy on this machine: real processes over loopback, every commit synced, every read verified.

    Directories go to $ARGOSY_BENCH_DIR, else to /tmp, and are gone at the end. Ctrl-C ends all that was started.

    \b
    python -m bench suite --minutes 5                      as much as fits; then open bench-report/report.html
    python -m bench kv --write --peer etcd --json          every run, with versions, machine and seed
    python -m bench compare old.json new.json --fail       for a check of a change
    """


@main.command(short_help="Everything in ten minutes, and one report to read: begin here.")
@click.option("--output", default="bench-report", type=click.Path(file_okay=False, path_type=Path), help="A folder.")
@click.option("--minutes", default=10.0, type=click.FloatRange(0.1), help="No part begins that would take longer.")
@click.option("--only", multiple=True, type=click.Choice(PART_NAMES), help="This part; may be repeated. Else all.")
@seed_option
def suite(output: Path, minutes: float, only: tuple[str, ...], seed: int) -> None:
    """All parts in turn, with the peers that are installed, and one report: report.html, with its pictures inside.

    The folder also gets the pictures as PNG files and results.json, the rows that `compare` and `report` read. Ctrl-C
    stops cleanly: what was measured by then is reported, and the exit code is 130.
    """
    _require_pictures()
    from bench.about import about
    from bench.report import telling
    from bench.suite import Suite, chosen

    parameters = {"minutes": minutes, "only": list(only), "seed": seed}
    with telling() as tell:
        found = Suite(output, minutes, seed, tell)
        path = found.run(about("suite", parameters), chosen(only))
    click.echo(path)
    if found.interrupted:
        sys.exit(INTERRUPTED)


@main.command(short_help="Make the report anew from the results of a suite.")
@click.argument("results", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", default="bench-report", type=click.Path(file_okay=False, path_type=Path), help="A folder.")
def report(results: Path, output: Path) -> None:
    """Make the report anew from the results.json of `suite`, without measuring."""
    _require_pictures()
    from bench import page
    from bench.compare import read

    output.mkdir(parents=True, exist_ok=True)
    click.echo(page.write(output, read(results)))


@main.command(short_help="Puts, gets, and YCSB's mixes A to F; puts and gets beside etcd.")
@click.option("--nodes", default=3, type=click.IntRange(1, NODES_MAX), help="Node processes.")
@click.option("--connections", default=64, type=click.IntRange(1, 4096), help="TCP connections.")
@click.option("--inflight", default=1, type=click.IntRange(1, 1024), help="Requests in flight on each.")
@click.option("--ranges", default=1, type=click.IntRange(1, 1024), help="Ranges that the keys are spread over.")
@click.option("--read", "operation", flag_value="get", help="Linearizable gets.")
@click.option("--write", "operation", flag_value="put", default="put", help="Puts of 100 bytes.")
@click.option("--ycsb", "mixes", multiple=True, type=click.Choice("ABCDEF"), help="This YCSB mix; may be repeated.")
@click.option(
    "--keys", type=click.Choice(["uniform", "zipfian", "latest"]), help="YCSB: which; else as the mix has it."
)
@click.option("--records", default=10_000, type=click.IntRange(100, 10_000_000), help="YCSB: records at first.")
@click.option("--value-bytes", default=1_000, type=click.IntRange(100, 1 << 20), help="YCSB: size of a record.")
@click.option("--seconds", default=5.0, help="Length of each run.")
@click.option("--runs", default=3, type=click.IntRange(1), help="Runs; the medians are printed.")
@click.option("--peer", type=click.Choice(["etcd"]), help="Take turns with etcd, and print the ratios. Not for YCSB.")
@seed_option
@json_option
def kv(as_json: bool, peer: str | None, operation: str, mixes: tuple[str, ...], keys: str | None, **shape: Any) -> None:
    """One-shot operations, every commit synced: puts or gets over the wire, or YCSB's mixes.

    \b
    A  50 % reads, 50 % updates, zipfian          D  95 % reads of new records, 5 % inserts, latest
    B  95 % reads, 5 % updates, zipfian           E  95 % scans of up to 100 records, 5 % inserts, zipfian
    C  reads only, zipfian                        F  50 % reads, 50 % read-modify-writes, zipfian

    Puts and gets come from a lean process that speaks the wire protocol, to keys chosen uniformly; the value of each
    get is checked. YCSB goes through the client library, in this process; every value read must have been written for
    its key, scans miss nothing, and at the end all is read back. Several mixes follow each other on one cluster.
    """
    if mixes:
        from bench import ycsb

        if peer:
            raise click.UsageError("--peer is for puts and gets, not for --ycsb")
        measured(as_json, lambda tell: ycsb.run(ycsb.Shape(mixes, keys=keys or "", **shape), tell))
        return
    from bench.kv import Shape, run

    if keys:
        raise click.UsageError("--keys is for --ycsb")
    plain = {name: value for name, value in shape.items() if name not in ("records", "value_bytes")}
    measured(as_json, lambda tell: run(Shape(operation=operation, **plain), peer, tell))


@main.command(short_help="One node in this process, beside SQLite and bare LMDB.")
@click.option("--seconds", default=2.0, help="Length of each run.")
@click.option("--runs", default=3, type=click.IntRange(1), help="Runs of each store, in turns.")
@seed_option
@json_option
def embedded(seconds: float, runs: int, seed: int, as_json: bool) -> None:
    """One node in this process beside sqlite3 and bare LMDB on files: point gets and durable puts, in turns."""
    from bench.embedded import run

    measured(as_json, lambda tell: run(seconds, runs, seed, tell))


@main.command(short_help="SQL in this process through argosy.dbapi, beside SQLite.")
@click.option("--seconds", default=1.0, help="Length of each run.")
@click.option("--runs", default=3, type=click.IntRange(1), help="Runs of each store, in turns.")
@seed_option
@json_option
def sql(seconds: float, runs: int, seed: int, as_json: bool) -> None:
    """SQL through the driver on a node in this process, beside sqlite3 on a file, in turns.

    A SELECT and an UPDATE by primary key, a join of ten rows, an aggregate over 100,000 rows, and rows loaded by
    executemany. sqlite3 runs in WAL mode with synchronous=FULL; every row that is read is verified.
    """
    from bench.sql import run

    measured(as_json, lambda tell: run(seconds, runs, seed, tell))


@main.command(short_help="Transactions over several ranges; beside etcd's on one key.")
@click.option("--nodes", default=3, type=click.IntRange(1, NODES_MAX), help="Node processes.")
@click.option("--clients", default=64, type=click.IntRange(1, 1024), help="Clients, each with one transfer at a time.")
@click.option("--connections", default=1, type=click.IntRange(1, 1024), help="Connections that our clients share.")
@click.option("--ranges", default=2, type=click.IntRange(2, 64), help="Ranges that the accounts lie in.")
@click.option("--accounts", default=10_000, type=click.IntRange(10, 1_000_000), help="Accounts in each range.")
@click.option("--seconds", default=5.0, help="Length of each run.")
@click.option("--runs", default=3, type=click.IntRange(1), help="Runs; the medians are printed.")
@click.option("--peer", type=click.Choice(["etcd"]), help="Take turns with etcd, and print the ratios.")
@seed_option
@json_option
def bank(as_json: bool, peer: str | None, **shape: Any) -> None:
    """Transactions over two ranges that are led from different nodes: money moves between accounts.

    Each transfer reads two keys in two ranges and writes both, strictly serializable. At the end all accounts are
    added up, as they are and as they were when some of the transfers were committed: the sum must be that of the
    beginning. With --peer etcd, etcd's compare-and-put transaction on one key is measured between our runs, from as
    many clients.
    """
    from bench.bank import Shape, run

    measured(as_json, lambda tell: run(Shape(**shape), peer, tell))


@main.command(short_help="What a request costs with 1, 3, 5, 7 and 9 nodes.")
@click.option("--nodes", "sizes", default="1,3,5,7,9", callback=_sizes, help="Sizes, in this order.")
@click.option("--connections", default=16, type=click.IntRange(1, 512), help="TCP connections for each node.")
@click.option("--inflight", default=16, type=click.IntRange(1, 1024), help="Requests in flight on each.")
@click.option("--ranges", default=2, type=click.IntRange(1, 64), help="Ranges for each node, spread over all.")
@click.option("--read", "operation", flag_value="get", help="Linearizable gets.")
@click.option("--write", "operation", flag_value="put", default="put", help="Puts of 100 bytes.")
@click.option("--seconds", default=3.0, help="Length of each run.")
@click.option("--runs", default=3, type=click.IntRange(1), help="Runs of each size; the medians are printed.")
@seed_option
@json_option
def scale(as_json: bool, **shape: Any) -> None:
    """Throughput, latency and CPU against the number of nodes.

    All nodes and the load run on this machine and share its cores, so throughput cannot grow with the nodes. What
    can be seen is whether a request costs more where there are more nodes: `per_cpu_second` is how many requests are
    answered for each CPU second of all nodes together. `cores_of_nodes`, `cores_of_load` (the generator) and
    `cores_of_others` say who used the cores; `limit` is "cores" where these were full with nodes and load, "others"
    where somebody else took a good part of them, else "waiting": for disk and rounds.
    """
    from bench.scale import Shape, run

    measured(as_json, lambda tell: run(Shape(**shape), tell))


@main.command(short_help="Latency through a split, a move, a leader's death, a join.")
@click.option("--per-second", default=300.0, type=click.FloatRange(10), help="Requests a second.")
@click.option("--ranges", default=4, type=click.IntRange(1, 64), help="Ranges at first.")
@click.option("--calm", default=3.0, type=click.FloatRange(0.5), help="Seconds after each event before the next.")
@seed_option
@json_option
def events(as_json: bool, **shape: Any) -> None:
    """Latency over time: a range splits, a replica moves, a leader is killed with SIGKILL, a node joins.

    Reads and updates come at a steady pace whatever becomes of those before, so that a pause is seen by all who ask in
    it; every value read is verified. A line for each event tells how long it took to be complete, and the latencies
    until the next one. With --json a last line has the timeline: p50, p99 and max of every 100 ms.
    """
    from bench.events import Shape, run

    measured(as_json, lambda tell: run(Shape(**shape), tell))


@main.command(short_help="What ranges cost that nobody asks for anything.")
@click.option("--ranges", default=10_000, type=click.IntRange(10, 100_000), help="Idle ranges.")
@click.option("--seconds", default=10.0, help="How long to watch them do nothing.")
@json_option
def idle(ranges: int, seconds: float, as_json: bool) -> None:
    """What many ranges cost that nobody asks for anything."""
    from bench.idle import run

    measured(as_json, lambda tell: run(ranges, seconds, tell))


@main.command(short_help="From a leader's death to the next acknowledged write.")
@click.option("--trials", default=10, type=click.IntRange(1, 100), help="Leaders killed.")
@json_option
def failover(trials: int, as_json: bool) -> None:
    """From the SIGKILL of a range's leader to the next acknowledged write."""
    from bench.failover import run

    measured(as_json, lambda tell: run(trials, tell))


@main.command(short_help="How fast simulated time passes.")
@click.option("--seconds", default=60.0, type=click.FloatRange(1), help="Simulated seconds of faults.")
@click.option("--runs", default=3, type=click.IntRange(1), help="Seeds, each a run of its own.")
@click.option("--profile", is_flag=True, help="Print where the time goes.")
@json_option
def simulator(seconds: float, runs: int, profile: bool, as_json: bool) -> None:
    """How fast simulated time passes: three nodes, ten ranges, a hundred writes a second, under faults."""
    from bench.simulator import run

    measured(as_json, lambda tell: run(seconds, runs, profile, tell))


@main.command(short_help="The placement policy alone, with a hundred thousand ranges.")
@click.option("--nodes", default=100, type=click.IntRange(6, 1_000), help="Nodes, of which one dies.")
@click.option("--ranges", default=100_000, type=click.IntRange(10, 1_000_000), help="Ranges.")
@click.option("--mixed", is_flag=True, help="Replicas anywhere, so that each range has a placement of its own.")
@json_option
def policy(nodes: int, ranges: int, mixed: bool, as_json: bool) -> None:
    """The placement policy alone: a node dies; rounds and moves until all is well, and what a round costs."""
    from bench.policy import run

    measured(as_json, lambda tell: run(nodes, ranges, mixed))


@main.command(short_help="Do clients see what they were promised, also after a kill?")
@click.option("--workload", default="bank", type=click.Choice(sorted(WORKLOADS)), help="What the clients do.")
@click.option("--nodes", default=3, type=click.IntRange(1, NODES_MAX), help="Node processes.")
@click.option("--clients", default=8, type=click.IntRange(1, 256), help="Clients, each with a connection.")
@click.option("--seconds", default=10.0, help="Length of the run.")
@click.option("--operations", default=0, help="End after so many operations instead; 0: after the time.")
@click.option("--kill", is_flag=True, help="SIGKILL a leading node in the middle, and start it again.")
@click.option("--seed", default=0, help="Of what the clients choose.")
@json_option
def check(as_json: bool, **shape: Any) -> None:
    """A workload that checks itself: does what the clients saw keep the promises?"""
    from bench.check import Shape, run

    measured(as_json, lambda tell: [run(Shape(**shape))])


@main.command(short_help="What changed beyond noise between two files of results.")
@click.argument("old", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fail", is_flag=True, help="Exit code 1 if something got worse.")
@click.option("--all", "everything", is_flag=True, help="Print what did not change, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, of all figures.")
def compare(old: Path, new: Path, fail: bool, everything: bool, as_json: bool) -> None:
    """What changed beyond noise between two files of --json lines, or of `suite`.

    Rows of the same peer, operation and shape are compared; several of them in one file count as more runs. A figure
    has changed if the ranges of its runs do not overlap and the medians are 5 % apart or more; with fewer than three
    runs in either file it is not judged.
    """
    from bench.compare import compare as changed
    from bench.compare import machines, read
    from bench.report import show_changes

    before, after = read(old), read(new)
    changes, alone = changed(before, after)
    show_changes(changes, as_json, everything)
    for text in (*alone, machines(before, after)):
        if text:
            click.echo(text, err=True)
    if fail and any(each.verdict == "worse" for each in changes):
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
