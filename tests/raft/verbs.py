"""The verbs of tests/raft/*.txt, over tests/raft/cluster.py.

cluster 3 [learners=1] [leader=1] [support] [pre_vote=no] [check_quorum=no] [flight=2]
propose 1 "x"          tick 0.1 [n1 …] [until=leader]      deliver [n1] [n2] [only=Append]     drop (the same)
cut 1 [2]   heal       restart 1     disk 1 hold|write     change 1 voters=1,2 learners=3      transfer 1 2
read 1 7    compact 1 3              support by=2 for=1 [stretch=1 seconds=5 [late]] [end]      status
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from node.raft import messages as m
from node.raft.core import Raft
from node.raft.settings import RaftSettings
from tests.golden import Command, Verb
from tests.raft.cluster import Cluster


def state(raft: Raft) -> str:
    """What a replica is, as `n1@2 follower(n3)`."""
    role = raft.role.name.lower()
    if raft.role is m.Role.CANDIDATE and raft.pre:
        role = "precandidate"
    if raft.role is m.Role.FOLLOWER:
        role = f"follower(n{raft.leader})" if raft.leader else "follower"
    return f"n{raft.replica}@{raft.term} {role}{' asleep' if raft.asleep else ''}"


class Script:
    """One script's cluster and what it has printed since the last command."""

    def __init__(self) -> None:
        self.cluster = Cluster(0)
        self.lines: list[str] = []
        self.states: dict[int, str] = {}

    def verbs(self) -> dict[str, Verb]:
        names = [each for each in dir(self) if each.startswith("do_")]
        return {name.removeprefix("do_"): self._printing(getattr(self, name)) for name in names}

    def _printing(self, act: Callable[[Command], None]) -> Verb:
        def verb(command: Command) -> Iterable[str]:
            self.lines = []
            act(command)
            self._roles()
            return self.lines

        return verb

    def _roles(self) -> None:
        """Print who has changed since the last look."""
        for replica, node in sorted(self.cluster.nodes.items()):
            now = state(node.raft)
            before = self.states.get(replica)
            if before is not None and before != now:
                self.lines.append(f"{before} ⇨ {now}")
            self.states[replica] = now

    def _observe(self, line: str) -> None:
        self._roles()
        self.lines.append(line)

    def do_cluster(self, command: Command) -> None:
        options, words = command.options, command.words
        settings = RaftSettings(
            support="support" in words,
            pre_vote=options.get("pre_vote") != "no",
            check_quorum=options.get("check_quorum") != "no",
            in_flight_appends_max=int(options.get("flight", 64)),
            entries_per_append_max=int(options.get("entries", 1024)),
            append_bytes_max=int(options.get("bytes", 1 << 20)),
            newcomer_waits=False,
        )
        self.cluster = Cluster(command.number(0), int(options.get("learners", 0)), settings)
        self.states = {}
        if "support" in words:
            for one in self.cluster.nodes:
                for other in self.cluster.nodes:
                    if one != other:
                        self._promise(one, other, 1, 100.0)
        if "leader" in options:
            self.cluster.elect(int(options["leader"]))
            self.cluster.tick(0.2)
            self.cluster.deliver_all()
        self.cluster.observe = self._observe

    def do_propose(self, command: Command) -> None:
        self.cluster.propose(command.number(0), *(each.encode() for each in command.words[1:]))

    def do_tick(self, command: Command) -> None:
        """Time passes at once, or in steps of 0.1 s with all delivered until somebody leads."""
        only = tuple(int(each.lstrip("n")) for each in command.words[1:])
        seconds = float(command.words[0])
        if "until" not in command.options:
            self.cluster.tick(seconds, only)
            return
        for _ in range(round(seconds * 10)):
            self.cluster.tick(0.1, only)
            self.cluster.deliver_all()
            if any(self.cluster.raft(each).role is m.Role.LEADER for each in only or self.cluster.nodes):
                return
        raise AssertionError("nobody was elected in this time")

    def do_deliver(self, command: Command) -> None:
        """All until the network is empty; with a sender, a target or a kind: what waits now and fits."""
        if not command.words and not command.options:
            self.cluster.deliver_all()
            return
        for each in list(self._chosen(command)):
            self.cluster.deliver(self.cluster.queue.index(each))

    def do_drop(self, command: Command) -> None:
        for source, target, message in list(self._chosen(command)):
            self.cluster.queue.remove((source, target, message))
            self._observe(f"n{source}@{message.term} ⇥ n{target} {message}")

    def _chosen(self, command: Command) -> Iterator[tuple[int, int, Any]]:
        ends = [command.number(place) for place in range(len(command.words))]
        kinds = command.options.get("only", "").split(",")
        for source, target, message in self.cluster.queue:
            fits = (source, target)[: len(ends)] == tuple(ends) or ends == [0, target]
            if fits and (kinds == [""] or type(message).__name__ in kinds):
                yield source, target, message

    def do_cut(self, command: Command) -> None:
        if len(command.words) == 1:
            self.cluster.isolate(command.number(0))
        else:
            self.cluster.cut(command.number(0), command.number(1))

    def do_heal(self, command: Command) -> None:
        self.cluster.heal()

    def do_restart(self, command: Command) -> None:
        self.cluster.restart(command.number(0))

    def do_disk(self, command: Command) -> None:
        node = self.cluster.nodes[command.number(0)]
        node.held = command.words[1] == "hold"
        if not node.held:
            self.cluster.sync(node)
            self.cluster.settle(node)

    def do_change(self, command: Command) -> None:
        change = m.Change(command.numbers("voters"), command.numbers("learners"))
        self.cluster.step(command.number(0), change)

    def do_transfer(self, command: Command) -> None:
        self.cluster.step(command.number(0), m.Transfer(command.number(1)))

    def do_read(self, command: Command) -> None:
        self.cluster.step(command.number(0), m.ReadRound(command.number(1)))

    def do_compact(self, command: Command) -> None:
        self.cluster.compact(command.number(0), command.number(1))

    def do_support(self, command: Command) -> None:
        """One node's promise to another begins or goes on, or ends (on the giver's side)."""
        giver, taker = command.numbers("by")[0], command.numbers("for")[0]
        if "end" in command.words:
            self.cluster.step(giver, m.Lapsed(taker))
        else:
            seconds = float(command.options["seconds"])
            self._promise(giver, taker, int(command.options["stretch"]), seconds, "late" not in command.words)

    def _promise(self, giver: int, taker: int, stretch: int, seconds: float, told: bool = True) -> None:
        cluster = self.cluster
        cluster.step(giver, m.Promised(taker, stretch))
        if told:
            cluster.step(taker, m.Supported(giver, stretch, cluster.now + seconds))

    def do_status(self, command: Command) -> None:
        for _, node in sorted(self.cluster.nodes.items()):
            raft = node.raft
            lease = f" lease={raft.lease_until:g}" if raft.leadership and self.cluster.settings.support else ""
            log = f"log=({raft.log.base} {raft.last}] commit={raft.commit} applied={raft.applied}"
            self.lines.append(f"{state(raft)} {log} {raft.configuration}{lease}")
            for each in raft.status().progress:
                flight = f" in_flight={each.in_flight}" if each.in_flight else ""
                self.lines.append(f"  n{each.replica} {each.state} match={each.match} next={each.next}{flight}")
