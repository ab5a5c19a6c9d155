"""`argosy recover`: the loud way out when the majority of a range is lost for ever.

Owns what people are told and asked, and the files that travel between machines. Does not own what is decided
(ranges/placement/recovery.py) nor how a directory is changed (node/recovery.py). Read next:
ranges/placement/recovery.py.
"""

import json
import os
from pathlib import Path
from typing import Any

import click

from node.errors import Malformed, NodeError
from ranges.keys import range_key_text

SHOWN_MAX = 50  # ranges told one by one; a plan's file has all of them

PROMISES = """\
This gives up writes that were acknowledged. For every range that begins again:
 - what was written after the entry named here, and is on lost nodes only, is gone; nobody can tell how much;
 - transactions over several ranges may be there in part, and reads that saw what is gone cannot be explained:
   up to this moment the history is not strictly serializable any more. From the next start on it is;
 - the attempts that were under way end by what is left of them: aborted, unless all of their writes are there.
The lost nodes are removed for ever. Never start one of them again, on whatever copy of its directory: among
themselves they would still be the old cluster. This one has a new id, and refuses them."""


def write_collected(data: str, output: str) -> None:
    """Write what a stopped node holds into a file."""
    from node.codec import encode

    held = _look(data)
    says = [f"node {held.node}: {len(held.replicas)} replicas, {'with' if held.catalog else 'without'} group 0"]
    _write(output, "recover collect", encode(held), says, {"node": held.node, "cluster": held.cluster.hex()})
    click.echo(f"{says[0]}; written to {output}")


def write_plan(data: tuple[str, ...], collected: tuple[str, ...], lost: str, output: str) -> None:
    """Make a plan of directories and collected files, show it, and write it."""
    from node.codec import encode
    from node.directory import CLUSTER_BYTES
    from ranges.placement.held import NodeHeld
    from ranges.placement.recovery import make_plan

    nodes = [_look(each) for each in data]
    nodes += [_read(each, "recover collect", NodeHeld) for each in collected]
    made = make_plan(nodes, _nodes(lost), os.urandom(CLUSTER_BYTES))
    says = _says(made)
    names = [each.node for each in made.changes]
    _write(output, "recover plan", encode(made), says, {"lost": made.lost, "nodes": names})
    for line in _shortened(says):
        click.echo(line)
    click.echo(
        f"\n{PROMISES}\n\nNothing is changed yet. On each of the nodes {_list(names)}, with all of them stopped:"
    )
    click.echo(f"  argosy recover apply --data DIR {output}")


def apply_plan(data: str, file: str, sure: bool) -> None:
    """Carry a plan out in one directory."""
    from node.directory import open_stopped
    from node.recovery import change
    from ranges.placement.recovery import Plan

    made = _read(file, "recover plan", Plan)
    directory = open_stopped(data)
    identity = directory.identity
    directory.close()
    order = next((each for each in made.changes if identity is not None and each.node == identity.node), None)
    if order is None or identity is None:
        raise NodeError(f"{data} is of a node that this plan says nothing of: make a plan of all surviving nodes")
    for line in _shortened(_says(made)):
        click.echo(line)
    click.echo(f"\n{PROMISES}\n")
    if not sure:
        first = str(made.lost[0])
        typed = click.prompt(f"To give up what nodes {_list(made.lost)} held, type the number of the first of them")
        if typed.strip() != first:
            raise NodeError("nothing was changed")
    if change(data, order, lambda logs: _before(order, logs)):
        rest = [each.node for each in made.changes if each.node != order.node]
        click.echo(f"node {order.node} is of cluster {made.successor.hex()[:8]} now: start it as always")
        if rest:
            click.echo(f"the same plan must be applied on nodes {_list(rest)}, before they start")
    else:
        click.echo(f"this was done before in {data}")


def _look(data: str) -> Any:
    import argosy.assembly  # noqa: F401  (registers what logs hold)
    from node.recovery import examined
    from ranges.placement.held import hold

    with examined(data) as stopped:
        return hold(stopped)


def _nodes(lost: str) -> list[int]:
    try:
        return [int(each) for each in lost.split(",") if each.strip()]
    except ValueError as error:
        raise click.BadParameter(f"{lost!r} is not a list of node numbers", param_hint="--lost") from error


def _says(made: Any) -> list[str]:
    kept = sum(each.outcome == "kept" for each in made.choices)
    says = [f"lost for ever: nodes {_list(made.lost)}", f"{kept} ranges have their majority and stay as they are"]
    for each in made.choices:
        if each.outcome == "kept":
            continue
        what = f"range {each.group} [{range_key_text(each.start)}, {range_key_text(each.end)})"
        if each.group == 0:
            what = "group 0 (nodes and ranges)"
        if each.outcome == "dropped":
            says.append(f"{what}: dropped, newer ranges own its keys")
            continue
        beside = "".join(f"; node {node} is at {index} of term {term}" for node, index, term in each.others)
        says.append(
            f"{what}: begins again from node {each.node}, which ends at {each.index} of term {each.term}{beside}"
        )
        says.append("    nothing of it is lost" if each.whole else "    ACKNOWLEDGED WRITES AFTER THAT MAY BE LOST")
        if each.outdated:
            says.append("    IT IS OLD: group 0 knows newer ranges over these keys, and nothing of them survives")
    return says


def _shortened(says: list[str]) -> list[str]:
    most = 3 * SHOWN_MAX
    return says if len(says) <= most else [*says[:most], f"… and {len(says) - most} lines more, in the plan's file"]


def _before(order: Any, logs: Any) -> bytes:
    """What stood in the logs that are changed, with the entries that go."""
    groups = {}
    for each in order.amendments:
        log = logs.get(each.group)
        if log is None:
            continue
        gone = log.entries[max(0, each.first - 1 - log.base[0]) :]
        groups[each.group] = {
            "hard": log.hard,
            "base": log.base,
            "last": each.last,
            "removed": [[entry.term, entry.kind, entry.body.hex()] for entry in gone],
        }
    kept = {"node": order.node, "life": order.life, "cluster": order.cluster.hex(), "groups": groups}
    return json.dumps(kept, indent=1).encode()


def _write(output: str, kind: str, sealed: bytes, says: list[str], facts: dict[str, Any]) -> None:
    from node.directory import write_whole

    content = {"argosy": kind, **facts, "says": says, "sealed": sealed.hex()}
    place = Path(output)
    try:
        if place.exists():
            raise NodeError(f"{output} exists already: name another file")
        write_whole(place.parent, place.name, json.dumps(content, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise NodeError(f"{output} cannot be written: {error}") from error


def _read(file: str, kind: str, form: type) -> Any:
    from node.codec import decode

    try:
        content = json.loads(Path(file).read_bytes())
        if content["argosy"] != kind:
            raise NodeError(f"{file} is what `argosy {content['argosy']}` wrote, not `argosy {kind}`")
        found = decode(bytes.fromhex(content["sealed"]))
    except (OSError, ValueError, KeyError, TypeError, Malformed) as error:
        raise NodeError(f"{file} cannot be read: {error}") from error
    if type(found) is not form:
        raise NodeError(f"{file} holds something else")
    return found


def _list(nodes: Any) -> str:
    return ", ".join(map(str, nodes))
