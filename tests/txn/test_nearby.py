"""Reads nearby: the scripts of tests/txn/nearby/, and random schedules with a follower that lags.

What a follower answers is what the leader answers for that time for ever, whatever it admits later and whoever leads.
"""

import inspect
import textwrap
from pathlib import Path
from random import Random
from typing import Any

import pytest

from node.following import ASKED_AT_ONCE, Following
from node.machine import Request
from ranges.keys import USER
from tests.golden import run_script, scripts
from tests.txn.followed import FollowedStage
from tests.txn.stage import key_of
from tests.txn.test_snapshots import finish
from txn import replies
from txn.nearby import Nearby, Permission
from txn.queries import Read

ATTEMPTS, KEYS = ["T1", "T2", "T3", "T4"], ["b", "d", "n", "p"]
SCRIPTS = 300
VERBS = (
    "near", "near", "near", "shot", "shot", "past", "past", "past", "scan", "scan", "put", "put", "put", "prewrite",
    "prewrite", "end", "end", "apply", "apply", "follow", "follow", "permit", "permit", "permit", "elect", "split",
    "merge",
)  # fmt: skip


class Watched(FollowedStage):
    """A stage that writes down what reads nearby were told."""

    def __init__(self) -> None:
        super().__init__()
        self.told_values: dict[tuple[bytes, int], set[bytes | None]] = {}
        self.count = 0

    def answered(self, request: Request, reply: Any) -> None:
        query = request.message.query
        if type(reply) is replies.Values:
            for key, value in zip(query.keys, reply.values, strict=True):
                self.told_values.setdefault((key, reply.at), set()).add(value)
        elif type(reply) is replies.Rows:
            found = dict(reply.rows)
            for key in map(key_of, KEYS):
                if query.start <= key < (query.end if reply.more is None else reply.more):
                    self.told_values.setdefault((key, reply.at), set()).add(found.get(key))


def carry_out(stage: Watched, step: tuple[Any, ...]) -> None:
    stage.count += 1
    value = f"={stage.count}"
    match step:
        case (("near" | "scan"), name, *_) if stage.attempts[name].writes:
            pass
        case "past", back, key:
            list(stage.on_near(f"@{max(1, stage.tick - back)}.65535", key, "late"))
        case "near", name, key:
            list(stage.on_near(name, key, "late"))
        case "shot", key:
            list(stage.on_near("-", key, "late"))
        case "put", key:
            list(stage.on_put(f"P{stage.count}", key + value))
        case "prewrite", name, one, other:
            if not stage.attempts[name].writes:
                list(stage.on_prewrite(name, *sorted({one + value, other + value})))
        case "end", name, how:
            finish(stage, stage.attempts[name], how)
        case ("elect",):
            list(stage.on_apply())
            list(stage.on_elect())
        case "split", key:
            if stage.at(key_of(key)).leader.start != key_of(key):
                list(stage.on_apply())
                list(stage.on_split(key))
        case ("merge",):
            starts = [each.leader.start for each in stage.ranges if each.leader.start != key_of("")]
            if starts:
                list(stage.on_apply())
                list(stage.on_follow())
                list(stage.on_merge(starts[0].removeprefix(USER).decode()))
        case verb, *words:
            list(getattr(stage, f"on_{verb}")(*words))


def false_answers(script: list[tuple[Any, ...]]) -> list[Any]:
    """What was told nearby and is not what the leaders tell in the end."""
    stage = Watched()
    for name in ATTEMPTS:
        list(stage.on_begin(name))
    for step in script:
        carry_out(stage, step)
    list(stage.on_apply())
    own = {(key, attempt.S) for attempt in stage.attempts.values() for key in attempt.writes}
    found = []
    for (key, at), told in stage.told_values.items():
        line = next(stage.on_read(f"@{at >> 16}.{at & 0xFFFF}", key.removeprefix(USER).decode()))
        values = {"-" if value is None else value.decode() for value in told}
        if (key, at) not in own and "parks" not in line and values != {line.split(": ")[1].split(" at ")[0]}:
            found.append((key, at, values, line))
    return found


@pytest.mark.parametrize("path", scripts(Path(__file__).parent / "nearby"), ids=lambda path: path.stem)
def test_script(path: Path, rewrite: bool) -> None:
    run_script(path, FollowedStage().verbs, rewrite)


def chosen(chance: Random) -> tuple[Any, ...]:
    """A step of a random schedule."""
    verb = chance.choice(VERBS)
    match verb:
        case "near":
            return verb, chance.choice(ATTEMPTS), chance.choice(KEYS)
        case "put" | "shot":
            return verb, chance.choice(KEYS)
        case "past":
            return verb, chance.randint(0, 6), chance.choice(KEYS)
        case "scan":
            return verb, chance.choice(ATTEMPTS), chance.choice(["a-c", "a-f", "n-z"])
        case "prewrite":
            return verb, chance.choice(ATTEMPTS), *chance.sample(KEYS, 2)
        case "end":
            return verb, chance.choice(ATTEMPTS), chance.choice(["implicit", "abort"])
        case "apply" | "follow":
            return verb, chance.choice(["1", "2"])
        case "split":
            return verb, chance.choice(["c", "o"])
    return (verb,)


def script(number: int) -> list[tuple[Any, ...]]:
    chance = Random(number)
    return [chosen(chance) for _ in range(chance.randint(5, 50))]


def test_what_was_told_nearby_stays_true() -> None:
    for number in range(SCRIPTS):
        assert not false_answers(script(number)), f"script {number}"


RULES = {
    "the index is waited for": (Following, "_use", "group.raft.applied < leave.index or ", ""),
    "R2 for the past: the low-water mark": (Permission, "read", "memory.raise_low(self.quiet)", "pass"),
    "R2 for a key": (Permission, "read", "memory.raise_key(key, at)", "pass"),
    "R2 for a span": (Permission, "read", "memory.raise_span(first, last, at)", "pass"),
    "R1": (Permission, "read", "if blocked is not None:", "if False:"),
    "quiet is a time": (Nearby, "answer", "at > machine.quiet_until", "not machine.quiet_until"),
}


def without(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, line: str, instead: str) -> None:
    """A rule is off: one expression of a method is another."""
    source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
    assert line in source, f"{owner.__name__}.{name} does not say {line!r} any more"
    names = dict(inspect.getmodule(owner).__dict__)
    exec("from __future__ import annotations\n" + source.replace(line, instead), names)
    monkeypatch.setattr(owner, name, names[name])


@pytest.mark.parametrize("rule", RULES)
def test_the_schedules_notice_when_a_rule_is_off(monkeypatch, rule):
    without(monkeypatch, *RULES[rule])
    for number in range(10 * SCRIPTS):
        if false_answers(script(number)):
            return
    pytest.fail(f"{rule}: off, and nobody noticed")


def test_nothing_is_read_while_a_snapshot_replaces_the_rows() -> None:
    stage = FollowedStage()
    list(stage.on_put("P1", "x=1"))
    list(stage.on_apply())
    here = stage.ranges[0].group_here
    assert list(stage.on_near("-", "x")) == ["r1' asks for x at 11"]
    here.restoring = True
    assert list(stage.on_near("-", "x")) == ["r1' → Read: NotLeader"]
    assert list(stage.on_permit())[1:] == ["r1' waits, and asks who leads"]
    assert list(stage.on_follow()) == ["r1' ⇨ 2"]
    here.restoring = False
    stage.following.cycled(here)
    assert list(stage.told()) == ["r1' → Read: 1 at 11"]


def test_a_question_stands_for_so_many_reads_and_all_are_answered() -> None:
    stage = FollowedStage()
    list(stage.on_begin("T1"))
    count = ASKED_AT_ONCE + 5
    for number in range(count):
        stage._near(Read((key_of(f"k{number}"),), stage.attempts["T1"].S), key_of("k"), False, False)
    assert len(list(stage.told())) == 2
    told = list(stage.on_permit())
    assert told[:2] == ["r1 permits from 1 on"] * 2
    assert told[2:] == ["r1' → Read: - at 10"] * count
    assert not stage.following.awaited


def test_a_replica_that_leads_by_now_answers_as_a_leader() -> None:
    stage = FollowedStage()
    here, taken = stage.ranges[0].group_here, []
    here.take = taken.append
    here.follows = False
    assert list(stage.on_near("-", "x")) == [] and len(taken) == 1
    here.follows, here.raft.leader = True, 0  # nobody leads: the group wakes, and says so
    assert list(stage.on_near("-", "x")) == [] and len(taken) == 2
