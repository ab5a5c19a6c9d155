"""Whole clusters on real files: what they hold after each crash, read and tell is just what it was to be."""

import pytest

from argosy.testing.linear import Violation
from argosy.testing.simulation import Simulation
from node.journal_index import Index
from node.journal_logs import Log
from node.state import State

SECONDS = 8.0
SEED, WORKLOAD = 3, "bank"


@pytest.mark.parametrize(("seed", "workload"), [(1, "lists"), (2, "registers"), (SEED, WORKLOAD)])
def test_real_files_agree_with_what_is_durable(seed, workload, record_totals):
    simulation = Simulation(seed, workload, SECONDS, files=True)
    simulation.run()
    totals = simulation.totals()
    assert totals["recovered"] >= totals["starts"] >= totals["nodes"]
    assert totals["commits"] > 10
    assert totals["dumps"] > 0
    record_totals(totals)


def crashes(simulation):
    """Every node is killed once the clients are at work, and starts again."""

    def kill(node):
        if node.up:
            node.crash()
            node.restart()

    def begin():
        for place, node in enumerate(simulation.cluster.nodes):
            simulation.world.after(1.0 + place, lambda node=node: kill(node))

    simulation.world.after(5.0, begin)
    return simulation


def small():
    return crashes(Simulation(SEED, WORKLOAD, 4.0, nodes=3, faults=(), files=True))


def test_a_seed_has_one_history_whatever_the_files_take():
    totals = [small().run().totals() for _ in range(2)]
    assert totals[0] == totals[1]
    assert totals[0]["starts"] > 3


def test_a_journal_that_drops_the_last_piece_of_a_record_is_noticed(monkeypatch):
    plan = Index.plan

    def forgetful(self, number, records):
        planned = plan(self, number, records)
        if planned.pieces:
            planned.pieces.pop()
        return planned

    monkeypatch.setattr(Index, "plan", forgetful)
    with pytest.raises(Violation, match=r"the journal of node|are torn"):
        small().run()


def test_a_journal_that_cuts_too_much_is_noticed(monkeypatch):
    header = Log.header

    def generous(self, origin):
        made = header(self, origin)
        return made._replace(base_index=made.base_index + 1) if self.segments and made.base_index else made

    monkeypatch.setattr(Log, "header", generous)
    with pytest.raises(Violation, match=r"which nobody cut off|the journal of node"):
        small().run()


def test_a_state_that_forgets_a_deletion_is_noticed(monkeypatch):
    monkeypatch.setattr(State, "delete", lambda self, head, tail: None)
    with pytest.raises(Violation, match="the state of node"):
        small().run()


def test_a_changed_bit_is_found_at_the_next_start():
    simulation = small()
    seen = []

    def rot():
        node = simulation.cluster.nodes[-1]
        hit = node.rot(simulation.world.chance.randrange)
        node.doomed = bool(hit)
        node.restart()
        seen.append((hit, node.dead))

    simulation.world.after(9.0, rot)
    simulation.run()
    assert seen == [(seen[0][0], True)]
