"""The demo, step by step; see the package's chapter. Exit code 0: nothing was lost and nothing is wrong."""

import sys
import time

import click

import argosy
from bench.cluster import BenchFailed, Cluster, wait_for
from bench.demo import accounts, airports
from bench.demo.telling import Teller
from bench.demo.watcher import Watcher
from ranges.placement.messages import ClusterStatus, Rules

NODES = 3
RULES = Rules(replicas=3, split_bytes=512 << 10, dead_milliseconds=3_000)
RANGES_WANTED = 8
SETTLE_SECONDS_MAX = 40.0
TRANSFER_SECONDS = 2.0


def load(db: argosy.Database, rows: dict[bytes, bytes], teller: Teller) -> None:
    """Write all airports, and say how fast it went."""
    began = time.monotonic()
    with teller.progress("airports", len(rows)) as counter:
        db.batch(counter.through(rows.items()))
    seconds = time.monotonic() - began
    teller.say(f"{len(rows):,} airports written in {seconds:.1f} s: {len(rows) / seconds:,.0f} a second, each synced")


def wait_for_ranges(cluster: Cluster, teller: Teller) -> None:
    """Ranges split by size, and their leaders spread over the nodes, by themselves."""

    def spread() -> bool:
        found = cluster.ranges()
        leaders = {each.leader for each in found if each.leader}
        teller.say_if_new(f"{len(found)} ranges, led from {len(leaders)} nodes")
        return len(found) >= RANGES_WANTED and len(leaders) == NODES

    wait_for(f"{RANGES_WANTED} ranges led from {NODES} nodes", spread, SETTLE_SECONDS_MAX)
    cluster.wait_healthy(NODES, SETTLE_SECONDS_MAX)
    found = cluster.ranges()
    teller.ranges(f"{len(found)} ranges, split and spread by themselves", found)


def kill_and_replace(cluster: Cluster, teller: Teller) -> float:
    """SIGKILL the node that leads most, let a fourth node join; the seconds until all is whole again."""
    status = max(cluster.nodes(), key=lambda each: each.leaders)
    cluster.kill(cluster.place_of(status.node))
    began = time.monotonic()
    teller.say(f"node {status.node}, which led {status.leaders} ranges, is killed with SIGKILL")
    cluster.add_node()
    teller.say("a fourth node starts and joins")

    def replaced() -> bool:
        state, found = cluster.order(ClusterStatus()), cluster.ranges()
        left = sum(status.node in {each.node for each in one.descriptor.replicas} for one in found)
        teller.say_if_new(f"{left} of {len(found)} ranges still count on the dead node")
        return state.short == 0 and state.stopped == 0 and not state.moving and not left

    wait_for("every range whole again without the dead node", replaced, SETTLE_SECONDS_MAX)
    return time.monotonic() - began


def verify(db: argosy.Database, rows: dict[bytes, bytes], countries: list[str], teller: Teller) -> list[str]:
    """Read everything back; what is lost or wrong."""
    wrong = []
    found = dict(db.scan())
    missing = sum(key not in found for key in rows)
    changed = sum(found.get(key, value) != value for key, value in rows.items())
    strange = len(found.keys() - rows.keys() - {accounts.account(each) for each in countries})
    for count, text in (
        (missing, "airports are lost"),
        (changed, "airports are changed"),
        (strange, "keys are strange"),
    ):
        if count:
            wrong.append(f"{count} {text}")
    expected, actual = len(countries) * accounts.OPENING_BALANCE, accounts.total(db, countries)
    if actual != expected:
        wrong.append(f"the accounts hold {actual:,}, not {expected:,}")
    if not wrong:
        teller.say(
            f"all {len(rows):,} airports read back equal; {len(countries)} accounts hold {actual:,}, as at first"
        )
    return wrong


def tell(cluster: Cluster, teller: Teller) -> list[str]:
    """The whole story; what is lost or wrong at its end."""
    rows, countries = airports.rows(), airports.countries()
    teller.say(f"three nodes start, each a process with a directory in {cluster.folder}")
    cluster.start(NODES, RULES)
    teller.say(f"a cluster of {NODES} nodes: {', '.join(each.address for each in cluster.nodes())}")
    watcher = Watcher(cluster)
    watcher.start()
    with argosy.connect(cluster.address()) as db:
        accounts.open_accounts(db, countries)
        clients = accounts.Clients(cluster.address(), countries)
        clients.start()
        teller.say(f"{accounts.CLIENTS} clients move money between {len(countries)} accounts from now on")
        load(db, rows, teller)
        wait_for_ranges(cluster, teller)
        before, since = clients.tally.done, time.monotonic()
        clients.tally.take_longest()
        time.sleep(TRANSFER_SECONDS)
        rate = (clients.tally.done - before) / (time.monotonic() - since)
        pause = clients.tally.take_longest()
        teller.say(f"{rate:,.0f} transfers a second over {len(cluster.ranges())} ranges; longest pause {pause:.2f} s")
        seconds = kill_and_replace(cluster, teller)
        pause = clients.tally.take_longest()
        teller.say(f"every range has three living replicas again, {seconds:.1f} s after; longest pause {pause:.2f} s")
        time.sleep(TRANSFER_SECONDS)
        clients.stop()
        watcher.stop()
        tally = clients.tally
        teller.say(
            f"{tally.done:,} transfers done, {tally.aborted} aborted, {tally.unknown} with unknown outcome, "
            f"{tally.unavailable} not taken"
        )
        teller.stories("What became of each range", watcher.stories)
        return verify(db, rows, countries, teller)


@click.command()
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the directories go.")
def main(folder: str | None) -> None:
    """Three nodes, 28,000 airports, moving money, a killed node, and a count at the end."""
    teller = Teller()
    try:
        with Cluster(folder) as cluster:
            wrong = tell(cluster, teller)
    except (BenchFailed, argosy.Unavailable, argosy.OutcomeUnknown) as error:
        wrong = [str(error)]
    for each in wrong:
        teller.say(f"WRONG: {each}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
