"""The stage of the transaction scripts: ranges of two replicas each, an oracle, and attempts driven by hand.

Owns the verbs of tests/txn/*.txt (one method each) and how outcomes are written. Every entry is applied on the leader
and on a follower that knows no request; their replies, rows and marks must agree. Read next: tests/golden.py.
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any

from node.codec import encode
from node.flow import Flow
from node.joining import entries, outcomes
from node.machine import Answer, Proposal, Request, StopGroup, Wait
from ranges.admin import Split, SplitDone
from ranges.config import ID_BYTES
from ranges.descriptor import Descriptor
from ranges.keys import SUBSTEP_BITS, SUBSTEP_LAST, TICK, USER, VERSION_KIND, unhead, version_commit
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.messages import Intent, StaleSpan
from tests.golden import Verb
from tests.ranges.fakes import FakeView
from txn import replies
from txn.closing import Close, Collect, RaiseSafe
from txn.commands import Prewrite, Write
from txn.endings import Bar, Settle, Verdict
from txn.puts import Put
from txn.queries import Attempt, Check, Fate, Intents, Read, Scan

STAMP = Struct(">QQII")
TICK_FIRST = 10


def name_of(id: bytes) -> str:
    return id.rstrip(b".").decode()


def id_of(name: str) -> bytes:
    return name.encode().ljust(16, b".")


def key_of(text: str) -> bytes:
    return USER + text.encode()


def text_of(key: bytes) -> str:
    return key[1:].replace(b"\0", b"+").decode()


def time_of(timestamp: int) -> str:
    tick, substep = timestamp >> SUBSTEP_BITS, timestamp & SUBSTEP_LAST
    return f"{tick}.{substep}" if substep else str(tick)


def parse_time(text: str) -> int:
    tick, _, substep = text.partition(".")
    return (int(tick) << SUBSTEP_BITS) + int(substep or 0)


class Attempted:
    """One attempt: its S, what it read, what it writes, and the timestamps that its Prewrites gave."""

    def __init__(self, name: str, start: int) -> None:
        self.name, self.id, self.S, self.A = name, id_of(name), start, start
        self.reads: list[bytes] = []
        self.spans: list[tuple[bytes, bytes]] = []
        self.writes: dict[bytes, bytes | None] = {}
        self.commits: dict[bytes, int] = {}
        self.sent: list[Any] = []

    @property
    def primary(self) -> bytes:
        return min(self.writes)

    @property
    def commit(self) -> int:
        return max(self.commits.values())

    @property
    def inside(self) -> bool:
        return not self.spans and all(key in self.writes for key in self.reads)


class Replicas:
    """One range: the leader's machine, a follower's, and the entries that are proposed and not yet applied."""

    def __init__(self, stage: "Stage", group: int, mark: bytes, views: tuple[FakeView, FakeView]) -> None:
        self.stage, self.group, self.views = stage, group, views
        self.leader, self.follower = (RangeMachine(group, view, mark, settle, stage.ticks) for view in views)
        self.log: list[tuple[bytes, Request]] = []

    def open(self) -> None:
        """Lead without the tick of L2, as nothing was read before."""
        self.leader.lead(1)
        self.leader.leading.open = True

    def elect(self) -> None:
        self.leader.follow()
        self.leader.lead(1)
        for duty in self.leader.duties(0.0):
            assert list(duty) == [], "the oracle answers at once"

    def send(self, message: Any, now: float = 0.0, span: int | None = None) -> str:
        tick = self.stage.next_tick() if message.wants_tick else 0
        version = self.leader.span_version if span is None else span
        request = Request(0, 1, self.group, version, encode(message), message, 0.0, tick)
        outcome = (self.leader.admit if message.sort == "command" else self.leader.read)(request, now)
        if type(outcome) is Proposal:
            self.log += entries([(outcome, request)])
            return f"r{self.group} ← {title(message)}{stamped(*self.log[-1])}"
        if type(outcome) is Wait:
            return f"r{self.group} parks {title(message)} on {token_of(outcome.token)}"
        assert type(outcome) is Answer, outcome
        self.stage.learn(message, outcome.reply)
        return f"r{self.group} → {title(message)}: {reply_of(outcome.reply)}"

    def apply(self) -> str:
        body, request = self.log.pop(0)
        applied, elsewhere = self.leader.apply(body, request), self.follower.apply(body, None)
        assert applied.reply == elsewhere.reply and applied.effects == elsewhere.effects
        assert self.leader.mark() == self.follower.mark()
        assert self.views[0].values == self.views[1].values
        effects, wakes = applied.effects, applied.wakes
        ((request, applied),) = outcomes(request, applied)
        self.stage.learn(request.message, applied.reply)
        for effect in effects:
            if isinstance(effect, StopGroup):
                self.stage.ranges = [each for each in self.stage.ranges if each.group != effect.group]
                continue
            self.stage.ranges.append(Replicas(self.stage, effect.group, effect.mark, self.views))
            self.stage.ranges[-1].elect()
        wait = f", parks on {token_of(applied.wait.token)}" if applied.wait else ""
        wakes = "".join(f", wakes {token_of(token)}" for token in wakes)
        return f"r{self.group} ⇨ {title(request.message)}: {reply_of(applied.reply)}{wait}{wakes}"


def settle(intent: Intent) -> Flow[None]:
    return
    yield


def title(message: Any) -> str:
    name = message.ids[:ID_BYTES] if type(message) is Settle else getattr(message, "id", None)
    return type(message).__name__ + ("" if name is None else f" {name_of(name)}")


def stamped(body: bytes, request: Request) -> str:
    commit, _, _, count = STAMP.unpack_from(body)
    commits = Struct(f">{count}Q").unpack_from(body, STAMP.size) if count else (commit,)
    if request.shares:
        commits = request.message.commits
    return "" if not any(commits) else f" C={' '.join(map(time_of, commits))}"


def token_of(token: Any) -> str:
    kind, what, *rest = token
    if kind == "verdict":
        return f"the verdict of {name_of(what)}"
    return f"{kind} {text_of(what)}" + (f" of {name_of(rest[0])}" if rest else "")


def value_of(value: bytes | None) -> str:
    return "-" if value is None else value.decode()


def intent_of(intent: Intent | None) -> str:
    return "no intent" if intent is None else f"intent {text_of(intent.key)} of {name_of(intent.id)}"


def span_of(descriptor: Descriptor) -> str:
    start, end = text_of(descriptor.start), "" if descriptor.end[1:] == b"\xff" else text_of(descriptor.end)
    return f"r{descriptor.group} is {start}-{end} v{descriptor.span_version}"


def reply_of(reply: Any) -> str:
    match reply:
        case replies.Values(at, values):
            return f"{' '.join(map(value_of, values))} at {time_of(at)}"
        case replies.Rows(at, rows, more):
            found = " ".join(f"{text_of(key)}={value_of(value)}" for key, value in rows) or "nothing"
            return f"{found} at {time_of(at)}" + ("" if more is None else f", more from {text_of(more)}")
        case replies.Locked(intent):
            return f"Locked by {intent_of(intent)}"
        case replies.Conflict(key):
            return f"Conflict {text_of(key)}"
        case replies.Committed(commit) | replies.BarRefused(commit):
            return f"{type(reply).__name__} {time_of(commit)}"
        case replies.TooOld(tick):
            return "TooOld" + (f" {time_of(tick)}" if tick else "")
        case replies.BelowSafe(safe):
            return f"BelowSafe {time_of(safe)}"
        case replies.VerdictIs(commit):
            return f"committed {time_of(commit)}" if commit else "aborted"
        case replies.FateIs(commit, intent):
            verdict = "no verdict" if commit is None else f"committed {time_of(commit)}" if commit else "aborted"
            return f"{verdict}, {intent_of(intent)}"
        case replies.AttemptIs(commit, intent):
            return f"{'intent' if intent else 'version'} at {time_of(commit)}" if commit else "missing"
        case replies.Prewritten(commits):
            return f"Prewritten {' '.join(map(time_of, commits))}"
        case replies.IntentsAre(intents, _):
            return ", ".join(map(intent_of, intents)) or "no intents"
        case StaleSpan(descriptors):
            return f"StaleSpan, {', '.join(map(span_of, descriptors))}"
        case SplitDone(left, right):
            return f"SplitDone {span_of(left)}, {span_of(right)}"
        case replies.Collected(_, removed):
            return f"Collected {removed}"
    return type(reply).__name__


class Stage:
    """Runs a script's commands, one a line; `do` gives the lines that came of it."""

    def __init__(self) -> None:
        self.tick = TICK_FIRST - 1
        self.attempts: dict[str, Attempted] = {}
        self.views = (FakeView(), FakeView())
        self.ranges = [Replicas(self, 1, first_mark(key_of(""), USER + b"\xff"), self.views)]
        self.ranges[0].open()

    @property
    def verbs(self) -> dict[str, Verb]:
        return {name[3:]: self._verb(getattr(self, name)) for name in dir(type(self)) if name.startswith("on_")}

    def _verb(self, method: Callable[..., Iterator[str]]) -> Verb:
        return lambda command: method(*command.words, *map("=".join, command.options.items()))

    # -- what the world supplies -----------------------------------------------------------------------------------

    def next_tick(self) -> int:
        self.tick += 1
        return self.tick * TICK

    def ticks(self) -> Flow[int | None]:
        return self.next_tick()
        yield

    def learn(self, message: Any, reply: Any) -> None:
        if type(reply) is replies.Prewritten:
            keys = (key for key, _, _ in message.writes)
            self.attempts[name_of(message.id)].commits.update(zip(keys, reply.commits, strict=True))

    def at(self, key: bytes) -> Replicas:
        return next(each for each in self.ranges if each.leader.start <= key < each.leader.end)

    def attempt(self, name: str) -> Attempted:
        return self.attempts.setdefault(name, Attempted(name, 0))

    def send(self, attempt: Attempted, key: bytes, message: Any, now: float = 0.0) -> str:
        where = self.at(key)
        attempt.sent.append((key, message, where.leader.span_version))
        return where.send(message, now)

    def writes(self, attempt: Attempted, words: tuple[str, ...]) -> None:
        pairs = [word.split("=") for word in words]
        attempt.writes.update({key_of(key): None if value == "-" else value.encode() for key, value in pairs})

    # -- verbs -----------------------------------------------------------------------------------------------------

    def on_split(self, *keys: str) -> Iterator[str]:
        """Ranges begin at these keys: `split m`; `only=propose` leaves the entry to be applied."""
        for key in keys:
            if key != "only=propose":
                yield self.at(key_of(key)).send(Split(key_of(key), len(self.ranges) + 1))
        if "only=propose" not in keys:
            yield from self.on_apply()

    def on_begin(self, *names: str) -> Iterator[str]:
        """Attempts begin: each takes its S."""
        for name in names:
            self.attempts[name] = Attempted(name, self.next_tick())
            yield f"{name} S={time_of(self.attempts[name].S)}"

    def on_read(self, name: str, *keys: str) -> Iterator[str]:
        """`read T1 x y`; `read @12.3 x` reads a stated time, `read - x` is a one-shot get."""
        at = 0 if name == "-" else parse_time(name[1:]) if name[0] == "@" else self.attempts[name].S
        for key in map(key_of, keys):
            if name in self.attempts:
                self.attempts[name].reads.append(key)
            yield self.at(key).send(Read((key,), at))

    def on_scan(self, name: str, span: str, *options: str) -> Iterator[str]:
        """`scan T1 a-f limit=2 reverse`."""
        start, end = map(key_of, span.split("-"))
        limit = next((int(word[6:]) for word in options if word.startswith("limit=")), 0)
        attempt = self.attempts[name]
        attempt.spans.append((start, end))
        where = self.at(start)
        yield where.send(Scan(start, end, attempt.S, limit, 0, "reverse" in options))

    def on_put(self, name: str, word: str, born: str = "born=1") -> Iterator[str]:
        """A one-shot put or (`x=-`) delete: `put P1 x=1 born=12`."""
        attempt = self.attempt(name)
        self.writes(attempt, (word,))
        ((key, value),) = attempt.writes.items()
        attempt.S = parse_time(born[5:])
        yield self.send(attempt, key, Put(attempt.id, attempt.S, key, value))

    def on_write(self, name: str, *words: str) -> Iterator[str]:
        """C2 with V as read so far: `write T1 x=1 y=-`; `fresh` among the words takes a fresh A first."""
        attempt = self.attempts[name]
        if "fresh" in words:
            attempt.A = self.next_tick()
        self.writes(attempt, tuple(word for word in words if word != "fresh"))
        reads, spans, writes = tuple(attempt.reads), tuple(attempt.spans), tuple(sorted(attempt.writes.items()))
        message = Write(attempt.id, attempt.S, attempt.S, attempt.A, reads, spans, writes)
        yield self.send(attempt, attempt.primary, message)

    def on_prewrite(self, name: str, *words: str) -> Iterator[str]:
        """C3, one message a range: `prewrite T1 x=1 y=2`; `only=x` sends the part of x's range alone."""
        attempt = self.attempts[name]
        if "fresh" in words:
            attempt.A = self.next_tick()
        only = next((self.at(key_of(word[5:])) for word in words if word.startswith("only=")), None)
        self.writes(attempt, tuple(word for word in words if word != "fresh" and not word.startswith("only=")))
        for where in self.ranges:
            keys = [key for key in sorted(attempt.writes) if self.at(key) is where]
            if keys and only in (None, where):
                writes = tuple((key, attempt.writes[key], key in attempt.reads) for key in keys)
                whole = tuple(sorted(attempt.writes)) if attempt.primary in keys else ()
                message = Prewrite(
                    attempt.id, attempt.S, attempt.S, attempt.A, writes, attempt.primary, whole, attempt.inside
                )
                yield self.send(attempt, keys[0], message)

    def on_check(self, name: str, *options: str) -> Iterator[str]:
        """C5's check of V outside W, at the largest C_k; `late` after C6's grace."""
        attempt = self.attempts[name]
        now = 1.0 if "late" in options else 0.0
        for where in self.ranges:
            reads = tuple(key for key in attempt.reads if self.at(key) is where and key not in attempt.writes)
            spans = tuple(span for span in attempt.spans if self.at(span[0]) is where)
            if reads or spans:
                yield where.send(Check(attempt.id, attempt.S, attempt.S, attempt.commit, reads, spans), now)

    def on_end(self, name: str, how: str, key: str = "") -> Iterator[str]:
        """`end T1 commit|implicit|abort` for a verdict, `end T1 bar x`, `end T1 settle|remove [x]`."""
        attempt = self.attempts[name]
        if how == "bar":
            at = key_of(key)
            yield self.send(
                attempt, at, Bar(at, attempt.id, attempt.S, len(attempt.writes) > 1 and at == attempt.primary)
            )
        elif how in ("settle", "remove"):
            for each in [key_of(key)] if key else sorted(attempt.writes, reverse=True):
                commit = attempt.commit if how == "settle" else 0
                yield self.send(attempt, each, Settle((each,), attempt.id, (commit,), attempt.S))
        else:
            commit = 0 if how == "abort" else attempt.commit
            message = Verdict(attempt.primary, attempt.id, attempt.S, commit, how == "commit")
            yield self.send(attempt, attempt.primary, message)

    def on_ask(self, name: str, *keys: str) -> Iterator[str]:
        """`ask T1` for its fate, `ask T1 x` for its mark on a key, `ask intents 12`."""
        if name == "intents":
            yield from (each.send(Intents(b"", 100, parse_time(keys[0]))) for each in self.ranges)
            return
        attempt = self.attempts[name]
        if not keys:
            yield self.at(attempt.primary).send(Fate(attempt.primary, attempt.id, attempt.S, 0.0))
        for key in map(key_of, keys):
            yield self.at(key).send(Attempt(key, attempt.id, attempt.S))

    def on_again(self, name: str, *options: str) -> Iterator[str]:
        """Another copy of the attempt's last message; `routed` as it was routed then, `late` after C6's grace."""
        key, message, span = self.attempts[name].sent[-1]
        yield self.at(key).send(message, 1.0 if "late" in options else 0.0, span if "routed" in options else None)

    def on_apply(self, *counts: str) -> Iterator[str]:
        """Apply all that is proposed, or so many entries of each range."""
        for each in self.ranges:
            for _ in range(min(int(counts[0]), len(each.log)) if counts else len(each.log)):
                yield each.apply()

    def on_elect(self) -> Iterator[str]:
        """Another leader for each range, when the old one's entries are applied (L1), with its tick (L2)."""
        for each in self.ranges:
            assert not each.log, "apply first: L1"
            each.elect()
            yield f"r{each.group} leads above {time_of(self.tick * TICK)}"

    def on_collect(self, how: str, until: str = "0") -> Iterator[str]:
        """F5: `collect close 12`, `collect safe 12`, `collect rows`."""
        for each in self.ranges:
            at = parse_time(until)
            yield each.send({"close": Close(at), "safe": RaiseSafe(at), "rows": Collect(b"", 100)}[how])

    def on_rows(self) -> Iterator[str]:
        """All rows of all ranges."""
        for head, tail, row in self.views[0].scan(b"", b"\xff"):
            key = text_of(unhead(head))
            if tail[0] == VERSION_KIND:
                value = "-" if row[0] else row[17:].decode()
                yield f"{key}@{time_of(version_commit(tail))}={value} by {name_of(row[1:17])}"
            else:
                kind = {b"\x01": "intent", b"\x02\x01": "verdict", b"\x02\x02": "bar"}[tail[:2]]
                yield f"{key} {kind} {name_of(row[:16] if kind == 'intent' else tail[2:])}"
