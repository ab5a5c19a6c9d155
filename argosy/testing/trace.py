"""Everything that is said in a simulation, one line each in arrow notation, with its simulated time.

Owns how a frame, a change of roles and the state at the end are written down; decodes only what somebody wants to
read. Does not own what happens. Read next: argosy/testing/simulation.py.

    12.3456 n1 → n3 Append g7 2→3 t4 base=4@2 [5@2] commit=4       group 7, from replica 2 to replica 3, in term 4
    12.3461 c2 → n1 #33 Read g7 v2 keys=(account-09) at=0          copy 33 of a request, under span version 2
    12.3467 n1 → c2 #33 = Values at=2293760 values=(45)            its reply
    12.3600 n3 g7 follower t4 ⇨ candidate t5
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from argosy.testing.cluster import Cluster, NodeStation
from argosy.testing.network import Station
from argosy.testing.simulation import Simulation
from node.codec import decode
from node.ports import Frame, Kind
from node.raft.line import Line
from node.raft.messages import Role
from ranges.config import ID_BYTES
from ranges.keys import USER

TEXT_MAX = 40  # of one bytes value
ROWS_MAX = 8  # of one tuple


def trace(simulation: Simulation, write: Callable[[str], None], frames: bool = True) -> None:
    """From now on write every event of the cluster, and every message if `frames`."""
    world = simulation.world
    roles: dict[tuple[str, int], str] = {}

    def note(text: str) -> None:
        write(f"{world.now:9.4f} {text}")

    def watch(source: Station, target: Station, frame: Frame) -> None:
        for line in _lines(frame):
            note(f"{source.name} → {target.name} {line}")

    def look(station: NodeStation, groups: Sequence[Any]) -> None:
        for group in groups:
            role = f"{Role(group.raft.role).name.lower()} t{group.raft.term}"
            before = roles.get((station.name, group.number), "new")
            if role != before:
                roles[station.name, group.number] = role
                note(f"{station.name} g{group.number} {before} ⇨ {role}")

    simulation.cluster.note = note
    simulation.cluster.watchers.insert(0, look)
    if frames:
        world.network.watch = watch


def replicas(cluster: Cluster) -> Iterator[str]:
    """One line for each replica as it is now."""
    for node in cluster.nodes:
        if not node.up:
            yield f"{node.name} is down"
            continue
        for number, group in sorted(node.host.replicas.groups.items()):
            raft = group.raft
            role = f"{Role(raft.role).name.lower()}{' asleep' if raft.asleep else ''}"
            shown = f"{raft.configuration} vote={raft.vote} leader={raft.leader} commit={raft.commit} last={raft.last}"
            yield f"{node.name} g{number} replica {group.replica} {role} t{raft.term} {shown} applied={raft.applied}"


def _lines(frame: Frame) -> Iterator[str]:
    payload: Any = frame.payload
    match frame.kind:
        case Kind.RAFT:
            for group, source, target, body in payload:
                message = decode(body)
                name, *rest = str(message).split(" ", 1)
                yield " ".join((name, f"g{group} {source}→{target} t{message.term}", *rest))
        case Kind.REQUESTS:
            for copy, group, span, body in payload:
                name, *rest = show(decode(body)).split(" ", 1)
                yield " ".join((f"#{copy}", name, f"g{group} v{span}", *rest))
        case Kind.REPLIES:
            for copy, body in payload:
                yield f"#{copy} = {show(decode(body))}"
        case Kind.SUPPORT:
            for body in payload:
                yield show(decode(body))
        case Kind.SNAPSHOT:
            group, source, target, place, rows, last = payload
            more = ", the last" if last else ""
            yield f"Snapshot g{group} {source}→{target} chunk {place} of {len(rows)} bytes{more}"
        case _:
            yield Kind(frame.kind).name


def show(value: Any) -> str:
    """A value as one reads it: keys as text, names of attempts and other bytes as hex, long ones cut short."""
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, Line):
        return str(value)
    if is_dataclass(value):
        return " ".join((type(value).__name__, *_fields(value)))
    if isinstance(value, tuple | list):
        more = (f"… {len(value)} in all",) if len(value) > ROWS_MAX else ()
        return f"({', '.join((*map(show, value[:ROWS_MAX]), *more))})"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _fields(value: Any) -> Iterable[str]:
    for each in fields(value):
        found = getattr(value, each.name)
        if found is True:
            yield each.name
        elif found is not False and found is not None and found not in ((), b"", ""):
            inner = show(found)
            yield f"{each.name}=({inner})" if is_dataclass(found) else f"{each.name}={inner}"


def _text(value: bytes) -> str:
    shown = value[1:] if value.startswith(USER) else value
    text = shown.decode("ascii", "replace")
    if not text.isprintable() or not text.isascii():
        name = len(value) == ID_BYTES  # whose name, and the how manieth (txn/committing.py:Names)
        text = f"{value[:3].hex()}.{int.from_bytes(value[10:], 'big')}" if name else value.hex()
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 8]}…{text[-4:]} ({len(value)} bytes)"
