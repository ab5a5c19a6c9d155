"""`python -m bench`: the command line of the bench."""

import json
import sys
from collections.abc import Iterable
from typing import Any

import click

from argosy.testing.linear import Violation
from argosy.testing.workloads import WORKLOADS
from bench.cluster import BenchFailed


def show(rows: Iterable[dict[str, Any]], as_json: bool) -> None:
    """Print results: JSON lines, or name and value."""
    for row in rows:
        if as_json:
            print(json.dumps(row), flush=True)
        else:
            print("  ".join(f"{name}={value}" for name, value in row.items()), flush=True)


class Group(click.Group):
    """Tells why a measurement cannot be trusted in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (BenchFailed, Violation) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Measure Argosy on this machine. Directories of real processes go to $ARGOSY_BENCH_DIR, else to /tmp."""


@main.command()
@click.option("--nodes", default=3, type=click.IntRange(1, 9), help="Node processes.")
@click.option("--connections", default=64, type=click.IntRange(1, 4096), help="TCP connections.")
@click.option("--inflight", default=1, type=click.IntRange(1, 1024), help="Requests in flight on each.")
@click.option("--ranges", default=1, type=click.IntRange(1, 1024), help="Ranges that the keys are spread over.")
@click.option("--read", "operation", flag_value="get", help="Linearizable gets.")
@click.option("--write", "operation", flag_value="put", default="put", help="Puts of 100 bytes.")
@click.option("--seconds", default=5.0, help="Length of each run.")
@click.option("--runs", default=3, help="Runs; the medians are printed.")
@click.option("--peer", type=click.Choice(["etcd"]), help="Take turns with etcd, and print the ratios.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def kv(peer: str | None, as_json: bool, **shape: Any) -> None:
    """One-shot puts or gets over the wire, every commit synced."""
    from bench.kv import Shape, run

    show(run(Shape(**shape), peer), as_json)


@main.command()
@click.option("--seconds", default=2.0, help="Length of each run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def embedded(seconds: float, as_json: bool) -> None:
    """One node in this process beside sqlite3 on a file: point gets and durable puts."""
    from bench.embedded import run

    show(run(seconds), as_json)


@main.command()
@click.option("--clients", default=64, type=click.IntRange(1, 1024), help="Clients, each with one transfer at a time.")
@click.option("--seconds", default=5.0, help="Length of each run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def transfers(clients: int, seconds: float, as_json: bool) -> None:
    """Transactions over two ranges that are led from two nodes."""
    from bench.transfers import run

    show(run(clients, seconds), as_json)


@main.command()
@click.option("--ranges", default=10_000, type=click.IntRange(10, 100_000), help="Idle ranges.")
@click.option("--seconds", default=10.0, help="How long to watch them do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def idle(ranges: int, seconds: float, as_json: bool) -> None:
    """What many ranges cost that nobody asks for anything."""
    from bench.idle import run

    show(run(ranges, seconds), as_json)


@main.command()
@click.option("--trials", default=10, type=click.IntRange(1, 100), help="Leaders killed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def failover(trials: int, as_json: bool) -> None:
    """From the SIGKILL of a range's leader to the next acknowledged write."""
    from bench.failover import run

    show(run(trials), as_json)


@main.command()
@click.option("--seconds", default=60.0, type=click.FloatRange(1), help="Simulated seconds of faults.")
@click.option("--runs", default=3, type=click.IntRange(1), help="Seeds, each a run of its own.")
@click.option("--profile", is_flag=True, help="Print where the time goes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def simulator(seconds: float, runs: int, profile: bool, as_json: bool) -> None:
    """How fast simulated time passes: three nodes, ten ranges, a hundred writes a second, under faults."""
    from bench.simulator import run

    show(run(seconds, runs, profile), as_json)


@main.command()
@click.option("--nodes", default=100, type=click.IntRange(6, 1_000), help="Nodes, of which one dies.")
@click.option("--ranges", default=100_000, type=click.IntRange(10, 1_000_000), help="Ranges.")
@click.option("--mixed", is_flag=True, help="Replicas anywhere, so that each range has a placement of its own.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def policy(nodes: int, ranges: int, mixed: bool, as_json: bool) -> None:
    """The placement policy alone: a node dies; rounds and moves until all is well, and what a round costs."""
    from bench.policy import run

    show(run(nodes, ranges, mixed), as_json)


@main.command()
@click.option("--workload", default="bank", type=click.Choice(sorted(WORKLOADS)), help="What the clients do.")
@click.option("--nodes", default=3, type=click.IntRange(1, 9), help="Node processes.")
@click.option("--clients", default=8, type=click.IntRange(1, 256), help="Clients, each with a connection.")
@click.option("--seconds", default=10.0, help="Length of the run.")
@click.option("--operations", default=0, help="End after so many operations instead; 0: after the time.")
@click.option("--kill", is_flag=True, help="SIGKILL a leading node in the middle, and start it again.")
@click.option("--seed", default=0, help="Of what the clients choose.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def check(as_json: bool, **shape: Any) -> None:
    """A workload that checks itself: does what the clients saw keep the promises?"""
    from bench.check import Shape, run

    show([run(Shape(**shape))], as_json)


if __name__ == "__main__":
    sys.exit(main())
