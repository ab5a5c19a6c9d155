"""Questions and orders to a running cluster, and their answers as tables or JSON.

Owns the forms of the answers. Does not own the messages (ranges/placement/messages.py) nor the way to the
cluster (argosy/remote.py). Read next: argosy/cli/shown.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import click

from argosy import remote
from argosy.cli import shown
from node.messages import Refused
from node.terminal import harmless
from ranges.descriptor import holders
from ranges.keys import FIRST_KEY, USER, range_key_text
from ranges.placement.merges import MergeRange
from ranges.placement.messages import (
    ClusterStatus,
    ListNodes,
    ListRanges,
    MoveLeader,
    MoveReplica,
    NodeStatus,
    RangeStatus,
    Rules,
    SetRules,
    SplitRange,
    StatusIs,
)
from ranges.placement.status import condition

RANGES_PER_PAGE = 256
NODE_COLUMNS = ("node", "address", "state", "last heard", "replicas", "leads", "labels")
RANGE_COLUMNS = ("range", "from", "to", "replicas on", "leader", "size", "load/s")

Ask = Callable[[Any], Any]  # a message -> group 0's answer
Listing = tuple[Sequence[str], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Session:
    """Where to ask, and how to answer."""

    address: str
    tls_dir: str | None
    as_json: bool

    def ask(self, message: Any) -> Any:
        """Group 0's answer. Raises `Unavailable` if there is none, ClickException if it refuses."""
        with remote.control(self.address, self.tls_dir) as control:
            reply = control(message)
        if isinstance(reply, Refused):
            raise click.ClickException(reply.why)
        return reply

    def done(self, text: str) -> None:
        """Say what has been done."""
        if self.as_json:
            shown.print_json({"done": text})
        else:
            click.echo(text)


def status(session: Session) -> bool:
    """Print how the cluster is; True if all is well."""
    found: StatusIs = session.ask(ClusterStatus())
    if session.as_json:
        shown.print_json(
            {name: getattr(found, name) for name in StatusIs.__dataclass_fields__ if name != "rules"}
            | {"leaving": [{"node": node, "replicas": left} for node, left in found.leaving]}
            | {"rules": asdict(found.rules)}
        )
        return found.healthy
    click.echo(f"{'healthy' if found.healthy else 'NOT HEALTHY'}: {found.nodes} nodes, {found.ranges} ranges")
    click.echo(f"{found.failures} more nodes may die before some range stops")
    for count, text in (
        (len(found.dead), f"dead nodes: {', '.join(map(str, found.dead))}"),
        (len(found.draining), f"draining nodes: {', '.join(map(str, found.draining))}"),
        *((1, f"node {node} is leaving: {left} replicas left there") for node, left in found.leaving),
        *((1, text) for text in found.full),
        (found.stopped, f"{found.stopped} ranges have no live majority; if it never comes back, see `argosy recover`"),
        (found.short, f"{found.short} ranges have fewer live voters than wanted"),
        (found.leaderless, f"{found.leaderless} ranges have no known leader"),
        (found.moving, f"{found.moving} moves are under way"),
    ):
        if count:
            click.echo(text)
    return found.healthy


def rules(session: Session, changes: dict[str, int]) -> None:
    """Print the rules that the cluster follows; with changes, order them first."""
    found: Rules = session.ask(ClusterStatus()).rules
    if changes:
        try:
            found = replace(found, **changes)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        session.ask(SetRules(found))
    if session.as_json:
        shown.print_json(asdict(found))
        return
    never = "never"
    rows = (
        ("replicas", found.replicas, "of each range, as far as there are nodes"),
        ("split bytes", shown.size_text(found.split_bytes) if found.split_bytes else never, "a larger range is split"),
        ("split load", f"{found.split_load} requests/s" if found.split_load else never, "a busier range is split"),
        ("merge bytes", shown.size_text(found.merge_bytes) if found.merge_bytes else never, "smaller neighbours join"),
        ("dead after", shown.duration_text(found.dead_milliseconds), "a silent node's replicas move elsewhere"),
    )
    shown.console().print(shown.table("", ("rule", "value", "what it does"), rows))


def nodes(session: Session) -> None:
    """Print every node."""
    if session.as_json:
        shown.print_json([_node_row(each) for each in session.ask(ListNodes()).nodes])
        return
    shown.console().print(shown.table("", *node_listing(session.ask)))


def node_listing(ask: Ask) -> Listing:
    """The table of all nodes."""
    return NODE_COLUMNS, [_node_cells(each) for each in ask(ListNodes()).nodes]


def _node_row(node: NodeStatus) -> dict[str, Any]:
    row = {name: getattr(node, name) for name in NodeStatus.__dataclass_fields__}
    return row | {"labels": dict(node.labels)}


def _node_cells(node: NodeStatus) -> tuple[object, ...]:
    labels = " ".join(f"{name}={value}" for name, value in node.labels)
    heard = f"{shown.duration_text(node.silent_milliseconds)} ago"
    return node.node, node.address, condition(node), heard, node.replicas, node.leaders, labels


def all_ranges(ask: Ask) -> list[RangeStatus]:
    """Every range in key order."""
    found: list[RangeStatus] = []
    key: bytes | None = FIRST_KEY
    while key is not None:
        page = ask(ListRanges(key, RANGES_PER_PAGE))
        found += page.ranges
        key = page.more
    return found


def ranges(session: Session) -> None:
    """Print every range."""
    if session.as_json:
        shown.print_json([_range_row(each) for each in all_ranges(session.ask)])
        return
    shown.console().print(shown.table("", *range_listing(session.ask)))


def range_listing(ask: Ask) -> Listing:
    """The table of all ranges."""
    return RANGE_COLUMNS, [range_cells(each) for each in all_ranges(ask)]


def _range_row(found: RangeStatus) -> dict[str, Any]:
    descriptor = found.descriptor
    return {
        "range": descriptor.group,
        "start": range_key_text(descriptor.start),
        "end": range_key_text(descriptor.end),
        "start_hex": descriptor.start.hex(),
        "end_hex": descriptor.end.hex(),
        "span_version": descriptor.span_version,
        "configuration_version": descriptor.configuration_version,
        "replicas": [{"node": each.node, "replica": each.replica, "voter": each.voter} for each in descriptor.replicas],
        "leader": found.leader,
        "size": found.size,
        "load": found.load,
    }


def range_cells(found: RangeStatus) -> tuple[object, ...]:
    """A range as a row of a table."""
    descriptor = found.descriptor
    return (
        descriptor.group,
        range_key_text(descriptor.start),
        range_key_text(descriptor.end),
        holders(descriptor),
        found.leader or "-",
        shown.size_text(found.size),
        found.load,
    )


def split(session: Session, key: str) -> None:
    """Split the range that holds a key at it."""
    session.ask(SplitRange(_range_key(key)))
    session.done(f"split at {harmless(key)}")


def merge(session: Session, key: str) -> None:
    """Merge the range that begins at a key into its left neighbour."""
    session.ask(MergeRange(_range_key(key)))
    session.done(f"merged at {harmless(key)}")


def _range_key(key: str) -> bytes:
    try:
        return USER + shown.key_bytes(key)
    except ValueError as error:
        raise click.BadParameter(f"{key} is not hexadecimal after 0x", param_hint="KEY") from error


def move(session: Session, group: int, node: int, source: int | None) -> None:
    """Move a range's leader or one replica to a node."""
    found = next((each for each in all_ranges(session.ask) if each.descriptor.group == group), None)
    if found is None:
        raise click.ClickException(f"there is no range {group}: `argosy ranges` lists them")
    holders = {each.node for each in found.descriptor.replicas}
    if node in holders:
        session.ask(MoveLeader(group, node))
        session.done(f"range {group} is led from node {node}")
        return
    giver = source or found.leader or min(holders)
    session.ask(MoveReplica(group, giver, node))
    session.done(f"range {group}: its replica on node {giver} moves to node {node}")
