"""M3 and M4 with real transactions: what crosses a merge, and what does not slip through it."""

from typing import Any

from ranges.merging import Absorb, Freeze, Frozen
from tests.txn.stage import Stage, key_of


class Joining(Stage):
    """Two ranges that meet at m, and a merge of them."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Any = None
        self.do("split m")

    def learn(self, message: Any, reply: Any) -> None:
        self.last = reply
        super().learn(message, reply)

    def do(self, *lines: str) -> list[str]:
        said: list[str] = []
        for line in lines:
            verb, *words = line.split()
            said += getattr(self, f"on_{verb}")(*words)
        return said

    def freeze(self) -> Frozen:
        right = self.at(key_of("z"))
        right.send(Freeze(1, 1))
        list(self.do("apply"))
        assert type(self.last) is Frozen
        return self.last

    def absorb(self, frozen: Frozen) -> None:
        self.ranges[0].send(Absorb(1, frozen.right, frozen.closed, frozen.safe, frozen.size, 0))
        self.do("apply")
        assert len(self.ranges) == 1, self.last

    def merge(self) -> None:
        self.absorb(self.freeze())


def test_no_write_slips_below_a_read_that_the_right_served():
    """The read's floor was in the memory of the right's leader, which is no more (traps 13)."""
    stage = Joining()
    stage.do("begin T1", "begin T2", "read T2 z")
    stage.merge()
    stage.do("begin T3")
    (said, applied) = stage.do("write T1 z=1", "apply")
    commit = stage.last.commit
    assert commit > stage.attempts["T2"].S, (said, applied)
    assert commit < stage.attempts["T3"].S
    assert stage.do("read T2 z") == ["r1 → Read: - at 12"]
    assert stage.do("read T3 z") == ["r1 → Read: 1 at 14"]


def test_what_lay_on_either_side_is_found_after_a_merge():
    stage = Joining()
    stage.do("put P1 a=1", "put P2 z=2", "apply", "begin T1", "prewrite T1 b=3 y=4", "apply")
    stage.do("begin T2", "end T2 bar x", "apply")
    rows = stage.do("rows")
    stage.merge()
    assert stage.do("rows") == rows
    assert stage.do("ask T1 y")[0].startswith("r1 → Attempt T1: intent at ")
    stage.do("end T1 implicit", "apply", "end T1 settle", "apply", "begin T3")
    assert [line.split()[3] for line in stage.do("read T3 a b y z")] == ["1", "3", "4", "2"]
    assert "Aborted" in stage.do("write T2 x=5", "apply")[-1], "a bar goes with its key"


def test_a_write_that_was_sent_before_the_freeze_is_never_applied():
    """M4: asked under the merged range's span version, its absence is final."""
    stage = Joining()
    stage.do("begin T1", "write T1 z=1")
    right = stage.at(key_of("z"))
    late, right.log = right.log, []
    frozen = stage.freeze()
    right.log = late
    assert "StaleSpan" in stage.do("apply")[0]
    assert "StaleSpan" in stage.do("again T1 routed")[0]
    stage.absorb(frozen)
    assert stage.do("ask T1 z") == ["r1 → Attempt T1: missing"]
    assert "StaleSpan" in stage.do("again T1 routed")[0]


def test_a_write_that_was_applied_before_the_freeze_is_found_after_the_merge():
    stage = Joining()
    stage.do("begin T1", "write T1 z=1", "apply")
    stage.merge()
    assert stage.do("ask T1 z")[0].startswith("r1 → Attempt T1: version at ")


def test_a_frozen_range_answers_nobody():
    stage = Joining()
    stage.do("begin T1 T2")
    stage.freeze()
    assert stage.do("read T1 z", "write T2 z=1") == ["r2 → Read: NotYet", "r2 → Write T2: NotYet"]


def test_an_attempt_that_one_side_had_closed_out_writes_on_neither():
    """F5: a merged range keeps the larger of both."""
    stage = Joining()
    stage.do("begin T1", "begin T2")
    right = stage.at(key_of("z"))
    for each in (right.leader, right.follower):
        each.raise_closed(stage.attempts["T1"].S)
    stage.merge()
    assert "TooOld" in stage.do("write T1 a=1", "apply")[-1]
    assert "Committed" in stage.do("write T2 z=1", "apply")[-1]
