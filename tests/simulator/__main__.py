"""The command line of the simulator: run seeds, and see what happened."""

import sys
from typing import Any

import click

from argosy.testing.trace import trace
from argosy.testing.workloads import WORKLOADS
from tests.simulator.failures import LAST_LINES, SHRINK_SECONDS, report
from tests.simulator.runs import SECONDS, Run, attempt


class Places(click.ParamType):
    """Places in a schedule of faults."""

    name = "PLACES"

    def convert(self, value: Any, parameter: Any, context: Any) -> tuple[int, ...]:
        """`3,7,12`, or `none`."""
        if not isinstance(value, str) or value == "none":
            return () if value == "none" else value
        try:
            return tuple(sorted({int(each) for each in value.split(",")}))
        except ValueError:
            self.fail(f"{value!r} is neither `none` nor places such as 3,7,12", parameter, context)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--seed", required=True, type=int, help="What everything is drawn from.")
@click.option("--count", default=1, type=click.IntRange(1), help="So many seeds, beginning with this one.")
@click.option("--workload", default="bank", type=click.Choice(sorted(WORKLOADS)), help="What the clients do.")
@click.option("--seconds", default=SECONDS, type=click.FloatRange(0.1), help="Simulated seconds of faults.")
@click.option("--minutes", type=click.FloatRange(0.01), help="The same in minutes.", show_default=False)
@click.option("--nodes", default=0, type=click.IntRange(0, 9), help="So many nodes; 0: drawn from the seed.")
@click.option("--faults", type=Places(), help="Only these faults of the seed's schedule: 3,7,12 or none.")
@click.option("--files", is_flag=True, help="Real journals and states, in a folder that is removed.")
@click.option("--wild-clocks", is_flag=True, help="Clocks beyond their bound: only Raft's safety is checked.")
@click.option("--notes", is_flag=True, help="Print faults, crashes, orders and changes of roles.")
@click.option("--trace", "frames", is_flag=True, help="Print every message too.")
@click.option("--lines", default=LAST_LINES, type=click.IntRange(0), help="Of the trace, before a failure.")
@click.option("--shrink/--no-shrink", "smaller", default=True, help="Look for the faults that a failure takes.")
@click.option("--shrink-seconds", default=SHRINK_SECONDS, type=click.FloatRange(1), help="For so long at most.")
def main(**options: Any) -> None:
    """Run a whole cluster under faults in simulated time, and check what it promises.

    A seed stands for one history: the same line gives the same messages, on every machine. Exit code 1 if a promise
    was broken; then it prints the line that shows it again, the last of what was said before it, and, after some
    tries, the few faults that it takes.

    \b
    One seed, with all that is said:  python -m tests.simulator --seed 8271 --workload lists --trace
    A hundred seeds:                  python -m tests.simulator --seed 1000 --count 100 --workload registers
    A long run of five nodes:         python -m tests.simulator --seed 5 --minutes 10 --nodes 5
    On real files:                    python -m tests.simulator --seed 5 --files
    Without any fault:                python -m tests.simulator --seed 5 --faults none
    Fresh seeds, all workloads:       make soak MINUTES=10
    """
    seconds = 60 * options["minutes"] if options["minutes"] else options["seconds"]
    for seed in range(options["seed"], options["seed"] + options["count"]):
        run = Run(
            seed, options["workload"], seconds, options["nodes"], options["faults"],
            options["files"], options["wild_clocks"],
        )  # fmt: skip
        simulation = run.simulation()
        if options["notes"] or options["frames"]:
            trace(simulation, click.echo, frames=options["frames"])
        failure = attempt(simulation)
        if failure is not None:
            report(run, failure, click.echo, options["lines"], options["smaller"] and options["shrink_seconds"])
            sys.exit(1)
        click.echo(f"{seed} " + " ".join(f"{name}={count}" for name, count in simulation.totals().items()))


if __name__ == "__main__":
    main(prog_name="python -m tests.simulator")
