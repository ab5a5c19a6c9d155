"""Everything that is said in a simulation, one line each in arrow notation, with its simulated time.

Owns how a frame is written down; decodes only what somebody wants to read. Does not own what happens.

    12.3456 n1 → n2 Append g3 base=4@2 [5@2] commit=4
Read next: argosy/testing/simulation.py.
"""

from collections.abc import Callable, Iterator
from typing import Any

from argosy.testing.network import Station
from argosy.testing.simulation import Simulation
from node.codec import decode
from node.ports import Frame, Kind


def trace(simulation: Simulation, write: Callable[[str], None], frames: bool = True) -> None:
    """From now on write every event of the cluster, and every message if `frames`."""
    world = simulation.world

    def note(text: str) -> None:
        write(f"{world.now:9.4f} {text}")

    def watch(source: Station, target: Station, frame: Frame) -> None:
        for line in _lines(frame):
            note(f"{source.name} → {target.name} {line}")

    simulation.cluster.note = note
    if frames:
        world.network.watch = watch


def _lines(frame: Frame) -> Iterator[str]:
    payload: Any = frame.payload
    match frame.kind:
        case Kind.RAFT:
            for group, source, target, body in payload:
                yield f"g{group} r{source} → r{target} {decode(body)}"
        case Kind.REQUESTS:
            for copy, group, span, body in payload:
                yield f"#{copy} g{group} v{span} {decode(body)}"
        case Kind.REPLIES:
            for copy, body in payload:
                yield f"#{copy} = {decode(body)}"
        case Kind.SNAPSHOT:
            yield f"g{payload[0]} snapshot {payload[3]}"
        case _:
            yield Kind(frame.kind).name
