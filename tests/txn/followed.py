"""The stage of the scripts about reads nearby: ranges with a follower that lags, and what waits on the follower's node.

Owns what tests/txn/nearby/*.txt say beside the verbs of tests/txn/stage.py, of which it takes those that are needed.
The waiting is the real one of node/following.py, over a host that only writes down. Read next: tests/txn/stage.py.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from node.codec import decode, encode
from node.flow import Flow, Flows, Send
from node.following import LEAVE_SECONDS, Following
from node.joining import outcomes
from node.machine import Answer, Permit, Request, StopGroup, Wait
from node.messages import NotLeader, Permitted
from node.raft.messages import AskLeader
from ranges.marks import first_mark
from ranges.merging import Absorb, Freeze
from tests.golden import Verb
from tests.txn.stage import Replicas, Stage, key_of, parse_time, reply_of, text_of, time_of, title, token_of
from txn.nearby import Nearby, Permission
from txn.queries import Read, Scan

VERBS = (
    "split", "merge", "begin", "read", "near", "scan", "put", "prewrite", "end", "permit", "apply", "follow", "elect",
    "collect", "wait",
)  # fmt: skip


class Follower:
    """The follower's replica, as its node sees it."""

    restoring, follows = False, True

    def __init__(self, ranges: "Followed") -> None:
        self.number, self.machine, self.ranges = ranges.group, ranges.follower, ranges
        self.raft = SimpleNamespace(applied=ranges.applied, leader=1, term=1)

    def node_of(self, replica: int) -> int:
        return replica

    def not_leader(self) -> NotLeader:
        return NotLeader(self.number, 1)


class Followed(Replicas):
    """One range: what its leader has applied, and what of it the follower has not."""

    applied = 1

    def __init__(self, stage: "FollowedStage", *rest: Any) -> None:
        super().__init__(stage, *rest)
        self.group_here = Follower(self)
        self.behind: list[tuple[bytes, Any]] = []
        self.present = True  # on the follower's node

    def apply(self) -> str:
        body, request = self.log.pop(0)
        applied = self.leader.apply(body, request)
        self.applied += 1
        self.behind.append((body, applied.reply))
        for effect in applied.effects:
            if isinstance(effect, StopGroup):
                self.stage.ranges = [each for each in self.stage.ranges if each.group != effect.group]
            else:
                right = Followed(self.stage, effect.group, effect.mark, self.views)
                right.present = False
                self.stage.ranges.append(right)
                right.elect()
        wakes = "".join(f", wakes {token_of(token)}" for token in applied.wakes)
        ((request, applied),) = outcomes(request, applied)
        self.stage.learn(request.message, applied.reply)
        return f"r{self.group} ⇨ {title(request.message)}: {reply_of(applied.reply)}{wakes}"

    def follow(self) -> Iterator[str]:
        """The follower applies one entry, and answers what waited for it."""
        body, reply = self.behind.pop(0)
        applied = self.follower.apply(body, None)
        assert applied.reply == reply
        for effect in applied.effects:
            if not isinstance(effect, StopGroup):
                next(each for each in self.stage.ranges if each.group == effect.group).present = True
        self.group_here.raft.applied += 1
        yield f"r{self.group}' ⇨ {self.group_here.raft.applied}"
        self.stage.following.cycled(self.group_here)
        yield from self.stage.told()
        if not self.behind:
            assert self.leader.mark() == self.follower.mark()


class FollowedStage(Stage):
    """As the stage, with a node that only follows."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges = [Followed(self, 1, first_mark(key_of(""), key_of("") + b"\xff"), self.views)]
        self.ranges[0].open()
        self.questions: list[tuple[int, Send]] = []
        self.lines: list[str] = []
        self.now = 0.0
        self.flows = Flows(self._send)
        self.replicas = SimpleNamespace(holds=lambda group: group.ranges.present)
        self.following: Any = Following(self)  # type: ignore[arg-type]
        self.begun: list[Flow[Any]] = []
        self.merges = 0

    @property
    def verbs(self) -> dict[str, Verb]:
        return {name: self._verb(getattr(self, f"on_{name}")) for name in VERBS}

    # -- the follower's host ---------------------------------------------------------------------------------------

    def start(self, flow: Flow[Any]) -> None:
        self.begun.append(flow)

    def reply(self, request: Request, reply: Any) -> None:
        reply = decode(encode(reply))
        self.answered(request, reply)
        self.lines.append(f"r{request.group}' → {title(request.message.query)}: {reply_of(reply)}")

    def answered(self, request: Request, reply: Any) -> None:
        """For whoever watches."""

    def send_raft(self, group: Follower, target: int, message: Any) -> None:
        assert (target, message) == (1, AskLeader(1))
        self.lines.append(f"r{group.number}' waits, and asks who leads")

    def _send(self, copy: int, wish: Send) -> None:
        self.questions.append((copy, wish))
        asked: Permission = decode(encode(wish.message))
        words = [f"{text_of(key)} at {time_of(at)}" for key, at in asked.keys]
        words += [f"{text_of(start)}-{text_of(end)} at {time_of(at)}" for start, end, at in asked.spans]
        words += [f"quiet at {time_of(asked.quiet)}"] if asked.quiet else []
        self.lines.append(f"r{wish.group}' asks for {', '.join(words)}")

    def told(self) -> Iterator[str]:
        """What the follower's node has done since; the flows of a step run when all that came has been taken."""
        while self.begun:
            self.flows.start(self.begun.pop(0))
        lines, self.lines = self.lines, []
        yield from lines

    # -- verbs -----------------------------------------------------------------------------------------------------

    def _near(self, query: Any, key: bytes, past: bool, late: bool) -> None:
        where = self.at(key)
        if late:  # routed as the follower would, if it still has a range there
            spans = ((each, each.follower.start, each.follower.end) for each in self.ranges)
            where = next((each for each, start, end in spans if start <= key < end), where)
        tick = 0 if query.at else self.next_tick()
        span = (where.follower if late else where.leader).span_version
        request = Request(0, 1, where.group, span, b"", Nearby(query, past), self.now, tick)
        self.following.take(where.group_here, request)

    def on_near(self, name: str, *words: str) -> Iterator[str]:
        """`near T1 x` at its S, `near - x` a one-shot, `near @12 x` in the past; `late` by an older route."""
        late, keys = "late" in words, [key_of(word) for word in words if word != "late"]
        at = 0 if name == "-" else parse_time(name[1:]) if name[0] == "@" else self.attempts[name].S
        for key in keys:
            self._near(Read((key,), at), key, name[0] == "@", late)
        yield from self.told()

    def on_scan(self, name: str, span: str, *options: str) -> Iterator[str]:
        """`scan T1 a-f limit=2 reverse`, nearby."""
        start, end = map(key_of, span.split("-"))
        limit = next((int(word[6:]) for word in options if word.startswith("limit=")), 0)
        at = parse_time(name[1:]) if name[0] == "@" else self.attempts[name].S
        self._near(Scan(start, end, at, limit, 0, "reverse" in options), start, name[0] == "@", False)
        yield from self.told()

    def on_permit(self) -> Iterator[str]:
        """Every question comes to its leader; one that has to wait stays."""
        questions, self.questions = self.questions, []
        for copy, wish in questions:
            where = next((each for each in self.ranges if each.group == wish.group), None)
            if where is None:
                yield f"r{wish.group} is no more"
                continue
            request = Request(0, 1, wish.group, wish.span, b"", wish.message, self.now)
            outcome = where.leader.read(request, self.now)
            if type(outcome) is Permit:
                yield f"r{wish.group} permits from {where.applied} on"
                self.flows.replied(copy, Permitted(where.applied))
            elif type(outcome) is Wait:
                yield f"r{wish.group} parks it on {token_of(outcome.token)}"
                self.questions.append((copy, wish))
            else:
                assert type(outcome) is Answer
                yield f"r{wish.group} answers {reply_of(outcome.reply)}"
                self.flows.replied(copy, outcome.reply)
        yield from self.told()

    def on_follow(self, *counts: str) -> Iterator[str]:
        """The follower applies all that its leader has applied, or so many entries of each range."""
        for each in list(self.ranges):
            if each.present:  # a right side comes with the follower's own split
                for _ in range(min(int(counts[0]), len(each.behind)) if counts else len(each.behind)):
                    yield from each.follow()

    def on_merge(self, key: str) -> Iterator[str]:
        """The range that begins at the key freezes, the follower has it whole, and its left neighbour absorbs it."""
        right = self.at(key_of(key))
        left = next(each for each in self.ranges if each.leader.end == right.leader.start)
        self.merges += 1
        yield right.send(Freeze(self.merges, left.group))
        frozen = self.reply_to(right)
        yield right.apply()
        yield from self.on_follow()
        configuration = left.leader.configuration.version
        bounds = frozen.closed, frozen.safe, frozen.size
        yield left.send(Absorb(self.merges, right.leader.descriptor, *bounds, configuration))
        yield left.apply()

    def reply_to(self, where: Replicas) -> Any:
        """`Frozen`, of the range as it will be."""
        machine = where.leader
        return SimpleNamespace(closed=machine.closed, safe=machine.safe, size=machine.size)

    def on_wait(self) -> Iterator[str]:
        """Longer than a replica waits for its leader."""
        self.now += LEAVE_SECONDS
        self.flows.step(self.now)
        yield from self.told()
