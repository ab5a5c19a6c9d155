"""Draining and decommissioning a node: what it would do, the question, the order, and how far it is.

Owns what is said, and when nothing is done: a plan that is impossible, or one that nobody said yes to. Does not own
the plan (ranges/placement/plans.py). Interrupted, it goes on in the cluster. Read next: ranges/placement/leaving.py.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from argosy import remote
from argosy.cli import shown
from argosy.cli.orders import Session
from node.flow import Flow, Sleep
from node.messages import Refused
from ranges.placement.leaving import GOALS, AskLeft, LeftIs, OrderNode, PlanIs, PlanNode

SHOWN = 3  # exit code: the plan is possible and was shown, and nothing was done
POLL_SECONDS = 0.5
TELL_SECONDS = 5.0  # between two lines of progress where there is no terminal
ANSWER_SECONDS = 10.0
SILENCES_MAX = 6


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of a node: `order` it, or only show the plan; without asking; and wait for its end, or not."""

    node: int
    order: str
    only_plan: bool
    yes: bool
    waits: bool


def depart(session: Session, wish: Wish) -> int:
    """Show, ask, order and wait; the exit code."""
    found: PlanIs = session.ask(PlanNode(wish.node, wish.order))
    if wish.only_plan or found.why or not session.as_json:
        _show(session, found)
    if found.why:
        raise click.ClickException(found.why)
    if wish.only_plan:
        return 0
    if found.state != GOALS[wish.order] and not wish.yes and not _agreed():
        if session.as_json:
            _show(session, found)
        click.echo("nothing was done: --yes goes on without asking", err=True)
        return SHOWN
    session.ask(OrderNode(wish.node, wish.order))
    if not wish.waits:
        session.done(f"node {wish.node} is {GOALS[wish.order]}: `argosy nodes` shows what is left there")
        return 0
    try:
        _wait(session, wish)
    except KeyboardInterrupt:
        back = "undrain" if wish.order == "drain" else "recommission"
        click.echo(f"\nit goes on in the cluster: `argosy {back} {wish.node}` takes it back", err=True)
        raise
    session.done(
        f"node {wish.node} leads nothing: it may be stopped"
        if wish.order == "drain"
        else f"node {wish.node} is removed: its process ends by itself, and its directory may be deleted"
    )
    return 0


def take_back(session: Session, node: int, order: str) -> None:
    """End a drain, or a decommission that has not come to its end."""
    session.ask(OrderNode(node, order))
    session.done(f"node {node} is up")


def _agreed() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and click.confirm("go on?")


# -- the plan --------------------------------------------------------------------------------------------------------


def _show(session: Session, found: PlanIs) -> None:
    if session.as_json:
        shown.print_json(_plan_row(found))
        return
    for line in plan_lines(found):
        click.echo(line)


def _plan_row(found: PlanIs) -> dict[str, Any]:
    thing = "leaders" if found.order == "drain" else "replicas"
    targets = [{"node": node, thing: count, "bytes": size} for node, count, size in found.targets]
    stuck = [{"group": group, "why": why} for group, why in found.stuck]
    return asdict(found) | {"possible": not found.why, "targets": targets, "stuck": stuck}


def plan_lines(found: PlanIs) -> list[str]:
    """A plan for people."""
    node, drains = found.node, found.order == "drain"
    silent = f", and was last heard {shown.duration_text(found.silent_milliseconds)} ago" if found.dead else ""
    lines = [f"{found.order} node {node}, which is {'dead' if found.dead else found.state}{silent}:"]
    if found.why:
        return [
            *lines,
            f"  {_count(found.leaders, 'leader')} and {_count(found.replicas, 'replica')} there",
            *_stuck(found),
        ]
    if drains:
        lines.append(f"  {_count(found.leaders, 'range')} led from there will be led from other nodes")
        lines.append(f"  {_count(found.replicas, 'replica')} there will stay")
    else:
        lines.append(f"  {_count(found.replicas, 'replica')} to move, {shown.size_text(found.bytes)} to copy")
        lines.append(f"  {_count(found.leaders, 'range')} led from there will be led from other nodes")
    if found.unheard:
        lines.append(f"  {_count(found.unheard, 'range')} not counted fully, as nothing is known yet: ask again soon")
    for target, count, size in found.targets:
        what = _count(count, "range") + " led" if drains else f"{_count(count, 'replica')}, {shown.size_text(size)}"
        lines.append(f"  to node {target}: about {what}")
    if found.dead and not drains:
        lines.append("  the node is dead: its replicas are made anew from the others'")
    after = "while it is stopped" if drains else "afterwards"
    lines.append(f"  more nodes that may die before some range stops: {found.failures}, {after} {found.failures_after}")
    if not drains:
        lines.append(
            f"  until the last replica has gone, `argosy recommission {node}` takes it back; then it is for ever"
        )
    return lines


def _stuck(found: PlanIs) -> list[str]:
    """What hinders, by reason."""
    by_why: dict[str, list[str]] = {}
    for group, why in found.stuck:
        by_why.setdefault(why, []).append(str(group))
    lines = [f"  group{'' if len(groups) == 1 else 's'} {', '.join(groups)}: {why}" for why, groups in by_why.items()]
    more = found.stuck_ranges - len(found.stuck)
    return [*lines, f"  and {more} more"] if more else lines


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


# -- how far it is ---------------------------------------------------------------------------------------------------


def _wait(session: Session, wish: Wish) -> None:
    console = shown.console()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"), TimeRemainingColumn())
    quiet = session.as_json or not console.is_terminal
    with (
        remote.runner(session.address, session.tls_dir) as (connection, calls),
        Progress(*columns, console=console, transient=True, disable=quiet) as bar,
    ):
        task = bar.add_task(f"node {wish.node}", total=None, left="")
        most = 0
        told, told_at = "", float("-inf")

        def tell(count: int, text: str) -> None:
            nonlocal most, told, told_at
            most = max(most, count)
            bar.update(task, total=most or 1, completed=most - count, left=text)
            now = connection.clock.now()
            if quiet and not session.as_json and text != told and now >= told_at + TELL_SECONDS:
                told, told_at = text, now
                click.echo(text)

        calls.run(_follow(connection, wish, tell))


def _follow(connection: remote.Connection, wish: Wish, tell: Callable[[int, str], None]) -> Flow[None]:
    """Ask until it is over. Raises ClickException if it is over in another way, `Unavailable` after a long silence."""
    silences = 0
    while True:
        reply = yield from connection.core.router.control(AskLeft(wish.node), ANSWER_SECONDS)
        silences = silences + 1 if reply is None else 0
        if silences > SILENCES_MAX:
            raise connection.no_answer()
        if isinstance(reply, LeftIs) and is_over(wish, reply, tell):
            return
        if isinstance(reply, Refused):
            raise click.ClickException(reply.why)
        yield Sleep(POLL_SECONDS)


def is_over(wish: Wish, left: LeftIs, tell: Callable[[int, str], None]) -> bool:
    """Whether nothing is left to wait for. Raises ClickException if somebody has ordered something else."""
    if left.state not in (GOALS[wish.order], "removed"):
        raise click.ClickException(f"node {wish.node} was given another order meanwhile: it is {left.state}")
    if wish.order == "drain":
        count = left.leaders + left.leaderless
        tell(count, f"{_count(left.leaders, 'range')} led from node {wish.node}")
        return count == 0
    tell(left.replicas, f"{_count(left.replicas, 'replica')} left, {shown.size_text(left.bytes)}")
    return left.state == "removed"
