"""The faults of a run, drawn before it begins: what goes wrong, when, and with which luck.

Owns `Fault`, the schedule of a seed, and how likely each fault is in its climate. A schedule is data: leaving one
fault out changes nothing about how the others are drawn. Does not own what a fault does.
Read next: argosy/testing/nemesis.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from argosy.testing import disk_faults, network_faults, node_faults
from argosy.testing.strike import Strike

PAUSE_BETWEEN_SECONDS = (0.2, 2.5)
EMPHASIS = 5  # how much likelier the faults of a climate's kind are
OBSESSION = 12  # and how much likelier a single fault, in climates that have one

ORDERS = {"split": 4, "merge": 4, "move leader": 4, "move replica": 4, "collect": 2, "drain": 2, "decommission": 2}
"""Of an operator."""
KINDS = {"nodes": node_faults.FAULTS, "network": network_faults.FAULTS, "disks": disk_faults.FAULTS}

ACTS: Mapping[str, Callable[[Strike], str]] = {
    name: act for faults in KINDS.values() for name, (_, act) in faults.items()
}
"""What carries a fault out, and says what it did to whom; nothing if there was nobody to do it to."""

WEIGHTS: Mapping[str, Mapping[str, int]] = {
    **{kind: {name: weight for name, (weight, _) in faults.items()} for kind, faults in KINDS.items()},
    "placement": ORDERS,
}
"""Kind -> fault -> how likely it is. What an operator orders is drawn like all that goes wrong."""


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
