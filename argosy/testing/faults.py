"""The faults of a run, drawn before it begins: what goes wrong, when, and with which luck.

Owns `Fault`, the schedule of a seed, and how likely each fault is in its climate. A schedule is data: leaving one
fault out changes nothing about how the others are drawn. Does not own what a fault does (nemesis.py).
Read next: argosy/testing/nemesis.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argosy.testing.cluster import Cluster

PAUSE_BETWEEN_SECONDS = (0.2, 2.5)
EMPHASIS = 5  # how much likelier the faults of a climate's kind are
OBSESSION = 12  # and how much likelier a single fault, in climates that have one

WEIGHTS: Mapping[str, Mapping[str, int]] = {
    "nodes": {"crash": 5, "ambush": 4, "crash everybody": 1, "power cut": 2, "pause": 3},
    "network": {"isolate": 4, "block one way": 3, "cut a link": 2, "lose frames": 2},
    "disks": {"slow disk": 2, "full disk": 2, "broken disk": 2},
    "placement": {"split": 4, "merge": 4, "cut merge": 2, "move leader": 4, "move replica": 4, "collect": 2},
}
"""Kind -> fault -> how likely it is. What an operator orders (`placement`) is drawn like all that goes wrong."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a schedule: `at` seconds after the nemesis begins; all its luck is drawn from `seed`."""

    place: int
    at: float
    name: str
    seed: int

    def __str__(self) -> str:
        return f"fault {self.place} at {self.at:.2f}: {self.name}"


def climate(seed: int) -> tuple[str, dict[str, int]]:
    """What a seed's run emphasises: nothing, one kind of faults, or one fault; and the weights that follow."""
    chance = Random(f"climate of {seed}")
    weights = {name: weight for faults in WEIGHTS.values() for name, weight in faults.items()}
    kind = chance.choice(("even", "fault", *WEIGHTS))
    if kind == "fault":
        kind = chance.choice(sorted(weights))
        weights[kind] *= OBSESSION
    for name in WEIGHTS.get(kind, ()):
        weights[name] *= EMPHASIS
    return kind, weights


def schedule(seed: int, seconds: float, weights: Mapping[str, int] | None = None) -> tuple[Fault, ...]:
    """All faults of a seed's run, in order of time; `weights` stand in for those of its climate."""
    weights = weights or climate(seed)[1]
    chance = Random(f"faults of {seed}")
    names, shares = list(weights), list(weights.values())
    faults: list[Fault] = []
    at = chance.uniform(*PAUSE_BETWEEN_SECONDS)
    while at < seconds:
        faults.append(Fault(len(faults), at, chance.choices(names, shares)[0], chance.getrandbits(32)))
        at += chance.uniform(*PAUSE_BETWEEN_SECONDS)
    return tuple(faults)


class Strike:
    """What a fault has in hand when it is carried out: the cluster, its own chance, and time while the nemesis runs."""

    def __init__(self, cluster: "Cluster", chance: Random, over: Callable[[], bool]) -> None:
        self.cluster = cluster
        self.network = cluster.world.network
        self.chance = chance
        self._over = over

    def after(self, span: tuple[float, float], act: Callable[[], None]) -> float:
        """Run something after some seconds of this span, unless all is calm by then; how many seconds."""
        seconds = self.chance.uniform(*span)
        self.cluster.world.after(seconds, lambda: None if self._over() else act())
        return seconds
