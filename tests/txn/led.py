"""A range's machine that leads, and what it makes of commands, one entry at a time."""

from typing import Any

from node.codec import encode, tags
from node.flow import Flow
from node.joining import entries, outcomes
from node.machine import Applied, Proposal, Request
from ranges.keys import TICK, USER
from ranges.machine import RangeMachine
from ranges.marks import first_mark
from ranges.messages import Intent
from tests.ranges.fakes import FakeView
from txn.puts import Put, join_puts

ONE, TWO, THREE, FOUR = (bytes([49 + place]) * 16 for place in range(4))
KEY, OTHER = USER + b"k", USER + b"l"
NOW = 9 * TICK


def no_settling(intent: Intent) -> Flow[None]:
    return
    yield


def no_tick() -> Flow[int | None]:
    return None
    yield


def leader() -> RangeMachine:
    machine = RangeMachine(1, FakeView(), first_mark(b"\x01", b"\xff"), no_settling, no_tick)
    machine.lead(1)
    machine.leading.open = True
    return machine


def asked(machine: RangeMachine, message: Any, tick: int = NOW) -> Request:
    return Request(0, 1, 1, machine.span_version, encode(message), message, 0.0, tick)


def admit(machine: RangeMachine, message: Any, tick: int = NOW) -> Any:
    return machine.admit(asked(machine, message, tick), 0.0)


def run(machine: RangeMachine, message: Any, tick: int = NOW) -> Any:
    request = asked(machine, message, tick)
    outcome = machine.admit(request, 0.0)
    if type(outcome) is not Proposal:
        return outcome.reply
    return carried_out(machine, [(outcome, request)])[0].reply


def carried_out(machine: RangeMachine, rows: list[Any]) -> list[Applied]:
    """The outcomes of what was admitted, applied as by a replica that decodes each entry."""
    made = entries(rows)
    return [one for body, request in made for _, one in outcomes(request, machine.apply(body, None))]


def applied(machine: RangeMachine, message: Any, commit: int) -> Any:
    """The reply of the state machine alone to an entry that no leader may have proposed."""
    if type(message) is not Put:
        return message.apply(machine, commit, NOW, (commit,)).reply
    request = asked(machine, message)
    _, joint = join_puts([(Proposal(commit.to_bytes(8, "big"), join_puts), request)])
    (outcome,) = joint.outcomes(joint.apply(machine, 0, 0, ()), [request])
    return outcome.reply


def class_tag(make: Any) -> int:
    """The class tag, from the table of tags."""
    return next(tag for tag, name in tags().items() if name == make.__qualname__)
