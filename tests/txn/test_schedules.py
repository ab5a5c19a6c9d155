"""Random schedules over real machines, clients, coordinators and settlers: atomic, strictly serializable, honest.

To see one: `PYTHONPATH=. python -c "from tests.txn.history import *; print(violations(*schedule(7, 'shots')))"`.
"""

import inspect
import textwrap
from typing import Any

import pytest

from tests.txn.history import schedule, violations
from txn.collection import Collection
from txn.committing import Committing
from txn.coordinator import Coordinator
from txn.errors import Unavailable
from txn.transaction import Transaction


@pytest.mark.parametrize("focus", ["", "shots", "splits", "ends"])
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_every_schedule_has_a_serial_order_and_every_outcome_is_true(focus, first):
    for seed in range(first, first + 20):
        found = violations(*schedule(seed, focus))
        assert not found, f"seed {seed} {focus}: {found}"


def without(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, line: str, instead: str) -> None:
    """A rule is off: one expression of a method is another."""
    source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
    assert line in source, f"{owner.__name__}.{name} does not say {line!r} any more"
    names = dict(inspect.getmodule(owner).__dict__)
    exec(source.replace(line, instead), names)
    monkeypatch.setattr(owner, name, names[name])


RULES = {
    "F5: settled before safe": (Collection, "collect", "self._close, self._settle, ", "self._close, "),
    "V is kept": (Transaction, "_read", "self._reads.update(dict.fromkeys(keys))", "pass"),
    "C3: C is the largest C_k": (
        Coordinator,
        "commit",
        "max(attempt.commits.values())",
        "attempt.commits[attempt.primary]",
    ),
    "C4: implicit only where V cannot change": (Coordinator, "commit", "attempt.inside or commit == attempt.S", "True"),
    "C5: V outside W is checked": (
        Coordinator,
        "_commit_explicitly",
        "yield from self._check(attempt, commit)",
        "Done()",
    ),
    "F1: the same id": (Committing, "_write", "reply = call.reply", "reply = call.reply; name = self._names.next()"),
    "F2: silence is not aborted": (Committing, "_write", "raise out_of_time(call, refused)", "raise Aborted('')"),
    "9.1: a coordinator's silence": (
        Committing,
        "_told",
        "if fate is None:",
        "if reply is None: raise Aborted('')\n    if fate is None:",
    ),
    "F3: giving up takes a verdict": (
        Coordinator,
        "_give_up",
        "return (yield from self._settled_by(attempt, 0, explicit=False))",
        "yield from ()\n    return IsAborted()",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_schedules_notice_when_a_rule_is_off(monkeypatch, rule):
    without(monkeypatch, *RULES[rule])
    for seed in range(400):
        try:
            if violations(*schedule(seed)):
                return
        except (AssertionError, Unavailable):
            return  # of the project's own; or an intent that nobody can settle any more
    pytest.fail(f"{rule}: off, and nobody noticed")
