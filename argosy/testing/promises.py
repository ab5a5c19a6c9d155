"""What a node may say only when its own disk holds it, and that leases never overlap.

Owns `Promises`, which listens to every host of a cluster: to each vote and acknowledgement as it leaves, and to what
its leaders do at each step. It finds at once what a history shows only when a crash comes at the worst moment: an
answer ahead of its disk (traps 1), two votes in a term (Raft paper, 5.2), a commit without a durable majority (5.3,
5.4.2), a lease that begins before an older one has ended (L2, P4). Does not own what replicas apply (safety.py).
Read next: argosy/testing/safety.py.
"""

from collections.abc import Sequence
from typing import Any

from argosy.testing.cluster import Cluster, NodeStation
from argosy.testing.linear import Violation
from node.raft.messages import AppendReply, Message, VoteReply, VoteRequest
from node.raft.quorum import agreed


class Promises:
    """Remembers votes, by replica and term, and who held a lease last, by group.

    1. `leases`: whether they are looked at; where clocks break their bound, nothing is promised of them.
    """

    def __init__(self, cluster: Cluster, leases: bool = True) -> None:
        self.leases = leases
        self._cluster = cluster
        self._commits: dict[int, tuple[int, int]] = {}  # group -> (term, commit index) of the leader that stepped last
        self._votes: dict[tuple[int, int, int], int] = {}  # (group, replica, term) -> for which replica
        self._holders: dict[int, tuple[NodeStation, Any, Any]] = {}  # group -> (station, its host, its replica)

    def watch(self, station: NodeStation, host: Any) -> None:
        """Listen to a host from its start on."""
        send = host.send_raft

        def heard(group: Any, target: int, message: Message) -> None:
            self._check(station, group, target, message)
            send(group, target, message)

        host.send_raft = heard

    def _check(self, station: NodeStation, group: Any, target: int, message: Message) -> None:
        kind = type(message)
        if kind is AppendReply:
            self._check_log(station, group, message)
        elif kind is VoteReply and message.granted and not message.pre:  # type: ignore[union-attr]
            self._check_vote(station, group, message.term, target)
        elif kind is VoteRequest and not message.pre:  # type: ignore[union-attr]
            self._check_vote(station, group, message.term, group.replica)

    def _check_log(self, station: NodeStation, group: Any, message: Any) -> None:
        """What is acknowledged is durable, unless a newer leader has cut it off since."""
        log = station.disk.logs.get(group.number)
        last = log.base[0] + len(log.entries) if log is not None else 0
        if message.matched > last and group.raft.term == message.term:
            raise Violation(
                f"{station} acknowledges group {group.number} up to {message.matched}, its disk ends at {last}"
            )

    def _check_vote(self, station: NodeStation, group: Any, term: int, candidate: int) -> None:
        """A vote is durable, and the only one in its term."""
        log = station.disk.logs.get(group.number)
        hard = (0, 0) if log is None else log.hard[:2]
        if hard[0] < term or (hard[0] == term and hard[1] != candidate):
            raise Violation(
                f"{station} votes in group {group.number} for replica {candidate} in term {term}; "
                f"its disk holds a vote for {hard[1]} in term {hard[0]}"
            )
        first = self._votes.setdefault((group.number, group.replica, term), candidate)
        if first != candidate:
            raise Violation(
                f"{station} votes in group {group.number} for replicas {first} and {candidate} in term {term}"
            )

    def stepped(self, station: NodeStation, groups: Sequence[Any]) -> None:
        """Look at what this node leads among these.

        What was looked at when it last changed need not be looked at again: a lease that is in nobody's way when it
        begins ends by itself, and whoever would begin one beside it is looked at then.
        """
        host, commits, holders = station.host, self._commits, self._holders
        for group in groups:
            raft, number = group.raft, group.number
            if raft.leadership is None:
                continue
            known = commits.get(number)  # in the open: every step of every node passes here
            if known is None or known[1] != raft.commit or known[0] != raft.term:
                self._check_commit(station, number, raft)
            holder = holders.get(number)
            if (holder is None or holder[2] is not group) and self.leases and raft.lease_until > station.clock:
                self._check_lease(station, host, group)

    def _check_commit(self, station: NodeStation, number: int, raft: Any) -> None:
        """A leader commits by counting what is of its own term, and durable on a majority of each half (5.4.2, 6)."""
        term, commit = self._commits.get(number, (0, 0))
        self._commits[number] = (raft.term, raft.commit)
        if term != raft.term or raft.commit <= commit:
            return
        if raft.log.term(raft.commit) != raft.term:
            raise Violation(f"{station} commits group {number} up to {raft.commit}, an entry of an older term")
        used = (raft.configuration, raft.configuration_at(raft.commit))
        if not any(agreed(each, lambda member: self._is_held(member.node, number, raft)) for each in used):
            raise Violation(f"{station} commits group {number} up to {raft.commit}: no majority of disks holds that")

    def _is_held(self, node: int, number: int, raft: Any) -> bool:
        """Whether a node's disk holds what is committed; one that was lost since held it."""
        station = self._cluster.nodes[node - 1]
        log = station.disk.logs.get(number)
        if log is None:
            return station.dead
        place = raft.commit - log.base[0]
        return place <= 0 or (place <= len(log.entries) and bool(log.entries[place - 1].term == raft.term))

    def _check_lease(self, station: NodeStation, host: Any, group: Any) -> None:
        """No two replicas of a group have a lease at the same moment, each by its own clock."""
        number = group.number
        holder = self._holders.get(number)
        if holder is not None and _holds(*holder):
            raise Violation(
                f"two leases of group {number}: {holder[0]} in term {holder[2].raft.term} "
                f"and {station} in term {group.raft.term}"
            )
        self._holders[number] = (station, host, group)


def _holds(station: NodeStation, host: Any, group: Any) -> bool:
    """Whether this replica has a lease now."""
    lives = station.port is host and station.host.replicas.holds(group)
    return bool(lives and group.raft.lease_until > station.clock)
