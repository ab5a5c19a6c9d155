"""Drain and decommission at the command line: what is shown, asked, ordered and waited for."""

import json

import click
import pytest
from click.testing import CliRunner

from argosy.cli import leaving, main
from argosy.cli.leaving import SHOWN, Wish, is_over, plan_lines
from argosy.cli.orders import Session
from node.messages import Done, Refused
from ranges.placement.leaving import LeftIs, OrderNode, PlanIs, PlanNode
from txn.errors import Unavailable

POSSIBLE = PlanIs(
    3, "decommission", "up", False, 100, 12, 4, 3 << 20, 0, ((1, 5, 1 << 20), (4, 7, 2 << 20)), 1, 1, 0, (), ""
)
STUCK = ((0, "no place"), (7, "no place"), (9, "no majority"))
IMPOSSIBLE = PlanIs(3, "decommission", "up", False, 100, 12, 4, 0, 0, (), 1, 0, 5, STUCK, "node 3 cannot: no place")
DRAIN = PlanIs(3, "drain", "up", False, 100, 12, 4, 0, 1, ((1, 4, 0),), 1, 0, 0, (), "")


class Told:
    """A cluster that answers orders as it is told, and ends what is waited for at once."""

    def __init__(self, monkeypatch, plan):
        self.asked = []

        def ask(session, message):
            self.asked.append(message)
            return plan if isinstance(message, PlanNode) else Done()

        monkeypatch.setattr(Session, "ask", ask)
        monkeypatch.setattr(leaving, "_wait", lambda session, wish: self.asked.append("wait"))

    def run(self, *arguments):
        return CliRunner().invoke(main, arguments)


def test_a_plan_is_only_shown(monkeypatch):
    told = Told(monkeypatch, POSSIBLE)
    result = told.run("decommission", "3", "--plan")
    assert result.exit_code == 0
    assert told.asked == [PlanNode(3, "decommission")]
    assert result.output.splitlines() == [
        "decommission node 3, which is up:",
        "  12 replicas to move, 3.0 MiB to copy",
        "  4 ranges led from there will be led from other nodes",
        "  to node 1: about 5 replicas, 1.0 MiB",
        "  to node 4: about 7 replicas, 2.0 MiB",
        "  more nodes that may die before some range stops: 1, afterwards 1",
        "  until the last replica has gone, `argosy recommission 3` takes it back; then it is for ever",
    ]


def test_without_a_terminal_nothing_is_done_before_a_yes(monkeypatch):
    told = Told(monkeypatch, POSSIBLE)
    result = told.run("decommission", "3")
    assert result.exit_code == SHOWN == 3
    assert told.asked == [PlanNode(3, "decommission")]
    assert result.output.endswith("nothing was done: --yes goes on without asking\n")
    assert json.loads(told.run("decommission", "3", "--json").stdout)["replicas"] == 12


def test_a_yes_orders_and_waits(monkeypatch):
    told = Told(monkeypatch, POSSIBLE)
    result = told.run("decommission", "3", "--yes")
    assert result.exit_code == 0
    assert told.asked == [PlanNode(3, "decommission"), OrderNode(3, "decommission"), "wait"]
    assert "node 3 is removed" in result.output.splitlines()[-1]
    told.asked.clear()
    result = told.run("decommission", "3", "--yes", "--no-wait", "--json")
    assert told.asked == [PlanNode(3, "decommission"), OrderNode(3, "decommission")]
    assert "node 3 is leaving" in json.loads(result.stdout)["done"]


def test_what_is_impossible_is_told_and_not_ordered(monkeypatch):
    told = Told(monkeypatch, IMPOSSIBLE)
    result = told.run("decommission", "3", "--yes")
    assert result.exit_code == 1
    assert told.asked == [PlanNode(3, "decommission")]
    assert result.output.splitlines() == [
        "decommission node 3, which is up:",
        "  4 leaders and 12 replicas there",
        "  groups 0, 7: no place",
        "  group 9: no majority",
        "  and 2 more",
        "Error: node 3 cannot: no place",
    ]
    assert told.run("decommission", "3", "--plan").exit_code == 1
    assert json.loads(told.run("decommission", "3", "--plan", "--json").stdout)["possible"] is False


def test_a_drain_tells_what_may_die_while_the_node_is_stopped(monkeypatch):
    told = Told(monkeypatch, DRAIN)
    result = told.run("drain", "3", "--yes")
    assert result.output.splitlines() == [
        "drain node 3, which is up:",
        "  4 ranges led from there will be led from other nodes",
        "  12 replicas there will stay",
        "  1 range not counted fully, as nothing is known yet: ask again soon",
        "  to node 1: about 4 ranges led",
        "  more nodes that may die before some range stops: 1, while it is stopped 0",
        "node 3 leads nothing: it may be stopped",
    ]


def test_a_dead_node_is_called_dead():
    dead = PlanIs(3, "decommission", "up", True, 400_000, 1, 0, 5, 0, (), 0, 1, 0, (), "")
    assert plan_lines(dead)[0] == "decommission node 3, which is dead, and was last heard 6 min ago:"
    assert any("made anew from the others'" in line for line in plan_lines(dead))


def test_who_leaves_already_is_watched_without_a_question(monkeypatch):
    told = Told(monkeypatch, PlanIs(3, "decommission", "leaving", False, 0, 2, 0, 5, 0, (), 1, 1, 0, (), ""))
    assert told.run("decommission", "3").exit_code == 0
    assert told.asked[-1] == "wait"


def test_an_interrupt_says_that_it_goes_on(monkeypatch):
    told = Told(monkeypatch, POSSIBLE)

    def interrupt(session, wish):
        raise KeyboardInterrupt

    monkeypatch.setattr(leaving, "_wait", interrupt)
    result = told.run("decommission", "3", "--yes")
    assert result.exit_code == 130
    assert "it goes on in the cluster: `argosy recommission 3` takes it back" in result.output


@pytest.mark.parametrize("order", ["undrain", "recommission"])
def test_a_node_is_taken_back(monkeypatch, order):
    told = Told(monkeypatch, None)
    assert told.run(order, "3").output == "node 3 is up\n"
    assert told.asked == [OrderNode(3, order)]


# -- waiting ---------------------------------------------------------------------------------------------------------


def wish(order):
    return Wish(3, order, only_plan=False, yes=True, waits=True)


class Answers:
    """A connection to a group 0 that gives these answers, one after the other; None is silence."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.core = self.router = self

    def control(self, message, seconds):
        return self.answers.pop(0)
        yield

    def no_answer(self):
        return Unavailable("nobody")


def followed(order, *answers):
    told = []
    for _ in leaving._follow(Answers(*answers), wish(order), lambda count, text: told.append(text)):
        pass
    return told


def test_a_decommission_is_over_when_the_node_is_removed():
    answers = (LeftIs("leaving", 2, 2048, 1, 0), None, LeftIs("leaving", 0, 0, 0, 0), LeftIs("removed", 0, 0, 0, 0))
    assert followed("decommission", *answers) == ["2 replicas left, 2.0 KiB", *["0 replicas left, 0 B"] * 2]


def test_a_drain_is_over_when_all_is_known_to_be_led_elsewhere():
    answers = (LeftIs("draining", 2, 9, 1, 0), LeftIs("draining", 2, 9, 0, 2), LeftIs("draining", 2, 9, 0, 0))
    assert len(followed("drain", *answers)) == 3


def test_another_order_ends_the_wait():
    with pytest.raises(click.ClickException, match="it is up"):
        followed("decommission", LeftIs("leaving", 2, 9, 1, 0), LeftIs("up", 2, 9, 1, 0))
    with pytest.raises(click.ClickException, match="gone"):
        followed("drain", Refused("gone"))
    assert is_over(wish("decommission"), LeftIs("removed", 0, 0, 0, 0), lambda count, text: None)


def test_a_long_silence_ends_the_wait():
    with pytest.raises(Unavailable):
        followed("drain", *[None] * (leaving.SILENCES_MAX + 1))
