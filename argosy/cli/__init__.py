"""The command line: `argosy start`, and orders and questions to a running cluster.

Owns the options, what a person sees, and exit codes: 0 done, 1 failed (one line says why), 2 wrong usage,
3 shown and not done, since nobody said yes.
Does not own what is done: argosy/cli/start.py runs a node, argosy/cli/orders.py and argosy/cli/leaving.py speak to one.
Imports are late, so that `--help` is quick. Read next: argosy/cli/orders.py.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from argosy.cli.cert import cert

ADDRESS = "127.0.0.1:4480"
Command = TypeVar("Command", bound=Callable[..., Any])


class Group(click.Group):
    """Tells expected failures in one line; a bug keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that a person can act on becomes one line and exit code 1."""
        from argosy import Unavailable
        from node.errors import NodeError

        try:
            return super().invoke(ctx)
        except (NodeError, Unavailable) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="argosy")
def main() -> None:
    """Argosy, a distributed, transactional, ordered key-value database.

    \b
    One node:      argosy start --data ./one
    Two more:      argosy start --data ./two --listen 127.0.0.1:4481 --join 127.0.0.1:4480
                   argosy start --data ./three --listen 127.0.0.1:4482 --join 127.0.0.1:4480
    How is it?     argosy status
    """


def asks(command: Command) -> Command:
    """The options of every command that speaks to a running cluster."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
        click.option("--tls-dir", type=click.Path(exists=True, file_okay=False), help="CA, certificate and key."),
        click.option(
            "--at", "address", default=ADDRESS, show_default=True, envvar="ARGOSY_ADDRESS",
            help="Any nodes of the cluster: HOST:PORT, separated by commas.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def departs(command: Command) -> Command:
    """The options of the orders by which a node goes, for a while or for ever."""
    for option in (
        click.option("--no-wait", is_flag=True, help="Give the order, and do not wait for its end."),
        click.option("--yes", is_flag=True, help="Go on without asking; needed where there is no terminal."),
        click.option(
            "--plan", is_flag=True, help="Show what it would do, and do nothing. Exit code 1 if it cannot be."
        ),
        click.argument("node", type=click.IntRange(min=1)),
    ):
        command = option(command)
    return command


@main.command()
@click.option("--data", required=True, type=click.Path(file_okay=False), help="The node's directory; made if absent.")
@click.option("--listen", default=ADDRESS, show_default=True, help="HOST:PORT to listen on.")
@click.option("--advertise", help="HOST:PORT that others reach this node by, if it is not --listen.")
@click.option("--join", help="HOST:PORT of any node of the cluster to join; ignored once joined.")
@click.option("--label", "labels", multiple=True, help="NAME=VALUE, such as host=a; replicas of a range never share.")
@click.option("--tls-dir", type=click.Path(exists=True, file_okay=False), help="CA, certificate and key of this node.")
@click.option("--insecure", is_flag=True, help="Listen beyond loopback without TLS. Anybody can read and write.")
@click.option(
    "--retention-seconds",
    default=3_600.0,
    show_default=True,
    type=click.FloatRange(min=1.0),
    help="For so long old versions are kept for transactions and scans; the same for all nodes.",
)
@click.option("--log-json", is_flag=True, help="Log lines as JSON.")
def start(**options: Any) -> None:
    """Run one node until SIGINT or SIGTERM.

    On an empty directory without --join this makes a new cluster of one node.
    """
    from argosy.cli.start import run

    run(**options)


@main.command(short_help="Is all well? Exit code 1 if not.")
@asks
def status(address: str, tls_dir: str | None, as_json: bool) -> None:
    """Is all well, and how many more nodes may die? Exit code 1 if not."""
    from argosy.cli import orders

    healthy = orders.status(orders.Session(address, tls_dir, as_json))
    sys.exit(0 if healthy else 1)


@main.command()
@asks
def nodes(address: str, tls_dir: str | None, as_json: bool) -> None:
    """Every node and how it is."""
    from argosy.cli import orders

    orders.nodes(orders.Session(address, tls_dir, as_json))


@main.command()
@asks
def ranges(address: str, tls_dir: str | None, as_json: bool) -> None:
    """Every range: its span, replicas, leader and size."""
    from argosy.cli import orders

    orders.ranges(orders.Session(address, tls_dir, as_json))


@main.command(short_help="Show the rules of placement, and change some.")
@click.option("--replicas", type=int, help="Of each range: 1, 3, 5 or 7.")
@click.option("--split-bytes", type=click.IntRange(min=0), help="Split larger ranges; 0: never.")
@click.option("--split-load", type=click.IntRange(min=0), help="Split ranges with more requests a second; 0: never.")
@click.option("--merge-bytes", type=click.IntRange(min=0), help="Merge cold neighbours that hold less; 0: never.")
@click.option("--dead-seconds", type=click.FloatRange(min=1.0), help="A silent node counts as dead after so long.")
@asks
def rules(address: str, tls_dir: str | None, as_json: bool, dead_seconds: float | None, **given: int | None) -> None:
    """Show the rules that the cluster places ranges by; each option changes one of them, for all."""
    from argosy.cli import orders

    changes = {name: value for name, value in given.items() if value is not None}
    if dead_seconds is not None:
        changes["dead_milliseconds"] = int(dead_seconds * 1000)
    orders.rules(orders.Session(address, tls_dir, as_json), changes)


@main.command(short_help="Split the range that holds KEY, at KEY.")
@click.argument("key")
@asks
def split(key: str, address: str, tls_dir: str | None, as_json: bool) -> None:
    """Split the range that holds KEY, at KEY (UTF-8 text, or 0x… for bytes).

    Small neighbours merge again by themselves when nothing has happened to either for ten minutes.
    """
    from argosy.cli import orders

    orders.split(orders.Session(address, tls_dir, as_json), key)


@main.command(short_help="Merge the range that begins at KEY into its left neighbour.")
@click.argument("key")
@asks
def merge(key: str, address: str, tls_dir: str | None, as_json: bool) -> None:
    """Merge the range that begins at KEY (UTF-8 text, or 0x… for bytes) into its left neighbour, or say why not.

    All nodes that hold a replica of either must be up.
    """
    from argosy.cli import orders

    orders.merge(orders.Session(address, tls_dir, as_json), key)


@main.command()
@click.argument("range_", metavar="RANGE", type=click.IntRange(min=1))
@click.argument("node", type=click.IntRange(min=1))
@click.option("--from", "source", type=click.IntRange(min=1), help="The node whose replica is to go.")
@asks
def move(range_: int, node: int, source: int | None, address: str, tls_dir: str | None, as_json: bool) -> None:
    """Move RANGE (its number in `argosy ranges`) to NODE.

    If NODE holds a replica already, it becomes the leader; else a replica moves there, --from a node or from the
    range's leader.
    """
    from argosy.cli import orders

    orders.move(orders.Session(address, tls_dir, as_json), range_, node, source)


@main.group(short_help="Begin again after a majority is lost for ever.")
def recover() -> None:
    """Begin again after a majority of some range's nodes is lost for ever. This loses acknowledged writes.

    \b
    Stop all nodes that are left. Then:
      argosy recover collect --data DIR --output node3.json     on each machine but one
      argosy recover plan --data DIR --collected node3.json --lost 1,2 --output plan.json
      argosy recover apply --data DIR plan.json                 for each node that is left
    and start them as always. The lost nodes must never be started again.
    """


@recover.command()
@click.option(
    "--data", required=True, type=click.Path(exists=True, file_okay=False), help="A stopped node's directory."
)
@click.option("--output", required=True, type=click.Path(dir_okay=False), help="The file to write.")
def collect(data: str, output: str) -> None:
    """Write what a stopped node holds into a file, for `plan` on another machine. Changes nothing."""
    from argosy.cli.recover import write_collected

    write_collected(data, output)


@recover.command()
@click.option(
    "--data", multiple=True, type=click.Path(exists=True, file_okay=False), help="A stopped node's directory."
)
@click.option("--collected", multiple=True, type=click.Path(exists=True, dir_okay=False), help="What `collect` wrote.")
@click.option("--lost", required=True, help="NODE[,NODE…]: the nodes that never come back.")
@click.option("--output", required=True, type=click.Path(dir_okay=False), help="The plan's file.")
def plan(data: tuple[str, ...], collected: tuple[str, ...], lost: str, output: str) -> None:
    """Decide from which replica each range begins again, and show what that costs. Changes nothing."""
    from argosy.cli.recover import write_plan

    write_plan(data, collected, lost, output)


@recover.command()
@click.option(
    "--data", required=True, type=click.Path(exists=True, file_okay=False), help="A stopped node's directory."
)
@click.option("--yes-lose-writes", "sure", is_flag=True, help="Do not ask.")
@click.argument("plan_", metavar="PLAN", type=click.Path(exists=True, dir_okay=False))
def apply(data: str, sure: bool, plan_: str) -> None:
    """Carry the plan out in one directory; again, if it was cut short."""
    from argosy.cli.recover import apply_plan

    apply_plan(data, plan_, sure)


@main.command(short_help="Let NODE lead nothing, so that it can be stopped for a while.")
@departs
@asks
def drain(node: int, plan: bool, yes: bool, no_wait: bool, address: str, tls_dir: str | None, as_json: bool) -> None:
    """Let NODE lead nothing and take no new replica, so that it can be stopped for a while without a hitch.

    Its replicas stay. First it is shown what that does, and it is refused if some range would stop with the node.
    It ends by `argosy undrain`, or when the node has been started again. A node that is away for longer than the
    grace of dead nodes (five minutes) is replaced all the same.
    """
    _depart("drain", node, plan, yes, no_wait, address, tls_dir, as_json)


@main.command(short_help="Move all that NODE holds to others, and remove it for ever.")
@departs
@asks
def decommission(
    node: int, plan: bool, yes: bool, no_wait: bool, address: str, tls_dir: str | None, as_json: bool
) -> None:
    """Move all that NODE holds to other nodes, then remove it from the cluster for ever.

    First it is shown what moves, how many bytes, and how many nodes may die afterwards; it is refused if some range
    has nowhere to go. A dead NODE goes the same way. When the last replica has gone its process ends by itself.
    Until then `argosy recommission` takes it back; given again, this command shows how far it is.
    """
    _depart("decommission", node, plan, yes, no_wait, address, tls_dir, as_json)


def _depart(
    order: str, node: int, plan: bool, yes: bool, no_wait: bool, address: str, tls_dir: str | None, as_json: bool
) -> None:
    from argosy.cli.leaving import Wish, depart
    from argosy.cli.orders import Session

    sys.exit(depart(Session(address, tls_dir, as_json), Wish(node, order, plan, yes, not no_wait)))


@main.command(short_help="End the drain of NODE.")
@click.argument("node", type=click.IntRange(min=1))
@asks
def undrain(node: int, address: str, tls_dir: str | None, as_json: bool) -> None:
    """End the drain of NODE: it may lead and take replicas again. Its next start does the same."""
    _take_back("undrain", node, address, tls_dir, as_json)


@main.command(short_help="Keep NODE, which is being decommissioned.")
@click.argument("node", type=click.IntRange(min=1))
@asks
def recommission(node: int, address: str, tls_dir: str | None, as_json: bool) -> None:
    """Keep NODE, which is being decommissioned and still holds replicas; those that have gone do not come back."""
    _take_back("recommission", node, address, tls_dir, as_json)


def _take_back(order: str, node: int, address: str, tls_dir: str | None, as_json: bool) -> None:
    from argosy.cli.leaving import take_back
    from argosy.cli.orders import Session

    take_back(Session(address, tls_dir, as_json), node, order)


@main.command(short_help="Carry out SQL statements.")
@click.option("--data", type=click.Path(file_okay=False), help="The directory of a node that is not running.")
@click.option("--tls-dir", type=click.Path(exists=True, file_okay=False), help="CA, certificate and key.")
@click.option(
    "--connect", "address", default=ADDRESS, show_default=True, envvar="ARGOSY_ADDRESS",
    help="Any nodes of the cluster: HOST:PORT, separated by commas.",
)  # fmt: skip
@click.option("-c", "--command", multiple=True, help="Statements, separated by semicolons. Again: more of them.")
@click.option("-f", "--file", multiple=True, type=click.File(encoding="utf-8"), help="A file of them; - is stdin.")
@click.option(
    "--mode",
    type=click.Choice(["table", "tabs", "csv", "json", "markdown", "line"]),
    help="The form of results: table on a terminal, else tabs.",
)
@click.option("--keep-going", is_flag=True, help="Go on after an error.")
def sql(**options: Any) -> None:
    """Carry out SQL statements: what you type, or those of -c, of -f, or of a pipe.

    \b
    argosy sql --data ./one
    argosy sql --data ./one -c "CREATE TABLE fruit (name TEXT PRIMARY KEY, price REAL)"
    argosy sql --data ./one -c "SELECT * FROM fruit" --mode csv

    Without --keep-going the first error of -c, -f or a pipe ends it. Exit status 0: all was carried out; 1: something
    was not, and standard error says what and where; 2: wrong usage; 130: Ctrl-C. A transaction that is open at the
    end is rolled back.
    """
    from argosy.cli.sql import run

    if options["command"] and options["file"]:
        raise click.UsageError("-c or -f, not both")
    run(**options)


@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure Argosy on this machine; `argosy bench --help` says what there is."""
    # The bench stands on this package, and so is started and not imported.
    os.execv(sys.executable, [sys.executable, "-m", "bench", *arguments])


main.add_command(cert)
