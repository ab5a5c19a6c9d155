"""The plan by which a cluster begins again after majorities were lost for ever. Pure: directories in, changes out.

Owns which replica each group begins again from, what is written at the end of its log, and when there is no plan.
Does not own directories (node/recovery.py, ranges/placement/held.py), tiles of spans (ranges/placement/tiles.py) or
what people are told and asked (argosy/cli/recover.py).

What it does, and why no harm is done in silence
------------------------------------------------
1. *Which groups.* One whose most up-to-date survivor can win an election among the survivors lost nothing and is left
   alone. Each other one begins again from that survivor: among all that is left nobody holds more. Group 0 always
   begins again, since it must hear of all this; if it had its majority, its most up-to-date survivor holds all of it.
2. *How.* By entries at the end of the survivor's log, under a term above all that were seen: a configuration in which
   it votes alone; `Renew` (ranges/renewal.py), or `Recovered` and the new descriptors in group 0's. They are applied
   as entries are, so rows, marks and the catalog change in no other way. Other survivors of the group get the same
   configuration, in which they are not: they neither vote nor stand, and are destroyed when group 0 says so.
3. *The fence.* The cluster gets a new id. A node of the old one, and a client that still belongs to it, is refused in
   the handshake, whatever terms it has come to: should the lost come back, they cannot vote, tell a leader anything,
   or serve a client that has met the new cluster. Two halves that both live on are two clusters. (Terms and
   configurations alone would not do: a lost majority may go on electing leaders.) All survivors must take the plan;
   one that has not is of the old cluster, and refused likewise. Lost nodes are also removed in the catalog, for ever.
4. *Time.* A survivor's ceiling may be older than the last. The new one is `TICKS_SKIPPED` above every ceiling and every
   timestamp of a version, intent, verdict, bar, `closed` or `safe` that any survivor holds. Ticks that lost nodes gave
   out beyond what survivors know were given out since these last heard of an extension: at a million a second it would
   take 19 hours to use up what is skipped. Of 2**48 ticks each recovery takes a four-thousandth.
5. *Ids.* Replica ids, versions of configurations and spans, groups and merges go on above all that were seen, with a
   gap. Who used an id that nobody here has seen is of the old cluster, and never heard.
6. *Spans.* A split or merge may be known to one survivor only. Of two owners of a key the one with the larger span
   version is newer; the older one's range ends where the newer begins, or is dropped. What is left must cover all keys.

What is lost: all that was acknowledged after the last entry of the chosen logs, and nobody can tell how much. Until
then the history is not strictly serializable any more: ranges end at different moments, so of a transaction over
several some writes may be there and others not. An intent whose verdict is lost is settled by the rules X of txn.

Left out: a range, or group 0, of which no survivor holds a replica. An intent in a log that lags by more than the
retention, whose verdict has been collected elsewhere since: nothing settles it. Read next: ranges/placement/tiles.py.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from node.codec import encode, message
from node.errors import NodeError
from node.raft.membership import encode_configuration, members
from node.raft.messages import Configuration, Kind, Member
from node.recovery import Amendment, DirectoryChange
from ranges.descriptor import Descriptor, Replica
from ranges.directory import CONTROL_GROUP
from ranges.keys import SUBSTEP_BITS
from ranges.machine import stamp
from ranges.placement.config import RANGES_PER_REPORT_MAX
from ranges.placement.held import CatalogHeld, NodeHeld, ReplicaHeld
from ranges.placement.messages import PutDescriptors
from ranges.placement.recovered import Recovered
from ranges.placement.tiles import Tile, lay, uncovered
from ranges.renewal import Renew

TICKS_SKIPPED = 1 << 36
TICK_LIMIT = 1 << 48
VERSIONS_SKIPPED = 1 << 20  # of terms, replica ids, versions and merges, which nobody types
GROUPS_SKIPPED = 1_000


class NoPlan(NodeError):
    """There is no safe way; the text says why, and what to do."""


@message(88)
@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of a group: `outcome` is "kept", "anew" or "dropped"; where it is most up to date, and how far.

    `others` are (node, index, term) of the other survivors. `outdated`: group 0 knows of newer owners of its keys,
    of which nothing survives. `whole`: nothing of it is lost.
    """

    group: int
    outcome: str
    start: bytes
    end: bytes
    node: int
    replica: int
    index: int
    term: int
    others: tuple[tuple[int, int, int], ...]
    outdated: bool
    whole: bool


@message(89)
@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is done, and what it comes from. `changes` has one for each surviving node."""

    cluster: bytes
    successor: bytes
    lost: tuple[int, ...]
    choices: tuple[Choice, ...]
    changes: tuple[DirectoryChange, ...]


@dataclass(slots=True)
class _Best:
    """The most up-to-date survivor of a group. `end` is where its range ends from now on, None if it is dropped."""

    node: int
    held: ReplicaHeld
    kept: bool
    whole: bool
    end: bytes | None


def make_plan(nodes: Sequence[NodeHeld], lost: Collection[int], successor: bytes) -> Plan:
    """The plan for these survivors, all there are, when the `lost` never come back. Raises `NoPlan`."""
    return _Planner(nodes, lost, successor).plan()


class _Planner:
    """1. `best` has every group of which a survivor holds rows; its ends are final after `_tile`."""

    def __init__(self, nodes: Sequence[NodeHeld], lost: Collection[int], successor: bytes) -> None:
        self._nodes = {each.node: each for each in nodes}
        self._lost = tuple(sorted(lost))
        self._successor = successor
        _expect_one_cluster(nodes, self._lost, successor)
        self._groups: dict[int, list[tuple[int, ReplicaHeld]]] = {}
        for each in sorted(nodes, key=lambda each: each.node):
            for held in each.replicas:
                self._groups.setdefault(held.group, []).append((each.node, held))
        self.best: dict[int, _Best] = {}
        for group in sorted(self._groups):  # a right side has a larger id than its left
            self._choose(group)
        self._catalogs = [each.catalog for each in nodes if each.catalog is not None]
        self._catalog = self._expect_catalog()

    # -- which replica ---------------------------------------------------------------------------------------------

    def _choose(self, group: int) -> None:
        found = [(node, held) for node, held in self._groups[group] if self._will_be(node, held)]
        if not found:
            return
        node, held = max(found, key=lambda pair: (pair[1].last[::-1], pair[1].applied, _votes(pair[1]), -pair[0]))
        whole = self._has_majority(held.members)
        self.best[group] = _Best(node, held, whole and group != CONTROL_GROUP, whole, held.end)

    def _will_be(self, node: int, held: ReplicaHeld) -> bool:
        """It is there, or its node makes it, since the log that makes it counts."""
        parent = self.best.get(held.parent)
        return held.sure or (parent is not None and (parent.kept or parent.node == node))

    def _has_majority(self, configuration: Configuration) -> bool:
        halves = [half for half in (configuration.voters, configuration.outgoing) if half]
        return all(2 * sum(each.node in self._nodes for each in half) > len(half) for half in halves)

    def _expect_catalog(self) -> CatalogHeld:
        best = self.best.get(CONTROL_GROUP)
        catalog = None if best is None else self._nodes[best.node].catalog
        if catalog is None:
            raise NoPlan(
                "no survivor holds a replica of group 0, which knows the nodes and the ranges: "
                "bring the directory of a node that does"
            )
        removed = {node for node, state, _ in catalog.nodes if state == "removed"}
        known = {node for each in self._catalogs for node, _, _ in each.nodes}
        named = {each.node for best in self.best.values() for each in members(best.held.members)}
        missing = sorted((known | named) - removed - self._nodes.keys() - set(self._lost))
        if missing:
            raise NoPlan(
                f"nodes {_list(missing)} are neither lost nor looked at: add their directories, or what "
                "`argosy recover collect` made of them, or name them as lost, for ever"
            )
        strangers = sorted(set(self._lost) - known - named)
        if strangers:
            raise NoPlan(f"no survivor knows nodes {_list(strangers)}: was --lost mistyped?")
        return catalog

    # -- spans -----------------------------------------------------------------------------------------------------

    def _tile(self) -> None:
        tiles = [
            Tile(group, best.held.start, best.held.end, best.held.span_version, best.kept)
            for group, best in self.best.items()
            if group != CONTROL_GROUP
        ]
        try:
            ends = lay(tiles)
        except ValueError as error:
            raise NoPlan(
                f"{error}: there is no safe way to tell which is right; keep all directories, "
                "and bring that of another node that holds either"
            ) from error
        for group, end in ends.items():
            best = self.best[group]
            if best.kept and end is None and not best.held.frozen:
                raise NoPlan(f"group {group} has its majority, and a newer range owns its keys: keep all directories")
            best.end = best.end if best.kept else end
        laid = [(best.held.start, end) for group, end in ends.items() if end and (best := self.best[group])]
        for start, end in uncovered(laid):
            holders = [each for each in self._catalog.descriptors if each.start < end and start < each.end]
            said = "; ".join(str(each) for each in holders)
            raise NoPlan(
                f"no survivor holds the keys from {start!r} to {end!r} (group 0 knows: {said or 'nothing'}): "
                "bring the directory of a node that does"
            )

    def _is_outdated(self, best: _Best) -> bool:
        end = best.held.end
        return any(
            each.span_version > best.held.span_version and each.start < end and best.held.start < each.end
            for each in self._catalog.descriptors
            if each.group not in self.best
        )

    # -- numbers ---------------------------------------------------------------------------------------------------

    def _numbers(self) -> None:
        """All of them above whatever was seen."""
        replicas = [held for found in self._groups.values() for _, held in found]
        descriptors = [each for catalog in self._catalogs for each in catalog.descriptors]
        spans = [each.span_version for each in replicas] + [each.span_version for each in descriptors]
        self._span_version = max(spans) + VERSIONS_SKIPPED
        merges = [each.ids[2] for each in self._catalogs] + [each.frozen + 1 for each in replicas]
        named = [each.node for held in replicas for each in members(held.members)]
        nodes = [each.ids[0] for each in self._catalogs] + [node + 1 for node in (*self._nodes, *self._lost, *named)]
        groups = [each.ids[1] for each in self._catalogs] + [group + 1 for group in self._known_groups()]
        self._ids = max(nodes), max(groups) + GROUPS_SKIPPED, max(merges) + VERSIONS_SKIPPED
        newest = max(each.newest for each in replicas) >> SUBSTEP_BITS
        self._ceiling = max(newest + 1, *(each.ceiling for each in self._catalogs)) + TICKS_SKIPPED
        if self._ceiling + TICKS_SKIPPED > TICK_LIMIT:
            raise NoPlan(f"the ticks of 48 bits are used up: {self._ceiling}; dump the data and make a new cluster")

    def _known_groups(self) -> set[int]:
        told = {each.group for catalog in self._catalogs for each in catalog.descriptors}
        gone = {group for each in self._nodes.values() for group in each.gone}
        return told | gone | self._groups.keys()

    def _configuration(self, group: int) -> Configuration:
        """In which the best votes alone; of a dropped group, one in which nobody who is left votes."""
        known = [held.members for _, held in self._groups[group]]
        placed = [
            (each.configuration_version, following)
            for catalog in self._catalogs
            for each, following in zip(catalog.descriptors, catalog.next_replicas, strict=True)
            if each.group == group
        ]
        version = max([each.version for each in known] + [each for each, _ in placed]) + VERSIONS_SKIPPED
        following = [each.next_replica for each in known] + [each for _, each in placed]
        free = max(following + [held.replica + 1 for _, held in self._groups[group]]) + VERSIONS_SKIPPED
        best = self.best[group]
        alone = Member(free - 1, self._lost[0]) if best.end is None else Member(best.held.replica, best.node)
        return Configuration(version, free, (alone,))

    # -- what is written -------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        self._tile()
        if all(each.whole for each in self.best.values()):
            raise NoPlan("no group has lost its majority: start the nodes")
        self._numbers()
        anew = {group: self._configuration(group) for group, best in self.best.items() if not best.kept}
        for group, best in self.best.items():
            parent = self.best.get(best.held.parent)
            if group in anew and best.end is not None and not best.held.sure and (parent is None or parent.end is None):
                raise NoPlan(f"group {group} is made by the log of group {best.held.parent}, which is dropped")
        written: dict[int, list[Amendment]] = {node: [] for node in self._nodes}
        for group, configuration in sorted(anew.items()):
            for node, held in self._groups[group]:
                if self._will_be(node, held):
                    written[node].append(self._amended(node, held, configuration, anew))
        control = self.best[CONTROL_GROUP].node
        routes = ((control, self._nodes[control].address),)
        changes = tuple(
            DirectoryChange(node, held.life, held.cluster, self._successor, routes, tuple(written[node]))
            for node, held in sorted(self._nodes.items())
        )
        choices = tuple(self._told(group) for group in sorted(self.best))
        return Plan(self._nodes[control].cluster, self._successor, self._lost, choices, changes)

    def _amended(
        self, node: int, held: ReplicaHeld, configuration: Configuration, anew: dict[int, Configuration]
    ) -> Amendment:
        best = self.best[held.group]
        chosen = best.node == node and best.end is not None
        term = max(each.journal_term for _, each in self._groups[held.group]) + VERSIONS_SKIPPED
        bodies = [] if not chosen else self._control(anew) if held.group == CONTROL_GROUP else [self._renewed(best)]
        entries = [(term, int(Kind.CONFIGURATION), encode_configuration(configuration))]
        entries += [(term, int(Kind.COMMAND), body) for body in bodies]
        upto = held.last[0] if chosen else held.settled  # what was never settled is not to be there for ever
        return Amendment(
            held.group,
            held.journal,
            held.journal_term,
            (term, held.replica if chosen else 0, held.settled),
            held.base if held.anew else (0, 0),
            upto + 1,
            tuple(entries),
        )

    def _renewed(self, best: _Best) -> bytes:
        assert best.end is not None, "a dropped range is not renewed"
        return stamp(best.held.span_version) + encode(Renew(self._span_version, best.end, self._ids[2] - 1))

    def _control(self, anew: dict[int, Configuration]) -> list[bytes]:
        """What group 0 is told."""
        stays = {group for group, best in self.best.items() if best.end is not None}
        merged = tuple(sorted(self._known_groups() - stays - {CONTROL_GROUP}))
        merges = tuple(
            (best.held.frozen, best.held.heir, group)
            for group, best in sorted(self.best.items())
            if best.kept and best.held.frozen and best.held.heir in stays and group not in self._catalog.merged
        )
        bodies = [encode(Recovered(self._successor, self._lost, self._ceiling, self._ids, merged, merges))]
        told = [group for group in sorted(stays & anew.keys()) if group != CONTROL_GROUP]
        for first in range(0, len(told), RANGES_PER_REPORT_MAX):
            some = told[first : first + RANGES_PER_REPORT_MAX]
            descriptors = tuple(self._descriptor(group, anew[group]) for group in some)
            bodies.append(encode(PutDescriptors(descriptors, tuple(anew[group].next_replica for group in some))))
        return bodies

    def _descriptor(self, group: int, configuration: Configuration) -> Descriptor:
        best = self.best[group]
        assert best.end is not None, "a dropped range is not placed"
        replicas = (Replica(best.node, best.held.replica, True),)
        return Descriptor(group, best.held.start, best.end, self._span_version, configuration.version, replicas)

    def _told(self, group: int) -> Choice:
        best = self.best[group]
        held = best.held
        outcome = "kept" if best.kept else "dropped" if best.end is None else "anew"
        others = tuple((node, *each.last) for node, each in self._groups[group] if node != best.node)
        outdated = outcome == "anew" and self._is_outdated(best)
        end = held.end if best.end is None else best.end
        return Choice(
            group, outcome, held.start, end, best.node, held.replica, *held.last, others, outdated, best.whole
        )  # fmt: skip


def _expect_one_cluster(nodes: Sequence[NodeHeld], lost: Sequence[int], successor: bytes) -> None:
    if not lost:
        raise NoPlan("name the nodes that are lost for ever")
    ids = sorted({each.cluster for each in nodes})
    if len(ids) != 1:
        raise NoPlan(f"these directories belong to several clusters: {', '.join(each.hex() for each in ids) or 'none'}")
    assert successor != ids[0], "the new cluster has another id"
    twice = sorted({each.node for each in nodes if sum(other.node == each.node for other in nodes) > 1})
    if twice:
        raise NoPlan(f"there are several directories of nodes {_list(twice)}: which one is right?")
    both = sorted({each.node for each in nodes} & set(lost))
    if both:
        raise NoPlan(f"nodes {_list(both)} are named as lost, and here are their directories")


def _votes(held: ReplicaHeld) -> bool:
    return any(each.replica == held.replica for each in held.members.voters + held.members.outgoing)


def _list(nodes: Sequence[int]) -> str:
    return ", ".join(map(str, nodes))
