"""What goes wrong in the world of tests/txn/world.py: elections, crashes, splits, collections, each at its own rate.

Owns when and whom they strike. Does not own what becomes of it. Read next: tests/txn/world.py.
"""

from typing import Any

from node.codec import encode
from node.machine import Proposal, Request
from ranges.admin import Split
from tests.txn.actors import NODES
from txn.collection import Collection


class Strikes:
    """The part of a world that breaks things; the rest of the world is its other half."""

    faults: Any
    rng: Any
    groups: dict[int, Any]
    nodes: dict[int, Any]
    people: list[Any]
    after: Any
    lead: Any
    tick: Any
    propose: Any

    def plan_faults(self) -> None:
        for name in ("elections", "crashes", "splits", "collections"):
            self.plan(name)

    def plan(self, name: str) -> None:
        rate = getattr(self.faults, name)
        if rate:
            self.after(self.rng.expovariate(rate), lambda: self.strike(name))

    def strike(self, name: str) -> None:
        if getattr(self.faults, name):
            getattr(self, "strike_" + name)()
            self.plan(name)

    def strike_elections(self) -> None:
        self.lead(self.groups[self.rng.choice(sorted(self.groups))], self.rng.choice(NODES))

    def strike_crashes(self) -> None:
        """A node loses all that it had in memory, and is back at once; others lead its ranges."""
        number = self.rng.choice(NODES)
        self.nodes[number].boot()
        for person in self.people:
            person.cut(number)
        for group in self.groups.values():
            if group.leader == number:
                self.lead(group, self.rng.choice([each for each in NODES if each != number]))

    def strike_splits(self) -> None:
        group = self.groups[self.rng.choice(sorted(self.groups))]
        keys = sorted(self.split_keys())
        inside = [key for key in keys if group.machine.start < key < group.machine.end]
        if inside and group.serves:
            self.newest_group += 1  # never used twice, whatever becomes of the order
            order = Split(self.rng.choice(inside), self.newest_group)
            self.sequence += 1
            request = Request(
                self.sequence, 0, group.number, group.machine.span_version, encode(order), order, self.now
            )
            self.answers[self.sequence] = lambda _: None
            outcome = group.machine.admit(request, self.now)
            if type(outcome) is Proposal:
                self.propose(group, outcome, request)

    def strike_collections(self) -> None:
        """F5, up to this moment, by any node: whatever is under way is too old from then on."""
        node, until = self.nodes[self.rng.choice(NODES)], self.tick()
        node.flows.now = self.now
        node.flows.start(
            Collection(node.router, node.settling).collect(until), lambda result, error: self.raised(error)
        )

    def raised(self, error: BaseException | None) -> None:
        if error is not None:
            raise error

    def split_keys(self) -> set[bytes]:
        return {b"\x10" + name.encode() for name in "abcdef"}
